"""A rule book as text, and the rules that a text cites.

    R1. Damaged parcel: refund unless R3
    When: the parcel arrived damaged
    Right: "The vase came in pieces."

    R3. Old purchase: deny
    When: bought more than 30 days ago

A rule begins with its id, its name, its label and the rules that are exceptions to it, in one line; the lines
after it are what else is known of it.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

ID = re.compile(r"[A-Za-z]{1,8}-?\d{1,4}(?:\.\d{1,3})?")
_LABEL = re.compile(r"<(?:\w{1,20}_)?label>", re.IGNORECASE)
_THINK = re.compile(r"</?think>", re.IGNORECASE)
_HEAD = re.compile(rf"^({ID.pattern})\. [^\n]*$", re.MULTILINE)
_CITED = re.compile(rf"(?<![\w.-])(?:rules? )?({ID.pattern}|(?<=rule )\d{{1,4}})(?![\w-])", re.IGNORECASE)
# words around an id that say that the answer does not rest on the rule
_DENIED_BEFORE = re.compile(
    r"\b(?:not|neither|nor|unless|except for|rather than|instead of|without) (?:the |by |under )?"
    r"(?:rules? )?$",
    re.IGNORECASE,
)
_DENIED_AFTER = re.compile(
    r"[\"')\]*]{0,3} (?:\([^()\n]{0,60}\) )?(?:(?:also|thus|\w{2,9}ly) )?"
    r"(?:(?:(?:does|do|did|would|will|is|are|was)(?:n't| not)|cannot|never) (?:\w{2,9}ly )?"
    r"(?:apply|applies|hold|fit|match|trigger(?:ed)?|matter|relevant|met|applicable|satisfied|count)"
    r"|(?:is|are) (?:inapplicable|irrelevant))\b",
    re.IGNORECASE,
)


class Rule(NamedTuple):
    """A rule of a rule book."""

    id: str
    name: str
    label: str
    # when the rule applies; "": where its name says so
    trigger: str = ""
    # what takes precedence over the rule: ids of other rules, or descriptions
    exceptions: Sequence[str] = ()
    # texts to which the rule applies, and texts to which it does not
    right: Sequence[str] = ()
    wrong: Sequence[str] = ()


def written(rules: Iterable[Rule]) -> str:
    """The rules as one text, an empty line between two of them."""
    return "\n\n".join("\n".join(_lines(rule)) for rule in rules)


def _lines(rule: Rule) -> list[str]:
    others = [text for text in rule.exceptions if ID.fullmatch(text)]
    unless = f" unless {', '.join(others)}" if others else ""
    lines = [f"{rule.id}. {rule.name}: {rule.label}{unless}"]
    lines += [f"When: {rule.trigger}"] if rule.trigger else []
    described = [text for text in rule.exceptions if text not in others]
    for name, texts in (("Unless", described), ("Right", rule.right), ("Wrong", rule.wrong)):
        lines += [f"{name}: {text}" for text in texts]
    return lines


def ids_of(rule_book: str) -> list[str]:
    """The ids of the rules of a rule book, in order."""
    return [match[1] for match in _HEAD.finditer(rule_book)]


def cited(text: str, ids: Sequence[str]) -> list[str]:
    """The rules that `text` cites, each once, in the order in which they are first named.

    `ids` are those of the rule book. What has the form of an id and begins with the letters of one of them
    counts as a citation as well, so that a rule that does not exist is seen. `rule 3` is R3 where all ids
    begin with the same letters. A rule of which the text says that it does not apply (`R3 does not apply`,
    `not R3`, `unless R3`) is not cited. Case does not count.
    """
    known = {id.casefold(): id for id in ids}
    prefixes = {_letters(id) for id in known}
    cites: dict[str, None] = {}
    for match in _CITED.finditer(text.replace("’", "'")):
        name = match[1].casefold()
        if name.isdigit():
            name = "".join(prefixes) + name if len(prefixes) == 1 else ""
        if _letters(name) in prefixes and not _denied(text, match):
            cites.setdefault(known.get(name, match[1]))
    return list(cites)


def reasoning_of(text: str) -> str:
    """What stands before the label tags, or all of a text without them; thoughts between think tags are part
    of it, the tags are not."""
    return _THINK.sub(" ", _LABEL.split(text, maxsplit=1)[0]).strip()


def _letters(id: str) -> str:
    """What stands before the first digit: `r` of `r12`; "" where nothing does."""
    return re.split(r"\d", id, maxsplit=1)[0]


def _denied(text: str, match: re.Match[str]) -> bool:
    before, after = text[max(0, match.start() - 40) : match.start()], text[match.end() : match.end() + 100]
    return bool(_DENIED_BEFORE.search(before) or _DENIED_AFTER.match(after))
