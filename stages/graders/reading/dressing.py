"""Takes off what only dresses an answer in a box: an announcement, colours, sizes, ticks, alignment."""

import re

from stages.graders.languages import english
from stages.graders.languages.word_tables import any_of

_TEXT = r"\\(?:text\w{0,6}|mbox|mathrm|mathbf|mathit|mathsf|textbf|bf|hbox|emph)\s?"
_COLOR = re.compile(r"\\(?:textcolor|color|colorbox)\s?(?:\[[^\]]{0,9}\])?\s?\{[^{}]{1,20}\}\s?")
_LOOK = re.compile(  # a size, a tick
    r"\\(?:tiny|small|normalsize|large|Large|LARGE|huge|Huge|bfseries|displaystyle|textstyle|checkmark)"
    r"(?![A-Za-z])"
    r"|[✓✔✅☑🎉🎯]\ufe0f?"
)
_ALIGNED = re.compile(
    r"\\begin\s?\{(?P<name>aligned|align\*?|alignat\*?|gathered|gather\*?|split|equation\*?|multline\*?"
    r"|array)\}"
    r"(?:\s?\{[^{}]{0,9}\})?(?P<inner>.{0,2000}?)\\end\s?\{(?P=name)\}",
    re.DOTALL,
)
_INTRO = (
    rf"(?:(?:so|thus|therefore|hence),?\s)?(?:the\s|my\s)?"
    rf"(?:{any_of(english.FINAL)}\s)?{any_of(english.ANSWERS)}"
    r"\s?(?:is|=|:|is:)?\s?[:=]?"
)
_IN_TEXT = re.compile(rf"\s?{_TEXT}\{{\s?{_INTRO}\s?(?P<rest>[^{{}}]*)\}}\s?[:=]?\s?", re.IGNORECASE)
_PLAIN = re.compile(rf"\s?{_INTRO}(?:(?<=[:=])|(?<=is))\s{{0,3}}(?=\S)", re.IGNORECASE)
_QUOTES = (("``", "''"), ('"', '"'), ("“", "”"), ("'", "'"), ("‘", "’"), ("`", "`"), ("«", "»"), ("「", "」"))
_RULED = re.compile(r"^_{2,}(?=\S)|(?<=\S)_{2,}$")  # `_____8142_____`
_LABEL = re.compile(  # `\textbf{(B)}\ 12`, `(C) 7`, `\text{C) } 7`
    rf"\s?(?:{_TEXT}\{{\s?\(?(?P<wrapped>[A-J])\)\s?\}}|\((?P<plain>[A-J])\)|\({_TEXT}\{{\s?[A-J]\s?\}}\)"
    rf"|{_TEXT}\{{\s?\(?[A-J]\)\s?(?P<within>[^{{}}]+)\}})(?:\s|~|\\[ ,;:!]|\\q?quad\b)*(?P<rest>.*)",
    re.DOTALL,
)


_OPERATOR = re.compile(
    r"[,;=+*/^_)|]|\\(?:cup|cap|times|cdot|setminus|in|to|iff|implies|Rightarrow)(?![a-z])"
)


def undressed(text: str) -> str:
    """`text`, the content of a box, without what only dresses the answer."""
    if "\\" in text or not text.isascii():
        text = _LOOK.sub("", _COLOR.sub("", text)).strip()
        text = _ALIGNED.sub(_unaligned, text) if "\\begin" in text else text
    if "nswer" in text or "NSWER" in text or "ns:" in text:
        wrapped = _IN_TEXT.match(text)
        text = f"{wrapped['rest']} {text[wrapped.end() :]}".strip() if wrapped else text
        text = _PLAIN.sub("", text, count=1)
    text = text.strip()
    for opener, closer in _QUOTES:
        if len(text) > len(opener + closer) and text.startswith(opener) and text.endswith(closer):
            inside = text[len(opener) : -len(closer)].strip()
            text = text if opener in inside or closer in inside else inside
    return _RULED.sub("", text) if "__" in text else text


def unlabelled(text: str) -> str:
    """`text` without the letter of an option before its value: `12` for `\\textbf{(B)}\\ 12`."""
    label = _LABEL.fullmatch(text) if ")" in text[:20] else None
    rest = ((label["within"] or "") + " " + label["rest"]).strip() if label else ""
    return rest if rest and not _OPERATOR.match(rest) else text


def _unaligned(match: "re.Match[str]") -> str:
    """The content of an environment that only aligns; a table of several cells stays as it is."""
    inner = match["inner"]
    if match["name"] == "array":
        return match.group() if "&" in inner or "\\\\" in inner.rstrip().removesuffix("\\\\") else inner
    rows = [row.replace("&", "").strip() for row in inner.split("\\\\")]
    rows = [row for row in rows if row]
    names = {row.partition("=")[0].strip() for row in rows}
    if len(rows) > 1 and len(names) == 1 and all("=" in row for row in rows):
        return rows[-1]  # x = 3 * 7, then x = 21
    chained = all(row.startswith("=") for row in rows[1:])
    return (" " if chained else ", ").join(rows)
