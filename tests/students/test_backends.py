"""The contract of a backend, held by all of them: torch here, a table in memory, and the service Tinker.

Tinker is asked at TINKER_BASE_URL where the environment names one (with TINKER_MODEL, the model that it serves, and TINKER_START, a folder
with that model's tokenizer), or else at a server of the tests that speaks what its client sends. Without the package it is left out.
"""

import importlib.util
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from stages.models.templates import load_tokenizer
from stages.shared.errors import BadInput
from stages.students.backends import BACKENDS, Adam, Backend, Datum, Sampling, backend
from stages.students.token_losses import TOKEN_LOSSES, Clip

from fake_backend import FakeBackend
from tinker_server import TinkerServer
from tiny import make, one_thread

HAS_TINKER = importlib.util.find_spec("tinker") is not None
CLIP = Clip()
PROMPTS = [[40, 41, 42], [50, 51], [60, 61, 62, 63]]
STEP = Adam(learning_rate=0.01, max_grad_norm=1e9)
needs_tinker = pytest.mark.skipif(not HAS_TINKER, reason="needs the package tinker: requirements-tinker.txt")


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("start"), steps=1)


def local(start: Path, store: Path, **params: Any) -> Backend:
    one_thread()
    member = backend("local")
    return member.connect(start, member.Params(backend="local", device="cpu", batch_size=2, **params), store, 0)


def tinker(start: Path, url: str | None, **params: Any) -> Backend:
    member = backend("tinker")
    return member.connect(start, member.Params(backend="tinker", url=url, **{"model": "table"} | params), Path("run/saved"), 0)


def table() -> FakeBackend:
    return FakeBackend(300, {2})


@pytest.fixture(params=["local", "adapters", "fake", pytest.param("tinker", marks=needs_tinker)])
def policy(request: pytest.FixtureRequest, start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    if request.param == "local":
        yield local(start, tmp_path)
    elif request.param == "adapters":
        yield local(start, tmp_path, adapters={"r": 4, "alpha": 8, "dropout": 0.0})
    elif request.param == "fake":
        yield table()
    elif os.environ.get("TINKER_BASE_URL"):
        model = os.environ["TINKER_MODEL"]
        yield tinker(Path(os.environ["TINKER_START"]), None, model=model, rank=8)
    else:
        monkeypatch.setenv("TINKER_API_KEY", "tml-of-the-tests")
        with TinkerServer(table) as server:
            yield tinker(start, server.url)


def datum(ids: list[int], weight: float = 1.0) -> Datum:
    """For cross-entropy; the first target is not learnt."""
    return Datum(ids[:-1], ids[1:], weights=[0.0] + [weight] * (len(ids) - 2))


def drawn(policy: Backend, ids: list[int], advantage: float) -> Datum:
    """For the other losses, as if the tokens had just been drawn."""
    logprobs = policy.logprobs([ids]).result()[0]
    return Datum(ids[:-1], ids[1:], logprobs=logprobs, advantages=[0.0] + [advantage] * (len(ids) - 2))


def total(policy: Backend, rows: Sequence[list[int]]) -> float:
    """The sum of the log-probabilities of all tokens but the first two."""
    return sum(sum(values[1:]) for values in policy.logprobs(rows).result())


ROWS = [[40, 41, 42, 43, 44], [50, 51, 52], [60, 61, 62, 63]]


def test_cross_entropy_is_a_sum_over_the_tokens(policy: Backend) -> None:
    before = policy.logprobs(ROWS).result()
    passed = policy.forward_backward([datum(row, 0.5) for row in ROWS], "cross_entropy", CLIP).result()
    assert passed.loss == pytest.approx(-0.5 * total(policy, ROWS), abs=1e-3)
    for values, expected in zip(passed.logprobs, before, strict=True):
        assert values == pytest.approx([0.0, *expected[1:]], abs=1e-3)


@pytest.mark.parametrize("loss", ["importance_sampling", "ppo", "cispo"])
def test_a_policy_loss_moves_probability_to_where_the_advantage_is(policy: Backend, loss: str) -> None:
    better, worse = ROWS[0], ROWS[2]
    before = [total(policy, [row]) for row in (better, worse)]
    passed = policy.forward_backward([drawn(policy, better, 1.0), drawn(policy, worse, -1.0)], loss, CLIP)
    policy.optim_step(STEP).result()
    expected = before[0] - before[1] if loss == "cispo" else 3 - 2
    assert passed.result().loss == pytest.approx(-expected, abs=1e-3)
    after = [total(policy, [row]) for row in (better, worse)]
    assert after[0] > before[0]
    assert after[1] < before[1]


def test_every_weight_moves_at_a_small_learning_rate(start: Path, tmp_path: Path) -> None:
    """Held in bfloat16, most updates of 1e-5 would round to nothing; the model computes in it all the same."""
    import torch

    policy: Any = local(start, tmp_path, weights="bfloat16")
    before = {name: weight.detach().clone() for name, weight in policy.model.named_parameters()}
    policy.forward_backward([datum(row) for row in ROWS], "cross_entropy", CLIP)
    policy.optim_step(Adam(learning_rate=1e-5)).result()
    matrices = {name: weight for name, weight in policy.model.named_parameters() if "layers" in name and weight.ndim == 2}
    assert {weight.dtype for weight in matrices.values()} == {torch.float32}
    moved = sum(int((weight != before[name]).sum()) for name, weight in matrices.items())
    assert moved > 0.95 * sum(weight.numel() for weight in matrices.values())
    kinds: list[Any] = []
    seen = policy.model.model.layers[0].self_attn.q_proj.register_forward_hook(lambda *call: kinds.append(call[2].dtype))
    policy.sample(PROMPTS, Sampling(n=1, max_tokens=1))
    seen.remove()
    assert kinds == [torch.bfloat16]


def test_gradients_add_up_until_the_step(policy: Backend) -> None:
    """Two passes and one step are the same as one pass with both."""
    saved = policy.save("start", optimizer=False).result()
    policy.forward_backward([datum(row) for row in ROWS], "cross_entropy", CLIP)
    policy.optim_step(STEP).result()
    at_once = policy.logprobs(ROWS).result()
    policy.load(saved, optimizer=False)
    for row in ROWS:
        policy.forward_backward([datum(row)], "cross_entropy", CLIP)
    policy.optim_step(STEP).result()
    for values, expected in zip(policy.logprobs(ROWS).result(), at_once, strict=True):
        assert values == pytest.approx(expected, abs=2e-3)


def test_answers_come_with_their_probabilities_and_how_they_ended(policy: Backend) -> None:
    answers = policy.sample(PROMPTS, Sampling(n=3, max_tokens=6, seed=5)).result()
    assert [len(group) for group in answers] == [3, 3, 3]
    for prompt, group in zip(PROMPTS, answers, strict=True):
        for answer in group:
            assert len(answer.tokens) == len(answer.logprobs) <= 6
            assert answer.stop_reason == ("stop" if answer.tokens[-1] in policy.stops else "length")
            assert not policy.stops & set(answer.tokens[:-1])
            now = policy.logprobs([prompt + answer.tokens]).result()[0][len(prompt) - 1 :]
            assert answer.logprobs == pytest.approx(now, abs=1e-3)


def test_a_seed_gives_the_same_answers_and_another_seed_others(policy: Backend) -> None:
    answers = [policy.sample(PROMPTS, Sampling(n=4, max_tokens=6, seed=seed)).result() for seed in (5, 5, 6)]
    tokens = [[answer.tokens for group in groups for answer in group] for groups in answers]
    assert tokens[0] == tokens[1] != tokens[2]


def test_temperature_zero_takes_the_likeliest_tokens(policy: Backend) -> None:
    groups = policy.sample(PROMPTS, Sampling(n=2, max_tokens=5, temperature=0.0)).result()
    assert all(first.tokens == second.tokens for first, second in groups)


def test_what_is_learnt_shows_in_the_answers(policy: Backend) -> None:
    """Trained to stop at once, it stops at once."""
    stop = min(policy.stops)
    data = [Datum(prompt, [*prompt[1:], stop], weights=[0.0] * (len(prompt) - 1) + [1.0]) for prompt in PROMPTS]
    for _ in range(40):
        policy.forward_backward(data, "cross_entropy", CLIP)
        policy.optim_step(STEP._replace(learning_rate=0.1)).result()
    groups = policy.sample(PROMPTS, Sampling(n=1, max_tokens=5, temperature=0.0)).result()
    assert [(group[0].tokens, group[0].stop_reason) for group in groups] == [([stop], "stop")] * 3


def steps(policy: Backend, count: int, rows: Sequence[list[int]] = ROWS) -> None:
    for _ in range(count):
        policy.forward_backward([datum(row) for row in rows], "cross_entropy", CLIP)
        policy.optim_step(STEP).result()


def test_a_saved_state_is_put_back_with_or_without_the_optimizer(policy: Backend) -> None:
    steps(policy, 2, [[40, 41, 50, 43], [50, 51, 60]])  # other rows, so that the optimizer's state says something else
    at_save = policy.logprobs(ROWS).result()
    whole = policy.save("whole", optimizer=True).result()
    steps(policy, 1)
    after = [policy.logprobs(ROWS).result()]
    for optimizer in (True, False):
        policy.load(whole, optimizer=optimizer)
        for values, expected in zip(policy.logprobs(ROWS).result(), at_save, strict=True):
            assert values == pytest.approx(expected, abs=1e-3)
        steps(policy, 1)
        after.append(policy.logprobs(ROWS).result())
    undisturbed, resumed, anew = (total for total in (sum(map(sum, rows)) for rows in after))
    assert resumed == pytest.approx(undisturbed, abs=2e-3)
    assert abs(anew - undisturbed) > 2e-3
    policy.discard(whole)


def test_the_start_stays_what_it_was(policy: Backend) -> None:
    before = policy.logprobs(ROWS).result()
    steps(policy, 2)
    for values, expected in zip(policy.logprobs(ROWS, start=True).result(), before, strict=True):
        assert values == pytest.approx(expected, abs=1e-3)
    assert total(policy, ROWS) > sum(sum(values[1:]) for values in before)


def test_it_says_what_it_can_do(policy: Backend) -> None:
    assert set(policy.capabilities.losses) == set(TOKEN_LOSSES)
    assert policy.capabilities.model


@pytest.mark.parametrize(
    ("data", "loss", "fault"),
    [
        ([Datum([1, 2], [2, 3], weights=[1.0, 1.0])], "dpo", "unknown loss 'dpo'; choose from: cross_entropy"),
        ([], "cross_entropy", "no data"),
        ([Datum([1, 2], [2, 3], weights=[1.0])], "cross_entropy", "datum 0: 1 weights for 2 inputs"),
        ([Datum([1, 2], [2, 3], advantages=[1.0, 1.0])], "ppo", "datum 0: 0 logprobs for 2 inputs"),
        ([Datum([1, 2], [2], weights=[1.0, 1.0])], "cross_entropy", "datum 0: 1 targets for 2 inputs"),
    ],
)
def test_data_that_do_not_fit_are_refused(policy: Backend, data: list[Datum], loss: str, fault: str) -> None:
    with pytest.raises(BadInput, match=fault):
        policy.forward_backward(data, loss, CLIP)


def test_there_are_these() -> None:
    assert set(BACKENDS) == {"local", "tinker"}


def test_a_local_state_that_is_not_there_is_refused(start: Path, tmp_path: Path) -> None:
    policy = local(start, tmp_path)
    saved = policy.save("weights", optimizer=False).result()
    for name, optimizer in (("nothing", False), (saved, True)):
        with pytest.raises(BadInput, match="no saved state"):
            policy.load(name, optimizer=optimizer)


def test_a_local_policy_is_exported_as_a_model_folder(start: Path, tmp_path: Path) -> None:
    policy = local(start, tmp_path / "store")
    steps(policy, 1)
    (tmp_path / "out").mkdir()
    policy.export(tmp_path / "out")
    again = local(tmp_path / "out", tmp_path / "store")
    assert again.logprobs(ROWS).result() == policy.logprobs(ROWS).result()


@pytest.mark.parametrize("adapters", [None, {"r": 4, "alpha": 8, "dropout": 0.0}], ids=["whole", "adapters"])
def test_settings_with_which_nothing_was_measured_are_not_exported(start: Path, adapters: Any, tmp_path: Path) -> None:
    """Answers are drawn without a penalty for repetition: a student that is saved with one would answer otherwise elsewhere."""
    sampling = shutil.copytree(start, tmp_path / "sampling")
    path = sampling / "generation_config.json"
    given = json.loads(path.read_text())
    path.write_text(json.dumps(given | {"repetition_penalty": 1.3, "temperature": 0.6, "do_sample": True}))
    policy = local(sampling, tmp_path / "store", adapters=adapters)
    policy.export(tmp_path / "out")
    saved = json.loads((tmp_path / "out" / "generation_config.json").read_text())
    assert not {"repetition_penalty", "temperature", "do_sample"} & saved.keys()
    assert saved["eos_token_id"] == given["eos_token_id"]


def test_dropout_of_adapters_is_refused() -> None:
    with pytest.raises(ValueError, match="dropout: the policy that learns is the one that answered"):
        backend("local").Params(backend="local", adapters={"dropout": 0.1})


def test_without_a_key_tinker_is_not_asked(start: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINKER_API_KEY", raising=False)
    with pytest.raises(BadInput, match="no TINKER_API_KEY"):
        tinker(start, "http://127.0.0.1:9")


@pytest.mark.skipif(HAS_TINKER, reason="the package tinker is there")
def test_without_the_package_tinker_is_not_asked(start: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINKER_API_KEY", "k")
    with pytest.raises(BadInput, match=r"pip install -r requirements-tinker\.txt"):
        tinker(start, "http://127.0.0.1:9")


@needs_tinker
class TestTinker:
    """What is Tinker's own: the order of requests, times to live, what it refuses, and the adapters that it gives back."""

    @pytest.fixture(autouse=True)
    def _key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TINKER_API_KEY", "tml-of-the-tests")

    def test_a_step_is_submitted_before_the_pass_is_waited_for(self, start: Path) -> None:
        with TinkerServer(table, together=True) as server:
            policy = tinker(start, server.url)
            passed = policy.forward_backward([datum(ROWS[0])], "cross_entropy", CLIP)
            policy.optim_step(STEP).result()
            assert passed.result().loss > 0

    @pytest.mark.parametrize(("loss", "sent"), [("importance_sampling", False), ("ppo", True), ("cispo", True)])
    def test_bounds_are_sent_to_the_losses_that_take_them(self, start: Path, loss: str, sent: bool) -> None:
        with TinkerServer(table) as server:
            policy = tinker(start, server.url)
            policy.forward_backward([drawn(policy, ROWS[0], 1.0)], loss, Clip(0.5, 1.5)).result()
            told = next(body for path, body in server.seen if path == "forward_backward")
        assert told["config"] == ({"clip_low_threshold": 0.5, "clip_high_threshold": 1.5} if sent else {})

    def test_saved_states_have_a_time_to_live_and_a_name_of_the_run(self, start: Path) -> None:
        with TinkerServer(table) as server:
            tinker(start, server.url, ttl_seconds=7200).save("step-1", optimizer=True).result()
            told = next(body for path, body in server.seen if path == "save_weights")
        assert (told["path"], told["ttl_seconds"], told["overwrite"]) == ("run-step-1", 7200, True)

    def test_all_prompts_are_submitted_at_once(self, start: Path) -> None:
        with TinkerServer(table) as server:
            pending = tinker(start, server.url).sample(PROMPTS, Sampling(n=2, max_tokens=3))
            pending.result()
            paths = [path for path, _ in server.seen if path in ("asample", "save_weights_for_sampler")]
        assert paths == ["save_weights_for_sampler", "asample", "asample", "asample"]

    def test_a_state_that_has_expired_is_told(self, start: Path) -> None:
        with TinkerServer(table) as server, pytest.raises(BadInput, match="no such state, or one that has expired"):
            tinker(start, server.url).load("tinker://run/weights/gone", optimizer=True)

    def test_a_model_that_the_service_does_not_know_is_told(self, start: Path) -> None:
        with TinkerServer(table) as server, pytest.raises(BadInput, match="unknown base model other"):
            tinker(start, server.url, model="other")

    def test_local_weights_are_no_start(self, start: Path) -> None:
        with pytest.raises(BadInput, match="cannot start from local weights"):
            tinker(start, "http://127.0.0.1:9", model=None)

    def test_the_adapters_come_back_as_a_folder(self, start: Path, tmp_path: Path) -> None:
        with TinkerServer(table) as server:
            tinker(start, server.url).export(tmp_path)
        assert (tmp_path / "adapter_model.safetensors").read_bytes() == b"weights"
        assert load_tokenizer(str(start)).get_vocab() == load_tokenizer_of(tmp_path)
        assert not (tmp_path.parents[1] / "escaped").exists()


def load_tokenizer_of(folder: Path) -> Any:
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast.from_pretrained(folder).get_vocab()
