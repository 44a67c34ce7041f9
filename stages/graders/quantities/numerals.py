"""Numbers in English words: `thirty-four`, `a dozen`, `one and a half`, `two-thirds`, `2 and a half`."""

import re

_SMALL = {
    word: value
    for value, word in enumerate(
        re.findall(
            r"\w+",
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
            "sixteen seventeen eighteen nineteen",
        )
    )
}
_SMALL |= {
    word: 10 * value
    for value, word in enumerate(
        re.findall(r"\w+", "twenty thirty forty fifty sixty seventy eighty ninety"), 2
    )
} | {"fourty": 40}
_SCALES = {
    "dozen": 12,
    "hundred": 100,
    "thousand": 1000,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
}
_PARTS = {"half": 2, "halves": 2, "quarter": 4} | {
    word: value
    for value, word in enumerate(re.findall(r"\w+", "third fourth fifth sixth seventh eighth ninth tenth"), 3)
}
_PARTS |= {f"{word}s": value for word, value in _PARTS.items() if word not in ("half", "halves")}
_ANY = "|".join(sorted([*_SMALL, *_SCALES], key=len, reverse=True))
_PART = "|".join(sorted(_PARTS, key=len, reverse=True))
_CARDINAL = (
    rf"(?:{'|'.join(_SMALL)}|an?(?=[ -](?:{'|'.join(_SCALES)})))(?![a-z])(?:(?:[ -]"
    rf"|,? and )(?:{_ANY})(?![a-z])){{0,12}}"
)
_RUN = re.compile(
    rf"(?<![\w.-])(?:(?:(?P<whole>\d{{1,9}}|{_CARDINAL}) and )?(?P<above>(?:{'|'.join(_SMALL)})(?![a-z])"
    rf"|an?(?=[ -]))?(?:[ -]|\b)"
    rf"(?P<part>{_PART})|(?P<number>{_CARDINAL}))(?![\w])(?!-[a-z])",
    re.IGNORECASE,
)
_STATED = re.compile(
    r"(?:^|\b(?:is|are|was|were|has|have|had|be|equals?|gets?|gives?|needs?|makes?|leaves|left with|total of"
    r"|sum of|or|minus|negative)\b)"
    r"(?: (?:therefore|thus|then|now|exactly|only|just|about|still|a total of|equal to|to|an?)\b){0,2} *$",
    re.IGNORECASE,
)
_MIXED = re.compile(rf"(?<![\w.])(\d{{1,9}}) and (an?|one|two|three) ({_PART})(?!\w)", re.IGNORECASE)
MAX_TEXT = 2000  # characters; a longer text is left as it is


def written(text: str, stated: bool = False) -> str:
    """`text` with digits for numbers in words.

    With `stated` only numbers at the start or after a verb such as `is` or `has` are replaced, and `one`
    alone only where `text` has at most two words: in prose `one` is a pronoun.
    """
    if len(text) > MAX_TEXT:
        return text

    def digits(match: "re.Match[str]") -> str:
        alone = match.group().lower() == "one"
        if alone and text[match.end() :].lower().startswith(
            (" of", " or", " can", " could", " must", " that", " who", " way")
        ):
            return match.group()
        if match["number"] and text[match.end() :].lower().startswith(
            (" of us", " of them", " of these", " of those")
        ):
            return match.group()
        if stated and (
            not _STATED.search(text[max(0, match.start() - 60) : match.start()])
            or (alone and len(text.split()) > 2)
        ):
            return match.group()
        return _digits(match)

    return _RUN.sub(digits, text)


def mixed(text: str) -> str:
    """`text` with `2 1/2` for `2 and a half`."""
    return _MIXED.sub(
        lambda match: f"{match[1]} {_SMALL.get(match[2].lower(), 1)}/{_PARTS[match[3].lower()]}", text
    )


def _digits(match: "re.Match[str]") -> str:
    if match["number"]:
        return str(_value(match["number"]))
    above = (match["above"] or "").lower()
    if not above and match["part"].lower() != "half":
        return match.group()  # an ordinal
    fraction = f"{_SMALL.get(above, 1)}/{_PARTS[match['part'].lower()]}"
    if not match["whole"]:
        return fraction
    return f"{match['whole'] if match['whole'].isdigit() else _value(match['whole'])} {fraction}"


def _value(words: str) -> int:
    total = current = 0
    for word in re.findall(r"[a-z]+", words.lower()):
        if word in ("a", "an"):
            current = 1
        elif word in _SMALL:
            current += _SMALL[word]
        elif word in ("hundred", "dozen"):
            current = max(current, 1) * _SCALES[word]
        elif word in _SCALES:
            total, current = total + max(current, 1) * _SCALES[word], 0
    return total + current
