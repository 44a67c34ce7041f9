"""Which piece of a span of a response is the mathematical answer."""

import re
from collections.abc import Iterator

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
_QUANTITY = re.compile(  # `P(A \\cup B) = 2/3` names what it is the value of
    r"\$?\s*(?:\\(?:lim|int|iint|oint|Pr|det)(?![a-z])|(?:P|E|Pr|Var"
    r"|\\mathbb\s?\{?[PE]\}?)\s?(?:\\left)?[(\[]"
    r"|\\?\|\s?(?:[A-Z]|\\vec|\\mathbf|\\overrightarrow))[^=<>]{1,120}=\s*(?P<value>[^=<>]+)$"
)
_STATED = re.compile(r"(?:It|He|She|They|We|I|You|The|This|There|Each|So|Thus|Therefore|Hence)\b(?=.*\s)")
MAX_WORDS = 4  # of an answer in words

_STOP = re.compile(r"(?:(?<=[.!?])|(?<=\.\$)|(?<=\.\$\$)|(?<=\.\\\])|(?<=\.\\\)))\s+(?=[A-Z\\$*])")
_TAIL = re.compile(
    r"(?:\b(?:is|are|equals|be|was|get|gives?|obtain|have|costs?|pays?|weighs|measures|yields|becomes"
    r"|approaches"
    r"|(?:converges|evaluates|simplifies|reduces|tends|amounts|works? out|comes? out|adds up|sums?|comes?"
    r"|expands|rounds) (?:to|as|at)"
    r"|(?:has|of) (?:length|area|volume|slope|value|measure|radius|probability|degree))\b"
    r"(?:\s+(?:therefore|thus|then|simply|just|equal to|exactly|about|given by|called|named|known as"
    r"|(?:written|painted) by)\b)*"
    r"|(?:解集|答案|结果|值)[为是]|(?<![<>!=])=)\s*:?\s*(?=\S)"
)


_TUPLE = re.compile(
    r"(?<![\w)])[(\[][^()\[\]A-Za-z]{1,60},[^()\[\]A-Za-z]{1,60}[)\]](?=[\s.,;]|$)"
)  # `the vertex (3, 4)`
_ARTICLE = re.compile(r"^(?:an?|the)\s+(?=\S)", re.IGNORECASE)
_BARE_RELATION = re.compile(
    r"(?:^|[a-z]{2,}:?\s+)([a-zA-Z]\s?(?:[<>]=?|[≤≥≠]|!=|\\[lg]eq?)[^A-Za-z]*)$"
)  # `we need x <= 2`
_SUCH_THAT = re.compile(r"\bsuch that\s+(\S[^A-Z]{1,60}?)[.\s]*$")
_ABOUT = re.compile(
    r",? (?:which|that|this) (?:is|equals|comes to) (?:about|approximately|roughly|around|close to|nearly"
    r"|\\approx|≈)[^A-Z]{0,80}$"
)
_BEHIND = re.compile(r"\s?([A-Za-z]{1,12}(?:/[A-Za-z]{1,6}(?:\^\d)?)?)(?=[\s.,;]|$)")
_CONDITION = re.compile(r"[\s,]+(?:when|if|for|where|as|since|because|with|and so|which)\b.*$", re.DOTALL)
_LABEL = re.compile(r"^[A-Za-z][A-Za-z ]{2,40}:\s*(?=\S)")


def candidates(span: Span) -> Iterator[str]:
    """Pieces of `span` that may be the answer, likeliest first."""
    if span.rule == "boxed":
        yield found["value"] if (found := _QUANTITY.match(span.text[:MAX_LENGTH])) else span.text
        return
    uncommitted = span.rule in ("last", "text")
    if uncommitted and len(span.text) > MAX_LENGTH:
        return
    text = _PREFACE.sub("", span.text[:MAX_LENGTH].strip())
    if not (uncommitted and _STATED.match(text) and _TAIL.search(text)):
        yield text if uncommitted else _CLOSING.sub("", text)
    line = _ABOUT.sub("", _last_sentence(text) if uncommitted else _CLOSING.sub("", text))
    if line != text:
        yield _PREFACE.sub("", line)
    segments = list(_SEGMENT.finditer(line))
    ends = [
        found.end()
        for found in _TAIL.finditer(line)
        if not any(one.start() < found.start() < one.end() for one in segments)
    ]
    if ends:
        yield line[ends[-1] :]
        yield _CONDITION.sub("", _ARTICLE.sub("", line[ends[-1] :]))
    if found := _LABEL.match(line):
        yield line[found.end() :]
    pieces = [
        next(piece for piece in found.groups() if piece) + _unit(line[found.end() :]) for found in segments
    ]
    pieces = pieces[::-1] if uncommitted else pieces
    alone = len(pieces) == 1 and (not uncommitted or len(line.split()) <= 2 or bool(ends))
    yield from (piece for piece in pieces if len(piece.strip()) > 1 or not piece.strip().isalpha() or alone)
    yield from (
        piece.rpartition("=")[2] for piece in pieces if "=" in piece
    )  # the last side of a chain that cannot be read
    if moment := literals.within(line):
        yield moment
    if not segments and len(tuples := _TUPLE.findall(line)) == 1:
        yield tuples[0]
    if not segments and (found := _SUCH_THAT.search(line)):
        yield found.group(1)
    if not segments and (found := _BARE_RELATION.search(line)):
        yield found.group(1)
    number = numbers.find(line, last=uncommitted)
    if number:
        yield number[1]


def _unit(rest: str) -> str:
    """The unit right behind a formula, `$12$ J`; else nothing."""
    found = _BEHIND.match(rest)
    named = unit(found[1]) if found and found[1] != "in" else None
    return f" {found[1]}" if found and named and named.kind else ""


def said(line: str) -> str:
    """The few words that `line` says something is: `The curve is an ellipse.`; else all of it."""
    found = list(_TAIL.finditer(line))
    words = _ARTICLE.sub("", line[found[-1].end() :]) if found else ""
    return words if words and len(words.split()) <= MAX_WORDS else line


def _last_sentence(text: str) -> str:
    """The last sentence that has a digit or mathematics in it."""
    sentences = _STOP.split(_HOPE.sub("", text))
    return next((one for one in reversed(sentences) if re.search(r"[\d$\\]", one)), text).strip()
