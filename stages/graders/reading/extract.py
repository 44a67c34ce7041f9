"""Which parts of a response may hold the final answer, the most committed part first.

The first part that holds an answer of the problem's kind decides. The order of precedence:

1. A thought (thoughts.py: <think> ... </think> and the like, the channel `analysis`) never counts. A thought
that was cut off hides all that follows. 2. Where the response has a takeaway section (after the last glyph),
that section is searched first, by rules 3 to 6. Where the takeaway commits to nothing, the text before the
section is searched by rules 3 to 5. 3. What the text takes back does not count (discard.py, retract.py): what
stands before `wait, that is wrong`, and phrases such as `not 5`, `A is wrong`, `I first thought 4, but`, `if
the answer is 5`. 4. What is marked counts next: the last of a box (`\\boxed{...}` or `\\fbox{...}`), `####
...` where that is no heading (headings.py; a heading `Final Answer` marks what stands below), <answer> ...
</answer>, and the field `answer` of a JSON object (fields.py). What only dresses the answer is taken off
(dressing.py). Boxes that are joined by commas or `and` are one list. An empty box commits to nothing. An
announcement after the mark comes before the mark: `Final answer:` and `Answer:` always, other announcements
where a short answer and nothing else follows. 5. What follows an announcement counts next (markers.py: `the
answer is`, `Answer:`, a line `Answer`, `A:`, and the same in other languages). The last announcement comes
first; where no answer follows, the one before. 6. The rest is not committed, and counts only where the model
stopped by itself. A check of the result at the end is left out. In this order: a list of solutions at the
end; opening words that are an answer (`No. ...`); the only bold number of the last sentence; the last
sentences, the last first, without hypotheses after a refusal; all of the text.

A response that was cut off at its limit (ending `length`) commits only to what cannot go on: `#### 4` at the
very end may have been `#### 42`. Refusals (`I don't know`) are left to the kinds: a refusal is an answer to
an inference problem (neutral), and no answer to a numeric one.
"""

from collections.abc import Iterator

from stages.graders.reading.cleaning import first_task, tidy, visible
from stages.graders.reading.committed import committed
from stages.graders.reading.retract import after_retraction
from stages.graders.reading.span import Span
from stages.graders.reading.uncommitted import is_cut, uncommitted
from stages.shared.marks import TAKEAWAY, sections
from stages.shared.rows import Ending

MAX_TEXT = 100_000  # characters; only the end of a longer text is searched


def spans(text: str, ending: Ending) -> Iterator[Span]:
    """The parts of `text` that may hold the final answer, the most committed part first."""
    raw = first_task(visible(text)[-MAX_TEXT:])
    text = tidy(raw)
    stopped = ending == Ending.STOP
    takeaway = sections(text).get("takeaway", "") if TAKEAWAY in text else ""
    regions = (takeaway, text.partition(TAKEAWAY)[0]) if takeaway else (text,)
    for region in regions:
        kept = after_retraction(region)
        commitments = list(committed(kept, stopped))
        yield from commitments
        if any(span.rule != "alone" for span in commitments):
            return
        if stopped and region is regions[0] and not is_cut(kept):
            yield from uncommitted(kept, raw)
