"""How an offline teacher writes a worked solution: `SCRIPTS` gives, for each style, the parts of the text,
one a section."""

import random
import re
from collections.abc import Callable

from stages.samplers.script import rationales, verdicts
from stages.samplers.script.mistakes import mislead
from stages.samplers.script.rationales import OPENING, STEP, lines_of, rationale
from stages.shared.marks import GLYPHS
from stages.shared.rows import Kind, Problem

_SENTENCE = re.compile(r"(?<=[.!?])(?<!\bMr\.)(?<!\bMrs\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bSt\.)\s+(?=\S)")
_DRAWING = re.compile(r"\[asy\].*?\[/asy\]", re.DOTALL)


def _last_sentence(question: str) -> str:
    text = _DRAWING.sub(" ", question).strip() or question.strip()
    return " ".join(_SENTENCE.split(text)[-1].split())


def _chain(lines: list[str]) -> str:
    """`7 + 5 - 3` for steps of arithmetic in which each goes on from the one before; "" for any others."""
    chain = last = before = ""
    for line in lines:
        step = STEP.fullmatch(line)
        if not step:
            return ""
        left, operation, right, result = step.groups()
        if not chain:
            chain = f"{left} {operation} {right}"
        elif left == last:
            chain = f"({chain})" if before in "+-" and operation in "*/" else chain
            chain = f"{chain} {operation} {right}"
        elif right == last:
            chain = f"{left} {operation} ({chain})"
        else:
            return ""
        last, before = result, operation
    return chain


def _plain(problem: Problem, answer: str, rng: random.Random) -> list[str]:
    return [OPENING + (f"\\boxed{{{answer}}}." if problem.kind is Kind.EXPRESSION else f"{answer}.")]


def _glyph(problem: Problem, answer: str, rng: random.Random) -> list[str]:
    lines = lines_of(problem.solution or "")
    chain = _chain(lines)
    steps = ("; " if chain else "\n").join(lines)
    if answer != problem.answer:
        steps = mislead(steps, problem.answer, answer)
    plan = chain or (f"{len(lines)} steps" if len(lines) > 1 else "1 step")
    texts = [_last_sentence(problem.question), plan, steps, *_plain(problem, answer, rng)]
    return [f"{glyph} {text}" for glyph, text in zip(GLYPHS.values(), texts, strict=True)]


# From the problem and the answer to give, which may be a wrong one: the parts of the text.
Script = Callable[[Problem, str, random.Random], list[str]]

DIRECT: dict[str, Script] = {"glyph": _glyph, "plain": _plain, "no_symbols": _plain}
SCRIPTS: dict[str, Script] = DIRECT | {
    "plain_reasoning": rationale(rationales.plain_reasoning),
    "chain_of_thought": rationale(rationales.chain_of_thought),
    "tree_of_thought": rationale(rationales.tree_of_thought),
    "program": rationale(rationales.program),
    "backward": rationale(rationales.backward),
    "fact_retrieval": rationale(rationales.fact_retrieval),
    "careful": rationale(rationales.careful),
    "rulebook": verdicts.by_rules,
}
