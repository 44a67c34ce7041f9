"""What is told of a pair's training: scalars of each step, every route, competence by epoch."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from stages.shared.cli import is_main_process
from stages.shared.files import write, write_json
from stages.students.pairing.pair_curves import PairCurves, table
from stages.students.pairing.pair_rows import (
    NAMES,
    CompetenceRow,
    EvaluationRow,
    PairJob,
    PairPoint,
    PathMeasure,
    RouteRow,
)
from stages.students.pairing.paired_paths import PairedPath
from stages.students.pairing.rank_correlations import COLUMNS, correlations
from stages.students.router.routing import Routes
from stages.students.training.growing_rows import Rows


class Logbook:
    """The logs of a training over `paths`; what is not finished lies in `folder`. Of several processes all
    count, and the main one writes.

    A scalar counts for the next point: a point is the mean over the steps since the last one. Checkpoints
    fall on points, so nothing is lost between a checkpoint and the next point.
    """

    def __init__(
        self, folder: Path, job: PairJob, paths: Sequence[PairedPath], state: Mapping[str, Any] | None
    ) -> None:
        self.job, self.paths, self.writes = job, paths, is_main_process()
        names = ("routes", "history", "measures", "evaluations")
        self.growing = [Rows(folder / f"{name}.jsonl") for name in names]
        self.routes, self.history, self.measures, self.evaluations = self.growing
        # by epoch the sums of both students' competence weights, and the number of batches
        self.competence: dict[int, list[float]] = dict(state["competence"]) if state else {}
        nothing = {name: {"seen": 0, "learnt": 0} for name in NAMES}
        self.tokens: dict[str, dict[str, int]] = dict(state["tokens"]) if state else nothing
        self.window: defaultdict[str, list[float]] = defaultdict(list)
        if self.writes:
            sizes = state["sizes"] if state else [0] * len(self.growing)
            for rows, size in zip(self.growing, sizes, strict=True):
                rows.cut(size)
            self.curves = PairCurves(job.curves, self.history.read(PairPoint))

    def state(self) -> dict[str, Any]:
        """What a resumed training needs, once all rows are on disk."""
        sizes = [rows.safe() for rows in self.growing]
        return {"sizes": sizes, "competence": self.competence, "tokens": self.tokens}

    def add(self, **scalars: float) -> None:
        """Scalars of a step, `grad_norm__first` for grad_norm/first."""
        for name, value in scalars.items():
            self.window[name.replace("__", "/")].append(value)

    def peer(self, term: float, scalars: Mapping[str, float], epoch: int) -> None:
        """The peer term of a batch and its scalars."""
        self.add(peer__term=term, **{f"peer__{name}": value for name, value in scalars.items()})
        if "competence_first" in scalars:
            sums = self.competence.setdefault(epoch, [0.0, 0.0, 0])
            for place, name in enumerate(NAMES):
                sums[place] += scalars[f"competence_{name}"]
            sums[2] += 1

    def measured(self, rows: Sequence[PathMeasure]) -> None:
        """The measures of some paths."""
        if self.writes:
            self.measures.add(*rows)

    def evaluated(self, rows: Sequence[EvaluationRow]) -> None:
        """An evaluation."""
        if self.writes:
            self.evaluations.add(*rows)

    def routed(self, step: int, start: int, chosen: Sequence[int], routes: Routes) -> None:
        """The routes of a batch, whose first path is number `start` of all that are seen."""
        for student, name in enumerate(NAMES):
            taken, probabilities = routes.taken[student].tolist(), routes.probabilities[student].tolist()
            self.add(**{f"rate__{name}": sum(taken) / len(taken)})
            if not self.writes:
                continue
            drawn = enumerate(zip(chosen, taken, probabilities, strict=True))
            self.routes.add(
                *(
                    self._row(step, (start + place) // len(self.paths), self.paths[row], name, route, share)
                    for place, (row, route, share) in drawn
                )
            )

    def _row(
        self, step: int, epoch: int, path: PairedPath, student: str, route: bool, share: float
    ) -> RouteRow:
        return RouteRow(
            step=step,
            epoch=epoch,
            sample=path.chat.problem,
            cot_index=path.place,
            style=path.chat.style,
            task=str(path.chat.task),
            student=student,
            route=int(route),
            probability=round(share, 6),
        )

    def point(self, step: int, epoch: int) -> None:
        """A point of the curves."""
        means = {name: round(sum(values) / len(values), 6) for name, values in sorted(self.window.items())}
        self.window.clear()
        if not self.writes:
            return
        point = PairPoint(step=step, epoch=epoch, scalars=means)
        self.history.add(point)
        self.curves.add(point)

    def finish(self, least: int, report: Mapping[str, Any]) -> None:
        """Writes curves, tables and logs; `report` says which rows each student learnt from."""
        routes = self.routes.read(RouteRow)
        self.curves.end(self.history.read(PairPoint), routes, least)
        if measures := self.measures.read(PathMeasure):
            write(self.job.logs / "path_measures.jsonl", measures)
            table(self.job.curves / "path_measures.csv", COLUMNS, correlations(measures, self.job.seed))
        if evaluations := self.evaluations.read(EvaluationRow):
            rows = [msgspec.structs.asdict(row) for row in evaluations]
            table(self.job.curves / "evaluation.csv", list(rows[0]), rows)
        write(self.job.logs / "routes.jsonl", routes)
        write(
            self.job.logs / "competence.jsonl",
            (
                CompetenceRow(epoch=epoch, student=name, weight=round(sums[place] / sums[2], 6))
                for epoch, sums in sorted(self.competence.items())
                for place, name in enumerate(NAMES)
            ),
        )
        write_json(self.job.curves / "rows.json", report)
