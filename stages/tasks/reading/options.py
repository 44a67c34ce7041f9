"""Options and their labels: a choice's gold answer is the letter of its option, whatever the data set calls
it."""

from collections.abc import Sequence
from typing import Any

from stages.shared.errors import BadInput

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def labelled(choices: Any, where: str) -> tuple[list[str], list[str]]:
    """The texts and the labels of `{"label": ["A", "B"], "text": ["red", "blue"]}`. Raises BadInput where
    these are no options."""
    labels, texts = (list(choices.get(name) or ()) for name in ("label", "text"))
    if len(labels) != len(texts):
        raise BadInput(f"{where}: {len(labels)} option labels for {len(texts)} option texts")
    check(texts, labels, where)
    return texts, labels


def check(texts: Sequence[Any], labels: Sequence[Any], where: str) -> None:
    """Raises BadInput where these are not options that letters can stand for. Texts may repeat, as they do in
    CommonsenseQA."""
    if not 2 <= len(texts) <= len(LETTERS):
        raise BadInput(f"{where}: expected 2 to {len(LETTERS)} options, got {len(texts)}")
    for text in [*texts, *labels]:
        if not isinstance(text, str) or not text.strip():
            raise BadInput(f"{where}: an option is blank or no text, got {text!r}")
    for label in labels:
        if labels.count(label) > 1:
            raise BadInput(f"{where}: duplicate option label {label!r} among {', '.join(labels)}")


def letter(label: str, labels: Sequence[str], where: str) -> str:
    """The letter of the option called `label`; BadInput where none is called that."""
    if label.strip() not in labels:
        raise BadInput(
            f"{where}: the gold answer {label!r} names no option; choose from: {', '.join(labels)}"
        )
    return LETTERS[labels.index(label.strip())]


def named(gold: str, texts: Sequence[str], labels: Sequence[str], where: str) -> str:
    """The letter of the option that `gold` names by its label (in either case) or its text.

    Raises BadInput where it names none, or one by its label and another by its text: neither is guessed.
    """
    plain = gold.strip()
    called = {LETTERS[place] for place, label in enumerate(labels) if label.casefold() == plain.casefold()}
    texted = [LETTERS[place] for place, text in enumerate(texts) if text.strip() == plain][:1]
    letters = called | set(texted)
    if len(letters) > 1:
        raise BadInput(
            f"{where}: the gold answer {gold!r} is the label of one option and the text of another"
        )
    return letters.pop() if letters else letter(gold, labels, where)
