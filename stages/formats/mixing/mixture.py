"""The selective mixture: a problem that the base model solves becomes a plain chat, one that it fails a glyph
chat.

Hard is measured: `pass_rate` is the share of the base model's own plain answers that are right.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Annotated

from pydantic import AfterValidator, Field

from stages.formats import FORMATS, Ask, format_named
from stages.shared.errors import BadInput, unknown
from stages.shared.params import Strict
from stages.shared.rows import Chat, Trace

Kept = Callable[[], Iterable[Trace]]
Keep = Callable[[Chat], bool]
BINS = 1 << 16
LEFT_OUT = ("other_side", "unfit", "duplicate", "over_limit", "surplus")


def _known(name: str) -> str:
    if name not in FORMATS:
        raise ValueError(unknown("format", name, FORMATS))
    return name


FormatName = Annotated[str, AfterValidator(_known)]


class Params(Strict):
    """Which problems become which chats."""

    selective: bool = True  # false: every problem takes the format `hard`
    hard_below: float = Field(default=0.5, ge=0, le=1)  # a problem is hard where its pass rate is below this
    hard: FormatName = "latent"
    easy: FormatName = "natural"
    natural_ratio: float | None = Field(
        default=None, ge=0, le=1
    )  # share of natural chats; null: as they come
    per_problem: int | None = Field(default=1, ge=1)  # chats of one problem, at most; null: all


@dataclass
class Report:
    """What became of every problem and every trace: `problems` without a chat, by reason, and `traces`
    without one, by reason.

    `traces`: other_side (of the format not chosen), unfit (for the format chosen), duplicate, over_limit,
    surplus (of `natural_ratio`).
    """

    chats: Counter[str] = field(default_factory=Counter)
    levels: Counter[tuple[str, str]] = field(default_factory=Counter)  # by level and format
    styles: Counter[tuple[str, str]] = field(
        default_factory=Counter
    )  # by format and style that the teacher was asked in
    tasks: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    traces: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(LEFT_OUT, 0)))


def mix(kept: Kept, params: Params, ask: Ask, seed: int, report: Report) -> Iterator[Chat]:
    """The chats, in the order of the kept traces, whose rows of one problem must be adjacent; `report` is
    filled on the way.

    `kept()` starts the stream anew; it is read once, and once more before that where `natural_ratio` is
    given. What is left out for the ratio is chosen by a hash of seed and chat id. Memory does not grow with
    the rows. Raises BadInput on a problem without a pass rate where `selective` needs one, and on a ratio
    that leaves nothing.
    """
    keep = _ratio(kept, params, ask, seed) if params.natural_ratio is not None else None
    for problem, chats in _by_problem(kept(), params, ask, report):
        for chat in chats:
            if keep and not keep(chat):
                report.traces["surplus"] += 1
                continue
            report.chats[chat.format] += 1
            report.levels["none" if problem.level is None else str(problem.level), chat.format] += 1
            report.styles[chat.format, chat.style] += 1
            report.tasks[problem.task] += 1
            yield chat


def _by_problem(
    kept: Iterable[Trace], params: Params, ask: Ask, report: Report
) -> Iterator[tuple[Trace, list[Chat]]]:
    for _, rows in groupby(kept, key=lambda trace: trace.id):
        traces = list(rows)
        name = _side(traces[0], params)
        member = format_named(name)
        side = [trace for trace in traces if trace.by == member.BY]
        fit = list(member.to_chats(side, ask))
        first: dict[str, Chat] = {}
        for chat in fit:
            first.setdefault(chat.messages[-1]["content"], chat)
        different = list(first.values())
        chats = different[: params.per_problem]
        report.traces["other_side"] += len(traces) - len(side)
        report.traces["unfit"] += len(side) - len(fit)
        report.traces["duplicate"] += len(fit) - len(different)
        report.traces["over_limit"] += len(different) - len(chats)
        report.problems[f"no_{name}"] += not chats
        yield traces[0], chats


def _side(trace: Trace, params: Params) -> str:
    if not params.selective:
        return params.hard
    if trace.pass_rate is None:
        raise BadInput(
            f"problem {trace.id!r} has no pass rate: ask the base model (respond.probe), or set format.selective to false"
        )
    return params.hard if trace.pass_rate < params.hard_below else params.easy


def _ratio(kept: Kept, params: Params, ask: Ask, seed: int) -> Keep:
    """Whether a chat stays: of the side that is too large, those in the lowest bins of the hash, and of the
    last bin the first to come.

    The number is the exact one. Two histograms are all that is kept of the first reading.
    """
    bins = {True: [0] * BINS, False: [0] * BINS}
    for _, chats in _by_problem(kept(), params, ask, Report()):
        for chat in chats:
            bins[chat.format == "natural"][_bin(chat, seed)] += 1
    wanted = _wanted(sum(bins[True]), sum(bins[False]), params.natural_ratio or 0.0)
    room = {side: _room(counts, wanted[side]) for side, counts in bins.items()}

    def keep(chat: Chat) -> bool:
        place, side = _bin(chat, seed), chat.format == "natural"
        room[side][place] -= 1
        return room[side][place] >= 0

    return keep


def _wanted(natural: int, others: int, ratio: float) -> dict[bool, int]:
    """How many natural chats (True) and others stay, one of the two sides whole."""
    if natural > ratio * (natural + others):
        natural = round(others * ratio / (1 - ratio)) if ratio < 1 else natural
    elif ratio > 0:
        others = round(natural * (1 - ratio) / ratio)
    if natural + others == 0:
        raise BadInput(f"format.natural_ratio: {ratio} leaves no chat: one of the two sides is empty")
    return {True: natural, False: others}


def _room(counts: list[int], wanted: int) -> list[int]:
    room = []
    for count in counts:
        room.append(min(count, wanted))
        wanted -= room[-1]
    return room


def _bin(chat: Chat, seed: int) -> int:
    return int.from_bytes(
        hashlib.blake2b(f"{seed} {chat.id}".encode("utf-8", "surrogatepass"), digest_size=2).digest(), "big"
    )
