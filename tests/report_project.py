"""A small system as its stages leave it, for the tests of its report: problems, answers, chats, metrics, with hostile texts in them."""

import json
from pathlib import Path
from typing import Any

from stages.shared.files import write
from stages.shared.rows import Chat, Ending, Kind, Message, Trace

PARAMS = """\
seed: 3
bases: {s: {}}
systems:
  s:
    base: s
    respond: {teacher: {sampler: scripted}}
    generate: {arms: {base: {ask: {sampler: hf}}, student: {ask: {sampler: hf}}}}
    report:
      results: [{metric: accuracy.student, what: "accuracy: student", bar: ">= 0.5"}, {metric: accuracy.base, bar: ">= 0.9"}]
students: {s_student: {system: s, base: s}}
"""
# each would run, load something or break out of its element if it were taken for anything but text
HOSTILE = [
    "<script>window.HACKED=1</script>",
    "</textarea></script><script>window.HACKED=1</script>",
    "<img src=x onerror='window.HACKED=1'><svg onload=window.HACKED=1>",
    "</style></title><iframe src='javascript:parent.HACKED=1'></iframe>",
    "<!--<script>--><link rel=stylesheet href=https://example.org/a.css><img src=https://example.org/b.png>",
    "{{ 7 * 7 }}{% raw %}${window.HACKED=1}`+window.HACKED=1+`",
    "\u2028window.HACKED=1\u2029\u202egnp.exe\u0000\ud800 javascript:window.HACKED=1",
]


def row(number: int, split: str, by: str, text: str, right: bool, sample: int = 0, **more: Any) -> Trace:
    """An answer to problem `number` of a split."""
    values: dict[str, Any] = {
        "id": f"sums-{split}-{number}", "task": "sums" if number % 2 else "dates", "kind": Kind.NUMBER, "split": split, "answer": "7",
        "question": f"Ann has {number} red apples and picks some more. How many?", "level": 1 + number % 3, "by": by,
        "style": "careful" if by == "teacher" else "plain", "sampler": "scripted" if by == "teacher" else "hf", "model": f"models/{by}",
        "sample": sample, "text": text, "ending": Ending.STOP, "tokens": 5, "pred": "7" if right else None,
        "grades": {"answer": float(right)}, "reasons": {} if right else {"answer": "no_answer"},
    }  # fmt: skip
    values["messages"] = [{"role": "user", "content": f"Think.\n\n{values['question']}\n\nAnswer."}]
    return Trace(**values | more)


def judged(count: int = 12) -> list[Trace]:
    """An answer of the teacher and two of the base model to each training problem; every third is dropped."""
    made = []
    for number in range(count):
        text = HOSTILE[number % len(HOSTILE)]
        made.append(row(number, "train", "teacher", text, number % 3 > 0, pass_rate=0.5, reasoning=f"thought {number} {text}"))
        made += [row(number, "train", "probe", f"{number} {sample}", True, sample, pass_rate=0.5) for sample in range(2)]
    return made


def graded(count: int = 10) -> list[Trace]:
    """The base is right on every second test problem, the student on all but the first."""
    rows = []
    for number in range(count):
        rows.append(row(number, "test", "base", f"base {number} {HOSTILE[number % len(HOSTILE)]}", number % 2 == 0))
        rows.append(row(number, "test", "student", f"The answer is {number}.", number > 0))
    return rows


def lay(folder: Path, traces: list[Trace] | None = None, answers: list[Trace] | None = None) -> None:
    """The files that the report of system `s` reads, below `folder`."""
    traces, answers = judged() if traces is None else traces, graded() if answers is None else answers
    data = folder / "data/s"
    (folder / "params.yaml").write_text(PARAMS)
    kept = [trace for trace in traces if trace.grades["answer"] == 1 and (trace.by == "teacher" or not trace.sample)]
    write(data / "judged.jsonl", traces)
    write(data / "kept.jsonl", kept)
    write(data / "graded.jsonl", answers)
    reasons = {trace.trace_id: "surplus" if trace.grades["answer"] == 1 else "answer:no_answer" for trace in traces if trace not in kept}
    lines = [json.dumps({"trace": name, "by": "x", "reason": why}) + "\n" for name, why in reasons.items()]
    (data / "dropped.jsonl").write_text("".join(lines))
    write(data / "chats/s_student.jsonl", [chat_of(trace) for trace in kept if trace.by == "teacher"])
    files = {
        "metrics/s.json": {
            "n": 10,
            "accuracy": {"base": 0.5, "student": 0.9},
            "interval": {"accuracy": {"base": [0.2, 0.8], "student": [0.6, 1.0]}},
        },
        "metrics/s_teacher.json": {"requests": 12, "cost_usd": 0.25},
        "models/students/s/s_student/student.json": {"steps": 30, "tokens": {"seen": 1000, "learnt": 400}},
    }  # fmt: skip
    for name, value in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(value))
    texts = {
        "metrics/s_paths.csv": "task,style,accuracy,low,high,n\nsums,careful,0.5,0.2,0.8,6\n",
        "metrics/s_plots/glyph_rate.csv": "difficulty,failure,glyph_rate,low,high,n\n0,0.0,0.1,0,0.2,5\n100,1.0,0.9,0.8,1,5\n",
        "metrics/s_student_train/plots/metrics/loss.tsv": "step\tloss\n10\t2.5\n20\t0.5\n",
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def chat_of(trace: Trace) -> Chat:
    """What the student is shown of an answer."""
    messages: list[Message] = [*trace.messages, {"role": "assistant", "content": trace.text}]
    name = f"{trace.trace_id}#direct"
    return Chat(id=name, problem=trace.id, format="direct", style=trace.style, messages=messages, trace=trace.trace_id)
