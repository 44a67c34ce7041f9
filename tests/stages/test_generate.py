"""`stages.generate`: which problems which arm answers."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest
from stages.generate import Params, main
from stages.shared.errors import BadInput
from stages.shared.files import read, write
from stages.shared.params import read as read_params
from stages.shared.rows import Chat, Kind, Message, Problem, Response
from stages.students import Job, tfidf

PARAMS = """\
seed: 0
bases: {small: {}}
students: {words: {system: rules, base: small}}
systems:
  rules:
    base: small
    generate:
      arms:
        first: &arm
          style: plain
          ask: {sampler: classifier, model: models/students/rules/words}
        second:
          <<: *arm
          splits: [validation, test]
        third:
          <<: *arm
          splits: [test, train]
"""
FILES = {"test": "data/held_out/rules.jsonl", "validation": "data/validation/rules.jsonl", "train": "data/rules/train.jsonl"}


def problem(number: int, split: str) -> Problem:
    label = ("spam", "ham")[number % 2]
    text = f"{'win a prize' if label == 'spam' else 'see you'} {split} {number}"
    return Problem(id=f"{split}{number}", task="t", kind=Kind.LABEL, split=split, question=text, answer=label, choices=["ham", "spam"])


def chat(of: Problem) -> Chat:
    turns = [Message(role="user", content=of.question)]
    return Chat(id=of.id, problem=of.id, format="f", style="plain", messages=turns, trace="t", text=of.question, label=of.answer)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(PARAMS)
    for split, path in FILES.items():
        write(Path(path), [problem(number, split) for number in range(4)])
    chats = [chat(problem(number, "train")) for number in range(8)]
    job = Job(Path("models/students/rules/words"), Path("curves"), Path("checkpoints"), 0)
    tfidf.train(chats, job, tfidf.Params(student="tfidf", at_least=1))


def answered() -> list[tuple[str, list[str]]]:
    """Each problem with the arms that answered it, in the order of the file."""
    found: dict[str, list[str]] = {}
    for row in read(Path("data/rules/generations.jsonl"), Response):
        assert row.label_probs is not None and sum(row.label_probs.values()) == pytest.approx(1)
        found.setdefault(row.id, []).append(row.by)
    return list(found.items())


def test_each_arm_answers_the_splits_that_it_names() -> None:
    main("rules")
    splits: Sequence[tuple[str, list[str]]] = [
        ("test", ["first", "second", "third"]),
        ("validation", ["second"]),
        ("train", ["third"]),
    ]
    assert answered() == [(f"{split}{number}", arms) for split, arms in splits for number in range(4)]


def test_validation_problems_change_no_other_answer() -> None:
    main("rules")
    before = Path("data/rules/generations.jsonl").read_bytes().splitlines()
    Path("params.yaml").write_text(PARAMS.replace("splits: [validation, test]", "splits: [test]"))
    main("rules")
    after = Path("data/rules/generations.jsonl").read_bytes().splitlines()
    assert after == [line for line in before if b'"split":"validation"' not in line]


def test_no_validation_problems() -> None:
    Path(FILES["validation"]).write_bytes(b"")
    with pytest.raises(BadInput, match=r"data/validation/rules.jsonl: no validation problem, but .*arms.second.splits asks"):
        main("rules")
    assert not Path("data/rules/generations.jsonl").exists()


@pytest.mark.parametrize("splits", ["[validation]", "[test, test]", "[]", "[tests]"])
def test_faulty_splits(splits: str) -> None:
    Path("params.yaml").write_text(PARAMS.replace("[validation, test]", splits))
    with pytest.raises(BadInput, match=r"systems\.rules\.generate\.arms\.second\.splits"):
        read_params("rules", "generate", Params)


CHOICES: list[tuple[Callable[[Problem], Problem], str]] = [
    (lambda p: msgspec.structs.replace(p, choices=["a", "b"]), "it knows the labels ham, spam; prompt 'test0' has the choices a, b"),
]


@pytest.mark.parametrize(("change", "message"), CHOICES)
def test_a_classifier_of_other_labels(change: Callable[[Problem], Problem], message: str) -> None:
    write(Path(FILES["test"]), [change(problem(number, "test")) for number in range(4)])
    with pytest.raises(BadInput, match=message):
        main("rules")
