"""Whether a model that was asked found the reasoning valid.

The model writes its verdict on the last line: `VERDICT: VALID` or `VERDICT: INVALID`. Bold type, case and a
full stop do not matter. Text inside <think> ... </think> does not count.

Reasons: `invalid`, and `unknown` where the last line is no verdict or where two verdicts differ. An unknown
verdict has a score of 0, as an invalid one has, under a reason of its own.
"""

import re

from stages.graders import Grade
from stages.graders.reading.cleaning import visible
from stages.shared.errors import BadInput
from stages.shared.params import Strict
from stages.shared.rows import Response, Trace

MAX_LENGTH = 20_000  # characters of a reply that are searched, from its end
MAX_LINE = 100  # characters of a line that may be a verdict

_VERDICT = re.compile(r"[\s*_`#>]*(?:verdict[\s*_`]*:)?[\s*_`]*(valid|invalid)[\s*_`.]*", re.IGNORECASE)


class Params(Strict):
    """No params here: the section `judge` says which model is asked."""


def grade(response: Response, params: Params) -> Grade:
    """1 where the verdict is `valid`, else 0 with the verdict as the reason.

    Raises BadInput where no model was asked about `response` (the field `verdict` of the trace is None).
    """
    if not isinstance(response, Trace) or response.verdict is None:
        raise BadInput(
            f"grader valid_reasoning: no model was asked about {response.trace_id!r}; "
            "only the judge stage asks (its param `ask`)"
        )
    reply = verdict(response.verdict)
    return Grade(1.0) if reply == "valid" else Grade(0.0, reply)


def verdict(text: str) -> str:
    """The verdict of a reply: `valid`, `invalid` or `unknown`."""
    lines = [line.strip() for line in visible(text)[-MAX_LENGTH:].splitlines() if line.strip()]
    matches = [len(line) < MAX_LINE and _VERDICT.fullmatch(line) for line in lines]
    verdicts = {match[1].lower() for match in matches if match}
    return verdicts.pop() if len(verdicts) == 1 and matches[-1] else "unknown"
