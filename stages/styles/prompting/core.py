"""The core prompt that the reasoning styles wrap: the question, and one sentence that fixes the form of the
answer."""

from stages.shared.rows import Kind, Message, Problem
from stages.styles.prompting.question import question, turns

FORMS = {
    Kind.NUMBER: r"Put the final answer, a number alone and without a unit, in \boxed{}.",
    Kind.EXPRESSION: r"Put the final answer, exact and simplified, in \boxed{}.",
    Kind.YES_NO: 'End with the sentence "The answer is yes." or "The answer is no."',
    Kind.NLI: 'End with the sentence "The answer is X.", where X is true if the text says so, false if it '
    "denies it, and neither if it is silent.",
    Kind.LABEL: 'End with the sentence "The answer is X.", where X is the label alone.',
    Kind.OPEN: 'End with the sentence "The answer is X.", where X is as short as possible.',
}


def core(problem: Problem) -> str:
    """The question as the student sees it, an empty line, and what its answer is to look like."""
    return f"{question(problem)}\n\n{form(problem)}"


def form(problem: Problem) -> str:
    """The one sentence about the answer's form: it depends on the kind, and for a choice on the number of
    options."""
    if problem.kind is not Kind.CHOICE:
        return FORMS[problem.kind]
    *letters, last = [chr(ord("A") + place) for place in range(len(problem.choices or "AB"))]
    offered = f"{', '.join(letters)} or {last}" if letters else last
    return f'End with the sentence "The answer is X.", where X is one letter: {offered}.'


def wrapped(text: str, problem: Problem) -> list[Message]:
    """The core prompt as a user's turn, and below it what the style asks for."""
    return turns(problem, f"{core(problem)}\n\n{text}")
