"""Makes the chats that one student learns from: each problem in the format that its difficulty asks for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.formats.mixing import mixture
from stages.formats.mixing.mixture import Report, mix
from stages.shared import params
from stages.shared.cli import progress, run
from stages.shared.errors import BadInput
from stages.shared.files import as_json, put, read, replacing
from stages.shared.rows import Trace
from stages.styles import Put
from stages.styles.prompting.prompts import Asked


class Params(mixture.Params):
    """The mixture, and the prompt that the student sees."""

    # the style in which the student is asked, with its params where it has any
    student_style: Asked = Put("plain")


def main(name: str) -> None:
    """data/S/kept.jsonl -> data/S/chats/N.jsonl and metrics/N_format.json."""
    section = params.read(name, "format", Params, family="students")
    data, report = Path("data", params.refers("students", name, "system")), Report()

    def kept() -> Iterator[Trace]:
        return read(data / "kept.jsonl", Trace, key=lambda trace: trace.trace_id)

    chats = mix(kept, section, section.student_style.render, params.seed(), report)
    with replacing(data / "chats" / f"{name}.jsonl", Path("metrics", f"{name}_format.json")) as (
        file,
        metrics,
    ):
        if not put(file, progress(chats, "format")):
            raise BadInput(f"{data / 'kept.jsonl'}: no kept trace fits the format of its problem")
        metrics.write(as_json(summary(report, section)))


def summary(report: Report, section: mixture.Params) -> dict[str, Any]:
    """What became of the kept traces.

    `chats`: all of them, then those of each format of the mixture. `easy_share`: the share of chats in the
    format `easy`. `no_<format>`: problems without a chat in their format. `left_out`: traces that did not
    become a chat, by reason. `levels`: chats by level and format. Where there are several: chats by style,
    and by task.
    """
    levels: dict[str, dict[str, int]] = {}
    for (level, name), count in sorted(report.levels.items()):
        levels.setdefault(level, {})[name] = count
    chats = report.chats.total()
    names = dict.fromkeys([section.hard, section.easy] if section.selective else [section.hard])
    return {
        "chats": chats,
        **{name: report.chats[name] for name in names},
        **({"easy_share": report.chats[section.easy] / chats} if section.selective else {}),
        **{f"no_{name}": report.problems[f"no_{name}"] for name in names},
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
