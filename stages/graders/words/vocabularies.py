"""Answers out of a fixed vocabulary: yes or no, and the three labels of inference. Negation is understood;
two meanings name none.

yes_no   yes, true, correct ... / no, false, incorrect ..., in several languages; `not true` is no, `not false` is yes
nli      entailment (true, yes, follows ...) / neutral (neither, unknown, cannot be determined ...) / contradiction (false, no ...)
"""

import re
from typing import NamedTuple

from stages.graders.reading.discard import first_sentence, refuses, straight
from stages.graders.reading.span import Span
from stages.graders.words.words import plain
from stages.shared.rows import Kind

MAX_SPAN = 1000  # characters of a span that are looked at
MAX_PROSE = 20_000  # and of a whole text
NOTHING = ""  # two meanings are named


def _words(text: str) -> list[str]:
    return text.split()


def _table(**meanings: str) -> dict[str, str]:
    """From each word to its meaning."""
    return {word: meaning for meaning, words in meanings.items() for word in _words(words)}


YES_NO = _table(
    yes="yes yeah yep yup true correct right affirmative indeed absolutely oui vrai ja wahr sí si verdadero "
    "да はい 是 是的 对 正确 نعم صحيح हाँ हां सत्य सही 예 네 sim tak evet",
    no="no nope false incorrect wrong untrue negative non faux nein falsch falso нет いいえ "
    "否 不是 不对 错 错误 不正确 لا خطأ नहीं असत्य गलत 아니요 아니오 não hayır nee",
)
NLI = _table(
    entailment="entailment entails entail entailed entailing true yes correct supported supports implied "
    "implies follows follow 蕴含",
    neutral="neutral neither undetermined unknown inconclusive unrelated uncertain unclear ambiguous "
    "unsupported maybe possibly 中立",
    contradiction="contradiction contradicts contradict contradicted contradictory contradicting false no "
    "incorrect refuted refutes wrong untrue 矛盾",
)
GOLDS = {
    Kind.YES_NO: _table(yes="yes true correct", no="no false incorrect"),
    Kind.NLI: _table(
        entailment="entailment entailed true yes",
        neutral="neutral neither unknown undetermined",
        contradiction="contradiction contradicted false no",
    ),
}

_UNDECIDED = re.compile(
    r"\b(?:(?:can ?not|can't|could not|couldn't|not possible to|impossible to|unable to|no way to|not able to"
    r"|hard to) (?:be )?"
    r"(?:definitively |really |reliably |conclusively |logically )?(?:determined?|inferred?|infer|known?|say"
    r"|said|tell|told|concluded?"
    r"|decided?|verif(?:y|ied)|confirm(?:ed)?|establish(?:ed)?|judged?|deduced?|ascertain(?:ed)?)"
    r"|(?:not enough|insufficient|no) (?:information|evidence|context|data)"
    r"|(?:may|might|could) (?:or (?:may|might|could) not )?be (?:true|false|correct)|(?:is|it's"
    r"|it is) (?:possible|plausible)"
    r"|(?:neither|not) (?:true|entail\w*|confirmed|supported|proven|stated) (?:nor|or) \w+"
    r"|does(?: not|n't) (?:say|state|mention|specify|provide|indicate)|(?:is|are) not (?:mentioned|stated"
    r"|specified|given))\b"
)
_WORD = re.compile(
    r"[a-zà-öø-ÿıа-я]+(?:'t)?|[\u0621-\u064a]+|[\u0900-\u097f]+|[\uac00-\ud7a3]+|不是的?|是的?|否|不对|不正确|正确|对|错误?"
    r"|蕴含|矛盾|中立|はい|いいえ"
)
_DETERMINER = re.compile(  # `there is no way`
    r"(?<=[\w—–][ ,])\s?\bno (?=[a-z]{2})(?!(?:or|and|yes|because|since|as|it|they|he|she)\b)"
)
_NOT_AT_ALL = re.compile(
    r"\W*(?:(?:absolutely|definitely|certainly|probably|surely|clearly|most likely|likely|of course) not"
    r"|not at all)\s*(?:[.,;!]|$)"
)
_NO_ANSWER = re.compile(  # `no idea` says nothing about the question
    r"\W*no (?:idea|clue|answer|comments?|opinion|further|more (?:comments?|remarks?)|one (?:knows|can)"
    r"|way (?:to|of) (?:know|tell|say)\w*)\b"
)
_NOT_A_LABEL = re.compile(
    r"\b(?:no |non[- ]?)(?=entail|contradict|neutral)"
)  # `no contradiction`, though not `no, contradiction`
_NEITHER = re.compile(r"\bneither (?P<ones>[^.,;:!?\n]{0,120})")
_ADMITTED = re.compile(
    r"^\W*(?:yes|no|true), [^.;\n]{1,200}?, but\b[^.\n]*"
)  # `Yes, both are, but that does not matter.`
_CONCEDED = re.compile(r"\b(?:it is|it's) (?:true|correct|right) that [^.;\n]{1,200}?\b(?:but|however|yet)\b")
_NOT_THE_CASE = re.compile(r"\bnot the case that (?:\w{1,12} ){0,3}(?=true|correct|false)")
_JOINING = frozenset(["or", "nor", "and"])
_EITHER = re.compile(
    r"\b(?:(?:yes|true)(?: or |/| and )(?:no|false)|(?:no|false)(?: or |/| and )(?:yes|true))\b"
)
_CONDITIONS = frozenset(["if", "whether", "unless"])
_QUESTION = re.compile(r"[^.?!\n]{0,300}\?(?=\s*\w)")
_VERDICT = re.compile(r"\W*(yes|no|true|false)\W{0,3}(?:[.!:]\s|\n)", re.IGNORECASE)
_CONCLUSION = re.compile(
    r"\b(?:so|therefore|thus|hence|overall|in (?:conclusion|short|summary)|ultimately|finally|actually|wait"
    r"|however|but)\b[^.!?\n]{1,300}",
    re.IGNORECASE,
)
_OFFERED = re.compile(
    r"\b(?:entailment|neutral|contradiction)(?:(?:, (?:and |or )?| and | or )(?:entailment|neutral"
    r"|contradiction)){2}\b"
)
_ALTERNATIVE = re.compile(r"\b(?:yes|no|true|false) would\b[^.;)\n]*")  # `yes would be right only if`
_DEPENDS = re.compile(r"\b(?:it|that|this|answer) depends\b|^\W*(?:maybe|perhaps|possibly)\s*[.,;:]")
_BARE = _table(
    yes="y t certainly definitely surely naturally", no="n f never"
)  # a whole answer, but nothing in a sentence
_NEGATORS = frozenset(
    _words("not isn't doesn't don't wasn't aren't didn't never cannot can't nor hardly won't wouldn't")
)
_WEAK = frozenset(
    _words("true false right correct wrong si ja non indeed follow follows negative no")
)  # elsewhere than at the end of a sentence
_TECHNICAL = frozenset(
    _words("entailment entails entailed neutral neither contradiction contradicts contradicted contradictory")
)
_LEADING = frozenset(
    _words(
        "the a an answer is it it's that that's this probably likely most definitely clearly certainly "
        "simply just so therefore thus hence would be to i i'd say think believe final result conclusion "
        "statement hypothesis claim relationship label my of course resounding clear definite as and in case "
        "overall then option choice still seems must we can conclude with confidence safely sentence premise"
    )
)


class _Sense(NamedTuple):
    meaning: str
    word: str
    place: int  # among the words


def gold(kind: Kind, text: str) -> str | None:
    """The meaning of a gold answer; None where it has none."""
    return GOLDS[kind].get(text.strip().strip(".$").strip().lower())


def final(span: Span, kind: Kind) -> str | None:
    """The meaning that `span` commits to; NOTHING where it names two, None where it names none."""
    if span.rule == "opening":
        return _opened(span.text[:MAX_PROSE])
    text = straight(plain(span.text)).lower()
    vocabulary = YES_NO if kind is Kind.YES_NO else NLI
    text = _EITHER.sub(" ", text) if kind is Kind.YES_NO and span.rule in ("last", "text") else text
    text = _NOT_THE_CASE.sub("not ", text)
    if (
        span.rule == "text"
    ):  # a whole text speaks of many things; only an opening `Yes, ...` or technical words commit
        return _opening(text[:200], vocabulary) or (_only(text[:MAX_PROSE]) if kind is Kind.NLI else None)
    sentence = text[-MAX_SPAN:] if span.rule == "last" else first_sentence(text.strip()[:MAX_SPAN])
    if "?" in sentence:
        sentence = _QUESTION.sub(" ", sentence)
    sentence = _ALTERNATIVE.sub(" ", _CONCEDED.sub(" ", sentence))
    sentence = _ADMITTED.sub(" ", sentence) if span.how == "the last sentence" else sentence
    if kind is Kind.YES_NO and _DEPENDS.search(sentence):
        return NOTHING
    sentence = _OFFERED.sub(" ", sentence) if kind is Kind.NLI else sentence
    words = _words_of(sentence)
    if kind is Kind.YES_NO and len(words) == 1 and words[0] in _BARE:
        return _BARE[words[0]]
    if kind is Kind.NLI and (left := _left_over(sentence)):
        return left
    if kind is Kind.NLI and _UNDECIDED.search(sentence) and (not words or words[0] not in vocabulary):
        return "neutral"
    if kind is Kind.YES_NO and _NOT_AT_ALL.match(sentence):
        return "no"
    if kind is Kind.YES_NO and _NO_ANSWER.match(sentence):
        return None
    senses = _senses(words, kind, vocabulary)
    if span.rule == "alone" and len(senses) < len(words):
        return None
    if senses and all(word in _LEADING or word in _NEGATORS for word in words[: senses[0].place]):
        return _unhedged(senses[0], senses, words)
    if kind is Kind.YES_NO and refuses(sentence):
        return None
    if span.rule == "last":
        senses = [one for one in senses if one.word not in _WEAK or one.place == len(words) - 1]
    meanings = {one.meaning for one in senses}
    return None if not meanings else meanings.pop() if len(meanings) == 1 else NOTHING


def _opened(text: str) -> str | None:
    """The meaning of an opening sentence `Yes.` or `No.`; None where there is none, or a later sentence
    concludes otherwise."""
    opening = _VERDICT.match(text)
    if not opening:
        return None
    meaning = YES_NO[opening[1].lower()]
    concluded = (
        final(Span(match.group(), "last"), Kind.YES_NO)
        for match in list(_CONCLUSION.finditer(text, opening.end()))[-3:]
    )
    return meaning if all(match in (None, meaning) for match in concluded) else None


def _opening(text: str, vocabulary: dict[str, str]) -> str | None:
    if _NO_ANSWER.match(text) or _NOT_A_LABEL.search(text[:20]):
        return None
    match = re.match(r"\W*([a-z]+)(?=[\s.,;:!*)]|$)", text)
    return (
        vocabulary.get(match.group(1))
        if match and match.group(1) in ("yes", "no", "true", "false", "neither")
        else None
    )


def _only(text: str) -> str | None:
    """The only label that the technical words of a whole text name."""
    senses = _senses(_words_of(text), Kind.NLI, NLI)
    named = {sense.meaning for sense in senses if sense.word in _TECHNICAL}
    return named.pop() if len(named) == 1 else None


def _words_of(text: str) -> list[str]:
    return _WORD.findall(_DETERMINER.sub("none ", _NOT_A_LABEL.sub("not ", text)))


def _senses(words: list[str], kind: Kind, vocabulary: dict[str, str]) -> list[_Sense]:
    """What the words of the vocabulary mean where they stand; a denied one means the opposite, or, where
    there is none, nothing."""
    found: list[_Sense] = []
    for place, word in enumerate(words):
        if word not in vocabulary:
            continue
        meaning: str | None = vocabulary[word]
        before = words[max(0, place - 4) : place]
        if _CONDITIONS & set(before):
            continue
        before = before[-3:]
        for at, one in enumerate(
            before
        ):  # `not neutral, but entailment`, `not entailment, not contradiction: neutral`
            if one == "but" or (
                one in vocabulary and one not in _NEGATORS and not _JOINING & set(before[at:])
            ):
                before = before[at + 1 :]
                break
        if any(one in _NEGATORS for one in before) and (word != "no" or words[place - 1] == "not"):
            meaning = (
                {"yes": "no", "no": "yes"}.get(vocabulary[word]) if kind is Kind.YES_NO else _denied_nli(word)
            )
        if meaning:
            found.append(_Sense(meaning, word, place))
    return found


def _left_over(sentence: str) -> str | None:
    """The label that `neither ... nor ...` leaves of the three: it names the two others."""
    match = _NEITHER.search(sentence)
    named = {NLI[word] for word in _WORD.findall(match["ones"]) if word in NLI} if match else set()
    left = set(NLI.values()) - named
    return left.pop() if len(left) == 1 else None


def _denied_nli(word: str) -> str | None:
    return {
        "true": "contradiction",
        "correct": "contradiction",
        "false": "entailment",
        "incorrect": "entailment",
    }.get(word)


def _unhedged(lead: _Sense, senses: list[_Sense], words: list[str]) -> str:
    """The meaning of the leading word, unless `or`, `and` or a slash joins another meaning to it."""
    if lead.word == "neither":
        return lead.meaning
    for sense in senses:
        between = words[lead.place + 1 : sense.place]
        if sense.meaning != lead.meaning and between in (["or"], ["and"], [], ["nor"], ["or", "maybe"]):
            return NOTHING
    return lead.meaning
