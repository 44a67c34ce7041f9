"""Two measures of how well a path suits a student, taken beside what the router expects of the path.

Rank-surprisal ratio (https://arxiv.org/abs/2601.14249): the sum of the ranks of a path's tokens under the
student, each 100 at most, over the sum of their negative log-likelihoods in nats. A low ratio is said to
teach more.

Gradient alignment: the cosine between the gradient of a path's loss and that of the loss of the student's own
right answers to calibration problems, after the comparison of training rows with validation rows in
https://arxiv.org/abs/2402.04333. The gradients are those of the last layer's weights. A high alignment says
that a step on the path makes these right answers likelier.
"""

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.nn.functional import cosine_similarity, cross_entropy

from stages.students.losses import IGNORED
from stages.students.losses.supervised import learnt_logits
from stages.students.pairing.joint_processes import gathered, rank
from stages.students.pairing.learner import Learner
from stages.students.pairing.pair_rows import NAMES, PathMeasure
from stages.students.pairing.paired_paths import PairedPath
from stages.students.peers.terms.process_means import process_mean
from stages.students.router.route_settings import Diagnostics
from stages.students.training.checkpoints import processes
from stages.students.training.encoding import Example
from stages.students.training.packing import Collator

HIGHEST = 100  # ranks above it count as it, as in the paper


class PathMeasures:
    """Measures paths that are drawn anew in each round."""

    def __init__(
        self, paths: Sequence[PairedPath], learners: Sequence[Learner], settings: Diagnostics, seed: int
    ) -> None:
        self.paths, self.learners, self.settings, self.seed = paths, learners, settings, seed

    def drawn(self, number: int) -> list[int]:
        """The paths that round `number` measures."""
        generator = random.Random(f"measured/{self.seed}/{number}")
        return sorted(generator.sample(range(len(self.paths)), min(self.settings.paths, len(self.paths))))

    def measure(
        self,
        step: int,
        chosen: Sequence[int],
        right: Sequence[Sequence[Example]],
        expected: torch.Tensor,
        observed: Sequence[Mapping[tuple[str, str], float]],
    ) -> list[PathMeasure]:
        """The measures of the paths `chosen` for each student that is trained.

        `right` are each student's right answers, `expected` (2, paths) what the router expects of the paths.
        `observed` are each student's mean utilities by task and style in this round. Without right answers
        there is no alignment.
        """
        rows = []
        for student, learner in enumerate(self.learners):
            if learner.frozen:
                continue
            generator = random.Random(f"right/{self.seed}/{step}/{student}")  # they come task by task
            count = min(self.settings.paths, len(right[student]))
            values = self._values(student, chosen, generator.sample(right[student], count))
            for place, (row, (alignment, ratio)) in enumerate(zip(chosen, values, strict=True)):
                path = self.paths[row]
                seen = observed[student].get((str(path.chat.task), path.chat.style))
                rows.append(
                    PathMeasure(
                        step=step,
                        sample=path.chat.problem,
                        cot_index=path.place,
                        style=path.chat.style,
                        task=str(path.chat.task),
                        student=NAMES[student],
                        expected=round(float(expected[student, place]), 6),
                        observed=None if seen is None else round(seen, 6),
                        alignment=None if alignment is None else round(alignment, 6),
                        rank_surprisal=round(ratio, 6),
                    )
                )
        return rows

    def _values(
        self, student: int, chosen: Sequence[int], right: Sequence[Example]
    ) -> list[tuple[float | None, float]]:
        """Alignment and ratio of each path; of several processes each computes some, and all get all."""
        learner = self.learners[student]
        probe = last_layer(learner.weights())
        learner.model.eval()  # no dropout, so nothing is drawn and the training goes on as without measures
        target = torch.zeros(sum(weight.numel() for weight in probe), device=learner.device)
        for example in right[rank() :: processes()]:
            target += _gradient(learner, example, probe)[0] / len(right)
        target = process_mean(target)
        values = []
        for place in range(rank(), len(chosen), processes()):
            gradient, ratio = _gradient(learner, self.paths[chosen[place]].examples[student], probe)
            known = bool(target.any()) and bool(gradient.any())
            values.append((place, (float(cosine_similarity(gradient, target, 0)) if known else None, ratio)))
        learner.model.train()
        by_place = dict(gathered(values))
        return [by_place[place] for place in range(len(chosen))]


def last_layer(weights: Mapping[str, torch.nn.Parameter]) -> list[torch.nn.Parameter]:
    """The weights of the layer with the highest number; all weights where none is of a numbered layer."""
    numbers = {
        name: int(number[1]) for name in weights if (number := re.search(r"\.(\d+)\.", name)) is not None
    }
    last = max(numbers.values(), default=None)
    return [weight for name, weight in weights.items() if numbers.get(name) == last]


def _gradient(
    learner: Learner, example: Example, probe: Sequence[torch.nn.Parameter]
) -> tuple[torch.Tensor, float]:
    """The gradient of the mean loss of the learnt tokens of `example` by the weights `probe`, flattened, and
    the rank-surprisal ratio of these tokens."""
    plain = [example._replace(weights=None)]
    batch: dict[str, Any] = Collator(learner.tokenizer.pad_token_id)(plain)
    batch = {name: value.to(learner.device) for name, value in batch.items()}
    with learner.computing():
        logits, targets, _ = learnt_logits(learner.model, learner.model.get_output_embeddings(), batch)
    logits, targets = logits[targets != IGNORED], targets[targets != IGNORED]
    costs = cross_entropy(logits, targets, reduction="none")
    parts = torch.autograd.grad(costs.mean(), probe, allow_unused=True)
    filled = [
        torch.zeros_like(weight) if part is None else part for weight, part in zip(probe, parts, strict=True)
    ]
    return torch.cat([part.flatten().float() for part in filled]), rank_surprisal(logits.detach(), targets)


def rank_surprisal(logits: torch.Tensor, targets: torch.Tensor) -> float:
    """The rank-surprisal ratio of the tokens `targets` (tokens,) under `logits` (tokens, vocabulary)."""
    own = logits.gather(1, targets[:, None])
    ranks = (1 + (logits > own).sum(1)).clamp(max=HIGHEST)
    surprisal = float(cross_entropy(logits, targets, reduction="sum"))
    return float(ranks.sum()) / max(surprisal, 1e-12)
