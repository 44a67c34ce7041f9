"""Keys: a placeholder changes no answer, a key is never printed, and it may travel in any header."""

import subprocess
import sys
from typing import Any

import pytest
from stages.samplers import gemini, openai
from stages.samplers.http.keys import Keys, api_key, without
from stages.samplers.openai import completions_url
from stages.shared.errors import BadInput

from project_tree import ROOT
from server import Call, Response, Server, error
from teachers import KEY, PRICE, ask, params, prompt, prompts, workplace

pytestmark = [pytest.mark.usefixtures("workplace"), pytest.mark.filterwarnings("ignore::FutureWarning")]
__all__ = ["workplace"]

TEXT = 'EMPTY x 0 {"0": "x"} exact 100 none token-abc123 Bearer EMPTY'


class Says(Server):
    def answered(self, call: Call, text: str | None, reason: str, **message: Any) -> Response:
        return super().answered(call, TEXT, reason, reasoning_content=TEXT)


@pytest.mark.parametrize("key", ["EMPTY", "x", "0", "none", "token-abc123", "e", '"'])
@pytest.mark.parametrize("mode", ["live", "stream", "batch"])
def test_a_short_key_mangles_no_text(key: str, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", key)
    how: dict[str, Any] = {"batch": {"mode": "batch", "poll": 0.01}, "stream": {"stream": True}, "live": {}}
    with Says() as server:
        answers = ask(server, prompts(2), **how[mode])
    assert [(given.text, given.reasoning) for (given,) in answers] == [(TEXT, TEXT)] * 2


@pytest.mark.parametrize("key", ["EMPTY", "0"])
def test_a_short_key_mangles_no_error(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", key)
    refuses = {"bad": lambda server, call: error(401, TEXT)}
    with Server(plan=lambda call: "bad", behaviours=refuses) as server, pytest.raises(BadInput) as told:
        ask(server, prompts(1))
    assert TEXT in str(told.value)


def test_a_short_key_mangles_no_answer_of_gemini(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "EMPTY")

    class Gemini(Server):
        def answered(self, call: Call, text: str | None, reason: str, **message: Any) -> Response:
            return super().answered(call, TEXT, reason)

    with Gemini() as server:
        fixed: dict[str, Any] = {"sampler": "gemini", "model": "g", "max_tokens": 64, "concurrency": 2, "price": PRICE}
        ((given,),) = gemini.answer(prompts(1), gemini.Params(**fixed, base_url=server.url.removesuffix("/v1")), 0)
    assert given.text == TEXT


def test_a_long_key_is_taken_out_of_what_is_said() -> None:
    assert without(f"a {KEY} b", [KEY, "x"]) == "a [the key] b"


PASTED = [
    "sk-proj-0123456789abcdef",
    "sk hunter2 with blanks",
    "0123456789abcdef",
    "abcdef0123456789abcdef0123456789",
    "AKIAIOSFODNN7EXAMPLE",
]


@pytest.mark.parametrize("pasted", PASTED)
@pytest.mark.parametrize("where", ["api_key_env", "headers_env"])
def test_a_key_pasted_where_its_variable_is_named_is_not_printed(pasted: str, where: str) -> None:
    """Neither when params are read nor when the variable turns out not to be set."""
    changed: dict[str, Any] = {where: pasted if where == "api_key_env" else {"api-key": pasted}}
    with pytest.raises(BadInput, match=f"{where}.*environment variable") as told, Server() as server:
        ask(server, prompts(1), **changed)
    assert pasted not in str(told.value) and "hunter2" not in str(told.value)
    with pytest.raises(BadInput) as told:
        gemini.Params(sampler="gemini", model="g", max_tokens=1, api_key_env=pasted)
        api_key(pasted)
    assert pasted not in str(told.value)


def test_a_variable_is_named_where_it_is_not_set() -> None:
    with pytest.raises(BadInput, match="the environment variable SOME_KEY is not set"):
        api_key("SOME_KEY")


def test_a_pasted_key_is_not_printed_by_the_command(workplace: Any) -> None:
    section = f"{{sampler: openai, model: m, max_tokens: 9, n: 1, api_key_env: {PASTED[0]}}}"
    (workplace / "params.yaml").write_text(f"seed: 0\nsystems: {{s: {{respond: {{root: ., teacher: {section}}}}}}}\n")
    done = subprocess.run(
        [sys.executable, "-m", "stages.respond", "s"],
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        cwd=workplace,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and PASTED[0] not in done.stdout + done.stderr and "Traceback" not in done.stderr
    assert "api_key_env" in done.stderr


def test_a_key_may_travel_in_another_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_KEY", "0123456789abcdef0123")
    with Server() as server:
        base_url = f"{server.url}?api-version=2026-10-01"
        ask(server, prompts(1), base_url=base_url, api_key_env=None, headers_env={"api-key": "AZURE_KEY"})
        (call,) = server.calls
        assert call.path == "/v1/chat/completions?api-version=2026-10-01"
        assert call.headers["api-key"] == "0123456789abcdef0123" and "authorization" not in call.headers
        echoes: Any = {"echo header": lambda server, call: error(401, f"bad {call.headers['api-key']}")}
        server.plan, server.behaviours = (lambda call: "echo header"), echoes
        with pytest.raises(BadInput, match=r"bad \[the key\]"):
            ask(server, [prompt("other")], base_url=base_url, api_key_env=None, headers_env={"api-key": "AZURE_KEY"})


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("http://h/v1", "http://h/v1/chat/completions"),
        ("http://h/v1/", "http://h/v1/chat/completions"),
        ("http://h/openai/d?api-version=1", "http://h/openai/d/chat/completions?api-version=1"),
    ],
)
def test_where_completions_are_asked_for(base_url: str, url: str) -> None:
    assert completions_url(params(None, base_url=base_url).base_url) == url


@pytest.mark.parametrize(
    "query", ["key=hunter2", "api_key=hunter2", "access_token=hunter2", "sig=hunter2", "hunter2", "api-version=1&code=hunter2"]
)
def test_a_query_with_a_key_is_refused_and_not_shown(query: str) -> None:
    with pytest.raises(BadInput, match="a key belongs in the environment") as told:
        params(None, base_url=f"https://host/v1?{query}")
    assert "hunter2" not in str(told.value)


def test_gemini_has_no_query() -> None:
    with pytest.raises(BadInput, match="without a query"):
        gemini.Params(sampler="gemini", model="g", max_tokens=1, base_url="https://h/v1?api-version=1")


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({}, "max_tokens"),
        ({"base_url": "https://api.openai.com/v1"}, "max_completion_tokens"),
        ({"base_url": "https://mine.openai.azure.com/openai/deployments/d?api-version=1"}, "max_completion_tokens"),
        ({"base_url": "https://api.openai.com/v1", "limit_name": "max_tokens"}, "max_tokens"),
        ({"limit_name": "max_completion_tokens"}, "max_completion_tokens"),
    ],
)
def test_the_name_of_the_limit(changed: dict[str, Any], name: str) -> None:
    (wish,) = openai.asked(prompt("q"), params(None, **changed))
    assert [field for field in wish if field.startswith("max_")] == [name]


def test_keys_of_a_server_that_wants_none() -> None:
    assert Keys(None).headers == {} and Keys(None).hide("text") == "text"
