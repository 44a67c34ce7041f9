"""Which answers of a teacher are accepted, and how many were accepted at the first try and at any."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from stages.graders import grader
from stages.shared.rows import Ending, Kind, Response
from stages.shared.seen import Seen


class Acceptances:
    """A predicate over answers: True where the answer ended by itself and every grader gave it a 1.

    Counts what it is asked. An answer that is rejected may be asked for again, and comes under the same trace
    id.
    """

    def __init__(self, graders: Mapping[str, Any]) -> None:
        """`graders` maps names of graders to their params."""
        self.gradings = [(name, grader(name).grade, params) for name, params in graders.items()]
        self.seen = Seen()
        self.answers: Counter[str] = Counter()  # by label
        self.first: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()  # by reason, of every try

    def __call__(self, response: Response) -> bool:
        """Whether `response` is accepted. Raises BadInput where a grader cannot grade it."""
        reason = self._fault(response)
        label = response.answer if response.kind is Kind.LABEL else ""
        is_first = self.seen.add(response.trace_id)
        self.answers[label] += is_first
        self.first[label] += is_first and not reason
        self.accepted[label] += not reason
        if reason:
            self.rejected[reason] += 1
        return not reason

    def _fault(self, response: Response) -> str:
        if response.ending != Ending.STOP:
            return f"ending:{response.ending}"
        for name, grade, params in self.gradings:
            result = grade(response, params)
            if result.score < 1:
                return f"{name}:{result.reason or 'low'}"
        return ""

    def metrics(self) -> dict[str, Any]:
        """How many answers were asked for, the share accepted at the first try and at any, the same by gold
        label, and how often each reason for a rejection came, tries together."""
        labels = sorted(label for label in self.answers if label)
        metrics = self._shares(list(self.answers))
        if labels:
            metrics["by_label"] = {label: self._shares([label]) for label in labels}
        return metrics | {"rejected": dict(sorted(self.rejected.items()))}

    def _shares(self, labels: list[str]) -> dict[str, Any]:
        answers = sum(self.answers[label] for label in labels)
        return {
            "answers": answers,
            "first_try": round(sum(self.first[label] for label in labels) / max(1, answers), 6),
            "with_retries": round(sum(self.accepted[label] for label in labels) / max(1, answers), 6),
        }
