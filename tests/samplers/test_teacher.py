"""The glyph system with teacher=openai, from flags to kept rows, against a local server behind which a teacher of ours answers."""

import json
import re
import shutil
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import compose_and_dump
from stages.shared.files import read
from stages.shared.rows import Ending, Trace

from project_tree import ROOT, contents
from server import Call
from teachers import Scripted

STUDENT = ROOT / "models/glyph/student"
KEY = "sk-" + "planted" * 4
FLOW = ("collect", "prompt", "respond", "grade", "judge", "filter")


class Student(Scripted):
    """The tiny student of the default run, served: of itself it uses glyphs on hard problems, so it is asked plainly."""

    style = "plain"

    @cached_property
    def model(self) -> tuple[Any, Any]:
        from tiny import loaded, one_thread

        one_thread()
        return loaded(STUDENT)

    def speak(self, call: Call) -> tuple[str, str]:
        import torch
        from stages.models.templates import render

        model, tokenizer = self.model
        inputs = tokenizer(render(tokenizer, call.body["messages"], prompt=True), add_special_tokens=False, return_tensors="pt")
        with torch.inference_mode():
            output = model.generate(**inputs, do_sample=False, max_new_tokens=call.body["max_tokens"], eos_token_id=tokenizer.eos_token_id)
        words = output[0, inputs["input_ids"].shape[1] :].tolist()
        ended = tokenizer.eos_token_id in words
        return tokenizer.decode(words, skip_special_tokens=True), Ending.STOP if ended else Ending.LENGTH


@pytest.fixture(params=[Scripted, Student])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scripted]:
    if request.param is Student and not (STUDENT / "config.json").is_file():
        pytest.skip("models/glyph/student is not here: `make repro` makes it")
    with request.param(tmp_path) as served:
        yield served


def configure(folder: Path, server: Scripted, *flags: str) -> None:
    """What `dvc exp run -S ...` makes of params.yaml."""
    teacher, problems = "systems.glyph.respond.teacher", "systems.glyph.collect.tasks.word_problems"
    flags = (
        "teacher=openai", f"{teacher}.base_url={server.url}", f"{teacher}.model=tiny", f"{teacher}.api_key_env=TEACHER_KEY",
        f"{teacher}.max_usd=null", f"{teacher}.n=1", f"{teacher}.max_tokens=160", f"{problems}.train=12", f"{problems}.test=6",
        f"systems.glyph.prompt.teacher={server.style}", "~systems.glyph.prompt.probe", "~systems.glyph.respond.probe", *flags,
    )  # fmt: skip
    compose_and_dump(str(folder / "params.yaml"), str(folder / "conf"), None, "config", str(folder), list(flags))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    (tmp_path / "data/hub").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("TEACHER_KEY", KEY)
    return tmp_path


def run(*stages: str) -> None:
    for stage in stages:
        import_module(f"stages.{stage}").main("glyph")


def test_from_flags_to_kept_rows(server: Scripted, project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    configure(project, server)
    run(*FLOW)
    assert len(server.calls) == sum(server.billed.values()) == 12
    assert {call.headers["authorization"] for call in server.calls} == {f"Bearer {KEY}"}
    kept = list(read(project / "data/glyph/kept.jsonl", Trace))
    counts = json.loads((project / "metrics/glyph_filter.json").read_text())["teacher"]
    assert counts["rows"] == 12 and counts["kept"] == len(kept) > 0
    assert {(trace.sampler, trace.model, trace.by, trace.grades["answer"]) for trace in kept} == {("openai", "served", "teacher", 1.0)}
    assert all(re.search("🜞.*🜆.*🜂.*🜃", trace.text, re.DOTALL) for trace in kept)

    before = contents(project / "data")
    run("respond", "grade", "judge", "filter")
    assert contents(project / "data") == before
    assert len(server.calls) == 12  # the second time all of it is in the memo

    configure(project, server, "systems.glyph.collect.tasks.word_problems.train=15")
    run(*FLOW)
    assert len(server.calls) == 15
    said = capfd.readouterr()
    assert KEY not in said.out + said.err + str(contents(project))
    assert (project / ".athanor/memo.sqlite").stat().st_size > 0


def test_a_judge_by_flags(project: Path) -> None:
    """+judge=openai: asked once about each right answer, and never again."""

    class Judge(Scripted):
        def speak(self, call: Call) -> tuple[str, str]:
            if "<answer>" not in call.told:
                return super().speak(call)
            return ("I doubt it.", "Bad.\nVERDICT: INVALID", "Good.\nVERDICT: VALID")[len(self.calls) % 3], "stop"

    server = Judge(project)
    with server:
        judge = "systems.glyph.judge.ask"
        configure(
            project,
            server,
            "+judge=openai",
            f"{judge}.base_url={server.url}",
            f"{judge}.model=j",
            f"{judge}.api_key_env=TEACHER_KEY",
            f"{judge}.max_usd=null",
        )
        run(*FLOW)
        right = [trace for trace in read(project / "data/glyph/judged.jsonl", Trace) if trace.grades["answer"] == 1]
        assert len(server.calls) == 12 + len(right)
        assert {trace.reasons.get("valid_reasoning", "valid") for trace in right} == {"valid", "invalid", "unknown"}
        kept = list(read(project / "data/glyph/kept.jsonl", Trace))
        assert {trace.verdict for trace in kept} == {"Good.\nVERDICT: VALID"}
        run("grade", "judge")
        assert len(server.calls) == 12 + len(right)
