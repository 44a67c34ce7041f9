"""Boxes (`\\boxed{...}`, `\\fbox{...}`): the content of the last box, or of the last boxes where they form a
list."""

import re

MAX_TRIES = 20  # boxes that are tried, from the last, so that a text of nothing but boxes costs no more
MAX_BOXES = 12  # boxes of one list

_BOX = re.compile(r"\\(?:begin)?(?:boxed|fbox|framebox)\s{0,9}(?=[{\d])|(?<![A-Za-z\\])boxed(?=\{)")
_JOIN = re.compile(
    r"[\s$;&.\\()\[\]]{0,20}(?P<word>,|and\b|or\b|&|;|\\text ?\{[^{}]{0,40}\b(?:and|or)\b[^{}]{0,9}\}|\\quad)"
    r"(?:[\s$,;\\()\[\]]|and\b|or\b|\\q?quad\b|\\text ?\{[^{}]{0,40}\}|[A-Za-z](?:_\{?\w\}?)? ?=){0,20}"
)
_APPROXIMATELY = re.compile(
    r"[\s$,.()\[\]\\]{0,9}(?:\\approx|≈|(?:or )?(?:approximately|about|numerically|roughly))[\s$,."
    r"()\[\]\\:]{0,9}"
)
_OR = re.compile(r"\bor\b")


def last_box(text: str) -> str | None:
    """The content of the last closed box; None where no box is closed.

    Boxes that form a list are joined: `\\boxed{2} and \\boxed{3}` holds `2, 3`. `\\boxed 7` holds `7`.
    """
    box = last_boxes(text)
    return box[0] if box else None


def last_boxes(text: str) -> tuple[str, int] | None:
    """The content that last_box returns, and where the last box ends in `text`."""
    listed: list[str] = []
    start = end = 0
    for match in list(_BOX.finditer(text))[: -MAX_TRIES - 1 : -1]:
        content, stop = _box(text, match.end())
        if content is None or (listed and stop > start):
            continue
        if listed:
            gap = text[stop:start][:201]
            rounded = len(gap) < 80 and (
                listed[0].startswith(("\\approx", "≈")) or _APPROXIMATELY.fullmatch(gap)
            )
            joint = None if rounded else _JOIN.fullmatch(gap)
            if not (rounded or joint) or len(listed) > 2 * MAX_BOXES:
                break
            listed = (
                [content, " or " if _OR.search(joint.group("word")) else ", ", *listed]
                if joint
                else [content]
            )
        else:
            listed, end = [content], stop
        start = match.start()
    if not listed:
        return None
    return listed[0] if len(set(listed[::2])) == 1 else "".join(listed), end


def _box(text: str, start: int) -> tuple[str | None, int]:
    """The content of the box whose brace or digits stand at `start`, and where the box ends."""
    if text[start] != "{":
        digits = re.compile(r"\d+").match(text, start)
        return (digits.group(), digits.end()) if digits else (None, start)
    content = _braced(text, start)
    return (content.strip(), start + len(content) + 2) if content is not None else (None, start)


def _braced(text: str, start: int) -> str | None:
    """The text between the brace at `start` and the closing brace; escaped braces do not count."""
    depth = 0
    place = start
    while place < len(text):
        character = text[place]
        if character == "\\":
            place += 1
        elif character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                return text[start + 1 : place]
        place += 1
    return None
