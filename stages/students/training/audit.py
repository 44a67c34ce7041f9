"""The pre-flight audit: proves on every row that training teaches the student to answer and to stop, and
refuses otherwise.

Tuned models often never stop: the end-of-turn token was not supervised, or it was masked because it equals
the padding, or generation does not stop on it. The audit looks for each of these before a step is made.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from stages.models.templates import reads_clock, special_tokens
from stages.shared.errors import BadInput
from stages.shared.rows import Chat
from stages.students.training.answer_ends import cleaned
from stages.students.training.encoding import Example, encode_rendered, end_of_turn
from stages.students.training.rendering import rendered
from stages.students.training.row_counts import Row, RowCounts


def audit(
    chats: Sequence[Chat], tokenizer: Any, model: Any, name: str, counts: RowCounts | None = None
) -> list[Row]:
    """Every chat encoded for `model`, once it is certain that all can be learnt and that generation stops
    where a turn ends.

    `counts` collects what was cleaned and, where it lets rows be left out, what was left out. Raises
    BadInput, which names the model by `name`, where a row can be neither learnt nor left out.
    """
    highest = max(tokenizer.get_vocab().values())
    held = model.get_input_embeddings().num_embeddings
    if highest >= held:
        token = tokenizer.convert_ids_to_tokens(highest)
        raise BadInput(
            f"{name}: the tokenizer's token {token!r} is number {highest}, "
            f"but the model holds {held} embeddings, from 0 on"
        )
    end = audit_tokenizer(tokenizer, _stops(model), name)
    return audit_rows(chats, tokenizer, end, counts or RowCounts())


def _stops(model: Any) -> list[int]:
    """The ids that generation stops on."""
    stops = model.generation_config.eos_token_id
    if stops is None:
        return []
    return list(stops) if isinstance(stops, list) else [stops]


def audit_tokenizer(tokenizer: Any, stops: Sequence[int], name: str) -> int:
    """The id of the end-of-turn token, once it is certain that generation stops on it.

    Padding may be the same token: what is learnt goes by the places of tokens, never by their ids.
    """
    if reads_clock(tokenizer):
        raise BadInput(
            f"{name}: its chat template writes today's date: what is learnt today is another text than "
            "what is answered tomorrow; set template_date where the model is pinned, in "
            "bases.<base>.model.template_date"
        )
    end = end_of_turn(tokenizer)
    if end is None:
        raise BadInput(
            f"{name}: the chat template ends the assistant's turn with no special token: "
            "the student could never learn to stop"
        )
    token = tokenizer.convert_ids_to_tokens(end)
    if end not in stops:
        names = tokenizer.convert_ids_to_tokens(sorted(stops))
        raise BadInput(
            f"{name}: generation stops on {names}, "
            f"not on the end-of-turn token {token!r} that the template writes"
        )
    return end


def audit_rows(chats: Sequence[Chat], tokenizer: Any, end: int, counts: RowCounts) -> list[Row]:
    """The rows of every chat that may be learnt; raises BadInput as `audit` does."""
    rows: list[Row] = []
    special = special_tokens(tokenizer)
    for chat in chats:
        encoded, changes, faults = audited(chat, tokenizer, end, special)
        for change in changes:
            counts.cleaned.add(change, chat)
        for fault in faults:
            counts.faulty.add(fault, chat)
        rows += [] if faults else encoded
        counts.chats += 1
        counts.left_out += bool(faults)
    counts.check()
    return rows


def audited(
    chat: Chat, tokenizer: Any, end: int, special: dict[int, str]
) -> tuple[list[Row], list[str], set[str]]:
    """The rows of `chat`, how it was cleaned, and why it may not be trained on (empty where it may).

    A chat is cleaned only where it could not be trained on as it is. `special` are the tokenizer's special
    tokens by id.
    """
    rows, faults = _encoded(chat, tokenizer, end, special)
    if not faults:
        return rows, [], faults
    clean, changes = cleaned(chat, tokenizer, end)
    clean_rows, left = _encoded(clean, tokenizer, end, special) if changes else (rows, faults)
    return (rows, [], faults) if left else (clean_rows, changes, left)


def _encoded(chat: Chat, tokenizer: Any, end: int, special: dict[int, str]) -> tuple[list[Row], set[str]]:
    try:
        examples = encode_rendered(rendered(chat, tokenizer, end), tokenizer)
    except BadInput as error:
        return [], {str(error)}
    faults = {fault for example in examples for fault in faults_of(chat, example, tokenizer, end, special)}
    return [Row(chat, example) for example in examples], faults


def faults_of(chat: Chat, example: Example, tokenizer: Any, end: int, special: dict[int, str]) -> set[str]:
    """Why `chat`, encoded as `example`, may not be trained on; empty where it may. `special` are the
    tokenizer's special tokens by id."""
    # what follows from a fault of the template is no reason of its own
    row_faults = [] if example.faults else _row_faults(example, tokenizer, end)
    return {*example.faults, *row_faults, *_word_faults(chat, special)}


def _row_faults(example: Example, tokenizer: Any, end: int) -> Iterable[str]:
    learnt = [token for token, wanted in zip(example.ids, example.supervised, strict=True) if wanted]
    answers = example.answers
    if not learnt:
        yield "the mask is empty: nothing would be learnt"
        return
    if len(learnt) == len(example.ids):
        yield "the mask is whole: the question would be learnt as well"
    if learnt.count(end) != len(answers):
        yield "not exactly one supervised end-of-turn token for each of the assistant's turns"
    if learnt[-1] != end:
        yield "the last supervised token is not the end-of-turn token"
    if tokenizer.pad_token_id != end and tokenizer.pad_token_id in learnt:
        yield "the padding token stands among the supervised tokens"
    if tokenizer.unk_token_id not in (None, end) and tokenizer.unk_token_id in learnt:
        yield "the tokenizer has no token for some of the assistant's words"
        return
    # as answers are read in generation
    decoded = tokenizer.decode(learnt, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    if not _holds(decoded, "".join(answers)):
        yield "some of the assistant's words do not survive the tokenizer"


def _holds(decoded: str, words: str) -> bool:
    """Whether all characters of `words` stand in `decoded`, in their order.

    A template may write words of its own among them. White space, case and Unicode's compatible forms do not
    count, since many a tokenizer normalises them.
    """
    if words in decoded:
        return True
    remaining = iter(_normalised(decoded))
    return all(character in remaining for character in _normalised(words))


def _normalised(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def _word_faults(chat: Chat, special: dict[int, str]) -> Iterable[str]:
    """Words that hold special tokens: they could end a turn in the midst of a question, and begin another."""
    for message in chat.messages:
        for token in special.values():
            if token in message["content"]:
                yield f"the words of the {message['role']} hold the special token {token!r}"
