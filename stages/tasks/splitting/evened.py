"""A problem's text evened out: words without case, accents of form or punctuation, numbers as digits, in
sentences."""

import re
from decimal import Decimal
from functools import cached_property
from unicodedata import normalize

from stages.shared.rows import Problem
from stages.tasks.splitting.number_words import digits, in_digits

_TOKEN = re.compile(
    r"\d+(?:,\d{3})*(?:\.\d+)?(?:k(?![^\W_]))?|[^\W\d_]+|(?<![^\W\d_])-|-(?![^\W\d_])"
    r"|[+*/%\\^=<>(){}\[\]|~×÷±√≤≥≠]"
    r"|[\u231a-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"  # an emoji says as much as a word
    r"|[.!?;]+(?=\s|$)|\n"  # the end of a sentence
)
_DASHES = {ord(dash): "-" for dash in "‐‑‒–—−"}
_ENDS = ".!?;\n"

Gram = tuple[str, ...] | tuple[int, str] | str


class Text:
    """What a problem says. `key` is equal for exact copies."""

    def __init__(self, sentences: list[list[str]], key: str, asked: list[str] | None) -> None:
        self.sentences = sentences
        self.key = key
        # the words of the question, where something else stands before it
        self.asked = asked
        self.words = [word for sentence in sentences for word in sentence]
        # in their order
        self.numbers = tuple([word for word in self.words if word[0].isdigit()])
        # what copies have in common, whatever the order of their sentences
        self.sorted_numbers = tuple(sorted(self.numbers))

    @cached_property
    def bag(self) -> frozenset[Gram]:
        """The words, and the signs by their place among the signs."""
        return bag(self.words)

    @cached_property
    def threes(self) -> frozenset[Gram]:
        """Three words that follow each other."""
        return threes(self.words)

    @cached_property
    def signs(self) -> list[str]:
        """All that is neither a word nor a number, in its order."""
        return [word for word in self.words if not word[0].isalnum()]


def bag(words: list[str]) -> frozenset[Gram]:
    """`words` as a set, and the signs among them by their place among the signs."""
    signs = (word for word in words if not word[0].isalnum())
    return frozenset(enumerate(signs)) | frozenset(word for word in words if word[0].isalnum())


def threes(words: list[str]) -> frozenset[Gram]:
    """All three words that follow each other in `words`."""
    return frozenset(zip(words, words[1:], words[2:], strict=False))


def even(problem: Problem) -> Text:
    """The text of a problem: the turns before it, its context, its question and its choices (in any order).
    A rule book tells exact copies apart; its words are none of the problem's."""
    before = [turn["content"] for turn in problem.history or []] + [problem.context or ""]
    sentences = [sentence for part in before if part for sentence in _sentences(part)]
    question = _sentences(problem.question)
    asked = [word for sentence in question for word in sentence] if sentences else None
    sentences += question
    for choice in sorted(problem.choices or []):
        sentences += _sentences(choice)
    key = " ".join(word for sentence in sentences for word in sentence) or problem.question
    if problem.rule_book:  # under another rule book the same question is another problem
        key = f"{key}\n{problem.rule_book}"
    return Text(sentences, key, asked)


def without_words_after(text: Text, problem: Problem) -> Text | None:
    """`text` up to its last sentence that ends in a question mark; None where nothing follows that.

    What follows a question is often a request of the prompt ("Round to 2 decimal places."). Only a problem
    that is a question alone is cut.
    """
    asked, mark, after = problem.question.rpartition("?")
    if text.asked is not None or problem.choices or not mark or not after.strip():
        return None
    sentences = _sentences(asked)
    return Text(sentences, "", None) if len(sentences) < len(text.sentences) else None


def _sentences(text: str) -> list[list[str]]:
    if not text.isascii():
        text = normalize("NFKC", text).translate(_DASHES)
    sentences: list[list[str]] = [[]]
    for token in _TOKEN.findall(text.casefold()):
        if token[0] in _ENDS:
            sentences.append([])
        else:
            sentences[-1].append(_plain(token) if token[0].isdigit() else token)
    return [in_digits(sentence) for sentence in sentences if sentence]


def _plain(number: str) -> str:
    """Without marks of thousands, without zeros at the end, and `5k` as 5000."""
    if number.isdecimal():
        return number
    whole = number.replace(",", "")
    if whole.endswith("k"):
        return digits(Decimal(whole[:-1]) * 1000)
    return whole.rstrip("0").rstrip(".") if "." in whole else whole
