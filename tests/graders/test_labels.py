"""Labels in the forms in which teachers give them, and the rules that a reasoning cites."""

from typing import Any

import pytest
from stages.graders import answer, citations
from stages.graders.answer import Outcome
from stages.shared.errors import BadInput
from stages.shared.rows import Ending, Kind, Response
from stages.shared.rule_books import Rule, cited, ids_of, written

MAIL = ["ham", "spam"]
TICKETS = ["deny", "refund"]


def response(text: str, gold: str = "spam", choices: list[str] | None = MAIL, ending: Ending = Ending.STOP, **more: Any) -> Response:
    fields: dict[str, Any] = {"id": "p", "task": "t", "kind": Kind.LABEL, "split": "train", "question": "q", "by": "teacher", "style": "s"}
    fields |= {"messages": [], "sampler": "s", "model": "m", "sample": 0, "tokens": 0}
    return Response(answer=gold, choices=choices, text=text, ending=ending, **fields | more)


def read(text: str, choices: list[str] = MAIL, ending: Ending = Ending.STOP) -> str | None:
    """The label that is read; None where there is none."""
    verdict = answer.verdict(response(text, choices[0], choices, ending), answer.Params())
    return None if verdict.outcome is Outcome.NO_ANSWER else verdict.pred


THINK = "<think>\nR1 says ham, at first. But the link makes it spam.\n</think>\n"
LADDER: list[tuple[str, str | None]] = [
    # think tags and label tags
    (THINK + "<label>spam</label>", "spam"),
    (THINK + "<label>ham</label>", "ham"),
    (THINK + "<label> SPAM. </label>", "spam"),
    (THINK + "<LABEL>Spam</LABEL>", "spam"),
    (THINK + "<label>\nspam\n</label>\n", "spam"),
    (THINK + "<final_label>spam</final_label>", "spam"),
    (THINK + "<classification>ham</classification>", "ham"),
    (THINK + "<answer>spam</answer>", "spam"),
    (THINK + "<label>not spam</label>", "ham"),
    (THINK + "<label>label: spam</label>", "spam"),
    (THINK + "<label>spam (R1)</label>", "spam"),
    (THINK + "<label>ham or spam</label>", None),
    (THINK + "<label>eggs</label>", None),
    (THINK + "<label></label>", None),
    ("<think><label>ham</label></think><label>spam</label>", "spam"),
    ("<think>one</think><think><label>ham</label></think>\n<label>spam</label>", "spam"),
    ("<think>I would say spam", None),
    ("<think>I would say\n<label>spam</label>", None),  # a thought that was never closed
    # think tags and `label: x`
    (THINK + "label: spam", "spam"),
    (THINK + "Label: ham", "ham"),
    (THINK + "LABEL = spam", "spam"),
    (THINK + "**Label:** spam", "spam"),
    (THINK + "**Label**: spam.", "spam"),
    (THINK + "- Final label: `spam`", "spam"),
    (THINK + "### Classification: Spam", "spam"),
    (THINK + "The label is spam.", "spam"),
    (THINK + "Predicted class: ham", "ham"),
    (THINK + "My final prediction: ham", "ham"),
    (THINK + "Verdict: spam", "spam"),
    (THINK + "label -> spam", "spam"),
    (THINK + "Label:\nspam", "spam"),
    (THINK + "label: spam\nreason: the link of R1", "spam"),
    (THINK + "label: ham\n\nlabel: spam", "spam"),
    (THINK + "label: spam or ham", None),
    (THINK + "label: not spam", "ham"),
    # JSON, with its usual key names and nesting
    ('{"label": "spam"}', "spam"),
    ('{"label":"ham","reason":"no spam here"}', "ham"),
    ('{"reasoning": "it is no ham", "label": "spam", "confidence": 0.91}', "spam"),
    ('{"Label": "Spam"}', "spam"),
    ('{"final_label": "spam"}', "spam"),
    ('{"predicted_label": "ham"}', "ham"),
    ('{"prediction": "spam"}', "spam"),
    ('{"classification": "spam"}', "spam"),
    ('{"class": "ham"}', "ham"),
    ('{"category": "spam"}', "spam"),
    ('{"answer": "spam"}', "spam"),
    ('{"decision": "ham"}', "ham"),
    ('{"verdict": "spam"}', "spam"),
    ('{"output": "spam"}', "spam"),
    ('{"label": 1}', "spam"),
    ('{"label": 0}', "ham"),
    ('{"label": true}', "spam"),
    ('{"label": "1"}', "spam"),
    ('{"label": ["spam"]}', "spam"),
    ('{"result": {"label": "spam"}}', "spam"),
    ('{"output": {"classification": {"label": "ham", "rules": ["R2"]}}}', "ham"),
    ('[{"label": "spam"}]', "spam"),
    ('{"is_spam": true, "rules": ["R1"]}', "spam"),
    ('{"is_spam": false}', "ham"),
    ('{"spam": 0}', "ham"),
    ('{"label": "ham", "label": "spam"}', "spam"),
    ('{"label": "eggs"}', None),
    ('{"label": null}', None),
    (THINK + '{"label": "spam"}', "spam"),
    ('Here it is:\n{"label": "spam", "rules": ["R1"]}\nI hope this helps.', "spam"),
    ('{"rules": {"R1": "applies"}} {"label": "spam"}', "spam"),
    # code fences
    ('```json\n{"label": "spam"}\n```', "spam"),
    ('```\n{"label": "ham"}\n```', "ham"),
    ('Result:\n```json\n{\n  "result": {"label": "spam"}\n}\n```\nDone.', "spam"),
    ("```\nspam\n```", "spam"),
    ("```\nlabel: spam\n```", "spam"),
    ('```json\n{"label": "spam"}', "spam"),
    # label tags alone
    ("<label>spam</label>", "spam"),
    ("The link of R1 makes it so.\n<label>spam</label>", "spam"),
    ("<label>ham</label>\nThat was too quick.\n<label>spam</label>", "spam"),
    ("<label>1</label>", "spam"),
    # a bare label line
    ("spam", "spam"),
    ("Spam.", "spam"),
    ("**spam**", "spam"),
    ("R1 applies, for the link.\nspam", "spam"),
    ("It could be ham.\n\nham", "ham"),
    ("hamster", None),
    ("", None),
    # 0, 1, yes, no, true and false
    ("0", "ham"),
    ("1", "spam"),
    ("yes", "spam"),
    ("No.", "ham"),
    ("true", "spam"),
    ("False", "ham"),
    ("label: 1", "spam"),
    ("Label: yes", "spam"),
    (THINK + "<label>no</label>", "ham"),
    (THINK + "<label>TRUE</label>", "spam"),
    (THINK + "<label>class 0</label>", "ham"),
    ("2", None),
    # prose, retractions
    ("The message is spam, since R1 applies.", "spam"),
    ("The answer is ham.", "ham"),
    ("label: spam\nWait, that is wrong.\nlabel: ham", "ham"),
    ("It may be spam, it may be ham.", None),
]


def test_the_ladder_has_its_cases() -> None:
    assert len(LADDER) >= 80


@pytest.mark.parametrize(("text", "label"), LADDER)
def test_a_label_in_each_form(text: str, label: str | None) -> None:
    assert read(text) == label


@pytest.mark.parametrize(
    ("text", "label"),
    [("<label>spam</label>", "spam"), ("label: spam\n", "spam"), ("label: sp", None), ("label: spam", None), ("spam", None)],
)
def test_what_was_cut_off_may_lack_its_end(text: str, label: str | None) -> None:
    assert read(text, ending=Ending.LENGTH) == label


@pytest.mark.parametrize(
    ("choices", "text", "label"),
    [
        (["no", "yes"], "label: yes", "yes"),
        (["yes", "no"], "label: no", "no"),  # a label of its own, not the first of two
        (["0", "1"], '{"label": 1}', "1"),
        (["science", "science fiction"], "<label>science fiction</label>", "science fiction"),
        (["science", "science fiction"], "<label>the science fiction</label>", "science fiction"),
        (["x", "y", "z"], "label: 1", None),  # of three labels none is the second of two
        (["not ham", "ham"], "label: not ham", "not ham"),
        (["neutral", "hate speech"], '{"hate_speech": false}', "neutral"),
        (["neutral", "hate speech"], '{"is_hate_speech": "yes"}', "hate speech"),
    ],
)
def test_other_labels(choices: list[str], text: str, label: str | None) -> None:
    assert read(text, choices) == label


HOSTILE = ["[" * 20_000, '{"label":' * 5000, "<label>" * 20_000, "label: " * 20_000, "```" * 20_000, '{"label": "' + "spam " * 9000]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:9])
def test_hostile_texts_are_read_in_time(text: str) -> None:
    read(text)


RULES = [
    Rule("R1", "Link", "spam", "holds a link", ("R3", "the sender is known")),
    Rule("R2", "Greeting", "ham"),
    Rule("R3", "Own bank", "ham", right=("Your bank: see our page",), wrong=("A bank",)),
]
BOOK = written(RULES)

CITES = [
    ("R1 applies.", ["R1"]),
    ("By R1 and R3 it is ham.", ["R1", "R3"]),
    ("R1, R1 and again r1", ["R1"]),
    ("Rule R2 says so.", ["R2"]),
    ("By rule 3 it is ham.", ["R3"]),
    ("(R1) [R3]", ["R1", "R3"]),
    ("R9 applies.", ["R9"]),
    ("R12 applies.", ["R12"]),
    ("Nothing applies.", []),
    ("R1 does not apply.", []),
    ("R2 doesn't apply, so R1 decides.", ["R1"]),
    ("R2 (the greeting) does not hold.", []),
    ("R2 clearly is not met; R1 is.", ["R1"]),
    ("R3 does not allow links, so it is ham.", ["R3"]),  # what it says, and not that it does not apply
    ("late: R1, spam\nunless R3: bank? no", ["R1"]),
    ("not R2", []),
    ("Room R-1, MR2 and R1x are no rules.", []),
    ("A4 paper, 3 of them, and S5.", []),
    ("R1.", ["R1"]),
    ("**R1**: a link.", ["R1"]),
]


@pytest.mark.parametrize(("text", "cites"), CITES)
def test_what_counts_as_a_citation(text: str, cites: list[str]) -> None:
    assert cited(text, ids_of(BOOK)) == cites


def test_a_rule_book_is_written_rule_by_rule() -> None:
    assert BOOK.split("\n\n") == [
        "R1. Link: spam unless R3\nWhen: holds a link\nUnless: the sender is known",
        "R2. Greeting: ham",
        "R3. Own bank: ham\nRight: Your bank: see our page\nWrong: A bank",
    ]
    assert ids_of(BOOK) == ["R1", "R2", "R3"]


GRADES = [
    ({}, "<think>The link is what R1 is about.</think><label>spam</label>", ""),
    ({}, "<think>R1.</think><label>spam</label>", "too_short"),
    ({}, "<label>spam</label>\n<think>The link is what R1 is about.</think>", "too_short"),  # a label that was not reasoned
    ({"min_characters": 0}, "<think>R1.</think><label>spam</label>", ""),
    ({}, "<think>It looks like spam, with this link.</think><label>spam</label>", "no_rule"),
    ({}, "<think>The link is what R7 is about.</think><label>spam</label>", "unknown_rule"),
    ({}, "<think>R1 holds for the link, R2 for the rest.</think><label>spam</label>", "wrong_rule"),
    ({}, "<think>The bank is what R3 is about.</think><label>ham</label>", ""),
    ({"complete": True}, "<think>The bank is what R3 is about.</think><label>ham</label>", "missing_rule"),
    ({"complete": True}, "<think>R1 holds for the link, unless R3: it holds, R3.</think><label>ham</label>", ""),
]


@pytest.mark.parametrize(("params", "text", "reason"), GRADES)
def test_citations_are_graded(params: dict[str, Any], text: str, reason: str) -> None:
    row = response(text, rule_book=BOOK, chain=["R1", "R3"])
    told = citations.grade(row, citations.Params(**params))
    assert (told.score, told.reason) == (float(not reason), reason)


def test_without_a_known_chain_any_rule_of_the_book_may_be_cited() -> None:
    row = response("<think>R2 holds for the greeting in it.</think>", rule_book=BOOK)
    assert citations.grade(row, citations.Params(complete=True)).score == 1


@pytest.mark.parametrize("book", [None, "No rules here."])
def test_a_problem_without_a_rule_book_cannot_be_graded(book: str | None) -> None:
    with pytest.raises(BadInput, match="row 'p/teacher/s/0': grader citations: the problem has no rule book"):
        citations.grade(response("R1", rule_book=book), citations.Params())
