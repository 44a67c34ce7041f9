"""The number that an answer is as a whole: `7 + 8` is 15, `16 apples` 16, `7, 8` and `x > 7` are no number.

What is marked or announced is read whole first; only a sentence is searched for its number (numbers.py).
"""

import re
from fractions import Fraction

from stages.graders.languages import english
from stages.graders.languages.word_tables import any_of
from stages.graders.mathematics.agreement import constant
from stages.graders.mathematics.readings import Reading, read
from stages.graders.quantities import literals, numbers, numerals
from stages.graders.quantities.digits import signed, stated, tidy
from stages.graders.quantities.numbers import Found
from stages.graders.quantities.prose import SEVERAL
from stages.graders.quantities.written_numbers import NUMBER, Number, compound
from stages.graders.reading.dressing import unlabelled
from stages.graders.reading.limits import TooMuch
from stages.graders.reading.span import SENTENCE, Span

MAX_WHOLE = 200  # characters of an announced text that may be one formula
PLACES = 12  # decimals of a number that is no fraction, such as a root

_NAMED = re.compile(
    r"^(?:\\text ?\{[^{}]{1,40}\}|"
    r"[^\W\d_][^\W\d_{}\\ ]{0,30}|[A-Za-z]\([A-Za-z\d]\)) ?(?:=|:|\\approx|≈) ?(?=[^=]*$)"
)
_INTRO = re.compile(
    rf"^(?:[\s:=≈~]|\\approx|\\sim|(?:{any_of(english.INTRODUCTIONS)})(?!\w))+", re.IGNORECASE
)
_NOUNS = re.compile(
    r"[\s~,.;:'\"$)\]}*]*(?:\\(?:text\w{0,2}|mathrm|mbox|%)?\s?[{\s]?)?"
    r"(?:[A-Za-z°²³%$][A-Za-z'’./$²³°^-]*+|\([^()\d]*+\)|[\s{}\\,.;:*\"]++)*+"
)
_NEVER = re.compile(  # behind a number: no unit, but another value
    rf"(?:[\s{{}}\\]|text)*(?:{'|'.join(words for words, _, _ in english.OPERATIONS)}"
    rf"|{any_of(english.HEDGES)}"
    rf"|{any_of(english.BOUNDS_BEHIND)}|-|more|less|fewer|greater|smaller|tens|hundreds|thousands"
    rf"|millions|th|st|nd|rd|[a-z](?![A-Za-z])|pi|sqrt|log|ln|i)(?![A-Za-z])",
    re.IGNORECASE,
)
_SIGNS = re.compile(r"[-+*/^!|×÷±√_<>≤≥≠%=({\[]|\\(?!text|\$|%|mathrm|,| )|\d\s?[a-zA-Zπ](?![A-Za-z])")
_WORDS = re.compile(r"[A-Za-z]{2,}")
_OPERATIONS = tuple(
    (re.compile(rf"\s{{0,2}}(?<![\\\w])(?:{words})\b", re.IGNORECASE), sign)
    for words, sign, _ in english.OPERATIONS
)
_FACTORS = tuple(
    (re.compile(rf"(?<![\w.])(?:{words})\s(?=[\d$])", re.IGNORECASE), sign)
    for words, sign, _ in english.FACTORS
)
_PART = re.compile(r"([\d.]{1,12})\s?(?:\\?%|percent) of \$?([\d.,]{1,15})")
_DIFFERENCE = re.compile(r"^(\S{1,12}) (more|less|fewer) than (\S{1,12})$")
_IN_WORDS = re.compile(
    rf"\b(?:{'|'.join(words for words, _, _ in (*english.OPERATIONS, *english.FACTORS))}"
    rf"|(?:more|less|fewer) than)\b",
    re.IGNORECASE,
)
_TOLD = re.compile(
    rf"[,;]?\s(?:(?P<leads>{any_of(english.RESULTS)}|→|⇒|\\to|\\Rightarrow)|"
    rf"or(?= \$?-?[\d.]+[^\d]{{0,20}}$))[\s,:]{{1,3}}",
    re.IGNORECASE,
)
_DASHES = re.compile(r"\\text ?\{ ?-{1,3} ?\}|--")
_POWERED = re.compile(
    r"\\(?:text\w{0,2}|mathrm) ?\{ ?([A-Za-z/]{1,12}) ?\} ?\^ ?\{? ?-?\d ?\}?"
)  # `\text{mol}^{-1}`
_COMMAND = re.compile(r"\\(?:text\w{0,2}|mathrm|mathbf|mbox) ?\{([^{}]*)\}")
_SPACES = re.compile(r"\\[,;:! ]|~|\\q?quad\b")
_EQUATIONS = re.compile(r"=[^=<>]{1,40}[,;][^=<>]{1,20}=")  # `x = 7, y = 2`
_HEDGED = re.compile(r"\W{0,5}\d[\d.,]{0,12}\W[^\d]{0,20}\b(?:or|and)\b[^\d\w]{1,10}\$?\d")
_CROSS = re.compile(r"(?<=\d)\s?[xX×]\s?(?=\d)")  # `7 x 8`
_FOREIGN = re.compile(r"[^\x00-\u036f]")
_DIGIT = re.compile(r"\d")


def final(span: Span) -> Found | None:
    """The number that a span of a response commits to, and the number as written; None where there is none.

    The number is SEVERAL where the span names several numbers, bounds one, or is another value than a number.
    """
    if span.rule == "boxed" or span.rule == "marked":
        return _of_marked(unlabelled(span.text), span)
    in_words = "numerals" not in span.how or _DIGIT.search(span.text)  # `the answer (arabic numerals) is six`
    sentence = _sentence(span.text) if span.rule == "spoken" and in_words else ""
    is_formula = 0 < len(sentence) <= MAX_WHOLE and _is_formula(sentence)
    if is_formula and (whole := _result(sentence)) is not None:
        return whole, sentence
    return numbers.final(span)


def _result(sentence: str) -> Number | str | None:
    """What an announced formula comes to: 112 for `896 divided by 8 which is 112`.

    `12 + 5, or 17` is a result, `7/8, or 7` names two answers. None where the sentence is to be searched.
    """
    announcement = _TOLD.search(sentence)
    if announcement is None:
        return exactly(sentence)
    behind = exactly(sentence[announcement.end() :])
    if not isinstance(behind, Number) or announcement["leads"]:
        return behind if isinstance(behind, Number) else None
    before = exactly(_PART.sub(r"\1/100*\2", sentence[: announcement.start()]))
    return behind if isinstance(before, Number) and before.value == behind.value else SEVERAL


def _of_marked(text: str, span: Span) -> Found | None:
    """The number of a box or mark: all of the text, or the number of a sentence in it."""
    whole = exactly(text.rstrip("!") if span.rule == "marked" else text)
    if isinstance(whole, Number):
        return whole, text.strip().strip("$ ")
    if span.rule == "boxed" and _HEDGED.match(text):
        return SEVERAL, text
    if whole is None and (number := numbers.final(Span(text, "spoken", span.how))) is not None:
        return number
    return (SEVERAL, text) if _DIGIT.search(text) else None


def exactly(text: str) -> Number | str | None:
    """`text` as one number with at most a unit and a name; SEVERAL where `text` is mathematics but no number,
    None where `text` is prose or has no number."""
    text = _DASHES.sub(" to ", text) if "--" in text else text
    if (number := numbers.whole(text)) is not None:
        return number
    plain = signed(tidy(_unwrapped(text)).strip().strip("$").strip())
    plain = _INTRO.sub("", plain)
    if named := _NAMED.match(plain):
        plain = plain[named.end() :]
    if (number := numbers.whole(plain)) is not None:
        return number
    if _EQUATIONS.search(plain):
        return SEVERAL
    if not _DIGIT.search(plain):
        written = numerals.written(plain)
        if not _DIGIT.search(written):
            return None
        plain = written
    if (number := _with_nouns(plain)) is not None:
        return number
    if literals.moment(text):
        return SEVERAL
    return _computed(plain, text)


def _unwrapped(text: str) -> str:
    """`text` without text commands and spaces of LaTeX: `about 12` for `\\text{about }12`."""
    if "\\" not in text:
        return text
    return _SPACES.sub(" ", _COMMAND.sub(r" \1 ", _POWERED.sub(r" \1", text)))


def _sentence(text: str) -> str:
    """The first sentence of an announced text, without a reason."""
    return stated(SENTENCE.split(text.strip(), maxsplit=1)[0]).strip().rstrip(".!")


def _is_formula(text: str) -> bool:
    """Whether an announced text may be computed: it has signs or words of an operation and no `=`."""
    return "=" not in text and (_IN_WORDS.search(text) is not None or _SIGNS.search(text) is not None)


def _with_nouns(text: str) -> Number | None:
    """The number at the start of `text`, where only words follow it: `16 apples`; None where more follows."""
    match = NUMBER.match(text)
    if match is None:
        return None
    number, end = compound(text, match)
    rest = text[end:]
    if _DIGIT.search(rest) or not _NOUNS.fullmatch(rest) or _NEVER.match(rest):
        return None
    return number


def _computed(text: str, whole: str) -> Number | str | None:
    """The value of a formula without letters; SEVERAL where it has letters or is no single number, None where
    `whole`, from which `text` was cut, is prose."""
    last = text.rpartition("=")[2] if "=" in text and not re.search(r"[<>≤≥≠!]=", text) else text
    if last is not text and (number := numbers.whole(last)) is not None:
        return number
    formula = _in_signs(last)
    try:
        reading = read(formula)
    except TooMuch:
        return SEVERAL
    value = _value(reading)
    if value is not None:
        return value
    if reading.tree is not None:
        return SEVERAL
    words = _WORDS.findall(re.sub(r"\\[A-Za-z]+", "", whole))
    return None if len(words) >= 2 or _FOREIGN.search(text) else SEVERAL


def _in_signs(text: str) -> str:
    """`text` with signs for the words of operations: `7*8` for `7 times 8`."""
    text = _CROSS.sub("*", text)
    if not _WORDS.search(text):
        return text
    for pattern, sign in _FACTORS:
        text = pattern.sub(lambda match, sign=sign: sign, text)  # type: ignore[misc]
    if _IN_WORDS.search(text):
        text = numerals.written(text)
    if difference := _DIFFERENCE.match(text):
        first, word, second = difference.groups()
        return f"{second} {'+' if word == 'more' else '-'} {first}"
    for pattern, sign in _OPERATIONS:
        text = pattern.sub(lambda match, sign=sign: sign, text)  # type: ignore[misc]
    return text


def _value(reading: Reading) -> Number | None:
    """The value of a reading without letters; None where it is no single real number."""
    if reading.number is not None:
        return reading.number
    if reading.tree is None or reading.tree[0] in (
        "word",
        "list",
        "set",
        "tuple",
        "relation",
        "ratio",
        "matrix",
    ):
        return None
    value = constant(reading.tree)
    if isinstance(value, complex):
        if abs(value.imag) > 1e-9 or value.real != value.real or abs(value.real) == float("inf"):
            return None
        fraction = Fraction(value.real)
        return Number(fraction, fraction, places=PLACES, unit=reading.plain.unit)
    return None if value is None else Number(value, value, unit=reading.plain.unit)
