r"""A worked solution in each of the reasoning styles, for an offline teacher: of the lines of the solution
alone, whatever the task.

    plain_reasoning    7 + 5 = 12. 12 - 3 = 9. / The answer is \boxed{9}.
    chain_of_thought   Step 1: 7 + 5 = 12 / Step 2: 12 - 3 = 9 / The answer ...
    tree_of_thought    Path 1: 11? It fails. / Path 2: 7 + 5 = 12; 12 - 3 = 9 / The answer ...
    program            a = 7 + 5  # 12 / b = 12 - 3  # 9 / print(b) / The answer ...
    backward           7 + 5 = 12 / 12 - 3 = 9 / Back: 9 + 3 = 12; 12 - 5 = 7 / The answer ...
    fact_retrieval     Facts: 7 + 5 = 12 / So: 12 - 3 = 9 / The answer ...
    careful            Part 1: 7 + 5 = 12 / Part 2: 12 - 3 = 9 / Check: 12 - 3 = 9 / The answer ...

(a slash stands for a new line). A wrong answer stands in the last line of the solution too, where the right
one stood there.
"""

import random
import re
import string
from collections.abc import Callable, Sequence

from stages.samplers.script.mistakes import near
from stages.shared.rows import Kind, Problem

OPENING = "The answer is "
STEP = re.compile(r"(-?[\d.]+) ([-+*/]) (-?[\d.]+) = (-?[\d.]+)")
INVERSE = {"+": "-", "-": "+", "*": "/", "/": "*"}
SPOKEN = {"entailment": "true", "neutral": "neither", "contradiction": "false"}
BOXED = (Kind.NUMBER, Kind.EXPRESSION)

# From the lines of a solution, the answer and a rival of it: the lines above the final sentence.
Write = Callable[[Sequence[str], str, str], list[str]]


def lines_of(solution: str) -> list[str]:
    """The lines with something on them, without GSM8K's calculator notes `<<48/2=24>>` and its last line
    `#### 72`."""
    lines = (re.sub(r"<<.*?>>", "", line).strip() for line in solution.splitlines())
    return [line for line in lines if line and not line.startswith("####")]


def rationale(write: Write) -> Callable[[Problem, str, random.Random], list[str]]:
    """A script: the whole text, in one part, that ends with the sentence that the core prompt asks for."""

    def script(problem: Problem, answer: str, rng: random.Random) -> list[str]:
        gold, given = _spoken(problem, problem.answer), _spoken(problem, answer)
        lines = [line.rstrip(".") for line in lines_of(problem.solution or "")]
        rival = gold
        if given == gold:
            rival = _spoken(problem, near(problem, rng))
        else:
            lines[-1] = _with(lines[-1], gold, given)
        final = OPENING + (f"\\boxed{{{given}}}." if problem.kind in BOXED else f"{given}.")
        return ["\n".join([*write(lines, given, rival), final])]

    return script


def plain_reasoning(lines: Sequence[str], answer: str, rival: str) -> list[str]:
    """The steps as prose."""
    return [" ".join(f"{line}." for line in lines)]


def chain_of_thought(lines: Sequence[str], answer: str, rival: str) -> list[str]:
    """One numbered step a line."""
    return [f"Step {number}: {line}" for number, line in enumerate(lines, 1)]


def tree_of_thought(lines: Sequence[str], answer: str, rival: str) -> list[str]:
    """A guess that is given up, then the steps."""
    return [f"Path 1: {rival}? It fails.", f"Path 2: {'; '.join(lines)}"]


def program(lines: Sequence[str], answer: str, rival: str) -> list[str]:
    """Python: a step of arithmetic becomes an assignment, any other line a comment."""
    code, printed = [], f'"{answer}"'
    names = iter([*string.ascii_lowercase, *(f"v{number}" for number in range(len(lines)))])
    for line in lines:
        step = STEP.fullmatch(line)
        if not step:
            code.append(f"# {line}")
            continue
        name = next(names)
        code.append(f"{name} = {line.partition(' = ')[0]}  # {step[4]}")
        printed = name if step[4] == answer else printed
    return [*code, f"print({printed})"]


def backward(lines: Sequence[str], answer: str, rival: str) -> list[str]:
    """The steps, then their arithmetic undone from the last to the first; where there is none, the last line
    and the first one again."""
    undone = [
        f"{step[4]} {INVERSE[step[2]]} {step[3]} = {step[1]}"
        for line in reversed(lines)
        if (step := STEP.fullmatch(line))
    ]
    return [*lines, f"Back: {'; '.join(undone or [lines[-1], *lines[:-1][:1]])}"]


def fact_retrieval(lines: Sequence[str], answer: str, rival: str) -> list[str]:
    """All lines but the last as facts, the last as what follows from them."""
    return (
        [f"Facts: {'; '.join(lines[:-1])}", f"So: {lines[-1]}"] if len(lines) > 1 else [f"Facts: {lines[0]}"]
    )


def careful(lines: Sequence[str], answer: str, rival: str) -> list[str]:
    """One part a line, then the last one again."""
    return [*(f"Part {number}: {line}" for number, line in enumerate(lines, 1)), f"Check: {lines[-1]}"]


def _spoken(problem: Problem, answer: str) -> str:
    """An answer in the words that the core prompt asks for."""
    return SPOKEN.get(answer.lower(), answer) if problem.kind is Kind.NLI else answer


def _with(line: str, old: str, new: str) -> str:
    """`line` with `new` where `old` stands last as a word of its own; unchanged where it does not."""
    matches = list(re.finditer(rf"(?<![\w.]){re.escape(old)}(?!\w|\.\d)", line))
    return line[: matches[-1].start()] + new + line[matches[-1].end() :] if matches else line
