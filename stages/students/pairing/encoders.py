"""What the frozen encoders make of the questions and paths of a pair's training, each read once."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch

from stages.students.pairing.joint_processes import shared_out
from stages.students.pairing.pair_rows import PairJob, PairTask
from stages.students.pairing.pair_settings import Settings
from stages.students.pairing.paired_paths import PairedPath
from stages.students.router.question_states import Encoder
from stages.students.router.route_heads import Features
from stages.students.router.route_settings import BASE_STATES
from stages.students.router.routing import Known


class Encoded(NamedTuple):
    """All that was read, by both encoders."""

    # the row of each problem in `questions`
    rows: dict[str, int]
    questions: Features
    # of the calibration problems, in their order
    calibration: Features
    # by the ids of the chats; empty where the router reads no paths
    paths: dict[str, int]
    path_states: Features | None
    # what tells the encoders from others
    described: list[dict[str, Any]]

    def of_calibration(self, problems: Sequence[int]) -> Features:
        """The features of some of the calibration problems, by their numbers."""
        return self.calibration.at(torch.tensor(problems, dtype=torch.long))


def read_questions(task: PairTask, job: PairJob, settings: Settings) -> Encoded | None:
    """What the router reads; None where it has no heads. An encoder is freed once it has read all. Of several
    processes each reads its share, and all get the whole."""
    params = settings.router
    if not params.routed:
        return None
    names = list(task.questions)
    both = params.reads == "question_and_path"
    questions, paths, described = [], [], []
    for base in job.bases if params.encoder == BASE_STATES else job.bases[:1]:
        encoder = Encoder(base, params, settings.device)
        questions.append(_read(encoder.questions, [task.questions[name] for name in names]))
        if both:
            plain = [[*task.questions[chat.problem], chat.messages[-1]] for chat in task.chats]
            paths.append(_read(encoder.paths, plain))
        described.append(encoder.described())
        del encoder  # the next one is loaded once this one is gone
    rows = {name: row for row, name in enumerate(names)}
    asked = [rows[prompt.id] for prompt in task.asked[:: len(task.styles)]]
    features = _pair(questions)
    return Encoded(
        rows,
        features,
        features.at(torch.tensor(asked, dtype=torch.long)),
        {chat.id: row for row, chat in enumerate(task.chats)} if both else {},
        _pair(paths) if both else None,
        described * (2 // len(described)),
    )


def _read(compute: Callable[[Sequence[Any]], torch.Tensor], texts: Sequence[Any]) -> torch.Tensor:
    """What an encoder makes of the texts, a row each; of several processes each reads its share."""

    def rows(part: Sequence[Any]) -> list[torch.Tensor]:
        return [row.clone() for row in compute(part)]  # a row alone is sent, not the tensor that it is of

    return torch.stack(shared_out(rows, texts))


def _pair(states: Sequence[torch.Tensor]) -> Features:
    """Of one encoder the same states for both students."""
    return Features(states[0], states[-1])


def known_of(paths: Sequence[PairedPath], task: PairTask, encoded: Encoded) -> Known:
    """What the router knows of the paths that are learnt."""
    problems = torch.tensor([encoded.rows[path.chat.problem] for path in paths])
    numbers = {style: number for number, style in enumerate(task.styles)}
    features, rows = encoded.questions, problems
    if encoded.path_states is not None:
        chosen = torch.tensor([encoded.paths[path.chat.id] for path in paths])
        answers = encoded.path_states.at(chosen)
        asked = encoded.questions.at(problems)
        features = Features(
            torch.cat([asked.first, answers.first], -1), torch.cat([asked.second, answers.second], -1)
        )
        rows = torch.arange(len(paths))
    return Known(
        features,
        rows,
        torch.tensor([numbers[path.chat.style] for path in paths]),
        problems,
        [path.chat.style for path in paths],
        [str(path.chat.task) for path in paths],
    )
