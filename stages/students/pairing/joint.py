"""The joint training of two students: the paths of each step are routed, learnt by whoever gets them, and
compared by the peer term."""

import hashlib
from collections.abc import Iterable
from math import gcd
from pathlib import Path
from typing import Any

import torch

from stages.models.loading import prepare_cpu
from stages.models.saving import replacing_folder
from stages.shared.cli import is_main_process, progress
from stages.students.pairing import pair_checkpoints
from stages.students.pairing.batches import Batches, PeerTerm
from stages.students.pairing.encoders import known_of, read_questions
from stages.students.pairing.evaluations import parts, prompts_of
from stages.students.pairing.joint_processes import average_gradients, connect, own_rows, rank
from stages.students.pairing.learner import Learner
from stages.students.pairing.logbook import Logbook
from stages.students.pairing.monitors import Monitors
from stages.students.pairing.pair_rows import NAMES, PairJob, PairTask
from stages.students.pairing.pair_settings import Settings
from stages.students.pairing.paired_paths import paired
from stages.students.pairing.rounds import Rounds
from stages.students.router.predicting import save_heads
from stages.students.router.routing import Routing
from stages.students.training.checkpoints import fingerprint, kept_until_done, processes
from stages.students.training.describe import describe_base, full_disk_as_oserror, hash_of_chats
from stages.students.training.packing import order
from stages.students.training.row_counts import Row, row_report

POINTS = 10  # steps between two points of the curves, at most


def train_pair(task: PairTask, job: PairJob, settings: Settings) -> None:
    """Trains both students and the router and writes them to `job.out`, with curves and logs.

    Of the processes of `accelerate launch` each computes its share of every step, and the main one writes. A
    run that was killed goes on from its last checkpoint and ends with the bytes of an undisturbed one.
    Raises BadInput where a path or a base model does not fit, and where the training diverges.
    """
    settings = settings.resolved()
    prepare_cpu(settings.device, settings.threads)
    connect(settings.device)
    facts = {
        "bases": [describe_base(base) for base in job.bases],
        "data_sha256": hash_of_chats(task.chats),
        "seed": job.seed,
    }
    asked = hashlib.sha256(repr([(prompt.id, prompt.messages) for prompt in task.asked]).encode()).hexdigest()
    key = fingerprint(settings.model_dump(), facts, list(task.styles), asked, task.key)
    with kept_until_done(job.checkpoints, key) as folder, full_disk_as_oserror(folder):
        folder.mkdir(parents=True, exist_ok=True)
        run = Run(task, job, settings, folder)
        run.train()
        run.finish(facts)


class Run:
    """One training of a pair; its unfinished work lies in `folder`."""

    def __init__(self, task: PairTask, job: PairJob, settings: Settings, folder: Path) -> None:
        self.task, self.job, self.settings, self.folder = task, job, settings, folder
        divided = parts(task, settings.evaluation, settings.router.signal == "pass_rate", job.seed)
        encoded = read_questions(task, job, settings)
        self.encoders = encoded.described if encoded else []
        self.learners = [
            Learner(name, base, settings, job.seed) for name, base in zip(NAMES, job.bases, strict=True)
        ]
        readers = [(str(learner.base), learner.tokenizer, learner.model) for learner in self.learners]
        self.counts = [settings.row_counts() for _ in NAMES]
        self.paths = paired(task.chats, readers, settings.max_tokens, settings.max_dropped, self.counts)
        self.rows = settings.batch_size * processes() * settings.accumulate
        self.steps = settings.steps or max(1, round((settings.epochs or 0) * len(self.paths) / self.rows))
        self.plan = order(len(self.paths), self.steps * self.rows, job.seed)
        known = known_of(self.paths, task, encoded) if encoded else None
        self.routing = Routing(settings.router, known, len(task.styles), self.steps, job.seed)
        self.rounds: Rounds | None = None
        # the mean utility of the answers of each student in the last round
        self.utility: dict[str, float] = {}
        if encoded and settings.router.signal == "pass_rate" and settings.router.calibration:
            calibrating = task._replace(asked=prompts_of(task, divided.router))
            self.rounds = Rounds(calibrating, self.learners, settings.router.calibration, job.seed)
            self.routing.calibration = encoded.of_calibration(divided.router)
        self.monitors = Monitors(
            task, divided.evaluated, encoded, self.paths, self.learners, settings, job.seed
        )
        for learner in self.learners:
            learner.prepare(self.steps)
        self.term = PeerTerm(self.learners, settings, job.seed)
        state = pair_checkpoints.kept(folder)
        self.done = state["step"] if state else 0
        self.book = Logbook(folder, job, self.paths, state["book"] if state else None)
        if state:
            for learner in self.learners:
                pair_checkpoints.put_back(learner, state[learner.name])
            self.routing.put_back(state["router"])
            self.term.put_back(state["peer"])
        whole = settings.router.signal == "loss"
        self.batches = Batches(self.paths, self.learners, self.term, whole, self.book)

    def _keep(self) -> None:
        if not is_main_process():
            return
        state: dict[str, Any] = {
            learner.name: pair_checkpoints.state_of(learner) for learner in self.learners
        }
        state |= {"router": self.routing.state(), "peer": self.term.state()}
        pair_checkpoints.keep(self.folder, state | {"book": self.book.state(), "step": self.done})

    def train(self) -> None:
        """All steps that are left."""
        calibration, every = self.settings.router.calibration, self.settings.checkpoint_steps
        points = gcd(POINTS, every)
        if not self.done:
            self._evaluate()
        steps: Iterable[int] = range(self.done + 1, self.steps + 1)
        if is_main_process():
            steps = progress(steps, "train_pair", self.steps - self.done)
        for step in steps:
            if self.rounds and calibration and (step - 1) % calibration.every == 0:
                self._round(step - 1, (step - 1) // calibration.every)
            self._step(step)
            self.done = step
            if step % points == 0 or step == self.steps:
                for name, value in self.routing.report(step).items():
                    self.book.add(**{f"router__{name}": value})
                self.book.point(step, self._epoch(step))
            self._evaluate()
            if step % every == 0 or step == self.steps:
                self._keep()

    def _evaluate(self) -> None:
        epoch_steps = max(1, round(len(self.paths) / self.rows))
        epoch = self._epoch(self.done)
        self.monitors.evaluate(self.done, self.steps, epoch_steps, epoch, self.routing, self.book)

    def _epoch(self, step: int) -> int:
        """The number of the epoch in which `step` began, from 0."""
        return max(0, step - 1) * self.rows // len(self.paths)

    def _round(self, step: int, number: int, whole: bool = False) -> None:
        assert self.rounds
        rows = self.rounds.ask(number, whole)
        self.routing.observe(rows)
        self.routing.learn(step, self.rounds.settings.fit_steps)
        self.monitors.measure(step, number, whole, self.rounds, rows, self.routing, self.book)
        for student, name in enumerate(NAMES):
            values = [row.utility for row in rows if row.student == student]
            self.utility[name] = sum(values) / len(values)
            self.book.add(**{f"utility__{name}": self.utility[name]})

    def _step(self, step: int) -> None:
        settings, book = self.settings, self.book
        size = settings.batch_size * processes()
        # each process drops other inputs of its adapters; the first draws as one that is alone
        torch.manual_seed(_seed(self.job.seed, step, *([rank()] if rank() else [])))
        for part in range(settings.accumulate):
            start = (step - 1) * self.rows + part * size
            chosen, own = self.plan[start : start + size], own_rows(size)
            routes = self.routing.draw(chosen, step, part)
            cost = self.batches.cost(chosen[own], routes.of(own), start // len(self.paths))
            cost = cost / settings.accumulate
            if cost.requires_grad:
                cost.backward()
            book.routed(step, start, chosen, routes)
        for learner in self.learners:
            if not learner.frozen:
                book.add(**{f"learning_rate__{learner.name}": learner.schedule.get_last_lr()[0]})
                book.add(**{f"grad_norm__{learner.name}": learner.step()})
        if settings.router.signal == "loss" and self.routing.heads is not None:
            average_gradients(self.routing.heads.parameters())
            book.add(grad_norm__router=self.routing.step())
        learnt = self.routing.learn(step)
        if learnt:
            book.add(grad_norm__router=learnt["grad_norm"], router__fit=learnt["fit"])
        self.term.step(book)

    def finish(self, facts: dict[str, Any]) -> None:
        """Asks both students all calibration problems, has the heads learn from that, and writes all."""
        settings, job = self.settings, self.job
        if self.rounds:
            number = max((row.round for row in self.routing.pool), default=-1) + 1
            self._round(self.steps, number, whole=True)
        if not is_main_process():
            return
        with replacing_folder(job.out) as folder:
            for student, learner in enumerate(self.learners):
                learner.save(folder / learner.name, self._described(student, facts))
            if self.routing.heads is not None and settings.router.answers:
                described = {"encoders": self.encoders, "seed": job.seed}
                save_heads(
                    folder / "router", self.routing.heads, settings.router, self.task.styles, described
                )
        report = {
            learner.name: row_report(
                [Row(path.chat, path.examples[student]) for path in self.paths],
                settings.max_tokens,
                self.counts[student],
            )
            for student, learner in enumerate(self.learners)
        }
        if self.rounds:
            report["utility"] = {name: round(value, 6) for name, value in self.utility.items()}
        self.book.finish(settings.least_paths, report)

    def _described(self, student: int, facts: dict[str, Any]) -> dict[str, Any]:
        learner = self.learners[student]
        return {
            "params": self.settings.model_dump(),
            "base": facts["bases"][student],
            "peer": facts["bases"][1 - student],
            "data_sha256": facts["data_sha256"],
            "seed": facts["seed"],
            "weights": sum(weight.numel() for weight in learner.weights().values()),
            "steps": self.steps,
            "rows": len(self.paths),
            "tokens": self.book.tokens[learner.name],
        }


def _seed(*parts: object) -> int:
    digest = hashlib.sha256("/".join(map(str, ("step", *parts))).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
