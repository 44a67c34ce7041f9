"""A round of questions to both students: what each style is worth to each of them on calibration problems."""

import random
from collections.abc import Sequence

import msgspec

from stages.models.templates import render
from stages.shared.errors import BadInput
from stages.shared.rows import Ending, Prompt, Response
from stages.students.backends import Sampled, Sampling
from stages.students.pairing.learner import Learner
from stages.students.pairing.pair_rows import PairTask
from stages.students.router.route_settings import Calibration
from stages.students.router.utilities import Observation, worth


class Rounds:
    """The calibration problems as both students are asked them."""

    def __init__(self, task: PairTask, learners: Sequence[Learner], settings: Calibration, seed: int) -> None:
        self.task, self.learners, self.settings, self.seed = task, learners, settings, seed
        self.problems = len(task.asked) // len(task.styles)
        self.prompts = [self._encoded(learner) for learner in learners]

    def _encoded(self, learner: Learner) -> list[list[int]]:
        texts = [render(learner.tokenizer, prompt.messages, prompt=True) for prompt in self.task.asked]
        rows: list[list[int]] = learner.tokenizer(texts, add_special_tokens=False).input_ids
        context = getattr(learner.model.config.get_text_config(), "max_position_embeddings", None)
        longest, answer = max(map(len, rows)), self.settings.max_new_tokens
        if context is not None and longest + answer > context:
            raise BadInput(
                f"router.calibration: a question of {longest} tokens and an answer of {answer} "
                f"(max_new_tokens) do not fit into the {context} tokens of {learner.base}"
            )
        return rows

    def ask(self, number: int, whole: bool = False) -> list[Observation]:
        """What round `number` shows: `settings.problems` of the problems, or all of them (`whole`), under
        every tag."""
        count = self.problems if whole else min(self.settings.problems, self.problems)
        generator = random.Random(f"calibration/{self.seed}/{number}")
        chosen = sorted(generator.sample(range(self.problems), count))
        styles = len(self.task.styles)
        places = [problem * styles + style for problem in chosen for style in range(styles)]
        rows = []
        for student, learner in enumerate(self.learners):
            settings = self.settings
            seed = random.Random(f"answers/{self.seed}/{number}/{student}").getrandbits(31)
            sampling = Sampling(settings.samples, settings.max_new_tokens, settings.temperature, seed)
            prompts = [self.prompts[student][place] for place in places]
            answers = learner.answers(prompts, sampling, settings.batch_size)
            for place, drawn in zip(places, answers, strict=True):
                prompt = self.task.asked[place]
                responses = [
                    _response(prompt, answer, sample, learner) for sample, answer in enumerate(drawn)
                ]
                value = worth(self.task.grade(responses), [row.tokens for row in responses], settings.price)
                rows.append(Observation(number, *divmod(place, styles), student, value))
        return rows


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
