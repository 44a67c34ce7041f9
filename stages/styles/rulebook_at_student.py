"""Rule book and text, for a student: the ablation that shows what reading the rules is worth. Its words stand
in params."""

from stages.shared.rows import Message, Problem
from stages.styles.prompting.filling import filled
from stages.styles.prompting.wording import Wording


class Params(Wording):
    """Words with the text and the rule book."""

    # the fields that the words have at least
    needed = ("text", "rule_book")


def render(problem: Problem, params: Params) -> list[Message]:
    """The words with the fields of the problem, as a user's turn."""
    return filled(params.template, problem)
