"""Trains two students together, and the router that says which path goes to which of them.

A run that was killed goes on from its last checkpoint.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec

from stages.graders import GRADERS, grader
from stages.models.code import hash_of_code
from stages.shared import params
from stages.shared.cli import run, working_directory
from stages.shared.errors import BadInput
from stages.shared.files import read, timed
from stages.shared.params import members
from stages.shared.rows import Chat, Message, Problem, Prompt, Response
from stages.shared.shards import has_rows
from stages.students.pairing.pair_rows import NAMES, PairJob, PairTask
from stages.students.pairing.pair_settings import Settings
from stages.styles import Put, plain
from stages.styles.prompting.prompts import Tagged


class Params(Settings):
    """How the pair is trained, how it is asked, and what a right answer is."""

    # as in the section `format`: `tagged`, with a text for each style
    student_style: Tagged
    # an answer to a calibration problem is worth the lowest grade that these give it
    graders: Annotated[dict[str, Any], members("stages.graders", GRADERS)]


def main(name: str) -> None:
    """data/S/pair_chats/N.jsonl, data/S/calibration/N.jsonl, models/bases/<first>, models/bases/<second> ->
    models/students/S/N/{first,second,router}, data/S/pair_logs/N/ and metrics/N_train/."""
    section = params.read(name, "train", Params, family="pairs")
    system = params.refers("pairs", name, "system")
    first, second = (Path("models/bases", params.refers("pairs", name, which)) for which in NAMES)
    data = Path("data", system)
    chats = list(read(data / "pair_chats" / f"{name}.jsonl", Chat, key=lambda chat: chat.id))
    problems = _calibration(data / "calibration" / f"{name}.jsonl", section, system)
    tags: dict[str, str] = section.student_style.params.tags
    if section.router.routed and len(tags) < 2:
        raise BadInput(
            f"pairs.{name}.train.student_style: one style only, so there is nothing to route by; give tags "
            "for at least two, or set router.signal to off"
        )
    task = PairTask(
        chats,
        untagged(chats, tags) | {problem.id: plain.render(problem) for problem in problems},
        list(tags),
        [prompt for problem in problems for prompt in asked(problem, section.student_style, tags)],
        grading(section.graders),
        hash_of_code("graders"),
    )
    job = PairJob(
        (first, second),
        Path("models/students", system, name),
        Path("metrics", f"{name}_train"),
        data / "pair_logs" / name,
        working_directory() / "checkpoints",
        params.seed(),
    )
    from stages.students.pairing.joint import train_pair

    with timed(working_directory() / "timings.jsonl", stage="train_pair", entry=name):
        train_pair(task, job, section)


def _calibration(path: Path, section: Params, system: str) -> list[Problem]:
    """The calibration problems. Raises BadInput where there are none and the router's signal needs some."""
    if has_rows(path):
        return list(read(path, Problem, key=lambda problem: problem.id))
    if section.router.signal == "pass_rate":
        raise BadInput(
            f"{path}: no calibration problem, which router.signal pass_rate needs: set validation in the "
            f"tasks of systems.{system}.collect and calibration in the pair's section format, or take "
            "another signal"
        )
    return []


def untagged(chats: Sequence[Chat], tags: Mapping[str, str]) -> dict[str, Sequence[Message]]:
    """The question of each problem without the tag of a style. Raises BadInput on a chat without the tag of
    its style."""
    questions: dict[str, Sequence[Message]] = {}
    for chat in chats:
        *before, last, _ = chat.messages
        tag = f"\n{tags[chat.style]}" if chat.style in tags else None
        if tag is None or not last["content"].endswith(tag):
            raise BadInput(
                f"chat {chat.id!r}: its question does not end in a tag of the style {chat.style!r}; have the "
                "sections format and train name the same tags, and run the stage format_pair"
            )
        content = last["content"].removesuffix(tag)
        questions.setdefault(chat.problem, [*before, Message(role=last["role"], content=content)])
    return questions


def asked(problem: Problem, style: Put, tags: Mapping[str, str]) -> list[Prompt]:
    """The problem under the tag of every style, in their order."""
    fields = msgspec.structs.asdict(problem)
    prompts = []
    for name in tags:
        put = Put(style.name, style.params.model_copy(update={"ask": name}))
        prompts.append(Prompt(**fields, by="pair", style=name, messages=put.render(problem)))
    return prompts


def grading(graders: Mapping[str, Any]) -> Callable[[Sequence[Response]], list[float]]:
    """A function that gives each answer the lowest of its grades."""

    def grade(responses: Sequence[Response]) -> list[float]:
        return [
            min(float(grader(name).grade(response, section).score) for name, section in graders.items())
            for response in responses
        ]

    return grade


if __name__ == "__main__":
    run(main, family="pair")
