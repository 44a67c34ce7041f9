"""Where problems come from: each data set's answers as they are written, its splits, its ids, and what is wrong with a bad copy."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from stages.shared.errors import BadInput
from stages.shared.rows import Kind, Problem
from stages.tasks import TASKS, task
from stages.tasks.competition_math import SUBJECTS, boxes
from stages.tasks.reading import gold
from stages.tasks.splitting.splits import share, split_of

from hubs import HUB_IDS, SHARED, gsm8k, math, needs_shared, svamp, write_hub, write_math

REPOSITORY = Path(__file__).resolve().parents[2]


def load(name: str, root: Path, split: str = "train", **params: Any) -> list[Problem]:
    member = task(name)
    return list(member.load(split, member.Params(**params), root, 0))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("18", "18"), (" 1,234 ", "1234"), ("114,200", "114200"), ("145.0", "145"), ("0.50", "0.5"), (".5", "0.5"), ("20.", "20"),
        ("-3", "-3"), ("\u22123", "-3"), ("-0", "0"), ("$1,450,000", "1450000"), ("-$ 5", "-5"), ("007", "7"), ("１２", "12"),
        ("", None), (".", None), ("-", None), ("12,34", None), ("1 or 2", None), ("twelve", None), ("5 apples", None), ("1.2.3", None),
    ],
)  # fmt: skip
def test_number(text: str, number: str | None) -> None:
    assert gold.number(text) == number


@pytest.mark.parametrize(
    ("text", "kind", "choices", "answer"),
    [
        ("3/4", Kind.NUMBER, None, "3/4"), ("8/4", Kind.NUMBER, None, "2"), ("1/0", Kind.NUMBER, None, None),
        ("x", Kind.NUMBER, None, None),
        ("b", Kind.CHOICE, ["red", "blue"], "B"), ("blue", Kind.CHOICE, ["red", "blue"], "B"), ("C", Kind.CHOICE, ["red", "blue"], None),
        ("Yes", Kind.YES_NO, None, "yes"), ("False", Kind.YES_NO, None, "no"), ("know", Kind.YES_NO, None, None),
        ("c", Kind.NLI, None, "contradiction"), ("neutral", Kind.NLI, None, "neutral"),
        ("1", Kind.NLI, None, None), ("spam", Kind.LABEL, ["spam", "ham"], "spam"), ("egg", Kind.LABEL, ["spam", "ham"], None),
        (r" \frac12 ", Kind.EXPRESSION, None, r"\frac12"), (" ", Kind.OPEN, None, None),
    ],
)  # fmt: skip
def test_gold_of_each_kind(text: str, kind: Kind, choices: list[str] | None, answer: str | None) -> None:
    assert gold.answer(text, kind, choices) == answer


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (r"so $\boxed{10}$.", ["10"]),
        (r"\boxed{\frac{2\sqrt{53}+53}{53}}", [r"\frac{2\sqrt{53}+53}{53}"]),
        (r"$\boxed{\left\{1, 2\right\}}$", [r"\left\{1, 2\right\}"]),
        (r"$\boxed{\{x}$", [r"\{x"]),
        (r"$\boxed 2$ or \fbox{3}", ["2", "3"]),
        (r"$\boxed\frac{1}{2}$.", [r"\frac{1}{2}"]),
        (r"\[\boxed35\]", ["35"]),
        (r"is \boxed{\boxed{4}}", [r"\boxed{4}"]),
        (r"$-7 + \boxed{\phantom{2}}$ gives $\boxed{4}$", [r"\phantom{2}", "4"]),
        (r"$\boxed{1}$ and $\boxed{2", ["1", ""]),
        (r"\boxedtext{1} is no box", []),
    ],
)
def test_boxes(text: str, found: list[str]) -> None:
    assert boxes(text) == found


def test_a_split_is_fixed_by_the_id() -> None:
    assert share("gsm8k-test-0") == pytest.approx(0.0072912, abs=1e-6)  # the same on every machine, for ever
    ids = [f"row-{number}" for number in range(2000)]
    small, large = ({id for id in ids if split_of(id, held_out) == "test"} for held_out in (0.1, 0.3))
    assert small < large and len(small) == pytest.approx(200, abs=40) and len(large) == pytest.approx(600, abs=70)


def test_gsm8k(tmp_path: Path) -> None:
    rows = [
        gsm8k("How much?", "He pays $<<2*617=1234>>1,234.\nDone <<1234=1234>>\n#### 1,234"),
        gsm8k(" Janet\u2019s ducks? ", "Less than #### none\n#### -3"),
    ]
    write_hub(tmp_path / "openai/gsm8k", {"main": {"train": rows, "test": rows[:1]}, "socratic": {"train": rows[:1]}})
    first, second = load("gsm8k", tmp_path)
    assert first == Problem(
        id="gsm8k-train-0",
        task="gsm8k",
        kind=Kind.NUMBER,
        split="train",
        question="How much?",
        answer="1234",
        solution="He pays $1,234.\nDone",
    )
    assert (second.id, second.question, second.answer, second.solution) == (
        "gsm8k-train-1",
        "Janet\u2019s ducks?",
        "-3",
        "Less than #### none",
    )
    assert [problem.id for problem in load("gsm8k", tmp_path, "test")] == ["gsm8k-test-0"]


def test_svamp(tmp_path: Path) -> None:
    rows = [svamp("chal-7", "If he had 290 bananas", "How big is each group?", "145.0", "( ( 290.0 - 0.0 ) / 2.0 )")]
    write_hub(tmp_path / "ChilleD/SVAMP", {"default": {"train": rows, "test": rows}})
    (problem,) = load("svamp", tmp_path)
    assert (problem.id, problem.question, problem.answer) == ("chal-7", "If he had 290 bananas How big is each group?", "145")
    assert problem.solution == "( 290 - 0 ) / 2 = 145"


def test_competition_math(tmp_path: Path) -> None:
    angles = math("Enter the angles, separated by commas.", r"$\boxed{30^\circ}$, $\boxed{45^\circ}$, then $\boxed{105^\circ}.$")
    twice = math("Solve, separated by commas.", r"$\boxed{1,2}$. Otherwise $\boxed{2,1}$", "Level ?")
    train = [math("One?", r"$\boxed{\frac{1}{2}}$; or simply $\boxed{0.5}$", "Level 5"), angles, twice]
    other = {"train": train[:1], "test": train[:1]}
    write_hub(tmp_path / "EleutherAI/hendrycks_math", dict.fromkeys(SUBJECTS, other) | {"geometry": {"train": train}})
    found = load("competition_math", tmp_path)
    geometry = {problem.id: (problem.answer, problem.level, problem.kind) for problem in found if problem.id.startswith("geometry")}
    assert geometry == {
        "geometry-train-0": ("0.5", 5, Kind.EXPRESSION),
        "geometry-train-1": (r"30^\circ, 45^\circ, 105^\circ", 3, Kind.EXPRESSION),
        "geometry-train-2": ("2,1", None, Kind.EXPRESSION),
    }
    # a limited number holds some of each subject
    assert [problem.id for problem in load("competition_math", tmp_path, train=4)] == [
        "algebra-train-0", "counting_and_probability-train-0", "geometry-train-0", "intermediate_algebra-train-0",
    ]  # fmt: skip


def test_rows_of_a_partial_copy_keep_their_numbers(tmp_path: Path) -> None:
    write_math(tmp_path, prealgebra={"test": [math(f"What is {number}?", r"$\boxed{1}$") for number in range(4)]})
    found = load("competition_math", tmp_path, "test", test_rows={"prealgebra": "0-1 121 163"})
    assert [problem.id for problem in found if problem.id.startswith("prealgebra")] == [f"prealgebra-test-{n}" for n in (0, 1, 121, 163)]
    for other in ("0-2", "0-4"):
        with pytest.raises(BadInput, match=rf"test_rows names {int(other[2]) + 1} rows of prealgebra, this copy has 4"):
            load("competition_math", tmp_path, "test", test_rows={"prealgebra": other})
    for wrong in ({"prealgebra": "3-1"}, {"prealgebra": "5 4"}, {"prealgebra": ""}, {"algebar": "1"}):
        with pytest.raises(ValidationError):
            task("competition_math").Params(test_rows=wrong)


def test_own_splits_pooled_and_divided_by_id(tmp_path: Path) -> None:
    sizes = {"train": 30, "test": 20}
    splits = {split: [gsm8k(f"{split} {n}?", f"#### {n}") for n in range(size)] for split, size in sizes.items()}
    write_hub(tmp_path / "openai/gsm8k", {"main": splits})
    assert {split: len(load("gsm8k", tmp_path, split)) for split in sizes} == sizes
    parts = {split: load("gsm8k", tmp_path, split, held_out=0.4) for split in sizes}
    ids = {split: {problem.id for problem in part} for split, part in parts.items()}
    assert not ids["train"] & ids["test"] and len(ids["train"] | ids["test"]) == 50
    assert all(problem.split == split for split, part in parts.items() for problem in part)
    assert {id.split("-")[1] for id in ids["train"]} == {"train", "test"}  # an id keeps naming the row in the data set
    few = load("gsm8k", tmp_path, "train", held_out=0.4, train=5, test=1)
    assert [problem.id for problem in few] == [problem.id for problem in parts["train"][:5]]  # sizes move no row
    assert load("gsm8k", tmp_path, "train", train=0) == []


def ids(problems: list[Problem]) -> set[str]:
    return {problem.id for problem in problems}


def test_a_share_of_train_is_validation(tmp_path: Path) -> None:
    """By a hash of the id: test stays, sizes move no row, a larger share only adds; there is none by default."""
    splits = {split: [gsm8k(f"{split} {n}?", f"#### {n}") for n in range(200)] for split in ("train", "test")}
    write_hub(tmp_path / "openai/gsm8k", {"main": splits})
    assert load("gsm8k", tmp_path, "validation") == []
    small, large = (load("gsm8k", tmp_path, "validation", validation=share) for share in (0.1, 0.3))
    assert ids(small) < ids(large) and len(small) == pytest.approx(20, abs=12) and len(large) == pytest.approx(60, abs=20)
    assert {problem.split for problem in large} == {"validation"}
    train = load("gsm8k", tmp_path, "train", validation=0.3)
    assert ids(train) | ids(large) == ids(load("gsm8k", tmp_path)) and not ids(train) & ids(large)
    assert load("gsm8k", tmp_path, "test", validation=0.3) == load("gsm8k", tmp_path, "test")
    parts = {split: load("gsm8k", tmp_path, split, held_out=0.2, validation=0.3) for split in ("train", "validation", "test")}
    assert sum(map(len, parts.values())) == 400 == len(set().union(*map(ids, parts.values())))
    assert ids(parts["test"]) == ids(load("gsm8k", tmp_path, "test", held_out=0.2))
    assert ids(parts["validation"]) >= ids(large) - ids(parts["test"])  # held_out moves no row between the other two


def test_a_validation_split_of_its_own(tmp_path: Path) -> None:
    def question(id: str) -> dict[str, Any]:
        return {"id": id, "question": f"{id}?", "choices": {"text": ["red", "blue"], "label": ["A", "B"]}, "answerKey": "B"}

    own = {split: [question(f"{split}{n}") for n in range(5)] for split in ("train", "validation", "test")}
    write_hub(tmp_path / "allenai/ai2_arc", {"ARC-Challenge": own})
    assert load("arc_challenge", tmp_path, "validation") == []
    for size, count in ((2, 2), (9, 5), (None, 5)):
        found = load("arc_challenge", tmp_path, "validation", validation=size)
        assert [problem.id for problem in found] == [f"validation{n}" for n in range(count)]
    assert [problem.id for problem in load("arc_challenge", tmp_path, validation=2)] == [f"train{n}" for n in range(5)]
    with pytest.raises(ValidationError, match=r"validation: with held_out the data set's own splits are pooled"):
        task("arc_challenge").Params(held_out=0.5, validation=2)


def test_no_validation_split_of_its_own(tmp_path: Path) -> None:
    """SVAMP has none, CommonsenseQA's is test here."""
    write_hub(tmp_path / "ChilleD/SVAMP", {"default": {"train": [svamp("chal-1", "He has 3.", "?", "3")]}})
    advice = r"give a share of train such as validation: 0\.1, or validation: 0 to do without"
    with pytest.raises(BadInput, match=rf"svamp: .*SVAMP: the data set has no validation split of its own; {advice}"):
        load("svamp", tmp_path, "validation", validation=5)
    assert task("commonsense_qa").SOURCE.validation == task("date").SOURCE.validation == ()  # type: ignore[attr-defined]
    write_hub(tmp_path / "allenai/ai2_arc", {"ARC-Challenge": {"train": [{"id": "a"}]}})
    with pytest.raises(BadInput, match=rf"config 'ARC-Challenge' has no split 'validation', only train; {advice}"):
        load("arc_challenge", tmp_path, "validation", validation=None)


def test_two_copies_do_not_read_each_others_cache(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_hub(tmp_path / name / "openai/gsm8k", {"main": {"train": [gsm8k(f"{name}?", "#### 1")]}})
    assert [load("gsm8k", tmp_path / name)[0].question for name in ("one", "two", "one")] == ["one?", "two?", "one?"]


GOOD = gsm8k("How many?", "#### 1")
# the data set, its config, its split, its rows, and the error when train is asked for
BAD_COPIES = [
    (
        "gsm8k",
        "main",
        "train",
        [GOOD, gsm8k("?", "It is 12.")],
        r"gsm8k: .*'main', split 'train', row 1: the gold .*'#### <number>'.*12\.'",
    ),
    ("gsm8k", "main", "train", [gsm8k("?", "#### twelve")], r"split 'train', row 0: the gold answer does not parse"),
    ("gsm8k", "main", "train", [{"q": "?", "answer": "#### 1"}], r"row 0: expected text in column 'question', found the columns q, answer"),
    ("gsm8k", "main", "train", [{"question": 3, "answer": "#### 1"}], r"row 0: expected text in column 'question', got 3"),
    ("gsm8k", "main", "test", [GOOD], r"config 'main' has no split 'train', only test; give held_out .* or train: 0"),
    ("gsm8k", "socratic", "train", [GOOD], r"config 'main' cannot be read: ValueError: .*Available: \['socratic'\]"),
    ("svamp", "default", "train", [svamp("chal-1", "He has 3.", "?", "three")], r"svamp: .*row 0: the gold answer .*'three'"),
]


@pytest.mark.parametrize(("name", "config", "split", "rows", "message"), BAD_COPIES)
def test_bad_copies(name: str, config: str, split: str, rows: Any, message: str, tmp_path: Path) -> None:
    write_hub(tmp_path / HUB_IDS[name], {config: {split: rows}})
    with pytest.raises(BadInput, match=message) as error:
        load(name, tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (math("One?", "It is 2."), r"competition_math: .*'algebra', split 'test', row 0: the gold answer .*boxed.*'It is 2\.'"),
        (math("One?", r"$\boxed{}$"), "the gold answer does not parse"),
        (math("One?", r"$\boxed{1}$ or $\boxed{2"), "the gold answer does not parse"),
        (math("One?", r"$\boxed{1}$", "hard"), "expected 'Level <1 to 5>' in column 'level', got 'hard'"),
    ],
)
def test_bad_math_rows(row: Mapping[str, str], message: str, tmp_path: Path) -> None:
    write_math(tmp_path, algebra={"test": [row]})
    with pytest.raises(BadInput, match=message):
        load("competition_math", tmp_path, "test")


def test_a_parquet_file_cut_short(tmp_path: Path) -> None:
    write_hub(tmp_path / "openai/gsm8k", {"main": {"train": [GOOD] * 50}})
    path = tmp_path / "openai/gsm8k/main/train-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(BadInput, match=r"gsm8k: config 'main' cannot be read: ArrowInvalid") as error:
        load("gsm8k", tmp_path)
    assert "\n" not in str(error.value)


def test_missing_root(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere: missing hub root; make it"):
        load("gsm8k", tmp_path / "nowhere")


def test_from_the_hub(tmp_path: Path) -> None:
    """Offline and not in the Hub client's cache: one line. In its cache, under the pinned revision: read from there, without torch."""
    revision = task("gsm8k").Params().revision
    script = f"""
import sys
from pathlib import Path
from stages.shared.errors import BadInput
from stages.tasks import task
gsm8k = task("gsm8k")
try:
    problems = list(gsm8k.load("train", gsm8k.Params(), Path({str(tmp_path / "root")!r}), 0))
    print([problem.question for problem in problems], "torch" in sys.modules)
except BadInput as error:
    print(error)
"""
    (tmp_path / "root").mkdir()
    env = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "PYTHONPATH": str(REPOSITORY)}

    def output() -> str:
        return subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True).stdout

    told = output()
    assert "root/openai/gsm8k: no such directory, and the Hub did not give openai/gsm8k at revision" in told and told.count("\n") == 1
    assert revision in told and "put a copy of the repository there" in told
    repository = tmp_path / "hf/hub/datasets--openai--gsm8k"
    write_hub(repository / "snapshots" / revision, {"main": {"train": [gsm8k("Pinned?", "#### 1")]}})
    assert output() == "['Pinned?'] False\n"


def test_revisions_are_pinned() -> None:
    """But for BIG-bench, of whose newest repository no commit could be looked up, and TabMWP, which is not on the Hub."""
    pinned = {name for name in HUB_IDS if re.fullmatch("[0-9a-f]{40}", task(name).Params().revision)}
    assert set(HUB_IDS) - pinned == {"date", "table_mwp"}


LINE = {"id": "a", "question": "What is 1 + 1?", "answer": "2.0"}


def write_lines(root: Path, *lines: Any) -> None:
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    (root / "mine.jsonl").write_text(text)


def test_jsonl(tmp_path: Path) -> None:
    choice = {
        "id": "b",
        "question": "Which?",
        "gold_answer": "blue",
        "kind": "choice",
        "choices": ["red", "blue"],
        "split": "test",
        "level": 2,
    }
    write_lines(tmp_path, LINE | {"split": "train"}, choice, LINE | {"id": "c"})
    split = split_of("c", 0.5)
    several = {"file": "mine.jsonl", "held_out": 0.5, "kinds": ["number", "choice"]}
    found = {s: load("jsonl", tmp_path, s, **several) for s in ("train", "test")}
    assert {problem.id for problem in found[split]} == {"c", {"train": "a", "test": "b"}[split]}
    both = {problem.id: problem for part in found.values() for problem in part}
    assert (both["a"].answer, both["b"].answer, both["b"].level, both["b"].task) == ("2", "B", 2, "jsonl")
    write_lines(tmp_path, *({"id": str(number), "split": "train"} | {"question": "?", "answer": "1"} for number in range(5)))
    assert [problem.id for problem in load("jsonl", tmp_path, file="mine.jsonl", train=2)] == ["0", "1"]
    with pytest.raises(BadInput, match=r"unknown split 'pretrain' .*; for bases.<base>.corpus.tasks take word_problems"):
        load("jsonl", tmp_path, "pretrain", file="mine.jsonl")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([LINE, '{"id": '], r"mine\.jsonl:2: malformed JSON"),
        ([LINE, {"id": "b", "answer": "1"}], r"mine\.jsonl:2: .*missing required field `question`"),
        ([LINE, {"id": "b", "question": "?"}], r"mine\.jsonl:2: missing field `answer` \(or `gold_answer`, `answerKey`, `label`\)"),
        ([LINE | {"id": [7]}], r"mine\.jsonl:1: .*Expected `str"),
        ([LINE | {"id": " "}], r"mine\.jsonl:1: `id` is blank"),
        ([LINE | {"levl": 7}], r"mine\.jsonl:1: .*unknown field `levl`"),
        ([LINE, LINE], r"mine\.jsonl:2: duplicate id 'a'"),
        ([LINE | {"kind": "numbr"}], r"mine\.jsonl:1: unknown kind 'numbr' \(did you mean 'number'\?\); choose from: choice, "),
        ([LINE | {"answer": "two"}], r"mine\.jsonl:1: the gold answer does not parse as number, got 'two'"),
        ([LINE | {"gold_answer": "3"}], r"mine\.jsonl:1: `answer` and `gold_answer` differ"),
        ([LINE | {"split": "dev"}], r"mine\.jsonl:1: unknown split 'dev'; choose from: test, train, validation"),
        ([], r"mine\.jsonl: the file is empty"),
    ],
)  # fmt: skip
def test_bad_jsonl(lines: list[Any], message: str, tmp_path: Path) -> None:
    write_lines(tmp_path, *lines)
    with pytest.raises(BadInput, match=message):
        [load("jsonl", tmp_path, split, file="mine.jsonl", held_out=0.5) for split in ("test", "train")]


def test_jsonl_needs_a_split_and_a_file(tmp_path: Path) -> None:
    write_lines(tmp_path, LINE)
    with pytest.raises(BadInput, match=r"mine\.jsonl:1: missing field `split`; give every row one, or set tasks\.jsonl\.held_out"):
        load("jsonl", tmp_path, file="mine.jsonl")
    with pytest.raises(BadInput, match=r"other\.jsonl: no such file"):
        load("jsonl", tmp_path, file="other.jsonl")


@pytest.mark.parametrize("name", sorted(set(TASKS) - {"word_problems"}))
@pytest.mark.parametrize(
    "wrong",
    [
        {"train": -1}, {"train": "5"}, {"held_out": 1.5}, {"held_out": 0.0}, {"tran": 5}, {"test": 2.0},
        {"validation": 1.0}, {"validation": 0.0}, {"validation": -1}, {"validation": "5"}, {"validation": True},
    ],
)  # fmt: skip
def test_params_check_themselves(name: str, wrong: dict[str, Any]) -> None:
    given: dict[str, dict[str, Any]] = {
        "jsonl": {"file": "mine.jsonl"},
        "conversations": {"file": "mine"},
        "labelled_text": {"data": "mine", "labels": {"0": "ham", "1": "spam"}},
    }
    needed = given.get(name, {})
    task(name).Params(**needed)
    with pytest.raises(ValidationError):
        task(name).Params(**needed | wrong)


PREALGEBRA = (
    "0-109 121 123 163 175 194 198-201 209 213 227 246 250 251 254 256 263 278 285 291 293 297 298 304 315 330 341 363 368 376 383 384 398 "
    "402 406 408 413 415 417"
)


@needs_shared
def test_offline_copies() -> None:
    root = SHARED / "hub"
    counts = {
        (name, split): len(load(name, root, split, **{} if split == "test" or name != "competition_math" else {"train": 0}))
        for name in ("gsm8k", "svamp", "competition_math")
        for split in ("train", "test")
    }
    assert counts == {
        ("gsm8k", "train"): 1500,
        ("gsm8k", "test"): 660,
        ("svamp", "train"): 400,
        ("svamp", "test"): 150,
        ("competition_math", "train"): 0,
        ("competition_math", "test"): 1050,
    }


@needs_shared
@pytest.mark.parametrize(("name", "file", "problems"), [("gsm8k", "gsm8k", 660), ("svamp", "svamp", 550), ("competition_math", "math", 55)])
def test_ids_and_answers_are_those_of_the_recorded_answers(name: str, file: str, problems: int) -> None:
    extra = {"test_rows": {"prealgebra": PREALGEBRA}, "train": 0} if name == "competition_math" else {}
    found = {problem.id: problem for split in ("train", "test") for problem in load(name, SHARED / "hub", split, **extra)}
    recorded: dict[str, str] = {}
    for line in (SHARED / "recorded" / f"{file}.jsonl").open():
        row = json.loads(line)
        recorded[row["problem_id"]] = row["gold"]
    assert len(recorded) == problems and recorded.keys() <= found.keys()
    differ = [id for id, told in recorded.items() if (gold.number(told) or told) != (gold.number(found[id].answer) or found[id].answer)]
    assert not differ, Counter(differ)
