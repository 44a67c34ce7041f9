"""Problems put in styles: the Prompt rows of a run."""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, model_validator

from stages.shared.errors import unknown
from stages.shared.params import Strict
from stages.shared.rows import Problem, Prompt
from stages.styles import STYLES, Put, style


def _known(name: str) -> str:
    if name not in STYLES:
        raise ValueError(unknown("style", name, STYLES))
    return name


StyleName = Annotated[str, AfterValidator(_known)]
"""A params type: the name of a member of the registry `styles`."""


def put(value: Any) -> Put:
    """The style that params name: `plain`, or a mapping from the one name to the params of the style.

    Raises ValueError where there is no such style, and where it has no params.
    """
    if isinstance(value, Put):
        return value
    if isinstance(value, str):
        name, given = _known(value), None
    elif isinstance(value, dict) and len(value) == 1:
        ((name, given),) = value.items()
        _known(name)
    else:
        raise ValueError("expected a style, or a mapping from one style to its params")
    model = getattr(style(name), "Params", None)
    if model is None and given:
        raise ValueError(f"style {name!r} has no params")
    return Put(name, model and model.model_validate(given or {}))


Asked = Annotated[Put, PlainValidator(put)]
"""A params type: a style, with its params where it has any."""


class Several(Strict):
    """Several styles for each problem, in the order given."""

    styles: list[StyleName] = Field(min_length=1)  # the styles to choose from, each named once
    n: int | None = Field(default=None, ge=1)  # how many of them each problem is put in (null: all)
    # first: the first n of the list; seeded: n drawn for each problem by a hash of seed and problem id
    draw: Literal["first", "seeded"] = "first"

    @model_validator(mode="after")
    def _enough(self) -> "Several":
        if twice := sorted({name for name in self.styles if self.styles.count(name) > 1}):
            raise ValueError(f"styles: named twice: {', '.join(twice)}")
        if self.n is not None and self.n > len(self.styles):
            raise ValueError(f"n: {self.n} of {len(self.styles)} styles cannot be taken")
        return self

    def chosen(self, problem: str, seed: int) -> list[str]:
        """The styles for the problem of this id: which ones depends on nothing else, so another style added
        moves no more than it must."""
        n = self.n or len(self.styles)
        if self.draw == "first":
            return self.styles[:n]
        taken = set(
            sorted(
                self.styles,
                key=lambda name: sha256(f"{seed} {name} {problem}".encode("utf-8", "surrogatepass")).digest(),
            )[:n]
        )
        return [name for name in self.styles if name in taken]


def _name_or_several(value: Any) -> Any:
    if isinstance(value, dict) and "styles" in value:
        return Several.model_validate(value)
    if not isinstance(value, str | dict | Put):
        raise ValueError("expected a style, or a mapping with the key 'styles'")
    return put(value)


Styles = Annotated[Any, BeforeValidator(_name_or_several)]
"""A params type: a style, with its params where it has any, or `Several`."""


def prompts(
    problems: Iterable[Problem], styles: Mapping[str, str | Put | Several], seed: int = 0
) -> Iterator[Prompt]:
    """For each problem, its prompts next to each other: for each `by` of `styles` one, or one for each style
    chosen of several."""
    single = {by: put(asked) for by, asked in styles.items() if not isinstance(asked, Several)}
    several = {by: asked for by, asked in styles.items() if isinstance(asked, Several)}
    members = {name: put(name) for asked in several.values() for name in asked.styles}
    for problem in problems:
        fields = msgspec.structs.asdict(problem)
        for by in styles:
            chosen = (
                [single[by]]
                if by in single
                else [members[name] for name in several[by].chosen(problem.id, seed)]
            )
            for asked in chosen:
                yield Prompt(**fields, by=by, style=asked.name, messages=asked.render(problem))
