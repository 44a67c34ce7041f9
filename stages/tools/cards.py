"""The model card of a student and the data set card of its chats, as the Hub shows them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.shared import params
from stages.shared.errors import BadInput
from stages.tasks import TASKS

FIELDS = {  # of a student's params, those that a reader of a card looks for
    "student": "how it learns",
    "steps": "steps",
    "epochs": "epochs",
    "batch_size": "chats a step",
    "learning_rate": "learning rate",
    "optimizer": "optimizer",
    "max_tokens": "longest chat, in tokens",
    "adapters": "adapters",
}


def model_card(system: str, student: str, adapter: bool) -> str:
    """The card of a student; `adapter` says that the folder holds an adapter alone."""
    facts = described(system, student)
    base = facts["base"] or {}
    head = ["---", "library_name: peft" if adapter else "library_name: transformers"]
    head += ["pipeline_tag: text-generation", "tags: [reasoning, distillation]", "---"]
    return "\n".join(
        [
            *head,
            f"# {student}",
            "",
            f"A student of the system `{system}`, made with Athanor: {_how(facts)}.",
            "",
            "| | |",
            "|---|---|",
            f"| base model | `{base.get('model')}`, revision {base.get('revision') or '(local)'} |",
            *(f"| {noun} | {value} |" for noun, value in _counts(facts).items() if value is not None),
            *_data(system),
            *(
                f"| {noun} | {facts['params'][name]} |"
                for name, noun in FIELDS.items()
                if facts["params"].get(name)
            ),
            "",
            "Teacher, style and tasks are those of `params.yaml` at the time of the export.",
            "",
            "## Metrics",
            "",
            "On held-out problems, with 95 % intervals.",
            "",
            *_metrics(system, student),
            "",
            "## Licences",
            "",
            *_licences(system, str(base.get("model"))),
            "",
            "## Make it again",
            "",
            f"In the repository, at the commit that holds its `params.yaml`: `dvc repro evaluate@{system}`. "
            "The same code, params, seed and number of threads give the same bytes on a CPU.",
            "",
        ]
    )


def _how(facts: Mapping[str, Any]) -> str:
    if facts.get("start"):
        return "it went on from another model by reinforcement learning, rewarded by graders"
    return "it learnt from accepted answers of a teacher"


def _counts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the training was made of; None: not known."""
    tokens = facts.get("tokens", {})
    problems = "prompts" if facts.get("start") else "chats"
    return {
        "weights trained": facts.get("weights"),
        problems: facts.get("rows"),
        "steps": facts.get("steps"),
        "tokens seen": tokens.get("seen"),
        "tokens learnt": tokens.get("learnt"),
        f"SHA-256 of the {problems}": facts.get("data_sha256"),
        "seed": facts.get("seed"),
    }


def dataset_card(system: str, student: str) -> str:
    """The card of the chats that a student was trained on."""
    counts = _json(Path("metrics", f"{student}_format.json"))
    return "\n".join(
        [
            "---",
            "configs: [{config_name: default, data_files: [{split: train, path: train.jsonl}]}]",
            "task_categories: [text-generation]",
            "---",
            f"# Chats of {student}",
            "",
            f"What the student `{student}` of the system `{system}` was trained on, one chat a line. "
            "`messages` is the chat, `problem` the id of its problem, `trace` the id of the answer that it "
            "came from (`gold:` where it is the data set's own), `format` how it was made.",
            "",
            "| | |",
            "|---|---|",
            *_data(system),
            *(f"| {name} | {value} |" for name, value in _leaves(counts)),
            "",
            "The answers are those of a model, kept where graders accepted them: they may still be wrong.",
            "",
            *_licences(system, None),
            "",
            f"Made by `dvc repro format@{student}`.",
            "",
        ]
    )


def _settings(trained: Mapping[str, Any]) -> list[str]:
    return [f"| {noun} | {trained[name]} |" for name, noun in FIELDS.items() if trained.get(name)]


def described(system: str, student: str) -> dict[str, Any]:
    """What the training of a student wrote of itself; raises BadInput where there is nothing."""
    path = Path("models/students", system, student, "student.json")
    facts = _json(path)
    if not facts:
        raise BadInput(f"{path}: no such file: a model that was trained here has one")
    return facts


def _json(path: Path) -> dict[str, Any]:
    """The mapping in a file; an empty one where there is no file."""
    try:
        values = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise BadInput(f"{path}: malformed JSON: {error}") from None
    return values if isinstance(values, dict) else {}


def _data(system: str) -> list[str]:
    """Rows of a table: the teacher, its style and the tasks."""
    entry = params.entries("systems")[system]
    teacher = entry.get("respond", {}).get("teacher", {})
    named = teacher.get("model") or teacher.get("sampler")
    style = json.dumps(entry.get("prompt", {}).get("teacher"), ensure_ascii=False)
    return [
        f"| teacher | {named}, by the sampler `{teacher.get('sampler')}` |",
        f"| the teacher's style | {_cell(style)} |",
        f"| tasks | {', '.join(_tasks(system))} |",
    ]


def _tasks(system: str) -> list[str]:
    tasks = params.entries("systems")[system].get("collect", {}).get("tasks") or {}
    return [name for name, section in tasks.items() if section is not None]


def _licences(system: str, base: str | None) -> list[str]:
    """Whose terms apply: those of the base model, of each task's data and of the teacher."""
    lines = [
        f"- data, {name}: {TASKS.get(name, '')}; its licence is not recorded here" for name in _tasks(system)
    ]
    lines.append("- the teacher's answers: the terms of the teacher's provider")
    if base:
        lines.append(f"- weights: the licence of the base model `{base}`")
    return [*lines, "- code: Apache-2.0"]


def _metrics(system: str, student: str) -> list[str]:
    """A table: each metric of an arm that asks the student, beside that of the base model; those of a group
    of problems are left out."""
    metrics = _json(Path("metrics", f"{system}.json"))
    arms = params.entries("systems")[system].get("generate", {}).get("arms", {})
    models = {name: str(arm["ask"].get("model")) for name, arm in arms.items()}
    own = [name for name, model in models.items() if Path(model).name == student and "students" in model]
    base = [
        name
        for name, model in models.items()
        if model == f"models/bases/{params.refers('systems', system, 'base')}"
    ]
    intervals = metrics.pop("interval", {})
    rows = [
        f"| {name} | {value} | {_interval(intervals, name.split('.'))} |"
        for name, value in _leaves(metrics)
        if name == "n" or (name.count(".") == 1 and name.rsplit(".", 1)[-1] in (*own, *base))
    ]
    if not rows:
        return [f"metrics/{system}.json holds none of this student."]
    return ["| metric | value | 95 % interval |", "|---|---|---|", *rows]


def _interval(intervals: Any, path: Sequence[str]) -> str:
    for part in path:
        intervals = intervals.get(part) if isinstance(intervals, dict) else None
    return f"{intervals[0]} to {intervals[1]}" if isinstance(intervals, list) else ""


def _leaves(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and numbers."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{before}{name}.")
        elif isinstance(value, int | float | str):
            yield before + name, value


def _cell(text: str) -> str:
    """`text` in one cell of a table."""
    return text.replace("|", "\\|").replace("\\n", " ")[:200]
