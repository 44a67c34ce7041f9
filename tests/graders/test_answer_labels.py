"""The answer grader on words: options, yes or no, inference labels, labels and short texts."""

import pytest
from stages.graders.answer import Outcome, Params, verdict
from stages.shared.rows import Ending, Kind, Response

RIGHT, WRONG, NONE = Outcome.RIGHT, Outcome.WRONG, Outcome.NO_ANSWER


def judged(kind: Kind, gold: str, text: str, choices: list[str] | None = None, params: Params | None = None) -> Outcome:
    row = Response(
        id="p1", task="t", kind=kind, split="test", question="q", answer=gold, choices=choices, by="teacher", style="plain", messages=[],
        sampler="s", model="m", sample=0, text=text, ending=Ending.STOP, tokens=0,
    )  # fmt: skip
    return verdict(row, params or Params(), explain=False).outcome


# which letter a text commits to; None: none of them, or more than one
LETTERS = [
    # alone, dressed in every way
    ("B", "B"),
    ("B", "b"),
    ("B", "B."),
    ("B", "(B)"),
    ("B", "[B]"),
    ("B", "**B**"),
    ("B", "**(B)**"),
    ("B", "`B`"),
    ("B", '"B"'),
    ("B", "$B$"),
    ("B", "$\\text{B}$"),
    ("B", "\\textbf{B}"),
    ("B", "\\mathrm{(B)}"),
    ("B", "Ｂ"),
    ("B", "（B）"),
    ("B", "【B】"),
    ("B", "b)"),
    ("B", "(b)"),
    ("B", "B) 36"),
    ("B", "b. 36"),
    ("B", "B: the second one"),
    ("B", "B - the second one"),
    ("B", "Option B"),
    ("B", "option (B)"),
    ("B", "Choice B."),
    # boxed
    ("B", "\\boxed{B}"),
    ("B", "\\boxed{\\text{B}}"),
    ("B", "\\boxed{(B)}"),
    ("B", "\\boxed{\\mathbf{B}}"),
    ("B", "\\boxed{B. \\text{ thirty six}}"),
    ("B", "\\boxed{\\text{Option B}}"),
    ("B", "\\boxed{\\textbf{(B) } 36}"),
    ("B", "\\fbox{B}"),
    ("B", "First \\boxed{A}, then, on reflection, \\boxed{B}"),
    ("B", "With \\boxed{x^2 + 1} as above.\n\nAnswer: B"),
    ("B", "The answer is B, since \\boxed{x = 3}."),
    (None, "\\boxed{A} or \\boxed{B}"),
    (None, "\\boxed{A, B}"),
    (None, "\\boxed{AB}"),
    # announced
    ("B", "Answer: B"),
    ("B", "ANSWER : B"),
    ("B", "Answer - the best one is B"),
    ("B", "**Answer:** B"),
    ("B", "**Answer: B**"),
    ("B", "__Answer:__ B"),
    ("B", "### Answer\n\nB"),
    ("B", "## Final Answer\n\n**(B)** 36"),
    ("B", "Final Answer: Option B"),
    ("B", "The final answer is: **B**."),
    ("B", "The correct answer is (B) 36."),
    ("B", "The correct answer is option B."),
    ("B", "The correct option is B"),
    ("B", "The best choice is (B)."),
    ("B", "The answer is therefore B"),
    ("B", "The answer must be B."),
    ("B", "The answer seems to be B."),
    ("B", "The answer should be B, I think."),
    ("B", "My answer: B"),
    ("B", "Correct choice: b"),
    ("B", "Selected option: [B]"),
    ("B", "Final: B"),
    ("B", "So the answer is definitely B!"),
    ("B", "The answer is clearly option (B), because A and C are too small."),
    ("B", "#### B"),
    ("B", "<answer>B</answer>"),
    ("B", "<answer> (B) </answer>"),
    ("B", "Answer: $\\boxed{\\text{B}}$"),
    ("B", "The answer is\n\nB"),
    ("B", "Answer:\n\n(B) 36"),
    ("B", "A: B"),
    # other languages
    ("B", "Die richtige Antwort ist B."),
    ("B", "Antwort: (B)"),
    ("B", "La réponse est B."),
    ("B", "Réponse : B"),
    ("B", "La respuesta correcta es B"),
    ("B", "Respuesta: B"),
    ("B", "La risposta corretta è B"),
    ("B", "Resposta: B"),
    ("B", "Ответ: B"),
    ("B", "答案是B。"),
    ("B", "答案为：B"),
    ("B", "故选B"),
    ("B", "因此选B。"),
    ("B", "正确答案：Ｂ"),
    ("B", "答えはBです"),
    ("B", "정답: B"),
    # the last word counts
    ("B", "Answer: A\nAnswer: B"),
    ("B", "Answer: A. Wait, that is wrong. Answer: B"),
    ("B", "The answer is A. Hmm, no, that's not right. The answer is B."),
    ("B", "At first I said the answer is A, but it is B."),
    ("B", "I initially thought the answer was (A), but the answer is (B)."),
    ("B", "Answer: A? Let me check. Answer: B"),
    ("B", "The answer is A... no, B."),
    ("B", "\\boxed{A}. Wait, this is incorrect: it must be B."),
    (None, "Answer: B. Wait, that is wrong."),
    (None, "Answer: B\nHmm, actually that can't be right."),
    # what is denied is not named
    ("B", "The answer is not A but B."),
    ("B", "The answer is not A, it is B."),
    ("B", "The answer isn't A or C, so it's B."),
    ("B", "Answer: B, not A"),
    ("B", "Answer: B rather than A"),
    ("B", "It can't be A, C or D, so it must be B."),
    ("B", "We can rule out A and C. That leaves B. So I choose B."),
    ("B", "Options A, C and D are incorrect. B is correct."),
    ("B", "A is wrong. C is wrong. The answer is B."),
    ("B", "(B) is the only one that fits; (A) does not."),
    (None, "The answer is not B."),
    (None, "It is not B."),
    (None, "I don't think the answer is B."),
    (None, "If the answer is B, the sum would be odd."),
    # hedges
    (None, "The answer is A or B."),
    (None, "Answer: A/B"),
    (None, "Answer: (A) or (B)"),
    (None, "Answer: either A or B"),
    (None, "Answer: both A and B"),
    (None, "Answer: A, B"),
    (None, "Answer: A & C"),
    (None, "Answer: A (the sun) or B (the moon)"),
    (None, "Answer: A and then B"),
    (None, "Answer: ABCD"),
    (None, "Answer: B\nAnswer: A or B"),
    # other explanations do no harm
    ("B", "Answer: B because A is too small"),
    ("B", "Answer: B (A and C are distractors)"),
    ("B", "Answer: B. Options A and C are wrong, D is irrelevant."),
    ("B", "Answer: B\nNote that A is a common mistake."),
    ("B", "Answer: B\n\nI hope this helps! Let me know if you have questions about A."),
    ("B", "The answer is B because I computed the integral."),
    ("B", "B is the answer since A has no root."),
    ("B", "B. Because A cannot be right"),
    ("A", "A. It has a root."),
    ("A", "A is correct."),
    ("A", "Answer: A is the best fit"),
    ("A", "The answer is A because the sun rises in the east."),
    ("I", "\\boxed{I}"),
    ("I", "Answer: (I)"),
    # a choice in prose
    ("B", "I would choose B."),
    ("B", "I'd go with (B)."),
    ("B", "Therefore, option B is the most likely."),
    ("B", "So it must be B"),
    ("B", "Thus, B."),
    ("B", "That gives B."),
    ("B", "Hence the second statement holds, option B."),
    ("B", "B is the only consistent statement."),
    # more forms that models write
    ("B", "boxed{B}"),
    ("B", "\\boxed{ANSWER: B}"),
    ("B", "\\boxed{\\text{Option: B}}"),
    ("B", "ANSWER:B"),
    ("B", "[ANSWER] B [/ANSWER]"),
    ("B", "<<B>>"),
    ("B", "【答案】B"),
    ("B", "选项B正确"),
    ("B", "Ans. B"),
    ("B", "ans: B"),
    ("B", "Final decision: B"),
    ("B", "The answer would be option b"),
    ("B", "Answer: b because a is wrong"),
    ("B", "Antwort B"),
    ("B", '{"answer": "B", "reason": "A is wrong"}'),
    ("B", "The answer is A? No, B."),
    ("B", "A or B? B."),
    ("B", "Only B works."),
    ("B", "Both A and C are false, leaving B."),
    ("B", "Eliminating A, C, and D leaves us with B."),
    ("B", "B. 12\n\nExplanation: A is too small. C is too large."),
    ("B", "Answer: B, C is a distractor"),
    ("B", "ANSWER: B\n\nWait, let me double check... yes, B is right."),
    ("B", "Looking at the options, A is out. C and D are out as well. So B remains."),
    (None, "C is too large."),
    (None, "The boxed 7 eggs"),
    ("B", "Answer: 36 (B)"),
    # words that are no letters
    (None, "Answer: 5 C"),
    (None, "The answer is E = mc^2"),
    (None, "A dog."),
    (None, "A dog barked at a cat."),
    (None, "The answer is a dog."),
    (None, "I think so."),
    (None, "The answer is I don't know"),
    (None, "Answer: A dog"),
    (None, "Answer"),
    (None, "An Answer Could Be Anything"),
    (None, "Vitamin C is good for you."),
    (None, "The answer is Vitamin Complex."),
    (None, "Answer: U.S.A."),
    (None, "Answer: T-shirt"),
    (None, "Answer: None of the above"),
    (None, "Answer: [LETTER]"),
    (None, "Answer: <letter>"),
    (None, "End your reply with 'ANSWER: X', where X is a letter."),
    (None, "ANSWER: (see above)"),
    (None, "Answer: unknown"),
    (None, "I cannot answer this."),
    (None, "I'm not sure, maybe B or C."),
    (None, ""),
    (None, "   \n "),
    (None, "<think>The answer is B.</think>"),
    (None, "<think>The answer is B."),
    ("B", "<think>The answer is A.</think>B"),
    ("B", "It may be A.</think>\n\nThe answer is (B)."),
    # no such option
    (None, "Answer: Q5"),
    (None, "Answer: 2"),
]


@pytest.mark.parametrize(("letter", "text"), LETTERS)
def test_letter(letter: str | None, text: str) -> None:
    """Right for the gold letter; every other letter is wrong; a text without a choice is no answer to any."""
    for gold in "ABCDI":
        found = judged(Kind.CHOICE, gold, text)
        if letter is None:
            assert found is not RIGHT, (gold, text)
        else:
            assert found is (RIGHT if gold == letter else WRONG), (gold, text)


PLACES = ["the bank", "a library", "a department store", "a store", "New York"]
TEXTS = [
    (PLACES, "the bank", "A"),
    (PLACES, "A bank.", "A"),
    (PLACES, "The answer is bank.", "A"),
    (PLACES, "The answer is most likely a library.", "B"),
    (PLACES, "Answer: a department store", "C"),
    (PLACES, "Answer: department stores", None),
    (PLACES, "Answer: a store", "D"),
    (PLACES, "\\boxed{\\text{New York}}", "E"),
    (PLACES, "I think it is new york", "E"),
    (PLACES, "Answer: E. New York", "E"),
    (PLACES, "Answer: (A) bank", "A"),
    (PLACES, "Answer: not the bank, a library", "B"),
    (PLACES, "The answer is a bank or a library.", None),
    (PLACES, "Answer: F", None),
    (PLACES, "Answer: somewhere", None),
    (PLACES, "She went to the zoo.", None),
    (["1", "2", "12", "3"], "Answer: 12", "C"),
    (["1", "2", "12", "3"], "Answer: C", "C"),
    (["1,000", "100"], "Answer: 1000", "A"),
    (["I only", "II only", "I and II"], "The answer is I only.", "A"),
    (["I only", "II only", "I and II"], "The answer is I and II.", "C"),
    (["yes", "no"], "Answer: Yes", "A"),
    (["rises", "falls", "none of the above"], "None of the above.", "C"),
    (["both A and B", "A only"], "Answer: both A and B", "A"),
    (["surplus", "shortage"], "So there is a shortage.\nThe answer is shortage.", "B"),
    (["surplus", "shortage"], "There is neither.", None),
    (["02/05/1973", "03/05/1973"], "Today is 03/05/1973.", "B"),
    (["It is replaced.", "It is modified."], "Answer: It is modified", "B"),
    (["cannot be determined", "5"], "Answer: It cannot be determined", "A"),
]


@pytest.mark.parametrize(("choices", "text", "letter"), TEXTS)
def test_the_text_of_an_option(choices: list[str], text: str, letter: str | None) -> None:
    for place, gold in enumerate("ABCDE"[: len(choices)]):
        for written in (gold, choices[place]):
            found = judged(Kind.CHOICE, written, text, choices)
            assert found is (RIGHT if gold == letter else WRONG) if letter else found is not RIGHT, (written, text)


YES_NO = [
    ("yes", "Yes"),
    ("yes", "yes."),
    ("yes", "**Yes**"),
    ("yes", "YES!"),
    ("yes", "True"),
    ("yes", "\\boxed{Yes}"),
    ("yes", "\\boxed{\\text{True}}"),
    ("yes", "#### yes"),
    ("yes", "Answer: Yes, it would."),
    ("yes", "The answer is yes."),
    ("yes", "The answer (Yes or No) is Yes."),
    ("yes", "The answer is probably yes"),
    ("yes", "So the answer is a clear yes."),
    ("yes", "Yes, although no one has tried."),
    ("yes", "Yes, no problem."),
    ("yes", "The statement is true."),
    ("yes", "The answer is not no."),
    ("yes", "The statement is not false."),
    ("yes", "It is true that no dog can fly. Answer: yes"),
    ("yes", "Answer: No\nOn reflection, that is wrong.\nAnswer: Yes"),
    ("yes", "The first part is false, but in the end the answer is yes."),
    ("yes", "Conclusion: Yes"),
    ("yes", "Therefore, yes."),
    ("yes", "La réponse est oui."),
    ("yes", "Antwort: Ja"),
    ("yes", "答案：是"),
    ("yes", "That is hard to say. If it were so, the answer is yes.\n\nYes."),
    ("no", "No"),
    ("no", "no."),
    ("no", "False"),
    ("no", "No, it would not."),
    ("no", "The answer is no."),
    ("no", "The answer is not yes."),
    ("no", "The statement is not true."),
    ("no", "It isn't true."),
    ("no", "Absolutely not."),
    ("no", "Definitely not, as no one has tried."),
    ("no", "The answer is of course not."),
    ("no", "The answer is false"),
    ("no", "\\boxed{\\text{No}}"),
    ("no", "Therefore, the answer is **No**."),
    ("no", "The answer is no, I know it."),
    ("no", "Nein, das ist falsch. Antwort: Nein"),
    ("no", "Is it true? No."),
    ("no", "That is not true."),
    ("no", "The answer is yes.\n\nNo."),
    ("no", "<think>yes</think>No"),
    (None, ""),
    (None, "maybe"),
    (None, "I know nothing of nouns."),
    (None, "The answer is not known."),
    (None, "The answer is yes or no."),
    (None, "Yes and no."),
    (None, "Answer: yes/no"),
    (None, "The answer is neither yes nor no."),
    (None, "There is no way to tell."),
    (None, "The answer is unclear, as there is no information."),
    (None, "It depends."),
    (None, "I don't know."),
    (None, "I cannot answer that."),
    (None, "Yesterday it was north."),
    (None, "<think>Yes</think>"),
    (None, "The answer is No. Wait, that is wrong."),
]


@pytest.mark.parametrize(("meaning", "text"), YES_NO)
def test_yes_no(meaning: str | None, text: str) -> None:
    for gold, same in (("yes", "yes"), ("no", "no"), ("True", "yes"), ("False", "no")):
        found = judged(Kind.YES_NO, gold, text)
        assert (found is NONE) if meaning is None else found is (RIGHT if same == meaning else WRONG), (gold, text)


NLI = [
    ("entailment", "entailment"),
    ("entailment", "True"),
    ("entailment", "**Entailment**"),
    ("entailment", "The premise entails the hypothesis."),
    ("entailment", "The hypothesis is entailed by the premise."),
    ("entailment", "The hypothesis follows from the premise."),
    ("entailment", "The answer is True."),
    ("entailment", "Answer: yes"),
    ("entailment", "\\boxed{\\text{entailment}}"),
    ("entailment", "Label: entailment"),
    ("entailment", "So the relationship is entailment, not contradiction."),
    ("entailment", "The statement is not false."),
    ("neutral", "neutral"),
    ("neutral", "Neither"),
    ("neutral", "The answer is neither."),
    ("neutral", "Neither true nor false."),
    ("neutral", "It is neither entailed nor contradicted."),
    ("neutral", "Unknown"),
    ("neutral", "Undetermined."),
    ("neutral", "It cannot be determined from the text."),
    ("neutral", "The answer is: can't be inferred"),
    ("neutral", "There is not enough information."),
    ("neutral", "Final Answer: Neither. The text says nothing of a contradiction."),
    ("neutral", "It is impossible to say."),
    ("neutral", "The statement may or may not be true."),
    ("contradiction", "contradiction"),
    ("contradiction", "False"),
    ("contradiction", "The hypothesis contradicts the premise."),
    ("contradiction", "This is a contradiction."),
    ("contradiction", "The answer is no"),
    ("contradiction", "The statement is not true."),
    ("contradiction", 'Therefore, the statement "it didn\'t rain... at all" is **False**.'),
    ("contradiction", "Answer: contradictory"),
    ("contradiction", "Entailment? No, wait, that is wrong. The answer is contradiction."),
    (None, ""),
    (None, "5"),
    (None, "The answer is not entailment."),
    (None, "Entailment or neutral."),
    (None, "The answer is entailment or contradiction."),
    (None, "The text is about dogs."),
    (None, "<think>neutral</think>"),
]
NAMES = {
    "entailment": ("entailment", "True", "yes"),
    "neutral": ("neutral", "Neither", "unknown"),
    "contradiction": ("contradiction", "False", "no"),
}


@pytest.mark.parametrize(("meaning", "text"), NLI)
def test_nli(meaning: str | None, text: str) -> None:
    for same, golds in NAMES.items():
        for gold in golds:
            found = judged(Kind.NLI, gold, text)
            assert (found is NONE) if meaning is None else found is (RIGHT if same == meaning else WRONG), (gold, text)


MAIL = ["spam", "ham"]
GENRES = ["science", "science fiction", "history"]
LABELS = [
    (MAIL, "spam", "spam", RIGHT),
    (MAIL, "spam", "Spam.", RIGHT),
    (MAIL, "spam", "Label: spam", RIGHT),
    (MAIL, "spam", "The label is **spam**.", RIGHT),
    (MAIL, "spam", "\\boxed{\\text{spam}}", RIGHT),
    (MAIL, "spam", "Final answer: This message is spam.", RIGHT),
    (MAIL, "spam", "This message is spam, not ham.", RIGHT),
    (MAIL, "ham", "The answer is not spam.", RIGHT),
    (MAIL, "ham", "This message is not spam.", RIGHT),
    (MAIL, "spam", "ham", WRONG),
    (MAIL, "spam", "The answer is hamster.", NONE),
    (MAIL, "spam", "The answer is spam or ham.", NONE),
    (MAIL, "spam", "I cannot tell.", NONE),
    (MAIL, "spam", "", NONE),
    (GENRES, "science fiction", "The answer is science fiction.", RIGHT),
    (GENRES, "science", "The answer is science fiction.", WRONG),
    (GENRES, "science", "Answer: Science", RIGHT),
    (GENRES, "history", "It is history rather than science.", RIGHT),
    (["1", "2"], "2", "The answer is 2.", RIGHT),
    (None, "Rule 4", "Answer: rule 4", RIGHT),
    (None, "Rule 4", "The label is Rule 4.", RIGHT),
    (None, "Rule 4", "Answer: rule 14", WRONG),
    (None, "Rule 4", "\\boxed{\\text{Rule 4}}", RIGHT),
    (None, "positive", "Answer: positive", RIGHT),
    (None, "positive", "Answer: not positive", WRONG),
]


@pytest.mark.parametrize(("choices", "gold", "text", "outcome"), LABELS)
def test_label(choices: list[str] | None, gold: str, text: str, outcome: Outcome) -> None:
    assert judged(Kind.LABEL, gold, text, choices) is outcome


OPEN = [
    ("Eiffel Tower", "The Eiffel Tower", RIGHT),
    ("Eiffel Tower", "Answer: the eiffel tower.", RIGHT),
    ("Eiffel Tower", "The answer is **Eiffel Tower**", RIGHT),
    ("Eiffel Tower", "\\boxed{\\text{Eiffel Tower}}", RIGHT),
    ("Eiffel Tower", "Answer: Eiffel", WRONG),
    ("Eiffel Tower", "Answer: Tower Eiffel", WRONG),
    ("New York, NY", "Answer: New York NY", RIGHT),
    ("1,000 men", "Answer: 1000 men", RIGHT),
    ("listen", "Answer: silent", WRONG),
    ("Dr. Smith", "Dr. Smith", RIGHT),
    ("café", "Answer: café", RIGHT),
    ("café", "Answer: cafe\u0301", RIGHT),
    ("café", "Answer: cafe", WRONG),
    ("42 days", "Answer: 42 nights", WRONG),
    ("Paris", "I don't know.", NONE),
    ("Paris", "", NONE),
    ("Paris", "<think>Paris</think>", NONE),
    ("Paris", "Answer: Rome. Wait, that is wrong. Answer: Paris", RIGHT),
]


@pytest.mark.parametrize(("gold", "text", "outcome"), OPEN)
def test_open(gold: str, text: str, outcome: Outcome) -> None:
    assert judged(Kind.OPEN, gold, text) is outcome


@pytest.mark.parametrize(
    ("gold", "text", "strictly"),
    [
        ("Eiffel Tower", "Answer: Eiffel Tower.", RIGHT),
        ("Eiffel Tower", "\\boxed{\\text{Eiffel Tower}}", RIGHT),
        ("Eiffel Tower", "Answer: eiffel tower", WRONG),
        ("Eiffel Tower", "Answer: the Eiffel Tower", WRONG),
    ],
)
def test_the_text_policy(gold: str, text: str, strictly: Outcome) -> None:
    for kind in (Kind.OPEN, Kind.LABEL):
        assert judged(kind, gold, text) is RIGHT
        assert judged(kind, gold, text, params=Params(text="strict")) is strictly
