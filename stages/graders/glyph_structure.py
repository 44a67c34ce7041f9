"""Whether the four glyphs stand once each, in order, no section empty, and the final answer in the last.

The sections are crux, plan, steps and takeaway. Text inside <think> ... </think> does not count.

Reasons, of which the first that holds is given:

no_glyphs           the text has none of the four glyphs
missing_<section>   the glyph of a section is missing
repeated_<section>  the glyph of a section stands more than once
out_of_order        the glyphs stand in another order
text_before         more than white space stands before the first glyph, outside every section
empty_<section>     a section holds no text
no_final_answer     the takeaway commits to no answer of the problem's kind
"""

from stages.graders import Grade
from stages.graders.answer import final
from stages.graders.reading.cleaning import visible
from stages.graders.reading.limits import TooMuch
from stages.shared.marks import GLYPHS, marks_in, sections, uses_glyphs
from stages.shared.params import Strict
from stages.shared.rows import Response


class Params(Strict):
    """No params."""


def grade(response: Response, params: Params) -> Grade:
    """1 where the structure holds, else 0 with the reason."""
    text = visible(response.text)
    reason = _fault_of_glyphs(text) or _fault_of_sections(text, response)
    return Grade(0.0, reason) if reason else Grade(1.0)


def _fault_of_glyphs(text: str) -> str:
    if not uses_glyphs(text):
        return "no_glyphs"
    marks = marks_in(text, GLYPHS.values())
    for fault, wrong in (("missing", lambda count: count == 0), ("repeated", lambda count: count > 1)):
        for name, glyph in GLYPHS.items():
            if wrong(marks.count(glyph)):
                return f"{fault}_{name}"
    if marks != list(GLYPHS.values()):
        return "out_of_order"
    return "text_before" if text.partition(marks[0])[0].strip() else ""


def _fault_of_sections(text: str, response: Response) -> str:
    text_of = sections(text)
    for name in GLYPHS:
        if not text_of[name]:
            return f"empty_{name}"
    try:
        return "" if final(response, text_of["takeaway"]) is not None else "no_final_answer"
    except TooMuch:
        return "no_final_answer"
