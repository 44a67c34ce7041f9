"""What a local model computed stays in the memo, batch by batch: a killed run goes on with the batch it died
in, and processes that have the same batches before them (two experiments, the GPUs of `accelerate launch`)
share them out.

A drawn answer depends on the whole batch, so its key does as well: what was asked of the model, in which
composition and from which seed.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

from stages.models.code import hash_of_code
from stages.models.folders import Weights, hash_of_folder
from stages.samplers.memo.sampled_answers import Answer
from stages.samplers.memo.store import Item, Memo, canonical, key

LOOK = 0.2  # seconds between looks at what other processes do
CODE = ("samplers/local", "samplers/hf.py", "models")  # what turns prompts into answers
LIBRARIES = ("torch", "transformers", "tokenizers", "peft", "bitsandbytes")


class Batch(NamedTuple):
    """Rows of token ids that are answered together; `places` says to which prompts of their window they
    belong."""

    places: Sequence[int]
    rows: Sequence[list[int]]
    seed: str

    def asked(self, identity: str) -> list[dict[str, Any]]:
        """What is asked for each row, as the memo keys it: `identity` stands for the model and all settings."""
        together = sha256(canonical({"rows": self.rows, "seed": self.seed}).encode()).hexdigest()
        return [
            {"provider": "hf", "model": identity, "batch": together, "place": place}
            for place in range(len(self.rows))
        ]


def identity(weights: Weights, settings: dict[str, Any]) -> str:
    """A hash of all but the prompts that an answer depends on: the files of the model (of a hub model its
    commit), its adapter, `settings`, the libraries and our own code. A model trained anew into the same
    folder is another one."""
    folders = [Path(weights.name), *([weights.adapter] if weights.adapter else [])]
    files = [
        _hash(folder, _signature(folder)) if folder.is_dir() else f"{folder}@{weights.revision}"
        for folder in folders
    ]
    libraries = {name: version(name) for name in LIBRARIES}
    return key({"files": files, "settings": settings, "libraries": libraries, "code": hash_of_code(*CODE)})


@cache
def _hash(folder: Path, signature: tuple[Any, ...]) -> str:
    return hash_of_folder(folder)


def _signature(folder: Path) -> tuple[Any, ...]:
    """Changes when a file does; so the arms of an evaluation read a large model's files once for their hash."""
    stats = ((path, path.stat()) for path in sorted(folder.rglob("*")) if path.is_file())
    return tuple((path, stat.st_size, stat.st_mtime_ns, stat.st_ino) for path, stat in stats)


Generate = Callable[[Sequence[list[int]], str], Iterator[list[Answer]]]


def settle(
    memo: Memo, batches: Sequence[Batch], identity: str, generate: Generate
) -> Iterator[tuple[Batch, list[Answer]]]:
    """Each batch with its answers, those of the memo and those of other processes among them, as they come.

    `generate(rows, seed)` answers rows, some at a time; each part is stored when it is there.
    """
    waiting = list(batches)
    while waiting:
        left = []
        for batch in waiting:
            answers = _settled(memo, batch, batch.asked(identity), generate)
            if answers is None:
                left.append(batch)
            else:
                yield batch, answers
        if len(left) == len(waiting):
            Event().wait(LOOK)
        waiting = left


def _settled(
    memo: Memo, batch: Batch, asked: Sequence[dict[str, Any]], generate: Generate
) -> list[Answer] | None:
    """The answers to a batch; None where another process is at it."""
    keys = [key(one) for one in asked]
    stored = memo.get(keys)
    if len(stored) < len(keys):
        whole = key(asked[0] | {"place": "all"})  # claimed for the batch; there is no such answer
        if not memo.claim([whole]):
            return None
        stored = memo.get(keys)  # another process may have been at it until just now
        done: Future[None] | None = None
        for items in _missing(
            batch, asked, [place for place, one in enumerate(keys) if one not in stored], generate
        ):
            done = memo.put_many(items)
            stored |= {one: given for one, _, given in items}
        if done:
            done.add_done_callback(lambda _: memo.release([whole]))
        else:
            memo.release([whole])
    return [stored[one] for one in keys]


def _missing(
    batch: Batch, asked: Sequence[dict[str, Any]], places: Sequence[int], generate: Generate
) -> Iterator[list[Item]]:
    """What the memo lacks, part by part. A batch that was begun draws its rest from a seed of its own."""
    if not places:
        return
    seed = batch.seed if len(places) == len(batch.rows) else f"{batch.seed} from {places[0]}"
    left = iter(places)
    for answers in generate([batch.rows[place] for place in places], seed):
        yield [
            (key(asked[place]), asked[place], given)
            for place, given in zip(islice(left, len(answers)), answers, strict=True)
        ]
