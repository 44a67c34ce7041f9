"""Steering by what each row's own prompt asks for: prefix, floor, stop symbols, penalties, and what they count."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from stages.samplers import Answer, hf
from stages.samplers.local.steering import Steered, steering
from stages.samplers.local.steering.batch_state import Start
from stages.samplers.local.steering.think_tag_penalty import Params as Penalty
from stages.samplers.local.steering.think_tag_penalty import penalty
from stages.samplers.local.steering.token_bytes import token_bytes
from stages.shared.errors import BadInput
from stages.shared.rows import Ending, Message, Prompt
from stages.shared.signals import Request

from templates import tokenizer
from tiny import loaded, make, prompts, talk

FOUR_THREE, TWO_TWO = Request("🤔", 4, "🛑", 3), Request("💡", 2, "🏁", 2)
TWO, THREE, THINKS = Request("", 0, "🛑", 2), Request("", 0, "🛑", 3), Request("🤔", 2, "", 0)
NOTHING = Request("", 0, "", 0)
ALL: list[dict[str, Any]] = [{"think_prefix": {}}, {"answer_floor": {"tokens": 3}}, {"no_unasked_signals": {}}, {"stop_after_signals": {}}]


def asks(request: Request, question: str = "Who sings?") -> list[Message]:
    return [Message(role="user", content=f"{question}\n\n{request.text()}".rstrip())]


@pytest.fixture(scope="module")
def merged() -> Any:
    """A tokenizer in which two and three stop symbols, and one with its newline, are single tokens."""
    made = tokenizer("chatml", ["x 🤔 a"] * 9, vocabulary=300)
    made.add_tokens(["🛑", "🛑🛑🛑", "🛑🛑", "🛑\n", "🏁"])
    return made


@pytest.fixture(scope="module")
def bytewise() -> Any:
    """A tokenizer in which every symbol is four tokens."""
    return tokenizer("chatml", ["a b"] * 9, vocabulary=259)


class Speaker:
    """Steered greedy decoding of rows of which each wants to write its own text, then to end."""

    def __init__(self, made: Any, steps: Sequence[dict[str, Any]], prefill: str = "") -> None:
        self.made, self.size, self.end = made, len(made), made.convert_tokens_to_ids("<|im_end|>")
        model = Steered(made, self.size, [self.end], prefill)
        pairs = [(name, settings) for step in steps for name, settings in step.items()]
        self.starts = [
            Start(name, steering(name).prepare(model, steering(name).Params.model_validate(settings)), [self.end])
            for name, settings in pairs
        ]
        self.counts: dict[str, int] = {}

    def say(self, chats: Sequence[list[Message]], wanted: Sequence[str], limit: int = 60) -> list[str]:
        """What each row writes, `|` for its end; prompts of different lengths, padded on the left."""
        import torch

        rows = [[*self.made(text, add_special_tokens=False).input_ids, self.end] for text in wanted]
        ids = torch.tensor([[0] * (9 - number % 3) + [5] * (number % 3) for number in range(len(rows))])
        processors = [start(chats) for start in self.starts]
        places, written, ended = [0] * len(rows), [[] for _ in rows], [False] * len(rows)  # type: list[int], list[list[int]], list[bool]
        for _ in range(limit):
            scores = torch.zeros(len(rows), self.size)
            scores[:, self.made.all_special_ids] = -1.0
            for number, (row, place) in enumerate(zip(rows, places, strict=True)):
                scores[number, row[min(place, len(row) - 1)]] = 5.0
            for processor in processors:
                given, kept = scores, scores.clone()
                scores = processor(ids, given)
                assert (given == kept).all()  # no processor writes into what it is given
            chosen = scores.argmax(dim=-1).tolist()
            for number, token in enumerate(chosen):
                if not ended[number]:
                    written[number].append(token)
                    ended[number] = token == self.end
                    places[number] += token == rows[number][min(places[number], len(rows[number]) - 1)]
            ids = torch.cat([ids, torch.tensor([[0 if ended[n] else token] for n, token in enumerate(chosen)])], dim=1)
            if all(ended):
                break
        for processor in processors:
            self.counts |= processor.counts()
        return [self._text(row) for row in written]

    def _text(self, row: list[int]) -> str:
        words = token_bytes(self.made, self.size)
        return b"".join(b"|" if token == self.end else words[token] for token in row).decode(errors="replace")


# what a prompt asks for, what the model wants to say, what is said
STOPS: list[tuple[Request, str, str]] = [
    (NOTHING, "a", "a|"),
    (NOTHING, "a 🛑🛑🛑🛑 b", "a 🛑🛑🛑🛑 b|"),
    (THINKS, "a 🛑 b", "a 🛑 b|"),
    (TWO, "a\n🛑🛑 and more", "a\n🛑🛑|"),
    (THREE, "a\n🛑🛑🛑🛑🛑", "a\n🛑🛑🛑|"),
    (THREE, "a", "a\n🛑🛑🛑|"),
    (THREE, "a\n", "a\n🛑🛑🛑|"),
    (THREE, "a\n🛑", "a\n🛑🛑🛑|"),
    (THREE, "a\n🛑🛑", "a\n🛑🛑🛑|"),
    (TWO_TWO, "a 🛑🛑🛑\n🏁🏁🏁", "a 🛑🛑🛑\n🏁🏁|"),
]


@pytest.mark.parametrize("which", ["merged", "bytewise"])
def test_each_row_stops_after_as_many_as_its_own_prompt_asks_for(which: str, request: pytest.FixtureRequest) -> None:
    """In one batch, alone, and with the rows turned round: the first row decides for nobody else."""
    made = request.getfixturevalue(which)
    speaker = Speaker(made, [{"stop_after_signals": {}}])
    for rows in (STOPS, STOPS[::-1], *([row] for row in STOPS)):
        said = speaker.say([asks(wanted) for wanted, _, _ in rows], [text for _, text, _ in rows])
        assert said == [expected for _, _, expected in rows]


def test_a_batch_begins_anew(bytewise: Any) -> None:
    speaker = Speaker(bytewise, [{"stop_after_signals": {}}])
    assert [speaker.say([asks(THREE)], ["a"]) for _ in range(2)] == [["a\n🛑🛑🛑|"]] * 2


def test_one_token_of_several_symbols_writes_no_more_than_asked(merged: Any) -> None:
    """Three wanted at once where two are asked for; one with a newline behind it where it would be the last."""
    speaker = Speaker(merged, [{"stop_after_signals": {}}])
    ids = merged("🛑🛑🛑", add_special_tokens=False).input_ids
    assert [merged.decode(token) for token in ids] == ["🛑🛑🛑"]
    (said,) = speaker.say([asks(TWO)], ["a\n🛑🛑🛑"], limit=6)
    assert said.count("🛑") <= 2 and "🛑🛑🛑" not in said
    (said,) = speaker.say([asks(Request("", 0, "🛑", 1))], ["a\n🛑\n"], limit=6)
    assert "🛑\n" not in said
    assert speaker.say([asks(Request("", 0, "🛑", 4))], ["a\n🛑🛑🛑"]) == ["a\n🛑🛑🛑🛑|"]


def test_without_complete_an_answer_may_end_without_its_symbols(bytewise: Any) -> None:
    speaker = Speaker(bytewise, [{"stop_after_signals": {"complete": False}}])
    assert speaker.say([asks(THREE)] * 3, ["a", "a\n🛑🛑", "a\n🛑🛑🛑🛑"]) == ["a|", "a\n🛑🛑|", "a\n🛑🛑🛑|"]


@pytest.mark.parametrize(
    ("prefill", "request_", "expected"),
    [
        ("", FOUR_THREE, "🤔🤔🤔🤔\na|"),
        ("", TWO_TWO, "💡💡\na|"),
        ("", THREE, "a|"),
        ("", NOTHING, "a|"),
        ("🤔🤔", FOUR_THREE, "🤔🤔\na|"),
        ("🤔🤔🤔🤔\n", FOUR_THREE, "a|"),
        ("🤔🤔🤔🤔\nb", FOUR_THREE, "a|"),
        ("b", NOTHING, "a|"),
    ],
)
def test_an_answer_begins_with_the_line_that_is_asked_for(bytewise: Any, prefill: str, request_: Request, expected: str) -> None:
    assert Speaker(bytewise, [{"think_prefix": {}}], prefill).say([asks(request_)], ["a"]) == [expected]


def test_a_prefill_that_contradicts_the_request_is_told(bytewise: Any) -> None:
    with pytest.raises(BadInput, match=r"prefill 'b' contradicts steer\.think_prefix: a prompt asks for '🤔🤔🤔🤔\\n'"):
        Speaker(bytewise, [{"think_prefix": {}}], "b").say([asks(FOUR_THREE)], ["a"])


@pytest.mark.parametrize(
    ("prefill", "request_", "wanted", "expected"),
    [
        ("", NOTHING, "a", 4),
        ("", NOTHING, "abcdef", 6),
        ("bb", NOTHING, "a", 2),
        ("🤔🤔🤔🤔\nbb", FOUR_THREE, "a", 2),
        ("bbbbbb", NOTHING, "a", 1),
    ],
)
def test_the_floor(bytewise: Any, prefill: str, request_: Request, wanted: str, expected: int) -> None:
    """Tokens that are written before the end; a prefill counts, the line of think symbols does not."""
    said = Speaker(bytewise, [{"answer_floor": {"tokens": 4}}], prefill).say([asks(request_)], [wanted])
    assert said[0].endswith("|") and len(said[0]) - 1 == expected


def test_the_floor_does_not_count_the_think_line_and_holds_stop_symbols_back(bytewise: Any) -> None:
    steps: list[dict[str, Any]] = [{"think_prefix": {}}, {"answer_floor": {"tokens": 9}}, {"stop_after_signals": {}}]
    chats = [asks(FOUR_THREE), asks(THREE), asks(NOTHING)]
    for said, line in zip(Speaker(bytewise, steps).say(chats, ["a", "🛑🛑🛑", "🛑🛑🛑"]), ("🤔🤔🤔🤔\n", "", ""), strict=True):
        words = said.removeprefix(line).split("🛑")[0]
        assert said.startswith(line) and said.endswith("|") and len(words.encode()) >= (9 if line or words else 0)
    early = Speaker(bytewise, steps).say([asks(THREE)], ["ab\n🛑🛑🛑"])[0]
    assert early.endswith("🛑🛑🛑|") and early.count("🛑") == 3 and len(early.split("🛑")[0].encode(errors="replace")) >= 6


@pytest.mark.parametrize(
    ("request_", "wanted", "kept"),
    [
        (NOTHING, "a🤔b🛑c", "🤔🛑"),
        (FOUR_THREE, "🤔🤔🤔🤔\na🤔\n🛑🛑🛑🛑", ""),
        (TWO_TWO, "💡💡\n🤔a\n🏁🏁🏁", "🤔"),
    ],
)
def test_signals_that_nobody_asked_for_are_impossible(bytewise: Any, request_: Request, wanted: str, kept: str) -> None:
    (said,) = Speaker(bytewise, [{"no_unasked_signals": {}}]).say([asks(request_)], [wanted], limit=99)
    allowed = {request_.think: request_.think_count, request_.stop: request_.stop_count}
    assert all(said.count(symbol) <= allowed.get(symbol, 0) for symbol in "🤔🛑💡🏁")
    assert all(symbol not in said for symbol in kept)


def test_the_penalty_has_a_schedule() -> None:
    params = Penalty(first=8.0, last=2.0, over=4)
    assert [penalty(params, token) for token in (0, 1, 2, 4, 9)] == [8.0, 6.5, 5.0, 2.0, 2.0]
    assert penalty(Penalty(first=8.0, last=2.0), 0) == 2.0


@pytest.mark.parametrize(
    ("settings", "wanted", "expected"),
    [
        ({}, "a <b", "a <b|"),
        ({"first": 4.0, "last": 4.0}, "<think>a", "<think>a|"),  # the model's 5 are worth more
        ({"first": 9.0, "last": 0.0, "over": 3}, "abcd<think>", "abcd<think>|"),
    ],
)
def test_a_tag_is_made_less_likely_not_impossible(bytewise: Any, settings: dict[str, Any], wanted: str, expected: str) -> None:
    assert Speaker(bytewise, [{"think_tag_penalty": settings}]).say([asks(NOTHING)], [wanted]) == [expected]


def test_a_tag_whose_penalty_is_higher_than_its_odds_is_not_written(bytewise: Any) -> None:
    special = tokenizer("chatml", ["a b"] * 9, vocabulary=259)
    special.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<think>"]})
    whole = tokenizer("chatml", ["a b"] * 9, vocabulary=259)
    whole.add_tokens(["<think>"])
    for made in (bytewise, special, whole):
        (said,) = Speaker(made, [{"think_tag_penalty": {"tags": ["<think>"]}}]).say([asks(NOTHING)], ["<think>a"], limit=8)
        assert "<t" not in said


def test_what_steering_changed_is_counted(bytewise: Any) -> None:
    speaker = Speaker(bytewise, [{"stop_after_signals": {}}, {"think_prefix": {}}])
    speaker.say([asks(TWO), asks(NOTHING), asks(THINKS)], ["a\n🛑🛑bb", "a", "a"])
    assert speaker.counts == {
        "stop_after_signals.answers": 3,
        "stop_after_signals.changed_answers": 1,
        "stop_after_signals.changed_tokens": 1,
        "think_prefix.answers": 3,
        "think_prefix.changed_answers": 1,
        "think_prefix.changed_tokens": 9,
    }


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ({"answer_floor": {"tokens": 0}}, "greater than or equal to 1"),
        ({"answer_floor": {}}, "tokens"),
        ({"think_tag_penalty": {"first": -1.0}}, "greater than or equal to 0"),
        ({"think_tag_penalty": {"tags": []}}, "at least 1 item"),
        ({"think_prefix": {"count": 4}}, "Extra inputs"),
        ({"stop_after_signal": {}}, r"did you mean 'stop_after_signals'\?"),
    ],
)
def test_params_that_are_wrong_are_told(step: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        hf.Params(sampler="hf", model="m", max_new_tokens=1, steer=[step])


REQUESTS = [FOUR_THREE, NOTHING, TWO, TWO_TWO, THREE, THINKS, Request("🧠", 8, "🔚", 4), NOTHING]


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The memo of these tests lies in a folder of their own."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "root"))
    return tmp_path / "root" / ".athanor"


def puts() -> list[Prompt]:
    """Prompts of different lengths, which ask for different signals."""
    texts = [asks(request, f"Who sings{' and sings' * (number % 3)}?") for number, request in enumerate(REQUESTS)]
    return [
        Prompt(**{field: getattr(prompt, field) for field in prompt.__struct_fields__} | {"messages": messages})
        for prompt, messages in zip(prompts([str(number) for number in range(len(texts))]), texts, strict=True)
    ]


def answers(model: Path, given: Sequence[Prompt], **changed: Any) -> list[list[Answer]]:
    params = hf.Params.model_validate({"sampler": "hf", "model": str(model), "max_new_tokens": 400, "device": "cpu"} | changed)
    return list(hf.answer(given, params, 0))


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learnt short answers, and of signals nothing."""
    rows = [talk(f"Who sings{' and sings' * (number % 3)}?", "Eva sings.", name=f"c{number}") for number in range(12)]
    folder = tmp_path_factory.mktemp("taught")
    return make(folder, given=rows, steps=60, optimizer="muon", batch_size=8, learning_rate=0.02, max_tokens=512)


def complies(answer: Answer, request: Request) -> bool:
    before = f"{request.think * request.think_count}\n" if request.think_count else ""
    after = request.stop * request.stop_count
    words = answer.text.removeprefix(before).removesuffix(after)
    symbols = (request.think, request.stop, "🤔", "🛑", "💡", "🏁")
    return (
        answer.ending is Ending.STOP
        and answer.text.startswith(before)
        and answer.text.endswith(after)
        and not any(symbol and symbol in words for symbol in symbols)
    )


@pytest.mark.parametrize("changed", [{}, {"temperature": 0.8, "n": 4}, {"batch_size": 3}])
def test_with_all_steps_every_answer_of_a_model_complies(taught: Path, changed: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    given = puts()
    free = answers(taught, given, **changed)
    steered = answers(taught, given, steer=ALL, **changed)
    ended = [sum(answer.ending is Ending.STOP for row in rows for answer in row) for rows in (free, steered)]
    assert ended[0] == ended[1] == 8 * changed.get("n", 1)
    assert not any(complies(answer, request) for request, row in zip(REQUESTS, free, strict=True) for answer in row if any(request))
    assert all(complies(answer, request) for request, row in zip(REQUESTS, steered, strict=True) for answer in row)
    if not changed.get("temperature"):  # where nothing is asked for the words stay as they were
        assert [row for row, request in zip(steered, REQUESTS, strict=True) if not any(request)] == [
            row for row, request in zip(free, REQUESTS, strict=True) if not any(request)
        ]
    told = capfd.readouterr().err
    count = 8 * changed.get("n", 1)
    assert (
        f"steer.think_prefix changed {sum(len(prefix_ids(taught, request)) for request in REQUESTS) * changed.get('n', 1)} tokens" in told
    )
    assert f"of {count} answers" in told


def prefix_ids(model: Path, request: Request) -> list[int]:
    line = f"{request.think * request.think_count}\n" if request.think_count else ""
    ids: list[int] = loaded(model)[1](line, add_special_tokens=False).input_ids
    return ids


def test_neither_batch_nor_order_changes_a_steered_answer(taught: Path) -> None:
    given = puts()
    expected = answers(taught, given, steer=ALL)
    assert answers(taught, given[::-1], steer=ALL, batch_size=2) == expected[::-1]


def test_what_is_asked_is_in_the_key_of_the_memo(taught: Path, tmp_path: Path) -> None:
    """Two chats that a template writes alike (it leaves a turn out) are two questions."""
    import shutil

    mine = shutil.copytree(taught, tmp_path / "mine")
    (mine / "chat_template.jinja").write_text("{% for message in messages %}x{% endfor %}<|im_start|>assistant\n")
    first, second = puts()[2], puts()[4]  # two stop symbols, three
    texts = []
    for prompt in (first, second):
        ((answer,),) = answers(mine, [prompt], steer=ALL)
        texts.append(answer.text)
    assert [text.count("🛑") for text in texts] == [2, 3]


def test_steering_is_told_to_whoever_asked(taught: Path) -> None:
    stream = hf.answer(
        puts(), hf.Params.model_validate({"sampler": "hf", "model": str(taught), "max_new_tokens": 400, "device": "cpu", "steer": ALL}), 0
    )
    counts: Any = {}
    try:
        while True:
            next(stream)
    except StopIteration as end:
        counts = end.value
    assert counts["steered"]["stop_after_signals.answers"] == 8
    assert json.dumps(counts)


def test_a_symbol_that_the_tokenizer_cannot_write_is_told() -> None:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1, "<|im_end|>": 2}, unk_token="[UNK]"))
    made = PreTrainedTokenizerFast(tokenizer_object=core, unk_token="[UNK]")
    steps: list[dict[str, Any]] = [{"stop_after_signals": {}}, {"think_prefix": {}}]
    for step in steps:
        with pytest.raises(BadInput, match=r"the tokenizer has no tokens that write '(🛑|🤔🤔🤔🤔\\n)'"):
            Speaker(made, [step]).say([asks(FOUR_THREE)], ["a"])
