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
from stages.models.templates import render
from stages.shared.errors import BadInput
from stages.shared.files import write_json
from stages.shared.rows import Ending, Prompt, Response, encode
from stages.students.backends import Adam, Backend, Sampled, Sampling, backend
from stages.students.practice.groups import Group, data, parts, penalties, sequence
from stages.students.practice.live import PracticeCurves
from stages.students.practice.practice_rows import Point, PracticeJob, Reward, Rollout, Task, point
from stages.students.practice.resuming import Standing, read_standing, write_standing
from stages.students.practice.rl_settings import Settings
from stages.students.token_losses import Clip
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
        self.prompts, self.validation = self._encoded(task.prompts), self._encoded(task.validation)
        self.plan = order(len(task.prompts), settings.steps * settings.problems, job.seed)
        self.rollouts, self.history = Rows(folder / "rollouts.jsonl"), Rows(folder / "history.jsonl")
        self.standing = read_standing(folder)
        self.rollouts.cut(self.standing.rollouts)
        self.history.cut(self.standing.history)
        self.curves = PracticeCurves(job.curves, self.history.read(Point))
        if self.standing.saved:
            self.policy.load(self.standing.saved, optimizer=True)

    def _encoded(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        tokenizer, settings = self.policy.tokenizer, self.settings
        texts = [render(tokenizer, prompt.messages, prompt=True) for prompt in prompts]
        rows: list[list[int]] = tokenizer(texts, add_special_tokens=False).input_ids
        longest, context = max(map(len, rows)), self.policy.capabilities.context
        if context is not None and longest + settings.max_new_tokens > context:
            raise BadInput(
                f"practise: a prompt of {longest} tokens and an answer of {settings.max_new_tokens} "
                f"(max_new_tokens) do not fit into the {context} tokens of {self.policy.capabilities.model}"
            )
        return rows

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
            self._response(self.task.prompts[place], answer, sample)
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
        learnt = self._learn(groups)
        means = point(step, "train", responses, rewards, _cut_off(drawn))
        subsets = [self.task.subsets[place] for place in chosen for _ in range(settings.group)]
        self._add(
            msgspec.structs.replace(
                means,
                groups=len(groups),
                equal=sum(group.equal() for group in groups),
                hard_reward=_mean_of("hard", subsets, rewards),
                easy_reward=_mean_of("easy", subsets, rewards),
                **learnt,
            )
        )
        advantages = [advantage for group in groups for advantage in group.advantages()]
        self.rollouts.add(
            *(_rollout(step, *values) for values in zip(responses, rewards, advantages, subsets, strict=True))
        )

    def _learn(self, groups: Sequence[Group]) -> dict[str, float | None]:
        """The updates of a step; all are submitted before the first is waited for."""
        settings = self.settings
        adam = Adam(
            settings.learning_rate, weight_decay=settings.weight_decay, max_grad_norm=settings.max_grad_norm
        )
        chosen = [[groups[number] for number in part] for part in parts(groups, settings.updates)]
        taken, divergence = self._penalties([group for part in chosen for group in part])
        submitted, first = [], 0
        for part in chosen:
            batch = data(part, taken[first : first + len(part)])
            first += len(part)
            clip = Clip(settings.clip_low, settings.clip_high)
            passed = self.policy.forward_backward(batch, settings.loss, clip)
            submitted.append((passed, self.policy.optim_step(adam)))
        results = [(passed.result().loss, stepped.result()) for passed, stepped in submitted]
        if not results:
            return {"loss": None, "grad_norm": None, "kl": divergence}
        norms = [norm for _, norm in results if norm is not None]
        return {
            "loss": round(sum(loss for loss, _ in results) / len(results), 6),
            "grad_norm": round(max(norms), 6) if norms else None,
            "kl": divergence,
        }

    def _penalties(self, groups: Sequence[Group]) -> tuple[list[list[list[float]]], float | None]:
        """What is taken from each token's advantage, and the divergence from the start, if `kl` is set."""
        if not self.settings.kl or not groups:
            nothing = [[[0.0] * len(answer.tokens) for answer in group.answers] for group in groups]
            return nothing, None
        answers = [(group.prompt, answer) for group in groups for answer in group.answers]
        whole = self.policy.logprobs([sequence(*pair) for pair in answers], start=True).result()
        start = [values[-len(answer.tokens) :] for values, (_, answer) in zip(whole, answers, strict=True)]
        taken, divergence = penalties(groups, start, self.settings.kl)
        return taken, round(divergence, 6)

    def _validate(self, step: int) -> None:
        """Answers the validation problems, the likeliest token each time, and writes a checkpoint."""
        sampling = Sampling(1, self.settings.max_new_tokens, temperature=0.0)
        drawn = self.policy.sample(self.validation, sampling).result()
        responses = [
            self._response(prompt, answers[0], 0)
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

    def _response(self, prompt: Prompt, answer: Sampled, sample: int) -> Response:
        stopped = answer.stop_reason == "stop"
        words = answer.tokens[:-1] if stopped and answer.tokens[-1] in self.policy.stops else answer.tokens
        text = self.policy.tokenizer.decode(
            words, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return Response(
            **msgspec.structs.asdict(prompt),
            sampler=self.settings.backend.backend,
            model=str(self.job.out),
            sample=sample,
            text=text,
            ending=Ending.STOP if stopped else Ending.LENGTH,
            tokens=len(words),
        )


def _cut_off(drawn: Sequence[Sequence[Sampled]]) -> int:
    return sum(answer.stop_reason == "length" for answers in drawn for answer in answers)


def _mean_of(subset: str, subsets: Sequence[str], rewards: Sequence[Reward]) -> float | None:
    """The mean reward of the answers to the problems of a subset; None where there are none."""
    values = [reward.total for name, reward in zip(subsets, rewards, strict=True) if name == subset]
    return round(sum(values) / len(values), 6) if values else None


def _rollout(step: int, response: Response, reward: Reward, advantage: float, subset: str) -> Rollout:
    return Rollout(
        **msgspec.structs.asdict(response),
        step=step,
        subset=subset,
        pred=reward.pred,
        rewards=reward.terms,
        reward=reward.total,
        advantage=round(advantage, 6),
    )
