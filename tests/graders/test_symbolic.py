"""The symbolic comparison and its sandbox: what it reads, what it refuses, and that a kill, a hang or much memory costs one answer."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stages.graders.reading.limits import Limits, TooMuch
from stages.graders.sandbox.helper import Sandbox
from stages.graders.sandbox.symbolic import equal, legible

from project_tree import ROOT

SLOW = Limits(seconds=30)
CASES = [
    ("\\frac{n(n+1)}{2}", "\\sum_{k=1}^{n} k", True),
    ("\\frac{n(n+1)}{2}", "\\sum_{k=1}^{n-1} k", False),
    ("\\frac{1}{3}", "\\int_0^1 x^2\\,\\mathrm{d}x", True),
    ("\\frac{x^3}{3}+C", "\\int x^2 dx + C", True),
    ("\\frac{\\pi^2}{6}", "\\sum_{n=1}^{\\infty} \\frac{1}{n^2}", True),
    ("1", "\\lim_{x\\to 0^+} \\frac{|x|}{x}", True),
    ("1", "\\lim_{x\\to 0^-} \\frac{|x|}{x}", False),
    ("1", "\\lim_{x\\to 0} \\frac{|x|}{x}", False),
    ("x=\\log_2 8", "3", True),
    ("(3, 2)", "(\\log_2 8, \\gcd(4,6))", True),
    ("(2, 3)", "(\\log_2 8, \\gcd(4,6))", False),
    ("\\{2,3\\}", "\\{\\log_2 8, \\gcd(4,6)\\}", True),
    ("e^{i\\pi}", "-1", True),
    ("\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "\\begin{bmatrix}1&2\\\\\\log_2 8&4\\end{bmatrix}", True),
    ("\\frac{5}{2}", "\\int_0^1 2\\frac12 dx", True),
    ("100000000000000000000", "\\sum_{k=1}^{1} 100000000000000000001", False),
    ("\\text{listen}", "\\text{silent}", None),
    ("listen", "\\log x", None),
    ("\\variable{x}", "\\log x", None),
    ("2", "3", None),  # our own grammar has read these
]


@pytest.mark.parametrize(("gold", "pred", "same"), CASES)
def test_values_are_compared(gold: str, pred: str, same: bool | None) -> None:
    assert equal(gold, pred, SLOW) is same
    assert equal(pred, gold, SLOW) is same


TOO_MUCH = ["9^{9^{9^{9}}}", "1000001!", "\\binom{2000}{5}", "x" * 1001, "7" * 61, "(" * 21 + "7" + ")" * 21, "x^{1001}"]


@pytest.mark.parametrize("text", TOO_MUCH)
def test_what_is_too_much_reaches_no_parser(text: str) -> None:
    with pytest.raises(TooMuch):
        legible(text)


def forever(text: str) -> str:
    if text == "hang":
        time.sleep(60)
    if text == "memory":
        return str(len(bytearray(1 << 31)))
    if text == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if text == "bug":
        raise ValueError("a bug of ours")
    print("noise")
    return text


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox("test_symbolic:forever")


@pytest.mark.parametrize("text", ["hang", "memory", "die"])
def test_what_runs_wild_is_given_up_and_the_next_is_answered(sandbox: Sandbox, text: str) -> None:
    with pytest.raises(TooMuch):
        sandbox.call(text, limits=Limits(seconds=0.5 if text == "hang" else 20, megabytes=1024))
    assert sandbox.call("next", limits=SLOW) == "next"


def test_a_bug_keeps_its_traceback(sandbox: Sandbox) -> None:
    with pytest.raises(RuntimeError, match=r"in forever(?s:.*)ValueError: a bug of ours"):
        sandbox.call("bug", limits=SLOW)


def test_a_helper_killed_from_outside_is_replaced(sandbox: Sandbox) -> None:
    assert sandbox.call("one", limits=SLOW) == "one"
    for helper in sandbox.idle:
        helper.process.kill()
    assert sandbox.call("two", limits=SLOW) == "two"


def three(text: str) -> bool | None:
    return equal("\\log_2 8", text, SLOW)


@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_it_works_in_workers_that_may_have_no_children(way: str) -> None:
    assert three("3") is True
    with multiprocessing.get_context(way).Pool(1) as pool:
        assert pool.map(three, ["3", "4"]) == [True, False]


def test_a_script_needs_no_guard_and_nothing_starts_before_it_is_needed(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom stages.graders.sandbox.symbolic import Limits, _ALGEBRA, equal\n"
        "assert not _ALGEBRA.idle and 'subprocess' not in sys.modules\n"
        "print(equal('\\\\log_2 8', '3', Limits(seconds=30)), 'sympy' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, script], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("True False\n", "")
