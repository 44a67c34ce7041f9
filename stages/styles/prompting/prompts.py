"""Problems put in styles: the Prompt rows of a run."""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, create_model, model_validator

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
    if model is None:
        return Put(name)
    # a model of one field, so that a fault is told below the style's name
    field: Any = {name: (model, ...)}
    checked = create_model("Params", __base__=Strict, **field)
    return Put(name, getattr(checked.model_validate({name: given or {}}), name))


Asked = Annotated[Put, PlainValidator(put)]
"""A params type: a style, with its params where it has any."""


def _tagged(value: Any) -> Put:
    asked = put(value)
    if asked.name != "tagged":
        raise ValueError("expected the style tagged, which a pair can be asked in any style by")
    return asked


Tagged = Annotated[Put, PlainValidator(_tagged)]
"""A params type: the style `tagged`, with its params."""


class Several(Strict):
    """Several styles for each problem, in the order given."""

    # the styles to choose from, each named once
    styles: list[Annotated[Any, BeforeValidator(put)]] = Field(min_length=1)
    n: int | None = Field(default=None, ge=1)  # how many of them each problem is put in (null: all)
    # first: the first n of the list; seeded: n drawn for each problem by a hash of seed and problem id
    draw: Literal["first", "seeded"] = "first"

    @model_validator(mode="after")
    def _enough(self) -> "Several":
        names = [asked.name for asked in self.styles]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"styles: named twice: {', '.join(twice)}")
        if self.n is not None and self.n > len(self.styles):
            raise ValueError(f"n: {self.n} of {len(self.styles)} styles cannot be taken")
        return self

    def chosen(self, problem: str, seed: int) -> list[Put]:
        """The styles for the problem of this id: which ones depends on nothing else, so another style added
        moves no more than it must."""
        n = self.n or len(self.styles)
        if self.draw == "first":
            return self.styles[:n]
        by_hash = sorted(
            (asked.name for asked in self.styles),
            key=lambda name: sha256(f"{seed} {name} {problem}".encode("utf-8", "surrogatepass")).digest(),
        )
        return [asked for asked in self.styles if asked.name in by_hash[:n]]


def _name_or_several(value: Any) -> Any:
    if isinstance(value, dict) and Several.model_fields.keys() & value:
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
    asked = {by: value if isinstance(value, Several) else put(value) for by, value in styles.items()}
    for problem in problems:
        fields = msgspec.structs.asdict(problem)
        for by, value in asked.items():
            for chosen in [value] if isinstance(value, Put) else value.chosen(problem.id, seed):
                yield Prompt(**fields, by=by, style=chosen.name, messages=chosen.render(problem))
