"""A round of questions to both students: what each style is worth to each of them on calibration problems."""

import random
from collections.abc import Sequence

import msgspec

from stages.models.templates import render
from stages.shared.errors import BadInput
from stages.shared.rows import Ending, Prompt, Response
from stages.students.backends import Sampled, Sampling
from stages.students.pairing.joint_processes import shared_out
from stages.students.pairing.learner import Learner
from stages.students.pairing.pair_rows import PairTask
from stages.students.router.route_settings import Calibration
from stages.students.router.utilities import Observation, worth
from stages.students.training.encoding import Example


class Asked:
    """Prompts as both students are asked them. `where` is the section of params that a fault is reported
    under."""

    def __init__(
        self, prompts: Sequence[Prompt], learners: Sequence[Learner], max_new_tokens: int, where: str
    ) -> None:
        self.prompts, self.learners = prompts, learners
        self.ids = [self._encoded(learner, max_new_tokens, where) for learner in learners]

    def _encoded(self, learner: Learner, answer: int, where: str) -> list[list[int]]:
        texts = [render(learner.tokenizer, prompt.messages, prompt=True) for prompt in self.prompts]
        rows: list[list[int]] = learner.tokenizer(texts, add_special_tokens=False).input_ids
        context = getattr(learner.model.config.get_text_config(), "max_position_embeddings", None)
        longest = max(map(len, rows))
        if context is not None and longest + answer > context:
            raise BadInput(
                f"{where}: a question of {longest} tokens and an answer of {answer} "
                f"(max_new_tokens) do not fit into the {context} tokens of {learner.base}"
            )
        return rows

    def answers(
        self, student: int, places: Sequence[int], sampling: Sampling, batch_size: int
    ) -> list[list[tuple[Response, Sampled]]]:
        """The answers of a student (0 or 1) to the prompts at `places`, as text and as tokens."""
        learner = self.learners[student]
        drawn = learner.answers([self.ids[student][place] for place in places], sampling, batch_size)
        return [
            [
                (_response(self.prompts[place], answer, number, learner), answer)
                for number, answer in enumerate(answers)
            ]
            for place, answers in zip(places, drawn, strict=True)
        ]


class Rounds:
    """The calibration problems as both students are asked them."""

    def __init__(self, task: PairTask, learners: Sequence[Learner], settings: Calibration, seed: int) -> None:
        self.task, self.settings, self.seed = task, settings, seed
        self.problems = len(task.asked) // len(task.styles)
        self.asked = Asked(task.asked, learners, settings.max_new_tokens, "router.calibration")
        # of each student the right answers of the last round, as rows to learn from
        self.right: tuple[list[Example], list[Example]] = ([], [])

    def ask(self, number: int, whole: bool = False) -> list[Observation]:
        """What round `number` shows: `settings.problems` of the problems, or all of them (`whole`), under
        every tag."""
        count = self.problems if whole else min(self.settings.problems, self.problems)
        generator = random.Random(f"calibration/{self.seed}/{number}")
        chosen = sorted(generator.sample(range(self.problems), count))
        styles = len(self.task.styles)
        places = [problem * styles + style for problem in chosen for style in range(styles)]
        rows, self.right = [], ([], [])
        for student in range(2):
            settings = self.settings
            seed = random.Random(f"answers/{self.seed}/{number}/{student}").getrandbits(31)
            sampling = Sampling(settings.samples, settings.max_new_tokens, settings.temperature, seed)
            drawn = self.asked.answers(student, places, sampling, settings.batch_size)
            every = graded(self.task, [[response for response, _ in answers] for answers in drawn])
            for place, answers, grades in zip(places, drawn, every, strict=True):
                value = worth(grades, [response.tokens for response, _ in answers], settings.price)
                rows.append(Observation(number, *divmod(place, styles), student, value))
                asked = self.asked.ids[student][place]
                self.right[student].extend(
                    Example(asked + answer.tokens, [False] * len(asked) + [True] * len(answer.tokens), [])
                    for (_, answer), grade in zip(answers, grades, strict=True)
                    if grade == 1
                )
        return rows


def graded(task: PairTask, answers: Sequence[Sequence[Response]]) -> list[list[float]]:
    """The grades of the answers to each prompt.

    Each process grades some, and all get all: a grader with a limit of time need not grade alike in each, and
    the router must be the same in all.
    """
    return shared_out(lambda some: [list(task.grade(responses)) for responses in some], answers)


def _response(prompt: Prompt, answer: Sampled, sample: int, learner: Learner) -> Response:
    stopped = answer.stop_reason == "stop"
    words = answer.tokens[:-1] if stopped else answer.tokens
    text = learner.tokenizer.decode(words, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return Response(
        **msgspec.structs.asdict(prompt),
        sampler="pair",
        model=learner.name,
        sample=sample,
        text=text,
        ending=Ending.STOP if stopped else Ending.LENGTH,
        tokens=len(words),
    )
