"""The openai sampler against a real server: what it buys, in which order, and what it never buys twice."""

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from random import Random
from threading import Event
from threading import enumerate as threads
from typing import Any

import pytest
from stages.samplers import openai
from stages.samplers.ask import ask as responses
from stages.samplers.cost.prices import Usage
from stages.samplers.requests import engine
from stages.shared.errors import BadInput
from stages.shared.rows import Ending, Prompt

from project_tree import ROOT
from server import Call, Server
from teachers import PRICE, ask, params, prompt, prompts, runs, workplace

pytestmark = pytest.mark.usefixtures("workplace")
__all__ = ["workplace"]

STYLES = [f"style {number}" for number in range(6)]


def styled(count: int, edited: str = "") -> list[Prompt]:
    """Each problem in six styles; the prompts of `edited` have other words."""
    made = [prompt(f"{style} question {number}", style) for number in range(count) for style in STYLES]
    return [prompt(one.id, one.style, f"Again! {one.id}") if one.style == edited else one for one in made]


def shuffled(rows: list[Prompt]) -> list[Prompt]:
    Random(1).shuffle(rows)
    return rows


@pytest.mark.parametrize(
    ("again", "changed", "calls"),
    [
        (styled(50), {}, 0),
        (styled(50) + [prompt(f"new {number}") for number in range(10)], {}, 10),
        (shuffled(styled(50)), {}, 0),
        (styled(50, "style 2"), {}, 50),
        (styled(50), {"concurrency": 3, "timeout": 9.0, "retries": 1, "requests_per_minute": 1e6, "allow_failures": 0.5}, 0),
        (styled(50), {"max_usd": 1.0, "max_requests": 1}, 0),
        (styled(50), {"api_key_env": None}, 0),
        (styled(50), {"n": 2}, 300),
        (styled(50), {"temperature": 0.5}, 300),
    ],
    ids=["unchanged", "ten more", "reordered", "a style edited", "terms", "money", "no key", "another sample", "another temperature"],
)
def test_what_a_second_run_buys(again: list[Prompt], changed: dict[str, Any], calls: int) -> None:
    with Server() as server:
        first = styled(50)
        before = {one.id: answers for one, answers in zip(first, ask(server, first), strict=True)}
        connections, billed = server.connections, sum(server.billed.values())
        after = ask(server, again, **changed)
        assert sum(server.billed.values()) - billed == calls
        assert calls or server.connections == connections
    if not calls:
        assert [before[one.id] for one in again] == after
    assert (runs()[-1]["bought"], runs()[-1]["requests"]) == (calls, len(again) * changed.get("n", 1))


def test_truncated_answers_are_bought_once() -> None:
    with Server(plan=lambda call: "truncated" if int(call.told.split()[-1]) < 20 else None) as server:
        for _ in range(2):
            answers = ask(server, prompts(50))
            assert [given.ending for (given,) in answers] == [Ending.LENGTH] * 20 + [Ending.STOP] * 30
            assert sum(server.billed.values()) == 50
        again = ask(server, prompts(20), max_tokens=128)  # with a higher limit they are other requests
        assert sum(server.billed.values()) == 70 and len(again) == 20


def test_through_faults_every_row_is_answered_and_none_paid_twice() -> None:
    faults = {"429": 0.08, "429 after": 0.02, "500": 0.05, "reset": 0.02, "hang": 0.02, "garbage": 0.01}

    def schedule(call: Call) -> str | None:
        (kind,) = Random(f"{call.told} {call.tries}").choices([None, *faults], [1 - sum(faults.values()), *faults.values()])
        return None if kind == "hang" and call.tries else kind  # one after the other they would only make the test wait

    with Server(plan=schedule) as server:
        answers = ask(server, prompts(2000), timeout=5.0, concurrency=128)
        assert [given.text.split(" |")[0] for (given,) in answers] == [f"plain question {number}" for number in range(2000)]
        assert len({given.text for (given,) in answers}) == 2000
        assert set(server.billed.values()) == {1} and len(server.billed) == 2000
        assert set(faults) < set(server.kinds)
        assert ask(server, prompts(2000)) == answers
        assert sum(server.billed.values()) == 2000
    counts = runs()[0]
    assert counts["retries"] == sum(counts["faults"].values()) >= sum(server.kinds.values()) - 2000  # a busy machine may be late itself
    assert counts["failed"] == {} and counts["cost_usd"] == pytest.approx(2000 * PRICE.cost(Usage(10, 5)))


def test_the_samples_of_a_prompt_are_different_answers() -> None:
    with Server() as server:
        answers = ask(server, prompts(5), n=3, seed=7)
        assert len({given.text for some in answers for given in some}) == 15
        asked = Counter((call.told, call.body["seed"]) for call in server.calls)
        assert asked == {(f"plain question {number}", seed): 1 for number in range(5) for seed in (7, 8, 9)}


def test_who_asks_the_same_twice_pays_once() -> None:
    with Server(latency=0.05) as server:
        answers = ask(server, [prompt("same"), prompt("same"), prompt("other")])
        assert answers[0] == answers[1] != answers[2]
        assert sum(server.billed.values()) == 2


def test_two_runs_at_once_share_what_they_buy() -> None:
    with Server(latency=0.05) as server:
        one, two = (openai.answer(prompts(300), params(server, concurrency=16), 0) for _ in range(2))
        answers = [(next(one), next(two)) for _ in range(300)]
        assert all(mine == theirs for mine, theirs in answers)
        assert set(server.billed.values()) == {1}


def test_while_the_first_answer_is_awaited_others_are_bought_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "WINDOW", 1024)
    monkeypatch.setattr(engine, "AHEAD", 512)
    read: list[str] = []

    def noted() -> Iterator[Prompt]:
        for one in prompts(2500):
            read.append(one.id)
            yield one

    with Server() as server:
        server.plan = lambda call: "503" if call.told == "plain question 0" and len(server.billed) < 900 else None
        answers = openai.answer(noted(), params(server, concurrency=32, retries=100), 0)
        assert next(answers)[0].text.startswith("plain question 0 ")
        assert 900 <= len(server.billed) <= len(read) <= 1024 + engine.CHUNK
        assert [given.text.split(" |")[0] for (given,) in answers] == [f"plain question {number}" for number in range(1, 2500)]


def test_what_is_sent() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    wishes = {"temperature": 0.5, "top_p": 0.9, "stop": ["END"], "seed": 3, "response_format": form}
    with Server() as server:
        ask(server, prompts(1), **wishes, extra={"top_k": 4})
        ask(server, prompts(1))
        full, plain = (call.body for call in server.calls)
        assert server.calls[0].headers["authorization"] == "Bearer sk-planted-0123456789abcdef"
    messages = [{"role": "user", "content": "plain question 0"}]
    assert full == {"model": "m", "messages": messages, "max_tokens": 64, "top_k": 4} | wishes
    assert plain == {"model": "m", "messages": messages, "max_tokens": 64}


def test_openai_itself_is_told_the_limit_by_its_new_name() -> None:
    (asked,) = openai.asked(prompt("q"), params(None, base_url="https://api.openai.com/v1"))
    assert asked["max_completion_tokens"] == 64 and "max_tokens" not in asked


def test_no_key_is_needed_for_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server() as server:
        answers = ask(server, prompts(10))
    monkeypatch.delenv("TEACHER_KEY")
    assert ask(server, prompts(10)) == answers  # and the server is gone as well
    with pytest.raises(BadInput, match="environment variable TEACHER_KEY is not set"):
        ask(server, prompts(11))


def test_a_bound_stops_the_run_and_the_next_goes_on() -> None:
    with Server(latency=0.02) as server:
        with pytest.raises(BadInput, match="stopped at max_requests 30"):
            ask(server, prompts(100), max_requests=30, concurrency=8)
        assert sum(server.billed.values()) == 30
        ask(server, prompts(100), max_requests=70, concurrency=8)
        assert set(server.billed.values()) == {1} and len(server.billed) == 100


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"base_url": "https://user:hunter2@host/v1"}, "without user, password"),
        ({"base_url": "https://host/v1?key=hunter2"}, "without user, password"),
        ({"base_url": "host/v1"}, "expected http"),
        ({"api_key_env": "sk-hunter2"}, "api_key_env"),
        ({"extra": {"n": 4, "seed": 1}}, "n, seed cannot stand in extra"),
    ],
)
def test_params_that_cannot_be(changed: dict[str, Any], told: str) -> None:
    with pytest.raises((BadInput, ValueError), match=told) as error:
        params(None, **changed)
    assert "hunter2" not in str(error.value) or "api_key_env" in changed


PROGRAM = """
import sys
sys.path[:0] = {paths}
from teachers import params, prompts
from stages.samplers import openai
from stages.samplers.requests import engine
from stages.samplers.ask import ask as responses
from stages.shared.cli import run
class At: url = {url!r}
def main(system):
    for given in openai.answer(prompts(5000), params(At, concurrency=8), 0): pass
run(main)
"""


def test_an_interrupt_leaves_at_once_and_keeps_what_came() -> None:
    with Server(latency=0.05) as server:
        code = PROGRAM.format(paths=[str(ROOT), str(ROOT / "tests")], url=server.url)
        program = subprocess.Popen([sys.executable, "-c", code, "S"], stderr=subprocess.PIPE, text=True)
        while sum(server.billed.values()) < 40:
            assert program.poll() is None
            Event().wait(0.05)
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=20)
        assert program.returncode == 130
        assert "interrupted; run it again to go on" in said and "Traceback" not in said
        known = len(server.billed)
        ask(server, prompts(known))
        assert sum(server.billed.values()) <= known + 8  # those that were in flight


def test_an_abandoned_run_leaves_no_thread() -> None:
    with Server(latency=0.05) as server:
        answers = openai.answer(prompts(1000), params(server, concurrency=8), 0)
        next(answers)
        assert {"buyer", "memo"} <= {thread.name for thread in threads()}
        answers.close()  # type: ignore[attr-defined]
        assert not {"buyer", "memo"} & {thread.name for thread in threads()}


def test_the_bar_tells_what_is_done_and_what_it_cost(capsys: pytest.CaptureFixture[str]) -> None:
    """Asked as a stage asks, it knows the total, and so the time that is left."""
    with Server(plan=lambda call: "400" if call.told == "plain question 7" else None) as server:
        ask(server, prompts(10), allow_failures=0.1)
        list(responses(lambda: prompts(20), {"teacher": params(server, allow_failures=0.1)}, 0))
    said = capsys.readouterr().err.replace("\r", "\n").splitlines()
    last = next(line for line in reversed(said) if "%" in line)
    assert last.startswith("m: 100%|") and "20/20 [" in last
    assert "9 stored, 1 failed, " in last and "requests/s, " in last and "tokens/s, 0.0002 USD" in last
