"""LaTeX in one plain form: what only changes how an answer looks is taken out; a unit behind (or a currency
before) is set apart."""

import re
from fractions import Fraction
from typing import NamedTuple

from stages.graders.mathematics.lexer import CONSTANTS, FUNCTIONS
from stages.graders.quantities.units import WORDS, Unit, unit
from stages.graders.reading.characters import plain_characters
from stages.graders.reading.limits import TooMuch

MAX_LENGTH = 2000  # characters of one answer

_RENAMED = {
    "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "le": "<=", "leq": "<=", "leqslant": "<=",
    "leqq": "<=", "ge": ">=", "geq": ">=", "geqslant": ">=", "geqq": ">=", "lt": "<", "gt": ">", "ne": "!=",
    "neq": "!=", "cdot": "*", "times": "*", "ast": "*", "div": "/", "lbrace": "\\{", "rbrace": "\\}",
    "lbrack": "[", "rbrack": "]", "lvert": "|", "rvert": "|", "vert": "|", "mid": "|",
    "varnothing": "emptyset", "land": ",", "lor": ",", "wedge": ",", "vee": ",", "dots": "ldots",
    "cdots": "ldots", "dotsc": "ldots", "dotsb": "ldots", "colon": ":", "equiv": "=", "infin": "infty",
    "degrees": "degree", "ang": "angle", "dbinom": "binom", "tbinom": "binom", "tg": "tan", "ctg": "cot",
    "arctg": "arctan", "sh": "sinh", "ch": "cosh", "th": "tanh", "backslash": "setminus", "lang": "langle",
    "rang": "rangle", "mod": "bmod", "R": "mathbb{R}", "N": "mathbb{N}", "Z": "mathbb{Z}", "imath": "i ",
    "Longrightarrow": "to", "Rightarrow": "to", "implies": "to", "rightarrow": "to", "longrightarrow": "to",
    "dollar": " ",
}  # fmt: skip
_DROPPED = frozenset(
    re.findall(
        r"\w+",
        "left right big Big bigl bigr Bigl Bigr bigg Bigg biggl biggr displaystyle textstyle scriptstyle "
        "limits nolimits quad qquad phantom hfill boldsymbol angle measuredangle triangle overline vec hat "
        "bar widehat underline mathbf mathit mathcal mathsf bf rm it mathop hspace nonumber notag middle "
        "overrightarrow bm tilde cancel enspace thinspace square Box blacksquare therefore because rule",
    )
)
_COMMAND = re.compile(r"\\([A-Za-z]+)(?:\*(?=\{))?")
_GLUED = re.compile(r"\\q?quad(?=[A-Za-z])")
_SPACES = re.compile(r"(?<!\\)\\[,!;:> ]|~|(?<!\\)\\(?=\s|$)")
_GROUPING = re.compile(
    r"(?<=\d)(?!(?<=[^\d]0)\{,\})(?!(?<=^0)\{,\})(?:\s?\{\s?[,.]\s?\}|,?\\!"
    r"|,?\\[,: ])\s*(?:\\!)?\s*(?=\d{3}(?!\d))"
)
_COMMA = re.compile(r"(?<=\d)\{,\}(?=\d)")
_SPACED = re.compile(r"(?<![\d.,])\d{1,3}(?: \d{3})+(?![\d,])")
_COMMAS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d])(?!,)")
_DEGREE = re.compile(
    r"\^\s*(?:\{\s*\\circ\s*\}|\\circ\b)|\\circ\b(?=\s*(?:[CF]?\s*[$.]?\s*$|[,)}\]+]))|\\degrees?\b"
)
_TEXT = re.compile(
    r"\\(?:text\w{0,6}|mbox|mathrm|mathbf|mathit|mathsf|operatorname\*?|bf|rm|hbox|emph"
    r"|mathop)\s*\{([^{}]*)\}"
)
_DELIMITERS = re.compile(r"\\[\[\]()]|^\$+|(?<!\\)\$+$")
_DOLLAR = re.compile(r"(?<!\\)\$")
_CHOOSE = re.compile(r"\{([^{}]{1,40})\\choose\b([^{}]{1,40})\}")
_OVER = re.compile(r"\{([^{}]{1,80})\\over\b([^{}]{1,80})\}")
_ROW_GAP = re.compile(r"(?<=\\\\)\s*\[\s*-?[\d.]+\s*(?:pt|ex|em|mm|cm|in)\s*\]")  # \\[2pt]
_CODE = re.compile(r"^(?:(?:sympy|sp|np|numpy)\.)?(?:Matrix|array|matrix)\((.*)\)$")
_PLUS_MINUS = re.compile(r"\bplus(?:[ -]or[ -]|/|-)minus\b|\+ ?or ?-(?= ?[\d\\a-z(])", re.IGNORECASE)
_UNION = re.compile(r"(?<=[)\]]) ?U ?(?=[(\[])")
_UNIT_FRAC = re.compile(
    r"(?<=\d)\s*(?:\\[,; ])?\s*\\d?frac\s*\{\s*(?:\\(?:text|mathrm)\s*\{)?\s*([a-z]{1,3})\s*\}?\s*\}"
    r"\s*\{\s*(?:\\(?:text|mathrm)\s*\{)?\s*([a-z]{1,3})\s*\}?\s*(\^\s*\{?\d\}?)?\s*\}\s*$"
)
_REPEATING = re.compile(
    r"(\d*)\.(\d*)(?:\\(?:overline|bar|dot)\s*\{(\d+)\}|\\(?:bar|dot)\s*(\d)|\((\d+)\)(?=\s*$))"
)
_TRAILING_DOTS = re.compile(r"(\d*)\.(\d*?)(\d{1,6}?)\3{2,}(?:\.\.\.|\\l?dots\b)")
_APPROXIMATE = re.compile(
    r"^(?:[A-Za-z]\s*)?\\approx\b\s*|(?<=[\d}!)\w])[\s$]*\\approx\b.*$"
)  # 1/3 \approx 0.33 says 1/3
_PERCENT = re.compile(
    r"(?:\\?%|(?<=[\d\s}$)])(?:percent(?:age)?(?: points?)?|per cent|pct)\b\.?)", re.IGNORECASE
)
_COIN = re.compile(
    r"^([-+]?)\s*(\\\$|\\(?:eur|gbp|yen|inr|pounds)\b|\$(?=\s*[-+]?[\d.])|US\$|USD\b|EUR\b)\s*"
)
_COIN_BEHIND = re.compile(r"\s*(\\\$|\\(?:eur|gbp|yen|inr)\b|(?<=\d)\s*\$)$")
_KNOWN = "|".join(sorted((word for word in WORDS if len(word) > 1), key=len, reverse=True))
_ATOM = (
    rf"(?:(?:square|sq|cubic|cu)\.?\s*)?(?:{_KNOWN}|units?|[msghl](?![A-Za-z']))(?:e?s)?\b\.?"
    r"(?:\s*\^\s*\{?\s*\d\s*\}?|\s*(?:squared|cubed)\b)?"
)
_UNIT = re.compile(
    rf"(?:(?<=[\d}})\]])\s*|(?<=[A-Za-z])\s+)((?:{_ATOM}|[ap]\.\s?m\b\.?)(?:\s*(?:/|\bper\b"
    rf"|\ba\b)\s*{_ATOM})?)\s*\.?$",
    re.IGNORECASE,
)
_TEMPERATURE = re.compile(r"\s*\\degree\s*([CFK])\s*$")
_CAPITAL = re.compile(r"(?<=\d)\s+([NJWVKLA])$")
_NOUN = re.compile(r"^([^A-Za-z]*[\d})!])\s+([A-Za-z][A-Za-z]{2,}(?:[ -][A-Za-z]{2,}){0,4})\s*\.?$")
_CONNECTORS = frozenset(
    re.findall(r"\w+", "and or if for when mod to where than with base not but from such is are")
)
SCALES = frozenset(["hundred", "thousand", "million", "billion", "trillion", "dozen"])


class Plain(NamedTuple):
    """`text` without `unit`."""

    text: str
    unit: Unit | None = None


def plain(text: str) -> Plain:
    """`text` in one plain form. Raises TooMuch on more than `MAX_LENGTH` characters."""
    if len(text) > MAX_LENGTH:
        raise TooMuch(f"an answer of more than {MAX_LENGTH} characters")
    text = " ".join(plain_characters(text).split())
    text = _ROW_GAP.sub("", text) if "\\\\" in text else text
    if not len(_DOLLAR.findall(text)) % 2:
        text = _DOLLAR.sub(" ", text).strip()
    text = _trim(_TRAILING_DOTS.sub(_fraction, text) if "." in text else text)
    text = _DEGREE.sub(" \\\\degree ", _COMMA.sub(".", _GROUPING.sub("", _GLUED.sub(" ", text))))
    text = _REPEATING.sub(_fraction, text)
    text = _CHOOSE.sub(r"\\binom{\1}{\2}", text) if "choose" in text else text
    text = _OVER.sub(r"\\frac{\1}{\2}", text) if "over" in text else text
    text = _PLUS_MINUS.sub(" \\\\pm ", _CODE.sub(r"\1", text))
    text = _UNION.sub(r" \\cup ", text) if "U" in text else text
    text = _UNIT_FRAC.sub(_unit_frac, text)
    text, named = _unit(text)
    text = _TEXT.sub(_word, text)
    text = _SPACES.sub(" ", text)
    text = _PERCENT.sub(" \\% ", text)
    if re.fullmatch(r"\s*[A-Z]\)\s*", text):
        text = text.replace(")", "")
    if named is None:
        text, named = _bare_unit(_trim(text))
    text = _COMMAND.sub(_command, text)
    text = _trim(_APPROXIMATE.sub("", _trim(text)))
    text = _SPACED.sub(lambda match: match.group().replace(" ", ""), text)
    if not re.fullmatch(r"[\d,]*", text) and not re.search(r"[(\[{]", text):
        text = _COMMAS.sub(lambda match: match.group().replace(",", ""), text)
    return Plain(" ".join(re.sub(r"\\?\$", " ", text).split()), named)


def _trim(text: str) -> str:
    """Outer spaces, dollar signs, display brackets and the final period taken off, however they are
    nested."""
    before = None
    while before != text:
        before = text
        text = text.strip().strip("`").rstrip(".;, ")
        text = text if text.endswith("\\\\") else text.removesuffix("\\")
        if text.startswith("$") and len(_DOLLAR.findall(text)) % 2:
            return text.strip()  # a currency sign
        if text[:1] in "$\\" or text[-1:] in "$])":
            text = _DELIMITERS.sub(" ", text)
        text = text.removeprefix(":").strip()
    return text


def _fraction(match: "re.Match[str]") -> str:
    """0.1\\overline{6} is 1/6, and so is 0.1666..."""
    whole, fixed, *repeated = [part for part in match.groups() if part is not None]
    again = repeated[0]
    if len(whole + fixed + again) > 60:
        return match.group()
    value = Fraction(int((whole or "0") + fixed), 10 ** len(fixed)) + Fraction(
        int(again), (10 ** len(again) - 1) * 10 ** len(fixed)
    )
    return f"\\frac{{{value.numerator}}}{{{value.denominator}}}"


def _unit_frac(match: "re.Match[str]") -> str:
    above, below, power = match.groups()
    return f"\\text{{ {above}/{below}}}{power or ''}" if above in WORDS and below in WORDS else match.group()


def _word(match: "re.Match[str]") -> str:
    """What stands in \\text{...}: mathematics as it is, words in double quotes."""
    inside = match.group(1).strip().strip("$").strip()
    name = inside.rstrip(".")
    if name in FUNCTIONS or name in ("and", "or"):
        return f" \\{name} " if name in FUNCTIONS else " , "
    if len(name) <= 1 or name in CONSTANTS or re.fullmatch(r"\(?[A-Z]\)?(?:\s*,\s*[A-Z])*|[^A-Za-z]*", name):
        return f" {name} "
    if _PERCENT.fullmatch(" " + name, 1):
        return f" {name} "
    if name.split(" ")[0] in SCALES:
        return f" {name} "
    if re.match(r"and\b|or\b|for part|,", name):
        return " , "
    name = re.sub(r",?\s+(?:and|or)\s+", ",", name)
    if "," in name and not re.search(r"[\d=+^_\\]", name):
        return " , ".join(f'"{part.strip()}"' for part in name.split(","))
    if re.search(r"[\d=+^_\\]", name):
        return f" {name} "
    return f' "{name}" '


def _command(match: "re.Match[str]") -> str:
    name = match.group(1)
    if name in _DROPPED:
        return " "
    new = _RENAMED.get(name, name)
    return f"\\{new} " if new[0].isalpha() else new + " "


def _unit(text: str) -> tuple[str, Unit | None]:
    """Splits a trailing \\text{...} off where it follows a quantity: `15\\mbox{ cm}^2`."""
    found = list(_TEXT.finditer(text))
    if not found or not found[-1].start():
        return text, None
    match, head = found[-1], found[-1].start()
    tail = text[match.end() :].strip().strip("$").strip()
    words = match.group(1)
    if (
        len(found) > 1
        and re.fullmatch(r"[\s/*]*(?:\\cdot)?\s*(?:\^\s*\{?\d\}?)?[\s/]*", text[found[-2].end() : head])
        and found[-2].start()
    ):
        match, head, words = (
            found[-2],
            found[-2].start(),
            re.sub(r"\\\w+\s*\{([^{}]*)\}", r"\1", text[found[-2].start() : match.end()]),
        )
    before = re.sub(r"(?:\\[,;:! ]|[\s~])+$", "", text[:head])
    quantity: object = re.search(r"[\d})!$%]\s*$|\\pi\s*$|\\degree\s*$", before) and re.search(
        r"\d|\\pi", before
    )
    quantity = quantity or (
        re.search(r"[A-Za-z]\s*$", before) and words.strip(" .") in WORDS and len(words.strip(" .")) > 1
    )
    if (
        not quantity
        or (words.split()[:1] and words.split()[0] in SCALES)
        or words.strip() in CONSTANTS
        or not re.fullmatch(r"(?:\^\s*\{?-?\d\}?)?\.?", tail)
        or set(re.findall(r"[a-z]+", words.lower())) & _CONNECTORS
    ):
        return text, None
    if before.endswith("\\degree") and words.strip() in ("C", "F", "K"):
        return before[:-7], unit("\\degree" + words)
    if re.search(r"\d", words) or _PERCENT.fullmatch(" " + words.strip(), 1):
        return text, None
    return before, unit(words + tail)


def _bare_unit(text: str) -> tuple[str, Unit | None]:
    """Splits off a currency before, or a known unit or plain nouns behind a quantity: `$5`, `5 km`, `18
    apples`."""
    coin = _COIN.match(text)
    if coin:
        name = coin.group(2).lower().replace("us$", "$").replace("\\pounds", "\\gbp")
        return coin.group(1) + text[coin.end() :], unit(name)
    behind = _COIN_BEHIND.search(text)
    if (
        behind
        and text.count("$") % 2 + ("\\$" not in behind.group(1)) != 0
        and behind.start()
        and "$" not in text[: behind.start()]
    ):
        return text[: behind.start()], unit(behind.group(1))
    if match := _TEMPERATURE.search(text):
        return text[: match.start()], unit("\\degree" + match.group(1))
    if match := _CAPITAL.search(text):
        return text[: match.start()], unit(match.group(1))
    if (match := _UNIT.search(text)) and not _function(text[: match.start()]):
        return text[: match.start()], unit(match.group(1))
    noun = _NOUN.match(text)
    if (
        noun
        and noun.group(2).split()[0] not in SCALES
        and not set(noun.group(2).lower().split()) & (_CONNECTORS | FUNCTIONS | CONSTANTS.keys())
    ):
        return noun.group(1), unit(noun.group(2))
    return text, None


def _function(before: str) -> bool:
    """Whether what stands before is no quantity: a word or a function's name."""
    last = re.search(r"([A-Za-z]{2,})\s*$", before)
    return bool(last) and last.group(1) not in ("pi", "degree") if last else not re.search(r"\d|\\pi", before)
