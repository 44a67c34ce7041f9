"""Which option an answer names: its letter, or, where no letter stands, its text. Two options name none.

The article in `A dog`, the pronoun I, the A of `Answer`, the C of `vitamin C` are no letters; a letter that is denied (`not C`, `it can't be
A or B`, `A is wrong`) is not named.
"""

import re
import string
from itertools import pairwise

from stages.graders.discard import first_sentence, straight
from stages.graders.extract import Span
from stages.graders.words import normal, plain

MAX_SPAN = 1000  # characters that are looked at for letters
MAX_PROSE = 20_000  # and of a whole text
NOTHING = ""  # what is committed to is not one option

_TOKEN = re.compile(
    r"(?<![A-Za-z0-9_\\])(?<![A-Z]\.)(?<![A-Za-z]['-])(?P<open>[(\[{<\"'“«「【$*]{0,4})(?P<letter>[A-Z])(?P<close>[)\]}>\"'”»」】$*]{0,4})"
    r"(?![A-Za-z0-9_]|['-][A-Za-z]|\.[A-Za-z])"
)
_LETTER = r"[(\[\"'$*]{0,3}(?-i:[A-Z])[)\]\"'$*]{0,3}(?![A-Za-z0-9_]|'[A-Za-z])"
_LIST = rf"{_LETTER}(?:(?:\s{{0,3}}(?:,|/|&|or|and|nor|oder|ou|和|或|、)\s{{0,3}}){{1,2}}(?:option |choice )?{_LETTER}){{0,9}}"
_DENIED = re.compile(
    r"(?:(?:\b(?:not|never|nor|isn't|wasn't|aren't|can't|cannot|couldn't|won't|wouldn't|neither|rather than|instead of|eliminat(?:e|ed|es|ing)|"
    r"rul(?:e|ed|es|ing) out|exclud(?:e|ed|es|ing)|reject(?:s|ed|ing)?|discard(?:s|ed|ing)?|non|nicht|pas|nie|unlike|except|than|against|"
    r"considered|consider)\b|不是|不选|而非|排除|非)"
    r"(?: ?(?:be|just|only|simply|for|it|to|the|either|both|any|of|option|options|choice|choices|answer|answers|letter)\b:?){0,4}"
    rf"\s{{0,3}}{_LIST})"
    rf"|(?:(?:options?|choices?|answers?|both|either|neither|all|and|of) ){{0,3}}{_LIST}(?: \([^()]{{0,60}}\))?,?"
    r"(?:(?: (?:is|are|was|were|would be|will be|seems?|looks?|can be|could be|has been|have been|appears?|being|also|clearly|both|all|obviously"
    r"|definitely|just|only|merely|simply|a|an|the|common|too|partially|immediately)){1,5} (?:not|wrong|incorrect|false|eliminated|excluded|ruled out|"
    r"out|invalid|impossible|irrelevant|unlikely|implausible|distractors?|unsupported|inaccurate|mistaken|rejected|discarded|less|untrue)\b"
    r"|(?: (?:is|are|was|were|does|do|did|can|could|would|will)n't| cannot| does not| do not| did not| can't| won't|'s not| makes no| fails)\b"
    r"|\s?(?:不对|不正确|是?错|不是(?:正确|对的|答案)|是干扰))",
    re.IGNORECASE,
)
_FILLERS = frozenset(
    ["for", "sure", "definitely", "probably", "likely", "clearly", "certainly", "most", "simply", "just", "indeed", "therefore", "thus", "so", "hence", "is", "it's", "it", "be", "to", "seems", "still", "again", "either", "both", "option", "options", "choice", "letter", "answer", "the", "correct", "best", "right", "choose", "pick", "select", "would", "that", "i", "i'd", "think", "say", "believe", "it", "will", "my", "final", "go", "with", "number", "selected", "as", "statement", "actually", "now", "obviously", "of", "course", "maybe", "perhaps", "lettre", "opción", "buchstabe", "option:", "option"]
)  # fmt: skip
_CONNECT = re.compile(
    r"\s{1,3}(?:is|was|because|since|as|due|per|not|or|and|would|seems|but|which|for|with|can|cannot|has|will|must|should|by|fits|makes|best|"
    r"nor|instead|rather|over|from|based|given|here|again|then|therefore|looks|holds|works|follows|wins|according|correct|only)\b"
)
_GAP = re.compile(
    r"(?:[\s,/&|+、]{0,4}(?:\b(?:or|and|oder|und|ou|et|o|y|e)\b|或者?|和|及)?[\s,/&|+、]{0,4}(?:(?:option|choice|answer)\b)?\s{0,2})"
)
_ALSO = re.compile(
    r"[^.!?\n]*(?:\bor\b|\band\b|\balso\b|\bthen\b|/|\),)\s{0,3}(?:option |choice |possibly |maybe |perhaps |then )?\s{0,3}$"
)
_REASON = re.compile(r"\b(?:because|since|as|while|whereas|which|due|it|for|but|so|not|if|when|between|than|says|describe\w*)\b|\.\s|;")
_CLAUSE = re.compile(r"[)\]\"'*]{0,3}\s{0,3}(?:is|was|has|does|can|cannot|can't|isn't|doesn't|would|will|makes|fails|因|是|不)")
_CHOSEN = re.compile(
    r"(?:(?:\b(?:choose|choosing|chose|pick|picked|picking|select|selected|selecting|go with|going with|opt for|vote for|answer|option|choice|"
    r"letter|must be|should be|would be|has to be|is|it's|that's|gives|therefore|so|hence|thus|say|think|conclude|est|ist|es|è|é|=)\b|选|選|->|→)"
    r"(?:[\s:,*]{1,4}(?:option|choice|letter|answer|the|is|it's|that|it|be|would|must|should|clearly|definitely|probably|most likely)\b){0,4}"
    rf"[\s:,*]{{0,4}})(?P<letter>{_LETTER})"
    rf"|(?P<right>{_LETTER})\)?(?: (?:\([^()]{{0,60}}\) )?(?:is|was|would be|seems|must be|looks)(?: (?:also|clearly|the|most|only|a|definitely|"
    r"therefore|thus|indeed|likely|probably|obviously|more|far|much)){0,4} (?:correct|right|valid|best|true|answer|accurate|better|likely|"
    r"appropriate|clear|choice|option|one|plausible|consistent|reasonable|suitable|fitting)\b|\s?(?:是?正确|是?对))",
    re.IGNORECASE,
)
_DENIED_TEXT = re.compile(r" (?:not|isn t|can t be|cannot be|rather than|instead of|never)(?=( \S+){0,9})")
_NAMED = re.compile(r"(?:option|choice|answer|letter|opción|选项|選項)s?\s{0,3}:?\s{0,3}$", re.IGNORECASE)
_START = re.compile(r"[\W_]{0,9}(?:\((?P<low>[A-Za-z])\)|(?P<bare>[A-Za-z])(?:[.):\]]|\s{0,3}$|\s{0,3}\n))(?=\s|$|[^\x00-\x7f])")
_SINGLE = re.compile(r"[^A-Za-z0-9]{0,20}([A-Za-z])[^A-Za-z0-9]{0,20}")


def gold(text: str, choices: list[str] | None) -> str | None:
    """The gold option as a letter; None where it is none of them."""
    bare = text.strip().strip("()")
    if len(bare) == 1 and bare in string.ascii_uppercase[: len(choices) if choices else 26]:
        return bare
    return _same_text(text, choices or [])


def final(span: Span, choices: list[str] | None) -> str | None:
    """The letter of the option that `span` commits to; NOTHING where it commits to several or to one that is not there; None where it
    commits to nothing."""
    letters = string.ascii_uppercase[: len(choices)] if choices else string.ascii_uppercase
    text = straight(plain(span.text))
    if span.rule == "text":
        return _in_prose(text[:MAX_PROSE], letters)
    text = text[:MAX_SPAN]
    if single := _SINGLE.fullmatch(text):
        return single.group(1).upper() if single.group(1).upper() in letters else NOTHING
    if span.rule == "alone":
        return _same_text(text, choices or [])
    by_text = _same_text(text, choices or []) or _same_text(first_sentence(text), choices or [])
    if by_text:
        return by_text
    found = _by_letter(text, letters, span.rule)
    return found if found is not None else _within(text, choices or [])


def _by_letter(text: str, letters: str, rule: str) -> str | None:
    start = _START.match(text)
    if start and (letter := (start.group("low") or start.group("bare"))).islower() and letter.upper() in letters:
        return letter.upper()
    text = _DENIED.sub(lambda found: " " * len(found.group()), text)
    tokens = [found for found in _TOKEN.finditer(text) if not _is_word(text, found)]
    if not tokens:
        return None
    lead = _lead(text, tokens)
    if lead:
        return _one(lead, letters)
    chosen = [found.group("letter") or found.group("right") for found in _CHOSEN.finditer(text)]
    if rule == "last":
        return _one(_bracketed(text, tokens), letters) or _one([_bare(chosen[-1])] if chosen else [], letters)
    first = first_sentence(text)
    for group in (
        _bracketed(first, tokens),
        [token.group("letter") for token in tokens if token.end() <= len(first)],
        map(_bare, chosen[-1:]),
    ):
        if named := list(group):
            return _one(named, letters)
    return None


def _one(named: list[str], letters: str) -> str | None:
    """The only letter of `named`; NOTHING where there are several, or it is no option."""
    if not named:
        return None
    return named[0] if len(set(named)) == 1 and named[0] in letters else NOTHING


def _bare(letter: str) -> str:
    return letter.strip("()[]\"'$* ")


def _bracketed(text: str, tokens: "list[re.Match[str]]") -> list[str]:
    """The letters of `text` that stand in brackets or after `option`."""
    return [
        token.group("letter")
        for token in tokens
        if token.end() <= len(text)
        and (")" in token.group("close") or "]" in token.group("close") or _NAMED.search(text[: token.start()][-20:]))
    ]


def _lead(text: str, tokens: "list[re.Match[str]]") -> list[str]:
    """The letters that `text` begins with, up to words that only lead to them: one, or those of a hedge (`A or B`, `A/B`, `A B`)."""
    before = re.findall(r"[^\W\d]+(?:'[a-z]+)?", text[: tokens[0].start()].lower())
    if len(before) > 8 or not all(word in _FILLERS for word in before):
        return []
    named = [tokens[0].group("letter")]
    for one, other in pairwise(tokens):
        gap = text[one.end() : other.start()]
        joined = len(gap) < 30 and _GAP.fullmatch(gap) and (gap.strip(" ,") or not _CLAUSE.match(text, other.end()))
        if not joined and not (len(gap) < 90 and _ALSO.search(gap) and not _REASON.search(gap)):
            break
        named.append(other.group("letter"))
    return named


def _is_word(text: str, found: "re.Match[str]") -> bool:
    """`A` before a word in small letters is an article; `I` is a pronoun unless it stands alone."""
    letter, close = found.group("letter"), found.group("close")
    if letter not in "AI" or found.group("open").strip("$*") or close.strip("$*"):
        return False
    after = text[found.end() :][:20]
    if _NAMED.search(text[: found.start()][-20:]):
        return False
    if letter == "I":
        return re.match(r"\s{0,3}(?:$|[.):/])", after) is None
    return re.match(r"\s{1,3}[a-z]", after) is not None and _CONNECT.match(after) is None


def _in_prose(text: str, letters: str) -> str | None:
    """The option that a text without a marker chooses: `B. Because ...` at its start, or the last `I choose B`, `B is correct`."""
    cleared = _DENIED.sub(lambda found: " " * len(found.group()), text)
    chosen = [_bare(found.group("letter") or found.group("right")) for found in _CHOSEN.finditer(cleared)]
    chosen = [letter for letter in chosen if letter in letters]
    if chosen and chosen[-1] not in "AI":
        return chosen[-1]
    start = _START.match(text)
    letter = (start.group("low") or start.group("bare")).upper() if start else ""
    return letter if letter and letter in letters else None


def _same_text(text: str, choices: list[str]) -> str | None:
    """The only option whose text is `text`."""
    answer = normal(text)
    same = [place for place, option in enumerate(choices) if answer and normal(option) == answer]
    return string.ascii_uppercase[same[0]] if len(same) == 1 else None


def _within(text: str, choices: list[str]) -> str | None:
    """The only option whose text stands in `text` as whole words; one that stands in another named one does not count."""
    padded = f" {normal(text)} "
    forms = [normal(option) for option in choices]
    named = {place: form for place, form in enumerate(forms) if form and f" {form} " in _affirmed(padded, form)}
    longest = [place for place, option in named.items() if not any(option != other and option in other for other in named.values())]
    if not longest:
        return None
    return string.ascii_uppercase[longest[0]] if len(longest) == 1 else NOTHING


def _affirmed(padded: str, form: str) -> str:
    """`padded` without the places where `form` is denied."""
    for denial in ("not", "isn t", "can t be", "cannot be", "rather than", "instead of", "never"):
        padded = padded.replace(f" {denial} {form} ", " ")
    return padded
