"""Former answers, read from JSONL files or folders of them, one answer a line:

    {"problem_id": "gsm8k-test-0", "model": "gpt3-175b", "prompt_style": "finetuning", "response": "...",
    "ending": "stop"}

`response` is needed, and `problem_id` or `question`; the rest may be left out, other fields are ignored. An
answer belongs to a prompt of the same problem id, or else of the same question (letter case and white space
aside). Where a line also has the `choices` that its model saw, it belongs only to a prompt with the same ones
in the same order: else its letters would name other options.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec
from pydantic import Field

from stages.samplers import Answer
from stages.shared.errors import BadInput, unknown
from stages.shared.params import Strict
from stages.shared.rows import Ending, Prompt, read


class Params(Strict):
    """At most `n` answers to each prompt, in the order of `files` (a folder stands for its `*.jsonl`, by
    name); `models` and `styles` (of `prompt_style`) keep only those named.

    `stand_for`: by style of the prompt, whose answers stand for answers in that style, as `model` or
    `model/prompt_style`; a prompt in any other style is an error (null: all answers stand for any style).
    `escaped`: whose answers, named likewise, hold the two characters backslash and n where a line ends.
    """

    sampler: Literal["recorded"]
    n: int = Field(default=1, ge=1)
    files: list[str] = Field(min_length=1)
    models: list[str] | None = Field(default=None, min_length=1)
    styles: list[str] | None = Field(default=None, min_length=1)
    stand_for: dict[str, Annotated[list[str], Field(min_length=1)]] | None = Field(default=None, min_length=1)
    escaped: list[str] | None = Field(default=None, min_length=1)


class Choices(msgspec.Struct):
    """Options as data sets have them."""

    text: list[str]


class Recorded(msgspec.Struct):
    """A line of a file of former answers."""

    response: str
    problem_id: str | int | None = None
    question: str | None = None
    model: str = "recorded"
    prompt_style: str = ""
    ending: Ending = Ending.STOP
    choices: Choices | list[str] | None = None

    @property
    def names(self) -> tuple[str, str]:
        """Who answered: the model, and the model as asked."""
        return self.model, f"{self.model}/{self.prompt_style}" if self.prompt_style else self.model

    def __post_init__(self) -> None:
        if self.problem_id is None and not self.question:
            raise ValueError("needs a `problem_id` or a `question` to be matched by")


class Kept(NamedTuple):
    """An answer, by whom, and the options that it was given to, where that is known."""

    answer: Answer
    names: tuple[str, str]
    choices: list[str] | None


Index = dict[str, list[Kept]]


def answer(prompts: Iterable[Prompt], params: Params, seed: int) -> Iterator[list[Answer]]:
    """`tokens` is 0: not known. Says on standard error how many prompts had no answer, and how many answers
    were to other options; raises BadInput where none had any, and on a prompt in a style that `stand_for`
    does not name."""
    by_id, by_question = _index(params)
    asked = missing = strange = 0
    for prompt in prompts:
        known = by_id.get(prompt.id) or by_question.get(_normal(prompt.question)) or []
        standing = [one for one in known if _stands(one, prompt.style, params)]
        found = [one.answer for one in standing if one.choices is None or one.choices == prompt.choices]
        asked += 1
        missing += not found
        strange += len(standing) - len(found)
        yield found[: params.n]
    files = ", ".join(params.files)
    if asked and missing == asked:
        ids = ", ".join(map(repr, list(by_id)[:3])) or "none"
        others = f" ({strange} are to other options)" if strange else ""
        raise BadInput(
            f"sampler recorded: no answer in {files} belongs to any of the {asked} prompts{others}; the first ids there: {ids}"
        )
    if strange:
        print(
            f"sampler recorded: {strange} answers in {files} are to other options than those of their prompts",
            file=sys.stderr,
        )
    if missing:
        print(f"sampler recorded: {missing} of {asked} prompts have no answer in {files}", file=sys.stderr)


def _stands(one: Kept, style: str, params: Params) -> bool:
    if params.stand_for is None:
        return True
    if style not in params.stand_for:
        raise BadInput(
            f"sampler recorded: stand_for: no one stands for style {style!r}; it has: {', '.join(params.stand_for)}"
        )
    return not set(one.names).isdisjoint(params.stand_for[style])


def _index(params: Params) -> tuple[Index, Index]:
    by_id: Index = defaultdict(list)
    by_question: Index = defaultdict(list)
    models: set[str] = set()
    styles: set[str] = set()
    names: set[str] = set()
    for row in _rows(params.files):
        models.add(row.model)
        styles.add(row.prompt_style)
        names.update(row.names)
        if (params.models and row.model not in params.models) or (
            params.styles and row.prompt_style not in params.styles
        ):
            continue
        text = (
            row.response
            if set(row.names).isdisjoint(params.escaped or ())
            else row.response.replace("\\n", "\n")
        )
        choices = row.choices.text if isinstance(row.choices, Choices) else row.choices
        found = Kept(Answer(text=text, ending=row.ending, tokens=0, model=row.names[1]), row.names, choices)
        if row.problem_id is not None:
            by_id[str(row.problem_id)].append(found)
        if row.question:
            by_question[_normal(row.question)].append(found)
    standing = [name for ones in (params.stand_for or {}).values() for name in ones]
    wanted = (("model", params.models, models), ("prompt_style", params.styles, styles))
    for what, ones, present in (
        *wanted,
        ("name in stand_for", standing, names),
        ("name in escaped", params.escaped, names),
    ):
        for name in ones or []:
            if name not in present:
                raise BadInput(f"sampler recorded: {unknown(what, name, present)}")
    return by_id, by_question


def _rows(files: list[str]) -> Iterator[Recorded]:
    for name in files:
        path = Path(name)
        inside = sorted(path.glob("*.jsonl"))
        if path.is_dir() and not inside:
            raise BadInput(f"{path}: no recorded answers: the folder holds no *.jsonl file")
        if not path.exists():
            raise BadInput(f"{path}: no such file of recorded answers")
        for file in inside or [path]:
            yield from read(file, Recorded)


def _normal(question: str) -> str:
    return " ".join(question.casefold().split())
