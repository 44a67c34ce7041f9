"""`--estimate` beside what the run then used: a real server whose usage is known, and not one call before the run."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from stages.samplers.cost.budget import OutOfBudget
from stages.samplers.cost.estimation import Estimate, as_text, estimates
from stages.samplers.cost.token_counts import Counter, counter
from stages.shared import params
from stages.shared.files import read, write
from stages.shared.rows import Kind, Problem, Prompt
from stages.students.scratch import train_tokenizer
from stages.styles.prompting.prompts import prompts

from server import Call, Response, Server, openai_body
from stages import respond

N = 400
PRICE = {"prompt": 2.0, "completion": 8.0}


class Billing(Server):
    """Bills three tokens for every seven bytes of a prompt and four for its chat, and between 20 and 120 for an answer."""

    used = (0, 0)
    counter: Counter | None = None  # where it counts a prompt's tokens as its model does

    def answered(self, call: Call, text: str | None, reason: str, **message: Any) -> Response:
        self.billed[call.told] += 1
        counted = self.counter.count(call.body["messages"]) if self.counter else 4 + len(call.told.encode()) * 3 // 7
        usage = (counted, Random(call.told).randint(20, 120))
        self.used = (self.used[0] + usage[0], self.used[1] + usage[1])
        return Response(200, openai_body(text, reason, usage))


@pytest.fixture
def server() -> Iterator[Billing]:
    served = Billing()
    with served:
        yield served


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Billing) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    rng = Random("estimate")
    problems = [
        Problem(id=f"p{n}", task="t", kind=Kind.NUMBER, split="train", question=f"{n}? " + "word " * rng.randint(1, 80), answer="1")
        for n in range(N)
    ]
    write(Path("data/s/prompts.jsonl"), prompts(problems, {"teacher": "glyph"}))
    configure(server)
    return tmp_path


def configure(server: Server, **changes: Any) -> None:
    teacher = {"sampler": "openai", "model": "m", "base_url": server.url, "api_key_env": None, "max_tokens": 256, "price": PRICE} | changes
    Path("params.yaml").write_text(json.dumps({"seed": 0, "systems": {"s": {"respond": {"root": ".", "teacher": teacher}}}}))


def estimated(answer_tokens: float | None = None) -> Estimate:
    samplers = params.read("s", "respond", respond.Params).samplers()
    (found,) = estimates(read(Path("data/s/prompts.jsonl"), Prompt), samplers, answer_tokens)
    return found


def use(server: Billing, prompts: slice = slice(None)) -> tuple[int, int, float]:
    """Runs the stage on some of the prompts; calls made, and tokens and USD that the server billed for them."""
    rows = list(read(Path("data/s/prompts.jsonl"), Prompt))
    calls, before = len(server.calls), server.used
    write(Path("data/s/prompts.jsonl"), rows[prompts])
    respond.main("s")
    write(Path("data/s/prompts.jsonl"), rows)
    used = [now - then for now, then in zip(server.used, before, strict=True)]
    return len(server.calls) - calls, sum(used), (used[0] * 2.0 + used[1] * 8.0) / 1e6


@pytest.mark.parametrize("n", [1, 2])
def test_once_some_are_stored_the_estimate_is_within_five_percent(n: int, project: Path, server: Billing) -> None:
    configure(server, n=n)
    use(server, slice(60))
    calls = len(server.calls)
    found = estimated()
    assert len(server.calls) == calls == 60 * n  # not one for the estimate
    assert (found.new, found.stored) == (n * (N - 60), n * 60)
    made, tokens, usd = use(server)
    assert made == found.new
    assert found.prompt_tokens + found.completion_tokens == pytest.approx(tokens, rel=0.05)
    assert found.cost_usd == pytest.approx(usd, rel=0.05)
    assert found.spread is not None and found.spread < 0.2
    assert estimated()[2:6] == (0, n * N, 0, 0)


def test_before_the_first_answer_it_is_the_most_that_it_could_be(project: Path, server: Billing) -> None:
    found = estimated()
    assert (found.new, found.stored, found.spread) == (N, 0, None)
    assert found.completion_tokens == N * 256
    assert server.calls == []
    _, _, usd = use(server)
    assert found.cost_usd is not None and found.cost_usd > usd


def test_with_nothing_stored_but_a_known_length_it_is_too(project: Path, server: Billing) -> None:
    """With the model's own tokenizer, as the server counts; and the server's answers have 70 tokens on average."""
    tokenizer = str(project / "model")
    train_tokenizer(iter([f"{n} word" for n in range(N)]), 300).save_pretrained(tokenizer)
    Path(tokenizer, "config.json").write_text('{"model_type": "qwen2"}')
    server.counter = counter("m", tokenizer)
    configure(server, tokenizer=tokenizer)
    found = estimated(answer_tokens=70)
    assert (found.new, found.stored, server.calls) == (N, 0, [])
    use(server)
    assert found.prompt_tokens == server.used[0]
    assert found.prompt_tokens + found.completion_tokens == pytest.approx(sum(server.used), rel=0.05)
    assert found.cost_usd == pytest.approx((server.used[0] * 2.0 + server.used[1] * 8.0) / 1e6, rel=0.05)


def test_what_was_measured_goes_before_what_was_given(project: Path, server: Billing) -> None:
    use(server, slice(60))
    assert estimated(answer_tokens=1e6) == estimated()


def test_the_command_says_it(project: Path, server: Billing, capsys: pytest.CaptureFixture[str]) -> None:
    use(server, slice(60))
    capsys.readouterr()
    respond.estimate(["s"])
    said = capsys.readouterr()
    assert re.search(r"^teacher: m\n  requests +340  new; 60 stored\n", said.out)
    assert "length, 4 bytes to a token, times" in said.out and "+- " in said.out and " USD, without discounts" in said.out
    assert "tokens are estimated" in said.err
    configure(server, model="another")
    respond.estimate(["s", "--answer-tokens", "70"])
    assert re.search(r"completion tokens +28,000  70 an answer, as was given", capsys.readouterr().out)
    with pytest.raises(SystemExit):
        respond.estimate(["s", "--answer-tokens", "-1"])
    assert "must be a positive number of tokens, got '-1'" in capsys.readouterr().err


def test_who_costs_nothing_is_left_out(project: Path, server: Billing, capsys: pytest.CaptureFixture[str]) -> None:
    teacher = {"sampler": "scripted"}
    Path("params.yaml").write_text(json.dumps({"seed": 0, "systems": {"s": {"respond": {"root": ".", "teacher": teacher}}}}))
    respond.estimate(["s"])
    assert "nothing would be bought" in capsys.readouterr().out


def test_without_a_price_the_cost_is_not_known(project: Path, server: Billing) -> None:
    (project / "prices.yaml").write_text("models: {}\n")
    configure(server, price=None, prices="prices.yaml")
    assert estimated().cost_usd is None
    assert as_text(estimated()).endswith("cost               not known")


@pytest.mark.parametrize("mode", ["live", "batch"])
def test_batches_cost_half(mode: str, project: Path, server: Billing) -> None:
    configure(server, mode=mode)
    found = estimated()
    full = (found.prompt_tokens * 2.0 + found.completion_tokens * 8.0) / 1e6
    assert found.cost_usd == pytest.approx(full / (2 if mode == "batch" else 1))


def test_the_bound_stops_a_run_before_it_is_exceeded(project: Path, server: Billing) -> None:
    configure(server, max_usd=0.05, concurrency=32)
    with pytest.raises(OutOfBudget, match=re.escape("stopped before max_usd 0.05 is exceeded")):
        respond.main("s")
    billed = (server.used[0] * 2.0 + server.used[1] * 8.0) / 1e6
    assert 0.04 < billed <= 0.05
    found = estimated()
    assert found.stored == sum(server.billed.values()) == N - found.new > 0  # all that was billed is stored


def test_max_requests_buys_so_many_and_goes_on_next_time(project: Path, server: Billing) -> None:
    configure(server, max_requests=100)
    for bought in (100, 200, 300, 400):
        if bought < N:
            with pytest.raises(OutOfBudget, match="stopped at max_requests 100"):
                respond.main("s")
        else:
            respond.main("s")
        assert sum(server.billed.values()) == estimated().stored == bought
    assert set(server.billed.values()) == {1}


def test_the_metrics_tell_what_this_run_bought(project: Path, server: Billing) -> None:
    """So that a change of one prompt shows in them as one new request; what the answers come to is the same whoever was asked again."""
    told = []
    for some in (slice(60), slice(61), slice(61)):
        use(server, some)
        told.append(json.loads(Path("metrics/s_teacher.json").read_text()))
    assert [(one["requests"], one["stored"], one["bought"], one["retries"], one["faults"], one["failed"]) for one in told] == [
        (60, 0, 60, 0, {}, {}),
        (61, 60, 1, 0, {}, {}),
        (61, 61, 0, 0, {}, {}),
    ]
    assert told[1]["cost_usd"] == told[2]["cost_usd"] > told[0]["cost_usd"]
