"""A model of this project behind a server: a model trained anew never answers with the words of its predecessor."""

from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import compose_and_dump
from pydantic import ValidationError
from ruamel.yaml import YAML
from stages.models.folders import hash_of_folder
from stages.samplers import openai
from stages.samplers.http.served_folder import DIGITS
from stages.shared.errors import BadInput
from stages.shared.files import read, write
from stages.shared.params import read as read_params
from stages.shared.rows import Kind, Problem, Response
from stages.tools.served_name import served_name

from project_tree import ROOT
from server import Call, Server, error
from server import Response as Reply
from stages import generate, judge, respond
from teachers import ask, params, prompts, workplace

pytestmark = pytest.mark.usefixtures("workplace")
__all__ = ["workplace"]
STUDENT = "models/students/s/n"


def train(weights: str) -> str:
    """Makes the student's folder, and gives the hash of it."""
    folder = Path(STUDENT)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_text(weights)
    return hash_of_folder(folder)


class Named(Server):
    """Like vLLM, it answers for the name that it was started with and for no other. `named` may be changed: another start."""

    named = ""

    def answered(self, call: Call, text: str | None, reason: str, **message: Any) -> Reply:
        if call.body["model"] != self.named:
            return error(404, f"The model `{call.body['model']}` does not exist.", "NotFoundError")
        return super().answered(call, f"{self.named} says {call.told}", reason, **message)


def test_who_answers_is_said_by_the_files_and_not_by_the_address() -> None:
    first = train("first")
    with Server() as server, Server() as moved:
        before = ask(server, prompts(5), serves=STUDENT)
        assert ask(moved, prompts(5), serves=STUDENT) == before and not moved.calls  # another port: nothing is asked
        assert len(server.calls) == 5
        assert train("second") != first
        after = ask(server, prompts(5), serves=STUDENT)
        assert len(server.calls) == 10 and {answer.text for (answer,) in after}.isdisjoint(answer.text for (answer,) in before)
        assert train("first") == first
        assert ask(server, prompts(5), serves=STUDENT) == before and len(server.calls) == 10  # `dvc checkout` of the old one


def test_a_server_that_still_has_the_predecessor_refuses() -> None:
    digest = train("first")[:DIGITS]
    with Named() as server:
        server.named = f"n-{digest}"
        ((answer,),) = ask(server, prompts(1), serves=STUDENT, model="n-{hash}")
        assert answer.text == f"n-{digest} says plain question 0"
        assert served_name(STUDENT) == server.named
        renamed = train("second")[:DIGITS]
        with pytest.raises(BadInput, match=rf"no model 'n-{renamed}' there"):
            ask(server, prompts(1), serves=STUDENT, model="n-{hash}")
        server.named = f"n-{renamed}"
        ((answer,),) = ask(server, prompts(1), serves=STUDENT, model="n-{hash}")
        assert answer.text == f"n-{renamed} says plain question 0"


FAULTS: dict[str, dict[str, Any]] = {
    "identity: with serves the hash of the folder is the identity": {"serves": STUDENT, "identity": "mine"},
    r"model: \{hash\} is the hash of the folder that serves names": {"model": "n-{hash}"},
    "serves": {"serves": ""},
}


@pytest.mark.parametrize(("message", "changed"), FAULTS.items())
def test_params_that_do_not_fit_together(message: str, changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=message):
        params(None, **changed)


def test_a_folder_that_is_not_there_or_holds_no_model() -> None:
    with pytest.raises(BadInput, match="models/students/s/n: no such model folder"):
        ask(None, prompts(1), serves=STUDENT)
    Path(STUDENT).mkdir(parents=True)
    with pytest.raises(BadInput, match="models/students/s/n: not a model folder"):
        ask(None, prompts(1), serves=STUDENT)


def problem(number: int) -> Problem:
    return Problem(id=f"p{number}", task="t", kind=Kind.NUMBER, split="test", question=f"{number}?", answer="1")


def sections(url: str, serves: str) -> None:
    sampler: dict[str, Any] = {
        "sampler": "openai",
        "model": "n-{hash}",
        "base_url": url,
        "api_key_env": None,
        "max_tokens": 8,
        "serves": serves,
    }
    sampler |= {"serves": serves, "price": {"prompt": 0, "completion": 0}}
    arms = {"student": {"style": "plain", "ask": sampler}}
    system = {"base": "b", "generate": {"arms": arms}, "judge": {"ask": sampler}, "respond": {"root": "models/bases/t", "teacher": sampler}}
    values = {"seed": 0, "bases": {"b": {}}, "systems": {"s": system}, "students": {"n": {"system": "s", "base": "b"}}}
    with Path("params.yaml").open("w") as file:
        YAML().dump(values, file)


def test_an_evaluation_through_a_served_student() -> None:
    write(Path("data/held_out/s.jsonl"), map(problem, range(3)))
    with Named() as server:
        for weights in ("first", "second"):
            server.named = f"n-{train(weights)[:DIGITS]}"
            sections(server.url, STUDENT)
            generate.main("s")
            rows = list(read(Path("data/s/generations.jsonl"), Response))
            assert [row.text for row in rows] == [f"{server.named} says {number}?" for number in range(3)]
        assert len(server.calls) == 6


def test_a_served_folder_that_the_stage_does_not_depend_on() -> None:
    train("first")
    write(Path("data/held_out/s.jsonl"), [problem(0)])
    sections("http://127.0.0.1:9/v1", "elsewhere/n")
    with pytest.raises(BadInput, match=r"arms\.student\.ask: unknown model 'elsewhere/n'.*choose from: models/bases/b, "):
        generate.main("s")
    for stage, model in (("judge", judge.Params), ("respond", respond.Params)):
        with pytest.raises(BadInput, match=r"'elsewhere/n' is not in root, '.*': DVC would not see it change"):
            read_params("s", stage, model)


def test_a_served_base_model_that_the_stage_does_not_depend_on() -> None:
    train("first")
    sections("http://127.0.0.1:9/v1", STUDENT)
    text = Path("params.yaml").read_text().replace("root: models/bases/t", f"root: {STUDENT}")
    values = YAML(typ="safe").load(text)
    respond_section = values["systems"]["s"]["respond"]
    for serves, message in ((STUDENT, "prompts.jsonl: no such file"), ("models/bases/other", "choose from: models/bases/b")):
        respond_section["probe"] = respond_section["teacher"] | {"serves": serves}
        with Path("params.yaml").open("w") as file:
            YAML().dump(values, file)
        with pytest.raises(BadInput, match=message):
            respond.main("s")


class Guided(Server):
    """Like vLLM with a reasoning parser: the thought stands apart, in `reasoning`."""

    def answered(self, call: Call, text: str | None, reason: str, **message: Any) -> Reply:
        return super().answered(call, "The answer is 4.", reason, reasoning="Two and two.")


def test_the_teacher_vllm_guides_the_answer_and_keeps_the_thought(tmp_path: Path) -> None:
    """With its block of conf/ and the flags that docs/scale.md prints."""
    teacher = "systems.glyph.respond.teacher"
    guide = '{structured_outputs: {regex: "The answer is [0-9]+"}}'
    with Guided() as server:
        flags = ["teacher=vllm", f"{teacher}.base_url={server.url}", f"{teacher}.n=1", f"{teacher}.extra={guide}"]
        compose_and_dump(str(tmp_path / "params.yaml"), str(ROOT / "conf"), None, "config", str(ROOT), flags)
        section = read_params("glyph", "respond", respond.Params, tmp_path / "params.yaml").teacher
        ((answer,),) = openai.answer(prompts(1), section, 0)  # type: ignore[arg-type]
        assert (answer.text, answer.reasoning) == ("The answer is 4.", "Two and two.")
        (call,) = server.calls
        assert call.body["structured_outputs"] == {"regex": "The answer is [0-9]+"}
        assert "authorization" not in call.headers and call.body["model"] == "Qwen/Qwen2.5-7B-Instruct"
