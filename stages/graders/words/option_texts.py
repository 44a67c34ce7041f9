"""Which option a text names by the words of the option."""

import re
import string
from functools import lru_cache

from stages.graders.words.words import normal

NOTHING = ""  # the answer names several options, or one that is not offered
_DENIALS = ("not", "isn t", "can t be", "cannot be", "rather than", "instead of", "never")


@lru_cache(maxsize=4096)
def normal_form(option: str) -> str:
    """An option in normal form. Cached: every response to a problem has the same options."""
    return normal(option)


def same_text(text: str, choices: list[str]) -> str | None:
    """The letter of the first option with the text `text`; None where there is none."""
    answer = normal(text)
    matches = [
        letter
        for letter, option in zip(string.ascii_uppercase, choices, strict=False)
        if answer and normal_form(option) == answer
    ]
    return matches[0] if matches else None


def within(text: str, choices: list[str]) -> str | None:
    """The letter of the only option whose words stand in `text`; NOTHING where there are several.

    An option whose words stand within another named option does not count.
    """
    padded = f" {normal(text)} "
    forms = dict(zip(string.ascii_uppercase, map(normal_form, choices), strict=False))
    named = {
        letter: form
        for letter, form in forms.items()
        if form and f" {form} " in _without_denied(padded, form)
    }
    longest = {
        form
        for form in named.values()
        if not any(form != longer and form in longer for longer in named.values())
    }
    if not longest:
        return None
    return next(letter for letter, form in named.items() if form in longest) if len(longest) == 1 else NOTHING


def in_line(line: str, options: list[str]) -> str | None:
    """The only option that the last line of a response names, also in the plural."""
    if any(len(option.split()) < 2 for option in options):
        return None
    padded = f" {normal(line)} "
    named = [
        letter
        for letter, form in zip(string.ascii_uppercase, map(normal_form, options), strict=False)
        if form and re.search(rf" {re.escape(form)}s? ", padded)
    ]
    return named[0] if len(named) == 1 else None


def _without_denied(padded: str, form: str) -> str:
    for denial in _DENIALS:
        padded = padded.replace(f" {denial} {form} ", " ")
    return padded
