"""A Backend in memory: a table of logits from each token to the next, trained with numpy, its gradients written out by hand."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from stages.shared.errors import BadInput
from stages.students.backends import Adam, Capabilities, Datum, Done, Passed, Sampled, Sampling, check_data
from stages.students.token_losses import TOKEN_LOSSES, Clip


class FakeBackend:
    """`size` tokens, of which `stops` end an answer; what comes next depends on the last token only."""

    def __init__(self, size: int, stops: set[int], tokenizer: Any = None, seed: int = 0, context: int | None = None) -> None:
        self.tokenizer, self.stops = tokenizer, stops
        self.capabilities = Capabilities("a table", tuple(TOKEN_LOSSES), context)
        self.table = np.random.default_rng(seed).normal(0, 0.5, (size, size))
        self.first = self.table.copy()
        self.gradient = np.zeros_like(self.table)
        self.adam: dict[str, Any] | None = None
        self.states: dict[str, tuple[Any, Any]] = {}
        self.steps = 0

    @staticmethod
    def _spread(table: Any, rows: Any) -> Any:
        logits = table[rows]
        return logits - np.log(np.exp(logits).sum(-1, keepdims=True))

    def forward_backward(self, data: Sequence[Datum], loss: str, clip: Clip) -> Done[Passed]:
        check_data(data, loss, self.capabilities.losses)
        total, logprobs = 0.0, []
        for datum in data:
            spread = self._spread(self.table, datum.inputs)
            now = spread[np.arange(len(datum.inputs)), datum.targets]
            costs, slopes = self._cost(loss, now, datum, clip)
            total += float(costs.sum())
            # the slope of log softmax: 1 at the target, less the probabilities
            slope = -np.exp(spread) * slopes[:, None]
            slope[np.arange(len(datum.inputs)), datum.targets] += slopes
            np.add.at(self.gradient, datum.inputs, slope)
            logprobs.append([float(value) if wanted else 0.0 for value, wanted in zip(now, datum.learnt(), strict=True)])
        return Done(Passed(total, logprobs))

    @staticmethod
    def _cost(loss: str, now: Any, datum: Datum, clip: Clip) -> tuple[Any, Any]:
        """The costs of the tokens, and their derivatives by the log-probabilities."""
        if loss == "cross_entropy":
            weights = np.asarray(datum.weights)
            return -weights * now, -weights
        advantages, ratio = np.asarray(datum.advantages), np.exp(now - np.asarray(datum.logprobs))
        bounded = ratio.clip(clip.low, clip.high)
        if loss == "cispo":
            return -bounded * advantages * now, -bounded * advantages
        if loss == "ppo":
            kept = ratio * advantages <= bounded * advantages
            return -np.minimum(ratio * advantages, bounded * advantages), np.where(kept, -ratio * advantages, 0.0)
        return -ratio * advantages, -ratio * advantages

    def optim_step(self, adam: Adam) -> Done[float | None]:
        norm = float(np.linalg.norm(self.gradient))
        gradient = self.gradient * min(1.0, adam.max_grad_norm / max(norm, 1e-12))
        state = self.adam or {"step": 0, "mean": np.zeros_like(gradient), "square": np.zeros_like(gradient)}
        step = state["step"] + 1
        mean = adam.beta1 * state["mean"] + (1 - adam.beta1) * gradient
        square = adam.beta2 * state["square"] + (1 - adam.beta2) * gradient**2
        self.adam = {"step": step, "mean": mean, "square": square}
        change = mean / (1 - adam.beta1**step) / (np.sqrt(square / (1 - adam.beta2**step)) + adam.eps)
        self.table = self.table * (1 - adam.learning_rate * adam.weight_decay) - adam.learning_rate * change
        self.gradient = np.zeros_like(self.gradient)
        self.steps += 1
        return Done(norm)

    def sample(self, prompts: Sequence[list[int]], sampling: Sampling) -> Done[list[list[Sampled]]]:
        random = np.random.default_rng(sampling.seed)
        return Done([[self._answer(prompt[-1], sampling, random) for _ in range(sampling.n)] for prompt in prompts])

    def _answer(self, last: int, sampling: Sampling, random: Any) -> Sampled:
        tokens: list[int] = []
        logprobs: list[float] = []
        while len(tokens) < sampling.max_tokens and (not tokens or tokens[-1] not in self.stops):
            spread = self._spread(self.table, [last])[0]
            heat = np.exp(spread / (sampling.temperature or 1.0))
            last = int(random.choice(len(heat), p=heat / heat.sum())) if sampling.temperature else int(spread.argmax())
            tokens.append(last)
            logprobs.append(float(spread[last]))
        return Sampled(tokens, logprobs, "stop" if tokens[-1] in self.stops else "length")

    def logprobs(self, sequences: Sequence[list[int]], start: bool = False) -> Done[list[list[float]]]:
        table = self.first if start else self.table
        return Done([[float(value) for value in self._spread(table, row[:-1])[np.arange(len(row) - 1), row[1:]]] for row in sequences])

    def save(self, name: str, optimizer: bool) -> Done[str]:
        self.states[name] = (self.table.copy(), copy.deepcopy(self.adam) if optimizer else None)
        return Done(name)

    def load(self, saved: str, optimizer: bool) -> None:
        if saved not in self.states:
            raise BadInput(f"{saved}: no saved state")
        table, adam = self.states[saved]
        self.table, self.adam = table.copy(), copy.deepcopy(adam) if optimizer else None
        self.gradient = np.zeros_like(table)

    def discard(self, saved: str) -> None:
        self.states.pop(saved, None)

    def export(self, folder: Path) -> None:
        np.save(folder / "table.npy", self.table)
