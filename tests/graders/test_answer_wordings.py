"""Wordings that a reader, who had not seen the graders, made up and the graders of the day misjudged: the right ones and near misses."""

import pytest
from stages.graders.answer import Outcome, Params, verdict
from stages.shared.rows import Ending, Kind, Response

OPTIONS = {Kind.CHOICE: ["copper", "iron", "gold", "tin"], Kind.LABEL: ["positive", "negative", "neutral"]}


def right(kind: Kind, gold: str, text: str) -> bool:
    row = Response(
        id="p1", task="t", kind=kind, split="test", question="q", answer=gold, choices=OPTIONS.get(kind), by="teacher", style="plain",
        messages=[], sampler="s", model="m", sample=0, text=text, ending=Ending.STOP, tokens=0,
    )  # fmt: skip
    return verdict(row, Params(), explain=False).outcome is Outcome.RIGHT


RIGHT = [
    (Kind.YES_NO, "no", "Answer: No longer."),
    (Kind.YES_NO, "no", "\\boxed{no longer}"),
    (Kind.YES_NO, "no", "Final answer: no longer, since 1990."),
    (Kind.YES_NO, "no", "The answer is: no longer the case."),
    (Kind.YES_NO, "no", "Can you still buy it there? No longer."),
    (Kind.YES_NO, "no", "No longer is Pluto a planet."),
    (Kind.YES_NO, "no", "Is it still legal? No longer legal since 1990."),
    (Kind.YES_NO, "no", "After the vote of 2006, it is no longer a planet. The answer is no longer."),
    (Kind.YES_NO, "no", "The statement is no longer true."),
    (Kind.YES_NO, "yes", "The statement is no longer false."),
    (Kind.NUMBER, "40", "The answer is 40. Actually, it should be 20 each for two people."),
    (Kind.NUMBER, "18", "The answer is 18. Actually: that must be 9 eggs at $2 each, so it checks out."),
    (Kind.NUMBER, "44", "The answer is 40. Actually, it should be 44 apples."),
    (Kind.NUMBER, "4.5", "The answer is 40. No, it should be 4.5, not 40."),
    (Kind.CHOICE, "B", "The answer is B. Actually, it must be A or B, and A is closed."),
    (Kind.CHOICE, "B", "The answer is B. No, it must be A, C or B; only B fits."),
    (Kind.CHOICE, "B", "Answer: B. Wait, it must be A place where money is kept: B."),
    (Kind.CHOICE, "B", "The answer is A. Wait, it must be B."),
    (Kind.CHOICE, "B", "The answer is A. Actually, it should be (B)."),
    (Kind.NUMBER, "12500", "12.500 €"),
    (Kind.NUMBER, "3000", "3k"),
    (Kind.NUMBER, "1000000", "a million"),
    (Kind.NUMBER, "1000000", "one million"),
    (Kind.NUMBER, "12", "twelve"),
    (Kind.NUMBER, "12", "There are twelve eggs."),
    (Kind.NUMBER, "12", "a dozen"),
    (Kind.NUMBER, "21", "twenty-one"),
    (Kind.NUMBER, "0", "zero"),
    (Kind.NUMBER, "1.5", "one and a half"),
    (Kind.NUMBER, "1.5", "1 and a half hours"),
    (Kind.NUMBER, "0.5", "half"),
    (Kind.NUMBER, "0.5", "one half of the cake"),
    (Kind.NUMBER, "40%", "There is a forty percent chance."),
    (Kind.NUMBER, "250 mL", "250 ml"),
    (Kind.NUMBER, "34", "The total is 34 apples (12 red and 22 green)."),
    (Kind.NUMBER, "34", "Therefore, Tom has thirty-four apples."),
    (Kind.NUMBER, "34", "34<|endoftext|>Human: What is 5+6?\nAssistant: 11"),
    (Kind.NUMBER, "-3", "minus three"),
    (Kind.NUMBER, "-3", "minus 3"),
    (Kind.NUMBER, "-3", "negative 3"),
    (Kind.NUMBER, "-3", "The answer is negative three."),
    (Kind.NUMBER, "4.2e10", "4.2 times 10^10"),
    (Kind.NUMBER, "9", "The answer is 8, wait, 9."),
    (Kind.EXPRESSION, "x \\le -2", "We need x ≤ −2."),
    (Kind.EXPRESSION, "1.0 \\times 10^9", "one billion"),
    (Kind.EXPRESSION, "\\frac34", "three quarters"),
    (Kind.EXPRESSION, "\\frac{2}{3}", "two-thirds"),
    (Kind.EXPRESSION, "\\frac{5}{12}", "{5 \\over 12}"),
    (Kind.EXPRESSION, "3:2", "The ratio is 3 to 2."),
    (Kind.EXPRESSION, "\\binom{10}{3}", "C(10,3)"),
    (Kind.EXPRESSION, "\\pm 3", "plus or minus 3"),
    (Kind.EXPRESSION, "5i", "5\\mathrm{i}"),
    (Kind.EXPRESSION, "(1,2)", "A(1, 2)"),
    (Kind.EXPRESSION, "\\begin{pmatrix}1\\\\-2\\end{pmatrix}", "\\begin{pmatrix}1\\\\[2pt]-2\\end{pmatrix}"),
    (Kind.EXPRESSION, "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "Matrix([[1, 2], [3, 4]])"),
    (Kind.EXPRESSION, "2A_{16}", "2A"),
    (Kind.EXPRESSION, "10:30", "At 10:30 they meet."),
    (Kind.EXPRESSION, "\\text{Wednesday}", "It falls on a Wednesday."),
    (Kind.EXPRESSION, "ellipse", "The curve is an \\textbf{ellipse}."),
    (Kind.EXPRESSION, "\\frac{\\pi}{4}", "$$I = \\int_0^1 \\frac{dx}{1+x^2} = \\arctan 1 = \\frac{\\pi}{4}.$$"),
    (Kind.EXPRESSION, "-3", "negative 3"),
    (Kind.EXPRESSION, "(-\\infty,-1)\\cup[2,5)", "(-inf, -1) U [2, 5)"),
    (Kind.EXPRESSION, "(3,4)", "the point (3, 4)"),
    (Kind.EXPRESSION, "(3,4)", "The vertex is at (3, 4)."),
    (Kind.EXPRESSION, "(3,-2)", "The vertex is (3, −2), which is a minimum."),
    (Kind.EXPRESSION, "1F_{16}", "1F in hexadecimal"),
    (Kind.EXPRESSION, "110_2", "110 in binary"),
    (Kind.YES_NO, "yes", "No wait, yes."),
    (Kind.YES_NO, "yes", "Certainly."),
    (Kind.YES_NO, "yes", "Y"),
    (Kind.YES_NO, "yes", "Yes\n\nNo further comments."),
    (Kind.YES_NO, "no", "Never."),
    (Kind.YES_NO, "no", "Yes... actually no."),
    (Kind.YES_NO, "no", "Answer: yes? No!"),
    (Kind.YES_NO, "no", "N"),
    (Kind.YES_NO, "False", "False. It is true that it rained, but not on Monday."),
    (Kind.YES_NO, "no", "It is not the case that this is true."),
    (Kind.NLI, "entailment", "Not neutral, but entailment."),
    (Kind.NLI, "contradiction", "It is neither neutral nor entailed; it is a contradiction."),
    (Kind.LABEL, "negative", "Sentiment: Negative\nReason: there is nothing positive in it."),
    (Kind.LABEL, "neutral", "It is neither positive nor negative; it is neutral."),
]


NOT_RIGHT = [
    (Kind.NUMBER, "34", "To solve this, first we add 12 and 22 which gives 34, then we need to multiply by"),
    (Kind.NUMBER, "34", "If it were 34 then it would be too large; so it cannot be 34."),
    (Kind.NUMBER, "34", "The answer is 34? No, it is 35."),
    (Kind.NUMBER, "2", "Two of us do not know."),
    (Kind.NUMBER, "3", "The answer is minus 3."),
    (Kind.NUMBER, "8", "The answer might be 8, 9, or 10."),
    (Kind.EXPRESSION, "45^\\circ", "45 radians"),
    (Kind.EXPRESSION, "12", "We get $x = \\frac{12"),
    (Kind.EXPRESSION, "7", "Let me think about it. We could try 7. But that gives a contradiction."),
    (Kind.CHOICE, "D", "Do not pick D"),
    (Kind.YES_NO, "yes", "Yes... actually no."),
    (Kind.YES_NO, "yes", "The question asks whether it is true"),
    (Kind.YES_NO, "yes", "If yes, then the sum would be 5."),
    (Kind.YES_NO, "no", "No idea"),
    (Kind.YES_NO, "no", "No clue."),
    (Kind.YES_NO, "no", "No answer"),
    (Kind.YES_NO, "no", "no comment"),
    (Kind.YES_NO, "yes", "It is not the case that this is true."),
    (Kind.YES_NO, "yes", "Yes or no? Hard to say."),
    (Kind.YES_NO, "no", "I cannot say yes or no."),
    (Kind.NLI, "entailment", "not entailment"),
    (Kind.NLI, "entailment", "The hypothesis is not entailed."),
    (Kind.NLI, "neutral", "not neutral"),
    (Kind.NLI, "contradiction", "no contradiction"),
    (Kind.NLI, "contradiction", "not a contradiction"),
    (Kind.NLI, "contradiction", "There is no contradiction between them."),
]


@pytest.mark.parametrize(("kind", "gold", "text"), RIGHT)
def test_right(kind: Kind, gold: str, text: str) -> None:
    assert right(kind, gold, text)


@pytest.mark.parametrize(("kind", "gold", "text"), NOT_RIGHT)
def test_not_right(kind: Kind, gold: str, text: str) -> None:
    assert not right(kind, gold, text)


def test_words_do_not_meet_a_call_for_numerals() -> None:
    assert right(Kind.NUMBER, "25", "The answer is twenty-five.")
    assert not right(Kind.NUMBER, "25", "Therefore, the answer (arabic numerals) is twenty-five.")
