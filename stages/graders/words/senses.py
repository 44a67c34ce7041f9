"""What the words of a vocabulary mean in a sentence, negation included, and which meaning a sentence commits
to."""

import re
from typing import NamedTuple

from stages.graders.words.meanings import CONDITIONS, INTRODUCING, JOINING, NEGATORS, WEAK
from stages.shared.rows import Kind

NOTHING = ""  # the text has two meanings

WORD = re.compile(
    r"[a-zà-öø-ÿıа-я]+(?:'t)?|[\u0621-\u064a]+|[\u0900-\u097f]+|[\uac00-\ud7a3]+|不是的?|是的?|否|不对|不正确|正确|对|错误?"
    r"|蕴含|矛盾|中立|はい|いいえ"
)
_DETERMINER = re.compile(  # `there is no way`
    r"(?<=[\w—–][ ,])\s?\bno (?=[a-z]{2})(?!(?:or|and|yes|because|since|as|it|they|he|she)\b)"
)
NOT_A_LABEL = re.compile(  # `no contradiction`, but not `no, contradiction`
    r"\b(?:no |non[- ]?)(?=entail|contradict|neutral)"
)


class Sense(NamedTuple):
    """A word of the vocabulary in a sentence."""

    meaning: str  # what the word means there, negation included
    word: str
    place: int  # the index of the word among the words of the sentence


def words_of(text: str) -> list[str]:
    """The words of `text`; a `no` that denies a label is `not`, a `no` before any other noun is `none`."""
    return WORD.findall(_DETERMINER.sub("none ", NOT_A_LABEL.sub("not ", text)))


def senses_of(words: list[str], kind: Kind, vocabulary: dict[str, str]) -> list[Sense]:
    """The senses of the words of the vocabulary, in order.

    A denied word has the opposite meaning, and none where there is no opposite. A word after `if` has none.
    """
    senses: list[Sense] = []
    for place, word in enumerate(words):
        before = words[max(0, place - 4) : place]
        if word not in vocabulary or CONDITIONS & set(before):
            continue
        meaning: str | None = vocabulary[word]
        is_denied = any(earlier in NEGATORS for earlier in _same_clause(before[-3:], vocabulary))
        if is_denied and (word != "no" or words[place - 1] == "not"):
            meaning = _opposite(word, kind, vocabulary)
        if meaning:
            senses.append(Sense(meaning, word, place))
    return senses


def _same_clause(before: list[str], vocabulary: dict[str, str]) -> list[str]:
    """The words of `before` after a `but` or after an earlier answer: `not neutral, but entailment`, `not
    entailment, not contradiction: neutral`."""
    for at, word in enumerate(before):
        is_answer = word in vocabulary and word not in NEGATORS and not JOINING & set(before[at:])
        if word == "but" or is_answer:
            return before[at + 1 :]
    return before


def _opposite(word: str, kind: Kind, vocabulary: dict[str, str]) -> str | None:
    """The meaning of `not WORD`; None where there is none."""
    if kind is Kind.YES_NO:
        return {"yes": "no", "no": "yes"}.get(vocabulary[word])
    if word in ("true", "correct"):
        return "contradiction"
    return "entailment" if word in ("false", "incorrect") else None


def is_introduced(senses: list[Sense], words: list[str], rule: str) -> bool:
    """Whether only introducing or negating words stand before the first word of the vocabulary."""
    if not senses or (rule == "alone" and len(senses) < len(words)):
        return False
    return all(word in INTRODUCING or word in NEGATORS for word in words[: senses[0].place])


def unhedged(senses: list[Sense], words: list[str]) -> str:
    """The meaning of the first sense, or NOTHING where `or`, `and` or a slash joins another meaning."""
    first = senses[0]
    if first.word == "neither":
        return first.meaning
    for sense in senses:
        between = words[first.place + 1 : sense.place]
        if sense.meaning != first.meaning and between in (["or"], ["and"], [], ["nor"], ["or", "maybe"]):
            return NOTHING
    return first.meaning


def only_meaning(senses: list[Sense], words: list[str], rule: str) -> str | None:
    """The meaning of all senses; NOTHING where the meanings differ, None where there is none.

    A last line of one word commits only where every word is of the vocabulary.
    """
    if rule == "alone" and len(senses) < len(words):
        return None
    if rule == "last":
        senses = [sense for sense in senses if sense.word not in WEAK or sense.place == len(words) - 1]
    meanings = {sense.meaning for sense in senses}
    if len(meanings) > 1:
        return NOTHING
    return meanings.pop() if meanings else None
