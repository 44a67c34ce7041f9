"""The overview of a system: its sections, as far as there is something to show in them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from stages.pages import data_sections, model_sections
from stages.pages.pair_sections import PairTally, routing
from stages.pages.plot_files import drawn
from stages.pages.result_table import Names, Result, every
from stages.pages.sections import Chart, Section, Table
from stages.pages.tallies import ArmTally, TeacherTally

SELECTIVITY, DIFFICULTY, SIGNALS = "glyph_rate", "failure", "count"  # columns that say where a plot belongs


class Evidence(NamedTuple):
    """What stages wrote of a system, besides its rows; a text is a CSV file, or a TSV file of a curve."""

    metrics: Mapping[str, Any]
    teacher: Mapping[str, Any]
    paths: str
    plots: Mapping[str, str]
    models: Mapping[str, Mapping[str, Any]]
    curves: Mapping[str, Mapping[str, str]]
    validation: Mapping[str, str]
    # of the classifier or the pair that params name: its metrics by file, its CSV files
    further: Mapping[str, Any]
    further_plots: Mapping[str, str]


def overview(
    wanted: Sequence[Result], evidence: Evidence, teacher: TeacherTally, arms: ArmTally, pair: PairTally
) -> list[Section]:
    """Which sections there are is decided by what the files and rows hold, never by a system's name."""
    placed = {
        place: [block for text in texts for block in drawn(*text)]
        for place, texts in _placed(evidence.plots).items()
    }
    summary = next(
        (held for held in evidence.further.values() if isinstance(held, dict) and "arms" in held), {}
    )
    sections = [
        model_sections.headline(wanted, evidence.metrics, arms),
        _selectivity(placed["selectivity"]),
        model_sections.signals(arms.signals, arms.arms(), placed["signals"]),
        model_sections.classification(summary, evidence.further_plots),
        model_sections.rules(arms.rules),
        routed := routing(evidence.further_plots, pair),
        _further(evidence, arms, bool(summary or routed)),
        model_sections.by_task(arms),
        data_sections.difficulty(teacher, arms, placed["difficulty"]),
        model_sections.training(evidence.curves, evidence.validation),
        data_sections.yields(teacher, evidence.paths),
        data_sections.drops(teacher),
        data_sections.endings(teacher, arms),
        data_sections.cost(evidence.teacher, teacher, evidence.models),
        Section("plots", "Other plots", "", placed["other"]) if placed["other"] else None,
    ]
    return [section for section in sections if section]


def _placed(plots: Mapping[str, str]) -> dict[str, list[tuple[str, str]]]:
    """The CSV files by the section they belong to."""
    places: dict[str, list[tuple[str, str]]] = {
        "selectivity": [],
        "difficulty": [],
        "signals": [],
        "other": [],
    }
    for name, text in plots.items():
        columns = text.split("\n", 1)[0].strip().split(",")
        place = "other"
        if SELECTIVITY in columns:
            place = "selectivity"
        elif DIFFICULTY in columns:
            place = "difficulty"
        elif SIGNALS in columns:
            place = "signals"
        places[place].append((name, text))
    return places


def _selectivity(blocks: Sequence[Chart | Table]) -> Section | None:
    note = "Share of the answers that use a glyph, over the difficulty of the problems."
    return Section("selectivity", "Selectivity", note, blocks) if blocks else None


def _further(evidence: Evidence, arms: ArmTally, are_drawn: bool) -> Section | None:
    """The metrics of the classifier or the pair, and the plots where no section has drawn them."""
    names = Names(arms.arms(), ())
    tables = [
        every(name, held, names)
        for name, held in evidence.further.items()
        if isinstance(held, dict) and held.get("n")
    ]
    plots = [] if are_drawn else [block for item in evidence.further_plots.items() for block in drawn(*item)]
    blocks: list[Chart | Table] = [*plots, *tables]
    return Section("further", "Further metrics", "", blocks) if blocks else None
