"""Graded answers of a pair of students, made by hand: what the tests of its scores and of its stages share."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from stages.shared.routes import STUDENTS, Route
from stages.shared.rows import Ending, Kind, Response, TokenProbs, Trace

CELLS = [(student, style) for student in STUDENTS for style in ("plain_reasoning", "program")]
Right = Callable[[int, int, int], bool]  # problem, cell, sample -> whether the answer is right


def answers(
    count: int,
    tasks: Sequence[str],
    right: Right,
    split: str = "test",
    samples: int = 2,
    cells: Sequence[tuple[str, str]] = CELLS,
    logprob: Callable[[int, int, int], float] | None = None,
) -> Iterator[list[Response]]:
    """The answers to `count` problems of the tasks in turn; cell 0 takes 5 tokens, cell 1 takes 6 ..."""
    for number in range(count):
        rows = []
        for place, (student, style) in enumerate(cells):
            for sample in range(samples):
                text = f"The answer is {number + (0 if right(number, place, sample) else 1)}."
                value = logprob(number, place, sample) if logprob else None
                probs = None if value is None else [TokenProbs(token="t", logprob=value, top=[])] * 3
                rows.append(
                    response(f"{split}{number}", tasks[number % len(tasks)], split, number, student, style, sample, text, place + 5, probs)
                )
        yield rows


def response(
    name: str, task: str, split: str, gold: int, by: str, style: str, sample: int, text: str, tokens: int, probs: Any = None
) -> Response:
    fixed: dict[str, Any] = {"kind": Kind.NUMBER, "sampler": "hf", "model": "m", "question": f"What is {gold}?", "messages": []}
    return Response(
        id=name,
        task=task,
        split=split,
        answer=str(gold),
        by=by,
        style=style,
        sample=sample,
        text=text,
        ending=Ending.STOP,
        tokens=tokens,
        probs=probs,
        **fixed,
    )


def graded(rows: Sequence[Response]) -> list[Trace]:
    """With the grade that the text was made for."""
    traces = []
    for row in rows:
        fields = {name: getattr(row, name) for name in Response.__struct_fields__}
        score = float(row.text == f"The answer is {row.answer}.")
        traces.append(Trace(**fields, pred=None, grades={"answer": score}, reasons={}))
    return traces


def route(rows: Sequence[Response], utility: Callable[[int, int], float] | None) -> Route:
    """What a router says of a problem: problem, cell -> utility."""
    first = rows[0]
    cells = list(dict.fromkeys((row.by, row.style) for row in rows))
    by_student: dict[str, dict[str, float]] | None = None
    if utility:
        by_student = {student: {} for student in STUDENTS}
        for place, (student, style) in enumerate(cells):
            by_student[student][style] = utility(int(first.answer), place)
    return Route(id=first.id, task=first.task, split=first.split, utility=by_student)
