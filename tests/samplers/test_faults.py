"""What can go wrong at the server, and what the sampler makes of it."""

import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from msgspec.structs import asdict
from stages.samplers import openai
from stages.samplers.http.faults import error_message, one_line, retry_after
from stages.shared.errors import BadInput
from stages.shared.files import read, write
from stages.shared.rows import Ending, Response

from project_tree import ROOT
from server import FAULTS, Call, Server
from teachers import KEY, ask, params, prompts, runs, workplace

pytestmark = pytest.mark.usefixtures("workplace")
__all__ = ["workplace"]

# What the server does to the first try of each request, and the kind under which that is counted.
RETRIED = {
    "429": "rate limit",
    "429 after": "rate limit",
    "500": "status 500",
    "502": "status 502",
    "503": "overloaded",
    "529": "overloaded",
    "reset": "connection",
    "hang": "timeout",
    "drip": "timeout",
    "cut": "cut off",
    "garbage": "malformed JSON",
    "empty choices": "empty choices",
    "wrong schema": "wrong schema",
}
# What stops a run at once, and what the person who started it is told.
STOPS = {
    "401": "the key in the environment variable TEACHER_KEY was refused (401)",
    "403": "the key in the environment variable TEACHER_KEY was refused (403)",
    "404": "no model 'm' there, or base_url is wrong (404)",
    "no credit": "no credit left (429)",
    "redirect": "it redirects (307); that is not followed",
}
# What marks the row, with its ending and the start of its text, and whether it is paid for.
MARKS = {
    "context": (Ending.CONTEXT, "", False),
    "filter 400": (Ending.CONTENT_FILTER, "", False),
    "filter": (Ending.CONTENT_FILTER, "", True),
    "refusal": (Ending.REFUSAL, "I cannot", True),
    "truncated": (Ending.LENGTH, "and then", True),
    "empty": (Ending.STOP, "", True),
    "odd": (Ending.STOP, "\ud800 \x00\x1b[31m \U0001f71e", True),
    "echo": (Ending.STOP, "your key is Bearer [the key]", True),
}
DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
GIVEN_UP = {"400": "status 400", "huge": "too large"}  # at the first try: another would fare no better


def test_every_fault_of_the_server_has_its_row_here() -> None:
    assert {*RETRIED, *STOPS, *MARKS, *GIVEN_UP} == set(FAULTS)


@pytest.mark.parametrize(("fault", "kind"), RETRIED.items())
def test_a_passing_fault_costs_a_retry(fault: str, kind: str) -> None:
    with Server(plan=lambda call: fault if call.tries == 0 and call.told != "plain question 0" else None) as server:
        answers = ask(server, prompts(4), timeout=1.0)
        assert [given.ending for (given,) in answers] == [Ending.STOP] * 4
        assert set(server.billed.values()) == {1}
    assert (runs()[0]["retries"], runs()[0]["faults"]) == (3, {kind: 3})


@pytest.mark.parametrize(("fault", "told"), STOPS.items())
def test_what_no_retry_mends_stops_at_once(fault: str, told: str) -> None:
    with Server() as elsewhere, Server(plan=lambda call: fault) as server:
        server.elsewhere = elsewhere.url + "/chat/completions"
        with pytest.raises(BadInput) as error:
            ask(server, prompts(500), concurrency=4)
        assert told in str(error.value) and "\n" not in str(error.value) and KEY not in str(error.value)
        assert len(server.calls) <= 8 and not elsewhere.calls


@pytest.mark.parametrize("fault", MARKS)
def test_what_is_about_its_prompt_alone_marks_the_row(fault: str) -> None:
    ending, text, paid = MARKS[fault]
    with Server(plan=lambda call: fault if call.told == "plain question 1" else None) as server:
        for _ in range(2):
            answers = ask(server, prompts(3))
            assert [given.ending for (given,) in answers] == [Ending.STOP, ending, Ending.STOP]
            assert answers[1][0].text == text or (text and answers[1][0].text.startswith(text))
            assert (len(server.calls), sum(server.billed.values())) == (3, 2 + paid)


def test_odd_letters_survive_to_the_row(workplace: Path) -> None:
    with Server(plan=lambda call: "odd") as server:
        ((given,),) = ask(server, prompts(1))
    fields = asdict(next(prompts(1))) | {"sampler": "openai", "model": given.model, "sample": 0}
    row = Response(**fields, text=given.text, ending=given.ending, tokens=given.tokens)
    write(workplace / "rows.jsonl", [row])
    assert next(read(workplace / "rows.jsonl", Response)).text == MARKS["odd"][1]


@pytest.mark.parametrize(("fault", "kind"), [*GIVEN_UP.items(), ("500", "status 500"), ("hang", "timeout")])
def test_what_failed_for_good_fails_the_run_at_its_end(fault: str, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    failing = {f"plain question {number}" for number in (3, 7)}
    with Server(plan=lambda call: fault if call.told in failing else None) as server:
        with pytest.raises(BadInput, match=rf"2 of 20 requests failed for good \({kind} 2\)") as error:
            ask(server, prompts(20), retries=1, timeout=1.0 if fault == "hang" else 5.0)
        assert "\n" not in str(error.value)
        assert f"       2  {kind}" in capsys.readouterr().err
        assert len(server.billed) == 18  # everything else was bought
        server.plan = None
        assert all(ask(server, prompts(20)))
        assert set(server.billed.values()) == {1} and len(server.billed) == 20


@pytest.mark.parametrize(("share", "passes"), [(0.1, True), (0.09, False)])
def test_a_share_may_fail(share: float, passes: bool) -> None:
    with Server(plan=lambda call: "400" if call.told in ("plain question 3", "plain question 7") else None) as server:
        if not passes:
            with pytest.raises(BadInput, match="2 of 20"):
                ask(server, prompts(20), allow_failures=share)
            return
        answers = ask(server, prompts(20), allow_failures=share)
        assert [number for number, given in enumerate(answers) if not given] == [3, 7]


def test_where_nothing_gets_through_the_rest_is_not_tried() -> None:
    with Server(plan=lambda call: "400") as server:
        with pytest.raises(BadInput, match=r"the last 20 requests all failed for good, so no more are sent; .* Unsupported parameter"):
            ask(server, prompts(2000), concurrency=4, allow_failures=1.0)
        assert len(server.calls) < 30


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(BadInput, match="connection 5"):
        ask(None, prompts(5), retries=1)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": {"message": "no", "code": 7}}', ("no", "7")),
        (b'{"error": "no"}', ("no", "")),
        (b'{"object": "error", "message": "no", "type": "BadRequest"}', ("no", "")),
        (b'{"detail": [{"msg": "no"}]}', ("[{'msg': 'no'}]", "")),
        (b"<html>\x00no\n</html>", ("<html> no </html>", "")),
        (b"[" * 100_000, ("[" * 300 + "...", "")),
        (b'{"error": {"message": null}}', ('{"error": {"message": null}}', "")),
    ],
)
def test_the_message_of_an_error(body: bytes, message: tuple[str, str]) -> None:
    assert error_message(body) == message


@pytest.mark.parametrize(
    ("headers", "wait"),
    [({"retry-after": "2"}, 2.0), ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5), ({"retry-after": "1e9"}, 1e9), ({}, None)]
    + [({"retry-after": DATE, "date": "Wed, 21 Oct 2026 07:27:20 GMT"}, 40.0), ({"retry-after": DATE, "date": DATE}, 0.0)]
    + [({"retry-after": DATE, "date": "Wed, 21 Oct 2026 07:29:00 GMT"}, 0.0)]
    + [({"retry-after": text}, None) for text in ("-1", "nan", "", "Wed, 99 Oct", DATE)],
)
def test_how_long_the_server_wants_us_to_wait(headers: dict[str, str], wait: float | None) -> None:
    assert retry_after(headers) == wait


def test_a_message_is_one_line() -> None:
    assert one_line("a\nb\x1b[31m\u2028c") == "a b [31m c"


PROGRAM = """
import sys
sys.path[:0] = {paths}
from teachers import params, prompts
from stages.samplers import openai
from stages.shared.cli import run
class At: url = {url!r}
def main(system):
    rows = list(openai.answer(prompts(30), params(At, concurrency=8, retries=1, timeout=0.5), 0))
    for row in rows: print(row)
run(main)
"""


@pytest.mark.parametrize("stop", [None, "401"])
def test_the_key_is_nowhere_after_every_fault(workplace: Path, stop: str | None) -> None:
    """In no file of the repository, and in nothing that the run says, not even where the server sends the key back."""
    kinds = [kind for kind in FAULTS if kind not in STOPS]

    def plan(call: Call) -> str | None:
        number = int(call.told.split()[-1])
        if number == 29:
            return stop
        return kinds[number] if number < len(kinds) else None

    with Server(plan=plan) as server:
        code = PROGRAM.format(paths=[str(ROOT), str(ROOT / "tests")], url=server.url)
        done = subprocess.run([sys.executable, "-c", code, "S"], capture_output=True, text=True, check=False)
        assert any(KEY in call.headers["authorization"] for call in server.calls)
    said = done.stdout + done.stderr
    assert done.returncode == 1 and ("was refused" in said or "redirects" in said or "failed for good" in said)
    files = [path for path in workplace.rglob("*") if path.is_file()]
    assert any(path.name == "memo.sqlite" for path in files)
    for text in [said.encode(), *(path.read_bytes() for path in files)]:
        assert KEY.encode() not in text


@pytest.mark.parametrize("fault", ["401", "reset", "garbage", "hang", "redirect"])
def test_the_key_is_in_no_exception_of_the_chain(fault: str) -> None:
    with Server(plan=lambda call: fault) as server, pytest.raises(BadInput) as caught:
        list(openai.answer(prompts(3), params(server, retries=0, timeout=0.3), 0))
    error: BaseException | None = caught.value
    told = "".join(traceback.format_exception(caught.value))
    while error is not None:
        told += repr(error) + repr(vars(error)) + repr(getattr(error, "args", ""))
        error = error.__cause__ or error.__context__
    assert KEY not in told


@pytest.mark.parametrize("key", ["", " ", "two words", "new\nline", "schlüssel"])
def test_what_cannot_be_a_key_is_not_sent_and_not_shown(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", key)
    with Server() as server:
        with pytest.raises(BadInput, match="the environment variable TEACHER_KEY") as error:
            ask(server, prompts(2))
        assert not server.calls
        assert not key.strip() or key not in str(error.value)


def test_a_server_without_a_key() -> None:
    with Server() as server:
        assert len(ask(server, prompts(2), api_key_env=None)) == 2
        assert all("authorization" not in call.headers for call in server.calls)
        server.plan = lambda call: "401"
        with pytest.raises(BadInput, match=r"it wants a key: set api_key_env \(401\)"):
            ask(server, prompts(3), api_key_env=None)
