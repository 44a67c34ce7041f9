"""The offline teacher on a rule book: it reasons along the true chain, and errs at the rates given."""

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from stages.graders import answer as answers
from stages.graders import citations
from stages.samplers.ask import ask
from stages.samplers.script.verdicts import by_rules, miscited
from stages.samplers.scripted import Params
from stages.shared.rows import Ending, Problem, Response
from stages.shared.rule_books import cited, ids_of
from stages.styles.prompting.prompts import prompts, put
from stages.tasks import tickets_toy

RULEBOOK = put({"rulebook": {"template": "{rule_book}\n\n{text}"}})
ROWS = list(tickets_toy.load("train", tickets_toy.Params(train=600), Path("none"), 0))


def responses(rows: list[Problem], **rates: float) -> list[Response]:
    teacher = Params.model_validate({"sampler": "scripted", **rates})
    return list(ask(lambda: prompts(rows, {"teacher": RULEBOOK}), {"teacher": teacher}, 0))


def reasons(row: Response) -> tuple[str, str]:
    right = answers.grade(row, answers.Params())
    return right.reason, citations.grade(row, citations.Params(min_characters=10)).reason


def test_without_faults_every_answer_is_right_and_cites_its_chain() -> None:
    for row in responses(ROWS):
        assert reasons(row) == ("", "")
        assert row.text == f"<think>\n{row.solution}\n</think>\n<label>{row.answer}</label>"
        assert cited(row.text, ids_of(row.rule_book or "")) == row.chain


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("wrong", {"answer:wrong"}),
        ("uncited", {"citations:no_rule"}),
        ("invented", {"citations:unknown_rule"}),
        ("truncated", {"ending:length"}),
        ("missing", {"answer:no_answer", "citations:too_short"}),  # the label or the reasoning is left out
        ("misordered", {"citations:too_short"}),  # the label comes before the reasoning
    ],
)
def test_a_fault_comes_at_its_rate_and_is_found(fault: str, found: set[str]) -> None:
    told: Counter[str] = Counter()
    for row in responses(ROWS, **{fault: 0.3}):
        right, cites = reasons(row)
        told["ending:length" if row.ending is Ending.LENGTH else f"answer:{right}" if right else f"citations:{cites}" if cites else ""] += 1
    assert set(told) - {""} == found
    assert 0.24 < (len(ROWS) - told[""]) / len(ROWS) < 0.36


@pytest.mark.parametrize("given", [{"rules": 6}, {"rule_sets": 30, "rules": None}])
def test_a_wrong_answer_goes_wrong_at_its_last_step(given: dict[str, Any]) -> None:
    for row in tickets_toy.load("train", tickets_toy.Params(train=200, **given), Path("none"), 1):
        rival = next(label for label in row.choices or [] if label != row.answer)
        text = "\n".join(by_rules(row, rival, Random(0)))
        assert text.endswith(f"</think>\n<label>{rival}</label>")
        same = [mine == theirs for mine, theirs in zip(text.splitlines()[1:], (row.solution or "").splitlines(), strict=False)]
        assert all(same[:-2]) and cited(text, ids_of(row.rule_book or "")) != [] and str(row.solution) not in text


def test_a_text_without_rules_stays() -> None:
    assert miscited("7 + 5 = 12", "", True) == "7 + 5 = 12"
