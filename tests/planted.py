"""Copies of problems, made the ways in which they get into training data, and problems that look like copies and are none."""

import re
from collections.abc import Callable, Iterator, Sequence
from random import Random

from stages.shared.rows import Kind, Problem

Change = Callable[[str, Random], str | None]
"""A question changed; None where it cannot be changed in this way."""

QUESTIONS = (
    "Tom has 13 pears in a basket. He buys 24 more at the market. How many pears does Tom have now?",
    "A train leaves at 9 with 240 people. At the first stop 35 of them get off and 12 get on. How many people are on the train?",
    "Mia reads 15 pages a day. Her book has 330 pages. How many days does she need for the book?",
    "A pen costs $3 and a book costs $14. Sam buys 4 pens and 2 books. How much does he pay?",
    "The school has 18 classes. Each class has 25 pupils. 30 pupils are ill today. How many pupils are in school?",
    "Eva saves $20 a week. She wants a bicycle for $460. She has saved $140. How many weeks must she wait?",
    "A tank holds 500 liters. 120 liters leak out each hour. How much is left after 3 hours?",
    "There are 42 chairs in 6 rows. How many chairs are in each row?",
    "Ben runs 5 km on Monday. On Tuesday he runs 8 km. On Friday he runs 11 km. How far does he run?",
    "A farmer sells 36 eggs for $9. How much does a dozen cost?",
    "Zoe bakes 48 cookies. She eats 3 and packs the others into boxes of 9. How many boxes does she fill?",
    "A shirt costs $25. In the sale it is 20 % cheaper. What does it cost in the sale?",
    "Leo is 12 years old. His father is 3 times as old. How old will his father be in 5 years?",
    "What is 17 plus 26, times 3?",
    "A film lasts 135 minutes. It starts at 8. There is a break of 15 minutes. When does the film end?",
    "Max has 60 stamps and gives away 14. Then his aunt sends him 25 new ones. How many stamps does he own?",
    "A garden is 12 m long and 7 m wide. How long is the fence around it?",
    "Each of 8 friends pays $15 for a gift. The gift costs $96. How much money is left over?",
)
PARAPHRASES = (
    (0, "After buying 24 additional pears, what is the number of pears that Tom, who began with 13, owns?"),
    (2, "How long will Mia take to finish a 330-page book if she gets through 15 pages daily? 330 pages, 15 daily."),
    (5, "A bicycle is sold for $460, and Eva, who puts aside $20 weekly, already owns $140. When can she afford it?"),
    (6, "From a 500-liter tank 120 liters are lost every hour. What remains 3 hours later?"),
    (7, "If 42 chairs stand in 6 equal rows, what is the number of chairs per row?"),
    (9, "What would you pay for twelve eggs when 36 of them bring a farmer $9?"),
    (11, "By how much is a $25 shirt reduced, and what is then its price, when there is a discount of 20 %?"),
    (15, "Of 60 stamps Max hands out 14, after which 25 arrive from his aunt. What is the size of his collection?"),
    (16, "What length of fence surrounds a garden measuring 12 m by 7 m?"),
    (17, "Eight friends put in $15 each towards a gift of $96. What remains?"),
)
"""By the number of the question: the same problem in other words."""

_REPLACEMENTS = "thing really nice green house place truly again maybe nearly blue whole simply garden along"
_TURNING = "more less fewer not no never plus minus times before after each every all left older younger cheaper than in as of a the"
REPLACEMENTS, TURNING = _REPLACEMENTS.split(), set(_TURNING.split())
SUFFIXES = (
    "Let's think step by step.",
    "Please reason step by step, and put your final answer within \\boxed{}.",
    "Answer with a single number and nothing else.",
    "Explain your reasoning and then give the final answer.",
    "Round your answer to 2 decimal places.",
    "Think carefully, check your work, and write the result on the last line after ####.",
    "Show all steps!",
    "Give your answer in plain words, and tell me how you found it.",
)
PREFIXES = ("Solve the following problem.", "Question: read this with care.", "You are a helpful assistant. Solve this task!\n\n")
OPPOSITES = {
    "more": "fewer",
    "buys": "sells",
    "plus": "minus",
    "older": "younger",
    "before": "after",
    "long": "short",
    "gives": "takes",
    "most": "least",
}
_ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_NUMBER = re.compile(r"(?<![\w.,])\d+(?![\w]|[.,]\d)")


def in_words(number: int) -> str:
    """A number below a million as English words."""
    if number < 20:
        return _ONES.split()[number]
    if number < 100:
        rest = f"-{in_words(number % 10)}" if number % 10 else ""
        return _TENS.split()[number // 10 - 2] + rest
    size, name = (100, "hundred") if number < 1000 else (1000, "thousand")
    rest = f" and {in_words(number % size)}" if number % size else ""
    return f"{in_words(number // size)} {name}{rest}"


def _restyled(text: str, draw: Random) -> str | None:
    return "  " + re.sub(r"\.(?=\s|$)", ";", text.upper()).replace("'", "’")


def _spelled(text: str, draw: Random) -> str | None:
    changed = _NUMBER.sub(lambda number: in_words(int(number[0])) if int(number[0]) < 10**6 else number[0], text)
    return changed if changed != text else None


def _money(text: str, draw: Random) -> str | None:
    changed = re.sub(r"\$ ?(\d[\d,]*(?:\.\d+)?)", r"\1 dollars", text)
    return changed if changed != text else None


def _one_word(text: str, draw: Random) -> str | None:
    words = text.split(" ")
    if not 6 <= len(words) <= 25:
        return None
    free = [place for place, word in enumerate(words) if word.isalpha() and word.islower() and word not in TURNING]
    if not free:
        return None
    place = draw.choice(free)
    words[place] = draw.choice([word for word in REPLACEMENTS if word != words[place]])
    return " ".join(words)


def _suffixed(text: str, draw: Random) -> str | None:
    return f"{text}{draw.choice((' ', chr(10)))}{draw.choice(SUFFIXES)}"


def _prefixed(text: str, draw: Random) -> str | None:
    return f"{draw.choice(PREFIXES)} {text}"


def _swapped(text: str, draw: Random) -> str | None:
    sentences = re.split(r"(?<=[.!?])\s+", text)
    held = [place for place, sentence in enumerate(sentences) if re.search(r"\d", sentence) and not sentence.endswith("?")]
    if len(held) < 2:
        return None
    first, second = draw.sample(held, 2)
    sentences[first], sentences[second] = sentences[second], sentences[first]
    return " ".join(sentences)


LEAKS: dict[str, Change] = {
    "case and punctuation": _restyled,
    "numbers in words": _spelled,
    "5 dollars for $5": _money,
    "one word of a short question": _one_word,
    "a request added behind": _suffixed,
    "a request added before": _prefixed,
    "sentences with numbers swapped": _swapped,
}


def _other_numbers(text: str, draw: Random) -> str | None:
    def other(number: re.Match[str]) -> str:
        value = int(number[0])
        return str(draw.choice([choice for choice in range(max(2, value // 2), 2 * value + 9) if choice != value]))

    changed = _NUMBER.sub(other, text)
    return changed if changed != text else None


def _one_number(text: str, draw: Random) -> str | None:
    numbers = list(_NUMBER.finditer(text))
    if not numbers:
        return None
    chosen = draw.choice(numbers)
    return f"{text[: chosen.start()]}{int(chosen[0]) + draw.randint(1, 9)}{text[chosen.end() :]}"


def _exchanged(text: str, draw: Random) -> str | None:
    numbers = list(_NUMBER.finditer(text))
    if len({number[0] for number in numbers}) < 2:
        return None
    first = numbers[0]
    second = next(number for number in numbers if number[0] != first[0])
    return text[: first.start()] + second[0] + text[first.end() : second.start()] + first[0] + text[second.end() :]


def _opposite(text: str, draw: Random) -> str | None:
    for word, opposed in OPPOSITES.items():
        if len(text.split()) <= 25 and len(re.findall(rf"\b{word}\b", text)) == 1:
            return re.sub(rf"\b{word}\b", opposed, text)
    return None


NON_LEAKS: dict[str, Change] = {
    "the template with other numbers": _other_numbers,
    "one number changed": _one_number,
    "two numbers exchanged": _exchanged,
    "the opposite of a short question": _opposite,
}


def problem(question: str, id: str, split: str = "train") -> Problem:
    return Problem(id=id, task="t", kind=Kind.NUMBER, split=split, question=question, answer="7")


def planted(questions: Sequence[str], changes: dict[str, Change], seed: int) -> Iterator[tuple[str, Problem]]:
    """Each question changed in each way, with the way; its id ends with the number of the question."""
    for name, change in changes.items():
        draw = Random(f"{seed}/{name}")
        for number, question in enumerate(questions):
            changed = change(question, draw)
            if changed is not None:
                yield name, problem(changed, f"{name} {number}")
