"""The paths as both students read them, each in its own tokenization."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from stages.shared.errors import BadInput
from stages.shared.rows import Chat
from stages.students.training.audit import audit
from stages.students.training.encoding import Example, end_of_turn
from stages.students.training.rendering import rendered
from stages.students.training.row_counts import RowCounts, fitting

Spans = list[tuple[int, int]]


class PairedPath(NamedTuple):
    """One path of a problem, for both students."""

    chat: Chat
    # which path of its problem it is, from 0
    place: int
    examples: tuple[Example, Example]


def paired(
    chats: Sequence[Chat],
    readers: Sequence[tuple[str, Any, Any]],
    max_tokens: int,
    max_dropped: float,
    counts: Sequence[RowCounts],
) -> list[PairedPath]:
    """The chats that both students can learn; `readers` are the name, tokenizer and model of each.

    A chat that one student cannot take is left out for both, so that row i is the same path for both. Raises
    BadInput as the audit does, where more chats than `max_dropped` are too long, where a template makes
    several rows of a chat, and where nothing is left.
    """
    taken: list[dict[str, Example]] = []
    for (name, tokenizer, model), counted in zip(readers, counts, strict=True):
        rows = audit(chats, tokenizer, model, name, counted)
        if several := [chat for chat, number in Counter(row.chat.id for row in rows).items() if number > 1]:
            raise BadInput(f"{name}: its chat template makes several rows of chat {several[0]!r}")
        kept = fitting(rows, max_tokens, max_dropped)
        taken.append({row.chat.id: row.example for row in kept})
    places: Counter[str] = Counter()
    paths = []
    for chat in chats:
        if all(chat.id in examples for examples in taken):
            paths.append(PairedPath(chat, places[chat.problem], (taken[0][chat.id], taken[1][chat.id])))
        places[chat.problem] += 1
    if not paths:
        raise BadInput("train_pair: no path is left that both students can take")
    return paths


def answer_spans(chat: Chat, example: Example, tokenizer: Any) -> Spans:
    """Where each token of `example` stands in the answer's text, as (start, end) in characters from its first
    character that is no space; (-1, -1) of what is no part of the answer.

    The token that ends the turn stands behind the text: from its length to one more. Raises BadInput where
    the template changes the answer.
    """
    end = end_of_turn(tokenizer)
    assert end is not None  # the audit has looked
    (row,) = rendered(chat, tokenizer, end)
    answer = row.answers[-1].strip()
    low, high = row.spans[-1]
    start = row.text.find(answer, low, high)
    if start < 0:
        raise BadInput(
            f"chat {chat.id!r}: the chat template changes the words of the answer, so that its tokens cannot "
            "be compared with the peer's; set peer to off"
        )
    encoded = tokenizer(row.text, add_special_tokens=False, return_offsets_mapping=True)
    spans: Spans = []
    for token, wanted, (first, last) in zip(
        encoded.input_ids, example.supervised, encoded.offset_mapping, strict=True
    ):
        if not wanted:
            spans.append((-1, -1))
        elif token == end and first >= start + len(answer):
            spans.append((len(answer), len(answer) + 1))
        else:
            spans.append((max(0, first - start), max(0, min(last - start, len(answer)))))
    return spans
