"""Bad input, stage by stage: one line that names file and line or key, exit status 1, and every file as it was.

The stages are the real scripts, run one after the other on a small system first, so that each has something to lose.
"""

import json
import shutil
import sys
from collections.abc import Callable
from contextlib import chdir
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from stages.formats import FORMATS
from stages.graders import GRADERS
from stages.samplers import SAMPLERS
from stages.scores import SCORES
from stages.shared.cli import run
from stages.students import STUDENTS
from stages.styles import STYLES
from stages.tasks import TASKS

from project_tree import SECTIONS as SECTION_NAMES
from project_tree import contents, family_of

SCRIPTED: dict[str, Any] = {"sampler": "scripted"}
RULES = {"grades": {"answer": 1.0}}
ARMS = {arm: {"style": "plain", "ask": SCRIPTED | ({"n": 2} if arm == "probe" else {})} for arm in ("probe", "base", "student", "always")}
SHAPE = {"vocabulary": 300, "width": 16, "layers": 1, "heads": 1, "feed_forward": 16}
TRAINING = {"steps": 1, "batch_size": 1, "learning_rate": 0.1, "max_tokens": 64, "device": "cpu"}
SECTIONS: dict[str, Any] = {
    "collect": {"root": "hub", "near": 0.8, "tasks": {"jsonl": {"file": "mine.jsonl", "validation": 5}}},
    "corpus": {"root": "hub", "near": 0.8, "tasks": {"word_problems": {"pretrain": 5, "levels": [1]}}},
    "base": {"student": "scratch"} | SHAPE | TRAINING,
    "prompt": {"teacher": "glyph", "probe": "plain"},
    "respond": {"root": "recorded", "teacher": SCRIPTED, "probe": SCRIPTED | {"n": 3, "wrong": 0.5}},
    "grade": {"graders": {"answer": {}, "glyph_structure": {}}},
    "judge": {},
    "enrich": {},
    "filter": {"rules": {"teacher": RULES, "probe": RULES}},
    "format": {"reason_below": 0.9},
    "train": {"student": "sft"} | TRAINING,
    "generate": {"arms": ARMS},
    "evaluate": {
        "graders": {"answer": {}, "glyph_structure": {}},
        "scores": {"accuracy": {}, "glyph_use": {}},
        "marks": {"glyphs": list("🜞🜆🜂🜃")},
        "hard_below": 0.9,
        "samples": {"count": 3},
    },
}
INPUTS = {
    "collect": "hub/mine.jsonl",
    "corpus": "data/held_out/s.jsonl",
    "base": "data/corpora/b.jsonl",
    "prompt": "data/s/train.jsonl",
    "respond": "data/s/prompts.jsonl",
    "grade": "data/s/responses.jsonl",
    "judge": "data/s/traces.jsonl",
    "enrich": "data/s/judged.jsonl",
    "filter": "data/s/judged.jsonl",
    "format": "data/s/kept.jsonl",
    "train": "data/s/chats/n.jsonl",
    "generate": "data/held_out/s.jsonl",
    "evaluate": "data/s/generations.jsonl",
}
OUTS = {
    "collect": [
        *("data/s/train.jsonl", "data/s/leaks.jsonl", "data/validation/s.jsonl", "data/held_out/s.jsonl"),
        "metrics/s_collect.json",
    ],
    "corpus": ["data/corpora/b.jsonl"],
    "prompt": ["data/s/prompts.jsonl"],
    "respond": ["data/s/responses.jsonl"],
    "grade": ["data/s/traces.jsonl", "metrics/s_grade.json"],
    "judge": ["data/s/judged.jsonl", "metrics/s_judge.json"],
    "enrich": [
        *("metrics/s_paths.json", "metrics/s_paths.md", "metrics/s_paths.csv"),
        *("data/s/paths/enriched_jsonl.jsonl", "data/s/paths/correct_jsonl.jsonl"),
    ],
    "filter": ["data/s/kept.jsonl", "data/s/dropped.jsonl", "metrics/s_filter.json"],
    "format": ["data/s/chats/n.jsonl", "metrics/n_format.json"],
    "generate": ["data/s/generations.jsonl"],
    "evaluate": [
        *("data/s/graded.jsonl", "metrics/s.json", "metrics/s_samples.md"),
        *("metrics/s_plots/accuracy.csv", "metrics/s_plots/glyph_rate.csv"),
    ],
}
ENTRIES = {"bases": "b", "systems": "s", "students": "n"}


def params(**sections: Any) -> None:
    """Writes params.yaml: one entry in each family, with the sections that its stages read."""
    values: dict[str, Any] = {"bases": {"b": {}}, "systems": {"s": {"base": "b"}}, "students": {"n": {"system": "s", "base": "b"}}}
    for script, section in (SECTIONS | sections).items():
        values[family_of(script)][entry(script)][SECTION_NAMES.get(script, script)] = section
    with Path("params.yaml").open("w") as file:
        YAML().dump({"seed": 0} | values, file)


def entry(script: str) -> str:
    return ENTRIES[family_of(script)]


def place(script: str) -> str:
    """Where the section of a stage stands."""
    return f"{family_of(script)}.{entry(script)}.{SECTION_NAMES.get(script, script)}"


def start(script: str) -> object:
    """What the stage exits with; None where it does its work."""
    sys.argv = [f"stages/{script}.py", entry(script)]
    try:
        run(import_module(f"stages.{script}").main)
    except SystemExit as ended:
        return ended.code
    return None


def line(number: int, split: str) -> dict[str, Any]:
    steps = f"{number} + 2 = {number + 2}"
    question = f"Ann has {number} figs and buys 2 more. How many figs has she?"
    return {"id": f"{split}-{number}", "question": question, "answer": str(number + 2), "solution": steps, "split": split, "level": 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which every stage has run, those with a model in word only."""
    folder = tmp_path_factory.mktemp("made")
    with chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", sys.argv)
        params()
        for path in ("hub", "recorded"):
            Path(path).mkdir()
        for model in ("bases/b", "students/s/n"):
            Path("models", model).mkdir(parents=True)
            Path("models", model, "config.json").write_text("{}")
        rows = [line(number, "train") for number in range(12)] + [line(number, "test") for number in range(20, 26)]
        rows.append(line(30, "validation"))
        rows.append(line(20, "train"))  # which leaks from test
        Path("hub/mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        for script in OUTS:
            assert start(script) is None
    return folder


@pytest.fixture(autouse=True)
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", sys.argv)


def refused(script: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line with which the stage refuses, all files being left as they were."""
    before = contents(Path())
    capsys.readouterr()
    told = start(script)
    assert isinstance(told, str), f"exit {told}"  # a text is printed, and the status is 1
    assert told.startswith(f"{script}: ") and "\n" not in told
    assert [said for said in capsys.readouterr().err.splitlines() if said.strip() and "row/s" not in said and "?row" not in said] == []
    assert contents(Path()) == before
    return told.removeprefix(f"{script}: ")


def last(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[list[str]], list[str]]:
    return lambda rows: [*rows[:-1], json.dumps(change(json.loads(rows[-1])))]


def without(field: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda row: {key: value for key, value in row.items() if key != field}


LINES: dict[str, tuple[Callable[[list[str]], list[str]], str]] = {
    "malformed JSON": (lambda rows: [*rows[:-1], rows[-1][:-1]], "malformed JSON"),
    "a blank line": (lambda rows: [*rows[:-1], "", rows[-1]], "malformed JSON"),
    "missing field": (last(without("id")), "missing required field `id`"),
    "unknown field": (last(lambda row: row | {"qestion": "?"}), "unknown field `qestion`"),
    "wrong type": (last(lambda row: row | {"id": 5}), "Expected `str`, got `int`"),
    "duplicate id": (lambda rows: [*rows, rows[-1]], "duplicate id"),
}

FORGIVEN = ("a blank line", "missing field", "wrong type")  # of a file that a person brings: an id is made, or read as text


@pytest.mark.parametrize(
    ("script", "fault"), [(script, fault) for script in INPUTS for fault in LINES if script != "collect" or fault not in FORGIVEN]
)
def test_a_bad_line(script: str, fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    change, told = LINES[fault]
    path = Path(INPUTS[script])
    rows = path.read_text().splitlines()
    changed = change(rows)
    path.write_text("".join(f"{row}\n" for row in changed))
    number = len(rows) if fault == "a blank line" else len(changed)
    said = refused(script, capsys)
    assert said.startswith(f"{path}:{number}: ") and told in said


@pytest.mark.parametrize("script", INPUTS)
def test_an_empty_file_and_none(script: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(INPUTS[script])
    path.write_text("")
    told = "no chats to learn from; name some tasks in bases.b.corpus.tasks" if script == "base" else "the file is empty; expected one "
    assert refused(script, capsys).startswith(f"{path}: {told}")
    path.unlink()
    assert refused(script, capsys).startswith(f"{path}: no such file")


UNKNOWN: list[tuple[str, dict[str, Any], str, dict[str, str]]] = [
    ("collect", {"tasks": {"gsm8": {}}}, ".tasks: unknown task 'gsm8' (did you mean 'gsm8k'?)", TASKS),
    ("corpus", {"tasks": {"word_problem": {}}}, ".tasks: unknown task 'word_problem' (did you mean 'word_problems'?)", TASKS),
    ("base", {"student": "scrtch"}, ": unknown student 'scrtch' (did you mean 'scratch'?)", STUDENTS),
    ("judge", {"ask": {"sampler": "x"}}, ".ask: unknown sampler 'x'", SAMPLERS),
    ("prompt", {"teacher": "glpyh"}, ".teacher: unknown style 'glpyh' (did you mean 'glyph'?)", STYLES),
    ("respond", {"teacher": {"sampler": "x"}}, ".teacher: unknown sampler 'x'", SAMPLERS),
    ("grade", {"graders": {"answr": {}}}, ".graders: unknown grader 'answr' (did you mean 'answer'?)", GRADERS),
    ("filter", {"rules": {"teacher": {"grades": {"x": 1.0}}}}, ".rules.teacher.grades.x.[key]: unknown grader 'x'", GRADERS),
    ("format", {"hard": "latnt"}, ".hard: unknown format 'latnt' (did you mean 'latent'?)", FORMATS),
    ("format", {"student_style": "x"}, ".student_style: unknown style 'x'", STYLES),
    ("train", {"student": "stf"}, ": unknown student 'stf' (did you mean 'sft'?)", STUDENTS),
    ("generate", {"arms": {"a": {"style": "x", "ask": SCRIPTED}}}, ".arms.a.style: unknown style 'x'", STYLES),
    ("generate", {"arms": {"a": {"style": "plain", "ask": {"sampler": "x"}}}}, ".arms.a.ask: unknown sampler 'x'", SAMPLERS),
    ("evaluate", {"scores": {"acuracy": {}}}, ".scores: unknown score 'acuracy' (did you mean 'accuracy'?)", SCORES),
]


@pytest.mark.parametrize(("script", "change", "told", "choices"), UNKNOWN)
def test_an_unknown_member_lists_the_choices(
    script: str, change: dict[str, Any], told: str, choices: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    params(**{script: SECTIONS[script] | change})
    assert refused(script, capsys).startswith(f"params.yaml: {place(script)}{told}; choose from: {', '.join(sorted(choices))}")


# A typo, a wrong type and an impossible value in one section, as far as it has so many keys: all are told at once.
FAULTS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("collect", {"rot": "x", "root": 3, "near": 1.5}, [".rot: unknown key", ".root: ", "got 3", ".near: ", "got 1.5"]),
    ("collect", {"tasks": {"jsonl": {"fle": "x", "file": 3, "train": -1}}}, [".jsonl.fle: unknown key", ".jsonl.file: ", ".jsonl.train: "]),
    ("corpus", {"rot": "x", "near": "0.8", "tasks": {"word_problems": {"pretrain": -1}}}, [".rot: ", ".near: ", ".pretrain: "]),
    ("base", {"wdth": 16, "width": 0, "steps": "1"}, [".wdth: unknown key", ".width: ", ".steps: "]),
    ("judge", {"asks": SCRIPTED, "ask": SCRIPTED | {"wrong": 2.0}, "by": []}, [".asks: unknown key", ".ask.wrong: ", ".by: "]),
    ("prompt", {"techer": "plain", "teacher": 3}, [".techer: unknown key", ".teacher: ", "got 3"]),
    ("respond", {"rot": "x", "probe": SCRIPTED | {"n": "3", "wrong": 1.5}}, [".rot: unknown key", ".probe.n: ", ".probe.wrong: "]),
    ("grade", {"graders": {"answer": {"x": 1, "relative_tolerance": -1}}, "y": 1}, [".answer.x: ", ".relative_tolerance: ", ".y: "]),
    ("enrich", {"by": 3, "bye": "teacher"}, [".by: ", "got 3", ".bye: unknown key"]),
    ("filter", {"rules": {"a": {"per_problem": 0, "ending": [], "characters": {"min": "1"}}}}, [".per_problem: ", ".ending: ", ".min: "]),
    ("format", {"selectiv": True, "selective": "yes", "easy_share": 2}, [".selectiv: unknown key", ".selective: ", ".easy_share: "]),
    ("train", {"stps": 1, "batch_size": "1", "learning_rate": -1e-4}, [".stps: unknown key", ".batch_size: ", ".learning_rate: "]),
    ("generate", {"arms": {"a": {"style": 3, "ask": SCRIPTED | {"n": 0}, "x": 1}}}, [".arms.a.style: ", ".arms.a.ask.n: ", ".arms.a.x: "]),
    ("evaluate", {"samples": {"count": "20"}, "hard_below": 0, "seed": 3}, [".samples.count: ", ".hard_below: ", ".seed: unknown key"]),
]  # fmt: skip


@pytest.mark.parametrize(("script", "change", "told"), FAULTS)
def test_faulty_params_are_told_all_at_once(
    script: str, change: dict[str, Any], told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    params(**{script: SECTIONS[script] | change})
    said = refused(script, capsys)
    assert said.startswith(f"params.yaml: {place(script)}.")
    assert [part for part in told if part not in said] == []


OPTIONS = {"label": ["A", "B"], "text": ["red", "blue"]}


def edit(path: str, last: bool = False, **fields: Any) -> None:
    """Changes `fields` of every row of a file, or of its last one."""
    rows = Path(path).read_text().splitlines()
    changed = [json.dumps(json.loads(row) | fields) for row in (rows[-1:] if last else rows)]
    Path(path).write_text("".join(f"{row}\n" for row in [*(rows[:-1] if last else []), *changed]))


def nothing_matches() -> None:
    Path("recorded/old.jsonl").write_text('{"problem_id": "elsewhere-1", "response": "5"}\n')
    params(respond=SECTIONS["respond"] | {"teacher": {"sampler": "recorded", "files": ["recorded"]}})


def nobody_is_there() -> None:
    params(respond=SECTIONS["respond"] | {"teacher": {"sampler": "recorded", "files": ["recorded"]}})


def ask_a_model(folder: str) -> Callable[[], None]:
    def change() -> None:
        params(respond=SECTIONS["respond"] | {"probe": {"sampler": "hf", "model": folder, "max_new_tokens": 5, "device": "cpu"}})

    return change


def ask_cuda() -> None:
    from stages.students.scratch import train_tokenizer

    train_tokenizer(iter(["Ann has 3 figs."]), 300).save_pretrained("models/bases/b")
    probe = {"sampler": "hf", "model": "models/bases/b", "max_new_tokens": 5, "device": "cuda"}
    params(respond=SECTIONS["respond"] | {"probe": probe}, train=SECTIONS["train"] | {"device": "cuda"})


REST: dict[str, tuple[str, Callable[[], Any], str]] = {
    "missing hub root": ("collect", lambda: params(collect=SECTIONS["collect"] | {"root": "nowhere"}), "nowhere"),
    "missing hub root of a data set": (
        "collect",
        lambda: params(collect=SECTIONS["collect"] | {"root": "nowhere", "tasks": {"gsm8k": {}}}),
        "nowhere: missing hub root; make it ",
    ),
    "choice gold that names no option": (
        "collect",
        lambda: edit("hub/mine.jsonl", answer="E", choices=OPTIONS),
        "hub/mine.jsonl:1: the gold answer 'E' names no option; choose from: A, B",
    ),
    "duplicate option labels": (
        "collect",
        lambda: edit("hub/mine.jsonl", answer="A", choices=OPTIONS | {"label": ["A", "A"]}),
        "hub/mine.jsonl:1: duplicate option label 'A' among A, A",
    ),
    "premise without hypothesis": (
        "collect",
        lambda: edit("hub/mine.jsonl", answer="neutral", premise="A cat sleeps."),
        "hub/mine.jsonl:1: `premise` without `hypothesis`",
    ),
    "table that does not parse": (
        "collect",
        lambda: edit("hub/mine.jsonl", table="Thing | Price\nPen"),
        "hub/mine.jsonl:1: the table does not parse: row 2 has 1 cells, row 1 has 2",
    ),
    "mixed kinds in one file": (
        "collect",
        lambda: edit("hub/mine.jsonl", last=True, answer=True),
        "hub/mine.jsonl:20: mixed kinds in one file: this row is yes_no, the first is number; name all kinds in tasks.jsonl.kinds",
    ),
    "gold answer that does not parse": (
        "collect",
        lambda: edit("hub/mine.jsonl", answer="some"),
        "hub/mine.jsonl:1: the gold answer does not parse as number, got 'some'",
    ),
    "gold answer that does not parse, later": (
        "grade",
        lambda: edit("data/s/responses.jsonl", answer="some"),
        "row 'train-0/teacher/glyph/0': the gold answer 'some' is not a valid number",
    ),
    "gold answer that does not parse, at the end": (
        "evaluate",
        lambda: edit("data/s/generations.jsonl", answer="some"),
        "row 'test-20/probe/plain/0': the gold answer 'some' is not a valid number",
    ),
    "nobody to enrich": (
        "enrich",
        lambda: params(enrich={"by": "techer"}),
        "data/s/judged.jsonl: no answer by 'techer': see systems.s.enrich.by",
    ),
    "a task that is no file name": (
        "enrich",
        lambda: edit("data/s/judged.jsonl", task="../x"),
        "problem 'train-0': '../x' is no name of a task or style",
    ),
    "paths that were not graded": (
        "enrich",
        lambda: edit("data/s/judged.jsonl", grades={}),
        "trace 'train-0/teacher/glyph/0' was not graded by 'answer'",
    ),
    "all rows filtered out": (
        "filter",
        lambda: edit("data/s/judged.jsonl", ending="length"),
        "data/s/judged.jsonl: all rows were filtered out: probe ending:length 36, teacher ending:length 12",
    ),
    "held-out problems of a system that is gone": (
        "corpus",
        lambda: Path("data/held_out/t.jsonl").write_text(""),
        "data/held_out/t.jsonl: unknown system 't'; choose from: s; delete the file",
    ),
    "a student that is gone": (
        "generate",
        lambda: Path("models/students/s/m").mkdir(),
        "models/students/s/m: unknown student 'm'; choose from: n; delete the folder",
    ),
    "no trace fits the format": (
        "format",
        lambda: edit("data/s/kept.jsonl", by="nobody"),
        "data/s/kept.jsonl: no kept trace fits the format of its problem",
    ),
    "response file that matches nothing": (
        "respond",
        nothing_matches,
        "sampler recorded: no answer in recorded belongs to any of the 12 prompts; the first ids there: 'elsewhere-1'",
    ),
    "no response file": ("respond", nobody_is_there, "recorded: no recorded answers: the folder holds no *.jsonl file"),
    "model folder without tokenizer": ("respond", ask_a_model("models/bases/b"), "models/bases/b: a model folder without a tokenizer: "),
    "missing model folder": (
        "respond",
        ask_a_model("models/bases/bse"),
        "models/bases/bse: no such model folder; run the stage that makes it",
    ),
    "model folder without tokenizer to train": ("train", lambda: None, "models/bases/b: a model folder without a tokenizer: expected "),
}


@pytest.mark.parametrize("case", REST)
def test_the_rest(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    script, change, told = REST[case]
    change()
    assert refused(script, capsys).startswith(told)


@pytest.mark.parametrize("script", ["respond", "train"])
def test_cuda_that_is_not_there(script: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)  # as it is where there is none
    ask_cuda()
    assert refused(script, capsys) == "device: cuda is asked for, but torch sees no CUDA device here; choose auto or cpu"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full, the disk that is always full, on this system")
@pytest.mark.parametrize(("script", "out"), [(script, out) for script, outs in OUTS.items() for out in outs])
def test_a_full_disk(script: str, out: str) -> None:
    """Whichever of its files a stage cannot write, it replaces none of them."""
    for path in OUTS[script]:
        Path(path).write_text("what was there\n")
    Path(f"{out}.partial").symlink_to("/dev/full")
    before = contents(Path())
    assert start(script) == f"{script}: {out}: No space left on device"
    assert before.pop(f"{out}.partial") == "-> /dev/full"
    assert contents(Path()) == before
