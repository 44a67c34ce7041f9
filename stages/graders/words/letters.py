"""Option letters in prose: which capital letters name options, which are denied, and which are chosen.

The article in `A dog`, the pronoun I and the A of `Answer` name no option. `Not C`, `it can't be A or B` and
`A and D are wrong` deny the options that they name.
"""

import re
from itertools import pairwise

from stages.graders.languages.others import LANGUAGES
from stages.graders.languages.wordlists import any_of

_TOKEN = re.compile(
    r"(?<![A-Za-z0-9_\\])(?<![A-Z]\.)(?<![A-Za-z]['-])(?P<open>[(\[{<\"'“«「【$*]{0,4})(?P<letter>[A-Z])"
    r"(?P<close>[)\]}>\"'”»」】$*]{0,4})(?![A-Za-z0-9_]|['-][A-Za-z]|\.[A-Za-z])"
)
_LETTER = r"[(\[\"'$*]{0,3}(?-i:[A-Z])[)\]\"'$*]{0,3}(?![A-Za-z0-9_]|'[A-Za-z])"
_LIST = (
    rf"{_LETTER}(?:(?:\s{{0,3}}(?:,|/|&|or|and|nor|oder|ou|和|或|、)\s{{0,3}}){{1,2}}(?:option "
    rf"|choice )?{_LETTER}){{0,9}}"
)
_JOINED = (
    rf"{_LETTER}(?:(?:\s{{0,3}},\s{{0,3}}{_LETTER}){{0,9}}\s{{0,3}},?\s{{0,3}}(?:/|&|and|or|nor|和"
    rf"|或)\s{{0,3}}{_LETTER})?"
)
_DENIES = "|".join(any_of(language.denies) for language in LANGUAGES if language.denies and language.spaced)
_DENIES_UNSPACED = "|".join(
    any_of(language.denies) for language in LANGUAGES if language.denies and not language.spaced
)
_NOT = (
    r"(?:\b(?:not|never|nor|isn't|wasn't|aren't|can't|cannot|couldn't|won't|wouldn't|neither|rather than"
    r"|instead of|except|than|against"
    r"|unlike|eliminat(?:e|ed|es|ing)|rul(?:e|ed|es|ing) out|exclud(?:e|ed|es|ing)|reject(?:s|ed|ing)?"
    r"|discard(?:s|ed|ing)?|consider(?:ed)?"
    rf"|{_DENIES})\b|{_DENIES_UNSPACED})"
    r"(?: ?(?:be|choose|pick|select|just|only|simply|for|it|to|the|either|both|any|of|options?|choices?"
    r"|answers?|letter)\b:?){0,4}\s{0,3}"
)
_SAID_WRONG = "|".join(  # ` ist falsch`, `项说法错误`
    rf"\s{any_of(language.wrong)}(?!\w)"
    if language.spaced
    else rf"\s?(?:{any_of(language.options)})?\s?{any_of(language.wrong)}"
    for language in LANGUAGES
    if language.wrong
)
_SO = "|".join(any_of(language.so) for language in LANGUAGES if language.so and language.spaced)
_SO_UNSPACED = "|".join(any_of(language.so) for language in LANGUAGES if language.so and not language.spaced)
_SAID_RIGHT = "|".join(
    rf"\s{any_of(language.right)}(?!\w)"
    if language.spaced
    else rf"\s?(?:{any_of(language.options)})?\s?{any_of(language.right)}"
    for language in LANGUAGES
    if language.right
)
_NOUNS = "|".join(any_of(language.options) for language in LANGUAGES if language.options)
_FAILS = (
    r"(?:(?: (?:is|are|was|were|would be|will be|seems?|looks?|can be|could be|has been|have been|appears?"
    r"|being|also|clearly|both|all"
    r"|obviously|definitely|just|only|merely|simply|a|an|the|common|too|partially|immediately)){1,5}"
    r" (?:not|wrong|incorrect|false|eliminated|excluded|ruled out|out|invalid|impossible|irrelevant|unlikely"
    r"|implausible|distractors?"
    r"|unsupported|inaccurate|mistaken|rejected|discarded|less|untrue)\b"
    r"|(?: (?:is|are|was|were|does|do|did|can|could|would|will)n't| cannot| does not| do not| did not"
    r"| can't| won't|'s not| makes no| fails)\b"
    rf"|{_SAID_WRONG})"
)
_DENIED = re.compile(
    rf"\b(?:of|among|from|between) (?:the |these )?(?:\w{{1,12}} )?(?:options|choices|answers"
    rf"|letters),? {_JOINED},"
    rf"|{_LETTER} would (?:have|require|need|only|imply|mean|give|apply)\b"
    rf"|{_LETTER} (?:is|was|would be) (?:correct|right|true) (?:only )?(?:if|when)\b|{_NOT}{_LIST}"
    rf"|(?:(?:options?|choices?|answers?|both|either|neither|all|and"
    rf"|of) ){{0,3}}{_JOINED}(?: \([^()]{{0,60}}\))?,?{_FAILS}",
    re.IGNORECASE,
)
_RIGHT = (
    r"(?: (?:\([^()]{0,60}\) )?(?:is|was|would be|seems|must be|looks)(?: (?:also|clearly|the|most|only|a"
    r"|definitely|therefore|thus|indeed"
    r"|likely|probably|obviously|more|far|much)){0,4} (?:correct|right|valid|best|true|answer|accurate|better"
    r"|likely|appropriate|clear"
    r"|choice|option|one|plausible|consistent|reasonable|suitable|fitting)\b"
    rf"| (?:works|fits|remains|holds|wins)\b|{_SAID_RIGHT})"
)
_CHOSEN = re.compile(
    r"(?:(?:\b(?:choos(?:e|ing)|chose|pick(?:ed|ing)?|select(?:ed|ing)?|go(?:ing)? with|opt for|vote for"
    r"|leav(?:es|ing)(?: us with| only)?"
    r"|only|answer|option|choice|letter|(?:must|should|would|has to) be|is|it's|that's|gives|therefore|so"
    r"|hence|thus|say|think|conclude"
    rf"|{_SO}|est|ist|es|è|é|=)\b|{_SO_UNSPACED}|->|→)"
    rf"(?:\s{{0,3}}(?:{_NOUNS})(?!\w))?"
    r"(?:[\s:,*]{1,4}(?:option|choice|letter|answer|the|is|it's|that|it|be|would|must|should|clearly"
    r"|definitely|probably"
    r"|most likely)\b){0,4}"
    rf"[\s:,*]{{0,4}})(?P<one>{_LETTER})|(?P<other>{_LETTER})\)?{_RIGHT}",
    re.IGNORECASE,
)
_LEADING = frozenset(
    re.findall(
        r"\S+",
        "for sure definitely probably likely clearly certainly most simply just indeed therefore thus so "
        "hence is it's it be to seems still again either both but option options choice letter answer the "
        "correct best right choose pick select would that i i'd think say believe will my final go with "
        "number selected as statement actually now obviously of course maybe perhaps lettre opción buchstabe",
    )
)
_AFTER_ARTICLE = re.compile(
    r"\s{1,3}(?:is|was|because|since|as|due|per|not|or|and|would|seems|but|which|for|with|can|cannot|has|will"
    r"|must|should|by|fits|makes|best"
    r"|nor|instead|rather|over|from|based|given|here|again|then|therefore|looks|holds|works|follows|wins"
    r"|according|correct|only)\b"
)
_GAP = re.compile(
    r"[\s,/&|+、]{0,4}(?:\b(?:or|and|oder|und|ou|et|o|y|e)\b|或者?|和|及)?[\s,/&|+、]{0,4}(?:(?:option|choice"
    r"|answer)\b)?\s{0,2}"
)
_ALSO = re.compile(
    r"(?:\bor\b|\band\b|\balso\b|\bthen\b|/|\),)\s{0,3}(?:(?:option|choice|possibly|maybe|perhaps"
    r"|then) )?\s{0,3}$"
)
_REASON = re.compile(
    r"\b(?:because|since|as|while|whereas|which|due|it|for|but|so|not|if|when|between|than|says"
    r"|describe\w*)\b|[.!?]\s|;|\n"
)
_CLAUSE = re.compile(
    r"[)\]\"'*]{0,3}\s{0,3}(?:is|was|has|does|can|cannot|can't|isn't|doesn't|would|will|makes|fails|因|是|不)"
)
_NAMED = re.compile(r"(?:option|choice|answer|letter|opción|选项|選項)s?\s{0,3}:?\s{0,3}$", re.IGNORECASE)
_QUANTITY = re.compile(r"[\d°]\s?$")
_WORD = re.compile(r"[^\W\d]+(?:'[a-z]+)?")

_OPENED = re.compile(
    rf"\W{{0,9}}(?:(?:(?:the )?(?:correct |best |right )?(?:option|choice"
    rf"|answer)(?: is)?:? )?(?P<right>{_LETTER})\)?{_RIGHT}"
    r"|(?:option |choice )?[(\[*]{0,3}(?P<alone>(?-i:[A-Z]))[)\]*.:]{0,4}[ \t]{0,3}(?=\n))",
    re.IGNORECASE,
)
_LATER = re.compile(
    r"(?:\b(?:so|therefore|thus|hence|instead|actually|wait|choose|pick|select|conclude|go with|answer is"
    r"|answer:)\b[^.\n]{0,30}?\s"
    rf"(?P<one>{_LETTER})|(?P<other>{_LETTER})\)?{_RIGHT})(?![a-z])",
    re.IGNORECASE,
)
_JUDGED = re.compile(
    r"^[^\w\n]{0,5}(?P<letter>[A-H])[^\w\n✅✓✔❌✗✘]{1,5}(?:(?P<right>(?:true|correct|right|yes)\b|[✅✓✔])"
    r"|(?:false|incorrect|wrong|no)\b|[❌✗✘])",
    re.IGNORECASE | re.MULTILINE,
)

Letter = re.Match[str]


def affirmed(text: str) -> str:
    """`text` with denied letters replaced by spaces."""
    return _DENIED.sub(lambda match: " " * len(match.group()), text)


def letters(text: str) -> list[Letter]:
    """The matches of the capital letters in `text` that may name options."""
    return [match for match in _TOKEN.finditer(text) if not _is_word(text, match)]


def _is_word(text: str, match: Letter) -> bool:
    """Whether a capital letter is a word or a quantity and names no option.

    `A` before a word in lower case is an article. `I` is a pronoun unless nothing else follows. `5 C` and `E
    = mc^2` are quantities.
    """
    letter = match.group("letter")
    if match.group("open").strip("$*") or match.group("close").strip("$*"):
        return False
    if _QUANTITY.search(text[max(0, match.start() - 3) : match.start()]) or text[
        match.end() : match.end() + 2
    ].strip().startswith("="):
        return True
    if letter not in "AI":
        return False
    if _NAMED.search(text[: match.start()][-20:]):
        return False
    after = text[match.end() : match.end() + 20]
    if letter == "I":
        return re.match(r"\s{0,3}(?:$|[.):/])", after) is None
    return re.match(r"\s{1,3}[a-z]", after) is not None and _AFTER_ARTICLE.match(after) is None


def leading(text: str, candidates: list[Letter]) -> list[str]:
    """The letters at the beginning of `text`, after words that only introduce a letter (`the answer is`).

    One letter, or all letters of a hedge (`A or B`, `A/B`, `A B`). `candidates` are the matches of `letters`.
    """
    before = _WORD.findall(text[: candidates[0].start()].lower())
    if len(before) > 8 or not all(word in _LEADING for word in before):
        return []
    named = [candidates[0].group("letter")]
    for letter, following in pairwise(candidates):
        gap = text[letter.end() : following.start()][:90]
        joined = _GAP.fullmatch(gap) and (gap.strip(" ,") or not _CLAUSE.match(text, following.end()))
        if not joined and (len(gap) == 90 or not _ALSO.search(gap) or _REASON.search(gap)):
            break
        named.append(following.group("letter"))
    return named


def bracketed(text: str, candidates: list[Letter]) -> list[str]:
    """The letters in brackets and the letters after `option`."""
    return [
        letter.group("letter")
        for letter in candidates
        if ")" in letter.group("close")
        or "]" in letter.group("close")
        or _NAMED.search(text[: letter.start()][-20:])
    ]


def opened(text: str) -> str | None:
    """The letter that the first words of `text` choose: `A is correct. B is ...`, or a line `B`.

    Of a list that calls each option true or false, the only true one. None where there is no such letter, or
    where the text chooses another letter later.
    """
    if len(judged := list(_JUDGED.finditer(text))) > 2:
        right = [match["letter"].upper() for match in judged if match["right"]]
        return right[0] if len(right) == 1 else None
    opening = _OPENED.match(text)
    if not opening:
        return None
    letter = (opening["right"] or opening["alone"]).strip("()[]\"'$* ")
    later_letters = (
        (match["one"] or match["other"]).strip("()[]\"'$* ")
        for match in _LATER.finditer(affirmed(text[opening.end() :]))
    )
    return letter if all(later == letter for later in later_letters) else None


def chosen(text: str) -> list[str]:
    """The letters of `I choose B`, `so it is B` and `B is correct`, in order."""
    named = (match.group("one") or match.group("other") for match in _CHOSEN.finditer(text))
    return [letter.strip("()[]\"'$* ") for letter in named]
