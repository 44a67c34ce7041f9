"""Characters beyond ASCII written as ASCII or LaTeX: digits of other scripts, signs, fractions, powers,
indices."""

import re
import unicodedata
from functools import lru_cache

_SIGNS = {
    "π": "\\pi ", "∞": "\\infty ", "√": "\\sqrt ", "∛": "\\sqrt[3] ", "∜": "\\sqrt[4] ", "∪": "\\cup ",
    "∩": "\\cap ", "∅": "\\emptyset ", "∈": "\\in ", "∖": "\\setminus ", "×": "\\times ", "·": "*", "⋅": "*",
    "∙": "*", "•": "*", "∗": "*", "÷": "/", "∕": "/", "⁄": "/", "−": "-", "–": "-", "‐": "-", "‑": "-",
    "‒": "-", "﹣": "-", "－": "-", "±": "\\pm ", "∓": "\\mp ", "≈": "\\approx ", "≃": "\\approx ", "≤": "<=",
    "⩽": "<=", "≦": "<=", "≥": ">=", "⩾": ">=", "≧": ">=", "≠": "!=", "≡": "\\equiv ", "°": "\\degree ",
    "º": "\\degree ", "′": "'", "’": "'", "‘": "'", "″": "''", "∶": ":", "∧": ",", "∨": "\\lor ",
    "ℝ": "\\mathbb{R}", "ℤ": "\\mathbb{Z}", "ℕ": "\\mathbb{N}", "ℚ": "\\mathbb{Q}", "ℂ": "\\mathbb{C}",
    "⌊": "\\lfloor ", "⌋": "\\rfloor ", "⌈": "\\lceil ", "⌉": "\\rceil ", "⟨": "\\langle ", "⟩": "\\rangle ",
    "〈": "\\langle ", "〉": "\\rangle ", "∑": "\\sum ", "∏": "\\prod ", "∫": "\\int ", "→": "\\to ",
    "…": "\\ldots ", "或": " or ", "且": " and ", "。": ". ", "、": ", ", "，": ",", "；": ";", "“": '"',
    "”": '"', "∠": "\\angle ", "₹": "\\inr ", "€": "\\eur ", "£": "\\gbp ", "¥": "\\yen ", "¢": " cents",
    "٪": "%", "٫": ".", "٬": ",", "µ": "u", "‰": "\\%/10 ", "Ω": "ohm", "ⅈ": "i", "ℯ": "e", "ϕ": "\\phi ",
    "ϵ": "\\epsilon ", "\u200b": "", "\u200c": "", "\u200d": "", "\ufeff": "", "\u2061": "", "\u2062": "*",
    "\u00ad": "", "\u200e": "", "\u200f": "",
}  # fmt: skip
_GREEK = {
    chr(code): f"\\{unicodedata.name(chr(code)).split()[-1].lower()} "
    for code in range(0x3B1, 0x3CA)
    if code != 0x3C2
}
_GREEK |= {
    "λ": "\\lambda ",
    "Γ": "\\Gamma ",
    "Δ": "\\Delta ",
    "Θ": "\\Theta ",
    "Σ": "\\Sigma ",
    "Φ": "\\Phi ",
    "Ω": "\\Omega ",
}
_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱˣ"
_LOWERED = "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₒₓₙᵢₖₘ"
_POWER = re.compile(f"[{_RAISED}]+")
_INDEX = re.compile(f"[{_LOWERED}]+")
_MYRIADS = {"万": 4, "萬": 4, "만": 4, "亿": 8, "億": 8, "억": 8}
_MYRIAD = re.compile(f"(?<=\\d) ?([{''.join(_MYRIADS)}])(?!\\d)")  # 3万 is 30000
_GROUP = re.compile(r"(?<=\d)[\u00a0\u2009\u202f\u2007](?=\d{3}(?!\d))")  # spaces that group digits


def plain_characters(text: str) -> str:
    """`text` with every character beyond ASCII in its plain form; a character without a plain form stays."""
    if text.isascii():
        return text
    text = _MYRIAD.sub(lambda match: f"*10^{_MYRIADS[match[1]]}", _GROUP.sub("", text))
    text = _POWER.sub(lambda run: "^{" + "".join(map(_plain_character, run.group())) + "}", text)
    text = _INDEX.sub(lambda run: "_{" + "".join(map(_plain_character, run.group())) + "}", text)
    return "".join(character if character.isascii() else _plain_character(character) for character in text)


@lru_cache(maxsize=4096)
def _plain_character(character: str) -> str:
    if character in _SIGNS:
        return _SIGNS[character]
    if character in _GREEK:
        return _GREEK[character]
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    plain = unicodedata.normalize("NFKC", character)
    if unicodedata.decomposition(character).startswith("<fraction>"):
        above, _, below = plain.partition("\u2044")
        return f"\\frac{{{above}}}{{{below}}}" if below else plain
    if plain == character or len(plain) > 4:
        return plain if plain == character else character
    return "".join(_SIGNS.get(part, part) if not part.isascii() else part for part in plain)
