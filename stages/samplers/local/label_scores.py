"""How probable a local model finds each label of a classification: the sum of the log-probabilities of the
label's tokens, normalised over the labels.

The labels stand at the same place, after the same text. The text is tokenised once with each label, as
training tokenises a chat, so a label is scored with the tokens that the model learnt to write. Tokens that
all labels have in common at the end are left out, unless one label then begins another (`1` and `10`). Where
the labels differ in one token, all are read off one distribution: one forward pass, one row each.
"""

from collections.abc import Mapping, Sequence
from math import exp
from typing import Any, Literal

from pydantic import Field, model_validator

from stages.shared.params import Strict

DIGITS = 9  # significant digits of a probability


class Labels(Strict):
    """The labels, and where they stand in an answer."""

    # the labels that are scored
    names: list[str] = Field(min_length=2)
    # what stands before the label in an answer; an answer without it is continued with it
    opening: str = ""
    # what follows the label in an answer; "": the answer ends with the label
    closing: str = ""
    # reasoning: labels are scored after the answer's own reasoning. nothing: nothing is generated, and the
    # answer is the likeliest label
    after: Literal["reasoning", "nothing"] = "reasoning"
    # drawn answers over which the probabilities are averaged; the text is that of the first, and the tokens
    # are those of all
    samples: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _names_differ(self) -> "Labels":
        if len(set(self.names)) < len(self.names) or not all(name.strip() for name in self.names):
            raise ValueError("names: expected labels that differ, none of them empty")
        if self.after == "reasoning" and not self.opening.strip():
            raise ValueError("opening: expected the text before the label, which ends the reasoning")
        if self.after == "nothing" and self.samples > 1:
            raise ValueError("samples: without reasoning there is nothing to draw; expected 1")
        return self


def before_label(text: str, opening: str) -> str:
    """`text` up to the end of its last `opening`; where it has none, all of `text`, then `opening` on a new
    line."""
    if opening in text:
        return text[: text.rindex(opening) + len(opening)]
    return text + ("\n" if text and not text.endswith("\n") else "") + opening


def label_probs(
    model: Any, tokenizer: Any, texts: Sequence[str], labels: Labels, rows: int
) -> list[dict[str, float]]:
    """The probability of each label after each of `texts`, which hold the prompt and the answer before the
    label. At most `rows` rows are computed at once."""
    plans = [_tails(ids) for ids in _tokenised(tokenizer, texts, labels)]
    wanted: dict[tuple[int, ...], list[list[int]]] = {}
    for shared, tails in plans:
        for tail in tails:
            wanted.setdefault(tuple(shared + tail[:-1]), []).append(tail)
    sums = _sums(model, tokenizer, wanted, rows)
    return [
        dict(zip(labels.names, _normalised([sums[(*shared, *tail)] for tail in tails]), strict=True))
        for shared, tails in plans
    ]


def answer_tokens(tokenizer: Any, prompt: str, answer: str) -> int:
    """How many tokens `answer` adds to `prompt`."""
    long, short = tokenizer([prompt + answer, prompt], add_special_tokens=False).input_ids
    return len(long) - len(short)


def _tokenised(tokenizer: Any, texts: Sequence[str], labels: Labels) -> list[list[list[int]]]:
    """For each text the ids of it with each label; a label without closing is followed by the end of turn."""
    end = [] if labels.closing else [tokenizer.eos_token_id]
    whole = [text + name + labels.closing for text in texts for name in labels.names]
    ids = [[*row, *end] for row in tokenizer(whole, add_special_tokens=False).input_ids]
    count = len(labels.names)
    return [ids[start : start + count] for start in range(0, len(ids), count)]


def _tails(variants: Sequence[list[int]]) -> tuple[list[int], list[list[int]]]:
    """The ids that all variants begin with, and what is scored of each variant after them."""
    shortest = min(map(len, variants))
    start = next(
        (place for place in range(shortest) if len({ids[place] for ids in variants}) > 1), shortest - 1
    )
    tails = [ids[start:] for ids in variants]
    shortest = min(map(len, tails))
    shared = next(
        (back for back in range(shortest - 1) if len({tail[-1 - back] for tail in tails}) > 1), shortest - 1
    )
    cut = [tail[: len(tail) - shared] for tail in tails]
    begins = any(
        short == long[: len(short)]
        for number, short in enumerate(cut)
        for long in cut[:number] + cut[number + 1 :]
    )
    return variants[0][:start], tails if begins else cut


def _sums(
    model: Any, tokenizer: Any, wanted: Mapping[tuple[int, ...], Sequence[list[int]]], rows: int
) -> dict[tuple[int, ...], float]:
    """The log-probability of each tail, by its ids with all ids before them.

    `wanted` holds the tails by their context: the ids before their last token.
    """
    import torch

    last = max(len(tail) for tails in wanted.values() for tail in tails)
    ordered = sorted(wanted, key=lambda ids: -len(ids))
    sums: dict[tuple[int, ...], float] = {}
    for start in range(0, len(ordered), rows):
        part = ordered[start : start + rows]
        padded = tokenizer.pad({"input_ids": [list(ids) for ids in part]}, return_tensors="pt")
        inputs = padded.to(model.device)
        with torch.inference_mode():
            logits = model(
                inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                position_ids=(inputs["attention_mask"].cumsum(-1) - 1).clamp(min=0),
                logits_to_keep=last,
                use_cache=False,
            ).logits
        log_probs = logits.float().log_softmax(-1)
        for context, row in zip(part, log_probs, strict=True):
            for tail in wanted[context]:
                steps = row[torch.arange(len(row) - len(tail), len(row)), torch.tensor(tail)]
                sums[(*context, tail[-1])] = float(steps.double().sum())
    return sums


def _normalised(sums: Sequence[float]) -> list[float]:
    """Softmax of log-probabilities."""
    highest = max(sums)
    weights = [exp(value - highest) for value in sums]
    return [float(f"{weight / sum(weights):.{DIGITS}g}") for weight in weights]
