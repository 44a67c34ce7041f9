"""The offline teacher's texts in the reasoning styles, word by word; and that nothing depends on the task, only on the solution's lines."""

import random
import re

import pytest
from stages.samplers.script.scripts import SCRIPTS
from stages.samplers.scripted import Params, answer
from stages.shared.rows import Kind, Problem
from stages.styles.prompting.prompts import prompts


def problem(kind: Kind, answer: str, solution: str, choices: list[str] | None = None) -> Problem:
    return Problem(id="p", task="t", kind=kind, split="train", question="?", answer=answer, solution=solution, choices=choices)


SUM = problem(Kind.NUMBER, "9", "7 + 5 = 12\n12 - 3 = 9")
PICK = problem(Kind.CHOICE, "A", "Rex is A.\nA is A", ["a cow", "A", "x"])
TEXTS = {
    "plain_reasoning": (
        "7 + 5 = 12. 12 - 3 = 9.\nThe answer is \\boxed{9}.",
        "7 + 5 = 12. 12 - 3 = 8.\nThe answer is \\boxed{8}.",
        "Rex is A. A is A.\nThe answer is A.",
    ),
    "chain_of_thought": (
        "Step 1: 7 + 5 = 12\nStep 2: 12 - 3 = 9\nThe answer is \\boxed{9}.",
        "Step 1: 7 + 5 = 12\nStep 2: 12 - 3 = 8\nThe answer is \\boxed{8}.",
        "Step 1: Rex is A\nStep 2: A is A\nThe answer is A.",
    ),
    "tree_of_thought": (
        "Path 1: 10? It fails.\nPath 2: 7 + 5 = 12; 12 - 3 = 9\nThe answer is \\boxed{9}.",
        "Path 1: 9? It fails.\nPath 2: 7 + 5 = 12; 12 - 3 = 8\nThe answer is \\boxed{8}.",
        "Path 1: C? It fails.\nPath 2: Rex is A; A is A\nThe answer is A.",
    ),
    "program": (
        "a = 7 + 5  # 12\nb = 12 - 3  # 9\nprint(b)\nThe answer is \\boxed{9}.",
        "a = 7 + 5  # 12\nb = 12 - 3  # 8\nprint(b)\nThe answer is \\boxed{8}.",
        '# Rex is A\n# A is A\nprint("A")\nThe answer is A.',
    ),
    "backward": (
        "7 + 5 = 12\n12 - 3 = 9\nBack: 9 + 3 = 12; 12 - 5 = 7\nThe answer is \\boxed{9}.",
        "7 + 5 = 12\n12 - 3 = 8\nBack: 8 + 3 = 12; 12 - 5 = 7\nThe answer is \\boxed{8}.",
        "Rex is A\nA is A\nBack: A is A; Rex is A\nThe answer is A.",
    ),
    "fact_retrieval": (
        "Facts: 7 + 5 = 12\nSo: 12 - 3 = 9\nThe answer is \\boxed{9}.",
        "Facts: 7 + 5 = 12\nSo: 12 - 3 = 8\nThe answer is \\boxed{8}.",
        "Facts: Rex is A\nSo: A is A\nThe answer is A.",
    ),
    "careful": (
        "Part 1: 7 + 5 = 12\nPart 2: 12 - 3 = 9\nCheck: 12 - 3 = 9\nThe answer is \\boxed{9}.",
        "Part 1: 7 + 5 = 12\nPart 2: 12 - 3 = 8\nCheck: 12 - 3 = 8\nThe answer is \\boxed{8}.",
        "Part 1: Rex is A\nPart 2: A is A\nCheck: A is A\nThe answer is A.",
    ),
}


def written(style: str, row: Problem, told: str | None = None) -> str:
    (text,) = SCRIPTS[style](row, told or row.answer, random.Random(0))
    return text


@pytest.mark.parametrize("style", TEXTS)
def test_every_style_reads_as_it_should(style: str) -> None:
    assert (written(style, SUM), written(style, SUM, "8"), written(style, PICK)) == TEXTS[style]


def test_every_reasoning_style_has_its_text() -> None:
    assert set(TEXTS) == set(SCRIPTS) - {"glyph", "plain", "no_symbols", "rulebook"}


@pytest.mark.parametrize(
    ("kind", "gold", "told", "last", "end"),
    [
        (Kind.NLI, "neutral", "neutral", "so neither", "so neither"),
        (Kind.NLI, "neutral", "contradiction", "so neither", "so false"),
        (Kind.NLI, "entailment", "neutral", "so true, untrue", "so neither, untrue"),  # a whole word
        (Kind.YES_NO, "no", "yes", "I know: no", "I know: yes"),
        (Kind.CHOICE, "A", "C", "Anna is A", "Anna is C"),
        (Kind.NUMBER, "3", "4", "13 = 10 + 3, not 3.5", "13 = 10 + 4, not 3.5"),
        (Kind.NUMBER, "3", "4", "as told", "as told"),
        (Kind.EXPRESSION, "2k + 1", "2k + 3", "2k + 1", "2k + 3"),
    ],
)
def test_a_wrong_answer_stands_in_the_last_line_too(kind: Kind, gold: str, told: str, last: str, end: str) -> None:
    row = Problem(
        id="p", task="t", kind=kind, split="train", question="?", answer=gold, choices=list("xyz"), solution=f"first {gold}\n{last}"
    )
    assert written("chain_of_thought", row, told).split("\n")[:2] == [f"Step 1: first {gold}", f"Step 2: {end}"]


@pytest.mark.parametrize("style", TEXTS)
def test_one_line_and_the_lines_of_a_data_set_can_be_written_too(style: str) -> None:
    for solution in ("So it is 9", "He has 7 + 5 = <<7+5=12>>12 pears.\n\nHe has 12 - 3 = 9 left.\n#### 9"):
        row = problem(Kind.NUMBER, "9", solution)
        text = written(style, row)
        assert text.endswith("\nThe answer is \\boxed{9}.") and "<<" not in text and "####" not in text and ".." not in text


def test_a_program_says_what_it_prints() -> None:
    lines = [f"{number} + 1 = {number + 1}" for number in range(30)]
    row = problem(Kind.NUMBER, "30", "\n".join(lines))
    code = written("program", row).rpartition("\n")[0]
    values: list[object] = []
    exec(code, {"print": values.append})
    assert values == [30] and len(set(re.findall(r"^(\w+) =", code, re.MULTILINE))) == 30


def test_the_faults_of_sections_leave_a_rationale_right() -> None:
    (prompt,) = prompts([SUM], {"teacher": "backward"})
    for fault in ("missing", "misordered"):
        assert next(answer([prompt], Params.model_validate({"sampler": "scripted", fault: 1.0}), 0))[0].text == TEXTS["backward"][0]
