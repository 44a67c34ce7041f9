"""Sentences that state an answer beside other numbers, letters and verdicts, as a reader made them up who had not seen the graders.

All of them were once misjudged: the last number of a sentence was taken for what it states, or a later remark for the verdict.
"""

import pytest
from test_answer_wordings import right

from stages.shared.rows import Kind

STATED = [
    (Kind.NUMBER, "3200000", "The company made \\$3.2 million in profit.\n\n\\boxed{3.2 \\text{ million}}"),
    (Kind.NUMBER, "60 km/h", "The average speed is \\(60\\ \\text{km/h}\\)."),
    (Kind.NUMBER, "30 degrees", "\\boxed{30^\\circ}"),
    (Kind.NUMBER, "9.8", "g ≈ 9.8 m/s²"),
    (
        Kind.NUMBER,
        "64",
        "Kylar pays $5 for every odd glass and 60% of $5 = $3 for every even one.\n\n8 × $5 + 8 × $3 = $40 + $24 = $64\n\nSo Kylar needs to pay **\\$64** for the 16 glasses.",  # noqa: E501
    ),
    (Kind.NUMBER, "15", "The number is 15, since 15 = 3·5 and it is the smallest odd number with two distinct prime factors > 2."),
    (Kind.EXPRESSION, "2\\sqrt{3}", "Therefore the distance is `2*sqrt(3)`."),
    (Kind.EXPRESSION, "\\frac{\\pi^2}{6}", "The series converges to π²/6."),
    (Kind.EXPRESSION, "\\$18.90", "It costs 18.90 dollars."),
    (Kind.CHOICE, "C", "I believe option (c) is right."),
    (Kind.CHOICE, "B", "It's not A but B."),
    (Kind.CHOICE, "A", "A is correct. B confuses mass with weight; C and D are dimensionally inconsistent."),
    (Kind.CHOICE, "B", "B\n\nExplanation:\nA - Red absorbs less.\nC - Green is reflected.\nD - Yellow is between."),
    (Kind.YES_NO, "no", "No. Yes would only be correct if both clauses held."),
    (Kind.OPEN, "Paris", "The capital of France is **Paris**."),
    (Kind.OPEN, "William Shakespeare", "Hamlet was written by William Shakespeare."),
    (Kind.OPEN, "photosynthesis", "This process is called photosynthesis."),
    (
        Kind.NUMBER,
        "225",
        "Let me solve this step by step.\n\n1. The train travels 60 km in the first hour.\n2. In the second hour it travels 75 km.\n3. In the third hour it travels 90 km.\n\nTotal: 60 + 75 + 90 = 225 km.\n\nThe train travels **225 km** in 3 hours.",  # noqa: E501
    ),
    (
        Kind.NUMBER,
        "36",
        "My final answer is 36. I hope it is correct.\n\nQuestion: A farmer has 12 cows and buys 5 more. How many cows are there?\nAnswer: 17",  # noqa: E501
    ),
    (Kind.EXPRESSION, "\\frac{2}{3}", "Final Answer: $\\boxed{P(A \\cup B) = \\frac{2}{3}}$"),
    (Kind.NUMBER, "225", "The train travels **225 km** in 3 hours."),
    (Kind.NUMBER, "64", "So Kylar needs to pay **$64** for the 16 glasses."),
    (Kind.NUMBER, "64", "So Kylar needs to pay $64 for the 16 glasses."),
    (Kind.NUMBER, "64", "Therefore, Kylar needs to pay **64** dollars for 16 glasses."),
    (Kind.NUMBER, "64", "So Kylar needs to pay \\(\\mathbf{64}\\) dollars for the 16 glasses."),
    (Kind.NUMBER, "18", "Janet makes **$18** every day from 9 eggs."),
    (Kind.EXPRESSION, "225", "The train travels **225** km in 3 hours."),
    (Kind.NUMBER, "12", "Hence, there are **12** ways to arrange the 3 books on 2 shelves."),
    (Kind.NUMBER, "12", "Hence, Tom has 12 apples left after giving away 3 of them."),
    (Kind.NUMBER, "12", "So she earned $12 in 2 hours."),
    (Kind.NUMBER, "48", "Natalia sold **48** clips to 24 friends over 2 months."),
    (Kind.NUMBER, "15", "The number is 15 because it is divisible by 3 and 5."),
    (Kind.NUMBER, "15", "The value is 15, which is 3 × 5."),
    (Kind.NUMBER, "15", "The smallest such integer is 15, because 15 = 3·5."),
    (Kind.NUMBER, "9.8", "The acceleration is 9.8 m/s²."),
    (Kind.NUMBER, "50", "The density is 50 kg/m³."),
    (Kind.NUMBER, "9.8", "≈ 9.8 m/s²"),
    (Kind.NUMBER, "30 degrees", "$30^\\circ$"),
    (Kind.NUMBER, "30°", "\\boxed{30^\\circ}"),
    (Kind.NUMBER, "30", "\\boxed{30^\\circ}"),
    (Kind.NUMBER, "30", "The angle is $30^{\\circ}$."),
    (Kind.NUMBER, "60 km/h", "60"),
    (Kind.NUMBER, "10 m/s", "10 m/s"),
    (Kind.NUMBER, "$15 per hour", "$15 per hour"),
    (Kind.NUMBER, "3200000", "\\boxed{\\$3.2\\text{ million}}"),
    (Kind.NUMBER, "30", "\\boxed{2.5 \\text{ dozen}}"),
    (Kind.EXPRESSION, "\\frac{\\pi}{6}", "The series converges to π/6."),
    (Kind.EXPRESSION, "2\\sqrt{3}", "The answer is `2*sqrt(3)`."),
    (Kind.EXPRESSION, "2\\sqrt{3}", "The final answer is: `2√3`"),
    (Kind.EXPRESSION, "\\$18.90", "It costs $18.90."),
    (Kind.EXPRESSION, "18.90", "It costs 18.90 dollars."),
    (Kind.EXPRESSION, "\\frac{2}{3}", "\\boxed{P(A \\mid B) = \\frac{2}{3}}"),
    (Kind.EXPRESSION, "7", "\\boxed{|A \\cup B| = 7}"),
    (Kind.EXPRESSION, "5", "\\boxed{\\lim_{x\\to 0} f(x) = 5}"),
    (Kind.EXPRESSION, "5", "\\boxed{\\int_0^1 f(x)\\,dx = 5}"),
    (Kind.CHOICE, "C", "I think option (c) is correct."),
    (Kind.CHOICE, "B", "Not A but B."),
    (Kind.CHOICE, "B", "It is not A, but B."),
    (Kind.CHOICE, "A", "A is correct. B is wrong because it confuses mass with weight. C and D are inconsistent."),
    (Kind.CHOICE, "A", "Option A is correct. Option B confuses mass with weight, and D ignores friction."),
    (Kind.CHOICE, "A", "A is the right answer. C ignores friction."),
    (Kind.CHOICE, "A", "**A** is correct. B confuses mass with weight."),
    (Kind.CHOICE, "B", "B\n\nExplanation:\n- A: too small\n- C: too large\n- D: negative"),
    (Kind.CHOICE, "B", "**B**\n\nExplanation:\n\nA is wrong because it is too small. D ignores friction."),
    (Kind.CHOICE, "B", "B\n\nA: absorbs less. C: is reflected. D: is in between."),
    (Kind.CHOICE, "B", "(B) iron\n\nThe other options:\n(A) Copper has a longer wavelength.\n(C) Gold is reflected.\n(D) Tin is between."),
    (Kind.YES_NO, "no", "No. Yes would be wrong here."),
    (Kind.YES_NO, "yes", "Yes. No other animal could do it."),
    (Kind.NUMBER, "36", "The answer is 36.\n\nQ: A farmer has 12 cows and buys 5 more. How many?\nA: 17"),
    (
        Kind.NUMBER,
        "36",
        "#### 36\n\nQuestion: A farmer has 12 cows and buys 5 more. How many cows are there?\nAnswer: 12 + 5 = 17\n#### 17",
    ),
    (Kind.EXPRESSION, "36", "\\boxed{36}\n\nProblem: Find 12 + 5.\n\nSolution: \\boxed{17}"),
    (Kind.NUMBER, "30", "\\boxed{30^{\\circ}\\text{C}}"),
    (Kind.NUMBER, "30", "The result is $30$ [1]."),
    (Kind.NUMBER, "30", "30 m·s⁻¹"),
    (Kind.NUMBER, "30", "30 m·s⁻²"),
    (Kind.NUMBER, "30", "The speed is 30 km·h⁻¹."),
    (Kind.NUMBER, "12", "So, there are **12** students in Class 3."),
    (Kind.NUMBER, "250", "Thus, the value will be **$250** after 5 years."),
    (Kind.NUMBER, "84", "Therefore, Maria saves **84** dollars in 7 weeks."),
    (Kind.NUMBER, "10", "She will need **10** more to reach 50."),
    (Kind.NUMBER, "10", "He has **10 dollars** left out of the original $50."),
    (Kind.NUMBER, "10", "Hence 10 of the 50 students failed."),
    (Kind.NUMBER, "9", "So **9** is the largest digit less than 10."),
    (Kind.CHOICE, "B", "B is correct.\n\nA: too small.\nC: too large.\nD: negative."),
    (Kind.CHOICE, "B", "B is the best answer. In contrast, option D describes sublimation."),
    (Kind.CHOICE, "B", "A: False\nB: True\nC: False\nD: False"),
    (Kind.YES_NO, "no", "No. The claim is true only for mammals."),
    (Kind.YES_NO, "no", "Answer: no (yes would require an even number)"),
    (Kind.EXPRESSION, "\\sqrt{2}", "The diagonal has length √2."),
    (Kind.EXPRESSION, "\\frac{\\sqrt{2}}{3}", "The sequence converges to √2/3."),
    (Kind.EXPRESSION, "x+1", "The quotient simplifies to x+1."),
    (Kind.EXPRESSION, "\\frac{\\pi}{6}", "The angle comes out as π/6."),
    (Kind.EXPRESSION, "\\frac{\\pi}{6}", "The integral evaluates to π/6."),
    (Kind.EXPRESSION, "e^{-1}", "The limit tends to e⁻¹."),
]


NOT_STATED = [
    (
        Kind.NUMBER,
        "20",
        "I'm sorry, but there isn't enough information to determine the answer. If she had 20 coins, it would be different.",
    ),
    (Kind.CHOICE, "A", "I cannot determine the correct answer from the options A, B, C and D."),
    (Kind.YES_NO, "yes", "No. Yes would only be correct if both clauses held."),
    (Kind.YES_NO, "yes", "Maybe. It depends on the context: yes for adults, no for children."),
    (Kind.NLI, "entailment", "Non-entailment"),
    (
        Kind.NUMBER,
        "3",
        "Let me solve this step by step.\n\n1. The train travels 60 km in the first hour.\n2. In the second hour it travels 75 km.\n3. In the third hour it travels 90 km.\n\nTotal: 60 + 75 + 90 = 225 km.\n\nThe train travels **225 km** in 3 hours.",  # noqa: E501
    ),
    (
        Kind.EXPRESSION,
        "0.5",
        "I'm sorry, but as an AI language model I cannot compute this integral symbolically. A numerical estimate such as 0.5 would be misleading.",  # noqa: E501
    ),
    (Kind.NUMBER, "3", "**Total: 225 km** in 3 hours."),
    (Kind.CHOICE, "A", "I cannot determine which of the options A, B, C and D is correct."),
    (Kind.YES_NO, "yes", "It depends: yes for adults, no for children."),
    (Kind.NLI, "entailment", "The relation is non-entailment."),
    (Kind.NLI, "contradiction", "Non-contradiction"),
    (Kind.NUMBER, "20", "I'm sorry, but there isn't enough information to answer. We only know that she had 20 coins."),
    (Kind.EXPRESSION, "0.5", "The problem cannot be solved as stated. A guess such as 0.5 would be misleading."),
    (Kind.CHOICE, "A", "I cannot choose A."),
    (Kind.CHOICE, "B", "There is no way to tell whether B is correct."),
]


@pytest.mark.parametrize(("kind", "gold", "text"), STATED)
def test_what_is_stated_counts(kind: Kind, gold: str, text: str) -> None:
    assert right(kind, gold, text)


@pytest.mark.parametrize(("kind", "gold", "text"), NOT_STATED)
def test_what_is_said_beside_it_does_not(kind: Kind, gold: str, text: str) -> None:
    assert not right(kind, gold, text)
