"""Hostile answers: nothing in them is executed, no verdict takes longer than its limit, nothing crashes, and grading goes on."""

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter, process_time
from typing import TypeVar

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stages.graders.answer import Outcome, Params, verdict
from stages.graders.reading.extract import spans
from stages.graders.reading.limits import Limits, TooMuch
from stages.graders.sandbox import symbolic
from stages.shared.errors import BadInput
from stages.shared.files import read, write
from stages.shared.rows import Ending, Kind, Response, Trace

from hostile import CODE, DEEP, ENDLESS, FLOODS, HOSTILE
from stages import grade

SECONDS, LATE = 0.25, 0.5
PARAMS = Params(symbolic=Limits(seconds=SECONDS))
ALONE = Params(symbolic=None)  # our own grammar, without the sandbox
GOLDS = {
    Kind.NUMBER: "7", Kind.EXPRESSION: "\\frac{1}{2}", Kind.CHOICE: "B", Kind.YES_NO: "yes", Kind.NLI: "neutral", Kind.LABEL: "spam",
    Kind.OPEN: "Marie Curie",
}  # fmt: skip
BEYOND = "\\int_0^1 x^x \\, dx"  # a gold answer for SymPy: whatever is legible beside it goes to the sandbox
CHOICES = {Kind.CHOICE: ["cat", "dog", "eel"], Kind.LABEL: ["spam", "ham"]}
HARMLESS = (Outcome.WRONG, Outcome.NO_ANSWER, Outcome.LIMIT)
EXECUTES = {"compile", "exec", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "pickle.find_class", "open", "import", "ctypes.dlopen"}

watched: list[str] = []
watching = False


def audit(event: str, arguments: tuple[object, ...]) -> None:
    if watching and event in EXECUTES:
        watched.append(f"{event}{arguments!r}"[:300])


def response(kind: Kind, gold: str, text: str, number: int = 0) -> Response:
    return Response(
        id=f"h{number}", task="t", kind=kind, split="test", question="q", answer=gold, choices=CHOICES.get(kind), by="teacher", style="s",
        messages=[], sampler="s", model="m", sample=0, text=text, ending=Ending.STOP, tokens=0,
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def ready() -> Iterator[None]:
    """From here on Python itself reports what is compiled, run, imported or opened while a verdict is made in this process."""
    sys.addaudithook(audit)
    assert symbolic.equal("\\log_2 8", "3", Limits(seconds=20)) is True  # the helper runs, and all modules are there
    for kind, gold in GOLDS.items():
        verdict(response(kind, gold, f"The answer is \\boxed{{{gold}}}"), PARAMS)
    yield


Found = TypeVar("Found")


def in_time(work: Callable[[], Found]) -> Found:
    """What `work` returns; fails where it takes too long three times in a row. On a machine with more to do than it has cores, where the
    wall's clock says nothing of us, our own CPU time counts."""
    global watching
    took = []
    for _ in range(3):
        started, used, watching = perf_counter(), process_time(), True
        try:
            found = work()
        finally:
            watching = False
        busy = os.getloadavg()[0] > (os.cpu_count() or 1)
        took.append(process_time() - used if busy else perf_counter() - started)
        if took[-1] <= SECONDS + LATE:
            return found
    raise AssertionError(f"it took {took} s")


def timed(row: Response, params: Params = ALONE) -> Outcome:
    return in_time(lambda: verdict(row, params, explain=False).outcome)


def name(text: str) -> str:
    return ascii(text if len(text) < 40 else f"{text[:30]}_{len(text)}")[1:-1]


def test_there_are_enough_of_them() -> None:
    assert len(set(HOSTILE)) >= 200


@pytest.mark.parametrize("text", HOSTILE, ids=map(name, HOSTILE))
def test_a_hostile_answer_harms_nobody(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    watched.clear()
    innocent = "7" in text or "\N{VULGAR FRACTION ONE HALF}" in text  # the gold answer stands there
    for kind in (Kind.NUMBER, Kind.EXPRESSION):
        for written in (text, f"\\boxed{{{text}}}", f"The answer is ${text}$."):
            assert timed(response(kind, GOLDS[kind], written), PARAMS if written == text else ALONE) in HARMLESS or innocent
    for kind in (Kind.CHOICE, Kind.YES_NO, Kind.NLI, Kind.LABEL, Kind.OPEN):
        timed(response(kind, GOLDS[kind], text))
    assert (watched, list(tmp_path.iterdir())) == ([], [])


@pytest.mark.parametrize("text", CODE, ids=name)
def test_a_hostile_gold_answer_is_refused_or_compared(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    watched.clear()
    for kind in Kind:
        try:
            timed(response(kind, text, "The answer is 7."))
        except BadInput as refused:
            assert "\n" not in str(refused)
    assert (watched, list(tmp_path.iterdir())) == ([], [])


@pytest.mark.parametrize("text", [text for text in HOSTILE if len(text) < 2000], ids=name)
def test_beside_a_gold_answer_for_sympy(text: str, tmp_path: Path) -> None:
    """What is legible is worked on in the sandbox, and given up in time."""
    text = text.replace("CANARY", str(tmp_path / "CANARY"))
    assert in_time(lambda: safely(BEYOND, text, SECONDS)) in (None, False)
    assert list(tmp_path.iterdir()) == []


def safely(gold: str, text: str, seconds: float) -> bool | None:
    try:
        return symbolic.equal(gold, text, Limits(seconds=seconds))
    except TooMuch:
        return None


def test_threads_grade_as_well() -> None:
    """Several at a time, killed ones among them; those that are right stay right."""
    mixed = [text for endless in ENDLESS[:8] for text in (endless, "3")]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda text: safely("\\log_2 8", text, 20 if text == "3" else SECONDS), mixed))
    assert found[1::2] == [True] * 8
    assert True not in found[::2]


def test_the_stage_goes_on_with_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a machine with more to do than it has cores is too slow for the last row, which is right, every row gets more time."""
    monkeypatch.chdir(tmp_path)
    texts = [*CODE[:10], *ENDLESS[:6], *DEEP[:3], *FLOODS[:12], "\\boxed{\\int_0^1 y^y dy}"]
    write(Path("data/s/responses.jsonl"), [response(Kind.EXPRESSION, BEYOND, text, number) for number, text in enumerate(texts)])
    for seconds in (2.0, 10.0):
        graders = f"{{answer: {{symbolic: {{seconds: {seconds}}}}}}}"
        Path("params.yaml").write_text(f"seed: 0\nsystems: {{s: {{grade: {{graders: {graders}, workers: 2}}}}}}\n")
        grade.main("s")
        traces = list(read(Path("data/s/traces.jsonl"), Trace))
        assert [trace.text for trace in traces] == texts
        if traces[-1].grades["answer"] == 1.0 or os.getloadavg()[0] <= (os.cpu_count() or 1):
            break
    assert [trace.grades["answer"] for trace in traces] == [0.0] * (len(texts) - 1) + [1.0]
    assert not Path("CANARY").exists()


def test_no_text_at_all_is_bad_input(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    write(rows, [response(Kind.NUMBER, "7", "TEXT")])
    rows.write_text(rows.read_text().replace('"TEXT"', "null"))
    with pytest.raises(BadInput, match=r"rows\.jsonl:1: not a Response: Expected `str`, got `null`"):
        list(read(rows, Response))


@pytest.mark.parametrize("kind", GOLDS)
def test_a_megabyte_of_prose_with_the_right_box_at_its_end_is_right(kind: Kind) -> None:
    prose = "We add the 3 numbers, so x = 12 (not B) and the answer is 5? No: 7 % of $4 is \\frac{1}{3}. " * 11_000
    assert len(prose) > 1_000_000
    assert timed(response(kind, GOLDS[kind], f"{prose}\n\\boxed{{{GOLDS[kind]}}}")) is Outcome.RIGHT


_PIECES = r"""
\boxed{ } { \frac \sqrt ( ) [ ] $ \% % ^ _ + - / * = < , . : ! | & \\ \pi \text{ \begin{pmatrix} \end{pmatrix} \sum \int \infty 0 1 9 12 3.5
x y i e A B (A) yes no not or and #### \cup \pm ½ ² − １ \left( \right) <think> </think> **Answer:** is \, 1,000 10^ 5:30 °C km \circ \{ \}
\mod ; true
"""
PIECES = st.sampled_from([*_PIECES.split(), "\n", " "])
TEXTS = st.text(max_size=80) | st.lists(PIECES, max_size=25).map("".join) | st.lists(PIECES, max_size=25).map(" ".join)


@settings(max_examples=250, deadline=None)
@given(text=TEXTS, gold=TEXTS, kind=st.sampled_from(list(Kind)), ending=st.sampled_from(list(Ending)))
def test_no_text_makes_extraction_or_comparison_raise(text: str, gold: str, kind: Kind, ending: Ending) -> None:
    for span in spans(text, ending):
        assert isinstance(span.text, str)
    row = response(kind, GOLDS[kind], text)
    row.ending = ending
    assert verdict(row, ALONE).outcome in Outcome
    row.answer = gold
    try:
        assert verdict(row, ALONE).outcome in Outcome
    except BadInput as refused:
        assert "\n" not in str(refused)


@settings(max_examples=250, deadline=None)
@example(text="^}")
@given(text=TEXTS)
def test_only_known_tokens_pass_the_whitelist(text: str) -> None:
    try:
        found = symbolic.legible(text)
    except TooMuch:
        return
    if found is not None:
        assert found.isascii() and symbolic.legible(found.replace("I", "i")) == found
        assert not set(found) & set("'\"`;:#@~$%?\0\n")
