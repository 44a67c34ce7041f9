"""The gemini sampler, over REST, against a real server that speaks Gemini's protocol."""

import subprocess
import sys
from typing import Any

import pytest
from stages.samplers import Answer, gemini
from stages.shared.errors import BadInput
from stages.shared.rows import Ending, Prompt

from project_tree import ROOT
from server import FAULTS, Response, Server
from teachers import KEY, PRICE, prompts, runs, workplace

pytestmark = [pytest.mark.usefixtures("workplace"), pytest.mark.filterwarnings("ignore::FutureWarning")]
__all__ = ["workplace"]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)


def ask(server: Server, asked: Any, **changed: Any) -> list[list[Answer]]:
    fixed = {"sampler": "gemini", "model": "gemini-x", "max_tokens": 64, "price": PRICE, "timeout": 5.0, "concurrency": 8}
    params = gemini.Params(**fixed | {"base_url": server.url.removesuffix("/v1")} | changed)  # type: ignore[arg-type]
    return list(gemini.answer(asked, params, 0))


def test_answers_come_in_order_and_are_bought_once() -> None:
    with Server() as server:
        answers = ask(server, prompts(30), n=2)
        assert [given.text.split(" |")[0] for some in answers for given in some] == [f"plain question {i // 2}" for i in range(60)]
        assert len({given.text for some in answers for given in some}) == 60
        assert answers[0][0][1:5] == (Ending.STOP, 5, "served", 10) and answers[0][0].cost_usd == pytest.approx(20e-6)
        assert ask(server, prompts(30), n=2) == answers
        assert set(server.billed.values()) == {2}


def test_what_is_sent() -> None:
    turns: Any = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": "Two?"},
    ]
    row: Prompt = next(prompts(1))
    row.messages = turns
    with Server() as server:
        ask(server, [row], temperature=0.5, top_p=0.9, stop=["END"], response_schema={"type": "STRING"})
        (call,) = server.calls
    assert call.path.startswith("/v1beta/models/gemini-x:generateContent")
    assert call.headers["x-goog-api-key"] == KEY
    assert [(turn["role"], turn["parts"][0]["text"]) for turn in call.body["contents"]] == [
        ("user", "One?"),
        ("model", "1"),
        ("user", "Two?"),
    ]
    assert call.body["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    config = call.body["generationConfig"]
    assert (config["maxOutputTokens"], config["temperature"], config["stopSequences"]) == (64, 0.5, ["END"])
    assert config["responseMimeType"] == "application/json" and config["topP"] == pytest.approx(0.9)


def test_through_faults_every_row_is_answered_and_none_paid_twice() -> None:
    faults = {"429": 0.1, "500": 0.05, "503": 0.05, "reset": 0.03, "garbage": 0.03, "hang": 0.02}
    with Server(faults=faults) as server:
        assert all(ask(server, prompts(150), timeout=2.0, concurrency=16))
        assert set(server.billed.values()) == {1} and len(server.billed) == 150
    assert set(runs()[0]["faults"]) == {"rate limit", "status 500", "overloaded", "connection", "malformed JSON", "timeout"}


@pytest.mark.parametrize(
    ("fault", "ending", "text"),
    [
        ("filter", Ending.CONTENT_FILTER, ""),
        ("truncated", Ending.LENGTH, "and then"),
        ("empty", Ending.STOP, ""),
        ("context", Ending.CONTEXT, ""),
    ],
)
def test_what_is_about_its_prompt_alone_marks_the_row(fault: str, ending: Ending, text: str) -> None:
    with Server(plan=lambda call: fault if call.told == "plain question 1" else None) as server:
        for _ in range(2):
            answers = ask(server, prompts(3))
            assert [given.ending for (given,) in answers] == [Ending.STOP, ending, Ending.STOP]
            assert answers[1][0].text == text and len(server.calls) == 3


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("401", "variable GOOGLE_API_KEY was refused"),
        ("403", "GOOGLE_API_KEY was refused"),
        ("404", "no model 'gemini-x'"),
        ("redirect", r"it redirects \(307\)"),
    ],
)
def test_what_no_retry_mends_stops_without_the_key(fault: str, told: str) -> None:
    with Server() as elsewhere, Server(plan=lambda call: fault) as server:
        server.elsewhere = elsewhere.url
        with pytest.raises(BadInput, match=told) as error:
            ask(server, prompts(100))
        assert not elsewhere.calls and len(server.calls) < 50
        assert KEY not in str(error.value) and error.value.__context__ is None


def pieces(*texts: str, reason: str | None = "STOP") -> list[Any]:
    """The events of a streamed answer, the first part a thought."""
    events: list[Any] = [
        {"candidates": [{"content": {"role": "model", "parts": [part]}}], "modelVersion": "served"}
        for part in ({"text": "hm", "thought": True}, *({"text": text} for text in texts))
    ]
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 30, "totalTokenCount": 45}
    return [b": ping", *events, *([{"candidates": [{"finishReason": reason, "index": 0}], "usageMetadata": usage}] if reason else [])]


OVERLOADED = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}


def test_a_streamed_answer_may_take_longer_than_the_timeout() -> None:
    behaviours = {"slowly": lambda server, call: Response(200, pieces(*"answer"), pause=0.2)}
    with Server(plan=lambda call: "slowly", behaviours=behaviours) as server:
        ((given,),) = ask(server, prompts(1), stream=True, timeout=0.5, token_timeout=3.0)
        assert given[:5] == ("answer", Ending.STOP, 35, "served", 10) and given.reasoning == "hm"
        assert server.calls[0].path == "/v1beta/models/gemini-x:streamGenerateContent?alt=sse"
        assert ask(server, prompts(1)) == [[given]]  # how it is sent is no part of what is asked


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (lambda server, call: Response(200, pieces("a", reason=None), manner="hang"), "timeout"),
        (lambda server, call: Response(200, [b": ping"] * 40, pause=0.1), "timeout"),
        (lambda server, call: Response(200, pieces("a", reason=None)), "cut off"),
        (lambda server, call: Response(200, [b"data: {torn"]), "malformed JSON"),
        (FAULTS["503"], "overloaded"),
        (lambda server, call: Response(200, [*pieces("a", reason=None), OVERLOADED]), "overloaded"),
    ],
    ids=["silence", "comments alone", "cut", "torn", "refused", "an error within"],
)
def test_a_stream_that_breaks_is_asked_again(fault: Any, kind: str) -> None:
    behaviours = {"breaks": fault, "whole": lambda server, call: Response(200, pieces("b"))}
    with Server(plan=lambda call: "breaks" if call.tries == 0 else "whole", behaviours=behaviours) as server:
        ((given,),) = ask(server, prompts(1), stream=True, token_timeout=1.0)
    assert given.text == "b" and runs()[0]["faults"] == {kind: 1}
    assert (runs()[0]["lost_usd"] == 0) is (kind == "overloaded")  # an error is not billed


def test_two_addresses_with_one_identity_are_one_service() -> None:
    with Server() as server:
        first, old = ask(server, prompts(3)), server.url.removesuffix("/v1")
    with Server() as moved:
        assert ask(moved, prompts(3), identity=old) == first and not moved.calls


def test_a_response_has_a_size() -> None:
    with Server(plan=lambda call: "huge" if call.told == "plain question 1" else None) as server, pytest.raises(BadInput, match="large 1"):
        ask(server, prompts(3))


def test_nobody_else_imports_the_package() -> None:
    """It is slow to import and at its end: who does not choose it does not load it."""
    names = ("google.generativeai", "openai", "aiohttp")
    code = f"import sys, stages.samplers.openai; print([name for name in {names!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
