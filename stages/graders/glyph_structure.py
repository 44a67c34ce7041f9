"""Whether the four glyphs stand once each, in order, no section empty, and the final answer in the last.

Reasons, the first that holds: `no_glyphs`; `missing_<section>`; `repeated_<section>`; `out_of_order`;
`text_before` (anything but white space before the first glyph: the trace is the whole answer, so nothing may
escape its sections); `empty_<section>`; `no_final_answer`. Sections are crux, plan, steps, takeaway. Text
inside <think> ... </think> does not count.
"""

from stages.graders import Grade
from stages.graders.answer import final
from stages.graders.reading.cleaning import visible
from stages.graders.reading.limits import TooMuch
from stages.shared.marks import GLYPHS, marks_in, sections, uses_glyphs
from stages.shared.params import Strict
from stages.shared.rows import Response


class Params(Strict):
    """None."""


def grade(response: Response, params: Params) -> Grade:
    """1 where the structure holds, else 0 with the reason."""
    text = visible(response.text)
    reason = _arrangement(text) or _content(text, response)
    return Grade(0.0, reason) if reason else Grade(1.0)


def _arrangement(text: str) -> str:
    if not uses_glyphs(text):
        return "no_glyphs"
    marks = marks_in(text)
    for fault, wrong in (("missing", lambda count: count == 0), ("repeated", lambda count: count > 1)):
        for name, glyph in GLYPHS.items():
            if wrong(marks.count(glyph)):
                return f"{fault}_{name}"
    if marks != list(GLYPHS.values()):
        return "out_of_order"
    return "text_before" if text.partition(marks[0])[0].strip() else ""


def _content(text: str, response: Response) -> str:
    texts = sections(text)
    for name in GLYPHS:
        if not texts[name]:
            return f"empty_{name}"
    try:
        return "" if final(response, texts["takeaway"]) is not None else "no_final_answer"
    except TooMuch:
        return "no_final_answer"
