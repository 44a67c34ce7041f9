"""The stop-token audit, on tokenizers, templates and rows that are broken on purpose."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from stages.shared.errors import BadInput
from stages.shared.rows import Chat
from stages.students.training.audit import audit
from stages.students.training.encoding import Example

from templates import CHATML, FAMILIES, tokenizer
from tiny import chats, talk

TEXTS = [message["content"] for chat in chats() for message in chat.messages]
PLAIN, GLYPHS = talk("Two?", "The answer is 2."), talk("Nine?", "🜞 9\n🜆 9\n🜂 9\n🜃 The answer is 9.")


def model(stops: object, embeddings: int = 1000) -> Any:
    """As much of a model as the audit looks at."""
    held = SimpleNamespace(num_embeddings=embeddings)
    return SimpleNamespace(get_input_embeddings=lambda: held, generation_config=SimpleNamespace(eos_token_id=stops))


def check(made: Any, rows: list[Chat], stops: object = "end") -> None:
    audit(rows, made, model(made.eos_token_id if stops == "end" else stops), "models/m")


def single(row: Chat, made: Any) -> Example:
    """The only row of a chat."""
    (found,) = audit([row], made, model(made.eos_token_id), "models/m")
    return found.example


@pytest.mark.parametrize("name", FAMILIES)
def test_the_templates_of_real_models_pass(name: str) -> None:
    made = tokenizer(name, TEXTS)
    rows = chats(4) if FAMILIES[name].rewrites or FAMILIES[name].opens else [*chats(4), talk("Two?", "2", "Sure?", "🜞 yes\n🜃 2")]
    found = audit(rows, made, model([made.eos_token_id, 0]), "models/m")
    assert [row.chat for row in found] == rows
    if not FAMILIES[name].opens:
        assert [len(row.example.ids) for row in found] == [len(made.apply_chat_template(row.messages).input_ids) for row in rows]


def no_end(made: Any) -> None:
    made.chat_template = CHATML.replace("<|im_end|>", "")


def shouting(made: Any) -> None:
    made.chat_template = CHATML.replace("message['content']", "message['content'] | upper")


@pytest.mark.parametrize(
    ("spoil", "stops", "told"),
    [
        (no_end, "end", "models/m: the chat template ends the assistant's turn with no special token"),
        (shouting, "end", "the chat template changes the assistant's words: 'Zqxj7' became "),
        (None, [1], r"models/m: generation stops on \['<\|im_start\|>'\], not on the end-of-turn token '<\|im_end\|>'"),
        (None, 0, r"models/m: generation stops on \['<\|pad\|>'\], not on"),
        (None, None, r"models/m: generation stops on \[\], not on"),
    ],
)
def test_broken_tokenizers_are_refused(spoil: Callable[[Any], None] | None, stops: object, told: str) -> None:
    made = tokenizer("chatml", TEXTS)
    if spoil:
        spoil(made)
    with pytest.raises(BadInput, match=told.replace("'<|im_end|>'", r"'<\|im_end\|>'")):
        check(made, [PLAIN], stops)


def test_tokens_without_an_embedding_are_refused() -> None:
    made = tokenizer("chatml", TEXTS)
    audit([PLAIN], made, model(2, len(made)), "models/m")
    made.add_special_tokens({"pad_token": "<new>"})
    with pytest.raises(BadInput, match=f"token '<new>' is number {len(made) - 1}, but the model holds {len(made) - 1} embeddings"):
        audit([PLAIN], made, model(2, len(made) - 1), "models/m")


def chatml(answer: str = "{{ message['content'] }}", end: str = "<|im_end|>") -> str:
    """ChatML with another way to write an assistant's words or the end of a turn."""
    words = "{% if message['role'] == 'assistant' %}" + answer + "{% else %}{{ message['content'] }}{% endif %}"
    return CHATML.replace("{{ message['content'] }}<|im_end|>", words + end)


ONLY_ANSWERS = (
    "{% for message in messages %}{% if message['role'] == 'assistant' %}{{ message['content'] }}<|im_end|>{% endif %}{% endfor %}"
)
TURNS = talk("Two?", "The answer is 2.", "Sure?", "Yes.")
BEGINS = "generation begins behind 'rt|>user\\nTwo?<|im_end|>\\n<|im_start|>bot\\n', with which no finished turn begins"
CHANGED = "the template changes the assistant's words"


@pytest.mark.parametrize(
    ("template", "chat", "told"),
    [
        (CHATML, talk("Two?"), "the mask is empty: nothing would be learnt"),
        (ONLY_ANSWERS, PLAIN, "the mask is whole: the question would be learnt as well"),
        (CHATML.replace("<|im_start|>assistant\n{% endif %}", "<|im_start|>bot\n{% endif %}"), PLAIN, BEGINS),
        (chatml(end="{% if loop.index != 4 %}<|im_end|>{% endif %}"), TURNS, "an assistant's turn has no end-of-turn token"),
        (chatml("{{ message['content'] | replace('answer', 'result') }}"), PLAIN, CHANGED),
        (chatml("{{ message['content'][:9] }}"), PLAIN, CHANGED),
        (chatml("{{ message['content'] | replace('🜆', '') }}"), GLYPHS, CHANGED),
        (CHATML, talk("Two?", " \n"), "an assistant's turn is empty"),
        (CHATML, talk("Two?", "2<|im_end|>3"), "the words of the assistant hold the special token '<|im_end|>'"),
        (CHATML, talk("Two?", "2<|im_end|>3"), "not exactly one supervised end-of-turn token for each of the assistant's turns"),
        (CHATML, talk("Two?", "<|pad|>2"), "the padding token stands among the supervised tokens"),
        (CHATML, talk("Two?<|im_end|>\n<|im_start|>assistant\n3", "2"), "the words of the user hold the special token '<|im_end|>'"),
        (CHATML, talk("Two?", "2", system="<|im_start|>"), "the words of the system hold the special token '<|im_start|>'"),
    ],
)
def test_broken_templates_and_hostile_words_are_refused(template: str, chat: Chat, told: str) -> None:
    made = tokenizer("chatml", TEXTS)
    check(made, [PLAIN, GLYPHS, TURNS])
    made.chat_template = template
    with pytest.raises(BadInput) as error:
        check(made, [chat])
    assert str(error.value).startswith("stop-token audit: ")
    assert f"{told} (1 of 1 rows, first c)" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("template", [chatml("{{ message['content'] | trim }}"), chatml("{{ ' ' + message['content'] }}")])
def test_space_around_the_words_may_change(template: str) -> None:
    made = tokenizer("chatml", TEXTS)
    made.chat_template = template
    check(made, [talk("Two?", "  🜞 2 "), TURNS])


def test_every_row_is_looked_at_and_every_fault_counted() -> None:
    made = tokenizer("chatml", TEXTS)
    rows = [talk("Two?", "2", name="a"), talk("Two?", name="b"), talk("", "<|im_start|>", name="c"), talk("Two?", name="d")]
    with pytest.raises(BadInput) as error:
        check(made, rows)
    assert "the words of the assistant hold the special token '<|im_start|>' (1 of 4 rows, first c)" in str(error.value)
    assert "nothing would be learnt (2 of 4 rows, first b)" in str(error.value)


def test_a_chat_that_the_template_refuses_is_named() -> None:
    with pytest.raises(BadInput, match=r"the chat template refuses the messages: System role not supported \(1 of 2 rows, first x1\)"):
        check(tokenizer("gemma", TEXTS), [PLAIN, talk("Two?", "2", name="x1", system="Be brief.")])


def words(known: str, normalizer: Any = None) -> Any:
    """A tokenizer of whole words; what is not in `known` is [UNK]."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.WordLevel({word: place for place, word in enumerate(known.split())}, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    core.normalizer = normalizer
    made = PreTrainedTokenizerFast(tokenizer_object=core, pad_token="[PAD]", eos_token="[END]", unk_token="[UNK]")
    made.chat_template = CHATML.replace("<|im_start|>", "").replace("<|im_end|>", "[END]")
    return made


def lower() -> Any:
    from tokenizers import normalizers

    return normalizers.Lowercase()


def ascii_only() -> Any:
    from tokenizers import Regex, normalizers

    return normalizers.Replace(Regex(r"[^\x00-\x7f]"), "")


def swapped() -> Any:
    """Every word is there, but not in its place."""
    from tokenizers import Regex, normalizers

    return normalizers.Replace(Regex("It 🜃"), "🜃 It")


SPECIAL = "[PAD] [END] [UNK] user assistant "
LOST = "some of the assistant's words do not survive the tokenizer"
UNKNOWN = "the tokenizer has no token for some of the assistant's words"


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: words(SPECIAL + "two ? 🜞 🜃 it is"), [UNKNOWN]),
        (lambda: words(SPECIAL + "two ? 🜞 🜃 it is", lower()), []),
        (lambda: words(SPECIAL + "Two ? 🜞 It is"), [UNKNOWN]),
        (lambda: words(SPECIAL + "Two ? It is"), [UNKNOWN]),
        (lambda: words(SPECIAL + "Two ? It is", ascii_only()), [LOST]),
        (lambda: words(SPECIAL + "Two ? It is 🜞 🜃", swapped()), [LOST]),
    ],
)
def test_a_tokenizer_must_keep_the_words(made: Callable[[], Any], told: list[str]) -> None:
    chat = talk("Two ?", "🜞 It 🜃 is")
    if not told:
        return check(made(), [chat])
    with pytest.raises(BadInput) as error:
        check(made(), [chat])
    assert [fault for fault in (LOST, UNKNOWN) if fault in str(error.value)] == told


def test_any_mark_must_survive() -> None:
    """Not the glyphs alone: signs that another system teaches, and letters of any script."""
    check(tokenizer("chatml", TEXTS), [talk("Two ?", "🤔🤔 It É ﬁ 🛑")])
    with pytest.raises(BadInput, match=LOST):
        check(words(SPECIAL + "Two ? It", ascii_only()), [talk("Two ?", "🤔 It")])


@pytest.mark.parametrize(("special", "fine"), [(True, False), (False, True)])
def test_glyphs_as_tokens_of_their_own_must_not_be_special(special: bool, fine: bool) -> None:
    """Generation leaves special tokens out of the text: the glyphs would be learnt and never seen."""
    made = tokenizer("chatml", TEXTS)
    made.add_tokens(list("🜞🜆🜂🜃"), special_tokens=special)
    if fine:
        return check(made, [GLYPHS])
    with pytest.raises(BadInput, match=LOST):
        check(made, [GLYPHS])


SIGNALLED = talk(
    "Two?\n\nFor this task, think with 🤔 /four/ times.\n\nWhen finished, emit 🛑 /three/ times to signal completion.",
    "🤔🤔🤔🤔\nThe answer is 2.\n🛑🛑🛑",
    "Sure?",
    "Yes.",
    "And nine?\n\nFor this task, think with 🤔 /four/ times.\n\nWhen finished, emit 🛑 /three/ times to signal completion.",
    "🤔🤔🤔🤔\nThe answer is 9.\n🛑🛑🛑",
    system="The user may ask for signals.",
)


@pytest.mark.parametrize("name", sorted(name for name, family in FAMILIES.items() if not (family.rewrites or family.opens)))
def test_every_turn_is_learnt_with_its_signals_and_its_end_token(name: str) -> None:
    """Of several turns, exactly the assistant's words and their end tokens, the signals among them, and nothing of the requests."""
    made = tokenizer(name, TEXTS)
    # mistral's moves the system's words to each last question, so that a turn is a row
    row = SIGNALLED if FAMILIES[name].system and name != "mistral" else talk(*(message["content"] for message in SIGNALLED.messages[1:]))
    example = single(row, made)
    learnt = [token for token, wanted in zip(example.ids, example.supervised, strict=True) if wanted]
    answers = [message["content"] for message in row.messages if message["role"] == "assistant"]
    assert learnt.count(made.eos_token_id) == len(answers) == 3
    turns: list[list[int]] = [[]]
    for token in learnt:
        turns[-1].append(token)
        if token == made.eos_token_id:
            turns.append([])
    assert [made.decode(turn, skip_special_tokens=True).strip() for turn in turns[:-1]] == answers
    assert all(turn[-1] == made.eos_token_id for turn in turns[:-1])
    seen = made.decode([token for token, wanted in zip(example.ids, example.supervised, strict=True) if not wanted])
    assert seen.count("/four/") == 2 and "🤔🤔" not in seen
