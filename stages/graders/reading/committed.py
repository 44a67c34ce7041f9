"""The parts of a response that are marked or announced as the final answer (rules 4 and 5 of extract.py)."""

import re
from collections.abc import Iterator

from stages.graders.reading import discard, headings
from stages.graders.reading.boxes import last_box, last_boxes
from stages.graders.reading.dressing import undressed
from stages.graders.reading.fields import last_field
from stages.graders.reading.markers import Announcement, announcements, closing, commits, placeholder
from stages.graders.reading.span import MAX_TAIL, SENTENCE_BREAK, Span

MAX_LINES = 40  # lines that are searched after a mark or an announcement
MAX_TRIES = 20  # announcements that are tried, from the last, so that a text of nothing else costs no more
Mark = tuple[int, list[Span]]  # where a mark ends in the text, and the spans with its answer

_TAGGED = re.compile(
    r"<(?P<name>(?:final_?)?answer|solution|result)>(?P<content>(?:(?!<(?:(?:final_?)?answer|solution"
    r"|result)>).){0,4000}?)</(?P=name)>",
    re.IGNORECASE | re.DOTALL,
)
_SECTION_END = re.compile(r"\n(?=#{1,6}\s|[-*_]{3,}\s*\n)")
_ENDS = (".", "$", ")", "]", "!", "%", "\n", " ")  # an answer that ends in one of these is complete
_ENUMERATED = re.compile(
    r"^(?:>[ \t]{0,3}|[-*•][ \t]{1,3}(?=\$?\d)|\d{1,2}[.)] {1,3}(?=[A-Za-z$\\(*])|\d{1,2}\) {1,3}(?=\S))"
)
_ALONE = re.compile(r"\n[ \t]{0,9}([^\w\n]{0,9}[A-Za-z]{1,13}[^\w\n]{0,9})\s*$")
_QUOTED = re.compile(r"^\\?\"([^\"]*?)\\?\"(\.?)$")
_SUMMED = re.compile(
    r"[.;] {1,3}(?:So,? )?(?:in total|altogether|in all|all together|in sum),? ", re.IGNORECASE
)
_OPENING = re.compile(
    r"(?:after|in|for|with|if|at|on|by|when|during|of|from|since|given|out of) [^,.=$\\]{1,60}, (?=[a-z])",
    re.IGNORECASE,
)


def committed(text: str, stopped: bool) -> Iterator[Span]:
    """The marked and announced parts of `text`, the most committed part first.

    `stopped`: the model stopped by itself, so nothing is missing at the end of `text`.
    """
    marked, mark_end = _last_mark(text, stopped)
    if stopped and (alone := _ALONE.search(text, max(mark_end, len(text) - 60))):
        yield Span(alone.group(1), "alone", "the last line")
    for announcement in announcements(text)[: -MAX_TRIES - 1 : -1]:
        before_mark = announcement.start < mark_end
        if marked and before_mark:
            yield from marked
            marked = []
        before = text[max(0, announcement.start - 100) : announcement.start]
        after = text[announcement.end :]
        if _states_nothing(before, announcement, after):
            continue
        if before_mark or announcement.strong or mark_end == 0 or _is_short(after):
            how = f"what follows {announcement.words!r}"
            yield from _lines_after(discard.amended(before, after), "spoken", how, stopped)
    yield from marked


def _states_nothing(before: str, announcement: Announcement, after: str) -> bool:
    """Whether the announcement is denied, hypothetical or refuted, or a form to fill in."""
    return (
        discard.denied_before(before)
        or discard.hypothetical(before, announcement.words, after)
        or discard.refuted(after)
        or placeholder(discard.first_sentence(after)[:40])
    )


def _is_short(text: str) -> bool:
    """Whether the first sentence has at most four words, a formula counting as one: `the answer is 5`, not
    `the answer is 3 times as large as the first one`."""
    return len(re.sub(r"\$[^$]*\$", "0", discard.first_sentence(text.strip(" *:"))[:300]).split()) <= 4


def _last_mark(text: str, stopped: bool) -> tuple[list[Span], int]:
    """The spans of the last box, `####`, JSON answer or <answer>, and where the mark ends; 0 where there is
    none."""
    marks = (_boxed(text), _after_hashes(text, stopped), _in_json(text), _in_tags(text))
    end, spans = max((mark for mark in marks if mark), key=lambda mark: mark[0], default=(0, []))
    return spans, end


def _boxed(text: str) -> Mark | None:
    if "boxed" not in text and "\\f" not in text:
        return None
    boxes = last_boxes(text)
    return None if boxes is None else (boxes[1], [Span(undressed(boxes[0]), "boxed", "the last box")])


def _after_hashes(text: str, stopped: bool) -> Mark | None:
    """The spans of the last `####` that is no heading; of a heading `Final Answer` those of its section."""
    if "####" not in text:
        return None
    for mark in list(headings.MARK.finditer(text))[: -MAX_TRIES - 1 : -1]:
        if headings.announces(mark.group(1), not commits(text[: mark.start()])):
            section = _SECTION_END.split(text[mark.end() :].lstrip("\n"), maxsplit=1)[0]
            how = f"what stands below the heading {headings.bare(mark.group(1))!r}"
            return mark.end(), list(_lines_after(section, "marked", how, stopped))
        if headings.is_heading(text, mark):
            continue
        whole = stopped or mark.end() < len(text) or text.endswith(_ENDS)
        content = undressed(mark.group(1).strip())
        return mark.end(), list(_lines_after(content, "marked", "what follows the last ####", whole))
    return None


def _in_json(text: str) -> Mark | None:
    field = last_field(text)
    if field is None:
        return None
    end, content = field
    return end, [Span(undressed(last_box(content) or content), "boxed", "the answer of the JSON")]


def _in_tags(text: str) -> Mark | None:
    tags = list(_TAGGED.finditer(text)) if "</" in text else []
    if not tags:
        return None
    content = tags[-1]["content"]
    box = last_box(content) if "\\boxed" in content else None
    return tags[-1].end(), [
        Span(undressed(box or content.strip()), "boxed", f"the last <{tags[-1]['name']}>")
    ]


def _lines_after(text: str, rule: str, how: str, stopped: bool) -> Iterator[Span]:
    """The line that `text` starts with, then the later lines, the last first.

    Where the model did not stop by itself, the last line is left out unless the line ends in a complete
    word: a model writes a number digit by digit, so a number at the cut may lack digits.
    """
    first, *later = text.lstrip(" \t:").split("\n", MAX_LINES)[:MAX_LINES]
    lines = [first, *(_ENUMERATED.sub("", line) for line in reversed(later))]
    if not stopped and not text.endswith(_ENDS):
        lines = lines[:1] + lines[2:] if later else []
    for line in lines:
        if line.strip() and not closing(line):
            yield from (Span(discard.undenied(part), rule, how) for part in _parts(line.strip()))


def _parts(line: str) -> Iterator[str]:
    """`line`, and before it the part that states the result, where the line has one.

    The part follows an opening clause (`After 6 days, they have 390`) or words that sum up (`In total, ...`).
    Nothing where the line only relates one quantity to another.
    """
    line = _without_farewell(line)
    if discard.relative(line):
        return
    if opening := _SUMMED.search(line) or _OPENING.match(line):
        yield line[opening.end() :]
    yield line


def _without_farewell(line: str) -> str:
    """`line` without farewells at its end (`I hope it is correct.`) and quotation marks around the line."""
    while breaks := list(SENTENCE_BREAK.finditer(line[-MAX_TAIL:])):
        last_sentence = line[-MAX_TAIL:][breaks[-1].end() :]
        if not closing(last_sentence):
            break
        line = line[: len(line) - len(last_sentence)].rstrip()
    return _QUOTED.sub(r"\1", line)
