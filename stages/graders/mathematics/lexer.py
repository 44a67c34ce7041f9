"""Splits a text into the tokens of the grammar in terms.py; any other character is refused."""

import re

from stages.graders.reading.limits import TooMuch, Unread

MAX_DIGITS = 400  # digits of one number
MAX_TOKENS = 1500

_TOKEN = re.compile(
    r"\s*(\\begin\s*\{\w+\}(?:\s*\{[|clr ]*\})?|\\end\s*\{\w+\}|\"[^\"]*\""
    r"|\d+(?:\.\d+)?(?:[eE][-+]?\d{1,4}(?![\w.]))?|\.\d+|\\[A-Za-z]+|\\\\|\\[{}|%]|[A-Za-z]+"
    r"|\*\*|<=|>=|!=|==|\+/?-|[-+*/^_(){}\[\]|!,;:=<>&%'])"
)
CONSTANTS = {
    "\\pi": "pi",
    "pi": "pi",
    "\\infty": "inf",
    "infinity": "inf",
    "inf": "inf",
    "oo": "inf",
    "e": "e",
    "i": "i",
}
FUNCTIONS = frozenset(
    re.findall(
        r"\w+",
        "sin cos tan cot sec csc ln log lg exp sinh cosh tanh coth sech csch arcsin arccos arctan arccot "
        "arcsec arccsc arcsinh arccosh arctanh asin acos atan arsinh arcosh artanh max min gcd lcm abs sgn "
        "det Re Im conj cis Gamma floor ceil",
    )
)
GREEK = frozenset(
    re.findall(
        r"\S+",
        r"\alpha \beta \gamma \delta \epsilon \varepsilon \zeta \eta \theta \vartheta \iota \kappa \lambda "
        r"\mu \nu \xi \rho \sigma \tau \upsilon \phi \varphi \chi \psi \omega \Gamma \Delta \Theta \Lambda "
        r"\Xi \Pi \Sigma \Upsilon \Phi \Psi \Omega \ell \hbar",
    )
)
RELATIONS = frozenset(["=", "<", ">", "<=", ">=", "!="])
_OTHER = {name: f"\\{name}" for name in ("frac", "sqrt", "pm", "binom", "alpha", "beta", "theta", "lambda")}
_OTHER |= {name: f"\\{name}" for name in ("phi", "cbrt", "degree", "omega")} | {"mod": "\\bmod"}
_INSIDE = re.compile(
    "|".join(sorted((name for name in FUNCTIONS if len(name) > 2), key=len, reverse=True)) + "|sqrt|pi|ln"
)
_SAME = {"==": "=", "**": "^", "+-": "\\pm", "+/-": "\\pm", "%": "\\%"}
SMALL_WORDS = frozenset(
    re.findall(
        r"\w+",
        "odd yes no not none one two six ten the all any how now new old our out own per red run sad see set "
        "she sun mon tue wed thu fri sat top try use was way who why you zoo cat dog act bat him his her its "
        "may men let low man day did few for get got has had big bad end far fun ad am an as at be by do go "
        "he if in is it me my of oh ok on so to up us we are but can saw son tie tin war win won dne nor "
        "either true false even prime east west north south",
    )
)


def tokens(text: str) -> list[str]:
    """The tokens of `text`; a word is in double quotes.

    Raises Unread on a character outside the grammar, and TooMuch on a number of more than MAX_DIGITS digits
    or on more than MAX_TOKENS tokens.
    """
    parts: list[str] = []
    place = 0
    text = text.rstrip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if not match:
            raise Unread(f"unexpected {text[place]!r}")
        token = match.group(1)
        if token[0].isdigit() and len(token) > MAX_DIGITS:
            raise TooMuch(f"a number of more than {MAX_DIGITS} digits")
        if token.isalpha():
            parts += _letters(token)
        else:
            parts += _quoted(token) if token[0] == '"' else [_SAME.get(token, token)]
        place = match.end()
        if len(parts) > MAX_TOKENS:
            raise TooMuch(f"an answer of more than {MAX_TOKENS} parts")
    return parts


def _quoted(token: str) -> list[str]:
    word = token.strip('" ').lower()
    if word in ("and", "or", ","):
        return [","]
    return [f'"{word}"'] if word else []


def _letters(word: str) -> list[str]:
    """The tokens of a run of letters.

    A known name is one token. Up to three letters are a product, unless the letters are a known word. A
    longer run is a product where it holds a name (`sinx`), else a word.
    """
    if word in FUNCTIONS or word in CONSTANTS:
        return [word]
    if word in _OTHER:
        return [_OTHER[word]]
    if word in ("and", "or"):
        return [","]
    if len(word) == 3 and word.istitle() and word[1] in "aeiouy":
        return [f'"{word.lower()}"']  # a first name: Bob
    if len(word) == 1 or (
        len(word) <= 3 and word not in SMALL_WORDS and word.removeprefix("pi") == word and "ln" not in word
    ):
        return list(word)
    if (
        len(word) <= 10
        and word not in SMALL_WORDS
        and _INSIDE.search(word)
        and all(len(rest) <= 2 for rest in _INSIDE.split(word))
    ):
        parts = re.split(f"({_INSIDE.pattern})", word)
        return [token for part in parts for token in ([part] if _INSIDE.fullmatch(part) else list(part))]
    if word.isupper() and len(word) <= 5:
        return list(word)
    return [f'"{word.lower()}"']
