"""Practice: advantages within groups, what is learnt from them, the loop with a policy in memory, and with a tiny model that is killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from math import log
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from stages.models.templates import load_tokenizer
from stages.shared.errors import BadInput
from stages.shared.files import read
from stages.shared.rows import Response
from stages.students.backends import Sampled
from stages.students.practice import grpo
from stages.students.practice.groups import Group, data, parts, penalties
from stages.students.practice.policy_updates import learn
from stages.students.practice.practice_rows import Point, PracticeJob, Reward, Rollout, Task
from stages.students.practice.resuming import Standing, read_standing, write_standing
from stages.students.practice.rl_settings import Settings
from stages.students.training.growing_rows import Rows

from fake_backend import FakeBackend
from tiny import one_thread, prompts

ROOT = Path(__file__).parents[2]
LIKELY = log(0.5)


def answer(*tokens: int) -> Sampled:
    return Sampled(list(tokens), [LIKELY] * len(tokens), "stop")


def group(*rewards: float, lengths: Sequence[int] = (1, 1, 1, 1)) -> Group:
    return Group([7, 8, 9], [answer(*range(10, 10 + length)) for length in lengths[: len(rewards)]], list(rewards))


def nothing(groups: Sequence[Group]) -> list[list[list[float]]]:
    return [[[0.0] * len(answer.tokens) for answer in group.answers] for group in groups]


@pytest.mark.parametrize(
    ("rewards", "advantages"),
    [
        ([1.0, 0.0], [1.0, -1.0]),
        ([1.0, 0.0, 0.0, 0.0], [3**0.5, -(3**-0.5), -(3**-0.5), -(3**-0.5)]),  # mean 1/4, deviation sqrt(3)/4
        ([2.0, 1.0, 0.0], [1.5**0.5, 0.0, -(1.5**0.5)]),
        ([0.1 + 0.2, 0.3], [0.0, 0.0]),  # they differ by rounding only
        ([1.0, 1.0, 1.0, 1.0], [0.0] * 4),
    ],
)
def test_advantages_are_deviations_from_the_group(rewards: list[float], advantages: list[float]) -> None:
    assert group(*rewards).advantages() == pytest.approx(advantages)
    assert group(*rewards).equal() == (not any(advantages))


def test_a_datum_learns_the_answer_and_not_the_prompt() -> None:
    first, second = data([group(1.0, 0.0, lengths=(2, 1))], nothing([group(1.0, 0.0, lengths=(2, 1))]))
    assert (first.inputs, first.targets) == ([7, 8, 9, 10], [8, 9, 10, 11])
    assert first.learnt() == [False, False, True, True]
    assert first.logprobs == [0.0, 0.0, LIKELY, LIKELY]
    assert first.advantages == pytest.approx([0.0, 0.0, 1 / 3, 1 / 3])  # three tokens are learnt in all
    assert second.advantages == pytest.approx([0.0, 0.0, -1 / 3])


def test_groups_of_equal_rewards_are_left_out() -> None:
    groups = [group(1.0, 1.0), group(1.0, 0.0), group(0.0, 0.0)]
    assert len(data(groups, nothing(groups))) == 2
    assert data([groups[0], groups[2]], nothing([groups[0], groups[2]])) == []
    assert parts(groups, 2) == [[1]]
    assert parts([group(1.0, 0.0)] * 5, 2) == [[0, 2, 4], [1, 3]]


def test_a_token_pays_for_being_likelier_than_at_the_start() -> None:
    """Of two tokens one is as likely as at the start, the other twice as likely: they differ from the mean by half of ln 2."""
    groups = [group(1.0, 0.0)]
    taken, divergence = penalties(groups, [[LIKELY], [log(0.25)]], weight=0.1)
    assert divergence == pytest.approx(log(2) / 2)
    assert [values for answers in taken for values in answers] == [
        [pytest.approx(-0.1 * log(2) / 2)],
        [pytest.approx(0.1 * log(2) / 2)],
    ]


SETTINGS: dict[str, Any] = {
    "backend": {"backend": "local", "device": "cpu"},
    "steps": 6,
    "problems": 4,
    "group": 4,
    "learning_rate": 0.05,
    "max_new_tokens": 4,
    "validation": {"problems": 4, "every": 2, "metric": "reward"},
}
Rate = Callable[[Response], float]


def even(response: Response) -> float:
    """1 for a text of an even number of letters."""
    return float(len(response.text) % 2 == 0)


def vowel(response: Response) -> float:
    """1 for a text with a vowel."""
    return float(bool(set(response.text) & set("aeiou")))


def graded(rate: Rate) -> Callable[[Sequence[Response]], list[Reward]]:
    return lambda responses: [Reward(rate(row), {"answer": rate(row)}, rate(row) == 1, row.text or None) for row in responses]


def mean(responses: Sequence[Response], rewards: Sequence[Reward]) -> float:
    return sum(reward.total for reward in rewards) / len(rewards)


def task(rate: Rate = even, metric: Any = mean, count: int = 8) -> Task:
    asked = prompts([f"What is {number}?" for number in range(count + 4)], by="practice")
    return Task(asked[:count], ["hard", "easy"] * (count // 2), asked[count:], graded(rate), metric)


def job(folder: Path, start: Path, seed: int = 0) -> PracticeJob:
    out = folder / "made"
    return PracticeJob(start, out / "model", out / "curves", out / "rollouts.jsonl", out / "history.jsonl", folder / "checkpoints", seed)


class Fakes:
    """Fake policies in place of the registry of backends."""

    def __init__(self, base: Path, monkeypatch: pytest.MonkeyPatch, context: int | None = None) -> None:
        self.made: list[FakeBackend] = []
        tokenizer = load_tokenizer(str(base))

        def connect(start: Path, params: Any, store: Path, seed: int) -> FakeBackend:
            size = len(tokenizer)
            self.made.append(FakeBackend(size, {tokenizer.eos_token_id}, tokenizer, seed, context))
            return self.made[-1]

        monkeypatch.setattr(grpo, "backend", lambda name: SimpleNamespace(connect=connect))


def run(folder: Path, base: Path, given: Task, **changed: Any) -> dict[str, Any]:
    return grpo.practise(given, job(folder, base), Settings(**SETTINGS | changed), {})


def history(folder: Path, split: str) -> list[Point]:
    return [row for row in read(folder / "made/history.jsonl", Point) if row.split == split]


@pytest.mark.parametrize("loss", ["importance_sampling", "ppo", "cispo"])
def test_what_is_rewarded_becomes_likelier(base: Path, loss: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Fakes(base, monkeypatch)
    summary = run(
        tmp_path,
        base,
        task(vowel),
        loss=loss,
        learning_rate=0.2,
        steps=20,
        group=16,
        max_new_tokens=3,
        validation={"every": 5, "metric": "reward"},
    )
    rewards = [row.reward for row in history(tmp_path, "train")]
    assert sum(rewards[-5:]) > sum(rewards[:5]) + 0.5
    assert summary["best_metric"] >= summary["start_metric"]
    assert summary["best_step"] > 0


def test_groups_of_equal_rewards_give_no_gradient_and_are_counted(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fakes = Fakes(base, monkeypatch)
    summary = run(tmp_path, base, task(lambda response: 1.0), steps=2)
    assert (summary["groups"], summary["equal_groups"]) == (8, 8)
    assert fakes.made[0].steps == 0
    assert np.array_equal(fakes.made[0].table, fakes.made[0].first)
    assert [(row.loss, row.equal) for row in history(tmp_path, "train")] == [(None, 4)] * 2
    assert {row.advantage for row in read(tmp_path / "made/rollouts.jsonl", Rollout)} == {0.0}


def test_a_planted_group_of_equal_rewards_changes_nothing(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradient of three groups, of which one is equal, is that of the two others."""
    tables = []
    for name, groups in (("two", [group(1.0, 0.0), group(0.0, 1.0)]), ("three", [group(1.0, 0.0), group(0.5, 0.5), group(0.0, 1.0)])):
        fakes = Fakes(base, monkeypatch)
        settings = Settings(**SETTINGS)
        run_of = grpo.Run(task(), job(tmp_path / name, base), settings, _made(tmp_path / name / "f"))
        learn(run_of.policy, groups, settings)
        tables.append(fakes.made[-1].table)
    assert np.array_equal(tables[0], tables[1])
    assert not np.array_equal(tables[0], fakes.made[-1].first)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def test_the_best_validation_is_kept_and_the_start_is_a_candidate(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Metrics that are told beforehand: the policy of the best one comes out, that of step 0 where all others are worse."""
    for name, told, best in (("rises", [0.1, 0.5, 0.9, 0.3], 4), ("falls", [0.9, 0.5, 0.9, 0.3], 0)):
        fakes, values = Fakes(base, monkeypatch), iter(told)
        summary = run(tmp_path / name, base, task(metric=lambda *_, values=values: next(values)))
        made = np.load(tmp_path / name / "made/model/table.npy")
        assert (summary["best_step"], summary["best_metric"], summary["start_metric"]) == (best, 0.9, told[0])
        assert np.array_equal(made, fakes.made[0].first) == (best == 0)
        assert [row.metric for row in history(tmp_path / name, "validation")] == told


def test_practice_ends_early_without_a_better_validation(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Fakes(base, monkeypatch)
    validation = {"every": 1, "metric": "reward", "patience": 2}
    values = iter([0.5, 0.6, 0.6, 0.4, 0.9])
    summary = run(tmp_path, base, task(metric=lambda *_: next(values)), validation=validation)
    assert (summary["steps"], summary["best_step"]) == (3, 1)


def test_rows_tell_what_was_drawn_and_what_it_was_worth(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Fakes(base, monkeypatch)
    run(tmp_path, base, task(), steps=3, updates=2, kl=0.1)
    rows = list(read(tmp_path / "made/rollouts.jsonl", Rollout))
    assert len(rows) == 3 * 4 * 4
    for row in rows:
        assert row.reward == row.rewards["answer"] == even(row)
        assert row.subset in ("hard", "easy")
        assert (row.sampler, row.by) == ("local", "practice")
    points = history(tmp_path, "train")
    for step, point in enumerate(points, 1):
        mine = [row for row in rows if row.step == step]
        assert point.reward == pytest.approx(sum(row.reward for row in mine) / len(mine), abs=1e-6)
        hard = [row.reward for row in mine if row.subset == "hard"]
        assert point.hard_reward == (pytest.approx(sum(hard) / len(hard), abs=1e-6) if hard else None)
        assert point.kl is not None
    assert points[0].kl == 0.0  # the first answers are the start's own
    described = json.loads((tmp_path / "made/model/student.json").read_text())
    assert described["best_step"] in (0, 2, 3)
    assert described["start"] == str(base)


def test_an_answer_that_does_not_fit_is_refused_before_a_step(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Fakes(base, monkeypatch, context=20)
    with pytest.raises(BadInput, match=r"a prompt of \d+ tokens and an answer of 4 .* do not fit into the 20 tokens"):
        run(tmp_path, base, task())


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"loss": "cross_entropy"}, "unknown loss 'cross_entropy'; choose from: cispo, importance_sampling, ppo"),
        ({"updates": 5}, "updates: 4 problems cannot be divided among 5 updates"),
        ({"group": 1}, "greater than or equal to 2"),
        ({"backend": {"backend": "jax"}}, "unknown backend 'jax'; choose from: local, tinker"),
    ],
)
def test_faults_in_settings_are_told(changed: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Settings(**SETTINGS | changed)


def test_rows_after_the_last_checkpoint_are_dropped(tmp_path: Path) -> None:
    rows = Rows(tmp_path / "rows.jsonl")
    rows.cut(0)
    assert read_standing(tmp_path) == Standing()
    rows.add(Standing(step=1), Standing(step=2))
    size = rows.safe()
    rows.add(Standing(step=3))
    write_standing(tmp_path, Standing(step=2, rollouts=size))
    rows.cut(read_standing(tmp_path).rollouts)
    assert [row.step for row in rows.read(Standing)] == [1, 2]


# A real model, killed with SIGKILL in a process of its own: within a step, between the weights of a checkpoint and the file that names
# them, and when the best policy is written.
MOMENTS = {
    "in step 3": "once(grpo, 'learn', 3)",
    "in the second checkpoint": "once(grpo, 'write_standing', 2)",
    "at the end": "once(grpo.Run, 'finish', 1)",
}


def files(folder: Path) -> dict[str, bytes]:
    """What each file holds; the rows name the folder of the model, which is another one in each test."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes().replace(bytes(folder), b"") for path in paths}


def once(owner: Any, name: str, count: int) -> None:
    """Kills this process at the call number `count` of a function."""
    function, calls = getattr(owner, name), iter(range(1, 1000))

    def killing(*args: Any, **named: Any) -> Any:
        if next(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **named)

    setattr(owner, name, killing)


def real(folder: Path, base: Path) -> dict[str, Any]:
    one_thread()
    return run(folder, base, task(), kl=0.01, updates=2, learning_rate=0.003)


@pytest.fixture(scope="module")
def undisturbed(base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed")
    real(folder, base)
    return files(folder)


@pytest.mark.parametrize("moment", MOMENTS)
def test_practice_that_is_killed_ends_with_the_same_bytes(moment: str, base: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    code = f"from pathlib import Path; from test_practice import *; {MOMENTS[moment]}; real(Path({str(tmp_path)!r}), Path({str(base)!r}))"
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}:{Path(__file__).parent}"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (tmp_path / "made/model").exists()
    real(tmp_path, base)
    assert files(tmp_path) == undisturbed
    assert {name.split("/")[1] for name in undisturbed} == {"model", "curves", "rollouts.jsonl", "history.jsonl"}
