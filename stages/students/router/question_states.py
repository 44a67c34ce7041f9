"""What the router reads: mean hidden states of questions and paths under a frozen encoder."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from stages.models.folders import hash_of_folder
from stages.models.loading import Device, choose_device, load_model
from stages.models.templates import load_tokenizer, render
from stages.shared.errors import BadInput
from stages.shared.rows import Message
from stages.students.losses import rounded
from stages.students.router.route_settings import BASE_STATES, Params

Progress = Callable[[Sequence[Any], str], Any]


class Read(NamedTuple):
    """A text as an encoder reads it."""

    ids: list[int]
    # the first token of the part whose states are averaged, and the last one plus 1
    span: tuple[int, int]


class Encoder:
    """A frozen model whose last hidden states stand for what it reads."""

    def __init__(self, base: Path, params: Params, device: Device) -> None:
        self.own = params.encoder == BASE_STATES
        self.name = str(base) if self.own else params.encoder
        place = choose_device(device)
        if self.own:
            self.tokenizer = load_tokenizer(self.name)
            model = load_model(self.name, device, "float32" if place == "cpu" else "bfloat16")
            self.model = model.base_model.to(place)  # of several processes each loads into main memory
        else:
            self.tokenizer, self.model = _sentence_encoder(params, place)
        self.model.eval()
        self.batch_size = params.encoder_batch_size

    def questions(self, questions: Sequence[Sequence[Message]]) -> torch.Tensor:
        """The mean state of each question, (questions, width), float32 on the CPU."""
        texts = [
            render(self.tokenizer, question, prompt=True) if self.own else _words(question)
            for question in questions
        ]
        return self.means([Read(ids, (0, len(ids))) for ids in self._ids(texts)])

    def paths(self, chats: Sequence[Sequence[Message]]) -> torch.Tensor:
        """The mean state of the answer of each chat, (chats, width), float32 on the CPU."""
        reads = []
        for chat in chats:
            if self.own:
                before, whole = self._ids(
                    [render(self.tokenizer, chat[:-1], prompt=True), render(self.tokenizer, chat)]
                )
                reads.append(Read(whole, (min(len(before), len(whole) - 1), len(whole))))
            else:
                (ids,) = self._ids([chat[-1]["content"]])
                reads.append(Read(ids, (0, len(ids))))
        return self.means(reads)

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        limit = getattr(self.model.config, "max_position_embeddings", None) if not self.own else None
        encoded = self.tokenizer(
            list(texts),
            add_special_tokens=not self.own,
            truncation=limit is not None,
            # RoBERTa numbers its positions from the padding's number plus 1 on
            max_length=limit - 2 if limit else None,
        )
        ids: list[list[int]] = encoded.input_ids
        return ids

    @torch.no_grad()
    def means(self, reads: Sequence[Read]) -> torch.Tensor:
        """The mean state of each span. Texts of like length are read together."""
        means: list[torch.Tensor | None] = [None] * len(reads)
        by_length = sorted(range(len(reads)), key=lambda row: len(reads[row].ids))
        for first in range(0, len(by_length), self.batch_size):
            rows = by_length[first : first + self.batch_size]
            width = rounded(max(len(reads[row].ids) for row in rows))
            ids = torch.zeros((len(rows), width), dtype=torch.long)
            seen, counted = torch.zeros_like(ids), torch.zeros((len(rows), width))
            for place, row in enumerate(rows):
                size, (start, end) = len(reads[row].ids), reads[row].span
                ids[place, :size] = torch.tensor(reads[row].ids)
                seen[place, :size], counted[place, start:end] = 1, 1.0
            device = next(self.model.parameters()).device
            states = self.model(input_ids=ids.to(device), attention_mask=seen.to(device)).last_hidden_state
            shares = (counted / counted.sum(1, keepdim=True)).to(device)
            batch = torch.einsum("rtw,rt->rw", states.float(), shares).cpu()
            for place, row in enumerate(rows):
                means[row] = batch[place]
        return torch.stack([mean for mean in means if mean is not None])

    def described(self) -> dict[str, Any]:
        """What tells this encoder from others: its name, and the hash of its folder where it is one."""
        folder = Path(self.name)
        return {
            "model": self.name,
            "sha256": hash_of_folder(folder) if folder.is_dir() else None,
            "revision": getattr(self.model.config, "_commit_hash", None),
        }


def _sentence_encoder(params: Params, device: str) -> tuple[Any, Any]:
    """An encoder of other models' kind, such as RoBERTa. Raises BadInput where it cannot be loaded."""
    from transformers import AutoModel, AutoTokenizer

    if not Path(params.encoder).is_dir() and params.encoder_revision is None:
        raise BadInput(
            f"router.encoder: {params.encoder!r} is no folder; of a hub id give encoder_revision too, the "
            f"commit; or set encoder to {BASE_STATES}"
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(params.encoder, revision=params.encoder_revision)
        model = AutoModel.from_pretrained(
            params.encoder, revision=params.encoder_revision, use_safetensors=True
        )
    except (OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise BadInput(f"router.encoder: {params.encoder!r} could not be loaded: {reason}") from None
    return tokenizer, model.to(device)


def _words(messages: Sequence[Message]) -> str:
    return "\n\n".join(message["content"] for message in messages)
