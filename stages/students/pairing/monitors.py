"""What is measured of a pair while it is trained, and that nothing learns from: evaluations, and measures of
paths."""

from collections import defaultdict
from collections.abc import Sequence

from stages.students.pairing.encoders import Encoded
from stages.students.pairing.evaluations import Evaluations
from stages.students.pairing.learner import Learner
from stages.students.pairing.logbook import Logbook
from stages.students.pairing.pair_rows import PairTask
from stages.students.pairing.pair_settings import Settings
from stages.students.pairing.paired_paths import PairedPath
from stages.students.pairing.path_measures import PathMeasures
from stages.students.pairing.rounds import Rounds
from stages.students.router.routing import Routing
from stages.students.router.utilities import Observation


class Monitors:
    """Measures both students as params ask for it, and logs what came out."""

    def __init__(
        self,
        task: PairTask,
        evaluated: Sequence[int],
        encoded: Encoded | None,
        paths: Sequence[PairedPath],
        learners: Sequence[Learner],
        settings: Settings,
        seed: int,
    ) -> None:
        """`evaluated` are the numbers of the calibration problems that are set aside for evaluations."""
        self.settings = settings
        self.evaluations: Evaluations | None = None
        self.measures: PathMeasures | None = None
        if settings.evaluation:
            asked = encoded and settings.router.answers
            features = encoded.of_calibration(evaluated) if encoded and asked else None
            self.evaluations = Evaluations(task, evaluated, learners, settings.evaluation, features)
        if settings.router.diagnostics:
            self.measures = PathMeasures(paths, learners, settings.router.diagnostics, seed)

    def evaluate(
        self, step: int, steps: int, epoch_steps: int, epoch: int, routing: Routing, book: Logbook
    ) -> None:
        """An evaluation after `step` of `steps`, where one is due. An epoch has about `epoch_steps`; `epoch`
        is the number of the one in which the step began, from 0."""
        section = self.settings.evaluation
        if self.evaluations and section and section.due(step, steps, epoch_steps):
            book.evaluated(self.evaluations.measure(step, epoch, routing.heads))

    def measure(
        self,
        step: int,
        number: int,
        last: bool,
        rounds: Rounds,
        rows: Sequence[Observation],
        routing: Routing,
        book: Logbook,
    ) -> None:
        """Measures of paths after the round `number`, which showed `rows`, where they are due. They are due
        in any case after the `last` round, which is that after the training."""
        section = self.settings.router.diagnostics
        if self.measures and section and (last or number % section.every == 0):
            chosen = self.measures.drawn(number)
            expected, observed = routing.expected(chosen), _by_task_and_style(rounds.task, rows)
            book.measured(self.measures.measure(step, chosen, rounds.right, expected, observed))


def _by_task_and_style(task: PairTask, rows: Sequence[Observation]) -> list[dict[tuple[str, str], float]]:
    """Of each student its mean utility by task and style."""
    utilities: list[defaultdict[tuple[str, str], list[float]]] = [defaultdict(list), defaultdict(list)]
    for row in rows:
        name = task.asked[row.problem * len(task.styles)].task
        utilities[row.student][name, task.styles[row.style]].append(row.utility)
    return [{key: sum(values) / len(values) for key, values in each.items()} for each in utilities]
