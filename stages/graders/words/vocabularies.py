"""Answers out of a fixed vocabulary: yes or no, and the three labels of inference (meanings.py).

Negation is understood: `not true` is no, `not false` is yes. For inference, `cannot be determined` is
neutral, and `neither A nor B` is the third label. A text with two meanings commits to neither.
"""

import re

from stages.graders.languages import english
from stages.graders.languages.word_tables import any_of
from stages.graders.reading.discard import first_sentence, refuses, straight
from stages.graders.reading.span import Span
from stages.graders.words.meanings import BARE, GOLDS, NLI, TECHNICAL, YES_NO
from stages.graders.words.senses import (
    NOT_A_LABEL,
    NOTHING,
    WORD,
    is_introduced,
    only_meaning,
    senses_of,
    unhedged,
    words_of,
)
from stages.graders.words.words import plain
from stages.shared.rows import Kind

MAX_SPAN = 1000  # characters of a span that are searched
MAX_PROSE = 20_000  # characters of a whole response that are searched

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
_NOT_AT_ALL = re.compile(
    r"\W*(?:(?:absolutely|definitely|certainly|probably|surely|clearly|most likely|likely|of course) not"
    r"|not (?:at all|always|necessarily|really|usually|exactly|quite))\s*(?:[.,;!]|$)"
)
_NO_ANSWER = re.compile(  # `no idea` says nothing about the question
    r"\W*no (?:idea|clue|answer|comments?|opinion|further|more (?:comments?|remarks?)|one (?:knows|can)"
    r"|way (?:to|of) (?:know|tell|say)\w*)\b"
)
_NEITHER = re.compile(r"\bneither (?P<ones>[^.,;:!?\n]{0,120})")
_ADMITTED = re.compile(  # `Yes, both are, but that does not matter.`
    r"^\W*(?:yes|no|true), [^.;\n]{1,200}?, but\b[^.\n]*"
)
_CONCEDED = re.compile(r"\b(?:it is|it's) (?:true|correct|right) that [^.;\n]{1,200}?\b(?:but|however|yet)\b")
_NOT_THE_CASE = re.compile(r"\bnot the case that (?:\w{1,12} ){0,3}(?=true|correct|false)")
_NO_LONGER = {  # `no longer true` denies what follows, but `no longer` alone answers a question with `no`
    Kind.YES_NO: re.compile(
        r"\bno (?=matter\b|longer (?:(?:a|the|considered|necessarily|really|entirely) )?"
        r"(?:yes|no|true|false|correct|incorrect|right|wrong|clear|certain|sure|obvious|known)\b)"
    ),
    Kind.NLI: re.compile(r"\bno (?=longer\b|matter\b)"),
}
_EITHER = re.compile(
    r"\b(?:(?:yes|true)(?: or |/| and )(?:no|false)|(?:no|false)(?: or |/| and )(?:yes|true))\b"
)
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
_NO_DOUBT = re.compile(r"^\W*no (?:doubt|question|problem)\b[^:;,.]{0,40}[:;,.]\s(?=\W*(?:yes|no)\b)")
_VARIES = re.compile(r"\banswer (?:\w{1,12} ){0,2}(?:varies|depends|changes|differs)\b")
_SURE = re.compile(rf"\W*{any_of(english.CERTAINLY)}\W*(?:$|[.,!])")
_EITHER_WAY = re.compile(
    r"\b(yes|no) (?:in|for|on|at|if|when|under)\b[^.;]{0,80}\b(?:and|but|or) (?!\1)(?:yes|no)\b"
)
_UNDECIDED_BETWEEN = re.compile(rf"\b{any_of(english.UNDECIDED)}\b")
_ENUMERATED = re.compile(r"^\W{0,3}\d{1,2}[.)]\s")
_TRULY = re.compile(rf"\b(?:but|though|although|however|yet)\b[^.;]{{0,20}}?\b{any_of(english.TRULY)}\b")
_DEPENDS = re.compile(r"\b(?:it|that|this|answer) depends\b|^\W*(?:maybe|perhaps|possibly)\s*[.,;:]")


def gold(kind: Kind, text: str) -> str | None:
    """The meaning of a gold answer; None where the text has none."""
    return GOLDS[kind].get(text.strip().strip(".$").strip().lower())


def final(span: Span, kind: Kind) -> str | None:
    """The meaning that `span` commits to; NOTHING where the span has two, None where the span has none."""
    if span.rule == "opening":
        return _opened(span.text[:MAX_PROSE])
    text = straight(plain(span.text)).lower()
    if kind is Kind.YES_NO and span.rule in ("last", "text"):
        text = _EITHER.sub(" ", text)
    text = _NO_LONGER[kind].sub("not ", _NOT_THE_CASE.sub("not ", text))
    if span.rule == "text":
        return _of_whole_text(text, kind)
    if span.rule == "spoken":
        text = _ENUMERATED.sub("", text)
    sentence = _without_concessions(text, span)
    if kind is Kind.YES_NO and _VARIES.search(text):
        return NOTHING
    return _of_yes_no(sentence, span.rule) if kind is Kind.YES_NO else _of_nli(sentence, span.rule)


def _of_whole_text(text: str, kind: Kind) -> str | None:
    """The meaning of a whole response: only its first word or, for inference, technical words commit."""
    if kind is Kind.YES_NO:
        return _first_word(text[:200], YES_NO)
    return _first_word(text[:200], NLI) or _only_label(text[:MAX_PROSE])


def _without_concessions(text: str, span: Span) -> str:
    """The sentence of `span` that may commit, without questions, other cases and conceded points."""
    sentence = text[-MAX_SPAN:] if span.rule == "last" else first_sentence(text.strip()[:MAX_SPAN])
    if "?" in sentence:
        sentence = _QUESTION.sub(" ", sentence)
    sentence = _ALTERNATIVE.sub(" ", _CONCEDED.sub(" ", sentence))
    return _ADMITTED.sub(" ", sentence) if span.how == "the last sentence" else sentence


def _of_yes_no(sentence: str, rule: str) -> str | None:
    """`yes`, `no`, NOTHING or None. `rule` is the rule of the span (span.py)."""
    if rule == "spoken" and _EITHER.search(sentence):
        return NOTHING
    sentence = _NO_DOUBT.sub("", sentence)
    if _DEPENDS.search(sentence) or _EITHER_WAY.search(sentence):
        return NOTHING
    words = words_of(sentence)
    if len(words) == 1 and words[0] in BARE:
        return BARE[words[0]]
    if _NOT_AT_ALL.match(sentence):
        return "no"
    if _SURE.match(sentence):
        return "yes"
    if _NO_ANSWER.match(sentence):
        return None
    senses = senses_of(words, Kind.YES_NO, YES_NO)
    if is_introduced(senses, words, rule):
        return unhedged(senses, words)
    if rule == "spoken" and _UNDECIDED_BETWEEN.search(sentence):
        return NOTHING
    return None if refuses(sentence) else only_meaning(senses, words, rule)


def _of_nli(sentence: str, rule: str) -> str | None:
    """A label, NOTHING or None. `rule` is the rule of the span (span.py)."""
    sentence = _OFFERED.sub(" ", sentence)
    if label := _left_over(sentence):
        return label
    words = words_of(sentence)
    if _UNDECIDED.search(sentence) and (not words or words[0] not in NLI):
        return "neutral"
    senses = senses_of(words, Kind.NLI, NLI)
    if (truly := _TRULY.search(sentence)) and len({sense.meaning for sense in senses}) > 1:
        meant = {sense.meaning for sense in senses_of(words_of(sentence[truly.end() :]), Kind.NLI, NLI)}
        return NOTHING if meant else unhedged(senses, words)
    if is_introduced(senses, words, rule):
        return unhedged(senses, words)
    return only_meaning(senses, words, rule)


def _opened(text: str) -> str | None:
    """The meaning of a first sentence `Yes.` or `No.`; None where there is none, or where a later sentence
    concludes otherwise."""
    opening = _VERDICT.match(text)
    if not opening:
        return None
    meaning = YES_NO[opening[1].lower()]
    conclusions = list(_CONCLUSION.finditer(text, opening.end()))[-3:]
    concluded = (final(Span(match.group(), "last"), Kind.YES_NO) for match in conclusions)
    return meaning if all(conclusion in (None, meaning) for conclusion in concluded) else None


def _first_word(text: str, vocabulary: dict[str, str]) -> str | None:
    if _NO_ANSWER.match(text) or NOT_A_LABEL.search(text[:20]):
        return None
    match = re.match(r"\W*([a-z]+)(?=[\s.,;:!*)]|$)", text)
    if match and match.group(1) in ("yes", "no", "true", "false", "neither"):
        return vocabulary.get(match.group(1))
    return None


def _only_label(text: str) -> str | None:
    """The only label that the technical words of a whole response name."""
    senses = senses_of(words_of(text), Kind.NLI, NLI)
    labels = {sense.meaning for sense in senses if sense.word in TECHNICAL}
    return labels.pop() if len(labels) == 1 else None


def _left_over(sentence: str) -> str | None:
    """The label that `neither A nor B` leaves of the three; None where the sentence does not name two labels
    so."""
    match = _NEITHER.search(sentence)
    named = {NLI[word] for word in WORD.findall(match["ones"]) if word in NLI} if match else set()
    left = set(NLI.values()) - named
    return left.pop() if len(left) == 1 else None
