"""The pre-flight audit: proves on every row that training teaches the student to answer and to stop, and
refuses otherwise.

Tuned models often never stop: the end-of-turn token was not supervised, or it was masked because it equals
the padding, or generation does not stop on it. The audit looks for each of these before a step is made.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from stages.models.templates import special_tokens
from stages.shared.errors import BadInput
from stages.shared.rows import Chat
from stages.students.training.encoding import Example, encode, end_of_turn


def audit(chats: Sequence[Chat], tokenizer: Any, model: Any, name: str) -> list[Example]:
    """Every chat encoded for `model`, once it is certain that all can be learnt and that generation stops
    where a turn ends.

    Raises BadInput, which names the model by `name`, where it is not.
    """
    highest = max(tokenizer.get_vocab().values())
    held = model.get_input_embeddings().num_embeddings
    if highest >= held:
        token = tokenizer.convert_ids_to_tokens(highest)
        raise BadInput(
            f"{name}: the tokenizer's token {token!r} is number {highest}, "
            f"but the model holds {held} embeddings, from 0 on"
        )
    return audit_rows(chats, tokenizer, audit_tokenizer(tokenizer, _stops(model), name))


def _stops(model: Any) -> list[int]:
    """The ids that generation stops on."""
    stops = model.generation_config.eos_token_id
    if stops is None:
        return []
    return list(stops) if isinstance(stops, list) else [stops]


def audit_tokenizer(tokenizer: Any, stops: Sequence[int], name: str) -> int:
    """The id of the end-of-turn token, once it is certain that padding is another token and generation stops
    on it."""
    end = end_of_turn(tokenizer)
    if end is None:
        raise BadInput(
            f"{name}: the chat template ends the assistant's turn with no special token: "
            "the student could never learn to stop"
        )
    token = tokenizer.convert_ids_to_tokens(end)
    if tokenizer.pad_token_id is None:
        raise BadInput(
            f"{name}: the tokenizer has no padding token; set pad_token to one that is not {token!r}"
        )
    if tokenizer.pad_token_id == end:
        raise BadInput(
            f"{name}: padding and end-of-turn are both {token!r}: masking one would mask the other; "
            "set pad_token to another"
        )
    if end not in stops:
        names = tokenizer.convert_ids_to_tokens(sorted(stops))
        raise BadInput(
            f"{name}: generation stops on {names}, "
            f"not on the end-of-turn token {token!r} that the template writes"
        )
    return end


def audit_rows(chats: Sequence[Chat], tokenizer: Any, end: int) -> list[Example]:
    """Every chat encoded; raises BadInput, with counts and the first row of each kind, where any may not be
    trained on."""
    examples, faults, first = [], Counter[str](), dict[str, str]()
    special = special_tokens(tokenizer)
    for chat in chats:
        try:
            example = encode(chat, tokenizer, end)
        except BadInput as error:
            raise BadInput(f"stop-token audit: {chat.id}: {error}") from None
        for fault in faults_of(chat, example, tokenizer, end, special):
            faults[fault] += 1
            first.setdefault(fault, chat.id)
        examples.append(example)
    if faults:
        counted = "; ".join(
            f"{fault} ({count} of {len(chats)} rows, first {first[fault]})"
            for fault, count in sorted(faults.items())
        )
        raise BadInput(f"stop-token audit: {counted}")
    return examples


def faults_of(chat: Chat, example: Example, tokenizer: Any, end: int, special: dict[int, str]) -> set[str]:
    """Why `chat`, encoded as `example`, may not be trained on; empty where it may. `special` are the
    tokenizer's special tokens by id."""
    return {*example.faults, *_row_faults(chat, example, tokenizer, end), *_word_faults(chat, special)}


def _row_faults(chat: Chat, example: Example, tokenizer: Any, end: int) -> Iterable[str]:
    learnt = [token for token, wanted in zip(example.ids, example.supervised, strict=True) if wanted]
    answers = [message["content"] for message in chat.messages if message["role"] == "assistant"]
    if not learnt:
        yield "the mask is empty: nothing would be learnt"
        return
    if len(learnt) == len(example.ids):
        yield "the mask is whole: the question would be learnt as well"
    if learnt.count(end) != len(answers):
        yield "not exactly one supervised end-of-turn token for each of the assistant's turns"
    if learnt[-1] != end:
        yield "the last supervised token is not the end-of-turn token"
    if tokenizer.pad_token_id in learnt:
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
