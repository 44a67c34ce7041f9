"""Which part of a span of a response is the mathematical answer."""

import re
from collections.abc import Iterator
from itertools import pairwise

from stages.graders.mathematics.latex import MAX_LENGTH
from stages.graders.quantities import literals, numbers
from stages.graders.quantities.units import unit
from stages.graders.reading.span import Span

_SEGMENT = re.compile(r"\$\$?([^$]+)\$\$?|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_PREFACE = re.compile(
    r"^(?:(?:the\s+)?final\s+)?answer\s*(?:is|[:=])?\s*|"
    r"^(?:equal to|therefore|thus|so|hence|simply|just|approximately|about|indeed)\s*,?\s+",
    re.IGNORECASE,
)
_CLOSING = re.compile(r"\s*(?:I hope it is correct\.?|[.!;]\s+[A-Z].*|\bbecause\b.*|\bsince\b.*)$", re.DOTALL)
_HOPE = re.compile(r"\s*(?:I hope (?:it|this) is correct\.?|This solves the problem\.?)\s*$")
_QUANTITY = re.compile(  # `P(A \\cup B) = 2/3`: the value of what stands before the sign
    r"\$?\s*(?:\\(?:lim|int|iint|oint|Pr|det)(?![a-z])|(?:P|E|Pr|Var"
    r"|\\mathbb\s?\{?[PE]\}?)\s?(?:\\left)?[(\[]"
    r"|\\?\|\s?(?:[A-Z]|\\vec|\\mathbf|\\overrightarrow))[^=<>]{1,120}=\s*(?P<value>[^=<>]+)$"
)
_STATED = re.compile(r"(?:It|He|She|They|We|I|You|The|This|There|Each|So|Thus|Therefore|Hence)\b(?=.*\s)")
MAX_WORDS = 4  # words of an answer in words
_STOP = re.compile(r"(?:(?<=[.!?])|(?<=\.\$)|(?<=\.\$\$)|(?<=\.\\\])|(?<=\.\\\)))\s+(?=[A-Z\\$*])")
_VERB = re.compile(
    r"(?:\b(?:is|are|equals|be|was|get|gives?|obtain|have|costs?|pays?|weighs|measures|yields|becomes"
    r"|approaches"
    r"|(?:converges|evaluates|simplifies|reduces|tends|amounts|works? out|comes? out|adds up|sums?|comes?"
    r"|expands|rounds) (?:to|as|at)"
    r"|(?:has|of) (?:length|area|volume|slope|value|measure|radius|probability|degree))\b"
    r"(?:\s+(?:therefore|thus|then|simply|just|equal to|exactly|about|given by|called|named|known as"
    r"|(?:written|painted) by)\b)*"
    r"|(?:解集|答案|结果|值)[为是]|(?<![<>!=])=)\s*:?\s*(?=\S)"
)
_TUPLE = re.compile(  # `the vertex (3, 4)`
    r"(?<![\w)])[(\[][^()\[\]A-Za-z]{1,60},[^()\[\]A-Za-z]{1,60}[)\]](?=[\s.,;]|$)"
)
_ARTICLE = re.compile(r"^(?:an?|the)\s+(?=\S)", re.IGNORECASE)
_BARE_RELATION = re.compile(  # `we need x <= 2`
    r"(?:^|[a-z]{2,}:?\s+)([a-zA-Z]\s?(?:[<>]=?|[≤≥≠]|!=|\\[lg]eq?)[^A-Za-z]*)$"
)
_SUCH_THAT = re.compile(r"\bsuch that\s+(\S[^A-Z]{1,60}?)[.\s]*$")
_ABOUT = re.compile(
    r",? (?:which|that|this) (?:is|equals|comes to) (?:about|approximately|roughly|around|close to|nearly"
    r"|\\approx|≈)[^A-Z]{0,80}$"
)
_BEHIND = re.compile(r"\s?([A-Za-z]{1,12}(?:/[A-Za-z]{1,6}(?:\^\d)?)?)(?=[\s.,;]|$)")
_CONDITION = re.compile(r"[\s,]+(?:when|if|for|where|as|since|because|with|and so|which)\b.*$", re.DOTALL)
_LABEL = re.compile(r"^[A-Za-z][A-Za-z ]{2,40}:\s*(?=\S)")


def candidates(span: Span) -> Iterator[str]:
    """The parts of `span` that may be the answer, the likeliest first."""
    if span.rule == "boxed":
        quantity = _QUANTITY.match(span.text[:MAX_LENGTH])
        yield quantity["value"] if quantity else span.text
        return
    uncommitted = span.rule in ("last", "text")
    if uncommitted and len(span.text) > MAX_LENGTH:
        return
    text = _PREFACE.sub("", span.text[:MAX_LENGTH].strip())
    line = _ABOUT.sub("", _last_sentence(text) if uncommitted else _CLOSING.sub("", text))
    formulas = list(_SEGMENT.finditer(line))
    after_verb = _after_verb(line, formulas)
    yield from _all_of(text, line, uncommitted)
    if after_verb is not None:
        yield after_verb
        yield _CONDITION.sub("", _ARTICLE.sub("", after_verb))
    if label := _LABEL.match(line):
        yield line[label.end() :]
    yield from _of_formulas(line, formulas, uncommitted, after_verb is not None)
    if moment := literals.within(line):
        yield moment
    if not formulas:
        yield from _without_formulas(line)
    if number := numbers.find(line, last=uncommitted):
        yield number[1]


def _all_of(text: str, line: str, uncommitted: bool) -> Iterator[str]:
    """All of `text`, unless it is a statement such as `It is 5`, and the `line` of it that counts."""
    if not (uncommitted and _STATED.match(text) and _VERB.search(text)):
        yield text if uncommitted else _CLOSING.sub("", text)
    if line != text:
        yield _PREFACE.sub("", line)


def _after_verb(line: str, formulas: "list[re.Match[str]]") -> str | None:
    """The text after the last verb or equals sign outside formulas; None where there is none."""
    ends = [
        verb.end()
        for verb in _VERB.finditer(line)
        if not any(formula.start() < verb.start() < formula.end() for formula in formulas)
    ]
    return line[ends[-1] :] if ends else None


def _of_formulas(
    line: str, formulas: "list[re.Match[str]]", uncommitted: bool, has_verb: bool
) -> Iterator[str]:
    """The formulas of `line` with their units, then the last side of each equation.

    The first formula comes first where the line is committed to, else the last. A formula of one letter is a
    name, unless the formula stands alone.
    """
    contents = [
        next(content for content in formula.groups() if content) + _unit_after(line[formula.end() :])
        for formula in formulas
    ]
    if joined := _joined(line, formulas, contents):
        yield joined
    contents = contents[::-1] if uncommitted else contents
    is_alone = len(contents) == 1 and (not uncommitted or len(line.split()) <= 2 or has_verb)
    for content in contents:
        if is_alone or len(content.strip()) > 1 or not content.strip().isalpha():
            yield content
    yield from (content.rpartition("=")[2] for content in contents if "=" in content)


def _joined(line: str, formulas: "list[re.Match[str]]", contents: list[str]) -> str:
    """Equations with `and` or a comma between as one list, `x=2, y=3`; empty where there are none."""
    if not 2 <= len(contents) <= 4 or not all("=" in content for content in contents):
        return ""
    gaps = [line[left.end() : right.start()].strip(" ,") for left, right in pairwise(formulas)]
    return ", ".join(contents) if all(gap in ("", "and") for gap in gaps) else ""


def _without_formulas(line: str) -> Iterator[str]:
    """The only point or interval of `line`, what follows `such that`, and an inequality at the end."""
    if len(tuples := _TUPLE.findall(line)) == 1:
        yield tuples[0]
    if condition := _SUCH_THAT.search(line):
        yield condition.group(1)
    if inequality := _BARE_RELATION.search(line):
        yield inequality.group(1)


def _unit_after(rest: str) -> str:
    """The unit right after a formula, `$12$ J`, with a space before; empty where there is none."""
    match = _BEHIND.match(rest)
    named = unit(match[1]) if match and match[1] != "in" else None
    return f" {match[1]}" if match and named and named.kind else ""


def said(line: str) -> str:
    """The few words after the last verb of `line`: `ellipse` for `The curve is an ellipse.`; else all of
    `line`."""
    verbs = list(_VERB.finditer(line))
    words = _ARTICLE.sub("", line[verbs[-1].end() :]) if verbs else ""
    return words if words and len(words.split()) <= MAX_WORDS else line


def _last_sentence(text: str) -> str:
    """The last sentence with a digit or a formula; all of `text` where no sentence has one."""
    sentences = _STOP.split(_HOPE.sub("", text))
    with_mathematics = (sentence for sentence in reversed(sentences) if re.search(r"[\d$\\]", sentence))
    return next(with_mathematics, text).strip()
