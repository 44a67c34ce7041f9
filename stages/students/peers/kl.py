"""The divergence from the peer's distribution over the next token, of two models with one vocabulary.

Each student learns from the other as from a teacher (deep mutual learning,
https://arxiv.org/abs/1706.00384), at a temperature, and with its square as a factor
(https://arxiv.org/abs/1503.02531).
"""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from stages.shared.errors import BadInput
from stages.students.peers import PeerParams


class Params(PeerParams):
    """How distributions are compared."""

    kind: Literal["kl"]
    # what the logits of both students are divided by
    temperature: float = Field(default=1.0, gt=0)


def build(params: Params, widths: tuple[int, int], vocabularies: tuple[int, int], seed: int) -> Any:
    """The module. Where one model has more logits than there are tokens (an embedding that is filled up), the
    surplus is left out: the vocabulary is the smaller one."""
    from stages.students.peers.terms.divergence import Divergence

    return Divergence(min(vocabularies), params.temperature, params.weight)


def check(names: Sequence[str], tokenizers: Sequence[Any]) -> None:
    """Raises BadInput where the two vocabularies differ."""
    from stages.students.peers.terms.one_vocabulary import differ

    difference = differ(tokenizers)
    if difference:
        raise BadInput(
            f"peer kl: {names[0]} and {names[1]} have two vocabularies ({difference}): a distribution over "
            "one says nothing about the other; take the peer uld or mse, or bases with one tokenizer"
        )
