"""Where an answer was bought: its key in the memo, its price, its date."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
from pydantic import ValidationError

from stages.samplers import sampler
from stages.samplers.asking.repeats import RepeatedPrompt
from stages.samplers.memo.database import connect
from stages.samplers.memo.store import key, to_blob
from stages.shared import params
from stages.shared.cli import working_directory
from stages.shared.rows import Prompt, Response


class Bought(NamedTuple):
    """A row of the memo. `cost_usd` is None where there was no price; `made` is in UTC."""

    key: str
    made: str
    cost_usd: float | None
    prompt_tokens: int
    attempt: int


def where_from(system: str, row: Response) -> str | Bought:
    """The row of the memo that an answer came from, or why there is none."""
    section = _section(system, row)
    if section is None or section.get("sampler") != row.sampler:
        return f"params.yaml names no sampler {row.sampler!r} for {row.by!r} any more"
    model = sampler(row.sampler).Params
    if "max_usd" not in model.model_fields:
        return "not bought: the answer was made on this machine"
    try:
        settings = model.model_validate(section)
    except ValidationError as error:
        return f"params.yaml: what {row.by!r} is asked cannot be read: {error.error_count()} faults"
    path = working_directory() / "memo.sqlite"
    if not path.is_file():
        return f"{path}: there is no memo"
    database = connect(path)
    try:
        for attempt, request in _requests(row, settings, _temperatures(system)):
            stored = database.execute(
                "SELECT datetime(made, 'unixepoch'), cost_usd, prompt_tokens FROM answers "
                "WHERE key = ? AND text = ?",
                (bytes.fromhex(key(request)), to_blob(row.text)),
            ).fetchone()
            if stored:
                made, cost_usd, prompt_tokens = stored
                return Bought(key(request), made, cost_usd, prompt_tokens, attempt)
    finally:
        database.close()
    return "not in the memo as an answer to what params.yaml asks now"


def _section(system: str, row: Response) -> Any:
    """The params of who answered: the teacher, the base model, an arm of the evaluation."""
    entry = params.entries("systems")[system]
    asked = {name: entry.get("respond", {}).get(name) for name in ("teacher", "probe")}
    arms = entry.get("generate", {}).get("arms", {})
    return asked.get(row.by) or arms.get(row.by, {}).get("ask")


def _temperatures(system: str) -> list[float | None]:
    accept = params.entries("systems")[system].get("respond", {}).get("accept") or {}
    return list(accept.get("temperatures", []))


def _requests(
    row: Response, settings: Any, temperatures: list[float | None]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """What was asked for an answer: in the first try, then in each further one."""
    fields = {field.name: getattr(row, field.name) for field in msgspec.structs.fields(Prompt)}
    asked = sampler(settings.sampler).asked  # type: ignore[attr-defined]
    first = asked(Prompt(**fields), settings)
    yield from ((0, request) for request in first[row.sample : row.sample + 1])
    for attempt, temperature in enumerate(temperatures, 1):
        changes = {"n": 1} | ({} if temperature is None else {"temperature": float(temperature)})
        again = RepeatedPrompt(**fields, sample=row.sample, attempt=attempt)
        yield from ((attempt, request) for request in asked(again, settings.model_copy(update=changes)))
