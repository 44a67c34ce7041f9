"""params.yaml, read strictly: nothing is cast, no unknown key passes, every fault is reported at once."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    create_model,
)
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stages.shared.errors import BadInput, unknown

PARAMS = Path("params.yaml")


class Strict(BaseModel):
    """Base of all params: no unknown key, no silent cast (`"3"` is not 3, and 1 is not true), no `.nan` or
    `.inf`, no change after reading."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Rows(Strict):
    """Params of a stage that writes rows."""

    # Rows of a shard: each `.jsonl` output is then a folder of shards, which every stage reads as it reads
    # one file (null: one file).
    shard_rows: int | None = Field(default=None, ge=1)


Model = TypeVar("Model", bound=Strict)


def read(name: str, stage: str, model: type[Model], path: Path = PARAMS, family: str = "systems") -> Model:
    """The section `<family>.<name>.<stage>` as a `model`; raises BadInput with one clause for each fault."""
    section = f"{family}.{name}.{stage}"
    entry = _entry(family, name, path)
    if stage not in entry:
        raise BadInput(f"{path}: {section} is missing")
    return _validated(entry[stage], model, section, path)


def read_entry(family: str, name: str, model: type[Model], path: Path = PARAMS) -> Model:
    """The whole entry `<family>.<name>` as a `model`; raises BadInput with one clause for each fault."""
    return _validated(_entry(family, name, path), model, f"{family}.{name}", path)


def _validated(value: Any, model: type[Model], section: str, path: Path) -> Model:
    try:
        return TypeAdapter(model).validate_python(value)
    except ValidationError as error:
        faults = "; ".join(f"{section}{fault}" for fault in _faults(error))
        raise BadInput(f"{path}: {faults}") from None


def refers(family: str, name: str, to: str, path: Path = PARAMS) -> str:
    """The name in `<family>.<name>.<to>`: an entry of the family `systems` where `to` is `system`, and of the
    family `bases` where it is `base`, or of a pair `first` or `second`. Raises BadInput, with the choices,
    where that family has no such entry."""
    value = _entry(family, name, path).get(to)
    noun = to if to == "system" else "base"
    names = entries(f"{noun}s", path)
    if not isinstance(value, str) or value not in names:
        raise BadInput(f"{path}: {family}.{name}.{to}: {unknown(noun, value, names)}")
    return value


def students_of(system: str, path: Path = PARAMS, family: str = "students") -> list[str]:
    """The students of a system, in the order of params; a system may have none.

    `family` is `students`, `pairs` (two students that are trained together), `practice` (those that go on
    from another one by reinforcement learning) or `updates` (those that a daemon trains further).
    """
    return _of_system(family, system, path)


def classifiers_of(system: str, path: Path = PARAMS) -> list[str]:
    """The classifiers of a system, in the order of params; a system may have none."""
    return _of_system("classifiers", system, path)


def _of_system(family: str, system: str, path: Path) -> list[str]:
    members = _load(path).get(family) or {}
    return [
        name for name, entry in members.items() if isinstance(entry, dict) and entry.get("system") == system
    ]


def models_of(system: str, path: Path = PARAMS) -> list[str]:
    """The names of the folders of a system's models: its students, its pairs, and those that go on from
    them."""
    families = ("students", "pairs", "practice", "updates")
    return [name for family in families for name in students_of(system, path, family)]


def folders_of(system: str, path: Path = PARAMS) -> list[str]:
    """The folders below that of a system in which a model lies: `naive`, and of a pair `pair/first` and
    `pair/second`."""
    pairs = students_of(system, path, "pairs")
    single = [name for name in models_of(system, path) if name not in pairs]
    return [*single, *(f"{name}/{student}" for name in pairs for student in ("first", "second"))]


def entries(family: str, path: Path = PARAMS) -> dict[str, Any]:
    """The entries of one of the families `bases`, `systems`, `students`, `pairs`, `classifiers` and
    `practice`, by name."""
    values = _load(path).get(family)
    if not isinstance(values, dict) or not values:
        raise BadInput(f"{path}: {family}: expected a section for each of the {family}, got {values!r}")
    return values


def _entry(family: str, name: str, path: Path) -> dict[str, Any]:
    values = entries(family, path)
    if name not in values:
        raise BadInput(f"{path}: {unknown(family.removesuffix('s'), name, values)}")
    if not isinstance(values[name], dict):
        raise BadInput(f"{path}: {family}.{name}: expected a mapping, got {values[name]!r}")
    entry: dict[str, Any] = values[name]
    return entry


def seed(path: Path = PARAMS) -> int:
    """The one seed that every random choice of a run is drawn from."""
    value = _load(path).get("seed")
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise BadInput(f"{path}: seed: expected a whole number from 0 to 2147483647, got {value!r}")
    return value


def _load(path: Path) -> dict[str, Any]:
    """The whole file; what is returned is shared by all callers and must not be changed."""
    try:
        return _parsed(path.read_bytes(), path)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; run from the project's root") from None


# a stage reads several sections, and the plan of a run one for each entry: parsing takes a tenth of a second
@lru_cache(maxsize=4)
def _parsed(content: bytes, path: Path) -> dict[str, Any]:
    try:
        document = YAML(typ="safe").load(content)  # YAML 1.2, as DVC reads it: 1e-4 is a number
    except YAMLError as error:
        raise BadInput(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise BadInput(f"{path}: expected a mapping, got {type(document).__name__}")
    return document


def _faults(error: ValidationError) -> list[str]:
    """One clause a fault: `.key: what is wrong, got value`; those of a member's own params are among them,
    below its key."""
    lines: list[str] = []
    for fault in error.errors():
        place = "".join(f".{part}" for part in fault["loc"])
        if fault["type"] == "missing":
            lines.append(f"{place}: is missing")
        elif fault["type"] == "extra_forbidden":
            lines.append(f"{place}: unknown key")
        else:
            message = fault["msg"].removeprefix("Value error, ")
            lines.append(f"{place}: {message}, got {fault['input']!r}")
    return lines


def member(package: str, members: Mapping[str, str], key: str) -> PlainValidator:
    """Validates a mapping whose `key` names a member of the registry `package`, as that member's `Params`.

    Use: `Annotated[SamplerParams, member(...)]`; the first type says what the stage reads of the params.
    """

    def check(value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError(f"expected a mapping with the key {key!r}")
        if not isinstance(value.get(key), str) or value[key] not in members:
            raise ValueError(unknown(key, value.get(key), members))
        return import_module(f"{package}.{value[key]}").Params.model_validate(value)

    return PlainValidator(check)


def members(package: str, choices: Mapping[str, str], null_leaves_out: bool = False) -> PlainValidator:
    """Validates a mapping from member names of the registry `package` to the params of each member.

    Use: `Annotated[dict[str, Strict], members(...)]`. With `null_leaves_out` a member set to null is left
    out.
    """
    noun = package.rsplit(".", 1)[-1].removesuffix("s")

    def check_of(name: str) -> Callable[[Any], Any]:
        def check_member(value: Any) -> Any:
            return import_module(f"{package}.{name}").Params.model_validate(value)

        return check_member

    def check(value: Any) -> dict[str, Any]:
        named = value if isinstance(value, dict) else {}
        strangers = [unknown(noun, name, choices) for name in named if name not in choices]
        if strangers:
            raise ValueError("; ".join(strangers))
        kept = {name: given for name, given in named.items() if given is not None or not null_leaves_out}
        if not kept:
            raise ValueError(f"expected a mapping with at least one {noun} of: {', '.join(sorted(choices))}")
        return _each(kept, check_of)

    return PlainValidator(check)


def _each(values: dict[str, Any], check_of: Callable[[str], Callable[[Any], Any]]) -> dict[str, Any]:
    """Checks every member before raising, so that all faults of a section come in one error."""
    fields: Any = {name: (Annotated[Any, BeforeValidator(check_of(name))], ...) for name in values}
    checked = create_model("Members", __base__=Strict, **fields).model_validate(values)
    return {name: getattr(checked, name) for name in values}
