"""In which order rows are learnt from, and how a batch is made of them."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from stages.students.losses import IGNORED, rounded
from stages.students.training.encoding import Example
from stages.students.training.packing import Collator, Packer, order, pack


@given(count=st.integers(1, 300), epochs=st.integers(1, 3), seed=st.integers(0, 5))
def test_an_epoch_shows_every_row_once(count: int, epochs: int, seed: int) -> None:
    assert Counter(order(count, count * epochs, seed)) == dict.fromkeys(range(count), epochs)


@given(count=st.integers(1, 300), rows=st.integers(1, 700))
def test_it_is_as_long_as_asked(count: int, rows: int) -> None:
    chosen = Counter(order(count, rows, 0))
    assert chosen.total() == rows
    assert max(chosen.values()) - min(chosen[row] for row in range(count)) <= 1


def test_a_longer_training_begins_as_a_shorter_one() -> None:
    assert order(1000, 2500, 3)[:1700] == order(1000, 1700, 3)


def test_the_seed_decides() -> None:
    assert order(500, 500, 1) == order(500, 500, 1)
    assert order(500, 500, 1) != order(500, 500, 2)
    both = order(500, 1000, 1)
    assert both[:500] != both[500:]  # each epoch has an order of its own


@given(lengths=st.lists(st.integers(1, 60), min_size=1, max_size=40))
def test_lines_hold_every_row_once_and_none_too_many(lengths: list[int]) -> None:
    width = max(lengths)
    lines = pack(lengths, width)
    assert Counter(row for line in lines for row in line) == dict.fromkeys(range(len(lengths)), 1)
    sums = [sum(lengths[row] for row in line) for line in lines]
    assert max(sums) <= width
    assert all(one + other > width for place, one in enumerate(sums) for other in sums[place + 1 :])  # no two would fit into one


@given(size=st.integers(0, 10**6))
def test_sizes_are_rounded_up_by_less_than_an_eighth(size: int) -> None:
    assert size <= rounded(size) <= size * 9 / 8
    assert rounded(rounded(size)) == rounded(size)


def test_a_training_has_few_sizes() -> None:
    assert len({rounded(size) for size in range(256, 513)}) == 9
    rows = [Example([5] * size, [True] * size, []) for size in (170, 80, 65)]
    batch = Packer(9)(rows)
    assert batch["input_ids"].shape == batch["position_ids"].shape == batch["labels"].shape == (2, 176)
    assert batch["input_ids"][:, 170:].tolist() == [[9] * 6] * 2


def test_rows_are_laid_end_to_end() -> None:
    rows = [([8], [True]), ([5, 6, 7], [False, True, True]), ([2, 3], [True, True])]
    batch = Packer(0)([Example(ids, supervised, []) for ids, supervised in rows])
    assert batch["input_ids"].tolist() == [[5, 6, 7], [2, 3, 8]]
    assert batch["position_ids"].tolist() == [[0, 1, 2], [0, 1, 0]]
    assert batch["labels"].tolist() == [[IGNORED, 6, 7], [IGNORED, 3, IGNORED]]  # a row's first token follows another row's last
    assert {str(tensor.dtype) for tensor in batch.values()} == {"torch.int64"}


def test_a_line_is_filled_up_with_padding() -> None:
    batch = Packer(9)([Example([5, 6, 7, 8], [True] * 4, []), Example([2, 3], [True, True], [])])
    assert batch["input_ids"].tolist() == [[5, 6, 7, 8], [2, 3, 9, 9]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 3], [0, 1, 0, 1]]
    assert batch["labels"].tolist() == [[IGNORED, 6, 7, 8], [IGNORED, 3, IGNORED, IGNORED]]


def test_a_batch_is_padded_to_its_longest_row() -> None:
    batch = Collator(0)([Example([5, 6, 7], [False, True, True], []), Example([8], [True], [])])
    assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 0, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["labels"].tolist() == [[IGNORED, 6, 7], [8, IGNORED, IGNORED]]
    assert {str(tensor.dtype) for tensor in batch.values()} == {"torch.int64"}


def test_a_token_that_looks_like_padding_is_seen() -> None:
    """The mask comes from the lengths: a model whose padding also stands in its text is not blind to it."""
    batch = Collator(0)([Example([0, 6], [False, True], []), Example([0, 0, 6], [False, False, True], [])])
    assert batch["attention_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]
