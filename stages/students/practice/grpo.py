"""The loop: answers in groups, their rewards, a step; a validation now and then, and the best one is kept.

The start is among the candidates, so practice that does not help gives back the start.
"""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from stages.models.folders import DESCRIPTION, hash_of_folder
from stages.models.saving import replacing_folder
from stages.shared.files import write_json
from stages.shared.rows import encode
from stages.students.backends import Backend, Sampled, Sampling, backend
from stages.students.practice.groups import Group
from stages.students.practice.live import PracticeCurves
from stages.students.practice.policy_updates import learn
from stages.students.practice.practice_answers import Source, encoded, rollout
from stages.students.practice.practice_rows import Point, PracticeJob, Task, mean_of_subset, point
from stages.students.practice.resuming import Standing, read_standing, write_standing
from stages.students.practice.rl_settings import Settings
from stages.students.training.checkpoints import fingerprint, kept_until_done
from stages.students.training.describe import describe_base, full_disk_as_oserror
from stages.students.training.growing_rows import Rows
from stages.students.training.packing import order


def practise(task: Task, job: PracticeJob, settings: Settings, facts: dict[str, Any]) -> dict[str, Any]:
    """Practises from `job.start` and writes the best policy to `job.out`, with its curves and rows.

    `facts` is what the rewards depend on besides `task`, such as a hash of the graders' code. A run that was
    killed goes on from its last validation and ends with the bytes of an undisturbed one. Returns the
    metrics. Raises BadInput where a prompt and an answer do not fit into the model's context.
    """
    start = {
        "base": describe_base(job.start),
        "start": str(job.start),
        "start_sha256": hash_of_folder(job.start),
    }
    rows = hashlib.sha256(
        b"\n".join(encode(prompt) for prompt in [*task.prompts, *task.validation])
    ).hexdigest()
    facts = start | facts | {"data_sha256": rows, "subsets": list(task.subsets), "seed": job.seed}
    key = fingerprint(settings.model_dump(), facts)
    with kept_until_done(job.checkpoints, key) as folder, full_disk_as_oserror(folder):
        run = Run(task, job, settings, folder)
        run.practise()
        summary = run.finish(facts)
    return summary


class Run:
    """One run of practice; its unfinished work lies in `folder`."""

    def __init__(self, task: Task, job: PracticeJob, settings: Settings, folder: Path) -> None:
        self.task, self.job, self.settings, self.folder = task, job, settings, folder
        member = backend(settings.backend.backend)
        self.policy: Backend = member.connect(job.start, settings.backend, folder / "saved", job.seed)
        self.prompts = encoded(self.policy, task.prompts, settings.max_new_tokens)
        self.validation = encoded(self.policy, task.validation, settings.max_new_tokens)
        self.source = Source(settings.backend.backend, str(job.out), self.policy)
        self.plan = order(len(task.prompts), settings.steps * settings.problems, job.seed)
        self.rollouts, self.history = Rows(folder / "rollouts.jsonl"), Rows(folder / "history.jsonl")
        self.standing = read_standing(folder)
        self.rollouts.cut(self.standing.rollouts)
        self.history.cut(self.standing.history)
        self.curves = PracticeCurves(job.curves, self.history.read(Point))
        if self.standing.saved:
            self.policy.load(self.standing.saved, optimizer=True)

    def practise(self) -> None:
        """All steps that are left."""
        settings, patience = self.settings, self.settings.validation.patience
        if self.standing.best_metric is None:
            self._validate(0)
        for step in range(self.standing.step + 1, settings.steps + 1):
            if patience is not None and self.standing.without_better >= patience:
                return
            self._step(step)
            if step % settings.validation.every == 0 or step == settings.steps:
                self._validate(step)

    def _step(self, step: int) -> None:
        settings = self.settings
        chosen = self.plan[(step - 1) * settings.problems : step * settings.problems]
        sampling = Sampling(settings.group, settings.max_new_tokens, settings.temperature, self._seed(step))
        drawn = self.policy.sample([self.prompts[place] for place in chosen], sampling).result()
        responses = [
            self.source.response(self.task.prompts[place], answer, sample)
            for place, answers in zip(chosen, drawn, strict=True)
            for sample, answer in enumerate(answers)
        ]
        rewards = self.task.grade(responses)
        groups = [
            Group(
                self.prompts[place],
                answers,
                [reward.total for reward in rewards[first : first + settings.group]],
            )
            for place, answers, first in zip(
                chosen, drawn, range(0, len(rewards), settings.group), strict=True
            )
        ]
        learnt = learn(self.policy, groups, settings)
        means = point(step, "train", responses, rewards, _cut_off(drawn))
        subsets = [self.task.subsets[place] for place in chosen for _ in range(settings.group)]
        self._add(
            msgspec.structs.replace(
                means,
                groups=len(groups),
                equal=sum(group.equal() for group in groups),
                hard_reward=mean_of_subset("hard", subsets, rewards),
                easy_reward=mean_of_subset("easy", subsets, rewards),
                **learnt,
            )
        )
        advantages = [advantage for group in groups for advantage in group.advantages()]
        self.rollouts.add(
            *(rollout(step, *values) for values in zip(responses, rewards, advantages, subsets, strict=True))
        )

    def _validate(self, step: int) -> None:
        """Answers the validation problems, the likeliest token each time, and writes a checkpoint."""
        sampling = Sampling(1, self.settings.max_new_tokens, temperature=0.0)
        drawn = self.policy.sample(self.validation, sampling).result()
        responses = [
            self.source.response(prompt, answers[0], 0)
            for prompt, answers in zip(self.task.validation, drawn, strict=True)
        ]
        rewards = self.task.grade(responses)
        metric = round(self.task.metric(responses, rewards), 6)
        means = point(step, "validation", responses, rewards, _cut_off(drawn))
        self._add(msgspec.structs.replace(means, metric=metric))
        self._checkpoint(step, metric)

    def _checkpoint(self, step: int, metric: float) -> None:
        """Keeps the state: the rows first, the weights, and last the file that names them."""
        old = self.standing
        better = old.best_metric is None or metric > old.best_metric
        saved = self.policy.save(f"step-{step}", optimizer=True) if step else None
        best = self.policy.save(f"best-{step}", optimizer=False) if better else None
        self.standing = Standing(
            step=step,
            saved=saved.result() if saved else None,
            best_step=step if better else old.best_step,
            best_metric=metric if better else old.best_metric,
            best_saved=best.result() if best else old.best_saved,
            start_metric=old.start_metric if step else metric,
            without_better=0 if better else old.without_better + 1,
            rollouts=self.rollouts.safe(),
            history=self.history.safe(),
        )
        write_standing(self.folder, self.standing)
        for name in {old.saved, old.best_saved} - {self.standing.saved, self.standing.best_saved, None}:
            self.policy.discard(str(name))

    def finish(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Writes the best policy and the rows; returns the metrics."""
        standing, job = self.standing, self.job
        self.policy.load(str(standing.best_saved), optimizer=False)
        self.curves.end()
        points = [row for row in self.history.read(Point) if row.split == "train"]
        summary = {
            "metric": self.settings.validation.metric,
            "start_metric": standing.start_metric,
            "best_metric": standing.best_metric,
            "best_step": standing.best_step,
            "steps": standing.step,
            "answers": sum(row.answers for row in points),
            "groups": sum(row.groups or 0 for row in points),
            "equal_groups": sum(row.equal or 0 for row in points),
        }
        with replacing_folder(job.out) as folder:
            self.policy.export(folder)
            described = {"params": self.settings.model_dump(), **facts, **summary}
            write_json(folder / DESCRIPTION, described)
        for rows, out in ((self.rollouts, job.rollouts), (self.history, job.history)):
            out.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(rows.path, out)
        return summary

    def _add(self, row: Point) -> None:
        self.history.add(row)
        self.curves.add(row)

    def _seed(self, step: int) -> int:
        digest = hashlib.sha256(f"practise/{self.job.seed}/{step}".encode()).digest()
        return int.from_bytes(digest[:4], "big") >> 1


def _cut_off(drawn: Sequence[Sequence[Sampled]]) -> int:
    return sum(answer.stop_reason == "length" for answers in drawn for answer in answers)
