"""An answer without its reasoning, as a sentence."""

from stages.shared.rows import Kind, Problem


def label_answer(problem: Problem) -> str:
    """The gold label in tags, as an answer without its reasoning: `<label>refund</label>`."""
    return f"<label>{problem.answer}</label>"


def plain_answer(problem: Problem) -> str:
    """The gold answer as a sentence: `The answer is 9.`; an expression stands in a `\\boxed{}`."""
    if problem.kind is Kind.EXPRESSION:
        return f"The answer is \\boxed{{{problem.answer}}}."
    return f"The answer is {problem.answer}."
