"""How the training of a pair went: curves through DVCLive, and tables."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dvclive.live import Live

from stages.shared.files import csv_line, replacing
from stages.students.pairing.pair_rows import PairPoint, RouteRow
from stages.students.router.route_counts import COLUMNS, rates


class PairCurves:
    """Writes the curves to `folder`, which is begun anew with the points that there are already."""

    def __init__(self, folder: Path, points: Iterable[PairPoint]) -> None:
        self.folder = folder
        self.live = Live(str(folder), dvcyaml=None, save_dvc_exp=False, report=None)  # see training/curves.py
        for point in points:
            self.add(point)

    def add(self, point: PairPoint) -> None:
        """Adds a point to each curve."""
        self.live.step = point.step
        for name, value in point.scalars.items():
            self.live.log_metric(name, value)
        self.live.make_summary()

    def end(self, points: Sequence[PairPoint], routes: Iterable[RouteRow], least: int) -> None:
        """Closes the folder and adds the tables router.csv (a row for each point) and rates.csv (rates of
        routes by style, task and epoch, of at least `least` paths each)."""
        self.live.end()
        names = list(dict.fromkeys(name for point in points for name in point.scalars))
        table(
            self.folder / "router.csv",
            ["step", "epoch", *names],
            [{"step": point.step, "epoch": point.epoch, **point.scalars} for point in points],
        )
        table(self.folder / "rates.csv", COLUMNS, rates(routes, least))


def table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes rows as a CSV file with these columns."""
    with replacing(path) as file:
        file.write(csv_line(*columns))
        file.writelines(csv_line(*(str(row.get(name, "")) for name in columns)) for row in rows)
