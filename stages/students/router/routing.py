"""Which path goes to which student: what the router knows of the paths, the routes that it draws, and what it
learns from."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch

from stages.shared.errors import BadInput
from stages.students.router.route_heads import (
    Features,
    Heads,
    centred,
    decisions,
    entropy,
    information,
    straight_through,
    threshold,
)
from stages.students.router.route_settings import Params
from stages.students.router.utilities import Observation, Observations

LOOKED_AT = 2000  # paths, drawn by the seed, by which the threshold is set and what is reported is measured


class Known(NamedTuple):
    """What the router knows of the paths, a row each."""

    # what the encoders made of the paths, or of the questions
    features: Features
    # the row of `features` of each path, (paths,)
    rows: torch.Tensor
    # the number of each path's style, (paths,)
    styles: torch.Tensor
    # the number of each path's problem, (paths,)
    problems: torch.Tensor
    # of each path its style and its task by name, for the logs
    style_names: Sequence[str]
    task_names: Sequence[str]


class Routes(NamedTuple):
    """The routes of some paths, each (2, paths): of the first student and of the second."""

    # 0 or 1; where the signal is `loss`, with a gradient
    gates: torch.Tensor
    # the same without a gradient, as booleans
    taken: torch.Tensor
    # with which each route was drawn
    probabilities: torch.Tensor
    # what the router pays for these paths by itself; None: nothing
    cost: torch.Tensor | None

    def of(self, rows: slice) -> "Routes":
        """The routes of some of the paths; what the router pays stays that of all."""
        return Routes(self.gates[:, rows], self.taken[:, rows], self.probabilities[:, rows], self.cost)


class Routing:
    """The router in training. Without heads (signals random and off) `known` and `calibration` are None."""

    def __init__(self, params: Params, known: Known | None, styles: int, steps: int, seed: int) -> None:
        self.params, self.known, self.steps, self.seed = params, known, steps, seed
        self.heads: Heads | None = None
        self.pool: list[Observation] = []
        # what the heads say of the paths by which the threshold is set; None: to be computed
        self.sample: torch.Tensor | None = None
        self.calibration: Features | None = None
        if params.routed:
            assert known is not None
            widths = (known.features.first.shape[1], known.features.second.shape[1])
            self.heads = Heads(widths, styles, params.style_width, params.hidden, _seed(seed, "heads", 0))
            self.heads.standardise(known.features)
            self.optimizer = torch.optim.AdamW(
                self.heads.parameters(), lr=params.learning_rate, weight_decay=params.weight_decay
            )
            generator = torch.Generator().manual_seed(_seed(seed, "report"))
            self.looked_at = torch.randperm(len(known.rows), generator=generator)[:LOOKED_AT]
            self.members = _members(known.problems)

    def temperature(self, step: int) -> float:
        """From the first of `temperature` at step 1 to the last at the last step, linearly."""
        first, last = self.params.temperature
        return first + (last - first) * (step - 1) / max(1, self.steps - 1)

    def draw(self, paths: Sequence[int], step: int, part: int) -> Routes:
        """The routes of `paths` in a step, of which this is the batch number `part`."""
        generator = torch.Generator().manual_seed(_seed(self.seed, "gates", step, part))
        shape = (2, len(paths))
        if self.params.signal == "off":
            return Routes(torch.ones(shape), torch.ones(shape, dtype=torch.bool), torch.ones(shape), None)
        rate = torch.full(shape, self.params.rate)
        by_chance = torch.rand(shape, generator=generator) < rate
        if self.params.signal == "random":
            return Routes(by_chance.float(), by_chance, rate, None)
        temperature = self.temperature(step)
        odds = self.gate_odds(torch.tensor(paths), temperature)
        if not bool(odds.isfinite().all()):
            raise BadInput(
                f"train_pair: the router diverged at step {step}: its log-odds are no numbers; lower "
                "router.learning_rate"
            )
        gates, taken = straight_through(odds, temperature, generator)
        share, learning = self.params.epsilon, self.params.signal == "loss"
        astray = torch.rand(len(paths), generator=generator) < share
        gates = torch.where(astray, by_chance.float(), gates if learning else taken.float())
        cost = decisions(odds, self.params.rate, self.params.balance, self.params.entropy)
        probabilities = (share * rate + (1 - share) * odds.sigmoid()).detach()
        return Routes(gates, gates.detach() > 0.5, probabilities, cost if learning else None)

    def gate_odds(self, paths: torch.Tensor, temperature: float) -> torch.Tensor:
        """The log-odds of the gates of `paths`, (2, paths), with a gradient where the signal is `loss`."""
        assert self.heads
        if self.params.signal == "loss":
            return self._compared(paths) + self.heads.offset[:, None]
        with torch.no_grad():
            if self.sample is None:
                self.sample = self._compared(self.looked_at)
            return self._compared(paths) / temperature - threshold(
                self.sample / temperature, self.params.rate
            )

    def _compared(self, paths: torch.Tensor) -> torch.Tensor:
        """What the heads say of `paths`, (2, paths): log-odds; where styles compete, less the mean of all
        paths of the problem; where students compete, expected utilities less the mean of both students."""
        assert self.known
        if self.params.among == "problems":
            return self._log_odds(paths)
        problems = self.known.problems[paths].tolist()
        every = torch.cat([self.members[problem] for problem in sorted(set(problems))])
        values, compete = self._log_odds(every), self.params.among == "students"
        if compete:
            values = values.sigmoid()  # log-odds of two students that are never right differ by chance alone
        values = centred(values, self.known.problems[every], across=compete)
        place = {path: number for number, path in enumerate(every.tolist())}
        return values[:, [place[path] for path in paths.tolist()]]

    def _log_odds(self, paths: torch.Tensor) -> torch.Tensor:
        assert self.heads and self.known
        return self.heads.log_odds(self.known.features.at(self.known.rows[paths]), self.known.styles[paths])

    @torch.no_grad()
    def expected(self, paths: Sequence[int]) -> torch.Tensor:
        """The utility that the heads expect of each student for the problem and style of `paths`, (2, paths),
        where the signal is pass_rate."""
        return self._log_odds(torch.tensor(paths)).sigmoid()

    def observe(self, rows: Sequence[Observation]) -> None:
        """Adds what was measured in a round; the heads learn from it from now on."""
        self.pool += rows

    def learn(self, step: int, steps: int = 1) -> dict[str, float]:
        """Steps of the heads towards the observed utilities, after training step `step`; returns the loss and
        the norm of the heads' gradient at the last of them. Nothing where there are no observations."""
        if not self.pool or self.heads is None:
            return {}
        assert self.calibration is not None
        observations = Observations(self.pool, self._memory())
        scalars: dict[str, float] = {}
        for number in range(steps):
            generator = torch.Generator().manual_seed(_seed(self.seed, "fit", step, steps, number))
            loss = observations.loss(self.heads, self.calibration, self.params.dropout, generator)
            loss.backward()
            scalars = {"fit": float(loss.detach()), "grad_norm": self.step()}
        self.sample = None  # the threshold is another one from now on
        return scalars

    def _memory(self) -> float:
        assert self.params.calibration is not None
        return self.params.calibration.memory

    def step(self) -> float:
        """A step of the optimizer; returns the norm of the heads' gradient."""
        assert self.heads
        norm = norm_of(list(self.heads.parameters()))
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return norm

    @torch.no_grad()
    def report(self, step: int) -> dict[str, float]:
        """Entropy of the gates at a step, and mutual information of route with style and with task in nats:
        means over both students, of the probabilities."""
        if self.heads is None or self.known is None:
            return {}
        probabilities = self.gate_odds(self.looked_at, self.temperature(step)).sigmoid()
        rows = self.looked_at.tolist()
        styles = [self.known.style_names[row] for row in rows]
        tasks = [self.known.task_names[row] for row in rows]
        scalars = {"entropy": float(entropy(probabilities).mean())}
        for name, groups in (("style", styles), ("task", tasks)):
            scalars[f"information_{name}"] = sum(information(row, groups) for row in probabilities) / 2
        return scalars

    def state(self) -> dict[str, Any]:
        """All that a resumed training needs, as tensors and numbers."""
        if self.heads is None:
            return {}
        return {
            "heads": self.heads.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "pool": [list(row) for row in self.pool],
        }

    def put_back(self, state: Mapping[str, Any]) -> None:
        """Goes on from a state that `state` gave."""
        if self.heads is not None:
            self.heads.load_state_dict(state["heads"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.pool = [Observation(*row) for row in state["pool"]]
            self.sample = None


def norm_of(weights: Sequence[torch.nn.Parameter]) -> float:
    """The norm of the gradient of `weights`; 0 where they have none."""
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    return float(torch.nn.utils.get_total_norm(gradients)) if gradients else 0.0


def _members(problems: torch.Tensor) -> dict[int, torch.Tensor]:
    """The paths of each problem."""
    members: dict[int, list[int]] = {}
    for path, problem in enumerate(problems.tolist()):
        members.setdefault(problem, []).append(path)
    return {problem: torch.tensor(paths) for problem, paths in members.items()}


def _seed(*parts: object) -> int:
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
