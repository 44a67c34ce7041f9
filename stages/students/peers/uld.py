"""The distance of sorted probabilities: the peer's distribution over the next token across vocabularies.

Universal logit distillation (https://arxiv.org/abs/2402.12030). The paper compares place t of one
tokenization with place t of the other; here the places are those where both have read the same characters.
"""

from collections.abc import Sequence
from typing import Any, Literal

from stages.shared.errors import BadInput
from stages.students.peers import PeerParams


class Params(PeerParams):
    """The weight alone."""

    kind: Literal["uld"]


def build(params: Params, widths: tuple[int, int], vocabularies: tuple[int, int], seed: int) -> Any:
    """The module, which learns nothing itself."""
    from stages.students.peers.terms.sorted_probabilities import SortedProbabilities

    return SortedProbabilities(params.weight)


def check(names: Sequence[str], tokenizers: Sequence[Any]) -> None:
    """Raises BadInput where both models have one tokenizer: sorting would drop what the tokens are."""
    from stages.students.peers.terms.one_vocabulary import differ

    if not differ(tokenizers):
        raise BadInput(
            f"peer uld: {names[0]} and {names[1]} have one tokenizer, of which kl compares each token; "
            "take kl, or bases with two tokenizers"
        )
