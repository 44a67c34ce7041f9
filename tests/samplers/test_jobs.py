"""Batch mode, against the files and batches of a real server: half the price, and nothing submitted twice."""

import json
import os
import signal
import subprocess
import sys
from threading import Event
from typing import Any

import pytest
from stages.samplers.cost.budget import Budget
from stages.samplers.cost.prices import Spending, Usage
from stages.samplers.requests import batch_requests
from stages.samplers.requests.attempts import Request
from stages.samplers.requests.batch_requests import BatchRequests
from stages.shared.errors import BadInput
from stages.shared.rows import Ending

from project_tree import ROOT
from server import Call, Response, Server, error
from server_batches import Batches
from teachers import KEY, PRICE, ask, params, prompts, runs, workplace

pytestmark = pytest.mark.usefixtures("workplace")
__all__ = ["workplace"]


def batched(server: Server, count: int, **changed: Any) -> list[list[Any]]:
    return ask(server, prompts(count), **{"mode": "batch", "poll": 0.05} | changed)


def submitted(server: Server) -> list[list[str]]:
    """What was asked in each batch."""
    files = [server.batches.files[batch["input_file_id"]] for batch in server.batches.made.values()]
    return [[json.loads(line)["body"]["messages"][-1]["content"] for line in file.splitlines()] for file in files]


def test_a_batch_is_answered_in_order_at_half_the_price_and_only_once() -> None:
    with Server() as server:
        answers = batched(server, 30)
        assert [given.text for (given,) in answers] == [f"plain question {number} | batched" for number in range(30)]
        assert answers[0][0].cost_usd == pytest.approx(PRICE.cost(Usage(10, 5)) / 2)
        assert batched(server, 30) == ask(server, prompts(30)) == answers  # the memo does not care how it was bought
        assert len(submitted(server)) == 1 and not server.calls
        batched(server, 34)
        assert [len(some) for some in submitted(server)] == [30, 4]
    assert [run["bought"] for run in runs()] == [30, 0, 0, 4]


def test_rows_that_fail_are_submitted_again_and_some_marked() -> None:
    def plan(call: Call) -> str | None:
        number = int(call.told.split()[-1])
        return "context" if number == 7 else {3: "500", 5: "429"}.get(number) if call.tries == 0 else None

    with Server(plan=plan) as server:
        answers = batched(server, 10)
        assert [given.ending for (given,) in answers].index(Ending.CONTEXT) == 7
        assert [sorted(some) for some in submitted(server)][1] == ["plain question 3", "plain question 5"]
        assert set(server.billed.values()) == {1}
    assert runs()[0]["faults"] == {"rate limit": 1, "status 500": 1}


def test_rows_that_fail_for_good_fail_the_run_at_its_end() -> None:
    with Server(plan=lambda call: "500" if call.told.endswith(" 3") else None) as server:
        with pytest.raises(BadInput, match=r"1 of 10 requests failed for good \(status 500 1\)"):
            batched(server, 10, retries=2)
        assert [len(some) for some in submitted(server)] == [10, 1, 1]


def test_a_bound_is_kept() -> None:
    with Server() as server:
        with pytest.raises(BadInput, match="stopped at max_requests 6"):
            batched(server, 10, max_requests=6)
        assert sum(server.billed.values()) == 6  # and they are stored
        batched(server, 10)
        assert set(server.billed.values()) == {1}


@pytest.mark.parametrize("fault", ["401", "404"])
def test_what_no_retry_mends_stops_at_once_without_the_key(fault: str) -> None:
    with Server() as server:
        server.batches.fault = fault
        with pytest.raises(BadInput, match=rf"\({fault}\)") as caught:
            batched(server, 10)
        assert KEY not in str(caught.value) and caught.value.__cause__ is caught.value.__context__ is None


PROGRAM = """
import sys
sys.path[:0] = {paths}
from teachers import params, prompts
from stages.samplers import openai
class At: url = {url!r}
list(openai.answer(prompts(20), params(At, mode="batch", poll=0.05), 0))
"""


@pytest.mark.parametrize("named", [True, False], ids=["after", "before the id came"])
def test_after_a_kill_the_batch_is_collected(named: bool) -> None:
    with Server() as server:
        server.batches.looks = 10**9  # it is never done
        server.batches.mute = not named  # the batch is made, but nobody is told
        code = PROGRAM.format(paths=[str(ROOT), str(ROOT / "tests")], url=server.url)
        program = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL, env={**os.environ})
        while not server.batches.made or (named and not any(batch["looks"] for batch in server.batches.made.values())):
            assert program.poll() is None
            Event().wait(0.05)
        program.send_signal(signal.SIGKILL)
        program.wait()
        server.batches.looks, server.batches.mute = 1, False
        answers = batched(server, 22)
        assert len(answers) == 22 and set(server.billed.values()) == {1}
        assert [len(some) for some in submitted(server)] == [20, 2]


def test_the_params_of_both_modes_ask_the_same() -> None:
    from stages.samplers.openai import asked

    one, other = (asked(next(prompts(1)), params(None, mode=mode)) for mode in ("live", "batch"))
    assert one == other


class Torn(Batches):
    """The first file of results has a line that is torn, and the first download of it ends early."""

    cut, torn = True, False

    def _look(self, name: str) -> dict[str, Any]:
        batch = super()._look(name)
        if batch["status"] == "completed" and not self.torn:
            self.torn = True
            lines = self.files[f"{name}-out"].split(b"\n")
            self.files[f"{name}-out"] = b"\n".join([*lines[:3], lines[3][:40], *lines[4:]])
        return batch

    def respond(self, method: str, path: str, headers: Any, content: bytes) -> Response:
        response = super().respond(method, path, headers, content)
        if path.endswith("/content") and self.cut:
            self.cut = False
            return Response(200, response.body * 50, manner="cut")
        return response


def test_a_torn_line_costs_its_row_and_a_cut_download_is_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    with Server() as server:
        server.batches = Torn(server)
        answers = batched(server, 10)
        assert [given.text for (given,) in answers] == [f"plain question {number} | batched" for number in range(10)]
        assert [len(some) for some in submitted(server)] == [10, 1]  # nine were stored
    said = capsys.readouterr().err
    assert "batch batch-0 submitted, 10 requests" in said and "1 lines of the results cannot be read; their rows are asked again" in said
    assert runs()[0]["faults"] == {"batch completed": 1, "connection": 1} and runs()[0]["bought"] == 10
    assert runs()[0]["lost_usd"] > 0  # the answer in the torn line was paid for


class Refusing(Batches):
    """Two submissions after the first one are refused."""

    submissions = 0

    def respond(self, method: str, path: str, headers: Any, content: bytes) -> Response:
        if method == "POST" and path.endswith("/batches"):
            self.submissions += 1
            if self.submissions in (2, 3):
                return error(503, "overloaded")
        return super().respond(method, path, headers, content)


def test_after_a_refused_submission_the_other_parts_are_submitted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_requests, "BYTES", 2000)  # three rows each
    with Server() as server:
        server.batches = Refusing(server)
        assert len(batched(server, 10, retries=1)) == 10  # the client tries twice, then the run does
        assert set(server.billed.values()) == {1} and len(server.billed) == 10
    assert runs()[0]["faults"] == {"overloaded": 1}


def test_a_bound_ends_the_run_also_where_the_submission_before_it_failed() -> None:
    with Server() as server:
        server.batches = Refusing(server)
        server.batches.submissions = 1  # the next two are refused
        with pytest.raises(BadInput, match="stopped at max_requests 3"):
            batched(server, 5, max_requests=3, retries=1)
        assert sum(server.billed.values()) == 3
    assert runs()[0]["faults"] == {"overloaded": 1}


def test_what_fails_in_a_batch_of_an_earlier_run_is_bought_live_within_the_bound() -> None:
    with Server(plan=lambda call: "500" if call.told in ("plain question 1", "plain question 2") and call.tries == 0 else None) as server:
        server.batches.looks = 10**9
        code = PROGRAM.format(paths=[str(ROOT), str(ROOT / "tests")], url=server.url)
        program = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL, env={**os.environ})
        while not any(batch["looks"] for batch in server.batches.made.values()):
            assert program.poll() is None
            Event().wait(0.05)
        program.kill()
        program.wait()
        server.batches.looks = 0
        with pytest.raises(BadInput, match="stopped at max_requests 1"):
            ask(server, prompts(20), poll=0.05, max_requests=1)
        assert len(server.calls) == 1 and len(submitted(server)) == 1
        answers = ask(server, prompts(20), poll=0.05)
        assert [given.text.split(" | ")[1].split()[0] for (given,) in answers[:4]] == ["batched", "answer", "answer", "batched"]
        assert len(server.calls) == 2 and len(submitted(server)) == 1


def test_what_waits_at_the_service_is_submitted_once_there_is_room() -> None:
    class Full(Batches):
        def _look(self, name: str) -> dict[str, Any]:
            if name != "batch-0":
                return super()._look(name)
            full = {"code": "token_limit_exceeded", "message": "Enqueued token limit reached", "line": None, "param": None}
            return self.made[name] | {"status": "failed", "errors": {"object": "list", "data": [full]}}

    with Server() as server:
        server.batches = Full(server)
        assert len(batched(server, 4, retries=0)) == 4
        assert [len(some) for some in submitted(server)] == [4, 4]
    assert runs()[0]["faults"] == {}


def test_a_request_whose_line_is_read_twice_is_submitted_once() -> None:
    """A file of results is read again from its beginning where its download was cut off."""
    requests = BatchRequests(Budget(Spending(), None))
    request = Request("k", {}, Usage(1, 1))
    requests.add([request])
    assert requests.take() == [request]
    for _ in range(2):
        requests.add_again(["k", "of another run"])
    assert requests.take() == [request] and requests.take() == []
