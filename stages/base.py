"""Makes a base model: trained from nothing on its corpus, or a model of the Hub (or of a folder) pinned."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter

from stages.models import pinning
from stages.shared import params
from stages.shared.cli import progress, run, working_directory
from stages.shared.errors import BadInput
from stages.shared.files import read
from stages.shared.rows import Chat
from stages.shared.shards import has_rows
from stages.students import STUDENTS, Job, student

_trained: TypeAdapter[Any] = TypeAdapter(
    Annotated[Any, params.member("stages.students", STUDENTS, "student")]
)


def _pinned_or_trained(value: Any) -> Any:
    if isinstance(value, dict) and "pinned" in value:
        return pinning.Params.model_validate(value)
    return _trained.validate_python(value)


Params = Annotated[Any, BeforeValidator(_pinned_or_trained)]
"""A pinned model (`pinned` names it), or the params of a student that is made from nothing."""


def main(base: str) -> None:
    """data/corpora/B.jsonl -> models/bases/B."""
    out, seed = Path("models/bases", base), params.seed()
    section = params.read(base, "model", Params, family="bases")
    if isinstance(section, pinning.Params):
        pinning.pin(out, section, seed)
        return
    corpus = Path("data/corpora", f"{base}.jsonl")
    if corpus.exists() and not has_rows(corpus):
        raise BadInput(
            f"{corpus}: no chats to learn from; name some tasks in bases.{base}.corpus.tasks, "
            f"or pin a model: bases.{base}.model.pinned"
        )
    chats = list(progress(read(corpus, Chat, key=lambda chat: chat.id), "corpus"))
    directory = working_directory()
    job = Job(out, directory / "curves" / f"{base}_base", directory / "checkpoints", seed)
    student(section.student).train(chats, job, section)


if __name__ == "__main__":
    run(main, family="base")
