"""Rows with a question, options and the label of the right one, as several data sets on the Hub have them."""

from stages.shared.rows import Kind, Problem
from stages.tasks.reading.hub import Row
from stages.tasks.reading.options import labelled, letter


def problem(row: Row, task: str) -> Problem:
    """A row with the fields id, question, choices and answerKey; raises BadInput where its key is the label
    of no option."""
    texts, labels = labelled(row.value("choices", dict), row.where)
    return Problem(
        id=row.text("id"),
        task=task,
        kind=Kind.CHOICE,
        split=row.split,
        question=row.text("question").strip(),
        answer=letter(row.text("answerKey"), labels, row.where),
        choices=texts,
    )
