"""The share of the teacher's answers that are right, by task and style: as metrics, as a page, as CSV."""

from collections import Counter
from collections.abc import Iterator

from stages.scores.measures.estimates import Estimate, Estimates
from stages.scores.measures.intervals import wilson
from stages.scores.measures.plots import as_csv
from stages.shared.enriched import Paths, paths

ALL = "all"  # the row of all tasks together


class PathTable:
    """Counts rows as they pass.

    Where a style was answered several times the answers to one problem are not independent: the interval of
    their share is too narrow.
    """

    def __init__(self) -> None:
        self.right: Counter[tuple[str, str]] = Counter()  # by task and style
        self.answers: Counter[tuple[str, str]] = Counter()
        self.solved: Counter[str] = Counter()  # by task: problems with a right answer
        self.problems: Counter[str] = Counter()
        self.styles: dict[str, None] = {}

    def add(self, row: Paths) -> None:
        """Counts one problem."""
        answers = list(paths(row))
        for task in (row.task, ALL):
            self.problems[task] += 1
            self.solved[task] += any(path.right for path in answers)
            for path in answers:
                self.answers[task, path.style] += 1
                self.right[task, path.style] += path.right
        self.styles |= dict.fromkeys(path.style for path in answers)

    def tasks(self) -> list[str]:
        """By name; `all` last, where there are several."""
        names = sorted(set(self.problems) - {ALL})
        return [*names, ALL] if len(names) > 1 else names

    def estimates(self) -> Estimates:
        """`paths.<task>.<style>`: the share of right answers; `solved.<task>`: the share of solved problems.

        A problem is solved where any of its answers is right.
        """
        shares = {f"paths.{task}.{style}": share for task, style, share in self._cells()}
        return shares | {
            f"solved.{task}": wilson(self.solved[task], self.problems[task]) for task in self.tasks()
        }

    def _cells(self) -> Iterator[tuple[str, str, Estimate | None]]:
        for task in self.tasks():
            for style in self.styles:
                yield task, style, wilson(self.right[task, style], self.answers[task, style])

    def page(self, system: str) -> str:
        """Markdown: a row for each task, a column for each style."""
        lines = [f"# {system}: path accuracy", ""]
        lines += [
            "Right answers of the teacher in percent, with 95 % intervals; "
            "`any`: problems with a right answer in some style.",
            "",
        ]
        lines += [
            f"| task | problems | {' | '.join(self.styles)} | any |",
            "|---" * (len(self.styles) + 3) + "|",
        ]
        for task in self.tasks():
            cells = [_percent(share) for name, _, share in self._cells() if name == task]
            cells.append(_percent(wilson(self.solved[task], self.problems[task])))
            lines.append(f"| {task} | {self.problems[task]} | {' | '.join(cells)} |")
        return "\n".join(lines) + "\n"

    def as_csv(self) -> str:
        """A line for each task and style: the share of right answers, its interval, the answers."""
        cells = [(task, style, share) for task, style, share in self._cells() if share and task != ALL]
        rows: list[list[str | float]] = [
            [task, style, *share, self.answers[task, style]] for task, style, share in cells
        ]
        return as_csv(["task", "style", "accuracy", "low", "high", "n"], rows)


def _percent(share: Estimate | None) -> str:
    if share is None:
        return ""
    value, low, high = (round(100 * part, 1) for part in share)
    return f"{value} ({low} to {high})"
