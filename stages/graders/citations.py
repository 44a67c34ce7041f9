"""Whether the reasoning cites the rules that it rests on, by their ids in the problem's rule book.

The reasoning is what stands before the label tags, or all of a response without them; thoughts between think
tags are part of it. Which words count as a citation says shared/rule_books.py.

Reasons, of which the first that holds is given:

too_short      the reasoning has fewer than `min_characters` characters
no_rule        it cites no rule
unknown_rule   it cites a rule that the rule book does not have
wrong_rule     it cites a rule that does not lead to the answer (where the task knows those that do)
missing_rule   it cites not all rules that lead to the answer (with `complete`, and where the task knows them)
"""

from pydantic import Field

from stages.graders import Grade
from stages.shared.errors import BadInput
from stages.shared.params import Strict
from stages.shared.rows import Response
from stages.shared.rule_books import cited, ids_of, reasoning_of

MAX_TEXT = 100_000  # characters; only the end of a longer text is searched


class Params(Strict):
    """What is asked of a reasoning."""

    # Characters without white space around them that a reasoning has at least.
    min_characters: int = Field(default=20, ge=0)
    # Whether all rules that lead to the answer must be cited, where the task knows them.
    complete: bool = False


def grade(response: Response, params: Params) -> Grade:
    """1 where the citations hold, else 0 with the reason.

    Raises BadInput, naming the row, where the problem has no rule book.
    """
    if not response.rule_book or not (ids := ids_of(response.rule_book)):
        raise BadInput(
            f"row {response.trace_id!r}: grader citations: the problem has no rule book; take a task with one"
        )
    text = reasoning_of(response.text[-MAX_TEXT:])
    cites = cited(text, ids)
    reason = _fault(text, cites, ids, response.chain, params)
    return Grade(0.0, reason, ", ".join(cites)) if reason else Grade(1.0, "", ", ".join(cites))


def _fault(text: str, cites: list[str], ids: list[str], chain: list[str] | None, params: Params) -> str:
    if len(text) < params.min_characters:
        return "too_short"
    if not cites:
        return "no_rule"
    if set(cites) - set(ids):
        return "unknown_rule"
    if chain is not None and set(cites) - set(chain):
        return "wrong_rule"
    if chain is not None and params.complete and set(chain) - set(cites):
        return "missing_rule"
    return ""
