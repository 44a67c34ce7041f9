"""What a classification asks of a training: weights of tokens, an order that keeps the classes' shares, texts cut to fit."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stages.models.linear_text import load_linear
from stages.models.templates import render
from stages.samplers import classifier as sampler
from stages.shared.errors import BadInput
from stages.shared.rows import Chat
from stages.students import Job, tfidf
from stages.students.training.encoding import encode
from stages.students.training.packing import stratified_order
from stages.students.training.text_fitting import CUT, NO_TEXT, TOO_LONG, fit_texts
from stages.students.training.token_weights import TokenWeights, weigh

from templates import FAMILIES, tokenizer
from tiny import make, prompts, talk, tune

TEXTS = ["Please label: ", "R1 applies, so 1", "<label>refund</label>", "deny", "The order came late. "]


def classified(answer: str, label: str | None, text: str = "late", name: str = "c") -> Chat:
    return msgspec.structs.replace(talk(f"Please label: {text}", answer, name=name), text=text, label=label)


# the answer, its label -> how often each weight stands, by the words that have it
WEIGHTED = [
    ("R1 applies <label>refund</label>", "refund", "R1 applies <label>", "refund", "</label>"),
    ("refund? no: deny. So deny", "deny", "refund? no: deny. So ", "deny", ""),
    ("1 of 10: 1", "1", "1 of 10: ", "1", ""),  # not the 1 of 10
    ("so Deny.", "deny", "so ", "Deny", "."),
]


@pytest.mark.parametrize("family", ["chatml", "llama3", "gemma"])
@pytest.mark.parametrize(("answer", "label", "before", "named", "after"), WEIGHTED)
def test_the_tokens_of_reasoning_and_label(family: str, answer: str, label: str, before: str, named: str, after: str) -> None:
    made = tokenizer(family, TEXTS)
    chat = classified(answer, label)
    example = weigh(chat, encode(chat, made, made.eos_token_id), made, TokenWeights(reasoning=0.5, label=4.0))
    offsets = made(render(made, chat.messages), add_special_tokens=False, return_offsets_mapping=True).offset_mapping
    text = render(made, chat.messages)
    assert example.weights is not None and set(example.weights) <= {0.5, 4.0, 1.0}
    learnt = [(text[low:high], weight) for (low, high), weight, on in zip(offsets, example.weights, example.supervised, strict=True) if on]
    for weight, words in ((0.5, before), (4.0, named), (1.0, after + FAMILIES[family].end)):
        assert "".join(token for token, given in learnt if given == weight).replace(" ", "") == words.replace(" ", "")


def test_a_chats_own_weight_is_a_factor() -> None:
    made = tokenizer("chatml", TEXTS)
    chat = msgspec.structs.replace(classified("so deny", "deny"), weight=2.0)
    example = weigh(chat, encode(chat, made, made.eos_token_id), made, TokenWeights(label=3.0))
    assert example.weights is not None and set(example.weights) == {2.0, 6.0}


@pytest.mark.parametrize(("answer", "label"), [("so deny", "refund"), ("so deny", None), ("undeny", "deny")])
def test_an_answer_without_its_label(answer: str, label: str | None) -> None:
    made = tokenizer("chatml", TEXTS)
    chat = classified(answer, label)
    with pytest.raises(BadInput, match="chat 'c': its answer does not name its label"):
        weigh(chat, encode(chat, made, made.eos_token_id), made, TokenWeights())


@given(labels=st.lists(st.sampled_from("aab"), min_size=1, max_size=80), seed=st.integers(0, 3))
def test_every_beginning_tracks_the_ratio(labels: list[str], seed: int) -> None:
    order = stratified_order(labels, len(labels), seed)
    assert sorted(order) == list(range(len(labels)))
    share = labels.count("a") / len(labels)
    for length in range(1, len(order) + 1):
        assert abs(sum(labels[row] == "a" for row in order[:length]) - share * length) <= 1 + 1e-9


@given(labels=st.lists(st.sampled_from("abcd"), min_size=1, max_size=60), batch=st.integers(1, 9))
def test_every_batch_tracks_the_ratio_of_several_classes(labels: list[str], batch: int) -> None:
    order = stratified_order(labels, len(labels), 0)
    for start in range(0, len(order) - batch + 1, batch):
        counts = Counter(labels[row] for row in order[start : start + batch])
        for label, count in Counter(labels).items():
            assert abs(counts[label] - batch * count / len(labels)) < 3


def test_the_order_is_seeded_and_goes_on() -> None:
    labels = ["a"] * 30 + ["b"] * 10
    assert stratified_order(labels, 100, 1)[:60] == stratified_order(labels, 60, 1)
    assert stratified_order(labels, 40, 1) != stratified_order(labels, 40, 2)
    both = stratified_order(labels, 80, 1)
    assert sorted(both[:40]) == sorted(both[40:]) and both[:40] != both[40:]


LONG = "The order came late and the box was open. " * 20


@pytest.mark.parametrize("limit", [60, 100, 200, 700])
@pytest.mark.parametrize("family", ["chatml", "gemma"])
def test_the_text_alone_is_cut_and_as_little_as_needed(family: str, limit: int) -> None:
    made = tokenizer(family, TEXTS)
    chat = classified("<label>deny</label>", "deny", LONG)

    def length(other: Chat) -> int:
        return len(made(render(made, other.messages), add_special_tokens=False).input_ids)

    (fitted,), counts = fit_texts([chat], made, limit)
    assert length(fitted) <= limit and counts[CUT] == (length(chat) > limit)
    assert fitted.messages[1:] == chat.messages[1:] and fitted.text is not None and LONG.startswith(fitted.text)
    assert fitted.messages[0]["content"] == "Please label: " + fitted.text
    if counts[CUT]:
        longer = LONG[: len(fitted.text) + 1]
        assert length(classified("<label>deny</label>", "deny", longer)) > limit


FITTING = [
    ("fits", classified("deny", "deny", "short"), None),
    ("no text", talk("Please label: " + LONG, "deny"), NO_TEXT),
    ("a text that the question does not hold", msgspec.structs.replace(classified("deny", "deny", LONG), text="other"), NO_TEXT),
    ("too long without the text", classified("deny " + LONG, "deny", LONG), TOO_LONG),
]


@pytest.mark.parametrize(("chat", "reason"), [case[1:] for case in FITTING], ids=[case[0] for case in FITTING])
def test_what_cannot_be_cut_is_left_as_it_is(chat: Chat, reason: str | None) -> None:
    fitted, counts = fit_texts([chat], tokenizer("chatml", TEXTS), 60)
    assert fitted == [chat]
    assert counts == {CUT: 0, NO_TEXT: 0, TOO_LONG: 0} | ({reason: 1} if reason else {})


def rows(count: int = 24) -> list[Chat]:
    texts = [("late parcel" if number % 3 else "open box") + f" number {number}" for number in range(count)]
    return [
        classified(f"R1 <label>{'deny' if number % 3 else 'refund'}</label>", "deny" if number % 3 else "refund", text, f"c{number}")
        for number, text in enumerate(texts)
    ]


CHANGES: list[dict[str, Any]] = [{}, {"stratified": True}, {"token_weights": {"label": 3.0}}, {"token_weights": {"label": 1.0}}]


def test_a_student_is_trained_with_all_of_them(tmp_path: Path) -> None:
    base = make(tmp_path / "base", given=rows())
    long = [*rows(), classified("R1 <label>deny</label>", "deny", LONG, "long")]
    settings: dict[str, Any] = {"token_weights": {"reasoning": 0.5, "label": 3.0}, "stratified": True, "cut_texts": True, "max_tokens": 100}
    described = json.loads((tune(base, tmp_path / "a", given=long, **settings) / "student.json").read_text())
    assert described["texts"] == {CUT: 1, NO_TEXT: 0, TOO_LONG: 0} and described["too_long"] == 0 and described["rows"] == 25
    plain = json.loads((tune(base, tmp_path / "b", given=long, max_tokens=100) / "student.json").read_text())
    assert plain["too_long"] == 1 and "texts" not in plain
    losses = [
        json.loads((tune(base, tmp_path / str(number), given=rows(), **changed) / "student.json").read_text())["last_loss"]
        for number, changed in enumerate(CHANGES)
    ]
    assert losses[0] == pytest.approx(losses[3], abs=2e-6)  # weights of 1 change nothing, but where a sum is rounded; the others do
    assert len({round(loss, 4) for loss in losses}) == 3


def test_a_chat_without_a_label_is_not_stratified(tmp_path: Path) -> None:
    base = make(tmp_path)
    with pytest.raises(BadInput, match="sft: stratified: chat 'c0' has no label"):
        tune(base, tmp_path, stratified=True)


def words(folder: Path, chats: list[Chat], **changed: Any) -> Path:
    job = Job(folder / "words", folder / "curves", folder / "checkpoints", 0)
    tfidf.train(chats, job, tfidf.Params.model_validate({"student": "tfidf", "at_least": 1} | changed))
    return job.out


def answers(model: Path, texts: list[str], choices: list[str] | None = None) -> list[Any]:
    asked = [msgspec.structs.replace(prompt, choices=choices) for prompt in prompts(texts)]
    return [answer for (answer,) in sampler.answer(asked, sampler.Params(sampler="classifier", model=str(model)), 0)]


def test_a_classifier_of_words(tmp_path: Path) -> None:
    model = words(tmp_path, rows())
    given = answers(model, ["a late parcel", "an open box", ""], ["deny", "refund"])
    assert [answer.text for answer in given[:2]] == ["<label>deny</label>", "<label>refund</label>"]
    for answer in given:
        assert sum(answer.label_probs.values()) == pytest.approx(1) and answer.tokens == 0
        assert answer.text == f"<label>{max(answer.label_probs, key=answer.label_probs.get)}</label>"
    assert {path.name for path in model.iterdir()} == {"model.safetensors", "vocabulary.json", "student.json"}
    assert json.loads((tmp_path / "curves/metrics.json").read_text())["rows"] == 24


def test_it_is_scikit_learns_own(tmp_path: Path) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    pipeline = make_pipeline(
        make_union(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b"),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
        ),
        LogisticRegression(C=10.0, class_weight="balanced", max_iter=2000),
    ).fit([chat.text for chat in rows()], [chat.label for chat in rows()])
    texts = ["a late box", "parcel number 7", "nothing known", ""]
    found = load_linear(words(tmp_path, rows())).probs(texts)
    expected = pipeline.predict_proba(texts).ravel().tolist()
    assert [prob for row in found for prob in row.values()] == pytest.approx(expected)


def test_more_than_two_labels(tmp_path: Path) -> None:
    three = [classified("x", f"l{number % 3}", f"word{number % 3} filler", f"c{number}") for number in range(12)]
    found = load_linear(words(tmp_path, three)).probs(["word0", "word2 filler"])
    assert [max(row, key=lambda name: row[name]) for row in found] == ["l0", "l2"]
    assert [sum(row.values()) for row in found] == pytest.approx([1, 1])


def test_the_same_bytes_twice(tmp_path: Path) -> None:
    first, second = (words(tmp_path / name, rows()) for name in ("a", "b"))
    assert [path.read_bytes() for path in sorted(first.iterdir())] == [path.read_bytes() for path in sorted(second.iterdir())]


@pytest.mark.parametrize(
    ("chats", "message"),
    [
        ([talk("a", "b")], "chat 'c' has no text or no label"),
        ([chat for chat in rows() if chat.label == "deny"], "at least two labels, got deny"),
        ([classified("x", label, "!", label) for label in "ab"], "2 texts, terms in at least 1: "),
    ],
)
def test_what_words_cannot_learn_from(tmp_path: Path, chats: list[Chat], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        words(tmp_path, chats)


def test_a_folder_that_is_no_classifier(tmp_path: Path) -> None:
    model = words(tmp_path, rows())
    with pytest.raises(BadInput, match=r"it knows the labels deny, refund; prompt 'p0' has the choices ham, spam"):
        answers(model, ["a"], ["ham", "spam"])
    (model / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(BadInput, match="a damaged classifier of words"):
        answers(model, ["a"])
    with pytest.raises(BadInput, match=r"not a classifier of words: expected model\.safetensors and vocabulary\.json"):
        answers(tmp_path / "nowhere", ["a"])
