"""Hidden states, projected by each student into a shared space and pulled to the mean of both, in which the
more competent student counts more.

After the peer term of "Learning from Diverse Reasoning Paths with Routing and Collaboration"
(https://arxiv.org/abs/2508.16861): projections of each student's own, an ensemble weighted by competence, the
squared distance to it. What differs from it is said in terms/shared_space.py.
"""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from stages.students.peers import PeerParams


class Params(PeerParams):
    """How hidden states are compared."""

    kind: Literal["mse"]
    # pooled: the mean over the answer. spans: the mean over each of the smallest stretches of its text at
    # whose ends both tokenizations have a border
    align: Literal["pooled", "spans"] = "spans"
    # dimensions of the shared space. From the wider student's width on, the projections lose nothing
    width: int = Field(default=64, ge=2)
    # how far apart the weights of the two students may go: they come to softmax(-loss / temperature) where
    # nothing but the losses decides
    temperature: float = Field(default=0.5, gt=0)


def build(params: Params, widths: tuple[int, int], vocabularies: tuple[int, int], seed: int) -> Any:
    """The module; its projections and its competence weights are drawn from `seed`."""
    from stages.students.peers.terms.shared_space import SharedSpace

    return SharedSpace(widths, params.width, params.align == "spans", params.temperature, params.weight, seed)


def check(names: Sequence[str], tokenizers: Sequence[Any]) -> None:
    """Any two models will do."""
