"""One grader in a process of its own: `judge.py NAME CASES.json` prints its verdicts and the seconds that they took, as JSON."""

import json
import os
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from stages.shared.rows import Ending, Kind, Response

KINDS = {"math": Kind.EXPRESSION, "number": Kind.NUMBER, "choice": Kind.CHOICE, "yesno": Kind.YES_NO, "nli": Kind.NLI}
SHARED = Path(os.environ.get("ATHANOR_SHARED", Path(__file__).resolve().parents[3] / "shared"))
Case = dict[str, Any]
Judge = Callable[[Case], bool]
STRINGS = ("A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "yes", "no", "entailment", "neutral", "contradiction", "true", "false")


def load_cases() -> dict[str, list[Case]]:
    """Sets of cases, each with gold, response, kind and equal; a set that is not here is empty."""
    from test_answer_math import DIFFERENT, EQUAL

    public = SHARED / "grader_cases/public_cases.jsonl"
    ours = [(pair, equal) for pairs, equal in ((EQUAL, True), (DIFFERENT, False)) for group in pairs.values() for pair in group]
    return {
        "public cases": [json.loads(line) for line in public.read_text().splitlines()] if public.is_file() else [],
        "cases of our tests": [{"gold": one, "response": other, "kind": "math", "equal": equal} for (one, other), equal in ours],
    }


def response(case: Case, problem: str, prose: str = "", sample: int = 0) -> Response:
    return Response(
        id=problem, task="t", kind=KINDS[case["kind"]], split="test", question="q", answer=case["gold"], by="teacher", style="s",
        messages=[], sampler="s", model="m", sample=sample, text=prose + (case["response"] or ""), ending=Ending.STOP, tokens=0,
    )  # fmt: skip


def ours() -> Judge:
    from stages.graders.answer import Outcome, Params, verdict

    params = Params()
    return lambda case: verdict(response(case, "p"), params, explain=False).outcome is Outcome.RIGHT


def _in_dollars(gold: str) -> str:
    """LaTeX is looked for between dollars and in boxes only."""
    return gold if "$" in gold or "\\boxed" in gold else f"${gold}$"


def math_verify_plain() -> Judge:
    from math_verify import parse, verify

    return lambda case: bool(verify(parse(_in_dollars(case["gold"])), parse(case["response"] or "")))


def math_verify_tuned() -> Judge:
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, StringExtractionConfig, parse, verify

    words = StringExtractionConfig(strings=STRINGS)
    mathematics = [LatexExtractionConfig(boxed_match_priority=0), ExprExtractionConfig()]

    def judge(case: Case) -> bool:
        configs = [words] if case["kind"] in ("choice", "yesno", "nli") else mathematics
        golds = [parse(text, extraction_config=configs) for text in (_in_dollars(case["gold"]), case["gold"])]
        pred = parse(case["response"] or "", extraction_config=configs)
        return any(verify(one, pred, float_rounding=6) for one in golds)

    return judge


def lm_eval() -> Judge:
    """The one file of it: the package would want all that the harness brings along."""
    package = find_spec("lm_eval")
    assert package and package.submodule_search_locations
    found = spec_from_file_location("is_equiv", Path(package.submodule_search_locations[0], "tasks/hendrycks_math/utils.py"))
    assert found and found.loader
    module = module_from_spec(found)
    found.loader.exec_module(module)

    def answer(text: str) -> str:
        box = module.last_boxed_only_string(text)
        return module.remove_boxed(box) if box else text.split("$")[-2] if text.count("$") > 1 else text

    return lambda case: bool(module.is_equiv(answer(case["gold"]), answer(case["response"] or "")))


def main(name: str, file: str) -> None:
    judge: Judge = globals()[name]()
    cases = json.loads(Path(file).read_text())
    _safely(judge, cases[0])  # what is imported late, is now
    started, used = time.perf_counter(), time.process_time()
    verdicts = [_safely(judge, case) for case in cases]
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    print("\n" + json.dumps({"seconds": seconds, "cpu": cpu, "verdicts": verdicts}))


def _safely(judge: Judge, case: Case) -> bool:
    """False where a grader fails: it has no answer then."""
    try:
        return judge(case)
    except Exception:
        return False


if __name__ == "__main__":
    main(*sys.argv[1:])
