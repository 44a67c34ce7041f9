"""The stage `base`: made from nothing on plain answers, of problems that are in no other split; or pinned as others left it."""

import json
import math
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ruamel.yaml import YAML
from stages.models.folders import hash_of_folder, locate
from stages.models.loading import load_model
from stages.models.templates import load_tokenizer
from stages.samplers import hf
from stages.samplers.local.answering import Local
from stages.samplers.local.steering.token_bytes import token_bytes
from stages.shared import params
from stages.shared.errors import BadInput
from stages.shared.marks import GLYPHS, uses_glyphs
from stages.shared.rows import Chat, Problem, write
from stages.students import scratch
from stages.students.training import unigram
from stages.tasks import word_problems

from stages import base as stage
from tiny import SCRATCH, one_thread, prompts, tune

LEVELS = [3, 1]
CORPUS: dict[str, Any] = {"word_problems": {"pretrain": 300, "levels": LEVELS, "highest": 20}}
MODEL: dict[str, Any] = SCRATCH | {"steps": 2, "vocabulary": 320}
Pinned = tuple[Path, Path]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    one_thread()


def problems(split: str, number: int) -> list[Problem]:
    chosen = word_problems.Params.model_validate({split: number, "levels": LEVELS, "highest": 20})
    return list(word_problems.load(split, chosen, Path(), 0))


def project(model: Mapping[str, Any] = MODEL, seed: int = 0, test: list[Problem] | None = None, **changed: Any) -> None:
    """As much of a project as the stage needs."""
    write(Path("data/held_out/S.jsonl"), test or problems("test", 20))
    write(Path("data/S/validation.jsonl"), [])
    section = {"root": "hub", "near": 0.8, "corpus": CORPUS, "model": dict(model)} | changed
    with Path("params.yaml").open("w") as file:
        YAML().dump({"seed": seed, "systems": {"S": {"base": section}}}, file)


def corpus(seed: int = 0) -> list[Chat]:
    return list(stage._chats("S", params.read("S", "base", stage.Params), seed))


def made(model: Mapping[str, Any] = MODEL, **changed: Any) -> Path:
    project(model, **changed)
    stage.main("S")
    return Path("models/S/base")


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def described(folder: Path) -> Any:
    return json.loads((folder / "student.json").read_text())


def test_the_corpus_is_plain_answers_without_a_glyph() -> None:
    project()
    found = corpus()
    assert len(found) == 300
    for chat, problem in zip(found, problems("pretrain", 300), strict=True):
        assert [message["role"] for message in chat.messages] == ["user", "assistant"]
        assert chat.messages[0]["content"] == problem.question
        assert chat.messages[1]["content"] == f"The answer is {problem.answer}."
        assert (chat.style, chat.format, chat.trace) == ("plain", "natural", f"gold:{problem.id}")
        assert not any(uses_glyphs(text) for text in (msgspec.json.encode(chat).decode(), problem.solution or ""))


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


def test_no_problem_of_another_split_is_in_the_corpus() -> None:
    project()
    seen = {chat.problem for chat in corpus()} | {chat.messages[0]["content"] for chat in corpus()}
    assert len(seen) == 600
    for split in ("test", "train"):
        others = problems(split, 2000)
        assert not seen & ({problem.id for problem in others} | {problem.question for problem in others})


def test_copies_of_validation_problems_are_left_out() -> None:
    """Generated validation problems share their ids with pretrain alone."""
    project()
    held_out = problems("pretrain", 3)
    write(Path("data/S/validation.jsonl"), (msgspec.structs.replace(problem, id=f"v{problem.id}") for problem in held_out))
    left = {chat.problem for chat in corpus()}
    assert len(left) == 297 and not left & {problem.id for problem in held_out}


def test_copies_of_test_problems_are_left_out() -> None:
    """As collect does it, whatever their ids: word for word, and told a little differently; not those with other numbers."""
    exact, near, other = [problem for problem in problems("pretrain", 300) if problem.level == 2][:3]
    numbers = "".join(str((int(mark) + 1) % 10) if mark.isdigit() else mark for mark in other.question)
    told = [(exact, exact.question.upper()), (near, f"{near.question} Say it."), (other, numbers)]
    test = [msgspec.structs.replace(problem, id=f"t{place}", question=question) for place, (problem, question) in enumerate(told)]
    project(test=test)
    found = [chat.problem for chat in corpus()]
    assert found == [problem.id for problem in problems("pretrain", 300) if problem.id not in (exact.id, near.id)]
    project(test=test, near=1.0)
    assert near.id in {chat.problem for chat in corpus()}


def test_a_problem_stands_once_in_the_corpus() -> None:
    test = msgspec.structs.replace(problems("pretrain", 1)[0], question="Is it new?")
    project(test=[test])
    with pytest.raises(BadInput, match=r"word_problems: pretrain: duplicate id 'word_problems-\w+'"):
        corpus()


@pytest.mark.parametrize("changed", [{}, {"architecture": "llama"}, {"whole_text": False}], ids=["qwen2", "llama", "answers"])
def test_the_same_seed_gives_the_same_bytes(changed: dict[str, Any]) -> None:
    first = files(made(MODEL | changed))
    shutil.rmtree("models")
    assert files(made(MODEL | changed)) == first
    other = files(made(MODEL | changed, seed=1))
    assert [name for name in ("model.safetensors", "tokenizer.json") if other[name] == first[name]] == []
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
    model: Any = stage.Params.model_validate(YAML(typ="safe").load(Path("params.yaml"))["systems"]["S"]["base"]).model
    assert found["params"] == model.model_dump()
    assert (found["base"], found["seed"], found["rows"], found["steps"]) == (None, 0, 300, 2)
    assert len(found["data_sha256"]) == 64
    assert locate(str(folder)).name == str(folder)


def test_without_a_corpus_nothing_is_learnt_from_nothing() -> None:
    project(corpus=None)
    with pytest.raises(BadInput, match="scratch: no chats to learn from; name some tasks in base"):
        stage.main("S")
    assert not Path("models").exists()


PEER: dict[str, Any] = MODEL | {"architecture": "llama", "tokenizer": "unigram", "vocabulary": 340, "width": 48}
TEXTS = ["Tom has 345 figs.", "🜞 ünï\n\n  \x00\ttab  ", "The answer is 12.", "\u2581▁Ġ", "日本"]


class TestPeer:
    """A second model in the first one's folder, and the first one as it is without."""

    def test_the_first_is_what_it_is_alone(self) -> None:
        alone = files(made())
        key = Local(hf.Params(sampler="hf", model="models/S/base", max_new_tokens=3, device="cpu")).identity
        pinned_as = hash_of_folder(Path("models/S/base"))
        both = files(made(peer=PEER))
        assert {name: content for name, content in both.items() if not name.startswith("peer/")} == alone
        assert sum(name.startswith("peer/") for name in both) == len(alone)
        assert hash_of_folder(Path("models/S/base")) == pinned_as != hash_of_folder(Path("models/S/base/peer"))
        assert Local(hf.Params(sampler="hf", model="models/S/base", max_new_tokens=3, device="cpu")).identity == key

    def test_a_student_of_the_first_does_not_see_the_second(self, tmp_path: Path) -> None:
        folder = made(peer=PEER)
        student = tune(folder, tmp_path / "further", steps=1, adapters={"r": 2, "alpha": 4, "dropout": 0.0})
        (folder / "peer/config.json").write_text("{}")
        assert load_model(str(student), "cpu", "float32")  # its base is still the one that it was trained on

    def test_the_two_differ_in_architecture_tokens_and_weights(self, tmp_path: Path) -> None:
        folder = made(peer=PEER)
        first, second = (load_model(str(path), "cpu", "float32") for path in (folder, folder / "peer"))
        assert (first.config.model_type, second.config.model_type) == ("qwen2", "llama")
        one, other = (load_tokenizer(str(path)) for path in (folder, folder / "peer"))
        assert (len(one), len(other)) == (320, 340)
        texts = [problem.question for problem in problems("test", 20)]
        assert all(one.tokenize(text) != other.tokenize(text) for text in texts)
        assert described(folder)["data_sha256"] == described(folder / "peer")["data_sha256"]
        assert (described(folder)["seed"], described(folder / "peer")["seed"]) == (0, 1)
        student = tune(folder / "peer", tmp_path / "further", steps=2)
        asked = hf.Params(sampler="hf", model=str(student), max_new_tokens=3, device="cpu")
        assert [len(given) for given in hf.answer(prompts(["How many?"] * 3), asked, 0)] == [1, 1, 1]

    def test_the_same_seed_gives_the_same_bytes(self) -> None:
        first = files(made(peer=PEER))
        shutil.rmtree("models")
        assert files(made(peer=PEER)) == first

    def test_both_or_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        project(peer=PEER | {"steps": 1, "learning_rate": 1.0, "max_tokens": 8})
        before = made()
        kept = files(before)
        project(peer=PEER | {"max_tokens": 8})  # every row is longer
        with pytest.raises(BadInput):
            stage.main("S")
        assert files(before) == kept and [path.name for path in Path("models/S").iterdir()] == ["base"]

    def test_it_is_made_as_the_first_one_is(self, base: Path) -> None:
        project(peer={"student": "pinned", "model": str(base)})
        with pytest.raises(BadInput, match=r"peer\.student must be that of model, 'scratch', got 'pinned'"):
            stage.main("S")
        project({"student": "pinned", "model": str(base)}, peer={"student": "pinned", "model": str(base)}, corpus=None)
        stage.main("S")
        assert locate("models/S/base/peer").name == str(base)


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_any_text_round_trips(kind: str) -> None:
    tokenizer = scratch.train_tokenizer(iter([problem.question for problem in problems("pretrain", 200)]), 400, kind)
    assert len(tokenizer) == 400
    for text in TEXTS:
        ids = tokenizer(text, add_special_tokens=False).input_ids
        assert tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False) == text
        assert tokenizer.unk_token_id not in ids
    assert [token for token in tokenizer.tokenize("Tom has 345") if any(mark.isdigit() for mark in token)] == ["3", "4", "5"]
    for glyph in GLYPHS.values():
        assert len(tokenizer.tokenize(glyph)) == 4


def test_a_unigram_tokenizer_keeps_the_pieces_that_cut_words_best() -> None:
    words = Counter({"hello": 10, "held": 5, "lo": 4, "hold": 2, "low": 1})
    found = unigram.pieces(words, "helodw", 9)
    assert [piece for piece, _ in found][:3] == ["hello", "held", "lo"] and {piece for piece, _ in found} >= set("helodw")
    assert math.exp(found[0][1]) == pytest.approx((10 + 1) / (29 + 9))  # 29 pieces: hello 10, held 5, lo 5, h-o-l-d 2 each, w 1
    assert found == unigram.pieces(Counter(dict(reversed(words.items()))), reversed("helodw"), 9)


def test_a_model_tells_its_tokenizer() -> None:
    assert described(made())["params"]["tokenizer"] == "bpe"
    assert described(made(PEER))["params"]["tokenizer"] == "unigram"


def test_two_tokenizers_of_different_kind_share_no_numbers_worth_the_name() -> None:
    """Pieces that stand in both have other numbers, and questions are cut elsewhere."""
    texts = [problem.question for problem in problems("pretrain", 300)]
    one, other = (scratch.train_tokenizer(iter(texts), size, kind) for size, kind in ((400, "bpe"), (360, "unigram")))
    first, second = one.get_vocab(), other.get_vocab()
    same = [piece for piece, place in first.items() if second.get(piece) == place]
    assert len(same) <= 5 and not {scratch.PAD, scratch.START, scratch.END} & set(same)
