"""LaTeX in one plain form: without what only changes the look of an answer, and with the unit set apart."""

import re
from fractions import Fraction
from typing import NamedTuple

from stages.graders.mathematics.latex_units import PERCENT, SCALES, TEXT, split_bare, split_text
from stages.graders.mathematics.lexer import CONSTANTS, FUNCTIONS
from stages.graders.mathematics.vectors import as_point
from stages.graders.quantities.units import WORDS, Unit
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
_DELIMITERS = re.compile(r"\\[\[\]()]|^\$+|(?<!\\)\$+$")
_DOLLAR = re.compile(r"(?<!\\)\$")
_CHOOSE = re.compile(r"\{([^{}]{1,40})\\choose\b([^{}]{1,40})\}")
_OVER = re.compile(r"\{([^{}]{1,80})\\over\b([^{}]{1,80})\}")
_AXIS = re.compile(
    r"\\(?:mathbf|hat|vec|boldsymbol|bm|overrightarrow|widehat)\s?\{?\s?(?:\\\w+\s?\{?\s?)?[ij k]"
)
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
_APPROXIMATE = re.compile(  # 1/3 \approx 0.33 is the answer 1/3
    r"^(?:[A-Za-z]\s*)?\\approx\b\s*|(?<=[\d}!)\w])[\s$]*\\approx\b.*$"
)


class Plain(NamedTuple):
    """An answer in plain form."""

    text: str  # without the unit
    unit: Unit | None = None  # the unit or currency; None where there is none


def plain(text: str) -> Plain:
    """`text` in plain form. Raises TooMuch on more than `MAX_LENGTH` characters."""
    if len(text) > MAX_LENGTH:
        raise TooMuch(f"an answer of more than {MAX_LENGTH} characters")
    text = " ".join(plain_characters(text).split())
    text = as_point(text) if "\\" in text and _AXIS.search(text) else text
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
    text, named = split_text(text)
    text = TEXT.sub(_word, text)
    text = _SPACES.sub(" ", text)
    text = PERCENT.sub(" \\% ", text)
    if re.fullmatch(r"\s*[A-Z]\)\s*", text):
        text = text.replace(")", "")
    if named is None:
        text, named = split_bare(_trim(text))
    text = _COMMAND.sub(_command, text)
    text = _trim(_APPROXIMATE.sub("", _trim(text)))
    text = _SPACED.sub(lambda match: match.group().replace(" ", ""), text)
    if not re.fullmatch(r"[\d,]*", text) and not re.search(r"[(\[{]", text):
        text = _COMMAS.sub(lambda match: match.group().replace(",", ""), text)
    return Plain(" ".join(re.sub(r"\\?\$", " ", text).split()), named)


def _trim(text: str) -> str:
    """`text` without outer spaces, dollar signs, display brackets and final punctuation, in any nesting."""
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
    """The fraction of a repeating decimal: 0.1\\overline{6} and 0.1666... are 1/6."""
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
    """The content of \\text{...}: mathematics as it is, words in double quotes."""
    inside = match.group(1).strip().strip("$").strip()
    name = inside.rstrip(".")
    if name in FUNCTIONS or name in ("and", "or"):
        return f" \\{name} " if name in FUNCTIONS else " , "
    if len(name) <= 1 or name in CONSTANTS or re.fullmatch(r"\(?[A-Z]\)?(?:\s*,\s*[A-Z])*|[^A-Za-z]*", name):
        return f" {name} "
    if PERCENT.fullmatch(" " + name, 1):
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
