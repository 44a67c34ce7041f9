"""Options that are yes and no, or true and false: what a response says of them without naming one.

`Tara does not have enough money.` is no, `So, Earth is the largest planet made of rock.` is true.
"""

import re
from functools import lru_cache

from stages.graders.reading.discard import refuses
from stages.graders.reading.span import Span
from stages.graders.words import vocabularies
from stages.graders.words.meanings import YES_NO
from stages.graders.words.words import normal
from stages.shared.rows import Kind

_VERB = re.compile(
    r"\b(?:is|are|was|were|does|do|did|has|have|had|can|could|will|would|may|might|must|should)\b"
    r"(?P<denied> not\b|n't\b)?"
    r"|\b(?:isn't|aren't|wasn't|weren't|doesn't|don't|didn't|hasn't|haven't|hadn't|can't|cannot"
    r"|couldn't|won't|wouldn't)\b",
    re.IGNORECASE,
)
_NO_STANCE = re.compile(
    r"\b(?:no|never|none|neither|nor|nobody|nothing|if|whether|but|maybe|perhaps"
    r"|hard|difficult|unclear|unknown|unsure|depends?|question|possible|sometimes|some|determine[ds]?"
    r"|say|tell|answer|either|or)\b|\?",
    re.IGNORECASE,
)

_CONCLUDES = re.compile(  # a conclusion with a modal verb
    r"(?:thus|so|therefore|hence|consequently),? [^,;:]{1,80}?"
    r"\b(?:would|could|can|will|does|did|do)(?:n't)?\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=1024)
def truths(choices: tuple[str, ...]) -> dict[str, str]:
    """The letters of the options that mean yes and no; empty where the options are others."""
    meanings = [YES_NO.get(normal(choice), "") for choice in choices]
    return (
        {meaning: "AB"[place] for place, meaning in enumerate(meanings)}
        if sorted(meanings) == ["no", "yes"]
        else {}
    )


def final(span: Span) -> str | None:
    """The meaning of a span for a yes-no problem: as said, or as concluded (`Thus a dog would fit`)."""
    meaning = vocabularies.final(span, Kind.YES_NO)
    if meaning is not None or not _CONCLUDES.match(span.text):
        return meaning
    return stance(span)


def stance(span: Span) -> str | None:
    """`yes` or `no` where the last sentence of a response affirms or denies; None where it hedges."""
    meaning = vocabularies.final(span, Kind.YES_NO)
    if meaning is not None or span.how != "the last sentence":
        return meaning or None
    sentence = span.text.rpartition(", so ")[2]
    verbs = list(_VERB.finditer(sentence))
    if not verbs or _NO_STANCE.search(sentence) or refuses(sentence):
        return None
    denied = [verb for verb in verbs if verb["denied"] or verb.group().lower().endswith(("n't", "cannot"))]
    if not denied:
        return "yes"
    return "no" if len(denied) == 1 else None
