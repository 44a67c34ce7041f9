"""Which `####` of a response marks the answer, as GSM8K writes it, and which is a heading of Markdown."""

import re

from stages.graders.languages import english
from stages.graders.languages.others import LANGUAGES
from stages.graders.languages.wordlists import any_of
from stages.graders.reading.markers import closing, commits

MARK = re.compile(r"(?<!#)####(?!#)[ \t:]{0,9}\n?([^\n]*)")
_DRESS = re.compile(r"^(?:[^\w\s(\\$<\[{+−–-]|_)+[ \t]*|[ \t*_:]+$")  # `✅ **Verification:**`
_NUMBERED = re.compile(r"^(?:\d{1,2}[.)]:?|\([a-z\d]{1,2}\)|[a-z]\)|[ivx]{1,4}[.)])\s+(?=[^\W\d_])")
_ADJECTIVE = re.compile(r"^\d+-[A-Za-z]{2,}\s")  # `2-step check`
_WORDS = re.compile(r"(?!(?:the |final )*answer\b)[^\W\d_][\w'’-]*:? +\S", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{3,}\W*")
_ANSWER = any_of(english.ANSWERS, *(language.answers for language in LANGUAGES))
_ANNOUNCES = re.compile(
    rf"(?:(?:the|my|your|our)\s)?(?:{any_of(english.FINAL)}\s)?{_ANSWER}\s?[:：]?", re.IGNORECASE
)
_CONCLUDES = re.compile(any_of(english.CONCLUSIONS) + r"\s?:?", re.IGNORECASE)
_FOREIGN = [table for language in LANGUAGES for table in (language.headings, language.checks)]
_SECTION = re.compile(any_of(english.HEADINGS, *_FOREIGN) + r"\W*\d{0,2}\W*", re.IGNORECASE)


def bare(line: str) -> str:
    """The words of a heading without signs, emphasis and its number: `Proof` for `✅ **Proof:**`."""
    return _NUMBERED.sub("", _DRESS.sub("", _DRESS.sub("", line.strip())))


def announces(line: str, is_first: bool) -> bool:
    """Whether the line behind `####` announces that the answer is below: `Final Answer`.

    `is_first`: nothing before the line marks an answer, so that a conclusion counts as well.
    """
    words = bare(line)
    return _ANNOUNCES.fullmatch(words) is not None or (is_first and _CONCLUDES.fullmatch(words) is not None)


def is_heading(text: str, mark: "re.Match[str]") -> bool:
    """Whether the match `mark` of MARK in `text` is a heading and marks no answer.

    A heading is followed by its section: `#### Step 2: add` and a line below it. One word is a heading where
    it is a usual one (`Verification`), or where an answer is committed to before it.
    """
    line = mark.group(1)
    words = bare(line)
    if _SECTION.fullmatch(words):
        return True
    rest = text[mark.end() : mark.end() + 200].strip()
    if not rest or closing(rest):
        return False
    if words != _DRESS.sub("", line.strip()) or _ADJECTIVE.match(words):
        return True
    if _WORDS.match(words) and not re.search(r"[=\\$]", words):
        return True
    return _WORD.fullmatch(words) is not None and commits(text[: mark.start()])
