"""Answers out of a fixed vocabulary: yes or no, and the three labels of inference. Negation is understood; two meanings name none.

yes_no   yes, true, correct ... / no, false, incorrect ..., in several languages; `not true` is no, `not false` is yes
nli      entailment (true, yes, entailed, follows ...) / neutral (neither, unknown, cannot be determined ...) / contradiction (false, no ...)
"""

import re
from typing import NamedTuple

from stages.graders.discard import first_sentence, refuses, straight
from stages.graders.extract import Span
from stages.graders.words import plain
from stages.shared.rows import Kind

MAX_SPAN = 1000  # characters of a span that are looked at
MAX_PROSE = 20_000  # and of a whole text
NOTHING = ""  # two meanings are named

_YES = [
    "yes",
    "yeah",
    "yep",
    "yup",
    "true",
    "correct",
    "right",
    "affirmative",
    "indeed",
    "absolutely",
    "oui",
    "vrai",
    "ja",
    "wahr",
    "sí",
    "si",
    "verdadero",
    "да",
    "はい",
    "是",
    "是的",
    "对",
    "正确",
]
_NO = [
    "no",
    "nope",
    "false",
    "incorrect",
    "wrong",
    "untrue",
    "negative",
    "non",
    "faux",
    "nein",
    "falsch",
    "falso",
    "нет",
    "いいえ",
    "否",
    "不是",
    "不对",
    "错",
    "错误",
    "不正确",
]
_ENTAILMENT = [
    "entailment",
    "entails",
    "entail",
    "entailed",
    "entailing",
    "entails",
    "true",
    "yes",
    "correct",
    "supported",
    "supports",
    "implied",
    "implies",
    "follows",
    "follow",
    "蕴含",
]
_CONTRADICTION = [
    "contradiction",
    "contradicts",
    "contradict",
    "contradicted",
    "contradictory",
    "contradicting",
    "false",
    "no",
    "incorrect",
    "refuted",
    "refutes",
    "wrong",
    "untrue",
    "矛盾",
]
_NEUTRAL = [
    "neutral",
    "neither",
    "undetermined",
    "unknown",
    "inconclusive",
    "unrelated",
    "uncertain",
    "unclear",
    "ambiguous",
    "unsupported",
    "maybe",
    "possibly",
    "中立",
]
YES_NO = {**dict.fromkeys(_YES, "yes"), **dict.fromkeys(_NO, "no")}
NLI = {
    **dict.fromkeys(_ENTAILMENT, "entailment"), **dict.fromkeys(_CONTRADICTION, "contradiction"), **dict.fromkeys(_NEUTRAL, "neutral"),
}  # fmt: skip
GOLDS = {
    Kind.YES_NO: {"yes": "yes", "no": "no", "true": "yes", "false": "no", "correct": "yes", "incorrect": "no"},
    Kind.NLI: {
        "entailment": "entailment", "neutral": "neutral", "contradiction": "contradiction", "true": "entailment", "neither": "neutral",
        "false": "contradiction", "yes": "entailment", "no": "contradiction", "unknown": "neutral", "undetermined": "neutral",
        "entailed": "entailment", "contradicted": "contradiction",
    },
}  # fmt: skip

_UNDECIDED = re.compile(
    r"\b(?:(?:can ?not|can't|could not|couldn't|not possible to|impossible to|unable to|no way to|not able to|hard to)"
    r" (?:be )?(?:definitively |really |reliably |conclusively |logically )?(?:determined?|inferred?|infer|known?|say|said|tell|told|conclude[d]?|decide[d]?|"
    r"verif(?:y|ied)|confirm(?:ed)?|establish(?:ed)?|judge[d]?|deduced?|ascertain(?:ed)?)"
    r"|(?:not enough|insufficient|no) (?:information|evidence|context|data)|(?:may|might|could) (?:or (?:may|might|could) not )?be (?:true|false|correct)"
    r"|(?:is|it's|it is) (?:possible|plausible)|(?:neither|not) (?:true|entail\w*|confirmed|supported|proven|stated) (?:nor|or) \w+"
    r"|does(?: not|n't) (?:say|state|mention|specify|provide|indicate)|(?:is|are) not (?:mentioned|stated|specified|given))\b"
)
_WORD = re.compile(r"[a-zà-öø-ÿа-я]+(?:'t)?|不是的?|是的?|否|不对|不正确|正确|对|错误?|蕴含|矛盾|中立|はい|いいえ")
_DETERMINER = re.compile(
    r"(?<=\w[ ,])\s?\bno (?=[a-z]{2})(?!or\b|and\b|yes\b|because\b|since\b|as\b|it\b|they\b|he\b|she\b)"
)  # `there is no way`
_QUESTION = re.compile(r"[^.?!\n]{0,300}\?(?=\s*\w)")
_NEGATORS = frozenset(
    ["not", "isn't", "doesn't", "don't", "wasn't", "aren't", "didn't", "never", "cannot", "can't", "nor", "hardly", "won't", "wouldn't"]
)
_WEAK = frozenset(
    ["right", "correct", "wrong", "si", "ja", "non", "不", "indeed", "follow", "follows", "negative", "true", "false", "possible"]
)
_TECHNICAL = frozenset("entailment entails entailed neutral neither contradiction contradicts contradicted contradictory".split())
_FILLERS = frozenset(
    ["the", "a", "an", "answer", "is", "it", "it's", "that", "that's", "this", "probably", "likely", "most", "definitely", "clearly", "certainly", "simply", "just", "so", "therefore", "thus", "hence", "would", "be", "to", "i", "i'd", "say", "think", "believe", "be", "final", "result", "conclusion", "statement", "hypothesis", "claim", "relationship", "label", "my", "of", "course", "resounding", "clear", "definite", "as", "and", "in", "this", "case", "overall", "then", "option", "choice", "still", "seems", "must", "we", "can", "conclude", "with", "confidence", "safely", "sentence", "premise", "to"]
)  # fmt: skip


class _Sense(NamedTuple):
    meaning: str
    word: str
    place: int  # among the words


def gold(kind: Kind, text: str) -> str | None:
    """The meaning of a gold answer; None where it has none."""
    return GOLDS[kind].get(text.strip().strip(".$").strip().lower())


def final(span: Span, kind: Kind) -> str | None:
    """The meaning that `span` commits to; NOTHING where it names two, None where it names none."""
    text = straight(plain(span.text)).lower()
    vocabulary = YES_NO if kind is Kind.YES_NO else NLI
    if span.rule == "text":  # a whole text speaks of many things; only an opening `Yes, ...` commits
        return _opening(text[:200], vocabulary) or (_only(text[:MAX_PROSE]) if kind is Kind.NLI else None)
    sentence = text[-MAX_SPAN:] if span.rule == "last" else first_sentence(text.strip()[:MAX_SPAN]) or text[:MAX_SPAN]
    sentence = _QUESTION.sub(" ", sentence) if "?" in sentence else sentence
    words = [found.group() for found in _WORD.finditer(_DETERMINER.sub("none ", sentence))]
    if kind is Kind.NLI and _UNDECIDED.search(sentence) and (not words or words[0] not in vocabulary):
        return "neutral"
    senses = list(_senses(words, kind, vocabulary))
    if span.rule == "alone" and words != [one.word for one in senses]:
        return None
    lead = senses[0] if senses and all(word in _FILLERS or word in _NEGATORS for word in words[: senses[0].place]) else None
    if lead:
        return _unhedged(lead, senses, words)
    if refuses(sentence) and kind is Kind.YES_NO:
        return None
    if span.rule == "last":
        senses = [one for one in senses if one.word not in _WEAK or one.place == len(words) - 1]
        senses = [one for one in senses if one.word != "no" or one.place == len(words) - 1]
    meanings = {one.meaning for one in senses if one.word != "no" or one.place == len(words) - 1 or span.rule != "last"}
    if not meanings:
        return None
    return meanings.pop() if len(meanings) == 1 else NOTHING


def _opening(text: str, vocabulary: dict[str, str]) -> str | None:
    found = re.match(r"\W*([a-z]+)(?=[\s.,;:!*)]|$)", text)
    return vocabulary.get(found.group(1)) if found and found.group(1) in ("yes", "no", "true", "false", "neither") else None


def _only(text: str) -> str | None:
    """The only label that the technical words of a whole text name."""
    named = {NLI[word] for word in _WORD.findall(text) if word in _TECHNICAL}
    return named.pop() if len(named) == 1 else None


def _senses(words: list[str], kind: Kind, vocabulary: dict[str, str]) -> "list[_Sense]":
    """What the words of the vocabulary mean where they stand; a denied one means the opposite, or, where there is none, nothing."""
    found: list[_Sense] = []
    for place, word in enumerate(words):
        if word not in vocabulary:
            continue
        meaning: str | None = vocabulary[word]
        if any(one in _NEGATORS for one in words[max(0, place - 3) : place]) and (word != "no" or words[place - 1] == "not"):
            meaning = {"yes": "no", "no": "yes"}.get(vocabulary[word]) if kind is Kind.YES_NO else _denied_nli(word)
        if meaning:
            found.append(_Sense(meaning, word, place))
    return found


def _denied_nli(word: str) -> str | None:
    return {"true": "contradiction", "correct": "contradiction", "false": "entailment", "incorrect": "entailment"}.get(word)


def _unhedged(lead: _Sense, senses: "list[_Sense]", words: list[str]) -> str:
    """The meaning of the leading word, unless `or`, `and` or a slash joins another meaning to it."""
    if lead.word == "neither":
        return lead.meaning
    for other in senses:
        between = words[lead.place + 1 : other.place]
        if other.meaning != lead.meaning and between in (["or"], ["and"], [], ["nor"], ["or", "maybe"]):
            return NOTHING
    return lead.meaning
