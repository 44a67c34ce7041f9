"""Whether a model that was asked found the reasoning valid.

The verdict stands alone on the last line: `VERDICT: VALID` or `VERDICT: INVALID` (bold, case and a full stop
do not matter). Reasons: `invalid`; `unknown` where there is no such line, or another line says the opposite.
Unknown is not valid: its score is 0, and it is counted apart. Text inside <think> ... </think> does not
count.
"""

import re

from stages.graders import Grade
from stages.graders.reading.cleaning import visible
from stages.shared.errors import BadInput
from stages.shared.params import Strict
from stages.shared.rows import Response, Trace

LONGEST = 20_000  # characters of a verdict that are looked at, from its end
LINE = 100  # characters of a line that could be one

_LINE = re.compile(r"[\s*_`#>]*(?:verdict[\s*_`]*:)?[\s*_`]*(valid|invalid)[\s*_`.]*", re.IGNORECASE)


class Params(Strict):
    """None: who is asked is told in `grade.judge`."""


def grade(response: Response, params: Params) -> Grade:
    """1 where the verdict is VALID, else 0 with the reason. Raises BadInput where nobody was asked."""
    if not isinstance(response, Trace) or response.verdict is None:
        raise BadInput(
            f"grader judge: no judge was asked about {response.trace_id!r}; only the grade stage asks "
            f"(grade.judge)"
        )
    reading = verdict(response.verdict)
    return Grade(1.0) if reading == "valid" else Grade(0.0, reading)


def verdict(text: str) -> str:
    """`valid`, `invalid` or `unknown`."""
    lines = [line.strip() for line in visible(text)[-LONGEST:].splitlines() if line.strip()]
    matches = [len(line) < LINE and _LINE.fullmatch(line) for line in lines]
    said = {match[1].lower() for match in matches if match}
    return said.pop() if len(said) == 1 and matches[-1] else "unknown"
