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
from stages.samplers.asking.repeats import RepeatedPrompt
from stages.shared.errors import BadInput, unknown
from stages.shared.files import read
from stages.shared.params import Strict
from stages.shared.rows import Ending, Prompt


class Params(Strict):
    """Which former answers are read, and for which prompts they stand."""

    sampler: Literal["recorded"]
    # At most so many answers to each prompt, in the order of `files`.
    n: int = Field(default=1, ge=1)
    # Files, and folders, which stand for their `*.jsonl`, by name.
    files: list[str] = Field(min_length=1)
    # Only answers by these models (null: by all).
    models: list[str] | None = Field(default=None, min_length=1)
    # Only answers of these `prompt_style` (null: of all).
    styles: list[str] | None = Field(default=None, min_length=1)
    # By style of the prompt: whose answers stand for answers in that style, as `model` or
    # `model/prompt_style`. A prompt in any other style is an error. Null: all answers stand for any style.
    stand_for: dict[str, Annotated[list[str], Field(min_length=1)]] | None = Field(default=None, min_length=1)
    # Whose answers, named likewise, hold the two characters backslash and n where a line ends (null:
    # nobody's).
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


class FormerAnswer(NamedTuple):
    """An answer, the names of who gave it, and the options it was given to (None: not known)."""

    answer: Answer
    names: tuple[str, str]
    choices: list[str] | None


Index = dict[str, list[FormerAnswer]]


def answer(prompts: Iterable[Prompt], params: Params, seed: int) -> Iterator[list[Answer]]:
    """`tokens` is 0: not known. Says on standard error how many prompts had no answer, and how many answers
    were to other options. Raises BadInput where no prompt had any, on a prompt in a style that `stand_for`
    does not name, and on a prompt that is put again: former answers stay what they are."""
    by_id, by_question = _index(params)
    asked = missing = to_other_options = 0
    for prompt in prompts:
        if isinstance(prompt, RepeatedPrompt):
            raise BadInput(
                f"sampler recorded: prompt {prompt.id!r} cannot be put again: no answer is new here"
            )
        known = by_id.get(prompt.id) or by_question.get(_normal(prompt.question)) or []
        standing = [former for former in known if _stands(former, prompt.style, params)]
        fitting = [
            former.answer for former in standing if former.choices is None or former.choices == prompt.choices
        ]
        asked += 1
        missing += not fitting
        to_other_options += len(standing) - len(fitting)
        yield fitting[: params.n]
    files = ", ".join(params.files)
    if asked and missing == asked:
        ids = ", ".join(map(repr, list(by_id)[:3])) or "none"
        hint = f" ({to_other_options} are to other options)" if to_other_options else ""
        raise BadInput(
            f"sampler recorded: no answer in {files} belongs to any of the {asked} prompts{hint}; "
            f"the first ids there: {ids}"
        )
    if to_other_options:
        print(
            f"sampler recorded: {to_other_options} answers in {files} are to other options "
            "than those of their prompts",
            file=sys.stderr,
        )
    if missing:
        print(f"sampler recorded: {missing} of {asked} prompts have no answer in {files}", file=sys.stderr)


def _stands(former: FormerAnswer, style: str, params: Params) -> bool:
    """Whether an answer stands for an answer in `style`."""
    if params.stand_for is None:
        return True
    if style not in params.stand_for:
        raise BadInput(
            f"sampler recorded: stand_for: no one stands for style {style!r}; "
            f"it has: {', '.join(params.stand_for)}"
        )
    return not set(former.names).isdisjoint(params.stand_for[style])


def _index(params: Params) -> tuple[Index, Index]:
    """The answers that params keep, by problem id and by question."""
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
        former = _former_answer(row, params)
        if row.problem_id is not None:
            by_id[str(row.problem_id)].append(former)
        if row.question:
            by_question[_normal(row.question)].append(former)
    standing = [name for names_of_style in (params.stand_for or {}).values() for name in names_of_style]
    _check_names("model", params.models, models)
    _check_names("prompt_style", params.styles, styles)
    _check_names("name in stand_for", standing, names)
    _check_names("name in escaped", params.escaped, names)
    return by_id, by_question


def _former_answer(row: Recorded, params: Params) -> FormerAnswer:
    escaped = not set(row.names).isdisjoint(params.escaped or ())
    text = row.response.replace("\\n", "\n") if escaped else row.response
    choices = row.choices.text if isinstance(row.choices, Choices) else row.choices
    return FormerAnswer(Answer(text, row.ending, tokens=0, model=row.names[1]), row.names, choices)


def _check_names(what: str, wanted: list[str] | None, present: set[str]) -> None:
    """Raises BadInput where no line has a name that params give."""
    for name in wanted or []:
        if name not in present:
            raise BadInput(f"sampler recorded: {unknown(what, name, present)}")


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
