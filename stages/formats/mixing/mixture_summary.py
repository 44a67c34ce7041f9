"""What became of the kept traces of a student, in numbers."""

from typing import Any

from stages.formats.mixing.mixture import Params, Report


def summary(report: Report, section: Params) -> dict[str, Any]:
    """What became of the kept traces.

    `chats`: all of them, then those of each format of the mixture. `easy_share`: the share of chats in the
    format `easy`. `no_<format>`: problems without a chat in their format. `left_out`: traces that did not
    become a chat, by reason. `with_reasoning`, where params show it: chats with the teacher's reasoning
    before the answer. `levels`: chats by level and format. Where there are several: chats by style,
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
        **({"with_reasoning": report.with_reasoning} if section.reasoning != "drop" else {}),
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
