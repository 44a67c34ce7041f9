"""How much each system's lane trains at the default scale: the budget that keeps `make repro` short."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from stages.shared.files import read
from stages.shared.rows import Chat
from stages.tools.plan import jobs

from project_tree import ROOT, family_of

# A model of the default scale trains some 19,000 tokens a second on one thread: 2.2 million in 118 s, 3.8 million in 196 s. A system has
# 8 and a half minutes; three of them are left for answering. Its students train side by side, so the longest one counts.
SECONDS, TOKENS_A_SECOND = 330, 19_000
BUDGET = SECONDS * TOKENS_A_SECOND
PART = 20  # of the problems, one in so many is made and measured
FLOW = ("prompt", "respond", "grade", "judge", "filter", "format")
PARAMS: Any = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")


def run(script: str, *entries: str) -> None:
    for entry in entries:
        import_module(f"stages.{script}").main(entry)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpora and the chats of the default scale, of fewer problems; all chats with reasoning: no student sees more."""
    folder = tmp_path_factory.mktemp("budget")
    values: Any = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")
    for base in values["bases"].values():
        for task in (base["corpus"]["tasks"] or {}).values():
            task["pretrain"] = task["pretrain"] // PART
    for system in values["systems"].values():
        for task in system["collect"]["tasks"].values():
            task |= {"train": task["train"] // PART, "test": 10}
        system["prompt"].pop("probe", None)
        system["respond"].pop("probe", None)
    for student in values["students"].values():
        student["format"]["selective"] = False
    with (folder / "params.yaml").open("w") as file:
        YAML().dump(values, file)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("DVC_ROOT", raising=False)
        run("collect", *values["systems"])
        run("corpus", *values["bases"])
        for script in FLOW:
            run(script, *values[family_of(script)])
    return folder


def tokenizer_of(base: str, folder: Path) -> Any:
    from stages.students.scratch import train_tokenizer

    model = PARAMS["bases"][base]["model"]
    chats = read(folder / f"data/corpora/{base}.jsonl", Chat)
    texts = (message["content"] for chat in chats for message in chat.messages)
    return train_tokenizer(texts, model["vocabulary"], model["tokenizer"], model.get("tokens", []))


def trained(chats: Path, tokenizer: Any, training: Any) -> float:
    """Tokens that a training on these chats takes in all: steps x rows a step x mean tokens of a row."""
    lengths = [len(tokenizer.apply_chat_template(chat.messages, return_dict=True)["input_ids"]) for chat in read(chats, Chat)]
    assert max(lengths) <= training["max_tokens"]
    rows: int = training["steps"] * training["batch_size"] * training.get("accumulate", 1)
    return rows * sum(lengths) / len(lengths)


@pytest.mark.parametrize("system", PARAMS["systems"])
def test_a_lane_trains_at_most_its_budget(system: str, made: Path) -> None:
    """The base models that the system or its students stand on, one after the other, then the longest student."""
    bases, students = {}, {}
    for kind, name in (job.name.split() for job in jobs([system], ROOT / "params.yaml")):
        if kind == "base":
            bases[name] = trained(made / f"data/corpora/{name}.jsonl", tokenizer_of(name, made), PARAMS["bases"][name]["model"])
        elif kind == "student" and "max_tokens" in PARAMS["students"][name]["train"]:  # a classifier of words takes seconds
            student, chats = PARAMS["students"][name], made / f"data/{system}/chats/{name}.jsonl"
            students[name] = trained(chats, tokenizer_of(student["base"], made), student["train"])
    assert min(*bases.values(), *students.values()) > 0
    assert sum(bases.values()) + max(students.values()) <= BUDGET, (bases, students)
