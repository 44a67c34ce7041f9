"""In which order rows are trained on, and how a batch is made of them."""

import random
from collections.abc import Sequence
from typing import Any

from stages.students.losses import IGNORED, rounded
from stages.students.training.encoding import Example


def with_weights(examples: Sequence[Example]) -> Sequence[Example]:
    """`examples`, each with weights where any of them has weights: the batches of all processes are alike."""
    if all(example.weights is None for example in examples):
        return examples
    return [
        example if example.weights else example._replace(weights=[1.0] * len(example.ids))
        for example in examples
    ]


def order(count: int, rows: int, seed: int) -> list[int]:
    """Indices of `rows` rows out of `count`: epoch after epoch, each in a seeded order of its own.

    The whole order is fixed before the first step and depends on the arguments only, so a resumed run goes
    on with the rows that an undisturbed run sees. Lengths are mixed within a batch: batches of rows of one
    length would need no packing, but a step would learn from short rows only or from long rows only.
    """
    stream: list[int] = []
    for epoch in range(-(-rows // count)):
        stream += random.Random(f"order/{seed}/{epoch}").sample(range(count), count)
    return stream[:rows]


def stratified_order(labels: Sequence[str], rows: int, seed: int) -> list[int]:
    """Indices of `rows` rows out of len(`labels`): as `order`, but the shares of the labels are kept.

    Any beginning of an epoch holds of each label its share of the rows, but for a row or so. So does each
    batch, where its size allows. The rows of a label come in a seeded order of their own.
    """
    stream: list[int] = []
    for epoch in range(-(-rows // len(labels))):
        by_label: dict[str, list[int]] = {}
        for row in random.Random(f"order/{seed}/{epoch}").sample(range(len(labels)), len(labels)):
            by_label.setdefault(labels[row], []).append(row)
        stream += _interleaved([by_label[label] for label in sorted(by_label)])
    return stream[:rows]


def _interleaved(groups: Sequence[list[int]]) -> list[int]:
    """All rows of `groups`: each place takes a row of the group that lags furthest behind its share."""
    total, taken = sum(map(len, groups)), [0] * len(groups)
    mixed = []
    for place in range(1, total + 1):
        # times the total, so that whole numbers are compared
        lag = [len(group) * place - count * total for group, count in zip(groups, taken, strict=True)]
        chosen = max(
            range(len(groups)), key=lambda number: (taken[number] < len(groups[number]), lag[number])
        )
        mixed.append(groups[chosen][taken[chosen]])
        taken[chosen] += 1
    return mixed


def pack(lengths: Sequence[int], width: int) -> list[list[int]]:
    """Which rows share a line of `width` tokens: from the longest row on, each goes into the first line that
    has room (first-fit decreasing)."""
    lines: list[list[int]] = []
    room: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        line = next((number for number, free in enumerate(room) if free >= lengths[row]), len(lines))
        if line == len(lines):
            lines.append([])
            room.append(width)
        lines[line].append(row)
        room[line] -= lengths[row]
    return lines


class Packer:
    """Lays the rows of a batch end to end in lines about as long as the longest of them: hardly any padding,
    whatever their lengths.

    input_ids, position_ids and labels are int64 tensors of shape (lines, tokens). Positions start anew with
    each row; from that transformers tells the rows of a line apart, so that they do not see each other.
    """

    def __init__(self, pad: int) -> None:
        self.pad = pad

    def __call__(self, examples: Sequence[Example]) -> dict[str, Any]:
        """The batch of `examples`."""
        import torch

        lengths = [len(example.ids) for example in examples]
        width = rounded(max(lengths))
        lines = pack(lengths, width)
        ids = torch.full((len(lines), width), self.pad)
        positions = torch.zeros((len(lines), width), dtype=torch.long)
        labels = torch.full((len(lines), width), IGNORED)
        for number, line in enumerate(lines):
            start = 0
            for example in (examples[row] for row in line):
                end = start + len(example.ids)
                ids[number, start:end] = torch.tensor(example.ids)
                positions[number, start:end] = torch.arange(end - start)
                labels[number, start:end] = torch.where(
                    torch.tensor(example.supervised), ids[number, start:end], IGNORED
                )
                labels[number, start] = IGNORED  # what comes before it is another row
                start = end
            positions[number, start:] = torch.arange(width - start)
        batch = {"input_ids": ids, "position_ids": positions, "labels": labels}
        return batch | _weights([[examples[row] for row in line] for line in lines], labels)


def keeps_apart(model: Any) -> bool:
    """Whether rows in one line do not see each other: the logits of the second must not depend on the
    first."""
    import torch

    device = next(model.parameters()).device
    positions = torch.tensor([[0, 1, 2, 0, 1, 2]], device=device)
    logits = []
    for first in ([1, 2, 3], [3, 1, 2]):
        ids = torch.tensor([[*first, 4, 5, 6]], device=device)
        with torch.inference_mode():
            output = model(input_ids=ids, position_ids=positions, use_cache=False)
            logits.append(output.logits[0, 3:].float())
    difference = (logits[0] - logits[1]).abs().max()
    return not difference > 1e-3 * logits[0].std()  # true of NaN: the trainer reports such a loss


class Collator:
    """Pads rows to the longest of their batch.

    input_ids, attention_mask and labels are int64 tensors of shape (rows, tokens).
    """

    def __init__(self, pad: int) -> None:
        self.pad = pad

    def __call__(self, examples: Sequence[Example]) -> dict[str, Any]:
        """The batch of `examples`."""
        import torch

        width = max(len(example.ids) for example in examples)
        ids = torch.full((len(examples), width), self.pad)
        seen = torch.zeros((len(examples), width), dtype=torch.long)
        labels = torch.full((len(examples), width), IGNORED)
        for row, example in enumerate(examples):
            size = len(example.ids)
            ids[row, :size] = torch.tensor(example.ids)
            seen[row, :size] = 1
            labels[row, :size] = torch.where(torch.tensor(example.supervised), ids[row, :size], IGNORED)
        batch = {"input_ids": ids, "attention_mask": seen, "labels": labels}
        return batch | _weights([[example] for example in examples], labels)


def _weights(lines: Sequence[Sequence[Example]], labels: Any) -> dict[str, Any]:
    """The weights of the examples in each line, float32 of the shape of `labels` and 0 where nothing is
    learnt; nothing where no example has weights."""
    import torch

    if all(example.weights is None for line in lines for example in line):
        return {}
    weights = torch.zeros(labels.shape)
    for number, line in enumerate(lines):
        start = 0
        for example in line:
            end = start + len(example.ids)
            weights[number, start:end] = torch.tensor(example.weights) if example.weights else 1.0
            start = end
    return {"weights": weights.masked_fill(labels == IGNORED, 0.0)}
