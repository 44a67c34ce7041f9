"""Sections about the data: what it cost, what was kept, why the rest was dropped, how answers ended."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from stages.pages.charts import bars, intervals, points_of
from stages.pages.sections import Cell, Section, Table, number, share
from stages.pages.tallies import TEST, TRAIN, ArmTally, TeacherTally


def counted(count: int, rows: Mapping[str, str] | None = None) -> Cell:
    """A cell with a count that leads to the rows it is of."""
    return Cell(f"{count:,}", rows if count and rows else {}, "number")


def shared(hits: int, n: int, rows: Mapping[str, str] | None = None) -> Cell:
    """A cell with a share in percent."""
    return Cell(share(hits, n), rows if hits and rows else {}, "number")


def cost(teacher: Mapping[str, Any], tally: TeacherTally, models: Mapping[str, Mapping[str, Any]]) -> Section:
    """What the answers of the teacher cost, and what each student was trained on."""
    bought = ("requests", "answers", "missing", "tokens", "prompt_tokens", "cost_usd", "unpriced")
    names = {
        "prompt_tokens": "tokens of the prompts",
        "cost_usd": "cost in USD",
        "unpriced": "answers without a known price",
    }
    rows = [
        [Cell(names.get(key, key)), Cell(number(teacher[key]), look="number")]
        for key in bought
        if key in teacher
    ]
    rows += [
        [Cell(f"tokens answered by {by}"), counted(count)]
        for by, count in tally.tokens.items()
        if by != "teacher"
    ]
    trained = [
        [
            Cell(name),
            *(
                Cell(f"{model[key]:,}" if isinstance(model.get(key), int) else "–", look="number")
                for key in ("weights", "steps", "rows")
            ),
            *(
                Cell(f"{tokens[key]:,}" if isinstance(tokens.get(key), int) else "–", look="number")
                for key in ("seen", "learnt")
            ),
        ]
        for name, model in models.items()
        for tokens in [model.get("tokens") or {}]
    ]
    head = ["model", "weights", "steps", "rows", "tokens seen", "of these learnt"]
    note = "What the teacher and the training took. Money is counted where conf/prices.yaml has a price."
    return Section(
        "cost", "Cost", note, [Table(["", ""], rows), *([Table(head, trained)] if trained else [])]
    )


def yields(tally: TeacherTally, paths: str) -> Section:
    """How many answers are right, and how many were kept, by style and task."""
    rows = []
    for key, count in tally.rows.items():
        by, task, style = key
        of = {"split": TRAIN, "arm": by, "task": task, "style": style}
        rows.append(
            [
                Cell(by),
                Cell(task),
                Cell(style),
                counted(count, of),
                counted(tally.right[key], of | {"verdict": "right"}),
                shared(tally.right[key], count),
                counted(tally.kept[key], of | {"fate": "kept"}),
                shared(tally.kept[key], count),
            ]
        )
    head = ["who", "task", "style", "answers", "right", "", "kept", ""]
    drawn = [
        {
            "group": row["task"],
            "name": row["style"],
            "value": row["accuracy"],
            "low": row["low"],
            "high": row["high"],
        }
        for row in points_of(paths)
    ]
    words = "Share of the teacher's answers that are right, by task and style, with 95 % intervals"
    chart = [intervals(drawn, "right answers of the teacher", words)] if drawn else []
    return Section(
        "yields", "Yields by style and task", "Answers to the training problems.", [*chart, Table(head, rows)]
    )


def drops(tally: TeacherTally) -> Section:
    """How many answers were dropped for each reason."""
    totals: Counter[str] = Counter()
    for (by, _, _), count in tally.rows.items():
        totals[by] += count
    ordered = sorted(tally.dropped.items(), key=lambda item: (item[0][0] != "teacher", -item[1], item[0][1]))
    rows = [
        [
            Cell(by),
            Cell(reason),
            counted(count, {"split": TRAIN, "arm": by, "fate": reason}),
            shared(count, totals[by]),
        ]
        for (by, reason), count in ordered
    ]
    note = (
        "The first rule of the filter that an answer fails. grader:reason is a grade that is too low; "
        "surplus: the problem had as many answers as are kept."
    )
    drawn = [
        {"x": reason, "name": by, "value": count / totals[by], "n": count}
        for (by, reason), count in ordered
        if by == "teacher"
    ]
    words = "Share of the teacher's answers dropped, by reason"
    chart = [bars(drawn, ["teacher"], "reason", "of all answers", words, across=True)] if drawn else []
    return Section(
        "drops",
        "Dropped answers by reason",
        note,
        [*chart, Table(["who", "reason", "answers", "of all"], rows)],
    )


def endings(teacher: TeacherTally, arms: ArmTally) -> Section:
    """How answers ended: at the model's own end, at the limit, or otherwise."""
    rows = []
    for place, split, counts in (("training data", TRAIN, teacher.endings), ("held-out", TEST, arms.endings)):
        totals: Counter[str] = Counter()
        for (by, _), count in counts.items():
            totals[by] += count
        for (by, ending), count in counts.items():
            of = {"split": split, "arm": by, "ending": ending}
            rows.append([Cell(place), Cell(by), Cell(ending), counted(count, of), shared(count, totals[by])])
    note = "stop: the model ended its answer; length: it was cut off at its limit."
    return Section(
        "endings", "How answers end", note, [Table(["", "who", "ending", "answers", "of all"], rows)]
    )


def difficulty(teacher: TeacherTally, arms: ArmTally, plots: Sequence[Any]) -> Section | None:
    """How hard the problems are for the base model; None where it was never asked."""
    counts = teacher.difficulty.problems + arms.difficulty.problems
    if not counts:
        return None
    totals: Counter[str] = Counter()
    for (split, _), count in counts.items():
        totals[split] += count
    rows = [
        {"x": f"{tenth:.1f}", "name": split, "value": count / totals[split], "n": count}
        for (split, tenth), count in sorted(counts.items(), key=lambda item: (item[0][1], item[0][0]))
    ]
    words = "Share of problems by difficulty, for each split"
    note = "Difficulty is the share of the base model's plain answers to a problem that are wrong."
    histogram = bars(rows, sorted(totals), "difficulty", "share of problems", words)
    return Section("difficulty", "Difficulty", note, [histogram, *plots])
