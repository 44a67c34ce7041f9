"""Complaints that a rule book decides: words alone cannot tell, the chain of rules can."""

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from stages.shared.errors import BadInput
from stages.shared.rows import Kind, Problem, encode
from stages.shared.rule_books import cited, ids_of
from stages.tasks import tickets_toy
from stages.tasks.making.rule_sets import (
    OLD,
    RuleSet,
    Ticket,
    draw_rule_set,
    draw_ticket,
    edited,
    in_force,
    reasoning,
    structure,
)
from stages.tasks.splitting.decontaminate import Sieve


def rows(split: str, seed: int = 0, **given: Any) -> list[Problem]:
    return list(tickets_toy.load(split, tickets_toy.Params(**given), Path("none"), seed))


HOUSE = draw_rule_set(Random("house"), 6)


def ticket(claims: list[str], days: int = 12, **facts: bool) -> Ticket:
    return Ticket("", claims, facts | {OLD: days > 30}, days)


def by_hand(rules: RuleSet, given: Ticket) -> str:
    """The label, worked out from the book alone, rule by rule."""
    named = {rule.id: rule for rule in rules.rules}
    exceptions = {id for rule in rules.rules for id in rule.exceptions}
    current = next(rule for rule in rules.rules if rule.id not in exceptions and rule.name in given.claims)
    while holding := [named[id] for id in current.exceptions if given.facts[named[id].name]]:
        current = holding[0]
    return current.label


@pytest.mark.parametrize("count", [3, 4, 5, 6])
@pytest.mark.parametrize("alternate", [True, False])
def test_the_chain_leads_to_the_label_of_the_book(count: int, alternate: bool) -> None:
    draw = Random(f"chain {count}")
    for _ in range(200):
        rules = draw_rule_set(draw, count, alternate)
        assert [rule.id for rule in rules.rules] == [f"R{number}" for number in range(1, count + 1)]
        drawn = draw_ticket(draw, rules, draw.randint(1, 3), 4)
        chain = in_force(rules, drawn)
        assert chain[-1].label == by_hand(rules, drawn)
        assert (drawn.days > 30) == drawn.facts.get(OLD, drawn.days > 30)
        assert f"{drawn.days} days" in drawn.text
        lines = "\n".join(reasoning(rules, drawn))
        assert cited(lines, [rule.id for rule in rules.rules]) == [rule.id for rule in chain]
        other = edited(rules, drawn)
        assert by_hand(other, drawn) != by_hand(rules, drawn)
        assert sum(mine != theirs for mine, theirs in zip(rules.rules, other.rules, strict=True)) == 1


def test_a_problem_says_how_it_is_solved() -> None:
    for row in rows("train", train=50):
        assert row.kind is Kind.LABEL and row.choices == ["deny", "refund"] and row.answer in row.choices
        assert row.chain and row.level == len(row.chain) and row.rule_book and row.solution
        assert set(row.chain) <= set(ids_of(row.rule_book))
        label = next(line.split(": ")[1].split()[0] for line in row.rule_book.splitlines() if line.startswith(f"{row.chain[-1]}."))
        assert label == row.answer


def test_words_alone_cannot_tell() -> None:
    """TF-IDF of words and characters with logistic regression, for three seeds."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score
    from sklearn.pipeline import make_pipeline, make_union

    for seed in (0, 1, 2):
        train, test = rows("train", seed, train=2000), rows("test", seed, test=500)
        words = make_union(TfidfVectorizer(ngram_range=(1, 2)), TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)))
        model = make_pipeline(words, LogisticRegression(max_iter=300))
        model.fit([row.question for row in train], [row.answer for row in train])
        found = f1_score([row.answer for row in test], model.predict([row.question for row in test]), average="macro")
        assert found <= 0.75


def test_both_labels_are_as_frequent_and_share_their_words() -> None:
    drawn = rows("train", train=2000)
    assert 0.45 < sum(row.answer == "refund" for row in drawn) / 2000 < 0.55
    words = {
        label: {word for row in drawn if row.answer == label for word in row.question.split() if word.isalpha()}
        for label in ("deny", "refund")
    }
    assert words["deny"] == words["refund"]


def test_pairs_differ_in_one_rule_and_in_the_label() -> None:
    drawn = rows("test", test=100, pairs=True, rule_sets=50, rules=None)
    assert len(drawn) == 200
    for one, other in zip(drawn[::2], drawn[1::2], strict=True):
        assert (other.pair, other.question, other.chain) == (one.id, one.question, one.chain)
        assert other.answer != one.answer
        lines = zip((one.rule_book or "").splitlines(), (other.rule_book or "").splitlines(), strict=True)
        assert sum(mine != theirs for mine, theirs in lines) == 1
    sieve = Sieve(1.0)
    assert [sieve.test(row) for row in drawn] == [None] * 200  # no twin counts as a copy


def sets_of(split: str) -> set[str]:
    """What the rule books of a split say, without the ids."""
    params = tickets_toy.Params.model_validate({split: 300, "rule_sets": 40, "rules": None})
    return {structure(rules) for rules, *_ in tickets_toy._drawn(split, params, 0)}


def test_rule_sets_are_held_out() -> None:
    train, test, validation = (sets_of(split) for split in ("train", "test", "validation"))
    assert len(train) > 30 and len(test) > 30
    assert not train & (test | validation)


def test_one_rule_set_is_that_of_all_splits() -> None:
    books = {row.rule_book for split in ("train", "validation", "test") for row in rows(split, **{split: 20})}
    assert len(books) == 1
    assert {row.rule_book for row in rows("train", 1, train=5)} != books  # another seed, other rules


def test_splits_share_no_complaint_and_the_same_seed_gives_the_same_rows() -> None:
    texts = [row.question for split in ("train", "validation", "test") for row in rows(split, **{split: 300})]
    assert len(set(texts)) == len(texts)
    assert [encode(row) for row in rows("test", 3, test=30)] == [encode(row) for row in rows("test", 3, test=30)]
    assert [row.id for row in rows("test", 3, test=30)] == [row.id for row in rows("test", 3, test=60)][:30]


def test_exercises_follow_no_rules() -> None:
    drawn = rows("pretrain", pretrain=300, levels=[1, 1, 1])
    assert {row.kind for row in drawn} == {Kind.OPEN}
    assert Counter(row.level for row in drawn).keys() == {1, 2, 3}
    for row in (row for row in drawn if row.level == 3):
        words = (row.context or "").removeprefix("Words: ").split()
        first = words.index(row.question.removeprefix("From: "))
        assert row.answer.removeprefix("is ").split() == words[first:] + words[:first]


@pytest.mark.parametrize(
    ("given", "told"),
    [({"rules": 7}, "rules"), ({"rules": 2}, "rules"), ({"facts": 0}, "facts"), ({"rule_sets": 0}, "rule_sets"), ({"size": 3}, "size")],
)
def test_params_that_cannot_be(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        tickets_toy.Params(**given)


def test_an_unknown_split_is_an_error() -> None:
    with pytest.raises(BadInput, match=r"tickets_toy: no split 'dev'; choose from"):
        list(tickets_toy.load("dev", tickets_toy.Params(), Path("none"), 0))
