"""The scripts prompt, respond, format and generate, run as a stage runs them, on a system S with a student N."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from stages.samplers import scripted
from stages.shared.errors import BadInput
from stages.shared.files import read, write
from stages.shared.rows import Chat, Kind, Problem, Prompt, Response, Trace

from stages import format, generate, prompt, respond

ROOT = Path(__file__).parents[2]
SCRIPTED = {"sampler": "scripted", "n": 1}
SECTIONS: dict[str, Any] = {
    "prompt": {"teacher": "glyph", "probe": "plain"},
    "respond": {"root": "none", "teacher": SCRIPTED, "probe": {"sampler": "scripted", "n": 2, "wrong": 0.5}},
    "format": {"reason_below": 0.5},
    "generate": {"arms": {"student": {"style": "plain", "ask": SCRIPTED}, "always": {"style": "glyph", "ask": SCRIPTED}}},
}
DATA, HELD_OUT = Path("data/S"), Path("data/held_out/S.jsonl")
CHATS = DATA / "chats/N.jsonl"


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    sections()
    write(DATA / "train.jsonl", (problem(number, "train") for number in range(40)))
    write(HELD_OUT, (problem(number, "test") for number in range(40)))
    return tmp_path


def sections(seed: int = 3, **changed: Any) -> None:
    with Path("params.yaml").open("w") as file:
        sections = SECTIONS | changed
        student = {"system": "S", "base": "B", "format": sections.pop("format")}
        YAML().dump({"seed": seed, "bases": {"B": {}}, "systems": {"S": {"base": "B"} | sections}, "students": {"N": student}}, file)


def entry(main: Callable[[str], None]) -> str:
    """The student, for the stage `format`; the system for the others."""
    return "N" if main is format.main else "S"


def problem(number: int, split: str) -> Problem:
    question = f"Tom has {number} figs. He buys 1 more. How many figs does Tom have now?"
    solution = f"{number} + 1 = {number + 1}"
    return Problem(
        id=f"{split}{number}",
        task="t",
        kind=Kind.NUMBER,
        split=split,
        question=question,
        answer=str(number + 1),
        solution=solution,
        level=1 + number % 2,
    )


def graded() -> list[Trace]:
    """The responses as grade and filter would hand them on: only right ones, every second problem hard."""
    rows = []
    for row in read(DATA / "responses.jsonl", Response):
        if row.text.endswith(f"The answer is {row.answer}."):
            fields = {name: getattr(row, name) for name in row.__struct_fields__}
            rows.append(Trace(**fields, pred=row.answer, grades={"answer": 1.0}, reasons={}, pass_rate=float(row.level == 1)))
    return rows


def to_chats() -> None:
    prompt.main("S")
    respond.main("S")
    write(DATA / "kept.jsonl", graded())
    format.main("N")


def test_prompt_puts_every_problem_to_both() -> None:
    prompt.main("S")
    rows = list(read(DATA / "prompts.jsonl", Prompt))
    assert [(row.id, row.by, row.style) for row in rows[:3]] == [
        ("train0", "teacher", "glyph"),
        ("train0", "probe", "plain"),
        ("train1", "teacher", "glyph"),
    ]
    assert len(rows) == 80


def test_respond_answers_all_prompts_in_order() -> None:
    prompt.main("S")
    respond.main("S")
    rows = list(read(DATA / "responses.jsonl", Response, key=lambda row: row.trace_id))
    assert [(row.id, row.by, row.sample) for row in rows[:4]] == [
        ("train0", "teacher", 0),
        ("train0", "probe", 0),
        ("train0", "probe", 1),
        ("train1", "teacher", 0),
    ]
    assert len(rows) == 120
    assert rows[0].text == "🜞 How many figs does Tom have now?\n🜆 0 + 1\n🜂 0 + 1 = 1\n🜃 The answer is 1."


def test_the_probe_may_be_left_out_of_both() -> None:
    sections(prompt={"teacher": "glyph"}, respond={"root": "none", "teacher": SCRIPTED})
    prompt.main("S")
    respond.main("S")
    assert {row.by for row in read(DATA / "responses.jsonl", Response)} == {"teacher"}


def test_format_mixes_and_reports() -> None:
    to_chats()
    chats = list(read(CHATS, Chat, key=lambda chat: chat.id))
    report = json.loads(Path("metrics/N_format.json").read_text())
    assert report["latent"] == 20 == sum(chat.format == "latent" for chat in chats)
    assert report["natural"] == len(chats) - 20 > 5
    assert report["natural"] + report["no_natural"] == 20
    assert report["easy_share"] == report["natural"] / report["chats"]
    assert report["levels"] == {"1": {"natural": report["natural"]}, "2": {"latent": 20}}
    assert sum(report["left_out"].values()) + len(chats) == len(graded())
    asked = {row.id: row.question for row in read(DATA / "train.jsonl", Problem)}
    assert all(chat.messages[0] == {"role": "user", "content": asked[chat.problem]} for chat in chats)


def corpus(count: int) -> list[Chat]:
    messages: list[Any] = [{"role": "user", "content": "1 + 1"}, {"role": "assistant", "content": "2"}]
    rows = [
        Chat(id=f"drill{number}", problem=f"drill{number}", format="natural", style="plain", messages=messages, trace="gold:x")
        for number in range(count)
    ]
    write(Path("data/corpora/B.jsonl"), rows)
    return rows


def test_a_share_of_the_chats_are_rows_of_the_corpus() -> None:
    to_chats()
    plain = CHATS.read_bytes()
    rows = corpus(200)
    chosen: list[list[str]] = []
    for seed in (3, 4, 3):
        sections(seed, format=SECTIONS["format"] | {"replay": 0.25})
        format.main("N")
        replayed = [chat for chat in read(CHATS, Chat, key=lambda chat: chat.id) if chat.id.startswith("drill")]
        assert json.loads(Path("metrics/N_format.json").read_text())["replayed"] == len(replayed)
        assert len(replayed) == round(len(plain.splitlines()) / 3) and {chat.id for chat in replayed} < {row.id for row in rows}
        chosen.append([chat.id for chat in replayed])
    assert chosen[0] == chosen[2] != chosen[1]
    assert CHATS.read_bytes().startswith(plain)


@pytest.mark.parametrize("count", [0, 3])
def test_a_corpus_with_too_few_rows_is_told(count: int) -> None:
    to_chats()
    corpus(count)
    sections(format=SECTIONS["format"] | {"replay": 0.25})
    with pytest.raises(BadInput, match=rf"format.replay: asks for \d+ rows of data/corpora/B.jsonl, which has {count}"):
        format.main("N")


def test_format_counts_styles_and_tasks_where_there_are_several() -> None:
    sections(format={"selective": False, "hard": "direct", "per_problem": None})
    to_chats()
    assert not {"styles", "tasks", "answer_only"} & json.loads(Path("metrics/N_format.json").read_text()).keys()
    kept = graded()
    for number, row in enumerate(kept):
        row.task, row.pass_rate, row.text = f"t{number % 3}", None, f"{number}: {row.text}"
        row.style = "plain" if number % 5 and row.by == "teacher" else row.style
    write(DATA / "kept.jsonl", kept)
    format.main("N")
    found = json.loads(Path("metrics/N_format.json").read_text())
    assert sum(found["styles"]["direct"].values()) == sum(found["tasks"].values()) == found["chats"] == 40
    assert found["styles"]["direct"].keys() == {"glyph", "plain"} and found["tasks"].keys() == {"t0", "t1", "t2"}
    sections(format={"selective": False, "hard": "answer_only"})
    format.main("N")
    found = json.loads(Path("metrics/N_format.json").read_text())
    assert (found["answer_only"], found["no_answer_only"]) == (40, 0) and "direct" not in found


def test_format_asks_in_the_style_of_the_student() -> None:
    sections(format={"student_style": "no_symbols"})
    to_chats()
    chat = next(read(CHATS, Chat))
    assert chat.messages[0]["content"].endswith("Do not use any special symbols or glyphs.")


def test_generate_puts_every_arm_next_to_each_other() -> None:
    generate.main("S")
    rows = list(read(DATA / "generations.jsonl", Response, key=lambda row: row.trace_id))
    assert [(row.id, row.by, row.style) for row in rows[:3]] == [
        ("test0", "student", "plain"),
        ("test0", "always", "glyph"),
        ("test1", "student", "plain"),
    ]
    assert len(rows) == 80


def test_what_the_teachers_answers_come_to() -> None:
    """Of the teacher alone, and of the answers themselves: where they came from makes no difference."""
    sections(respond=SECTIONS["respond"] | {"teacher": SCRIPTED | {"n": 2, "truncated": 0.5}})
    prompt.main("S")
    respond.main("S")
    rows = [row for row in read(DATA / "responses.jsonl", Response) if row.by == "teacher"]
    cut = sum(row.ending == "length" for row in rows)
    assert 20 < cut < 60
    assert json.loads(Path("metrics/S_teacher.json").read_text()) == {
        "requests": 80,
        "answers": 80,
        "missing": 0,
        "ended_stop": 80 - cut,
        "ended_length": cut,
        "ended_content_filter": 0,
        "ended_refusal": 0,
        "ended_context": 0,
        "tokens": sum(row.tokens for row in rows),
        "prompt_tokens": 0,
        "cost_usd": 0.0,
        "unpriced": 0,
    }


def test_of_processes_that_are_launched_together_the_first_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    prompt.main("S")
    for rank, written in (("1", False), ("0", True)):
        monkeypatch.setenv("RANK", rank)
        respond.main("S")
        generate.main("S")
        assert [Path(path).exists() for path in (DATA / "responses.jsonl", DATA / "generations.jsonl", "metrics/S_teacher.json")] == [
            written
        ] * 3


def test_what_is_bought_is_bought_by_one_process_of_a_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others answer batches of local models only: a bound on money holds once, not once for each process."""
    prompt.main("S")
    asked: list[str] = []
    answer = scripted.answer

    def counted(*arguments: Any) -> Any:
        asked.append("scripted")
        return answer(*arguments)

    monkeypatch.setattr(scripted, "answer", counted)
    monkeypatch.setenv("RANK", "1")
    respond.main("S")
    assert asked == [] and not (DATA / "responses.jsonl").exists()
    monkeypatch.setenv("RANK", "0")
    respond.main("S")
    assert asked == ["scripted", "scripted"] and (DATA / "responses.jsonl").exists()


@pytest.mark.parametrize(
    ("model", "known"),
    [("models/bases/other", False), ("models/students/T/N", False), ("models/bases/B", True), ("models/students/S/N", True)],
)
def test_an_arm_names_a_model_that_the_stage_depends_on(model: str, known: bool) -> None:
    """Else the model, trained anew, would leave the answers of its predecessor."""
    arms = {"student": {"style": "plain", "ask": {"sampler": "hf", "model": model, "max_new_tokens": 2, "device": "cpu"}}}
    sections(generate={"arms": arms})
    with pytest.raises(BadInput) as error:  # of known ones: that the folder is not there
        generate.main("S")
    refused = "systems.S.generate.arms.student.ask: unknown model"
    assert str(error.value).startswith(refused) is not known


def test_a_second_run_writes_the_same_bytes() -> None:
    def run() -> dict[str, bytes]:
        to_chats()
        generate.main("S")
        return {str(path): path.read_bytes() for folder in ("data", "metrics") for path in Path(folder).rglob("*.json*")}

    first = run()
    assert len(first) == 11  # the two files of validation rows are empty
    assert run() == first


def test_the_seed_decides_who_errs_and_what_is_left_out() -> None:
    def run(seed: int, kept_seed: int) -> dict[str, bytes]:
        often = SCRIPTED | {"wrong": 0.5}
        changed: dict[str, Any] = {"generate": {"arms": {"student": {"style": "plain", "ask": often}}}, "format": {"easy_share": 0.2}}
        sections(kept_seed, **changed)
        to_chats()
        sections(seed, **changed)
        format.main("N")
        respond.main("S")
        generate.main("S")
        return {name: (DATA / f"{name}.jsonl").read_bytes() for name in ("responses", "generations", "chats/N")}

    first, other = run(3, 3), run(4, 3)
    assert [name for name in first if first[name] != other[name]] == ["responses", "generations", "chats/N"]


@pytest.mark.parametrize(
    ("main", "section", "values", "faults"),
    [
        (prompt.main, "prompt", {"teacher": "glpyh", "probe": 3}, ["teacher: unknown style 'glpyh' (did you mean 'glyph'?)", ".probe: "]),
        (prompt.main, "prompt", {"probe": "plain", "tacher": "glyph"}, [".teacher: is missing", ".tacher: unknown key"]),
        (
            respond.main,
            "respond",
            {"root": "r", "teacher": {"sampler": "scripted", "wrong": 2.0, "n": 0}, "probe": {"sampler": "script"}},
            [".teacher.wrong: ", ".teacher.n: ", ".probe: unknown sampler 'script' (did you mean 'scripted'?); choose from: "],
        ),
        (respond.main, "respond", {"root": "r", "teacher": {"sampler": "scripted", "wrong": 0.6, "missing": 0.6}}, ["sum to at most 1"]),
        (
            format.main,
            "format",
            {"hard": "latnet", "easy_share": 2, "student_style": "x", "selectiv": True},
            [
                ".hard: unknown format 'latnet'",
                "choose from: answer_only, direct, gold_label, latent, natural, signalled",
                ".easy_share: ",
                ".student_style: ",
                ".selectiv: unknown key",
            ],
        ),
        (generate.main, "generate", {"arms": {}}, [".arms: "]),
        (
            generate.main,
            "generate",
            {"arms": {"a": {"style": "x", "ask": {"sampler": "y"}}, "b": {"ask": {"sampler": "scripted", "k": 1}}}},
            [".arms.a.style: unknown style", ".arms.a.ask: unknown sampler", ".arms.b.style: is missing", ".arms.b.ask.k: unknown key"],
        ),
    ],
)
def test_all_faults_of_a_section_are_told_at_once(main: Callable[[str], None], section: str, values: object, faults: list[str]) -> None:
    changed: dict[str, Any] = {section: values}
    sections(**changed)
    with pytest.raises(BadInput) as error:
        main(entry(main))
    assert "\n" not in str(error.value)
    for fault in faults:
        assert fault in str(error.value)


BAD_LINES = [
    (b"{not json}\n", "malformed JSON"),
    (b'{"id": "a"}\n', "missing required field"),
    (b"", "the file is empty"),
    (None, "no such file"),
]


@pytest.mark.parametrize(("content", "told"), BAD_LINES)
@pytest.mark.parametrize(
    ("main", "source", "target"),
    [
        (prompt.main, DATA / "train.jsonl", "prompts"),
        (respond.main, DATA / "prompts.jsonl", "responses"),
        (format.main, DATA / "kept.jsonl", "chats/N"),
        (generate.main, HELD_OUT, "generations"),
    ],
)
def test_a_bad_input_file_is_named_and_nothing_is_overwritten(
    main: Callable[[str], None], source: Path, target: str, content: bytes | None, told: str
) -> None:
    to_chats()
    generate.main("S")
    before = (DATA / f"{target}.jsonl").read_bytes()
    if content is None:
        source.unlink()
    else:
        source.write_bytes((source.read_bytes() if content else b"") + content)
    with pytest.raises(BadInput, match=told) as error:
        main(entry(main))
    assert str(error.value).startswith(str(source))
    assert (DATA / f"{target}.jsonl").read_bytes() == before
    assert not list(DATA.rglob("*.partial"))


@pytest.mark.parametrize(
    ("main", "source"),
    [
        (prompt.main, DATA / "train.jsonl"),
        (respond.main, DATA / "prompts.jsonl"),
        (format.main, DATA / "kept.jsonl"),
        (generate.main, HELD_OUT),
    ],
)
def test_a_duplicate_id_is_named_with_its_line(main: Callable[[str], None], source: Path) -> None:
    to_chats()
    lines = source.read_bytes().splitlines(keepends=True)
    source.write_bytes(b"".join([*lines, lines[0]]))
    with pytest.raises(BadInput, match=f"{source}:{len(lines) + 1}: duplicate id"):
        main(entry(main))


def test_prompts_and_samplers_must_name_the_same_people() -> None:
    prompt.main("S")
    sections(respond={"root": "none", "teacher": SCRIPTED})
    with pytest.raises(BadInput, match="no sampler for probe"):
        respond.main("S")
    assert not (DATA / "responses.jsonl").exists()


def test_format_refuses_where_no_trace_fits() -> None:
    to_chats()
    write(DATA / "kept.jsonl", (row for row in graded() if row.by == "probe" and row.pass_rate == 0))
    with pytest.raises(BadInput, match="no kept trace fits"):
        format.main("N")


class TestStudentsFolder:
    """What stands in models/students/S: DVC takes the folder as a whole, and leaves there what a student that is gone has left."""

    @pytest.mark.parametrize("name", ["M", "n", "N.old"])
    def test_a_folder_of_no_student_is_refused_by_its_name(self, name: str) -> None:
        for folder in ("N", name):
            Path("models/students/S", folder).mkdir(parents=True)
        with pytest.raises(BadInput) as refused:
            generate.main("S")
        assert str(refused.value).startswith(f"models/students/S/{name}: unknown student {name!r}")
        assert str(refused.value).endswith("; choose from: N; delete the folder")
        assert not (DATA / "generations.jsonl").exists()

    def test_a_student_of_another_system_is_none_of_this_one(self) -> None:
        """Of two systems each has its own folder."""
        values = YAML(typ="safe").load(Path("params.yaml"))
        values["systems"]["T"], values["students"]["M"] = values["systems"]["S"], values["students"]["N"] | {"system": "T"}
        with Path("params.yaml").open("w") as file:
            YAML().dump(values, file)
        Path("models/students/S/M").mkdir(parents=True)
        with pytest.raises(BadInput, match=r"^models/students/S/M: unknown student 'M'; choose from: N; delete the folder$"):
            generate.main("S")
        Path("models/students/S/M").rename("models/students/S/N")
        Path("models/students/T/M").mkdir(parents=True)
        generate.main("S")

    def test_those_of_its_students_are_none_of_its_business(self) -> None:
        generate.main("S")
        first = (DATA / "generations.jsonl").read_bytes()
        Path("models/students/S/N").mkdir(parents=True)
        generate.main("S")
        assert (DATA / "generations.jsonl").read_bytes() == first


@pytest.mark.parametrize("stage", ["prompt", "respond", "format", "generate"])
def test_as_a_program_it_says_what_is_wrong_in_one_line_and_loads_no_model_library(stage: str, house: Path) -> None:
    faulty: dict[str, Any] = {stage: {"tpyo": 1}}
    sections(**faulty)
    name, section = ("N", "students.N.format") if stage == "format" else ("S", f"systems.S.{stage}")
    code = f"import sys, runpy; sys.argv = ['{stage}', '{name}']\ntry: runpy.run_module('stages.{stage}', run_name='__main__')\n"
    code += "finally: print([name for name in ('torch', 'transformers', 'datasets', 'sklearn', 'pandas') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=house, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (1, "[]")
    assert done.stderr.startswith(f"{stage}: params.yaml: {section}")
    assert done.stderr.count("\n") == 1
