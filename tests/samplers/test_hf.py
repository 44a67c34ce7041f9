"""A local model that answers: in order, the same whatever stands in its batch, never with a glyph where that is forbidden."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from stages.models.loading import load_model
from stages.samplers import Answer, hf
from stages.samplers.local import answering as local
from stages.samplers.local import generation
from stages.samplers.local.steering import Steered, no_marks
from stages.samplers.local.steering.token_bytes import byte_letters, token_bytes
from stages.shared.errors import BadInput
from stages.shared.files import write
from stages.shared.marks import GLYPHS, uses_glyphs
from stages.shared.rows import Ending, Kind, Problem

from templates import tokenizer
from tiny import ADAPTERS, copy_of_code, loaded, make, prompts, question, talk, tune

ROOT = Path(__file__).parents[2]
NO_GLYPHS: dict[str, Any] = {"steer": [{"no_marks": list(GLYPHS.values())}]}
QUESTIONS = [question(number) for number in range(23)]


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learnt its chats, so that its answers end and differ."""
    return make(tmp_path_factory.mktemp("taught"), steps=120, optimizer="muon", batch_size=8, schedule="linear", learning_rate=0.02)


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The memo of these tests lies in a folder of their own."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "root"))
    return tmp_path / "root" / ".athanor"


def forget() -> None:
    """What was answered before is asked anew."""
    shutil.rmtree(Path(os.environ["DVC_ROOT"]), ignore_errors=True)


def forget_models() -> None:
    local._load.cache_clear()
    local._tokenizer.cache_clear()


def ask(model: Path, questions: list[str] = QUESTIONS, seed: int = 0, **changed: Any) -> list[list[Answer]]:
    forget()
    return again(model, questions, seed, **changed)


def again(model: Path, questions: list[str] = QUESTIONS, seed: int = 0, **changed: Any) -> list[list[Answer]]:
    """With what the memo holds."""
    params = hf.Params.model_validate({"sampler": "hf", "model": str(model), "max_new_tokens": 60, "device": "cpu"} | changed)
    return list(hf.answer(prompts(questions), params, seed))


def test_a_chat_template_has_its_arguments(tmp_path: Path) -> None:
    """Those of the sampler, which are a part of what identifies an answer; but not over those of the model itself."""
    made = tokenizer("qwen3 switch", ["2?"])
    made.save_pretrained(tmp_path / "model")
    (tmp_path / "model/config.json").write_text("{}")
    settings: Any = {"sampler": "hf", "model": str(tmp_path / "model"), "max_new_tokens": 9, "device": "cpu"}
    (asked,) = prompts(["2?"])
    plain, quick = (local.Local(hf.Params(**settings | {"template": arguments})) for arguments in ({}, {"enable_thinking": False}))
    no_thought = "<think>\n\n</think>\n\n"
    assert quick.render(asked).endswith(no_thought) and not plain.render(asked).endswith(no_thought)
    assert quick.identity != plain.identity
    quick.tokenizer.save_pretrained(tmp_path / "student")
    (tmp_path / "student/config.json").write_text("{}")
    with pytest.raises(BadInput, match="student: template: its chat template sets 'enable_thinking' itself"):
        local.Local(hf.Params(**settings | {"model": str(tmp_path / "student")}, template={"enable_thinking": True}))
    with pytest.raises(BadInput, match="model: template: its chat template reads no argument 'thinking'"):
        local.Local(hf.Params(**settings, template={"thinking": True}))


def texts(answers: list[list[Answer]]) -> list[list[str]]:
    return [[answer.text for answer in given] for given in answers]


def alone(model: Path, question: str, limit: int = 60) -> str:
    """The greedy answer, token by token, without a cache, a batch or padding."""
    import torch

    made, tokens = loaded(model)
    ids = tokens.apply_chat_template([{"role": "user", "content": question}], add_generation_prompt=True).input_ids
    begin = len(ids)
    while len(ids) - begin < limit:
        with torch.no_grad():
            ids.append(int(made(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
        if ids[-1] == tokens.eos_token_id:
            break
    decoded: str = tokens.decode(ids[begin:], skip_special_tokens=True)
    return decoded


def test_an_answer_is_what_the_model_would_say_alone(taught: Path) -> None:
    expected = [alone(taught, question) for question in QUESTIONS[:5]]
    assert [given for (given,) in texts(ask(taught))[:5]] == expected
    assert len(set(expected)) > 1
    assert sum(uses_glyphs(text) for text in expected) in range(1, 5)


@pytest.mark.parametrize("size", [1, 3, 8])
def test_neither_batch_nor_window_changes_a_greedy_answer(taught: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = texts(ask(taught))
    assert texts(ask(taught, batch_size=size)) == expected
    assert texts(ask(taught, QUESTIONS[::-1], batch_size=size)) == expected[::-1]
    monkeypatch.setattr(hf, "WINDOW", 5)
    assert texts(ask(taught, batch_size=size)) == expected


def test_several_answers_to_a_prompt_come_of_that_prompt(taught: Path) -> None:
    """Each prompt is read once and what was read copied: greedily, every copy says what the prompt's only answer would be."""
    alone = [answer.text for (answer,) in ask(taught)]
    assert len(set(alone)) > 3
    assert [[answer.text for answer in answers] for answers in ask(taught, n=3)] == [[text] * 3 for text in alone]


def test_longest_first_within_a_window(taught: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    widths: list[int] = []
    generate = generation._generate

    def noted(loaded: generation.Loaded, rows: Sequence[list[int]], *rest: Any) -> list[Answer]:
        widths.append(max(map(len, rows)))
        return generate(loaded, rows, *rest)

    monkeypatch.setattr(generation, "_generate", noted)
    ask(taught, batch_size=4)
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > widths[-1]


def test_samples_differ_and_are_seeded(taught: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hf, "WINDOW", 4)
    same = ["How many are 3?"] * 12
    first = texts(ask(taught, same, n=3, temperature=2.0))
    assert [len(given) for given in first] == [3] * 12
    assert len({text for given in first for text in given}) > 30  # two windows with the same prompts draw anew, too
    assert texts(ask(taught, same, n=3, temperature=2.0)) == first
    assert texts(ask(taught, same, seed=1, n=3, temperature=2.0)) != first


def test_another_arm_draws_anew(taught: Path) -> None:
    params = hf.Params(sampler="hf", model=str(taught), max_new_tokens=20, temperature=2.0, device="cpu")
    one, other = (list(hf.answer(prompts(QUESTIONS[:3], by=by), params, 0)) for by in ("probe", "student"))
    assert one != other


def test_temperature_and_top_p(taught: Path) -> None:
    greedy = texts(ask(taught))
    assert texts(ask(taught, temperature=1e-6)) == greedy  # two tokens may be as likely as each other within a thousandth
    assert texts(ask(taught, temperature=2.0, top_p=1e-6)) == greedy
    assert texts(ask(taught, temperature=2.0)) != greedy


def test_the_models_own_sampling_habits_are_left_out(taught: Path, tmp_path: Path) -> None:
    """Instruct models carry a top_k, a repetition penalty and a temperature that nobody asked for in params."""
    habits = shutil.copytree(taught, tmp_path / "habits")
    config = {"eos_token_id": 2, "do_sample": True, "top_k": 1, "temperature": 0.7, "top_p": 0.1, "repetition_penalty": 5.0}
    (habits / "generation_config.json").write_text(json.dumps(config))
    assert texts(ask(habits)) == texts(ask(taught))
    assert texts(ask(habits, temperature=2.0)) == texts(ask(taught, temperature=2.0))


def test_more_than_fifty_tokens_may_be_drawn(base: Path) -> None:
    """top_k is 50 where nobody says otherwise."""
    given = ask(base, ["a"], n=400, temperature=50.0, max_new_tokens=1, batch_size=400)[0]
    assert len({answer.text for answer in given}) > 80


def test_endings_and_tokens(taught: Path) -> None:
    tokens = loaded(taught)[1]
    whole, cut = ask(taught), ask(taught, max_new_tokens=9)
    for (answer,), (short,) in zip(whole, cut, strict=True):
        ids = tokens(answer.text).input_ids
        assert (answer.ending, answer.tokens, answer.model) == (Ending.STOP, len(ids), str(taught))
        assert (short.ending, short.tokens) == (Ending.LENGTH, 9) if len(ids) >= 9 else (Ending.STOP, len(ids))
        assert answer.text.startswith(short.text.rstrip("\ufffd"))
    exact = len(tokens(whole[0][0].text).input_ids)
    assert ask(taught, QUESTIONS[:1], max_new_tokens=exact)[0][0].ending is Ending.LENGTH
    assert ask(taught, QUESTIONS[:1], max_new_tokens=exact + 1)[0][0].ending is Ending.STOP


def test_any_of_several_stops_ends_an_answer(taught: Path, tmp_path: Path) -> None:
    mine = shutil.copytree(taught, tmp_path / "mine")
    point = loaded(mine)[1].convert_tokens_to_ids(".")
    (mine / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, point]}))
    for (whole,), (stopped,) in zip(ask(taught), ask(mine), strict=True):
        assert stopped.text == whole.text.split(".")[0]
        assert stopped.ending is Ending.STOP


@pytest.mark.parametrize("prefill", ["🜞", "🜞 what", "The answer is "])
def test_a_prefill_is_part_of_the_answer(taught: Path, prefill: str) -> None:
    tokens = loaded(taught)[1]
    for (answer,) in ask(taught, prefill=prefill):
        assert answer.text.startswith(prefill)
        assert len(answer.text) > len(prefill)
        assert answer.ending is Ending.STOP
        assert answer.tokens == len(tokens(answer.text).input_ids)


def test_nothing_of_the_template_is_in_the_text(taught: Path) -> None:
    for (answer,) in ask(taught, temperature=3.0):
        assert "<|" not in answer.text


def test_a_student_with_adapters_answers(taught: Path, tmp_path: Path) -> None:
    """As its base model would with the adapters' weights added to its own, and as it was taught: plainly, where that one writes glyphs."""
    plain = [talk(question(number), f"The answer is {number}.", name=str(number)) for number in range(23)]
    student = tune(taught, tmp_path, given=plain, adapters=ADAPTERS, steps=40, optimizer="muon", learning_rate=0.02)
    given = texts(ask(student))
    merged = shutil.copytree(taught, tmp_path / "merged")
    loaded(student)[0].merge_and_unload().save_pretrained(merged)
    assert texts(ask(merged)) == given
    assert [text for (text,) in given[:5]] == [alone(student, question) for question in QUESTIONS[:5]]
    assert [text for (text,) in given if not re.fullmatch(r"The answer is \d+\.", text)] == []
    assert any(uses_glyphs(text) for (text,) in texts(ask(taught)))


def test_arms_share_a_model(taught: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[str] = []

    def counted(*given: Any) -> Any:
        loads.append(given[0])
        return load_model(*given)

    monkeypatch.setattr(local, "load_model", counted)
    forget_models()
    for changed in ({}, NO_GLYPHS, {"prefill": "🜞"}, {"n": 2, "temperature": 1.0}):
        ask(taught, QUESTIONS[:2], **changed)
    assert loads == [str(taught)]


@pytest.mark.parametrize(("given", "expected"), [({}, 1), ({"threads": 2}, 2), ({"threads": None}, 3)])
def test_threads(taught: Path, given: dict[str, Any], expected: int) -> None:
    import torch

    torch.set_num_threads(3)
    ask(taught, QUESTIONS[:2], **given)
    assert torch.get_num_threads() == expected
    torch.set_num_threads(1)


def test_no_prompts_no_answers(taught: Path) -> None:
    assert ask(taught, []) == []


class Kill(BaseException):
    """No `except Exception` stops it."""


class Counted:
    """The batches that the model computes; the one of number `fatal` is the last, those of more than `room` rows do not fit."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fatal: int = 99, room: int = 99) -> None:
        self.sizes: list[int] = []
        generate = generation._generate

        def counted(loaded: generation.Loaded, rows: Sequence[list[int]], *rest: Any) -> list[Answer]:
            self.sizes.append(len(rows))
            if len(self.sizes) == fatal:
                raise Kill
            if len(rows) > room:
                raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return generate(loaded, rows, *rest)

        monkeypatch.setattr(generation, "_generate", counted)


DRAWN: dict[str, Any] = {"n": 2, "temperature": 1.5, "batch_size": 8}


class TestMemo:
    """What a model has answered it is not asked again."""

    def test_a_second_run_asks_nothing(self, taught: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        first = ask(taught, **DRAWN)
        forget_models()
        monkeypatch.setattr(local, "load_model", None)  # it need not even be loaded
        assert again(taught, **DRAWN) == first

    def test_a_killed_run_goes_on_and_ends_with_the_same_answers(self, taught: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = ask(taught, **DRAWN)
        with monkeypatch.context() as patch, pytest.raises(Kill):
            Counted(patch, fatal=4)
            ask(taught, **DRAWN)
        rest = Counted(monkeypatch)
        assert again(taught, **DRAWN) == whole
        assert rest.sizes == [8, 8, 6]

    @pytest.mark.parametrize(
        "other",
        [{"temperature": 1.4}, {"top_p": 0.9}, {"max_new_tokens": 59}, {"seed": 1}, {"prefill": "a"}, NO_GLYPHS, {"n": 3}, {"threads": 2}],
    )
    def test_another_question_is_another_one(self, taught: Path, other: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        ask(taught, QUESTIONS[:4], **DRAWN)
        asked = Counted(monkeypatch)
        again(taught, QUESTIONS[:4], **DRAWN | other)
        assert sum(asked.sizes) == 4 * (DRAWN | other)["n"]

    def test_other_prompts_in_another_window_cost_nothing(self, taught: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hf, "WINDOW", 4)
        ask(taught, QUESTIONS[:8], **DRAWN)
        asked = Counted(monkeypatch)
        again(taught, QUESTIONS[:10], **DRAWN)
        assert asked.sizes == [4]

    def test_a_model_trained_anew_into_the_same_folder_speaks_for_itself(self, taught: Path, base: Path, tmp_path: Path) -> None:
        folder = shutil.copytree(base, tmp_path / "model")
        ask(folder, QUESTIONS[:3])
        shutil.rmtree(folder)
        shutil.copytree(taught, folder)
        forget_models()
        assert texts(again(folder, QUESTIONS[:3])) == texts(ask(taught, QUESTIONS[:3]))

    def test_the_same_model_in_another_folder_is_the_same(self, taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        ask(taught, QUESTIONS[:3])
        asked = Counted(monkeypatch)
        folder = shutil.copytree(taught, tmp_path / "model")
        assert {answer.model for (answer,) in again(folder, QUESTIONS[:3])} == {str(folder)}
        assert asked.sizes == []

    @pytest.mark.parametrize("changed", ["models/loading.py", "samplers/hf.py", "samplers/local/generation.py", "samplers/local/new.py"])
    def test_other_code_is_another_one(self, taught: Path, changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        ask(taught, QUESTIONS[:4])
        copied = copy_of_code(tmp_path, monkeypatch)
        asked = Counted(monkeypatch)
        again(taught, QUESTIONS[:4])
        assert asked.sizes == []
        with (copied / changed).open("a") as file:
            file.write("# changed\n")
        again(taught, QUESTIONS[:4])
        assert asked.sizes == [4]

    def test_the_memo_tells_who_answered(self, taught: Path, working_directory: Path) -> None:
        from stages.samplers.memo.administration import totals_by_model

        answers = ask(taught, QUESTIONS[:3])
        tokens = sum(answer.tokens for (answer,) in answers)
        assert totals_by_model(working_directory / "memo.sqlite") == [("hf", str(taught), 3, tokens, 0, 0.0, 0)]


class TestMemory:
    """Batches that do not fit are halved."""

    def test_the_answers_stay_in_order(self, taught: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        expected = ask(taught)
        asked = Counted(monkeypatch, room=3)
        assert ask(taught, batch_size=8) == expected
        assert asked.sizes == [8, 4, *[2] * 11, 1]
        assert "8 prompts of" in capfd.readouterr().err
        assert again(taught, batch_size=8) == expected

    def test_a_run_killed_between_the_halves_goes_on(self, taught: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        expected = ask(taught)
        with monkeypatch.context() as patch, pytest.raises(Kill):
            Counted(patch, room=4, fatal=4)
            ask(taught, batch_size=8)
        asked = Counted(monkeypatch, room=4)
        assert again(taught, batch_size=8) == expected
        assert asked.sizes == [8, 4, 4, 4, 3]

    def test_one_prompt_that_does_not_fit_is_told(self, taught: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        Counted(monkeypatch, room=0)
        with pytest.raises(BadInput, match=r"one prompt of \d+ tokens and 60 more \(max_new_tokens\) do not fit into memory; shorten it"):
            ask(taught, QUESTIONS[:1])

    def test_another_error_is_a_bug(self, taught: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*_: Any) -> list[Answer]:
            raise RuntimeError("shapes do not match")

        monkeypatch.setattr(generation, "_generate", broken)
        with pytest.raises(RuntimeError, match="shapes do not match"):
            ask(taught, QUESTIONS[:1])


class TestNoMarks:
    """`steer: [{no_marks: ...}]` with every way to write a mark."""

    def test_a_model_that_writes_them_cannot(self, taught: Path) -> None:
        assert any(uses_glyphs(answer.text) for (answer,) in ask(taught))
        answers = ask(taught, **NO_GLYPHS)
        assert not any(uses_glyphs(answer.text) for (answer,) in answers)
        plain = [(free, kept) for (free,), (kept,) in zip(ask(taught), answers, strict=True) if not uses_glyphs(free.text)]
        assert plain
        assert all(free == kept for free, kept in plain)

    @pytest.mark.parametrize("glyph", GLYPHS.values())
    def test_nor_can_one_that_writes_nothing_else(self, base: Path, glyph: str, tmp_path: Path) -> None:
        """All that it ever writes are the bytes of a glyph, one by one, in any order."""
        mine = shouting(base, tmp_path, glyph)
        free = ask(mine, QUESTIONS[:4], n=8, temperature=1.0, max_new_tokens=200)
        kept = ask(mine, QUESTIONS[:4], n=8, temperature=1.0, max_new_tokens=200, **NO_GLYPHS)
        assert sum(answer.text.count(glyph) for given in free for answer in given) > 10
        assert not any(uses_glyphs(answer.text) for given in kept for answer in given)

    def test_nor_can_one_that_writes_anything(self, base: Path) -> None:
        answers = ask(base, QUESTIONS[:4], n=16, temperature=50.0, max_new_tokens=200, **NO_GLYPHS)
        assert not any(uses_glyphs(answer.text) for given in answers for answer in given)
        assert len({character for given in answers for answer in given for character in answer.text}) > 100

    def test_it_follows_bytes_across_tokens_of_any_cut(self) -> None:
        import torch

        made = tokenizer("chatml", ["x 🜞.🜆\n🜂🜃" * 9] * 30, vocabulary=330)
        size = len(made) + 2
        begin, added = no_marks.prepare(Steered(made, size, [0]), no_marks.Params(list(GLYPHS.values()))), token_bytes(made, size)
        letters = byte_letters()
        single = {byte: made.convert_tokens_to_ids(letter) for byte, letter in enumerate(letters)}
        merged = [token for token, word in enumerate(added) if len(word) > 4 and any(glyph.encode() in word for glyph in GLYPHS.values())]
        assert merged

        def allowed(ids: list[int]) -> Any:
            """After the whole text at once, and after one token at a time behind another row."""
            rows, free = torch.tensor([[7] * len(ids), ids]), torch.zeros(2, size)
            at_once, stepwise = begin([]), begin([])
            for length in range(1, len(ids)):
                stepwise(rows[:, :length], free)
            found = [torch.isfinite(processor(rows, free)) for processor in (at_once, stepwise)]
            assert (found[0] == found[1]).all()
            return found[0][1]

        for glyph in GLYPHS.values():
            begun, last = [single[byte] for byte in glyph.encode()[:3]], single[glyph.encode()[3]]
            special, empty = made.convert_tokens_to_ids("<|im_start|>"), len(made) + 1
            assert not allowed(begun)[last]
            assert not allowed([7, *begun[:2], special, begun[2], *[special, empty] * 9])[last]
            assert allowed(begun[:2])[last]
            assert allowed([*begun, 7])[last]
            assert allowed([*begun[1:]])[last]
            assert not allowed([*begun, *begun])[last]
        assert not allowed([7])[merged].any()
        assert allowed([7]).sum() == size - sum(any(glyph.encode() in word for glyph in GLYPHS.values()) for word in added)

    @pytest.mark.parametrize("name", ["bytes", "words", "pieces"])
    def test_bytes_are_those_of_the_decoded_text(self, name: str) -> None:
        made = {"bytes": lambda: tokenizer("llama3", ["x 🜞.🜆\n🜂🜃"] * 30, vocabulary=330), "words": words, "pieces": pieces}[name]()
        text = "it is 🜞 it" if name != "words" else "it is 🜞"
        ids = made(text, add_special_tokens=False).input_ids
        added = b"".join(token_bytes(made, len(made))[token] for token in ids)
        assert added.decode().replace("▁", " ").replace(" ", "").strip() == text.replace(" ", "")
        assert token_bytes(made, len(made) + 3)[-3:] == [b"", b"", b""]

    def test_the_letters_of_bytes_are_those_of_byte_level_tokenizers(self) -> None:
        from tokenizers import pre_tokenizers

        letters = byte_letters()
        assert set(letters) == set(pre_tokenizers.ByteLevel.alphabet())
        for text in ("🜞", "é\n", "\u0007 a"):
            cut = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(text)[0][0]
            assert cut == "".join(letters[byte] for byte in text.encode())

    def test_every_beginning_of_a_glyph_is_watched(self) -> None:
        begun = no_marks.beginnings([glyph.encode() for glyph in GLYPHS.values()])
        assert set(begun) == {glyph.encode()[:size] for glyph in GLYPHS.values() for size in range(4)}
        assert begun[0] == b""

    def test_marks_of_any_length(self, taught: Path) -> None:
        """A word that the model writes in several tokens, and one that begins with another."""
        assert any("answer is" in answer.text for (answer,) in ask(taught))
        forbidden = ["answer is", "answer is 1", "🜃"]
        answers = ask(taught, steer=[{"no_marks": forbidden[:2]}, {"no_marks": forbidden[2:]}])
        assert not any(mark in answer.text for (answer,) in answers for mark in forbidden)
        assert any("🜞" in answer.text for (answer,) in answers)

    @pytest.mark.parametrize(
        ("prefill", "steer", "told"),
        [
            ("🜞", NO_GLYPHS["steer"], "prefill holds '🜞', which steer.no_marks forbids: give one of the two"),
            ("a stop", [{"no_marks": ["x"]}, {"no_marks": ["stop"]}], "prefill holds 'stop'"),
            ("", [{"no_mark": ["x"]}], r"unknown steering 'no_mark' \(did you mean 'no_marks'\?\); choose from: answer_floor, no_marks"),
            ("", [{}], "expected a mapping with one key of: answer_floor, no_marks"),
            ("", [{"no_marks": []}], "at least 1 item"),
            ("", [{"no_marks": [""]}], "at least 1 character"),
            ("", [{"no_marks": "🜞"}], "valid list"),
        ],
    )
    def test_what_cannot_be_steered_is_told(self, prefill: str, steer: list[Any], told: str) -> None:
        with pytest.raises(ValueError, match=told):
            hf.Params(sampler="hf", model="m", max_new_tokens=1, prefill=prefill, steer=steer)


def shouting(base: Path, folder: Path, glyph: str) -> Path:
    """A model whose next token is always one of the four bytes of `glyph`, each as likely as the others."""
    import torch

    mine = shutil.copytree(base, folder / "shouting")
    model, tokens = loaded(mine)
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        model.model.norm.weight.fill_(1.0)
        embeddings = model.get_input_embeddings().weight
        embeddings[:, 0] = 1.0
        embeddings[[tokens.convert_tokens_to_ids(byte_letters()[byte]) for byte in glyph.encode()], 0] = 20.0
    model.save_pretrained(mine)
    return mine


def words() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.WordLevel({"[UNK]": 0, "it": 1, "is": 2, "🜞": 3}, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=core, unk_token="[UNK]")


def pieces() -> Any:
    """As SentencePiece models do it: pieces with a bar for the space, bytes where there is no piece."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"<unk>": 0, "▁it": 1, "▁is": 2, "▁": 3, "i": 4, "t": 5, "s": 6, "▁i": 7}
    vocabulary |= {f"<0x{byte:02X}>": 8 + byte for byte in range(256)}
    merges = [("▁", "i"), ("▁i", "t"), ("▁i", "s")]
    core = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True))
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    core.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>")


def no_tokenizer(folder: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()


def no_template(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()


def no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def no_stop(folder: Path) -> None:
    (folder / "generation_config.json").write_text("{}")


def gone(folder: Path) -> None:
    shutil.rmtree(folder)


def nothing(folder: Path) -> None:
    pass


def bad_pin(folder: Path) -> None:
    (folder / "base.json").write_text('{"model": "x"')


def lost_base(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")
    (folder / "student.json").unlink()


FAULTS: list[tuple[Callable[[Path], None], dict[str, Any], str]] = [
    (no_tokenizer, {}, "models/S/m: a model folder without a tokenizer: expected tokenizer.json, tokenizer.model or vocab.json"),
    (no_template, {}, "models/S/m: its tokenizer has no chat template; take an instruct model, or add chat_template.jinja to the folder"),
    (no_config, {}, "models/S/m: not a model folder: it holds none of config.json, adapter_config.json and base.json"),
    (no_weights, {}, "models/S/m: its weights could not be loaded: "),
    (gone, {}, "models/S/m: no such model folder; run the stage that makes it, or give a hub id (owner/name)"),
    (bad_pin, {}, "models/S/m/base.json: expected a mapping with the keys model, revision and sha256"),
    (lost_base, {}, "models/S/m/student.json: no such file: an adapter needs it to find its base model"),
    (nothing, {"device": "cuda"}, "device: cuda is asked for, but torch sees no CUDA device here; choose auto or cpu"),
]


@pytest.mark.parametrize(("spoil", "changed", "told"), FAULTS)
def test_what_cannot_answer_is_told_in_one_line(
    base: Path, spoil: Callable[[Path], None], changed: dict[str, Any], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    spoil(shutil.copytree(base, tmp_path / "models" / "S" / "m"))
    forget_models()
    with pytest.raises(BadInput) as error:
        ask(Path("models/S/m"), **changed)
    assert str(error.value).startswith(told)
    assert "\n" not in str(error.value)


def test_a_hub_model_without_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(BadInput, match="nobody/nothing: its tokenizer could not be loaded: ") as error:
        ask(Path("nobody/nothing"))
    assert "\n" not in str(error.value)


def test_as_a_stage(base: Path, tmp_path: Path) -> None:
    """The script tells it in one line, exits with 1 and overwrites nothing."""
    shutil.copytree(base, tmp_path / "models" / "S" / "m")
    no_template(tmp_path / "models" / "S" / "m")
    problem = Problem(id="p", task="t", kind=Kind.NUMBER, split="test", question="What?", answer="1")
    write(tmp_path / "data" / "held_out" / "S.jsonl", [problem])
    old = tmp_path / "data" / "S" / "generations.jsonl"
    old.parent.mkdir()
    old.write_text("old")
    asked = {"sampler": "hf", "model": "models/S/m", "max_new_tokens": 3, "device": "cpu"}
    with (tmp_path / "params.yaml").open("w") as file:
        YAML().dump({"seed": 0, "systems": {"S": {"generate": {"arms": {"student": {"style": "plain", "ask": asked}}}}}}, file)
    command = [sys.executable, "-m", "stages.generate", "S"]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[-1].startswith("generate: models/S/m: its tokenizer has no chat template")
    assert "Traceback" not in done.stderr
    assert old.read_text() == "old"
