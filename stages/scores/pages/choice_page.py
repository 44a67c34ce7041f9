"""The page of a pair: accuracy by task, student and style, what the router chose, and what that is worth."""

from collections.abc import Mapping, Sequence

from stages.scores.choosing.arms_of_pair import choice_by_task
from stages.scores.choosing.cell_answers import Answers, Cell
from stages.scores.choosing.pair_measures import BASELINES, PAIR
from stages.scores.choosing.pair_plots import cell_accuracies
from stages.scores.measures.estimates import Estimate, Estimates
from stages.scores.measures.table import Numbers


def choice_page(
    pair: str, answers: Answers, choice: Mapping[str, Numbers], metrics: Estimates, seed: int
) -> str:
    """Markdown. `metrics` are those of `pair_measures.estimates`."""
    parts = [f"# {pair}: students, styles and routes\n", _cells(answers, seed), _ways(metrics)]
    if PAIR in choice:
        parts.append(_routes(answers, choice[PAIR]))
    parts.append(_chosen(answers, choice))
    return "\n".join(part for part in parts if part)


def _cells(answers: Answers, seed: int) -> str:
    rows: dict[str, dict[Cell, Estimate | None]] = {}
    for task, cell, accuracy in cell_accuracies(answers, seed):
        rows.setdefault(task, {})[cell] = accuracy
    return (
        "Right answers in percent, with 95 % intervals; of each task the best is bold, `all` is the mean "
        f"over tasks. {len(answers)} test problems, {answers.samples} answers to each.\n\n"
        + _table(
            ["task", *(f"{cell.student} {cell.style}" for cell in answers.cells)],
            [[task, *_bold(list(cells.values()))] for task, cells in rows.items()],
        )
    )


def _bold(accuracies: Sequence[Estimate | None]) -> list[str]:
    best = max((each.value for each in accuracies if each), default=None)
    return [f"**{_percent(each)}**" if each and each.value == best else _percent(each) for each in accuracies]


def _ways(metrics: Estimates) -> str:
    """Each way with its accuracy, its tokens, and how far the pair is above it."""
    rows = []
    for name, accuracy in metrics.items():
        kind, _, way = name.partition(".")
        tokens, lead = metrics.get(f"tokens_macro.{way}"), metrics.get(f"difference_macro.{PAIR}_{way}")
        if kind == "accuracy_macro":
            rows.append([way, _percent(accuracy), f"{tokens.value:.1f}" if tokens else "", _percent(lead)])
    rows.sort(key=lambda row: -float(row[1].split(" ")[0] or 0))
    closed = metrics.get(f"gap_closed.{PAIR}")
    text = "## Ways to answer\n\nMeans over tasks; `lead` is the pair minus the way, paired by problem.\n\n"
    text += _table(["way", "accuracy", "tokens", "lead"], rows)
    if closed:
        text += f"\nOf the gap between `random` and `oracle` the pair closes {_percent(closed)} percent.\n"
    return text


def _routes(answers: Answers, pair: Numbers) -> str:
    shares = {task: pair[among].mean(0) for task, among in answers.tasks.items()}
    return (
        "## Routes\n\nOf the problems of each task the share, in percent, that the router puts to each "
        "student in each style.\n\n"
        + _table(
            ["task", *(f"{cell.student} {cell.style}" for cell in answers.cells)],
            [[task, *(f"{100 * share:.0f}" for share in row)] for task, row in shares.items()],
        )
    )


def _chosen(answers: Answers, choice: Mapping[str, Numbers]) -> str:
    there = [name for name in BASELINES if name in choice]
    if not there:
        return "There were no validation problems to choose the best student and style by.\n"
    by_name = {name: choice_by_task(answers, choice[name]) for name in there}
    return "## Chosen on the validation problems\n\n" + _table(
        ["task", *there],
        [[task, *(" ".join(by_name[name][task]) for name in there)] for task in answers.tasks],
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _percent(share: Estimate | None) -> str:
    if share is None:
        return ""
    value, low, high = (round(100 * part, 1) + 0.0 for part in share)
    return f"{value} ({low} to {high})"
