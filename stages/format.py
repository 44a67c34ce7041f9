"""Makes the chats that the student learns from: plain ones where the base model is right by itself, glyph
ones where it fails."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.formats import FORMATS
from stages.formats.mixing import mixture
from stages.formats.mixing.mixture import Report, mix
from stages.shared import params
from stages.shared.cli import progress, run
from stages.shared.errors import BadInput
from stages.shared.rows import Trace, as_json, put, read, replacing
from stages.styles import style
from stages.styles.prompting.prompts import StyleName


class Params(mixture.Params):
    """The mixture, and the style in which the student will be asked."""

    student_style: StyleName = "plain"


def main(name: str) -> None:
    """data/S/kept.jsonl -> data/S/chats/N.jsonl and metrics/N_format.json."""
    mine = params.read(name, "format", Params, family="students")
    data, report = Path("data", params.refers("students", name, "system")), Report()

    def kept() -> Iterator[Trace]:
        return read(data / "kept.jsonl", Trace, key=lambda trace: trace.trace_id)

    chats = mix(kept, mine, style(mine.student_style).render, params.seed(), report)
    with replacing(data / "chats" / f"{name}.jsonl", Path("metrics", f"{name}_format.json")) as (
        file,
        metrics,
    ):
        if not put(file, progress(chats, "format")):
            raise BadInput(f"{data / 'kept.jsonl'}: no kept trace fits the format of its problem")
        metrics.write(as_json(summary(report)))


STEADY = (
    "direct",
    "latent",
    "natural",
)  # always told, so that the names in the metrics file stay; others where they are used


def summary(report: Report) -> dict[str, Any]:
    """Chats by format and level, and by style and task where there are several; problems without any
    (`no_...`); traces that did not become one (`left_out`), by reason."""
    levels: dict[str, dict[str, int]] = {}
    for (level, name), count in sorted(report.levels.items()):
        levels.setdefault(level, {})[name] = count
    chats = report.chats.total()
    told = [name for name in FORMATS if name in STEADY or report.chats[name] or report.problems[f"no_{name}"]]
    return {
        "chats": chats,
        **{name: report.chats[name] for name in told},
        "natural_share": report.chats["natural"] / chats,
        **{f"no_{name}": report.problems[f"no_{name}"] for name in told},
        "left_out": dict(sorted(report.traces.items())),
        "levels": levels,
        **_several(report),
    }


def _several(report: Report) -> dict[str, Any]:
    """Chats by style, of the formats that have several, and by task."""
    styles: dict[str, dict[str, int]] = {}
    for (name, style_), count in sorted(report.styles.items()):
        styles.setdefault(name, {})[style_] = count
    styles = {name: counts for name, counts in styles.items() if len(counts) > 1}
    tasks = dict(sorted(report.tasks.items())) if len(report.tasks) > 1 else {}
    return ({"styles": styles} if styles else {}) | ({"tasks": tasks} if tasks else {})


if __name__ == "__main__":
    run(main, family="student")
