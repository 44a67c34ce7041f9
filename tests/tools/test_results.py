"""python -m stages.tools.results: what came out against the bars, on a screen of eighty columns."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from stages.shared.errors import BadInput
from stages.tools import results

TABLE = """| | metric | value | interval | bar | seeds |
|---|---|---|---|---|---|
| | `accuracy.student` | | | >= 0.95 | |
| | `accuracy.base` | | | <= 0.4 | |
| | `other:accuracy.student` | | | >= 0.9 | |
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("docs").mkdir()
    Path("docs/results-glyph.md").write_text(TABLE)
    with Path("params.yaml").open("w") as file:
        YAML().dump({"systems": {"glyph": {}, "other": {}, "third": {}}}, file)


def put(system: str, student: float, base: float = 0.1, **summary: Any) -> None:
    Path("metrics/summary").mkdir(parents=True, exist_ok=True)
    Path(f"metrics/{system}.json").write_text(json.dumps({"accuracy": {"student": student, "base": base}}))
    given = {"n": 1200, "student": student, "low": 0.9808, "high": 0.9978, "base": base} | summary
    Path(f"metrics/summary/{system}.json").write_text(json.dumps(given))


def test_a_line_for_each_system_and_where_to_look() -> None:
    put("glyph", 0.9934)
    put("other", 0.95)
    page = list(results.lines(["glyph", "other", "third"]))
    assert page[:2] == [
        "   glyph | n 1200 | student 0.9934 (0.9808 to 0.9978), base 0.1 | bars 2/2",
        "   other | n 1200 | student 0.95 (0.9808 to 0.9978), base 0.1 | bars 1/1",
    ]
    assert max(map(len, page)) <= 80 and len(page) == 4 and "python -m stages.tools.ask glyph" in page[-1]


def test_missed_bars_are_listed() -> None:
    put("glyph", 0.5, base=0.7)
    page = list(results.lines(["glyph"]))
    assert "bars 0/2" in page[0]
    assert page[1:3] == ["MISS accuracy.student 0.5, claimed >= 0.95", "MISS accuracy.base 0.7, claimed <= 0.4"]


def test_of_many_missed_bars_the_first_are_listed() -> None:
    Path("docs/results-glyph.md").write_text(TABLE + "| | `accuracy.student` | | | >= 0.96 | |\n" * 6)
    put("glyph", 0.5, base=0.7)
    page = list(results.lines(["glyph"]))
    assert [line[:4] for line in page].count("MISS") == 3 and "5 more bars missed; " in page[4] and len(page) <= 8


def test_without_headline_or_bars_the_number_of_problems_is_left() -> None:
    put("third", 0.5)
    Path("metrics/summary/third.json").write_text('{"n": 3}')
    assert next(iter(results.lines(["third"]))) == "   third | n 3 | "


def test_without_results_it_says_so() -> None:
    with pytest.raises(BadInput, match=r"^no results yet"):
        list(results.lines(["glyph"]))


def test_an_unknown_system_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["results", "glpyh"])
    with pytest.raises(SystemExit) as end:
        results.main()
    assert end.value.code == "results: unknown system 'glpyh' (did you mean 'glyph'?); choose from: glyph, other, third"
