"""Which part of a response is its final committed answer.

Order of precedence; the first piece that holds an answer of the problem's kind decides:

1. Text inside <think> ... </think> never counts; an unclosed <think> hides all that follows it.
2. A takeaway section (after the last glyph) is searched first, by rules 3 to 6: it is the latest commitment.
Where it holds nothing,
   what stands before it is searched by rules 3 to 5.
3. What the text takes back does not count (discard.py): nothing before `wait, that is wrong`, no `not 5`, no
`A is wrong`, no `I first
   thought 4, but`, no `if the answer is 5`.
4. What is marked: the last of \\boxed{...} or \\fbox{...} (braces balanced; boxes joined by commas or `and`
are one list), `#### ...`,
   <answer> ... </answer> and the field `answer` of a JSON object. A box that is empty commits to nothing.
   Words that announce an answer
   *after* it come first: `Final answer:` and `Answer:` always, `the answer is` where a short answer and
   nothing else follows.
5. What follows the last of the words that announce an answer (markers.py: "the answer is", "Answer:", a line
"Answer", `A:`, and theirs
   in other languages); where that holds no answer, the one before it.
6. Not committed, so used only where the model stopped by itself, and without a check of the result at its
end: opening words that are
   an answer (`No. ...`, `A is correct. ...`); a list of solutions at the end; the only bold number of the
   last sentence; the last
   sentences, the last first, without hypotheses after a refusal; all of the text.

A response cut off at its limit (ending `length`) commits only to what is surely whole: `#### 4` at the very
end may have been `#### 42`. Refusals (`I don't know`) are left for the kinds to see: to an inference label
they are an answer (neutral), to a number none.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from stages.graders.reading import discard
from stages.graders.reading.boxes import last_box, last_boxes
from stages.graders.reading.cleaning import first_task, tidy, unchecked, visible
from stages.graders.reading.markers import announcements, closing, placeholder
from stages.graders.reading.retract import after_retraction, takes_back
from stages.shared.marks import TAKEAWAY, sections
from stages.shared.rows import Ending

MAX_TEXT = 100_000  # characters; of longer texts only the end is looked at
MAX_LINES = 40  # after a marker
MAX_TRIES = (
    20  # markers of one kind that are looked at, from the last: a text of nothing but markers costs no more
)
MAX_TAIL = 2000  # characters that are split into sentences
MAX_SENTENCES = 3  # at the end of a text without a marker

_CUT = re.compile(
    r"(?:\b(?:an|the|of|to|by|with|and|or|then|from|which|that|is|are|was|were|we|so|into|for|multiply|divide|add|subtract|because|if|has|have)"
    r"|[=+*/^{(,]|\\times|\\cdot|\\frac)\s*$"
)
_JSON = re.compile(
    r"[{,]\s{0,20}\"(?:final_?answer|answer|prediction|label|choice)\"\s{0,3}:\s{0,3}"
    r"(?:\"(?P<text>(?:[^\"\\\n]|\\.){1,400})\"|(?P<bare>[^\s,\"{}\[\]][^,\"{}\n]{0,100}))(?=\s{0,20}[,}])",
    re.IGNORECASE,
)
_MARK = re.compile(r"####[ \t:]{0,9}\n?([^\n]*)")
_HEADING = re.compile(
    r"(?!(?:the |final )*answer\b)(?:\d+[.)]:? *)?[A-Za-z]\w*:? +\S", re.IGNORECASE
)  # `#### Step 2: add` is Markdown
_ENDS = (".", "$", ")", "]", "!", "%", "\n", " ")  # after these nothing of the answer can be missing
_ENUMERATED = re.compile(r"^(?:\d{1,2}[.)] {1,3}(?=[A-Za-z$\\(*])|\d{1,2}\) {1,3}(?=\S))")
_ALONE = re.compile(r"\n[ \t]{0,9}([^\w\n]{0,9}[A-Za-z]{1,13}[^\w\n]{0,9})\s*$")
_QUOTED = re.compile(r"^\\?\"([^\"]*?)\\?\"(\.?)$")
_SUMMED = re.compile(
    r"[.;] {1,3}(?:So,? )?(?:in total|altogether|in all|all together|in sum),? ", re.IGNORECASE
)
_ITEM = re.compile(r"^[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]+(\S[^\n]{0,99})$", re.MULTILINE)
_LISTED = re.compile(
    r"\b(?:solutions?|roots|zeros|values|answers)\b[^\n:]{0,60}:\W{0,4}\n+"
    r"((?:[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]+[^\n]{1,100}(?:\n+|$)){2,8})\s*$",
    re.IGNORECASE,
)
_PARTS = re.compile(
    r"(?:[ \t]*(?:\([a-h]\)|[a-h]\)|[-*•])[ \t]+(?:\$?[A-Za-z]\w{0,3}\$? ?= ?)?[^=\n]{1,30}(?:\n+|$)){2,8}"
)  # `(a) 3`, `- x = 3`
_PART = re.compile(r"^[ \t]*(?:\([a-h]\)|[a-h]\)|[-*•])[ \t]+(\S[^\n]*)$", re.MULTILINE)
_BULLET = re.compile(r"^[-*•] {1,3}(?=[$\\(A-Za-z])")
_STRONG = re.compile(r"\*\*([^*\n]{1,60})\*\*|\\math(?:bf|bfit)\{([^{}\n]{1,60})\}")
_OPENING = re.compile(
    r"(?:after|in|for|with|if|at|on|by|when|during|of|from|since|given|out of) [^,.=$\\]{1,60}, (?=[a-z])",
    re.IGNORECASE,
)
_BREAK = re.compile(r"(?<=[.!?])\s+(?=[A-Z*$\\(\"'])|\s*\n\s*|(?<=[。！？])")


class Span(NamedTuple):
    """A piece of text that may hold the final answer; `rule` found it: boxed (the text is the answer and
    nothing else), marked, spoken, listed (solutions, a line each), bold, last (a sentence), text (all of it),
    alone (a last line of one word, which commits only to what is one of a few known answers), or opening (all
    of it, for what its first words say, where those alone may be an answer).

    `how` says the same to a person.
    """

    text: str
    rule: str
    how: str = ""


def spans(text: str, ending: Ending) -> Iterator[Span]:
    """The pieces that may hold the final answer, best first; the first that does decides."""
    raw = first_task(visible(text)[-MAX_TEXT:])
    text = tidy(raw)
    stopped = ending == Ending.STOP
    takeaway = sections(text).get("takeaway", "") if TAKEAWAY in text else ""
    regions = (takeaway, text.partition(TAKEAWAY)[0]) if takeaway else (text,)
    for region in regions:
        kept = after_retraction(region)
        committed = list(_committed(kept, stopped))
        yield from committed
        if any(span.rule != "alone" for span in committed):
            return
        if stopped and region is regions[0] and not _cut(kept):
            kept, raw = unchecked(kept), unchecked(raw)
            if len(items := _items(kept)) > 1:
                yield Span(", ".join(item.strip(" .,;") for item in items), "listed", "a list of solutions")
            yield Span(kept, "opening", "the opening words")
            if bold := _emphasized(raw):
                yield Span(bold, "bold", "what is bold in the last sentence")
            yield from _last(kept)


def _items(text: str) -> list[str]:
    """The solutions that `text` ends with or consists of, a line each."""
    if parts := _PARTS.fullmatch(text.strip()[:MAX_TAIL]):
        return _PART.findall(parts.group())
    listed = _LISTED.search(text[-MAX_TAIL:])
    return _ITEM.findall(listed[1]) if listed else []


def _emphasized(text: str) -> str:
    """The only bold words of the last sentence, where it has a number in it and does not deny them; else
    nothing."""
    tail = text.rstrip()[-MAX_TAIL:].rpartition("\n")[2]
    sentence = next((piece for piece in reversed(_BREAK.split(tail)) if piece and not closing(piece)), "")
    found = [next(part for part in match.groups() if part) for match in _STRONG.finditer(sentence)]
    if len(found) != 1 or not any(character.isdigit() for character in found[0]):
        return ""
    left = discard.undenied(discard.amended("", tidy(sentence)))
    return found[0] if tidy(found[0]) in left else ""


def _committed(text: str, stopped: bool) -> Iterator[Span]:
    marked, end = _marked(text, stopped)
    if stopped and (alone := _ALONE.search(text, max(end, len(text) - 60))):
        yield Span(alone.group(1), "alone", "the last line")
    for found in announcements(text)[: -MAX_TRIES - 1 : -1]:
        if marked and found.start < end:
            yield from marked
            marked = []
        before, span = text[max(0, found.start - 100) : found.start], text[found.end :]
        if (
            discard.denied_before(before)
            or discard.hypothetical(before, found.words, span)
            or discard.refuted(span)
            or placeholder(discard.first_sentence(span)[:40])
        ):
            continue
        if found.start < end or found.strong or end == 0 or _short(span):
            how = f"what follows {found.words!r}"
            yield from _open_ended(discard.amended(before, span), "spoken", how, stopped)
    yield from marked


def _short(span: str) -> bool:
    """Whether a sentence of at most four words follows: `the answer is 5`, not `the answer is 3 times as
    large as the first one`."""
    return len(re.sub(r"\$[^$]*\$", "0", discard.first_sentence(span.strip(" *:"))[:300]).split()) <= 4


def _marked(text: str, stopped: bool) -> tuple[list[Span], int]:
    """The last box, `####` or <answer>, and where it ends (0: there is none)."""
    found: list[tuple[int, list[Span]]] = []
    if ("boxed" in text or "\\f" in text) and (box := last_boxes(text)) is not None:
        found.append((box[1], [Span(box[0], "boxed", "the last box")]))
    if "####" in text and (
        marks := [
            mark
            for mark in _MARK.finditer(text)
            if not _HEADING.match(mark.group(1)) or _ends(text, mark.end())
        ]
    ):
        whole = stopped or marks[-1].end() < len(text) or text.endswith(_ENDS)
        found.append(
            (
                marks[-1].end(),
                list(_open_ended(marks[-1].group(1), "marked", "what follows the last ####", whole)),
            )
        )
    if '"' in text and (objects := list(_JSON.finditer(text))):
        value, text_value = objects[-1], objects[-1]["text"]
        content = _unescaped(text_value) if text_value is not None else value["bare"].strip()
        found.append((value.end(), [Span(last_box(content) or content, "boxed", "the answer of the JSON")]))
    if "<answer>" in text and "</answer>" in (inner := text.rpartition("<answer>")[2]):
        content = inner.partition("</answer>")[0]
        boxed = last_box(content) if "\\boxed" in content else None
        found.append(
            (
                len(text) - len(inner) + len(content),
                [Span(boxed or content.strip(), "boxed", "the last <answer>")],
            )
        )
    end, best = max(found, key=lambda one: one[0], default=(0, []))
    return best, end


def _unescaped(text: str) -> str:
    """A string of JSON, read; as it stands where a model wrote LaTeX into it without doubling its
    backslashes."""
    try:
        return msgspec.json.decode(f'"{text}"', type=str) if "\\\\" in text else text
    except (msgspec.DecodeError, UnicodeEncodeError):
        return text


def _ends(text: str, place: int) -> bool:
    """Whether nothing but a farewell stands after `place`."""
    rest = text[place : place + 200].strip()
    return not rest or closing(rest)


def _open_ended(span: str, rule: str, how: str, stopped: bool) -> Iterator[Span]:
    """The rest of the marker's own line; then, where that holds no answer, the lines after it, the last
    first.

    `stopped`: nothing can be missing at the end of `span`. Else a line that may have been cut is left out:
    digits are written one token each, so a number at the cut may lack its last ones.
    """
    first, *later = span.lstrip(" \t:").split("\n", MAX_LINES)[:MAX_LINES]
    lines = [first, *(_ENUMERATED.sub("", line) for line in reversed(later))]
    if not stopped and not span.endswith(_ENDS):
        lines = lines[:1] + lines[2:] if later else []
    for line in lines:
        if line.strip() and not closing(line):
            yield from (Span(discard.undenied(piece), rule, how) for piece in _pieces(line.strip()))


def _pieces(line: str) -> Iterator[str]:
    """`line`; before it, what follows an opening clause (`After 6 days, they have 390`) or begins to sum up
    (`In total, ...`). Nothing where the line only relates one quantity to another."""
    line = _unclosed(line)
    if discard.relative(line):
        return
    if later := _SUMMED.search(line) or _OPENING.match(line):
        yield line[later.end() :]
    yield line


def _unclosed(line: str) -> str:
    """`line` without farewells at its end (`I hope it is correct.`) and quotation marks around it."""
    while (found := list(_BREAK.finditer(line[-MAX_TAIL:]))[-1:]) and closing(
        tail := line[-MAX_TAIL:][found[0].end() :]
    ):
        line = line[: len(line) - len(tail)].rstrip()
    return _QUOTED.sub(r"\1", line)


def _cut(text: str) -> bool:
    """Whether `text` ends in the middle of a sentence or a formula, whatever its sampler told: `then we
    multiply by`, `x = \\frac{12`."""
    end = text[-MAX_TAIL:].rpartition("\n")[2]
    unclosed = end.count("{") > end.count("}")
    return unclosed or (
        len(text.split(None, 9)) > 9 and _CUT.search(end) is not None
    )  # an option may be `get tired of`


def _last(text: str) -> Iterator[Span]:
    """The last sentences, the last first, and no further than one that takes back what stands before it; then
    all of the text."""
    text = text.strip()
    pieces = [piece.strip() for piece in _BREAK.split(text[-MAX_TAIL:]) if piece.strip()]
    if "\n" not in text and len(text.split(None, 6)) <= 6:
        pieces = [text]
    tried = 0
    declined = any(discard.refuses(piece) for piece in pieces[-MAX_SENTENCES - 1 : -1])
    for piece in reversed(pieces):
        if (closing(piece) and len(pieces) > 1) or (declined and discard.supposes(piece)):
            continue
        piece = _BULLET.sub("", piece)
        yield Span(
            discard.undenied(discard.amended("", piece)),
            "last",
            "the last sentence" if not tried else f"sentence {tried + 1} from the end",
        )
        tried += 1
        if takes_back(piece):
            return
        if tried == MAX_SENTENCES:
            break
    if text:
        yield Span(discard.undenied(text), "text", "the whole text")
