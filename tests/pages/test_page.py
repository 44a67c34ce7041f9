"""The page's parts without a browser: JSON in a script element, pieces of messages, results against bars, charts of CSV files."""

import json
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stages.pages.embedding import as_data, policy
from stages.pages.interning import Values, pieces
from stages.pages.nearest_questions import nearest
from stages.pages.page import page
from stages.pages.plot_files import drawn
from stages.pages.result_table import Names, Result, is_bar, results, rows_of
from stages.pages.sections import Cell, Chart, Section, Table
from stages.pages.trace_table import TraceTable

from report_project import HOSTILE, row


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_json_in_a_script_element_means_the_same_and_cannot_end_it(value: Any) -> None:
    text = as_data(value)
    assert json.loads(text) == value
    assert not set(text) & set("<>&\u2028\u2029")
    text.encode()  # no lone surrogate


@pytest.mark.parametrize("hostile", [*HOSTILE, "]]>", "<!--", "</SCRIPT\n>"])
def test_hostile_texts_survive(hostile: str) -> None:
    assert json.loads(as_data({hostile: [hostile]})) == {hostile: [hostile]}


def test_no_json_for_what_it_lacks() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_data(float("nan"))


FIELDS = st.lists(st.none() | st.text(alphabet="ab \n", min_size=0, max_size=30), max_size=4)


@given(st.text(alphabet="ab \n", max_size=200), FIELDS)
def test_pieces_joined_are_the_text(text: str, fields: list[str | None]) -> None:
    parts = pieces(text, fields)
    assert "".join(part if isinstance(part, str) else fields[part] or "" for part in parts) == text


def test_a_text_of_many_rows_stands_once() -> None:
    values = Values()
    places = [values.place(text) for text in ("a", "b", "a", None, {"x": 1}, {"x": 1}, "")]
    assert places == [1, 2, 1, 0, 3, 3, 4] and values.values == [None, "a", "b", {"x": 1}, ""]


def test_the_prompts_of_many_problems_are_one_value() -> None:
    table = TraceTable()
    for number in range(100):
        table.add(row(number, "train", "teacher", f"The answer is {number}.", True), "kept")
    data = table.data()
    place = data["columns"]["answers"].index("messages")
    assert len({answer[place] for answer in data["answers"]}) == 1
    assert data["values"][data["answers"][0][place]] == [["user", ["Think.\n\n", 2, "\n\nAnswer."]]]


class Elements(HTMLParser):
    """The tags and attributes of a page as a parser sees them, script contents left out."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_text_adds_no_element(hostile: str) -> None:
    def elements(text: str) -> Elements:
        spec = {"data": {"values": [{"x": text}]}, "mark": "bar"}
        table = Table([text], [[Cell(text, {"arm": text}), Cell(text)]], text)
        text = page(text, [Section("a", text, text, [table, Chart(spec, text)])], TraceTable().data() | {"system": text, "arms": [text]})
        seen = Elements()
        seen.feed(text)
        return seen

    plain, seen = elements("plain"), elements(hostile)
    assert seen.tags == plain.tags
    assert not [name for name, _ in seen.attributes if name.startswith("on")]
    links = [value or "" for name, value in seen.attributes if name in ("href", "src")]
    assert all(link.startswith("#") for link in links)


def test_the_policy_names_the_scripts_of_the_page() -> None:
    text = page("t", [], TraceTable().data() | {"arms": []})
    script = text.rsplit("<script>", 1)[1].split("</script>", 1)[0]
    written = policy("", script).replace("'", "&#39;")
    assert written in text and "unsafe-eval" not in text.split("</head>")[0] and "default-src &#39;none&#39;" in text


METRICS = {
    "n": 9,
    "accuracy": {"a": 0.5, "b": 0.75},
    "difference": {"b_a": 0.25},
    "interval": {"accuracy": {"a": [0.4, 0.6]}, "difference": {"b_a": [-0.1, 0.5]}},
}
ROWS = [
    ("accuracy.a", "", "0.5", "0.4 to 0.6", ""),
    ("accuracy.b", ">= 0.75", "0.75", "", "met"),
    ("accuracy.b", ">= 0.76", "0.75", "", "missed"),
    ("difference.b_a", "<= 0", "0.25", "-0.1 to 0.5", "missed"),
    ("nothing.there", ">= 0", "–", "", "missed"),
    ("n", "<= 9", "9", "", "met"),
]


@pytest.mark.parametrize(("metric", "bar", "value", "interval", "verdict"), ROWS)
def test_a_metric_against_its_bar(metric: str, bar: str, value: str, interval: str, verdict: str) -> None:
    (cells,) = results([Result(metric, "", bar)], METRICS, Names(["a", "b"], [])).rows
    assert [cells[place].text for place in (0, 1, 2, 4, 5)] == [metric, value, interval, bar, verdict]


@pytest.mark.parametrize(
    ("metric", "rows"),
    [
        ("accuracy.a", {"split": "test", "arm": "a"}),
        ("accuracy_level.3.b", {"split": "test", "level": "3", "arm": "b"}),
        ("accuracy_task.sums.a", {"split": "test", "task": "sums", "arm": "a"}),
        ("difference.b_a", {"split": "test", "better": "b", "worse": "a"}),
        ("auroc", {}),
        ("accuracy.nobody", {}),
    ],
)
def test_a_metric_leads_to_its_rows(metric: str, rows: dict[str, str]) -> None:
    assert rows_of(metric, Names(["a", "b"], ["sums"])) == rows


@pytest.mark.parametrize(
    ("text", "good"), [("", True), (">= 0.5", True), ("<= -1", True), ("> 1", False), (">=1", False), ("0.5", False), (">= x", False)]
)
def test_what_a_bar_is(text: str, good: bool) -> None:
    assert is_bar(text) is good


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("task,style,accuracy,low,high,n\na,b,0.5,0.4,0.6,9\n", "point"),
        ("difficulty,failure,n,base,student\n0,0,5,0.1,0.2\n0-25,0.1,5,0.1,0.3\n", "line"),
        ("name,of\na,b\n", "table"),
        ("task,arm\n", "nothing"),
    ],
)
def test_a_csv_file_is_drawn_by_its_columns(text: str, kind: str) -> None:
    blocks = drawn("a_plot", text)
    if kind in ("table", "nothing"):
        assert [type(block) for block in blocks] == ([Table] if kind == "table" else [])
    else:
        (chart,) = blocks
        assert isinstance(chart, Chart) and f'"type": "{kind}"' in json.dumps(chart.spec)
        assert "difficulty" not in {value["name"] for value in chart.spec["data"]["values"]}


def test_the_nearest_questions() -> None:
    others = [("far", "tea for two"), ("same", "How many apples?"), ("near", "how many red apples"), ("none", "zzz")]
    assert [(found.id, round(found.share, 2)) for found in nearest("How many apples", others, 2)] == [("same", 1.0), ("near", 0.75)]
