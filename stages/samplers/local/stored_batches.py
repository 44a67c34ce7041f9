"""The memo of a local model: what it computed is stored batch by batch.

A killed run goes on with the batch in which it was killed. Processes that have the same batches to answer
(two experiments, the GPUs of `accelerate launch`) share them out. A drawn answer depends on its whole batch,
so the key of an answer names all rows of the batch and its seed.
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
from stages.samplers.local.steering import Chats
from stages.samplers.memo.sampled_answers import Answer
from stages.samplers.memo.store import Item, Memo, canonical, key

LOOK = 0.2  # seconds between looks at what the other processes have stored
CODE = ("samplers/local", "samplers/hf.py", "models")  # what turns prompts into answers
LIBRARIES = ("torch", "transformers", "tokenizers", "peft", "bitsandbytes")


class Batch(NamedTuple):
    """Rows of token ids that are answered together."""

    # the place in their window of the prompts that the rows belong to
    places: Sequence[int]
    rows: Sequence[list[int]]
    # what the answers are drawn from
    seed: str
    # the messages of each row's prompt
    chats: Chats

    def asked(self, identity: str) -> list[dict[str, Any]]:
        """What the memo's key of each row is made of; `identity` stands for the model and all settings."""
        # the messages too: steering reads what they ask for, and two chats may be the same ids
        whole = {"rows": self.rows, "seed": self.seed, "chats": self.chats}
        together = sha256(canonical(whole).encode()).hexdigest()
        return [
            {"provider": "hf", "model": identity, "batch": together, "place": place}
            for place in range(len(self.rows))
        ]


def identity(weights: Weights, settings: dict[str, Any]) -> str:
    """A hash of all that an answer depends on, the prompts aside.

    That is the files of the model (of a hub model its commit), its adapter, `settings`, the libraries and our
    own code. So a model that is trained anew into the same folder has another identity.
    """
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
    """What changes when a file does: so the arms of an evaluation hash a large model's files only once."""
    stats = ((path, path.stat()) for path in sorted(folder.rglob("*")) if path.is_file())
    return tuple((path, stat.st_size, stat.st_mtime_ns, stat.st_ino) for path, stat in stats)


Generate = Callable[[Sequence[list[int]], str, Chats], Iterator[list[Answer]]]


def settle(
    memo: Memo, batches: Sequence[Batch], identity: str, generate: Generate
) -> Iterator[tuple[Batch, list[Answer]]]:
    """Each batch with its answers, in the order in which they are there.

    Answers come from the memo, from `generate`, or from another process that has claimed the batch. Where
    all batches left are claimed by others, this process waits. `generate(rows, seed, chats)` yields the
    answers to `rows` in parts; each part is stored at once.
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
    """The answers to a batch; None where another process has claimed it."""
    keys = [key(question) for question in asked]
    stored = memo.get(keys)
    if len(stored) < len(keys):
        whole = key(asked[0] | {"place": "all"})  # stands for the batch; no answer has this key
        if not memo.claim([whole]):
            return None
        stored = memo.get(keys)  # another process may have finished the batch just before the claim
        missing = [place for place, answer_key in enumerate(keys) if answer_key not in stored]
        written: Future[None] | None = None
        for items in _missing(batch, asked, missing, generate):
            written = memo.put_many(items)
            stored |= {answer_key: answer for answer_key, _, answer in items}
        if written:
            written.add_done_callback(lambda _: memo.release([whole]))
        else:
            memo.release([whole])
    return [stored[answer_key] for answer_key in keys]


def _missing(
    batch: Batch, asked: Sequence[dict[str, Any]], places: Sequence[int], generate: Generate
) -> Iterator[list[Item]]:
    """The answers at `places`, which the memo lacks, in parts.

    Where the memo holds a part of a batch (a run was killed between two parts), the rest draws from a seed of
    its own: with the batch's seed it would repeat the random numbers of the part that is stored.
    """
    if not places:
        return
    seed = batch.seed if len(places) == len(batch.rows) else f"{batch.seed} from {places[0]}"
    left = iter(places)
    rows, chats = [batch.rows[place] for place in places], [batch.chats[place] for place in places]
    for answers in generate(rows, seed, chats):
        yield [
            (key(asked[place]), asked[place], answer)
            for place, answer in zip(islice(left, len(answers)), answers, strict=True)
        ]
