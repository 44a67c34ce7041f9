"""The mixture by difficulty: a problem that the base model solves takes the format `easy`, one that the base
model fails takes the format `hard`.

Difficulty is measured: `pass_rate` is the share of the base model's own plain answers that are right.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Annotated

from pydantic import AfterValidator, Field

from stages.formats import FORMATS, Ask, format_named
from stages.formats.mixing.shown_reasoning import Shown, with_reasoning
from stages.shared.errors import BadInput, unknown
from stages.shared.params import Strict
from stages.shared.rows import Chat, Trace

Kept = Callable[[], Iterable[Trace]]
Keep = Callable[[Chat], bool]
BINS = 1 << 16  # values of the hash by which a surplus is left out: two bytes
LEFT_OUT = ("other_side", "unfit", "duplicate", "over_limit", "surplus")


def _known(name: str) -> str:
    if name not in FORMATS:
        raise ValueError(unknown("format", name, FORMATS))
    return name


FormatName = Annotated[str, AfterValidator(_known)]


class Params(Strict):
    """Which problems become which chats."""

    selective: bool = True  # whether the pass rate decides; false: every problem takes the format `hard`
    # A problem takes the format `hard` where the base model's pass rate is below this value, else `easy`.
    reason_below: float = Field(default=0.5, ge=0, le=1)
    hard: FormatName = "latent"  # the format of the problems that the base model fails
    easy: FormatName = "natural"  # the format of the problems that the base model solves
    easy_share: float | None = Field(default=None, ge=0, le=1)  # share of `easy` chats; null: as they come
    # what becomes of the reasoning that a teacher's server sent apart from its answer: drop; think_tags puts
    # it before the answer in <think> tags, inline as plain words. Formats of the gold answer alone have none.
    reasoning: Shown = "drop"
    per_problem: int | None = Field(default=1, ge=1)  # chats of one problem, at most; null: all


@dataclass
class Report:
    """What became of every problem and every trace: `problems` without a chat, by reason, and `traces`
    without one, by reason.

    The reasons for traces: other_side (of the format that was not chosen), unfit (for the format that was
    chosen), duplicate, over_limit (of `per_problem`), surplus (of `easy_share`).
    """

    chats: Counter[str] = field(default_factory=Counter)
    levels: Counter[tuple[str, str]] = field(default_factory=Counter)  # by level and format
    styles: Counter[tuple[str, str]] = field(default_factory=Counter)  # by format and style of the prompt
    tasks: Counter[str] = field(default_factory=Counter)
    with_reasoning: int = 0  # chats in which the teacher's reasoning stands before the answer
    problems: Counter[str] = field(default_factory=Counter)
    traces: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(LEFT_OUT, 0)))


def mix(kept: Kept, params: Params, ask: Ask, seed: int, report: Report) -> Iterator[Chat]:
    """The chats, in the order of the kept traces, whose rows of one problem must be adjacent; `report` is
    filled on the way.

    `kept()` opens the stream of traces. With `easy_share` the stream is read twice: first to count the chats,
    then to choose among them. Which chats are left out for the share depends on a hash of seed and chat id.
    Memory does not grow with the rows. Raises BadInput on a problem without a pass rate where `selective`
    needs one, and on a share that leaves no chat.
    """
    keep = None if params.easy_share is None else _chosen_for(params.easy_share, kept, params, ask, seed)
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
        shown = [with_reasoning(trace, params.reasoning) for trace in side]
        fit = list(member.to_chats(shown, ask))
        first: dict[tuple[str, ...], Chat] = {}
        for chat in fit:  # the question as well: it may tell the style
            first.setdefault(tuple(message["content"] for message in chat.messages), chat)
        different = list(first.values())
        chats = different[: params.per_problem]
        reasoned = {
            row.trace_id: row.text for trace, row in zip(side, shown, strict=True) if row is not trace
        }
        answers = ((chat.trace, chat.messages[-1]["content"]) for chat in chats)
        report.with_reasoning += sum(trace in reasoned and reasoned[trace] in text for trace, text in answers)
        report.traces["other_side"] += len(traces) - len(side)
        report.traces["unfit"] += len(side) - len(fit)
        report.traces["duplicate"] += len(fit) - len(different)
        report.traces["over_limit"] += len(different) - len(chats)
        report.problems[f"no_{name}"] += not chats
        yield traces[0], chats


def _side(trace: Trace, params: Params) -> str:
    """The format of the problem of `trace`."""
    if not params.selective:
        return params.hard
    if trace.pass_rate is None:
        raise BadInput(
            f"problem {trace.id!r} has no pass rate: ask the base model (respond.probe), or set "
            "format.selective to false"
        )
    return params.hard if trace.pass_rate < params.reason_below else params.easy


def _chosen_for(share: float, kept: Kept, params: Params, ask: Ask, seed: int) -> Keep:
    """A function that says of each chat, in their order, whether it stays, so that `share` of those that stay
    are easy.

    Of easy and hard chats, the kind that is too frequent loses chats; the other kind stays whole. The hash of
    a chat is one of `BINS` values. The chats with the lowest values stay, and of the last value that still
    fits, the first that come, so that their number is exact. All that is kept of the first reading is how
    many chats have each value.
    """
    counts = {True: [0] * BINS, False: [0] * BINS}  # by whether the chat is easy, then by hash value
    for _, chats in _by_problem(kept(), params, ask, Report()):
        for chat in chats:
            counts[chat.format == params.easy][_hash_value(chat, seed)] += 1
    staying = _staying(sum(counts[True]), sum(counts[False]), share)
    left = {easy: _first(values, staying[easy]) for easy, values in counts.items()}

    def keep(chat: Chat) -> bool:
        easy, value = chat.format == params.easy, _hash_value(chat, seed)
        left[easy][value] -= 1
        return left[easy][value] >= 0

    return keep


def _staying(easy: int, hard: int, share: float) -> dict[bool, int]:
    """How many easy chats (True) and hard chats (False) stay, one of the two kinds whole, so that `share` of
    them are easy."""
    if easy > share * (easy + hard):
        easy = round(hard * share / (1 - share)) if share < 1 else easy
    elif share > 0:
        hard = round(easy * (1 - share) / share)
    if easy + hard == 0:
        raise BadInput(f"format.easy_share: {share} leaves no chat: there are no easy or no hard chats")
    return {True: easy, False: hard}


def _first(counts: list[int], wanted: int) -> list[int]:
    """Of each count as much as still fits into `wanted`, from the first count on."""
    fitting = []
    for count in counts:
        fitting.append(min(count, wanted))
        wanted -= fitting[-1]
    return fitting


def _hash_value(chat: Chat, seed: int) -> int:
    digest = hashlib.blake2b(f"{seed} {chat.id}".encode("utf-8", "surrogatepass"), digest_size=2).digest()
    return int.from_bytes(digest, "big")
