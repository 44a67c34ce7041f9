"""What two students that are trained together learn from each other: `build(params, widths, vocabularies,
seed)` gives a module, or None where they learn nothing from each other.

The module is a torch module: what it learns itself are its parameters. `module(first, second, losses,
weights)` returns the loss, a tensor without dimensions that is already multiplied by `params.weight`, and
named scalars to log, which are not. `losses` and `weights` have the shape (2, rows): the loss of each student
on each row, and how much the row counts for it. A weight of 0 leaves the student without any gradient from
the row. `module.reads` says what the module needs of both students: `hidden` or `logits`.

`check(names, tokenizers)` raises BadInput where the term cannot be computed of two models with these
tokenizers; `names` are the names of the models. May import: shared.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from pydantic import Field

from stages.shared.params import Strict
from stages.shared.registry import load_member

PEERS = {
    "off": "nothing",
    "mse": "hidden states in a shared space, pulled to the mean of both by competence",
    "kl": "the peer's distribution over the next token, in one vocabulary",
    "uld": "the peer's sorted probabilities, across vocabularies",
}


class States(NamedTuple):
    """What a student made of a batch of paths, in its own tokenization; row i of both students is one
    path."""

    # (rows, tokens, width): the last layer's hidden states, of which the logits are made
    hidden: Any
    # (rows, tokens, vocabulary): those at a place are for the token after it; None: not made
    logits: Any
    # (rows, tokens), bool: whether a token is of the answer
    answer: Any
    # (rows, tokens, 2), int64: where a token starts and ends in the answer's text, in characters; -1
    # elsewhere. An end token that is to be compared as well stands from the length of the text to one more
    spans: Any


class PeerParams(Strict):
    """What all members have."""

    # what the term is multiplied by before it is added to the losses of the students
    weight: float = Field(default=1.0, ge=0)


class Peer(Protocol):
    """The contract of a member; `Params` (a PeerParams model) is its section of params."""

    Params: Any

    def build(
        self, params: Any, widths: tuple[int, int], vocabularies: tuple[int, int], seed: int
    ) -> Any | None: ...

    def check(self, names: Sequence[str], tokenizers: Sequence[Any]) -> None: ...


def peer(name: str) -> Peer:
    """The member called `name`."""
    member: Peer = load_member(__name__, PEERS, name)
    return member
