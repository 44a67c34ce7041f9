"""The answer of a JSON object in a response: the value of its field `answer`, or of a field like it."""

import re
from typing import Any

import msgspec

FIELDS = (  # the fields of an answer, the surest first
    "final_answer", "finalanswer", "final answer", "answer", "final", "prediction", "label", "choice",
    "option", "result", "correct_answer", "correct_option", "selected_option", "solution",
)  # fmt: skip
PARTS = ("value", "letter", "option", "choice", "label", "answer", "number", "final_answer", "text", "result")
UNITS = ("unit", "units")  # the fields of a unit beside a value
MAX_DEPTH = 6  # of objects within objects
MAX_TRIES = 20  # objects that are tried, from the last

_QUICK = re.compile(rf"\"(?:{'|'.join(re.escape(field) for field in FIELDS)})\"\s{{0,3}}:", re.IGNORECASE)
_LATEX = re.compile(  # commands of LaTeX whose backslash a model did not double
    r"(?<!\\)\\(?=(?:frac|forall|beta|begin|binom|bar|boxed|bmod|neq|nu|nabla|rho|right|rangle|text"
    r"|times|theta|tan"
    r"|tau|to|triangle)(?![a-z]))"
)
_FIELD = re.compile(
    rf"[{{,]\s{{0,20}}\"(?:{'|'.join(re.escape(field) for field in FIELDS)})\"\s{{0,3}}:\s{{0,3}}"
    r"(?:\"(?P<text>(?:[^\"\\\n]|\\.){1,400})\"|(?P<bare>[^\s,\"{}\[\]][^,\"{}\n]{0,100}))(?=\s{0,20}[,}])",
    re.IGNORECASE,
)


def last_field(text: str) -> tuple[int, str] | None:
    """Where the last JSON answer of `text` ends, and the answer as text; None where there is none.

    A list is written with commas between its items. An object that is no valid JSON is read by its last such
    field.
    """
    if '"' not in text or _QUICK.search(text) is None:
        return None
    for end, start in _objects(text):
        try:
            content = msgspec.json.decode(_LATEX.sub(r"\\\\", text[start:end]).encode("utf-8", "replace"))
        except (msgspec.DecodeError, RecursionError):
            continue
        answer = _answer(content, 0)
        if answer is not None:
            return end, answer
    fields = list(_FIELD.finditer(text))
    if not fields:
        return None
    string = fields[-1]["text"]
    return fields[-1].end(), _unescaped(string) if string is not None else fields[-1]["bare"].strip()


def _objects(text: str) -> list[tuple[int, int]]:
    """Where objects end and start in `text`, the last ones first, each before the objects within it."""
    starts: list[int] = []
    outer: list[tuple[int, int]] = []
    quoted = escaped = False
    for place, character in enumerate(text):
        if quoted:
            quoted = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            quoted = bool(starts)
        elif character == "{":
            starts.append(place)
        elif character == "}" and starts:
            start = starts.pop()
            if not starts:
                outer.append((place + 1, start))
    return outer[: -MAX_TRIES - 1 : -1]


def _answer(content: Any, depth: int) -> str | None:
    """The answer of an object, in the object or in one within it; None where there is none."""
    if not isinstance(content, dict) or depth > MAX_DEPTH:
        return None
    fields = {str(name).lower(): value for name, value in content.items()}
    for name in FIELDS:
        if name in fields and (written := _written(fields[name], depth)) is not None:
            return written
    answers = (_answer(value, depth + 1) for value in content.values())
    return next((answer for answer in answers if answer is not None), None)


def _written(value: Any, depth: int) -> str | None:
    """A value of JSON as an answer in text; empty for null, None for an object without an answer."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return _of_object(value, depth + 1)
    if isinstance(value, list):
        items = [_written(item, depth + 1) for item in value[:60]] if depth < MAX_DEPTH else []
        return ", ".join(item for item in items if item)
    return str(value)


def _of_object(value: dict[str, Any], depth: int) -> str | None:
    fields = {str(name).lower(): part for name, part in value.items()}
    for name in PARTS:
        if depth <= MAX_DEPTH and name in fields and (written := _written(fields[name], depth)) is not None:
            unit = next((str(fields[unit]) for unit in UNITS if isinstance(fields.get(unit), str)), "")
            return f"{written} {unit}".strip()
    return _answer(value, depth)


def _unescaped(text: str) -> str:
    """The value of a JSON string; `text` itself where a model wrote LaTeX without doubling the
    backslashes."""
    try:
        return msgspec.json.decode(f'"{text}"', type=str) if "\\\\" in text else text
    except (msgspec.DecodeError, UnicodeEncodeError):
        return text
