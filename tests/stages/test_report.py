"""`stages.report`: the bytes of the page, its size, what it reads, what it refuses."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from stages.report import main
from stages.shared.errors import BadInput
from stages.shared.files import write
from stages.shared.routes import Route

from report_project import HOSTILE, PARAMS, graded, judged, lay, row

PAGE = Path("data/s/report.html")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    lay(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows() -> Any:
    """The rows of the page."""
    return json.loads(PAGE.read_text().split('<script id="rows-data" type="application/json">')[1].split("</script>")[0])


def column(kind: str, name: str) -> list[Any]:
    held = rows()
    place = [column.strip("=") for column in held["columns"][kind]].index(name)
    plain = held["columns"][kind][place].startswith("=")
    return [row[place] if plain else held["values"][row[place]] for row in held[kind]]


def test_every_row_is_there_untruncated_and_the_bytes_are_the_same_twice(project: Path) -> None:
    main("s")
    first = PAGE.read_bytes()
    main("s")
    assert PAGE.read_bytes() == first
    assert column("problems", "id") == list(dict.fromkeys(trace.id for trace in [*judged(), *graded()]))
    assert column("answers", "text") == [trace.text for trace in [*judged(), *graded()]]
    assert column("answers", "reasoning")[:1] == [f"thought 0 {HOSTILE[0]}"]
    fates = column("answers", "fate")
    assert fates[:6] == ["answer:no_answer", "kept", "surplus", "kept", "kept", "surplus"] and fates[-1] is None
    assert len(column("chats", "answer")) == 8 and set(column("chats", "student")) == {"s_student"}


def test_the_page_without_its_rows_is_small(project: Path) -> None:
    main("s")
    assert len(PAGE.read_bytes()) - len(json.dumps(rows())) < 2_000_000


def test_problems_beyond_the_bound_are_counted_and_not_shown(project: Path) -> None:
    (project / "params.yaml").write_text(PARAMS.replace("    report:\n", "    report:\n      problems: 5\n"))
    main("s")
    assert len(rows()["problems"]) == 5 and rows()["left_out"] == 17
    assert ">24</a>" in PAGE.read_text()  # the answers of the base model are counted all the same


def test_nothing_is_shown_that_the_files_do_not_hold(project: Path) -> None:
    main("s")
    text = PAGE.read_text()
    assert 'id="section-selectivity"' in text
    for absent in ("signals", "classification", "rules", "further"):
        assert f'id="section-{absent}"' not in text


def test_signals_rules_and_a_classifier_are_shown_where_there_are_any(project: Path) -> None:
    facts: dict[str, float | str] = {"x.think_asked": 2.0, "x.think_symbol": "🤔", "x.think": 2.0}
    facts |= {"x.stop_asked": 3.0, "x.stop_symbol": "🛑", "x.stop": 1.0}
    more: dict[str, Any] = {"facts": facts, "rule_book": "R1. late: deny\n\nR2. lost: refund", "chain": ["R1"]}
    answers = graded()
    for trace in answers:
        trace.facts, trace.rule_book, trace.chain = more["facts"], more["rule_book"], more["chain"]
        trace.text = "By R1 and R2: deny" if trace.by == "student" else "deny"
    lay(project, answers=answers)
    root = Path("metrics/c_report")
    root.mkdir()
    (root / "run_summary.json").write_text(
        json.dumps({"arms": {"student": {"mode": "reasoning", "threshold": 0.5, "threshold_interval": [0.4, 0.6]}}})
    )
    Path("metrics/c_curves").mkdir()
    Path("metrics/c_curves/roc_student.csv").write_text("false_positive_rate,recall\n0,0\n1,1\n")
    (project / "params.yaml").write_text(PARAMS.replace("    report:\n", "    report:\n      root: metrics/c_report\n"))
    main("s")
    text = PAGE.read_text()
    for there in ("signals", "classification", "rules"):
        assert f'id="section-{there}"' in text
    rules = text.split('id="section-rules"')[1].split("</section>")[0]
    assert "0.4 to 0.6" in text and "ROC curves" in text
    assert rules.count("100.0 %") == 2 and "R2" not in rules  # R1 decides and is cited; R2 decides nothing


def lay_pair(folder: Path, utility: dict[str, float] | None) -> None:
    """Two test problems, each answered by two students in two styles; `utility` by `student style`."""
    cells = [("first", "plain"), ("first", "careful"), ("second", "plain"), ("second", "careful")]
    answers = [
        msgspec.structs.replace(row(number, "test", by, f"{by} {style}", by == "second"), style=style)
        for number in (1, 3)
        for by, style in cells
    ]
    write(folder / "data/s/pair_graded/p.jsonl", answers)
    expected = {by: {style: utility[f"{by} {style}"] for student, style in cells if student == by} for by, _ in cells} if utility else None
    routes = [Route(id=f"sums-test-{number}", task="sums", split="test", utility=expected) for number in (1, 3)]
    write(folder / "data/s/routes/p.jsonl", routes)
    plots = {
        "cells": "task,student,style,accuracy,low,high,tokens,n\nsums,first,plain,0.25,0,0.5,5,2\n",
        "ways": "task,way,accuracy,low,high,n\nall,pair,0.5,0.1,0.9,2\nsums,pair,0.5,0.1,0.9,2\n",
        "routes": "task,student,style,share,low,high,n\nsums,first,plain,0.75,0.2,1,2\n",
        "utility": "student,utility,right,n\nfirst,0.1,0.3,2\nfirst,0.4,0.6,2\n",
    }
    (folder / "metrics/p_plots").mkdir()
    for name, text in plots.items():
        (folder / f"metrics/p_plots/{name}.csv").write_text(text)
    (folder / "params.yaml").write_text(_with("root: metrics/p_plots"))


def test_a_pair_s_answers_say_what_the_router_expected_and_chose(project: Path) -> None:
    lay_pair(project, {"first plain": 0.1, "first careful": 0.3, "second plain": 0.9, "second careful": 0.2})
    main("s")
    by, style, route, facts = (column("answers", name) for name in ("by", "style", "route", "facts"))
    there = [place for place, name in enumerate(by) if name.startswith("p ")]
    assert [(by[place], style[place]) for place in there if route[place] == "chosen"] == [("p second", "plain")] * 2
    assert [route[place] for place in there].count("passed over") == 6 and set(route) == {None, "chosen", "passed over"}
    assert [facts[place]["router.utility"] for place in there] == [0.1, 0.3, 0.9, 0.2] * 2
    section = PAGE.read_text().split('id="section-pair"')[1].split("</section>")[0]
    assert re.findall(r'href="#traces\?([^"]*)">([\d.]+)', section) == [
        ("split=test&amp;task=sums&amp;route=chosen", "2"),
        ("split=test&amp;task=sums&amp;route=chosen&amp;verdict=right", "100.0"),
        ("split=test&amp;task=sums&amp;route=passed+over", "6"),
        ("split=test&amp;task=sums&amp;route=passed+over&amp;verdict=right", "33.3"),
    ]


def test_a_pair_without_a_router_has_its_answers_on_the_page(project: Path) -> None:
    lay_pair(project, None)
    main("s")
    assert column("answers", "by").count("p first") == 4 and set(column("answers", "route")) == {None}
    assert 'id="section-pair"' in PAGE.read_text()


def test_a_pair_s_answers_may_lie_in_shards_and_must_be_there(project: Path) -> None:
    lay_pair(project, None)
    answers = project / "data/s/pair_graded/p.jsonl"
    rows = answers.read_bytes()
    answers.unlink()
    with pytest.raises(BadInput, match=r"data/s/pair_graded/p\.jsonl: no rows; `dvc repro evaluate_pair@p` makes them"):
        main("s")
    answers.mkdir()
    (answers / "000000.jsonl").write_bytes(rows)
    main("s")
    assert column("answers", "by").count("p first") == 4


def test_a_number_about_training_data_leads_to_training_rows(project: Path) -> None:
    main("s")
    text = PAGE.read_text()
    for section in ("yields", "drops"):
        links = re.findall(r'href="#traces\?([^"]*)"', text.split(f'id="section-{section}"')[1].split("</section>")[0])
        assert links and all(link.startswith("split=train&amp;") for link in links)
    ends = re.findall(r'href="#traces\?split=(\w+)&', text.split('id="section-endings"')[1].split("</section>")[0])
    assert set(ends) == {"train", "test"}


def _with(line: str) -> str:
    return PARAMS.replace("report:\n", f"report:\n      {line}\n")


FAULTS: list[tuple[str, Callable[[Path], object], str]] = [
    ("no answers", lambda root: (root / "data/s/graded.jsonl").unlink(), r"data/s/graded\.jsonl: no such file; run the stage"),
    ("no row", lambda root: (root / "data/s/judged.jsonl").write_text("[]\n"), r"data/s/judged\.jsonl:1: not a"),
    ("no metrics", lambda root: (root / "metrics/s.json").unlink(), r"metrics/s\.json: no such file"),
    ("no JSON", lambda root: (root / "metrics/s.json").write_text("{"), r"metrics/s\.json: malformed JSON"),
    ("a bar", lambda root: (root / "params.yaml").write_text(PARAMS.replace(">= 0.9", "> 0.9")), r"results\.1\.bar: expected `>= number`"),
    ("a root", lambda root: (root / "params.yaml").write_text(_with("root: metrics/z_report")), "metrics/z_report: no such folder"),
    ("a key", lambda root: (root / "params.yaml").write_text(_with("rows: 3")), r"report\.rows: unknown key"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_what_is_refused(project: Path, change: Callable[[Path], object], message: str) -> None:
    main("s")
    before = PAGE.read_bytes()
    change(project)
    with pytest.raises(BadInput, match=message):
        main("s")
    assert PAGE.read_bytes() == before
