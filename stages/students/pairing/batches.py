"""What both students make of a batch of paths, and what is minimised on it."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import torch

from stages.shared.errors import BadInput
from stages.students.pairing.joint_processes import average_gradients, sums_over_processes
from stages.students.pairing.learner import Learner, Passed
from stages.students.pairing.logbook import Logbook
from stages.students.pairing.pair_settings import Settings
from stages.students.pairing.paired_paths import PairedPath, answer_spans
from stages.students.peers import peer
from stages.students.router.routing import Routes, norm_of
from stages.students.training.checkpoints import processes


class PeerTerm:
    """The peer term of two learners, with the optimizer of what it learns itself."""

    def __init__(self, learners: Sequence[Learner], settings: Settings, seed: int) -> None:
        section: Any = settings.peer
        member = peer(section.kind)
        names = [str(learner.base) for learner in learners]
        member.check(names, [learner.tokenizer for learner in learners])
        configs = [learner.model.config.get_text_config() for learner in learners]
        widths = (configs[0].hidden_size, configs[1].hidden_size)
        vocabularies = (configs[0].vocab_size, configs[1].vocab_size)
        self.module: Any = member.build(section, widths, vocabularies, seed)
        # what the term reads of the students: hidden, logits, or None
        self.reads: str | None = self.module.reads if self.module else None
        self.optimizer: torch.optim.Optimizer | None = None
        if self.module:
            self.module.to(learners[0].device)
            if weights := list(self.module.parameters()):
                self.optimizer = torch.optim.AdamW(weights, lr=settings.peer_learning_rate)

    def step(self, book: Logbook) -> None:
        """A step of what the term learns; the norms of its gradients by part."""
        if self.optimizer is None:
            return
        average_gradients(self.module.parameters())
        for name, part in self.module.named_children():
            book.add(**{f"grad_norm__{name}": norm_of(list(part.parameters()))})
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Any]:
        """All that a resumed training needs."""
        if self.optimizer is None:
            return {}
        return {"module": self.module.state_dict(), "optimizer": self.optimizer.state_dict()}

    def put_back(self, state: dict[str, Any]) -> None:
        """Goes on from a state that `state` gave."""
        if self.optimizer is not None:
            self.module.load_state_dict(state["module"])
            self.optimizer.load_state_dict(state["optimizer"])


class Batches:
    """Both students and the peer term on batches of `paths`. Where every path's loss is needed (`whole`),
    and where the peer term reads something, a student computes the paths too that it does not get."""

    def __init__(
        self,
        paths: Sequence[PairedPath],
        learners: Sequence[Learner],
        term: PeerTerm,
        whole: bool,
        book: Logbook,
    ) -> None:
        self.paths, self.learners, self.term, self.book = paths, learners, term, book
        self.whole = whole or term.reads is not None

    def cost(self, chosen: Sequence[int], routes: Routes, epoch: int) -> torch.Tensor:
        """The mean over the paths of gate times loss, summed over both students; the peer term; what the
        router pays by itself. Of several processes each has its own paths, and what is logged is of all."""
        device = self.learners[0].device
        gates, taken = routes.gates.to(device), routes.taken.to(device)
        total = torch.zeros((), device=device)
        losses, states = [], []
        figures = {f"{what}/{learner.name}": 0.0 for what in ("seen", "learnt") for learner in self.learners}
        for student, learner in enumerate(self.learners):
            rows = torch.arange(len(chosen)) if self.whole else routes.taken[student].nonzero().squeeze(1)
            each = torch.zeros(len(chosen), device=device)
            if len(rows):
                learnt = routes.taken[student][rows].tolist()
                passed = self._passed(student, [chosen[row] for row in rows.tolist()], learnt, figures)
                each = each.index_copy(0, rows.to(device), passed.losses)
                states.append(passed.states)
            own = each.detach()[taken[student]]
            figures[f"count/{learner.name}"] = len(own)
            figures[f"loss/{learner.name}"] = float(own.mean()) * len(own) if len(own) else 0.0
            losses.append(each)
            total = total + (gates[student] * each).sum() / len(chosen)
        if self.term.module is not None:
            value, scalars = self.term.module(*states, torch.stack(losses), gates)
            for name, scalar in {"term": value.detach(), **scalars}.items():
                figures[f"peer/{name}"] = float(scalar) / processes()
            total = total + value
        self._log(sums_over_processes(figures), epoch)
        return total if routes.cost is None else total + routes.cost.to(device)

    def _passed(
        self, student: int, chosen: Sequence[int], taken: Sequence[bool], figures: dict[str, float]
    ) -> Passed:
        """What a student makes of the paths `chosen`, each loss times the weight of its chat; `taken`: those
        that the student learns from. Adds the numbers of their tokens to `figures`."""
        learner = self.learners[student]
        paths = [self.paths[row] for row in chosen]
        examples = [path.examples[student] for path in paths]
        figures[f"seen/{learner.name}"] = sum(len(example.ids) for example in examples)
        if not learner.frozen:
            learnt = (example for example, mine in zip(examples, taken, strict=True) if mine)
            figures[f"learnt/{learner.name}"] = sum(sum(example.supervised) for example in learnt)
        spans = [
            answer_spans(path.chat, example, learner.tokenizer) if self.term.reads else []
            for path, example in zip(paths, examples, strict=True)
        ]
        passed = learner.learn(examples, spans, self.term.reads)
        weights = [1.0 if path.chat.weight is None else path.chat.weight for path in paths]
        return passed._replace(losses=passed.losses * passed.losses.new_tensor(weights))

    def _log(self, figures: Mapping[str, float], epoch: int) -> None:
        """Logs a batch: sums of losses, numbers of paths and tokens, and means of the peer term's scalars."""
        for learner in self.learners:
            name = learner.name
            for what, count in self.book.tokens[name].items():
                self.book.tokens[name][what] = count + round(figures[f"{what}/{name}"])
            if not figures[f"count/{name}"]:
                continue
            mean = figures[f"loss/{name}"] / figures[f"count/{name}"]
            if not isfinite(mean):
                raise BadInput(
                    f"train_pair: the training diverged: the loss of the {name} student is {mean}; lower "
                    f"learning_rates.{name} or max_grad_norm"
                )
            self.book.add(**{f"loss__{name}": mean})
        peer = {key.removeprefix("peer/"): value for key, value in figures.items() if key.startswith("peer/")}
        if peer:
            self.book.peer(peer.pop("term"), peer, epoch)
