"""The report in headless Chromium, opened from disk with the network off."""

from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
from stages.report import main

from browser import Page, browser
from report_project import HOSTILE, lay


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    lay(folder)
    with chdir(folder):
        main("s")
    return folder / "data/s/report.html"


@pytest.fixture
def tab(report: Path) -> Iterator[Page]:
    """The report in a window; after the test no request has left, nothing of a row has run, and no script has failed."""
    with browser() as page:
        page.size(1440, 1000)
        page.open(report)
        yield page
        assert page.run("window.HACKED") is None and page.dialogs == 0
        assert page.requests == [report.resolve().as_uri()]
        assert page.faults == []
        assert page.run("document.querySelectorAll('iframe, img, link, object, base').length") == 0


def questions(page: Page) -> list[str]:
    found: list[str] = page.run("[...document.querySelectorAll('#list .row')].map((row) => decodeURIComponent(row.hash))")
    return [address.split("/")[1].split("?")[0] for address in found]


def test_every_problem_shows_its_hostile_texts_as_they_are(tab: Page) -> None:
    """Nothing of them runs: the fixture looks. Direction marks are shown by their codes, a lone surrogate as the replacement character."""
    for number in range(len(HOSTILE)):
        tab.go(f"#problem/sums-train-{number}")
        shown = tab.run("document.getElementById('view-problem').textContent")
        expected = HOSTILE[number].replace("\u202e", "\\u202e")
        parts = [part for part in expected.replace("\u0000", "\ud800").split("\ud800") if part]
        assert all(part in shown for part in parts), expected
        tab.go(f"#lineage/sums-train-{number}%2Fteacher%2Fcareful%2F0")
        assert parts[0] in tab.run("document.getElementById('view-lineage').textContent")


def test_the_charts_are_drawn_and_the_tables_need_no_script(tab: Page) -> None:
    for number in range(tab.run("document.querySelectorAll('.chart').length")):
        tab.run(f"document.querySelectorAll('.chart')[{number}].scrollIntoView()")
        tab.settle()
    assert tab.run("document.querySelectorAll('.chart').length") == tab.run("document.querySelectorAll('.chart svg').length") > 3
    verdicts = tab.run("[...document.querySelectorAll('#section-results td:last-child')].slice(0, 2).map((cell) => cell.textContent)")
    assert verdicts == ["met", "missed"]


FILTERED = [
    ("split=test", 10, None),
    ("split=train&task=sums", 6, None),
    ("fate=answer:no_answer", 4, 4),
    ("fate=surplus", 12, 12),
    ("arm=student&verdict=right", 9, 9),
    ("arm=base&verdict=no%20answer", 5, 5),
    ("reason=answer:no_answer&split=test", 6, 6),
    ("better=student&worse=base", 5, None),
    ("better=base&worse=student", 1, None),
    ("level=2&split=test", 3, None),
    ("style=careful", 12, 12),
    ("q=the%20ANSWER%20is%207.", 1, None),
    ("q=thought%201%20", 1, None),
    ("q=%3Cscript&arm=base", 5, 5),
    ("task=nobody", 0, None),
]


def test_filters_state_and_links(tab: Page) -> None:
    """A number of the overview leads to just so many answers; the state stands in the address."""
    for query, problems, answers in FILTERED:
        tab.go(f"#traces?{query}")
        such = f" with {answers} such answers" if answers is not None else ""
        assert tab.run("document.getElementById('count').textContent") == f"{problems} of 22 problems{such}.", query
    tab.go("#overview")
    link = tab.run("[...document.querySelectorAll('#section-drops a')].map((link) => [link.hash, link.textContent])")
    assert ["#traces?split=train&arm=teacher&fate=answer%3Ano_answer", "4"] in link
    tab.go("#traces?task=nobody")
    tab.run(
        "const f = document.querySelector('#filters [name=split]'); f.value = 'test'; f.dispatchEvent(new Event('change', {bubbles: true}))"
    )
    assert tab.run("location.hash") == "#traces?split=test"


def test_two_answers_side_by_side_and_what_became_of_one(tab: Page) -> None:
    tab.go("#problem/sums-test-1?left=student%2Fplain%2F0&right=base%2Fplain%2F0")
    cards = tab.run(
        "[...document.querySelectorAll('.side article')].map((card) => [card.querySelector('pre').textContent, card.textContent])"
    )
    assert [text for text, _ in cards] == ["The answer is 1.", f"base 1 {HOSTILE[1]}"]
    assert "no answer" in cards[1][1] and "Why: answer:no_answer" in cards[1][1]
    tab.go("#problem/sums-train-1")
    card = tab.run("document.querySelector('.side article').textContent")
    assert "kept" in card and "shown to s_student as direct" in card and "Think.\n\nAnn has 1 red apples" in card
    near = tab.run("[...document.querySelectorAll('#view-problem .row')].map((row) => row.textContent)")
    assert len(near) == 5 and "100 % of the words · sums · test" in near[0] and "student ✓" in near[0]
    tab.go("#lineage/sums-train-1%2Fteacher%2Fcareful%2F0%23direct")
    steps = tab.run("[...document.querySelectorAll('.step h3')].map((title) => title.textContent)")
    assert steps == ["Problem", "Prompt", "Response", "Trace", "Filter", "Chats"]


def test_keys(tab: Page) -> None:
    tab.press("2")
    assert tab.run("document.getElementById('view-traces').hidden") is False
    tab.press("j")
    tab.press("j")
    tab.press("Enter")
    assert tab.run("location.hash") == "#problem/sums-train-1"
    tab.press("n")
    assert tab.run("location.hash") == "#problem/sums-train-2"
    tab.press("Escape")
    assert tab.run("location.hash") == "#traces"
    tab.press("/")
    assert tab.run("document.activeElement.name") == "q"
    tab.press("Escape")
    tab.press("d")
    assert tab.run("document.documentElement.dataset.theme") == "dark"


@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_is_wider_than_the_window_and_charts_move_nothing(tab: Page, width: int) -> None:
    """Each chart has its place before it is drawn."""
    tab.size(width, 800, dark=True)
    for fragment in ("#overview", "#traces", "#problem/sums-train-1", "#lineage/sums-train-1"):
        tab.go(fragment)
        assert tab.run("document.documentElement.scrollWidth <= window.innerWidth"), fragment
    tab.go("#overview/training")
    before = tab.run("document.body.scrollHeight")
    tab.run("window.scrollTo(0, 1e6)")
    tab.run("new Promise((done) => setTimeout(done, 800))")
    assert tab.run("document.body.scrollHeight") == before
