"""Asks a system's base model and its student the same question and prints both answers side by side.

    python -m stages.tools.ask glyph "Eva has 9 figs. She loses 2. How many are left?" --gold 7
    python -m stages.tools.ask glyph                                     a chat, until Ctrl-D

Each is asked as in the evaluation: in the style and with the settings of its arm in
systems.<system>.generate.arms. Where the style adds to the question, what was asked is printed too. In
a chat each model sees its own former answers; a line `/new` starts a new chat. Answers are kept in the memo,
as those of the stages are.
"""

import argparse
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Annotated, Any, NamedTuple

from stages.graders import GRADERS, grader
from stages.samplers import SAMPLERS
from stages.samplers.ask import ask
from stages.shared import params
from stages.shared.cli import guard
from stages.shared.errors import BadInput, unknown
from stages.shared.member_params import SamplerParams
from stages.shared.rows import PROBE, Ending, Kind, Message, Problem, Response, turn_id
from stages.styles.prompting.prompts import Asked, prompts
from stages.tasks.reading import gold
from stages.tasks.reading.lines import Line, problem
from stages.tasks.reading.options import check
from stages.tools.terminal import beside, printable

NEW = "/new"


class Arm(params.Strict, extra="ignore"):
    """Of an arm of the evaluation, what is needed to ask it one question."""

    style: Asked
    ask: Annotated[SamplerParams, params.member("stages.samplers", SAMPLERS, "sampler")]


class Arms(params.Strict, extra="ignore"):
    """Of the section `generate`, its arms."""

    arms: dict[str, Arm]


class Grading(params.Strict, extra="ignore"):
    """Of the section `evaluate`, its graders."""

    graders: Annotated[dict[str, Any], params.members("stages.graders", GRADERS)]


class Question(NamedTuple):
    """What a person asks; `gold`, `kind` and `choices` are None where they are not given."""

    text: str
    gold: str | None = None
    kind: str | None = None
    choices: list[str] | None = None


def speakers(system: str, student: str | None) -> dict[str, Arm]:
    """The arm of the base model and that of the student (None: the first that an arm asks), by the names of
    the base model and of the student.

    Of several arms of one model the first is taken. Raises BadInput, with the choices, where no arm asks the
    student.
    """
    arms = params.read(system, "generate", Arms).arms
    base = params.refers("systems", system, "base")
    of_folder: dict[PurePosixPath, Arm] = {}
    for by, arm in arms.items():
        if by != PROBE:
            of_folder.setdefault(PurePosixPath(str(getattr(arm.ask, "model", ""))), arm)
    own = PurePosixPath("models/students", system)
    students = [folder.name for folder in of_folder if folder.parent == own]
    if not students:
        raise BadInput(f"{params.PARAMS}: systems.{system}.generate.arms: no arm asks a student")
    name = student or students[0]
    if name not in students:
        raise BadInput(f"--student: {unknown('student', name, students)}")
    asked = {name: of_folder[own / name]}
    base_arm = of_folder.get(PurePosixPath("models/bases", base))
    return {base: base_arm, **asked} if base_arm else asked


def as_problem(question: Question, labels: Sequence[str], history: Sequence[Message] = ()) -> Problem:
    """The question as a row, after the turns of `history`.

    `labels` are those of a classification, else empty. The id is made of the first question of the chat, so
    that a style which decides by it decides the same at each turn. Raises BadInput on a blank question, and
    on a gold answer that does not parse as the kind.
    """
    if not question.text.strip():
        raise BadInput("the question is blank")
    if question.choices:
        check(question.choices, (), "--choices")
    choices = question.choices or list(labels) or None
    kind = question.kind or (Kind.LABEL if labels and not question.choices else None)
    first = history[0]["content"] if history else question.text
    digest = sha256(first.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    line = Line(
        id=turn_id(f"asked-{digest}", len(history) // 2 + 1),
        question=question.text,
        answer=question.gold,
        kind=kind or (Kind.CHOICE if choices else _kind_of(question.gold)),
        choices=choices,
        split="test",
    )
    if question.gold is not None:
        row = problem(line, "--gold")
    else:
        row = Problem(
            id=line.id,
            task="asked",
            kind=Kind(line.kind or Kind.OPEN),
            split="test",
            question=question.text,
            answer="",
            choices=choices,
        )
    row.history = list(history) or None
    return row


def _kind_of(given: str | None) -> Kind:
    """The kind of which a gold answer looks."""
    if given is None:
        return Kind.OPEN
    closed = {Kind.NUMBER: True, Kind.YES_NO: True, Kind.NLI: given.strip().lower() in gold.NLI}
    return next((kind for kind, may in closed.items() if may and gold.answer(given, kind, None)), Kind.OPEN)


def labels_of(asked: Mapping[str, Arm]) -> list[str]:
    """The labels of a classification, which an arm may name for all."""
    named = (getattr(arm.ask, "labels", None) for arm in asked.values())
    return next((list(labels.names) for labels in named if labels), [])


def answered(row: Problem, by: str, arm: Arm) -> Response:
    """The first answer of an arm."""
    said = io.StringIO()  # progress bars, which one answer does not need
    with redirect_stderr(said):
        responses = ask(lambda: prompts([row], {by: arm.style}), {by: arm.ask}, params.seed())
        return next(iter(list(responses)))


def column(name: str, response: Response, verdict: str) -> str:
    """What is printed below each other of one answer; of a chat, its system's turn and its last question."""
    first, last = response.messages[0], response.messages[-1]
    parts = [name, "-" * len(name)]
    if last["content"] != response.question or first["role"] == "system":
        put = [first] * (first["role"] == "system") + [last]
        parts += [f"({each['role']}) {each['content'].strip()}" for each in put] + [""]
    parts.append(response.text)
    if response.ending is not Ending.STOP:
        parts.append(f"[ended by {response.ending}]")
    parts += ["", f"{response.tokens} tokens"]
    return "\n".join([*parts, verdict] if verdict else parts)


def verdict_of(response: Response, graders: Mapping[str, Any]) -> str:
    """`right`, or why not, by the grader `answer` with the params of the evaluation."""
    result = grader("answer").grade(response, graders["answer"])
    return "right" if result.score == 1 else f"{result.reason.replace('_', ' ')}: {response.answer} is right"


def page(system: str, asked: Mapping[str, Arm], question: Question, histories: Mapping[str, Any]) -> str:
    """Both answers to a question; `histories` holds the chat of each, which grows by this turn."""
    columns, labels = [], labels_of(asked)
    graders = params.read(system, "evaluate", Grading).graders if question.gold is not None else {}
    for by, arm in asked.items():
        row = as_problem(question, labels, histories[by])
        response = answered(row, by, arm)
        verdict = verdict_of(response, graders) if question.gold is not None else ""
        columns.append(printable(column(by, response, verdict)))
        histories[by].extend(
            [
                Message(role="user", content=question.text),
                Message(role="assistant", content=response.text),
            ]
        )
    return beside(columns)


def lines() -> Iterator[str]:
    """What a person types, line by line, until the input ends."""
    while True:
        try:
            yield input("> ")
        except EOFError:
            return


def talk(system: str, asked: Mapping[str, Arm]) -> None:
    """A chat with both."""
    histories: dict[str, list[Message]] = {by: [] for by in asked}
    print(f"{' and '.join(asked)} answer; {NEW} starts anew, Ctrl-D ends")
    for line in lines():
        if line.strip() == NEW:
            histories = {by: [] for by in asked}
        elif line.strip():
            sys.stdout.write(page(system, asked, Question(line), histories) + "\n")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m stages.tools.ask", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("system", help="a section of params.yaml: systems.<system>")
    parser.add_argument("question", nargs="?", help="none: a chat")
    parser.add_argument(
        "--student", help="which student of the system; by default the first that an arm asks"
    )
    parser.add_argument("--gold", help="the right answer: says of each answer whether it is right")
    parser.add_argument(
        "--kind",
        choices=[str(kind) for kind in Kind],
        help="how answers are compared; by default what --gold looks like",
    )
    parser.add_argument("--choices", nargs="+", metavar="TEXT", help="the options of the question")
    given = parser.parse_args()

    def act() -> None:
        if given.question is None and (given.gold or given.kind or given.choices):
            raise BadInput("--gold, --kind and --choices go with a question")
        asked = speakers(given.system, given.student)
        if given.question is None:
            talk(given.system, asked)
            return
        question = Question(given.question, given.gold, given.kind, given.choices)
        sys.stdout.write(page(given.system, asked, question, {by: [] for by in asked}) + "\n")

    guard("ask", act)


if __name__ == "__main__":
    main()
