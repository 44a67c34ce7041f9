"""The generated tasks: sizes, splits and levels; and every gold answer worked out anew, in another way than the generator's."""

import ast
import operator
import random
import re
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from pydantic import ValidationError
from stages.graders import answer as answers
from stages.samplers import scripted
from stages.samplers.ask import ask
from stages.samplers.script.mistakes import near
from stages.samplers.script.scripts import SCRIPTS
from stages.shared.errors import BadInput
from stages.shared.rows import Kind, Problem
from stages.styles.prompting.prompts import Several, prompts
from stages.tasks import task
from stages.tasks.splitting.decontaminate import Sieve

TOYS = {
    "date_toy": Kind.CHOICE,
    "anli_toy": Kind.NLI,
    "strategy_toy": Kind.YES_NO,
    "taxonomy_toy": Kind.CHOICE,
    "table_toy": Kind.NUMBER,
    "latex_toy": Kind.EXPRESSION,
}
TASKS = [*TOYS, "word_problems"]
STYLES = sorted(set(SCRIPTS) - {"glyph", "plain", "no_symbols", "rulebook"})


@cache
def load(name: str, split: str = "train", count: int = 300, seed: int = 0, levels: tuple[float, ...] = (1, 1, 1)) -> list[Problem]:
    params = task(name).Params.model_validate({split: count, "levels": list(levels)})
    return list(task(name).load(split, params, Path("nowhere"), seed))


# Each finds the answer from the words of the problem alone.


def by_calendar(problem: Problem) -> str:
    """Python's own calendar, in a year that is no leap year."""
    found = re.search(r"\b([A-Z][a-z]{2}) (\d+)\b", problem.question)
    assert found and problem.choices
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    day = date(2021, months.index(found[1]) + 1, int(found[2]))
    for days, way in re.findall(r"(\d+) days (later|earlier)", problem.question):
        day += timedelta(int(days) if way == "later" else -int(days))
    return "ABCDEF"[problem.choices.index(f"{months[day.month - 1]} {day.day:02d}")]


def by_all_worlds(problem: Problem) -> str:
    """All ways in which the places and people could have their colours, as far as the premise allows them."""
    inside: list[tuple[str, str]] = []  # who or what is in which place
    fixed: dict[str, str] = {}
    for sentence in re.split(r"(?<=\.) ", problem.context or ""):
        if found := re.fullmatch(r"(\w+) has only (\w+) \w+s\.|(\w+)'s \w+ is (\w+)\.", sentence):
            fixed[found[1] or found[3]] = found[2] or found[4]
            continue
        found = re.fullmatch(r"(\w+) (?:lives|lies) in (\w+)\.", sentence)
        assert found, sentence
        inside.append((found[1], found[2]))
    said = re.match(r"(\w+)'s \w+ is (\w+)\. True, false or neither\?$", problem.question)
    assert said
    colours = sorted({*fixed.values(), said[2], "another"})
    things = sorted({*fixed, said[1], *(one for pair in inside for one in pair)})
    truths = set()
    for values in product(colours, repeat=len(things)):
        world = dict(zip(things, values, strict=True))
        if all(world[one] == colour for one, colour in fixed.items()) and all(world[one] == world[other] for one, other in inside):
            truths.add(world[said[1]] == said[2])
    return "neutral" if len(truths) == 2 else "entailment" if True in truths else "contradiction"


def by_trying_numbers(problem: Problem) -> str:
    """The only numbers that make all sentences true."""
    text = (problem.context or "").replace(" years older than", " more than").replace(" years younger than", " less than").lower()
    names = list(dict.fromkeys(re.findall(r"(?:^|\. )(?:a |the )?(\w+) ", text)))
    rules: list[Callable[[dict[str, int]], bool]] = []
    for sentence in re.split(r"\.\s*", text.strip(". ")):
        words = re.sub(r"\b(a|the)\b ", "", sentence).split()
        numbers = [int(word) for word in words if word.isdigit()]
        assert len(numbers) == 1
        if "than" in words:
            sign = 1 if "more" in words else -1
            rules.append(lambda value, one=words[0], other=words[-1], by=sign * numbers[0]: value[one] == value[other] + by)  # type: ignore[misc]
        else:
            rules.append(lambda value, one=words[0], number=numbers[0]: value[one] == number)  # type: ignore[misc]
    found = [
        one for values in product(range(21), repeat=len(names)) if all(rule(one := dict(zip(names, values, strict=True))) for rule in rules)
    ]
    assert len(found) == 1
    asked = re.fullmatch(r"(?:can|is) (?:the )?(\w+) (?:bear|buy|older than) (?:a )?(\w+)\?", problem.question.lower())
    assert asked
    return "yes" if found[0][asked[1]] > found[0][asked[2]] else "no"


def by_following_links(problem: Problem) -> str:
    """Whatever can be reached from the name, all at once."""
    verb = "has" if problem.question.endswith("have?") else "eats"
    links = re.findall(rf"(\w+) (?:is a|{verb}) (\w+)\.", problem.question)
    asked = re.search(r"What does (\w+) ", problem.question)
    assert asked and problem.choices
    reached = {asked[1]}
    for _ in links:
        reached |= {other for one, other in links if one in reached}
    (found,) = reached & set(problem.choices)
    return "ABCDE"[problem.choices.index(found)]


def by_summing_cells(problem: Problem) -> str:
    head, *rows = [line.split(" | ") for line in (problem.context or "").split("\n")]
    (column,) = [place for place, thing in enumerate(head) if place and re.search(rf"\b{thing}\b", problem.question)]
    before, _, after = problem.question.partition(" than ")
    value = {name: int(cells[column - 1]) for name, *cells in rows}
    total = sum(number for name, number in value.items() if name in before)
    return str(total - sum(number for name, number in value.items() if name in after))


def value_of(latex: str, letter: str, value: int) -> Fraction:
    """A LaTeX one-liner at one value of its letter, by Python's own parser on exact fractions."""
    text = (
        re.sub(r"\\frac\{((?:[^{}]|\{[^{}]*\})*)\}\{((?:[^{}]|\{[^{}]*\})*)\}", r"((\1)/(\2))", latex).replace("{", "(").replace("}", ")")
    )
    text = re.sub(r"\) (?=[a-z])", ")*", text.replace("^", "**"))
    text = re.sub(r"(?<=\d)(?=[a-z(])", "*", text)
    operations: dict[type[ast.operator], Any] = {
        ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv, ast.Pow: operator.pow,
    }  # fmt: skip

    def work(node: ast.expr) -> Fraction:
        if isinstance(node, ast.BinOp):
            return operations[type(node.op)](work(node.left), work(node.right))  # type: ignore[no-any-return]
        if isinstance(node, ast.Constant):
            return Fraction(str(node.value))
        assert isinstance(node, ast.Name) and node.id == letter, ast.dump(node)
        return Fraction(value)

    return work(ast.parse(text, mode="eval").body)


def by_values(problem: Problem) -> str:
    """The gold answer where it has the value of the expression at many places, and is as simple as can be."""
    expression = problem.question.split("$")[1]
    (letter,) = set(re.findall(r"(?<![a-z\\])[a-z](?![a-z])", expression)) or {"x"}
    same = all(value_of(expression, letter, at) == value_of(problem.answer, letter, at) for at in range(2, 12))
    simple = re.fullmatch(rf"\d+{letter}|{letter}\^\{{\d+\}}|\d+{letter} [+-] \d+|\\frac\{{(\d+)\}}\{{(\d+)\}}", problem.answer)
    assert simple, problem.answer
    lowest = not simple[1] or Fraction(int(simple[1]), int(simple[2])).denominator == int(simple[2])
    return problem.answer if same and lowest else "not this"


CHECKS: dict[str, Callable[[Problem], str]] = {
    "date_toy": by_calendar,
    "anli_toy": by_all_worlds,
    "strategy_toy": by_trying_numbers,
    "taxonomy_toy": by_following_links,
    "table_toy": by_summing_cells,
    "latex_toy": by_values,
}


@pytest.mark.parametrize("name", TOYS)
def test_every_gold_answer_is_found_in_another_way(name: str) -> None:
    for problem in load(name):
        assert CHECKS[name](problem) == problem.answer, problem


@pytest.mark.parametrize("name", TOYS)
def test_a_wrong_gold_answer_would_be_found(name: str) -> None:
    for problem in load(name)[:100]:
        wrong = near(problem, random.Random(problem.id))
        assert CHECKS[name](structs.replace(problem, answer=wrong)) != wrong


@pytest.mark.parametrize("name", TOYS)
def test_sizes_splits_and_levels(name: str) -> None:
    found = {split: load(name, split, levels=(0, 1, 1)) for split in ("train", "validation", "test", "pretrain")}
    assert {split: len(problems) for split, problems in found.items()} == dict.fromkeys(found, 300)
    everything = [problem for problems in found.values() for problem in problems]
    held_out = [problem for split in ("train", "validation", "test") for problem in found[split]]
    assert len({problem.id for problem in held_out}) == 900
    assert len({(problem.context, problem.question) for problem in held_out}) == 900
    pretrain = {problem.id for problem in found["pretrain"]}
    assert len(pretrain) == 300 and not pretrain & {problem.id for problem in (*found["train"], *found["test"])}
    assert {(problem.task, problem.kind, problem.level) for problem in everything} == {(name, TOYS[name], 2), (name, TOYS[name], 3)}
    assert all(problem.split == split for split, problems in found.items() for problem in problems)
    assert found["train"] == list(task(name).load("train", task(name).Params(train=300, levels=[0, 1, 1]), Path(), 0))
    assert found["train"] != load(name, seed=1, levels=(0, 1, 1))


@pytest.mark.parametrize("name", TASKS)
def test_validation_shares_no_problem_with_train_and_test(name: str) -> None:
    """Whatever the sizes; there is none unless params ask for it."""
    validation = {problem.id for problem in load(name, "validation")}
    assert len(validation) == 300 and {problem.split for problem in load(name, "validation")} == {"validation"}
    assert not validation & {problem.id for split in ("train", "test") for problem in load(name, split, 1500)}
    params = task(name).Params(levels=[1.0])
    assert list(task(name).load("validation", params, Path("nowhere"), 0)) == []


@pytest.mark.parametrize("name", TOYS)
def test_an_answer_is_no_better_than_another(name: str) -> None:
    """Nobody gets far who gives the commonest one."""
    counts = Counter(problem.answer for problem in load(name, count=1500))
    most = {"anli_toy": 0.4, "strategy_toy": 0.55, "date_toy": 0.22, "taxonomy_toy": 0.3}.get(name, 0.1)
    assert counts.most_common(1)[0][1] < most * 1500
    if name == "taxonomy_toy":
        assert {len(problem.choices or []) for problem in load(name)} == {4, 5}
    if name == "date_toy":
        assert {len(set(problem.choices or [])) for problem in load(name)} == {6}


@pytest.mark.parametrize("name", TOYS)
def test_the_rationale_has_a_line_a_step_and_reaches_the_answer(name: str) -> None:
    """More lines for more steps, short ones, and the answer as it is spoken at the end of the last."""
    lengths: dict[int, list[int]] = {1: [], 2: [], 3: []}
    for problem in load(name):
        lines = (problem.solution or "").split("\n")
        spoken = {"entailment": "true", "neutral": "neither", "contradiction": "false"}.get(problem.answer, problem.answer)
        assert lines[-1].endswith(spoken) and max(map(len, lines)) < 40
        assert spoken == lines[-1] or re.search(rf"(?<!\w){re.escape(spoken)}$", lines[-1])
        lengths[problem.level or 0].append(len(lines))
    means = [sum(found) / len(found) for found in lengths.values()]
    assert means == sorted(means) and means[2] - means[0] >= 1


STEP = re.compile(r"(\d+) ([-+*/]) (\d+) = (\d+)")


@pytest.mark.parametrize("name", TOYS)
def test_the_arithmetic_of_every_line_is_right_and_small(name: str) -> None:
    for problem in load(name):
        for one, sign, other, result in STEP.findall(problem.solution or ""):
            assert (
                {"+": int(one) + int(other), "-": int(one) - int(other), "*": int(one) * int(other), "/": int(one) / int(other)}[sign]
                == int(result)
                <= 60
            )


@pytest.mark.parametrize("name", TASKS)
def test_train_is_no_copy_of_test(name: str) -> None:
    """The sieve that looks for near copies drops next to nothing: generated problems are not all alike."""
    sieve = Sieve(near=0.8)
    assert not [problem for problem in load(name, "test", 250) if sieve.test(problem)]
    dropped = [leak for problem in load(name, "train", 2000) if (leak := sieve.train(problem))]
    assert len(dropped) < 0.02 * 2000


@pytest.mark.parametrize("name", TOYS)
def test_too_many_are_refused_and_so_are_odd_wishes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    params = task(name).Params
    with pytest.raises(BadInput, match=f"{name}: unknown split 'dev'; choose from: pretrain, test, train, validation"):
        list(task(name).load("dev", params(train=1), Path(), 0))
    monkeypatch.setattr("stages.tasks.making.toys.MISSES", 0)
    with pytest.raises(BadInput, match=f"{name}: [0-9]+ train problems short: no new question in 0 draws; give higher levels more weight"):
        list(task(name).load("train", params(train=50), Path(), 0))
    impossible: list[dict[str, Any]] = [{"levels": levels} for levels in ([], [0, 0], [1, -1], [1] * 4)]
    for wrong in [*impossible, {"train": -1}, {"trian": 1}]:
        with pytest.raises(ValidationError):
            params.model_validate(wrong)


# What the offline teacher writes of them.


def verdicts(name: str, style: str, rates: dict[str, float]) -> Counter[str]:
    """What the grader says of the scripted answers."""
    teacher = {"teacher": scripted.Params.model_validate({"sampler": "scripted", **rates})}
    rows = ask(lambda: prompts(load(name, count=100), {"teacher": style}), teacher, 0)
    return Counter(answers.verdict(row, answers.Params(), explain=False).outcome.value for row in rows)


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("style", [*STYLES, "plain"])
def test_answers_without_a_fault_are_right_and_wrong_ones_wrong(name: str, style: str) -> None:
    assert verdicts(name, style, {}) == {"right": 100}
    assert verdicts(name, style, {"wrong": 1.0}) == {"wrong": 100}


@pytest.mark.parametrize("name", TASKS)
def test_a_cut_answer_is_hardly_ever_right(name: str) -> None:
    found = sum((verdicts(name, style, {"truncated": 1.0}) for style in STYLES), Counter[str]())
    assert found["right"] < 0.1 * found.total()


@pytest.mark.parametrize("name", TASKS)
def test_each_style_says_something_else_about_a_problem(name: str) -> None:
    teacher = {"teacher": scripted.Params(sampler="scripted")}
    rows = list(ask(lambda: prompts(load(name, count=50), {"teacher": Several(styles=STYLES)}), teacher, 0))
    assert len({(row.id, row.text) for row in rows}) == len(rows) == 50 * len(STYLES)
