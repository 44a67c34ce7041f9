"""A rule book from collect to chats: splits under names that people know, retries, hard rows, the balance of the labels."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from ruamel.yaml import YAML
from stages.samplers.script.verdicts import by_rules
from stages.shared.errors import BadInput
from stages.shared.files import read, write
from stages.shared.rows import Chat, Problem, Prompt, Response, Trace
from stages.styles.prompting.prompts import put
from stages.tasks import tickets_toy

from server import Call, Server
from server import Response as Reply
from stages import collect, filter, format, grade, judge, prompt, respond
from teachers import runs, workplace

__all__ = ["workplace"]
pytestmark = pytest.mark.usefixtures("workplace")

DATA = Path("data/S")
RULEBOOK = {"rulebook": {"template": "{rule_book}\n\n{text}"}}
REASONED = {"reasoned": {"template": "{text}\n\nReason: {labels}"}}
LABEL_ONLY = {"label_only": {"template": "{text}\n\nLabel: {labels}"}}
GRADERS: dict[str, Any] = {"answer": {}, "citations": {"min_characters": 10}}
SECTIONS: dict[str, Any] = {
    "collect": {"root": ".", "near": 1.0, "tasks": {"tickets_toy": {"train": 300, "validation": 30, "test": 40}}},
    "prompt": {"teacher": RULEBOOK},
    "respond": {"root": "none", "teacher": {"sampler": "scripted", "wrong": 0.2, "invented": 0.1, "truncated": 0.1}},
    "grade": {"graders": GRADERS},
    "judge": {},
    "filter": {"rules": {"teacher": {"grades": {"answer": 1.0, "citations": 1.0}, "per_problem": 1}}},
}
FORMAT: dict[str, Any] = {"selective": False, "hard": "direct", "student_style": REASONED}


def sections(**changed: Any) -> None:
    """params.yaml with sections of the system S and of its student N changed."""
    student = {"system": "S", "base": "B", "format": FORMAT | changed.pop("format", {})}
    held = {name: values | changed.get(name, {}) for name, values in SECTIONS.items()}
    values = {"seed": 0, "bases": {"B": {}}, "systems": {"S": {"base": "B"} | held}, "students": {"N": student}}
    with Path("params.yaml").open("w") as file:
        YAML().dump(values, file)


def flow(*, until: str = "format", **changed: Any) -> None:
    sections(**changed)
    for stage, entry in ((collect, "S"), (prompt, "S"), (respond, "S"), (grade, "S"), (judge, "S"), (filter, "S"), (format, "N")):
        stage.main(entry)
        if stage.__name__ == f"stages.{until}":
            return


def metrics(name: str) -> Any:
    return json.loads(Path(f"metrics/{name}.json").read_text())


def test_the_splits_are_written_under_names_that_people_know() -> None:
    flow(until="collect", collect={"data_splits": True})
    folder = DATA / "data_splits"
    assert sorted(path.name for path in folder.iterdir()) == ["rulebook.txt", "test.csv", "train.csv", "val.csv"]
    for name, path in (("train", DATA / "train.jsonl"), ("val", Path("data/validation/S.jsonl")), ("test", Path("data/held_out/S.jsonl"))):
        with (folder / f"{name}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        problems = list(read(path, Problem))
        assert rows == [{"id": row.id, "text": row.question, "label": row.answer} for row in problems]
    assert (folder / "rulebook.txt").read_text() == f"{problems[0].rule_book}\n"
    flow(until="collect")
    assert list(folder.iterdir()) == []  # the same data twice only where it is asked for


def test_different_rule_books_are_not_one() -> None:
    tasks = {"tickets_toy": {"train": 30, "test": 20, "rule_sets": 9, "rules": None, "pairs": True}}
    flow(until="collect", collect={"data_splits": True, "tasks": tasks})
    assert sorted(path.name for path in (DATA / "data_splits").iterdir()) == ["test.csv", "train.csv"]
    assert metrics("S_collect")["test"] == 40 and metrics("S_collect")["test_dropped_repeat"] == 0


def test_a_student_reads_the_rule_book_of_its_own_text() -> None:
    """Each chat begins with the rule book of its problem; the two prompts of a pair differ in the line of the edited rule alone."""
    tasks = {"tickets_toy": {"train": 30, "test": 20, "rule_sets": 30, "rules": None, "pairs": True}}
    style = {"rulebook_at_student": {"template": "{rule_book}\n\n{text}\n\nLabel: {labels}"}}
    flow(collect={"tasks": tasks}, respond={"teacher": {"sampler": "scripted"}}, format={"student_style": style})
    books = {row.id: row.rule_book for row in read(DATA / "train.jsonl", Problem)}
    chats = list(read(DATA / "chats/N.jsonl", Chat))
    assert len(chats) == 30 and len(set(books.values())) > 10
    assert all(chat.messages[0]["content"].startswith(f"{books[chat.problem]}\n\nOrder ") for chat in chats)
    asked = [put(style).render(row)[0]["content"] for row in read(Path("data/held_out/S.jsonl"), Problem)]
    for given, edited in zip(asked[::2], asked[1::2], strict=True):
        assert len(set(given.splitlines()) ^ set(edited.splitlines())) == 2


def test_what_is_rejected_is_asked_for_again() -> None:
    accept = {"graders": GRADERS, "temperatures": [None, None]}
    flow(until="grade", respond={"accept": accept})
    told = metrics("S_teacher")["accept"]
    assert told["answers"] == 300
    assert 0.5 < told["first_try"] < 0.7 < 0.88 < told["with_retries"] < 1
    assert set(told["rejected"]) == {"answer:wrong", "citations:unknown_rule", "ending:length"}
    assert sum(told["rejected"].values()) == metrics("S_teacher")["requests"] - round(told["with_retries"] * 300)
    labels = told["by_label"]
    assert sum(labels[name]["answers"] for name in ("deny", "refund")) == 300
    accepted = sum(round(labels[name]["with_retries"] * labels[name]["answers"]) for name in labels)
    assert accepted == round(told["with_retries"] * 300)
    graded = list(read(DATA / "traces.jsonl", Trace))
    assert sum(min(row.grades.values()) == 1 and row.ending == "stop" for row in graded) == accepted


def test_without_acceptance_nothing_is_asked_again() -> None:
    flow(until="respond")
    assert "accept" not in metrics("S_teacher") and metrics("S_teacher")["requests"] == 300


def test_the_teacher_is_measured_label_by_label() -> None:
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    flow(until="grade")
    told = metrics("S_grade")["teacher"]["labels"]
    rows = list(read(DATA / "traces.jsonl", Trace))
    gold, read_as = [row.answer for row in rows], [row.pred or "(none)" for row in rows]
    expected = precision_recall_fscore_support(gold, read_as, labels=["deny", "refund"], zero_division=0)
    for place, label in enumerate(("deny", "refund")):
        values = told["by_label"][label]
        assert [values["precision"], values["recall"], values["f1"], values["rows"]] == pytest.approx(
            [part[place] for part in expected], abs=1e-6
        )
    assert told["macro_f1"] == pytest.approx(sum(expected[2]) / 2, abs=1e-6)
    table = confusion_matrix(gold, read_as, labels=["deny", "refund", "(none)"])
    for place, label in enumerate(("deny", "refund")):
        counts = told["by_label"][label]["read_as"]
        assert [counts.get(name, 0) for name in ("deny", "refund", "(none)")] == list(table[place])
    assert told["by_label"]["deny"]["read_as"]["(none)"] > 0


def skewed() -> None:
    """Judged traces of which the teacher gets half of the refunds wrong, and a tenth of the denials."""
    sections()
    collect.main("S")
    draw, rows = Random(0), []
    for row in read(DATA / "train.jsonl", Problem):
        passes = draw.random() < (0.5 if row.answer == "refund" else 0.9)
        label = row.answer if passes else "deny" if row.answer == "refund" else "refund"
        fields = {name: getattr(row, name) for name in Problem.__struct_fields__}
        asked: dict[str, Any] = {"by": "teacher", "style": "rulebook", "messages": [], "sampler": "s", "model": "m", "sample": 0}
        grades: dict[str, Any] = {"grades": {"answer": float(passes), "citations": 1.0}, "reasons": {} if passes else {"answer": "wrong"}}
        text = "\n".join(by_rules(row, label, draw))
        rows.append(Trace(**fields, **asked, **grades, text=text, ending="stop", tokens=0, pred=label))  # type: ignore[arg-type]
    write(DATA / "judged.jsonl", rows)


@pytest.fixture
def judged(workplace: Path) -> Iterator[None]:
    skewed()
    yield


def share(told: Any, when: str) -> float:
    return float(told["labels"]["refund"][when])


@pytest.mark.usefixtures("judged")
def test_dropping_hard_rows_skews_the_labels_and_the_metrics_say_so() -> None:
    sections(filter={"hard_rows": "drop"})
    filter.main("S")
    told = metrics("S_filter")["teacher"]
    assert share(told, "after") < share(told, "before") - 0.08
    assert "hard" not in Path(DATA / "kept.jsonl").read_text()


@pytest.mark.usefixtures("judged")
def test_hard_rows_keep_their_label_alone() -> None:
    sections(filter={"hard_rows": "label_only"}, format={"hard_style": LABEL_ONLY})
    filter.main("S")
    format.main("N")
    told = metrics("S_filter")["teacher"]
    assert share(told, "after") == share(told, "before")
    kept = list(read(DATA / "kept.jsonl", Trace))
    assert len(kept) == 300 and 60 < sum(row.hard for row in kept) == sum(values["hard"] for values in told["labels"].values())
    chats = list(read(DATA / "chats/N.jsonl", Chat))
    for row, chat in zip(kept, chats, strict=True):
        question, answer = (message["content"] for message in chat.messages)
        assert answer == (f"<label>{row.answer}</label>" if row.hard else row.text)
        assert question == f"{row.question}\n\n{'Label' if row.hard else 'Reason'}: deny or refund"
    assert b"weight" not in (DATA / "chats/N.jsonl").read_bytes()


@pytest.mark.usefixtures("judged")
def test_reweighted_rows_restore_the_shares() -> None:
    sections(filter={"hard_rows": "keep_reweighted"})
    filter.main("S")
    format.main("N")
    told = metrics("S_filter")["teacher"]
    assert share(told, "after") == pytest.approx(share(told, "before"), abs=1e-5)
    chats, kept = list(read(DATA / "chats/N.jsonl", Chat)), list(read(DATA / "kept.jsonl", Trace))
    weights = {row.answer: chat.weight for row, chat in zip(kept, chats, strict=True)}
    assert (weights["refund"] or 0) > 1 > (weights["deny"] or 9)
    assert sum(chat.weight or 0 for chat in chats) == pytest.approx(len(chats), abs=1e-2)


@pytest.mark.usefixtures("judged")
def test_the_labels_alone_for_a_student_that_does_not_reason() -> None:
    sections(filter={"hard_rows": "label_only"}, format={"hard": "gold_label", "student_style": LABEL_ONLY})
    filter.main("S")
    format.main("N")
    chats = list(read(DATA / "chats/N.jsonl", Chat))
    assert Counter(chat.messages[-1]["content"] for chat in chats).keys() == {"<label>deny</label>", "<label>refund</label>"}
    assert len(chats) == 300 and {chat.format for chat in chats} == {"gold_label"}


@pytest.mark.usefixtures("judged")
def test_samples_are_written_twice_only_where_asked_for() -> None:
    sections(filter={"samples": True, "hard_rows": "label_only"})
    filter.main("S")
    accepted, rejected = ((DATA / f"samples/{name}_samples.jsonl").read_bytes() for name in ("accepted", "rejected"))
    kept = [line for line in (DATA / "kept.jsonl").read_bytes().splitlines() if b'"hard":1' not in line]
    assert accepted.splitlines() == kept
    assert len(accepted.splitlines()) + len(rejected.splitlines()) == 300
    assert b'"hard":1' in rejected
    sections()
    filter.main("S")
    assert list((DATA / "samples").iterdir()) == []


@pytest.mark.usefixtures("judged")
def test_hard_rows_that_cannot_be() -> None:
    rows = list(read(DATA / "judged.jsonl", Trace))
    for row in rows:
        row.grades["answer"] = float(row.answer == "deny")
    write(DATA / "judged.jsonl", rows)
    sections(filter={"hard_rows": "keep_reweighted"})
    with pytest.raises(BadInput, match="no answer to a problem of the label 'refund' was kept"):
        filter.main("S")
    sections(filter={"hard_rows": "label_only", "rules": {"probe": {}}})
    with pytest.raises(BadInput, match="hard_rows: label_only needs rules for 'teacher'"):
        filter.main("S")
    for row in rows:
        row.kind, row.choices = "open", None  # type: ignore[assignment]
    write(DATA / "judged.jsonl", rows)
    sections(filter={"hard_rows": "label_only"})
    with pytest.raises(BadInput, match=r"is of kind open: filter\.hard_rows label_only is for problems of kind label"):
        filter.main("S")


class Labelling(Server):
    """A served teacher that gives right labels in every form, and at temperature 0 gets some wrong, unreadable or uncited."""

    def answered(self, call: Call, text: str | None, reason: str, **message: Any) -> Reply:
        (row,) = [row for row in read(DATA / "prompts.jsonl", Prompt) if row.messages[-1]["content"] == call.told]
        draw = Random(f"{row.id} {call.body['temperature']}")
        lines = (row.solution or "").replace("\n", "; ")
        rival = next(label for label in row.choices or [] if label != row.answer)
        if call.body["temperature"] == 0.0 and draw.random() < 0.4:
            bad = [
                f"By the rules, {lines}.\nlabel: {rival}",
                f"By the rules, {lines}. Who knows?",
                f"It seems so to me.\nlabel: {row.answer}",
            ]
            return super().answered(call, draw.choice(bad), "stop")
        said = {"reasoning": lines, "result": {"label": row.answer}}
        forms = [
            f"<think>{lines}</think><label>{row.answer}</label>",
            f"<think>{lines}</think>\nLabel: {row.answer.upper()}",
            json.dumps(said),
            f"Here it is.\n```json\n{json.dumps(said, indent=2)}\n```",
            f"{lines}\n\nThe answer is {row.answer}.",
            f"{lines}\n{row.answer}",
            json.dumps({"reasoning": lines, "label": int(row.answer == "refund")}),
        ]
        return super().answered(call, draw.choice(forms), "stop")


def test_a_served_teacher_is_asked_again_and_nothing_is_paid_twice() -> None:
    """Labels in JSON, fences and prose; first at temperature 0, then warmer; the bill is that of all tries."""
    with Labelling() as server:
        teacher = {
            "sampler": "openai",
            "model": "m",
            "base_url": server.url,
            "api_key_env": "TEACHER_KEY",
            "max_tokens": 99,
            "temperature": 0.0,
        }
        price = {"price": {"prompt": 1.0, "completion": 2.0}}
        accept = {"graders": GRADERS, "temperatures": [0.7, 1.0]}
        thoughtful = {"rulebook": {"template": "{rule_book}\n\n{text}\n\nReason between <think> and </think>."}}
        collected = SECTIONS["collect"] | {"tasks": {"tickets_toy": {"train": 60, "test": 10}}}
        changed: dict[str, Any] = {"respond": {"teacher": teacher | price, "accept": accept}, "collect": collected}
        changed["prompt"] = {"teacher": thoughtful}
        flow(until="filter", **changed)
        told = metrics("S_teacher")
        first = round(60 * told["accept"]["first_try"])
        assert 25 < first < 50 and told["accept"]["with_retries"] == 1.0
        temperatures = Counter(call.body["temperature"] for call in server.calls)
        assert temperatures == {0.0: 60, 0.7: 60 - first}  # it stops at the first answer that is accepted
        assert set(told["accept"]["rejected"]) == {"answer:wrong", "answer:no_answer", "citations:no_rule"}
        assert told["requests"] == told["bought"] == len(server.calls) == sum(server.billed.values())
        assert told["cost_usd"] > 0 and metrics("S_filter")["teacher"]["kept"] == 60
        assert {row.pred for row in read(DATA / "traces.jsonl", Trace)} == {"deny", "refund"}
        before = (DATA / "responses.jsonl").read_bytes()
        respond.main("S")  # once more: everything is stored
        again = metrics("S_teacher")
        assert (DATA / "responses.jsonl").read_bytes() == before and len(server.calls) == told["requests"]
        assert again | {"bought": 0, "stored": 0} == told | {"bought": 0, "stored": 0} and again["bought"] == 0
    assert sum(run["bought"] for run in runs()) == told["bought"]


@pytest.mark.parametrize(
    ("accept", "told"),
    [
        ({"graders": {}, "temperatures": [None]}, "expected a mapping with at least one grader"),
        ({"graders": {"citatoins": {}}, "temperatures": [None]}, "unknown grader 'citatoins'"),
        ({"graders": {"answer": {}}, "temperatures": []}, "temperatures"),
        ({"graders": {"answer": {}}, "temperatures": [0.7]}, "sampler 'scripted', by 'teacher', has no temperature"),
        ({"graders": {"answer": {}}, "temperatures": [-1.0]}, "a temperature is 0 or more"),
    ],
)
def test_an_acceptance_that_cannot_be_is_told(accept: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        flow(until="respond", respond={"accept": accept})


def test_a_style_without_its_text_is_told() -> None:
    sections(prompt={"teacher": {"rulebook": {"template": "{text} {rule_book} {rules}"}}})
    collect.main("S")
    with pytest.raises(BadInput, match=r"prompt.teacher.rulebook.template: unknown field 'rules'"):
        prompt.main("S")
    sections(prompt={"teacher": "rulebook"})
    with pytest.raises(BadInput, match=r"prompt.teacher.rulebook.template: is missing"):
        prompt.main("S")


def test_the_flow_gives_the_same_bytes_again() -> None:
    accept = {"graders": GRADERS, "temperatures": [None]}
    outs = [DATA / "responses.jsonl", DATA / "kept.jsonl", DATA / "chats/N.jsonl", Path("metrics/S_teacher.json")]
    flow(respond={"accept": accept}, filter={"hard_rows": "label_only"})
    before = [path.read_bytes() for path in outs]
    flow(respond={"accept": accept}, filter={"hard_rows": "label_only"})
    assert [path.read_bytes() for path in outs] == before


def test_a_ticket_is_what_the_task_says() -> None:
    flow(until="collect")
    rows = list(tickets_toy.load("train", tickets_toy.Params(train=300), Path(), 0))
    assert [row.id for row in read(DATA / "train.jsonl", Problem)] == [row.id for row in rows]
    assert next(read(Path("data/held_out/S.jsonl"), Problem)).rule_book == rows[0].rule_book
    assert Response.__struct_fields__[: len(Problem.__struct_fields__)] == Problem.__struct_fields__
