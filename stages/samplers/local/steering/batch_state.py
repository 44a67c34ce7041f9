"""What the processors of a batch share: which tokens are new, and how often a processor changed a choice."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from stages.samplers.local.steering import Begin, Chats, Processor
from stages.shared.signals import Request, request_of

NOTHING = Request("", 0, "", 0)


def requests(chats: Chats) -> list[Request]:
    """What the prompt of each row asks for; a prompt that asks for nothing asks for every symbol 0 times."""
    return [request_of(chat) or NOTHING for chat in chats]


def indices(symbols: Sequence[str], of_rows: Sequence[str]) -> Any:
    """The place of each row's symbol in `symbols`, int64 of shape (rows); 0 for a row without one."""
    import torch

    return torch.tensor([symbols.index(symbol) if symbol else 0 for symbol in of_rows])


def move(holder: object, device: Any) -> None:
    """Moves the tensors that `holder` has as attributes to `device`, those of its attributes as well."""
    for name, value in vars(holder).items():
        if hasattr(value, "device"):
            setattr(holder, name, value.to(device))
        elif hasattr(value, "move"):
            value.move(device)


class Columns:
    """Gives the columns of the ids that were written since the last call: none at the first."""

    def __init__(self) -> None:
        self.width: int | None = None
        self.new = 0

    def unread(self, input_ids: Any) -> Iterator[Any]:
        """The new tokens, column by column, each of shape (rows). `new` is then the number of tokens of each
        answer, the prefill left out."""
        if self.width is None:
            self.width = input_ids.shape[1]
        start = self.width + self.new
        self.new = input_ids.shape[1] - self.width
        yield from input_ids[:, start:].unbind(dim=1)


class Counted:
    """A processor with counts of what it changed: in how many rows, and how many tokens.

    A token counts where the likeliest one before the processor is not the likeliest one after it, in an
    answer that has not ended.
    """

    def __init__(self, name: str, processor: Processor, stops: Sequence[int]) -> None:
        self.name, self.processor, self.stops = name, processor, stops
        self.columns = Columns()
        self.ended: Any = None
        self.changed: Any = None

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """What the processor returns."""
        import torch

        if self.ended is None:
            self.ends = torch.tensor(self.stops, device=input_ids.device)
            self.ended = torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)
            self.changed = torch.zeros(len(input_ids), dtype=torch.long, device=input_ids.device)
        for tokens in self.columns.unread(input_ids):
            self.ended = self.ended | torch.isin(tokens, self.ends)
        steered = self.processor(input_ids, scores)
        self.changed += (scores.argmax(-1) != steered.argmax(-1)) & ~self.ended
        return steered

    def counts(self) -> Counter[str]:
        """`<name>.answers`, `<name>.changed_answers` and `<name>.changed_tokens` of the batch."""
        if self.changed is None:
            return Counter()
        return Counter(
            {
                f"{self.name}.answers": len(self.changed),
                f"{self.name}.changed_answers": int((self.changed > 0).sum()),
                f"{self.name}.changed_tokens": int(self.changed.sum()),
            }
        )


class Start:
    """Makes the counted processor of a batch."""

    def __init__(self, name: str, begin: Begin, stops: Sequence[int]) -> None:
        self.name, self.begin, self.stops = name, begin, stops

    def __call__(self, chats: Chats) -> Counted:
        """The processor of the batch whose rows answer `chats`."""
        return Counted(self.name, self.begin(chats), self.stops)
