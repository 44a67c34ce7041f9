"""The log-probabilities of the tokens that a model draws, noted while it draws them."""

from typing import Any

from stages.shared.rows import TokenProbs


class Recorder:
    """A logits processor that changes nothing. It stands first, so what it sees is the model's own
    distribution: no temperature, no other processor has touched it.

    Of a step only the distribution is kept, until the next step shows which token was drawn from it: all
    distributions of an answer would take its length times the memory.
    """

    def __init__(self) -> None:
        self.last: Any = None  # (rows, vocabulary)
        self.columns: list[Any] = []  # each (rows,)

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """`scores` as they are; notes the probability of the last tokens of `input_ids`."""
        if self.last is not None:
            self._note(input_ids)
        self.last = scores.float().log_softmax(-1)
        return scores

    def _note(self, ids: Any) -> None:
        self.columns.append(self.last.gather(1, ids[:, -1:]).squeeze(1))

    def logprobs(self, output: Any) -> list[list[float]]:
        """By row the log-probability of each new token of `output`, all tokens of the batch."""
        import torch

        self._note(output)
        rows: list[list[float]] = torch.stack(self.columns, 1).tolist()
        return rows


def token_probs(tokenizer: Any, ids: list[int], logprobs: list[float]) -> list[TokenProbs]:
    """The tokens of an answer with their log-probabilities."""
    return [
        TokenProbs(token=tokenizer.decode([token]), logprob=round(value, 4), top=[])
        for token, value in zip(ids, logprobs, strict=True)
    ]
