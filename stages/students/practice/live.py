"""The curves of practice, through DVCLive."""

from collections.abc import Iterable
from pathlib import Path

import msgspec
from dvclive.live import Live

from stages.students.practice.practice_rows import Point

DRAWN = (
    "reward",
    "accuracy",
    "metric",
    "equal",
    "hard_reward",
    "easy_reward",
    "tokens",
    "loss",
    "grad_norm",
    "kl",
)


class PracticeCurves:
    """Writes the curves to `folder`, which is begun anew with the points that there are already."""

    def __init__(self, folder: Path, points: Iterable[Point]) -> None:
        self.live = Live(str(folder), dvcyaml=None, save_dvc_exp=False, report=None)  # see training/curves.py
        for point in points:
            self.add(point)

    def add(self, point: Point) -> None:
        """Adds a point to each curve of its split."""
        values = msgspec.structs.asdict(point)
        self.live.step = point.step
        for name in DRAWN:
            if values[name] is not None:
                self.live.log_metric(f"{point.split}/{name}", float(values[name]))
        self.live.make_summary()

    def end(self) -> None:
        """Closes the folder."""
        self.live.end()
