"""`stages.generate_pair`: which problems both students answer, in which styles, and what the router says of them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from stages.generate_pair import Params, main
from stages.shared.errors import BadInput
from stages.shared.files import read, write
from stages.shared.routes import Route
from stages.shared.rows import Kind, Problem, Response

from stages import evaluate_pair
from tiny import make, question

ASK = "{sampler: hf, model: models/students/router/duo/%s, n: 2, temperature: 1.0, max_new_tokens: 6, device: cpu}"
PARAMS = f"""\
seed: 0
systems: {{router: {{}}}}
bases: {{a: {{}}, b: {{}}}}
pairs:
  duo:
    system: router
    first: a
    second: b
    generate:
      style: {{tagged: {{tags: {{program: Program., backward: Backward.}}}}}}
      ask:
        first: {ASK % "first"}
        second: {ASK % "second"}
"""
FOLDER = Path("models/students/router/duo")
OUTS = [Path("data/router/pair_generations/duo.jsonl"), Path("data/router/routes/duo.jsonl")]


def problem(number: int, split: str) -> Problem:
    task = ("dates", "sums")[number % 2]
    return Problem(id=f"{split}{number}", task=task, kind=Kind.NUMBER, split=split, question=question(number), answer=str(number))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two base models with two tokenizers, which stand for the students as well, and a router of the two."""
    folder = tmp_path_factory.mktemp("pair")
    for name, kind in (("a", "bpe"), ("b", "unigram")):
        make(folder / name, tokenizer=kind)
        shutil.copytree(folder / name / "model", folder / "models/bases" / name)
    for student, name in (("first", "a"), ("second", "b")):
        shutil.copytree(folder / name / "model", folder / FOLDER / student)
    save_router(folder / FOLDER / "router", ["backward", "program", "glyph"], [folder / "models/bases/a", folder / "models/bases/b"])
    return folder


def save_router(folder: Path, styles: list[str], bases: list[Path]) -> None:
    from stages.students.router.predicting import save_heads
    from stages.students.router.question_states import Encoder
    from stages.students.router.route_heads import Heads
    from stages.students.router.route_settings import Params as RouterParams

    params = RouterParams(signal="frozen")
    encoders = [Encoder(base, params, "cpu").described() for base in bases]
    save_heads(folder, Heads((32, 32), len(styles), params.style_width, params.hidden, 1), params, styles, {"encoders": encoders})


@pytest.fixture(autouse=True)
def project(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(PARAMS)
    shutil.copytree(models / "models", "models")
    write(Path("data/held_out/router.jsonl"), [problem(number, "test") for number in range(6)])
    write(Path("data/validation/router.jsonl"), [problem(number, "validation") for number in range(6)])
    write(Path("data/router/calibration/duo.jsonl"), [problem(number, "validation") for number in (1, 2, 4)])


def params(text: str) -> None:
    Path("params.yaml").write_text(PARAMS + text)


def answered() -> dict[str, list[tuple[str, str, int]]]:
    """By problem the answers in the order of the file."""
    found: dict[str, list[tuple[str, str, int]]] = {}
    for row in read(OUTS[0], Response, key=lambda row: row.trace_id):
        found.setdefault(row.id, []).append((row.by, row.style, row.sample))
    return found


def routes() -> list[Route]:
    return list(read(OUTS[1], Route, key=lambda route: route.id))


CELLS = [(student, style, sample) for student in ("first", "second") for style in ("program", "backward") for sample in (0, 1)]


def test_both_students_answer_in_every_style() -> None:
    main("duo")
    names = [*(f"test{number}" for number in range(6)), "validation0", "validation3", "validation5"]
    assert answered() == dict.fromkeys(names, CELLS)  # without the problems that the router was fitted to
    rows = list(read(OUTS[0], Response))
    assert [row.messages[-1]["content"] for row in rows[:8:2]] == [f"{question(0)}\n{tag}." for tag in ("Program", "Backward")] * 2
    assert {(row.by, row.model) for row in rows} == {(student, str(FOLDER / student)) for student in ("first", "second")}
    assert [route.id for route in routes()] == names
    for route in routes():
        assert route.utility is not None and {tuple(styles) for styles in route.utility.values()} == {("program", "backward")}
        assert all(0 < value < 1 for styles in route.utility.values() for value in styles.values())
    assert len({route.utility["first"]["program"] for route in routes() if route.utility}) > 1  # it reads the question


def test_the_answers_are_what_the_evaluation_takes() -> None:
    """Of models that learnt to answer: with a router, an ensemble by the probabilities of their tokens, and an oracle of two samples."""
    Path("params.yaml").write_text(PARAMS.replace("n: 2,", "n: 2, probs: true,") + "    evaluate: {graders: {answer: {}}}\n")
    main("duo")
    evaluate_pair.main("duo")
    found = json.loads(Path("metrics/duo.json").read_text())
    assert found["n"] == 6
    ways = {"pair", "first_routed", "second_routed", "swapped", "ensemble", "oracle", "best_single", "random", "first_program"}
    assert ways <= found["accuracy_macro"].keys()
    assert found["tokens_macro"]["ensemble"] > 4 * found["tokens_macro"]["random"] - 1e-3  # all four cells are asked
    page = Path("metrics/duo_choices.md").read_text()
    assert "6 test problems, 2 answers to each" in page and "## Routes" in page


def test_the_same_bytes_twice_and_the_seed_is_used() -> None:
    main("duo")
    first = [path.read_bytes() for path in OUTS]
    shutil.rmtree(".athanor")
    main("duo")
    assert [path.read_bytes() for path in OUTS] == first
    Path("params.yaml").write_text(PARAMS.replace("seed: 0", "seed: 1"))
    main("duo")
    assert [path.read_bytes() == before for path, before in zip(OUTS, first, strict=True)] == [False, True]


def test_some_problems_of_each_task_and_some_styles() -> None:
    params("      per_task: {test: 2, validation: 1}\n      styles: [backward]\n")
    main("duo")
    cells = [cell for cell in CELLS if cell[1] == "backward"]
    assert answered() == dict.fromkeys(["test0", "test1", "test2", "test3", "validation0", "validation3"], cells)
    assert all(route.utility and list(route.utility["second"]) == ["backward"] for route in routes())


def test_without_a_router_there_are_no_utilities() -> None:
    shutil.rmtree(FOLDER / "router")
    main("duo")
    assert [route.utility for route in routes()] == [None] * 9 and len(answered()) == 9


def test_without_validation_problems() -> None:
    Path("data/validation/router.jsonl").write_bytes(b"")
    Path("data/router/calibration/duo.jsonl").write_bytes(b"")
    main("duo")
    assert list(answered()) == [f"test{number}" for number in range(6)]


def a_style_less() -> None:
    shutil.rmtree(FOLDER / "router")
    save_router(FOLDER / "router", ["program", "glyph"], [Path("models/bases/a"), Path("models/bases/b")])


def another_base() -> None:
    shutil.rmtree("models/bases/b")
    shutil.copytree("models/bases/a", "models/bases/b")


def change(part: str, changed: str) -> Callable[[], Any]:
    return lambda: Path("params.yaml").write_text(PARAMS.replace(part, changed))


def another_tag() -> None:
    path = FOLDER / "second/student.json"
    described = json.loads(path.read_text())
    described["params"]["student_style"] = ["tagged", {"tags": {"program": "Write a program."}, "ask": None}]
    path.write_text(json.dumps(described))


FAULTS: list[tuple[Callable[[], Any], str]] = [
    (
        change("router/duo/second", "router/duo/first"),
        r"pairs\.duo\.generate\.ask\.second\.model: expected models/students/router/duo/second",
    ),
    (
        change(ASK % "first", "{sampler: classifier, model: models/students/router/duo/first}"),
        r"ask: expected the same n|ask\.first\.sampler: expected 'hf'",
    ),
    (change("router/duo/second, n: 2", "router/duo/second, n: 3"), "ask: expected the same n for both students, got 2 and 3"),
    (
        change("{tagged: {tags: {program: Program., backward: Backward.}}}", "plain"),
        "expected the style 'tagged' with its tags, got 'plain'",
    ),
    (change("system: router\n", "system: glyph\n"), r"pairs\.duo\.system: unknown system 'glyph'"),
    (change("second: b\n", "second: c\n"), r"pairs\.duo\.second: unknown base 'c'"),
    (a_style_less, "duo/router: it says nothing of the styles backward, only of program, glyph; train the pair on paths"),
    (another_tag, r"tags\.program: expected 'Write a program\.', which .*duo/second was trained with, got 'Program\.'"),
    (another_base, "models/bases/b: not the model that .*duo/router reads; train the pair anew"),
]


@pytest.mark.parametrize(("fault", "message"), FAULTS)
def test_what_cannot_be_asked(fault: Callable[[], Any], message: str) -> None:
    fault()
    with pytest.raises(BadInput, match=message):
        main("duo")
    assert not any(path.exists() for path in OUTS)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"styles": ["glyph"]}, "styles: expected some of program, backward, each once"),
        ({"styles": ["program", "program"]}, "each once"),
        ({"styles": []}, "styles"),
        ({"per_task": {"test": 0}}, "per_task.test"),
        ({"per_task": {"train": 1}}, "per_task.train"),
    ],
)
def test_faulty_params(section: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {
        "style": {"tagged": {"tags": {"program": "P.", "backward": "B."}}},
        "ask": {student: {"sampler": "hf", "model": "m", "max_new_tokens": 3} for student in ("first", "second")},
    }
    with pytest.raises(ValidationError, match=message):
        Params.model_validate(given | section)
