"""Whatever ends a run, the answers in flight are paid for, waited for and stored; and no answer is bought twice."""

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from stages.samplers import openai
from stages.samplers.ask import ask as responses
from stages.samplers.asking.stored import stored_responses
from stages.samplers.cost.prices import Usage
from stages.samplers.requests import attempts
from stages.shared.errors import BadInput
from stages.shared.rows import Ending

from project_tree import ROOT
from server import Call, Response, Server, error, openai_body
from teachers import KEY, PRICE, ask, params, prompts, runs, workplace

pytestmark = pytest.mark.usefixtures("workplace")
__all__ = ["workplace"]

PROGRAM = """
import sys
sys.path[:0] = {paths}
from teachers import params, prompts
from stages.samplers import openai
from stages.shared.cli import run
class At: url = {url!r}
def main(system):
    for given in openai.answer(prompts(5000), params(At, concurrency=8, timeout=30.0, **{changed!r}), 0): pass
run(main)
"""


def start(server: Server, **changed: Any) -> "subprocess.Popen[str]":
    code = PROGRAM.format(paths=[str(ROOT), str(ROOT / "tests")], url=server.url, changed=changed)
    program = subprocess.Popen([sys.executable, "-c", code, "S"], stderr=subprocess.PIPE, text=True)
    while len(server.calls) < 40:
        assert program.poll() is None
        Event().wait(0.02)
    return program


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_loses_no_answer(number: signal.Signals, code: int) -> None:
    with Server(latency=0.4) as server:
        program = start(server)
        program.send_signal(number)
        _, said = program.communicate(timeout=30)
        assert program.returncode == code and "run it again to go on" in said and "Traceback" not in said
        assert "answers in flight, 60 s at most" in said
        known = len(server.billed)
        server.latency = 0.0
        ask(server, prompts(known))
        assert set(server.billed.values()) == {1} and len(server.billed) == known  # none was lost


def test_a_second_interrupt_ends_the_wait() -> None:
    with Server(plan=lambda call: "hang" if len(server.calls) > 39 else None) as server:
        program = start(server)
        program.send_signal(signal.SIGINT)
        assert program.stderr
        while "in flight" not in program.stderr.readline():
            pass
        begin = time.monotonic()
        program.send_signal(signal.SIGINT)
        program.communicate(timeout=30)
        assert program.returncode == 130 and time.monotonic() - begin < 25


def slow(text: str = "") -> Any:
    """A good answer, but for the question 9, which is refused once eight others are under way."""
    return lambda call: text if call.told == "plain question 9" else None


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("401", "was refused"),
        ("no credit", "no credit left"),
        ("402", "no credit left"),
        ("low credit", "no credit left"),
        ("daily", "8.4 hours"),
    ],
)
def test_a_fatal_error_loses_no_answer(fault: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    behaviours = {
        "402": lambda server, call: error(402, "Payment required"),
        "low credit": lambda server, call: error(400, "Your credit balance is too low to access the Anthropic API"),
        "daily": lambda server, call: error(429, "Rate limit reached for requests per day", "rate_limit_exceeded", retry_after="30240"),
    }
    with Server(plan=slow(fault), latency=0.3, behaviours=behaviours) as server:
        with pytest.raises(BadInput, match=told) as caught:
            ask(server, prompts(100), concurrency=10)
        assert KEY not in str(caught.value)
        assert len(server.billed) == 9 and "waits for 9 answers in flight" in capsys.readouterr().err
        server.plan = None
        ask(server, prompts(100))
        assert set(server.billed.values()) == {1} and len(server.billed) == 100


def test_the_wait_is_bounded() -> None:
    with Server(plan=lambda call: "hang" if call.told != "plain question 3" else "401") as server:
        begin = time.monotonic()
        with pytest.raises(BadInput, match="was refused"):
            ask(server, prompts(4), timeout=60.0, patience=0.5)
        assert time.monotonic() - begin < 30


def test_an_abandoned_run_stores_what_is_in_flight() -> None:
    with Server(latency=0.05) as server:
        answers = openai.answer(prompts(600), params(server, concurrency=16), 0)
        next(answers)
        answers.close()  # type: ignore[attr-defined]
        known = len(server.calls)
        ask(server, prompts(known))
        assert set(server.billed.values()) == {1} and len(server.calls) == known < 600


MODERATED = {
    "error": {
        "message": "google/gemini requires moderation. Your input was flagged for violence.",
        "code": 403,
        "metadata": {"reasons": ["violence"], "flagged_input": "..."},
    }
}


def test_moderation_of_one_prompt_marks_its_row() -> None:
    behaviours = {"moderated": lambda server, call: Response(403, MODERATED)}
    with Server(plan=lambda call: "moderated" if call.told == "plain question 1" else None, behaviours=behaviours) as server:
        for _ in range(2):
            assert [given.ending for (given,) in ask(server, prompts(3))] == [Ending.STOP, Ending.CONTENT_FILTER, Ending.STOP]
        assert len(server.calls) == 3


@pytest.mark.parametrize("reason", ["abort", "error", "network_error", "insufficient_system_resource"])
def test_an_answer_that_the_server_broke_off_is_asked_again(reason: str) -> None:
    behaviours = {"broken": lambda server, call: server.answered(call, "half", reason)}
    with Server(plan=lambda call: "broken" if call.tries == 0 else None, behaviours=behaviours) as server:
        assert [given.ending for (given,) in ask(server, prompts(3))] == [Ending.STOP] * 3
    assert runs()[0]["faults"] == {"broken off": 3}
    assert runs()[0]["lost_usd"] == pytest.approx(3 * PRICE.cost(Usage(10, 5)))  # they were billed as well


def test_a_larger_limit_asks_again_what_ended_at_the_smaller_one() -> None:
    def plan(call: Call) -> str | None:
        return {0: "truncated", 1: "empty", 2: "context"}.get(int(call.told.split()[-1])) if call.body["max_tokens"] == 64 else None

    with Server(plan=plan) as server:
        first = ask(server, prompts(10))
        again = ask(server, prompts(12), max_tokens=128)
        assert again[3:10] == first[3:] and [given.ending for (given,) in again] == [Ending.STOP] * 12
        asked = Counter(call.told for call in server.calls[10:])
        assert asked == {f"plain question {number}": 1 for number in (0, 1, 2, 10, 11)}
        assert (runs()[-1]["stored"], runs()[-1]["bought"]) == (7, 5)
        assert ask(server, prompts(10), max_tokens=64) == first  # the smaller one is what it was
        assert ask(server, prompts(10), max_tokens=128, temperature=0.5) != again[:10]  # any other change is another request


def test_two_addresses_with_one_identity_are_one_server() -> None:
    with Server() as server:
        first = ask(server, prompts(3))
        old = server.url
    with Server() as moved:
        assert ask(moved, prompts(3), identity=old) == first and not moved.calls
        ask(moved, prompts(3))
        assert len(moved.calls) == 3


def test_nobody_there_is_told_within_ten_seconds(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert attempts.UNREACHABLE < 10
    monkeypatch.setattr(attempts, "UNREACHABLE", 1.0)
    with pytest.raises(BadInput, match=r"nobody answers there .*127\.0\.0\.1.*: is base_url right, and does the server run\?"):
        ask(None, prompts(50), retries=100)
    assert "m: connection, 1 call; next try in" in capsys.readouterr().err


def test_faults_are_told_while_they_happen(capsys: pytest.CaptureFixture[str]) -> None:
    with Server(plan=lambda call: "429" if call.tries == 0 else "503" if call.tries == 1 else None) as server:
        ask(server, prompts(5))
    said = capsys.readouterr().err
    assert "m: rate limit, 1 call; next try in" in said and ": slow down" in said
    assert "m: overloaded, 1 call; next try in" in said
    assert said.count("rate limit, ") == 1  # not a line for each


def stream_of(*pieces: str, reason: str | None = "stop") -> list[Any]:
    events: list[Any] = [{"model": "served", "choices": [{"delta": {"content": piece}, "finish_reason": None}]} for piece in pieces]
    ends = [{"choices": [{"delta": {}, "finish_reason": reason}]}, {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 5}}]
    return [b": keep alive", *events, *(ends if reason else [])]


def test_a_streamed_answer_may_take_longer_than_the_timeout() -> None:
    behaviours = {"slowly": lambda server, call: Response(200, stream_of(*"answer"), pause=0.15)}
    with Server(plan=lambda call: "slowly", behaviours=behaviours) as server:
        ((given,),) = ask(server, prompts(1), stream=True, timeout=0.3, token_timeout=3.0)
        assert (given.text, given.ending, given.tokens) == ("answer", Ending.STOP, 5)
        assert server.calls[0].body["stream"] is True and server.calls[0].body["stream_options"] == {"include_usage": True}
        assert ask(server, prompts(1)) == [[given]]  # how it is sent is no part of what is asked


@pytest.mark.parametrize(
    ("pieces", "manner", "kind"),
    [
        (stream_of("a", reason=None), "hang", "timeout"),
        (stream_of("a", reason=None), "whole", "cut off"),
        ([b"data: {torn"], "whole", "malformed JSON"),
        ([*stream_of("a", reason=None), {"error": {"message": "upstream", "code": 502}}], "whole", "broken off"),
        ([{"error": {"message": "upstream", "code": 502}}], "whole", "status 502"),
        ([], "whole", "cut off"),
    ],
    ids=["silence", "cut", "torn", "error within", "error at once", "nothing"],
)
def test_a_stream_that_breaks_is_asked_again(pieces: list[Any], manner: str, kind: str) -> None:
    behaviours = {"breaks": lambda server, call: Response(200, pieces, manner=manner)}
    with Server(plan=lambda call: "breaks" if call.tries == 0 else None, behaviours=behaviours) as server:
        ((given,),) = ask(server, prompts(1), stream=True, token_timeout=0.5)
    assert given.ending == Ending.STOP and runs()[0]["faults"] == {kind: 1}


def test_what_a_stopped_run_bought_can_be_written(workplace: Path) -> None:
    with Server() as server:
        settings = params(server, n=2, max_requests=5, concurrency=1)
        with pytest.raises(BadInput, match="stopped at max_requests 5"):
            list(responses(lambda: prompts(4), {"teacher": settings}, 0))
        rows = list(stored_responses(prompts(4), {"teacher": settings}))
        assert [(row.id, row.sample) for row in rows] == [
            ("question 0", 0),
            ("question 0", 1),
            ("question 1", 0),
            ("question 1", 1),
            ("question 2", 0),
        ]
        assert len(server.calls) == 5


def interrupt_once_submitted(server: Server) -> None:
    while not any(batch["looks"] for batch in server.batches.made.values()):
        Event().wait(0.02)
    signal.raise_signal(signal.SIGINT)


def test_live_requests_wait_for_a_batch_of_an_earlier_run() -> None:
    with Server() as server:
        server.batches.looks = 10**9
        batch = openai.answer(prompts(4), params(server, mode="batch", poll=0.02), 0)
        Thread(target=interrupt_once_submitted, args=[server]).start()
        with pytest.raises(KeyboardInterrupt):
            next(batch)
        server.batches.looks = 0
        answers = ask(server, prompts(6), poll=0.05)
        assert [given.text.split(" | ")[1].split()[0] for (given,) in answers] == ["batched"] * 4 + ["answer"] * 2
        assert set(server.billed.values()) == {1} and len(server.calls) == 2


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": 0, "completion_tokens": 0}], ids=["null", "zero"])
def test_an_answer_without_a_usage_is_counted(usage: Any) -> None:
    """Its tokens are estimated, and the most that it could cost is kept free in the budget."""
    behaviours: Any = {"unsaid": lambda server, call: Response(200, openai_body("w" * 40, "stop", (0, 0)) | {"usage": usage})}
    with Server(plan=lambda call: "unsaid", behaviours=behaviours) as server:
        ((given,),) = ask(server, prompts(1))
    assert given.tokens == 17 and given.prompt_tokens == 11  # 40 and 16 bytes, four to a token, and the template's seven
    assert given.cost_usd == pytest.approx(PRICE.cost(Usage(11, 17)))
    most = PRICE.cost(Usage(64 + 16 + 4, 64))
    assert runs()[-1]["cost_usd"] + runs()[-1]["lost_usd"] == pytest.approx(most)
