"""Asks for the four glyphs, each once, in order, with the final answer in the last section."""

from stages.shared.marks import CRUX, PLAN, STEPS, TAKEAWAY
from stages.shared.rows import Kind, Message, Problem
from stages.styles.prompting.question import question, turns

TEXT = f"""\
Solve the problem below. Write your answer in exactly four sections. Each section starts on a new line with \
its own symbol, and the symbols come in this order:

{CRUX} the crux: one sentence that says what the problem asks for
{PLAN} the plan: one or two sentences that say how to get there
{STEPS} the steps: the work itself, one short step a line
{TAKEAWAY} the takeaway: the final answer and nothing else, in the form {{ending}}

Use every symbol exactly once and leave no section empty. Write nothing before {CRUX}, use no headings, and \
stop after the takeaway.

Problem:
{{question}}"""

ENDINGS = {
    Kind.NUMBER: "'The answer is X.', where X is the number alone, without a unit",
    Kind.EXPRESSION: r"'The answer is \boxed{X}.', where X is the exact answer in LaTeX, simplified",
    Kind.CHOICE: "'The answer is X.', where X is the letter of the right option",
    Kind.YES_NO: "'The answer is X.', where X is yes or no",
    Kind.NLI: "'The answer is X.', where X is entailment, neutral or contradiction",
    Kind.LABEL: "'The answer is X.', where X is the label alone",
    Kind.OPEN: "'The answer is X.', where X is as short as possible",
}


def render(problem: Problem) -> list[Message]:
    """The request as a user's turn, the problem at its end."""
    return turns(problem, TEXT.format(ending=ENDINGS[problem.kind], question=question(problem)))
