"""The label that a response gives in one of the forms in which labels are asked for.

The first of these forms that a response has decides, and of several of one form the last:

1. label tags: `<label>spam</label>`
2. a line that names the label: `label: spam`, `**Final label:** spam`
3. JSON, also within a code fence and within other objects: `{"result": {"label": "spam", "confidence": 0.9}}`
4. a last line that is the label and nothing else: `spam`

Of two labels the first is also written 0, no and false, the second 1, yes and true. Thoughts between think
tags are taken out before.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from stages.graders.words.words import normal

SEVERAL = ""  # the response names several labels, or one that is not offered
MAX_JSON = 20_000  # characters of a text that are read as JSON
MAX_VALUE = 200  # characters of a label's value
MAX_DEPTH = 8  # objects within objects

_NAME = (
    r"(?:(?:the |my )?(?:final|predicted|correct|chosen|true|output) )?"
    r"(?:label|classification|class|category|prediction|verdict|decision)"
)
_TAGS = re.compile(
    r"<(label|final_label|predicted_label|classification|class|category|prediction|answer)>([^<>]*)</\1>",
    re.IGNORECASE,
)
_LINE = re.compile(
    rf"^[ \t>#*_`\"'-]{{0,9}}{_NAME}[ *_`\"']{{0,5}}(?: is|[:=]|->)"
    r"[ *_`\"':]{0,5}\n?[ *_`\"']{0,5}(?P<value>[^\n]{1,200})$",
    re.IGNORECASE | re.MULTILINE,
)
_FENCE = re.compile(r"```[\w-]{0,12}\s*\n?(.*?)(?:```|\Z)", re.DOTALL)
_KEYS = re.compile(
    r"(?:final|predicted|correct)?(?:label|classification|class|category|prediction|pred|answer"
    r"|decision|verdict"
    r"|output|result|response)(?:name|id|value)?"
)
_FALSE, _TRUE = {"0", "no", "false", "n", "negative"}, {"1", "yes", "true", "y", "positive"}
_PREFIX = re.compile(r"^(?:label|class|category)\s*[:=#]?\s*", re.IGNORECASE)


def labelled(text: str, choices: list[str], stopped: bool) -> str | None:
    """The label that `text` gives in one of the forms above, as in `choices`.

    SEVERAL where the form names several labels or none that is offered; None where `text` has none of the
    forms. `stopped`: the model stopped by itself, so nothing is missing at the end of `text`.
    """
    if tags := _TAGS.findall(text):
        return _value(tags[-1][1], choices)
    lines = [match for match in _LINE.finditer(text) if stopped or match.end() < len(text)]
    if lines and (value := _value(lines[-1]["value"], choices)):
        return value
    for document in _documents(text):
        values = list(_in_json(document, choices, MAX_DEPTH))
        if values:
            return values[-1]
    if lines:
        return SEVERAL
    return _bare(text, choices) if stopped else None


def _value(text: str, choices: list[str]) -> str:
    """The label that a short text stands for; SEVERAL where it names no single one."""
    form = normal(_PREFIX.sub("", text.strip().strip("*_`\"' "))[:MAX_VALUE])
    forms = {normal(choice): choice for choice in choices}
    if form in forms:
        return forms[form]
    if len(choices) == 2:
        word = form.removesuffix(".0")
        if word in _FALSE | _TRUE:
            return choices[word in _TRUE]
    return _only(form, forms)


def _only(form: str, forms: Mapping[str, str]) -> str:
    """The only label whose words stand in `form`; of two, denying one names the other."""
    padded = f" {form} "
    named = [key for key in forms if f" {key} " in padded]
    named = [key for key in named if not any(key != longer and key in longer for longer in named)]
    denied = [
        key
        for key in named
        if re.search(rf" (?:not|isn t|never|non|no|rather than) {re.escape(key)} ", padded)
    ]
    left = [key for key in named if key not in denied]
    if denied and not left and len(forms) == 2:
        left = [key for key in forms if key not in denied]
    return forms[left[0]] if len(left) == 1 else SEVERAL


def _documents(text: str) -> Iterator[Any]:
    """The JSON values of the text: of code fences, the last first, of all of it, and its last object."""
    texts = [match[1] for match in reversed(list(_FENCE.finditer(text)))] if "```" in text else []
    start, end = text.find("{"), text.rfind("}")
    texts += [text[start : end + 1]] if 0 <= start < end else []
    last = text.rfind("{")
    texts += [text[last : end + 1]] if start < last < end else []
    for part in texts:
        if len(part) <= MAX_JSON and (stripped := part.strip()):
            try:
                yield msgspec.json.decode(stripped)
            except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
                continue


def _in_json(value: Any, choices: list[str], depth: int) -> Iterator[str]:
    """The labels that the keys of an object give, also those of objects within it."""
    if depth == 0:
        return
    if isinstance(value, list):
        for item in value:
            yield from _in_json(item, choices, depth - 1)
        return
    for key, held in value.items() if isinstance(value, dict) else ():
        name = re.sub(r"[\s_-]", "", key.casefold())
        if isinstance(held, dict | list) and not _is_text_list(held):
            yield from _in_json(held, choices, depth - 1)
        elif _KEYS.fullmatch(name):
            yield _of_scalar(held, choices)
        elif (asked := _asked(name, choices)) and (truth := _truth(held)) is not None:
            yield asked if truth else next(choice for choice in choices if choice != asked)


def _is_text_list(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 1 and isinstance(value[0], str)


def _of_scalar(value: Any, choices: list[str]) -> str:
    value = value[0] if isinstance(value, list) else value
    if isinstance(value, bool):
        return _value("true" if value else "false", choices)
    return _value(str(value), choices) if isinstance(value, str | int | float) else SEVERAL


def _asked(name: str, choices: list[str]) -> str | None:
    """The one of two labels that a key such as `is_spam` or `spam` asks about."""
    forms = {re.sub(r"[\s_-]", "", choice.casefold()): choice for choice in choices}
    return forms.get(name.removeprefix("is")) or forms.get(name) if len(choices) == 2 else None


def _truth(value: Any) -> bool | None:
    if isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)):
        return bool(value)
    word = value.casefold().strip() if isinstance(value, str) else ""
    return True if word in _TRUE else False if word in _FALSE else None


def _bare(text: str, choices: list[str]) -> str | None:
    """The label that stands alone in the last line, also within a code fence."""
    lines = [line.strip() for line in text.splitlines() if line.strip().strip("`")]
    if not lines or len(lines[-1]) > MAX_VALUE:
        return None
    form = normal(lines[-1].strip("*_`\"'#>- ."))
    forms = {normal(choice): choice for choice in choices}
    if form in forms:
        return forms[form]
    return choices[form in _TRUE] if len(choices) == 2 and form in _FALSE | _TRUE else None
