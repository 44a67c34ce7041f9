"""Conversations as problems: whole where they are learnt from, turn by turn where they are held out."""

from collections.abc import Iterator, Sequence

from msgspec import structs

from stages.shared.errors import BadInput
from stages.shared.rows import Problem, turn_id
from stages.tasks.splitting.splits import TEST, VALIDATION


def problems_of(problem: Problem, golds: Sequence[str]) -> Iterator[Problem]:
    """The problems of a conversation: the turns before its last question are the `history` of `problem`.

    A conversation that is held out gives a problem for each of its turns, so that each is judged; any other
    is one problem, since a chat teaches all of its answers. `golds` are the gold answers of the earlier
    turns. The level of a problem is its number of turns.
    """
    if problem.split not in (TEST, VALIDATION):
        yield problem
        return
    history = problem.history or []
    places = [place for place, message in enumerate(history) if message["role"] == "user"]
    if len(places) != len(golds):
        raise BadInput(
            f"problem {problem.id!r}: expected {len(places)} gold answers before the last, got {len(golds)}"
        )
    for turn, (place, gold) in enumerate(zip(places, golds, strict=True), 1):
        yield structs.replace(
            problem,
            id=turn_id(problem.id, turn),
            question=history[place]["content"],
            answer=gold,
            solution=history[place + 1]["content"],
            history=history[:place] or None,
            level=turn,
        )
    yield structs.replace(problem, id=turn_id(problem.id, len(places) + 1), level=len(places) + 1)
