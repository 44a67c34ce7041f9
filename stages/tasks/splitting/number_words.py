"""Numbers in words as numbers in digits, and amounts of money as their numbers: both "two hundred and five
dollars" and "$205" become "205"."""

from decimal import Decimal

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {word: number for number, word in enumerate(_ONES.split())}
_SMALL |= {word: 10 * number for number, word in enumerate(_TENS.split(), 2)}
_FACTORS = {"dozen": 12, "hundred": 100}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9}
_ALONE = {"half": "0.5", "twice": "2", "double": "2", "thrice": "3", "triple": "3"}
_CURRENCIES = {"dollar", "dollars", "usd", "buck", "bucks", "euro", "euros", "eur"}
_MULTIPLIERS = {*_FACTORS, *_SCALES}
_CHANGED = {*_SMALL, *_MULTIPLIERS, *_ALONE, *_CURRENCIES, "percent", "cent"}


def in_digits(words: list[str]) -> list[str]:
    """`words` (case-folded) with each number as digits, without the name of a currency after a number, and
    with `%` for "percent"."""
    if _CHANGED.isdisjoint(words):
        return words
    result: list[str] = []
    place = 0
    while place < len(words):
        word, start = words[place], place
        number, place = _number(words, place)
        after_number = bool(result) and result[-1][0].isdigit()
        if number is not None:
            if word in _MULTIPLIERS and result[-1:] == ["a"]:
                result.pop()
            result.append(number)
            continue
        place = start + 1
        if word == "cent" and result[-1:] == ["per"]:
            result[-1] = "%"
        elif word == "percent":
            result.append("%")
        elif not (word in _CURRENCIES and after_number):
            result.append(_ALONE.get(word, word))
    return result


def _number(words: list[str], place: int) -> tuple[str | None, int]:
    """The number that begins at `place`, as digits, and where the words after it begin; None where no number
    in words stands there."""
    total, before = Decimal(0), ""
    part: Decimal | None = None
    if words[place][0].isdigit():  # "5 hundred", "1.5 million"; digits alone stay as they are
        if place + 1 == len(words) or words[place + 1] not in _MULTIPLIERS:
            return None, place
        part, before, place = Decimal(words[place]), "digits", place + 1
    while place < len(words):
        word = words[place]
        if word in _SMALL and (part is None or _follows(part, _SMALL[word], before)):
            part = (part or 0) + Decimal(_SMALL[word])
        elif word in _FACTORS and (part is None or part < 100):
            part = (1 if part is None else part) * Decimal(_FACTORS[word])
        elif word in _SCALES and (part is not None or not before):
            total, part = total + (1 if part is None else part) * Decimal(_SCALES[word]), None
        elif not (word == "and" and before in _MULTIPLIERS and _SMALL.keys() & words[place + 1 : place + 2]):
            break
        before, place = word, place + 1
    return (digits(total + (part or 0)), place) if before else (None, place)


def _follows(part: Decimal, number: int, before: str) -> bool:
    """Whether `number` goes on with the number of which `part` is read: "twenty one", "hundred five"."""
    tens = before in _SMALL and part % 100 >= 20 and part % 10 == 0 and 0 < number < 10
    return tens or (before in ("hundred", "and") and part % 100 == 0)


def digits(number: Decimal) -> str:
    """`number` without an exponent and without zeros at its end."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
