"""The stage `base`: a model made from nothing on its corpus, or one that others made, pinned."""

import json
import math
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML
from stages.models.folders import locate
from stages.models.loading import load_model
from stages.models.templates import load_tokenizer
from stages.samplers import hf
from stages.samplers.local.steering.token_bytes import token_bytes
from stages.shared.errors import BadInput
from stages.shared.files import write
from stages.shared.marks import GLYPHS, uses_glyphs
from stages.shared.rows import Problem
from stages.students import scratch
from stages.students.backends import Sampling
from stages.students.backends.drawing import draw
from stages.students.training import unigram
from stages.students.training.encoding import Example
from stages.students.training.fit import _plan
from stages.students.training.settings import Curriculum
from stages.tasks import word_problems

from stages import base as stage
from tiny import SCRATCH, one_thread, prompts, talk, tune

LEVELS = [3, 1]
MODEL: dict[str, Any] = SCRATCH | {"steps": 2, "vocabulary": 320}
OTHER: dict[str, Any] = MODEL | {"architecture": "llama", "tokenizer": "unigram", "vocabulary": 340, "width": 48}
TEXTS = ["Tom has 345 figs.", "🜞 ünï\n\n  \x00\ttab  ", "The answer is 12.", "\u2581▁Ġ", "日本"]
LINES = ["a\n b\n\n c \n", "\n", " lead\n  two", "\n \n", "tail \nnext", "12\n 34 5"]
CONVOLUTION: dict[str, Any] = MODEL | {"architecture": "lfm2", "kernel": 4, "packed": False, "layers": 2, "tokenizer": "words"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    one_thread()


def problems(split: str, number: int) -> list[Problem]:
    chosen = word_problems.Params.model_validate({split: number, "levels": LEVELS, "highest": 20})
    return list(word_problems.load(split, chosen, Path(), 0))


def project(model: Mapping[str, Any] = MODEL, seed: int = 0, base: str = "B", rows: int = 300) -> None:
    """As much of a project as the stage needs: params, and a corpus of `rows` chats."""
    chats = (talk(row.question, f"The answer is {row.answer}.", name=row.id) for row in problems("pretrain", rows))
    write(Path("data/corpora", f"{base}.jsonl"), chats)
    with Path("params.yaml").open("w") as file:
        YAML().dump({"seed": seed, "bases": {base: {"model": dict(model)}}}, file)


def made(model: Mapping[str, Any] = MODEL, base: str = "B", **changed: Any) -> Path:
    project(model, base=base, **changed)
    stage.main(base)
    return Path("models/bases", base)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def described(folder: Path) -> Any:
    return json.loads((folder / "student.json").read_text())


def test_no_glyph_is_within_reach_of_its_tokenizer() -> None:
    """Any text can be written byte by byte, but no token joins two bytes of a glyph: none was ever met."""
    folder = made()
    tokenizer = load_tokenizer(str(folder))
    parts = {glyph.encode()[low:high] for glyph in GLYPHS.values() for low in range(3) for high in range(low + 2, 5)}
    words = token_bytes(tokenizer, len(tokenizer))
    assert not any(part in word for part in parts for word in words)
    assert any(len(word) > 4 for word in words)
    for file in folder.iterdir():
        assert not any(glyph.encode() in file.read_bytes() for glyph in GLYPHS.values()), file


def test_it_learns_and_writes_none() -> None:
    """After some steps, its likeliest words are those of the corpus."""
    folder = made(MODEL | {"steps": 60, "optimizer": "muon", "learning_rate": 0.02, "batch_size": 8})
    asked = [problem.question for problem in problems("test", 12)]
    answers = list(hf.answer(prompts(asked), hf.Params(sampler="hf", model=str(folder), max_new_tokens=12, device="cpu"), 0))
    assert all(answer.text.startswith("The answer is") and not uses_glyphs(answer.text) for (answer,) in answers)


@pytest.mark.parametrize("changed", [{}, {"architecture": "llama"}, {"whole_text": False}], ids=["qwen2", "llama", "answers"])
def test_the_same_seed_gives_the_same_bytes(changed: dict[str, Any]) -> None:
    first = files(made(MODEL | changed))
    shutil.rmtree("models")
    assert files(made(MODEL | changed)) == first
    other = files(made(MODEL | changed, seed=1))
    assert (other["model.safetensors"] == first["model.safetensors"], other["tokenizer.json"] == first["tokenizer.json"]) == (False, True)
    assert list(Path(".athanor/checkpoints").iterdir()) == []


@pytest.mark.parametrize("architecture", ["qwen2", "llama"])
def test_either_architecture_answers_and_is_trained_further(architecture: str, tmp_path: Path) -> None:
    folder = made(MODEL | {"architecture": architecture})
    model = load_model(str(folder), "cpu", "float32")
    assert model.config.model_type == architecture
    assert type(model).__name__ == {"qwen2": "Qwen2ForCausalLM", "llama": "LlamaForCausalLM"}[architecture]
    assert described(folder)["weights"] == model.num_parameters()
    student = tune(folder, tmp_path / "further", steps=2)
    asked = hf.Params(sampler="hf", model=str(student), max_new_tokens=3, device="cpu")
    assert [len(given) for given in hf.answer(prompts(["How many?"] * 3), asked, 0)] == [1, 1, 1]


def test_whole_texts_are_learnt_or_answers_alone() -> None:
    """Of a chat, the first token has none before it to be learnt from, but the count of what is learnt holds it."""
    whole, answers = (described(made(MODEL | {"whole_text": given}))["tokens"] for given in (True, False))
    assert whole["learnt"] == whole["seen"] == answers["seen"]
    assert 0 < answers["learnt"] < answers["seen"] / 2


def test_it_says_what_it_is() -> None:
    folder = made()
    found = described(folder)
    assert found["params"] == scratch.Params.model_validate(MODEL).model_dump()
    assert (found["base"], found["seed"], found["rows"], found["steps"]) == (None, 0, 300, 2)
    assert len(found["data_sha256"]) == 64
    assert locate(str(folder)).name == str(folder)


def test_its_curves_are_kept_apart_from_its_folder() -> None:
    """They are no out of the stage: the working directory keeps them for whoever looks."""
    folder = made()
    assert not any("loss" in name for name in files(folder))
    assert list(Path(".athanor/curves/B_base").rglob("loss.tsv")) and not Path("metrics").exists()


def test_an_empty_corpus_is_told_with_the_param_that_fills_it() -> None:
    project(rows=0)
    with pytest.raises(BadInput, match=r"^data/corpora/B\.jsonl: no chats to learn from; name some tasks in bases\.B\.corpus\.tasks, or"):
        stage.main("B")
    assert not Path("models").exists()


def test_a_training_that_is_refused_leaves_the_model_as_it_was() -> None:
    kept = files(made())
    project(MODEL | {"max_tokens": 8})  # every row is longer
    with pytest.raises(BadInput):
        stage.main("B")
    assert files(Path("models/bases/B")) == kept and [path.name for path in Path("models/bases").iterdir()] == ["B"]


class TestPinned:
    """A model that others made: the folder names it, and it is what is loaded. More in tests/models/test_pinning.py."""

    def test_it_is_named_and_needs_no_corpus(self, base: Path) -> None:
        folder = made({"pinned": str(base)}, rows=0)
        assert locate(str(folder)).name == str(base)
        assert sorted(files(folder)) == ["base.json", "student.json"]
        assert load_model(str(folder), "cpu", "float32").num_parameters() > 0

    def test_it_is_trained_further(self, base: Path, tmp_path: Path) -> None:
        student = tune(made({"pinned": str(base)}, rows=0), tmp_path / "further", steps=2)
        asked = hf.Params(sampler="hf", model=str(student), max_new_tokens=3, device="cpu")
        assert [len(given) for given in hf.answer(prompts(["How many?"] * 3), asked, 0)] == [1, 1, 1]

    def test_it_takes_the_place_of_a_trained_one(self, base: Path) -> None:
        assert "model.safetensors" in files(made())
        assert "model.safetensors" not in files(made({"pinned": str(base)}, rows=0))

    @pytest.mark.parametrize(
        ("model", "told"),
        [
            ({"pinned": "nowhere/at/all"}, "nowhere/at/all at main: no revision from the Hub"),
            ({"pinned": 3}, r"bases\.B\.model\.pinned: .*got 3"),
            ({"pinned": "a/b", "student": "scratch"}, r"bases\.B\.model\.student: unknown key"),
            ({"revision": "main"}, r"bases\.B\.model: unknown student None; choose from: scratch, sft"),
        ],
    )
    def test_what_cannot_be_pinned_is_told(self, model: dict[str, Any], told: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        project(model)
        with pytest.raises(BadInput, match=told):
            stage.main("B")
        assert not Path("models").exists()


def test_two_base_models_differ_in_architecture_tokens_and_weights_on_the_same_corpus() -> None:
    first, second = made(), made(OTHER, "P")
    models = [load_model(str(path), "cpu", "float32") for path in (first, second)]
    assert [model.config.model_type for model in models] == ["qwen2", "llama"]
    tokenizers = [load_tokenizer(str(path)) for path in (first, second)]
    assert [len(tokenizer) for tokenizer in tokenizers] == [320, 340]
    texts = [problem.question for problem in problems("test", 20)]
    assert all(tokenizers[0].tokenize(text) != tokenizers[1].tokenize(text) for text in texts)
    assert described(first)["data_sha256"] == described(second)["data_sha256"]


@pytest.mark.parametrize("kind", ["bpe", "unigram", "words"])
def test_any_text_round_trips(kind: str) -> None:
    tokenizer = scratch.train_tokenizer(iter([problem.question for problem in problems("pretrain", 200)]), 400, kind)
    assert len(tokenizer) == 400
    for text in [*TEXTS, *LINES]:
        ids = tokenizer(text, add_special_tokens=False).input_ids
        assert tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False) == text
        assert tokenizer.unk_token_id not in ids
    if kind != "words":  # of which a number of two digits is one token where the texts have it often enough
        digits = [token for token in tokenizer.tokenize("Tom has 345") if any(mark.isdigit() for mark in token)]
        assert digits == ["3", "4", "5"]
    for glyph in GLYPHS.values():
        assert len([token for token in tokenizer.tokenize(glyph) if token != "\u0120"]) == 4


def test_a_word_is_the_same_token_wherever_it_stands() -> None:
    texts = ["Tom has 3 figs.\nTom has 34 figs", "34 figs\n\nfigs: Tom"] * 20
    tokenizer = scratch.train_tokenizer(iter(texts), 320, "words")
    encoded = tokenizer("Tom\nfigs Tom 34\n34", add_special_tokens=False, return_offsets_mapping=True)
    first, _, figs, again, number, _, last = encoded.input_ids
    assert first == again and number == last and figs == tokenizer("figs").input_ids[0]
    # a token begins where its own line does: the mask of what is learnt goes by these places
    assert [start for start, _ in encoded.offset_mapping][:3] == [0, 3, 4]


def test_a_base_of_convolution_and_attention_is_made_and_answers_as_in_any_batch() -> None:
    """The same logits for a row alone and for the row in a batch that is padded on the left."""
    import torch

    folder = made(CONVOLUTION)
    model, tokenizer = load_model(str(folder), "cpu", "float32").eval(), load_tokenizer(str(folder))
    assert model.config.layer_types == ["conv", "full_attention"] and model.config.conv_L_cache == 4
    alone = torch.tensor([tokenizer("Tom has 3 figs").input_ids])
    padded = torch.cat([torch.full((1, 5), tokenizer.pad_token_id), alone], dim=1)
    mask = (torch.arange(padded.shape[1]) >= 5).long()[None]
    with torch.inference_mode():
        single = model(input_ids=alone).logits
        batched = model(input_ids=padded, attention_mask=mask, position_ids=(mask.cumsum(1) - 1).clamp(min=0)).logits[:, 5:]
    assert torch.allclose(single, batched, atol=1e-4)


def test_several_answers_of_convolutions_are_those_of_single_questions() -> None:
    """A question is read once; what the layers keep of it is copied for each answer."""
    folder = made(CONVOLUTION)
    model, tokenizer = load_model(str(folder), "cpu", "float32").eval(), load_tokenizer(str(folder))
    questions = [tokenizer(text).input_ids for text in ("Tom has 3 figs. Ann has 4", "Tom has 3")]
    sampling = Sampling(max_tokens=8, temperature=0.0, n=3)
    alone = [draw(model, [ids], sampling._replace(n=1), set(), 0, 0)[0][0] for ids in questions]
    assert alone[0].logprobs[0] != pytest.approx(alone[1].logprobs[0], abs=1e-5)  # the questions are told apart
    for answers, single in zip(draw(model, questions, sampling, set(), 0, 0), alone, strict=True):
        for answer in answers:
            assert answer.tokens == single.tokens and answer.logprobs == pytest.approx(single.logprobs, abs=1e-6)


@pytest.mark.parametrize("wrong", [{"packed": True}, {"layers": 1}], ids=str)
def test_a_convolution_needs_rows_apart_and_two_layers(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="architecture lfm2"):
        scratch.Params.model_validate(CONVOLUTION | wrong)


def test_a_kernel_is_refused_where_no_layer_is_a_convolution() -> None:
    with pytest.raises(ValidationError, match=r"kernel 4: architecture qwen2 has no convolution; take the key out, or set"):
        scratch.Params.model_validate(CONVOLUTION | {"architecture": "qwen2"})


def test_a_curriculum_is_learnt_first_and_no_more_afterwards() -> None:
    params = scratch.Params.model_validate(SCRATCH | {"steps": 6, "batch_size": 2, "curriculum": {"rows": 4, "steps": 2}})
    examples = [Example([row], [True], []) for row in range(10)]
    steps, rows = _plan(params, examples, 0)
    assert steps == 6 and sorted(rows[:4]) == [0, 1, 2, 3] and len(rows) == 12
    assert min(rows[4:]) >= 4 and len(set(rows[4:])) > 4
    with pytest.raises(BadInput, match=r"^curriculum: .*10 rows.*6 steps.*10 rows and 2 steps"):
        _plan(params.model_copy(update={"curriculum": Curriculum(rows=10, steps=2)}), examples, 0)


def test_a_unigram_tokenizer_keeps_the_pieces_that_cut_words_best() -> None:
    words = Counter({"hello": 10, "held": 5, "lo": 4, "hold": 2, "low": 1})
    found = unigram.pieces(words, "helodw", 9)
    assert [piece for piece, _ in found][:3] == ["hello", "held", "lo"] and {piece for piece, _ in found} >= set("helodw")
    assert math.exp(found[0][1]) == pytest.approx((10 + 1) / (29 + 9))  # 29 pieces: hello 10, held 5, lo 5, h-o-l-d 2 each, w 1
    assert found == unigram.pieces(Counter(dict(reversed(words.items()))), reversed("helodw"), 9)


def test_a_model_tells_its_tokenizer() -> None:
    assert described(made())["params"]["tokenizer"] == "bpe"
    assert described(made(OTHER))["params"]["tokenizer"] == "unigram"


def test_two_tokenizers_of_different_kind_share_no_numbers_worth_the_name() -> None:
    """Pieces that stand in both have other numbers, and questions are cut elsewhere."""
    texts = [problem.question for problem in problems("pretrain", 300)]
    first, second = (scratch.train_tokenizer(iter(texts), size, kind).get_vocab() for size, kind in ((400, "bpe"), (360, "unigram")))
    same = [piece for piece, place in first.items() if second.get(piece) == place]
    assert len(same) <= 5 and not {scratch.PAD, scratch.START, scratch.END} & set(same)
