"""Makes the chats that one student learns from: each problem in the format that its difficulty asks for.

The validation problems take the same way into chats of their own, which no training learns from.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from heapq import nsmallest
from pathlib import Path

import msgspec
from pydantic import Field

from stages.formats.mixing import mixture
from stages.formats.mixing.mixture import Report, mix
from stages.formats.mixing.mixture_summary import summary
from stages.shared import params
from stages.shared.cli import progress, run
from stages.shared.errors import BadInput
from stages.shared.files import as_json, put, read, replacing
from stages.shared.rows import VALIDATION, Chat, Message, Problem, Prompt, Trace
from stages.shared.shards import has_rows
from stages.styles import Put
from stages.styles.prompting.prompts import Asked


class Params(mixture.Params, params.Rows):
    """The mixture, and the prompt that the student sees."""

    # the style in which the student is asked, with its params where it has any
    student_style: Asked = Put("plain")
    # the style in which a student is asked whose problem is hard, and who is shown the gold label alone (see
    # filter.hard_rows); null: the style of all others
    hard_style: Asked | None = None
    # the share of the chats that are rows of the base model's own corpus: a student forgets what is not shown
    # to it again (rehearsal: Robins 1995, https://doi.org/10.1080/09540099550039318)
    replay: float = Field(default=0.0, ge=0, lt=1)


def main(name: str) -> None:
    """data/S/kept.jsonl, data/validation/S.jsonl, data/corpora/B.jsonl -> data/S/chats/N.jsonl,
    data/S/validation/N/ and metrics/N_format.json.

    data/S/validation/N/ holds the chats of the validation problems (chats.jsonl) and how the student is asked
    each of them (prompts.jsonl). Both are empty where there are none.
    """
    section = params.read(name, "format", Params, family="students")
    system, report = params.refers("students", name, "system"), Report()
    data = Path("data", system)

    def kept() -> Iterator[Trace]:
        return read(data / "kept.jsonl", Trace, key=lambda trace: trace.trace_id)

    usual, hard = section.student_style, section.hard_style or section.student_style

    def ask(problem: Problem) -> list[Message]:
        return (hard if isinstance(problem, Trace) and problem.hard else usual).render(problem)

    def of_split(validation: bool) -> Callable[[], Iterator[Trace]]:
        return lambda: (trace for trace in kept() if (trace.split == VALIDATION) is validation)

    chats = mix(of_split(False), section, ask, params.seed(), report)
    folder = data / "validation" / name
    paths = [data / "chats" / f"{name}.jsonl", Path("metrics", f"{name}_format.json")]
    paths += [folder / "chats.jsonl", folder / "prompts.jsonl"]
    with replacing(*paths, shard_rows=section.shard_rows) as files:
        written = put(files[0], progress(chats, "format"))
        if not written:
            raise BadInput(f"{data / 'kept.jsonl'}: no kept trace fits the format of its problem")
        replayed = round(written * section.replay / (1 - section.replay))
        if replayed:
            corpus = Path("data/corpora", f"{params.refers('students', name, 'base')}.jsonl")
            put(files[0], replay(corpus, replayed, params.seed()))
        problems = _validation_problems(Path("data/validation", f"{system}.jsonl"))
        held: list[Chat] = []
        if problems and any(True for _ in of_split(True)()):
            held = list(mix(of_split(True), section, ask, params.seed(), Report()))
        put(files[2], held)
        put(files[3], validation_prompts(problems, held, ask, section.student_style.name))
        counts = {"validation_problems": len(problems), "validation_chats": len(held)} if problems else {}
        counts |= {"replayed": replayed} if replayed else {}
        files[1].write(as_json(summary(report, section) | counts))


def replay(corpus: Path, count: int, seed: int) -> list[Chat]:
    """`count` rows of a corpus, those whose ids have the lowest hashes, in their order in the corpus.

    Raises BadInput where the corpus has fewer rows.
    """

    def rank(numbered: tuple[int, Chat]) -> bytes:
        text = f"replay/{seed}/{numbered[1].id}"
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()

    rows = read(corpus, Chat, key=lambda chat: chat.id) if has_rows(corpus) else iter([])
    chosen = nsmallest(count, enumerate(rows), key=rank)
    if len(chosen) < count:
        raise BadInput(
            f"format.replay: asks for {count} rows of {corpus}, which has {len(chosen)}; lower it, or make "
            "a larger corpus"
        )
    return [chat for _, chat in sorted(chosen, key=lambda numbered: numbered[0])]


def _validation_problems(path: Path) -> list[Problem]:
    """A system need not have any; a training that is to be validated says so."""
    if not has_rows(path):
        return []
    return list(read(path, Problem, key=lambda problem: problem.id))


def validation_prompts(
    problems: Sequence[Problem], chats: Sequence[Chat], ask: Callable[[Problem], list[Message]], style_: str
) -> Iterator[Prompt]:
    """How the student is asked each problem: as in its first chat, since a format may add to the question;
    in the student's style where it has none."""
    asked: dict[str, list[Message]] = {}
    for chat in chats:
        asked.setdefault(chat.problem, chat.messages[:-1])
    for problem in problems:
        messages = asked.get(problem.id) or ask(problem)
        yield Prompt(**msgspec.structs.asdict(problem), by="student", style=style_, messages=messages)


if __name__ == "__main__":
    run(main, family="student")
