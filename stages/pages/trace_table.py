"""The rows of a page: problems, the answers to each, and the chats that were made of answers."""

from collections.abc import Collection
from typing import Any

from stages.pages.interning import Values, message_pieces
from stages.shared.rows import Chat, Trace

# the columns of each kind of row: with = before its name one of numbers as they are, else of places of values
PROBLEM = [
    "id",
    "task",
    "split",
    "=level",
    "kind",
    "question",
    "answer",
    "solution",
    "choices",
    "context",
    "history",
    "rule_book",
    "chain",
    "=pass_rate",
]
ANSWER = [
    "=problem",
    "by",
    "style",
    "=sample",
    "sampler",
    "model",
    "messages",
    "text",
    "reasoning",
    "ending",
    "=tokens",
    "pred",
    "grades",
    "reasons",
    "facts",
    "fate",
    "verdict",
    "label_probs",
    "route",
]
CHAT = ["=answer", "student", "format", "messages", "=weight"]


class TraceTable:
    """Problems, answers and chats as rows of numbers, which name values by their place (`Values`).

    A text that many rows share stands once. A problem is that of its first row; its answers are in the order
    in which they came. Left out of an answer are the probabilities of its tokens (`probs`).
    """

    def __init__(self, shown: Collection[str] | None = None) -> None:
        """`shown`: the ids of the problems that have rows (None: all)."""
        self.shown = shown
        self.values = Values()
        self.problems: dict[str, list[Any]] = {}
        self.places: dict[str, int] = {}
        self.answers: list[list[Any]] = []
        self.answer_places: dict[str, int] = {}
        self.texts: dict[int, tuple[str | None, ...]] = {}
        self.chats: list[list[Any]] = []

    def add(self, trace: Trace, fate: str, route: str = "") -> None:
        """Adds an answer, and its problem where that is new. `fate` says what became of it: `kept`,
        `hard` (kept for its problem alone) or the reason it was dropped for; "" of an answer that no filter
        saw. `route` says whether a router chose it; "" where no router was asked."""
        if self.shown is not None and trace.id not in self.shown:
            return
        if trace.id not in self.places:
            self.places[trace.id] = len(self.places)
            self.problems[trace.id] = self._problem(trace)
        fields = (trace.rule_book, trace.context, trace.question)
        place = self.values.place
        self.answer_places[trace.trace_id] = len(self.answers)
        self.texts[len(self.answers)] = (*fields, trace.text)
        self.answers.append(
            [
                self.places[trace.id],
                place(trace.by),
                place(trace.style),
                trace.sample,
                place(trace.sampler),
                place(trace.model),
                place(message_pieces(trace.messages, fields)),
                place(trace.text),
                place(trace.reasoning),
                place(str(trace.ending)),
                trace.tokens,
                place(trace.pred),
                place(trace.grades),
                place(trace.reasons),
                place(trace.facts),
                place(fate or None),
                place(trace.verdict),
                place(trace.label_probs),
                place(route or None),
            ]
        )

    def _problem(self, trace: Trace) -> list[Any]:
        place = self.values.place
        return [
            place(trace.id),
            place(trace.task),
            place(trace.split),
            trace.level,
            place(str(trace.kind)),
            place(trace.question),
            place(trace.answer),
            place(trace.solution),
            place(trace.choices),
            place(trace.context),
            place(trace.history),
            place(trace.rule_book),
            place(trace.chain),
            trace.pass_rate,
        ]

    def chat(self, student: str, chat: Chat) -> bool:
        """Adds what `student` was shown of an answer; False where the answer is not among the rows."""
        answer = self.answer_places.get(chat.trace)
        if answer is None:
            return False
        messages = message_pieces(chat.messages, self.texts[answer])
        place = self.values.place
        self.chats.append([answer, place(student), place(chat.format), place(messages), chat.weight])
        return True

    def data(self) -> dict[str, Any]:
        """What the page's script reads."""
        return {
            "values": self.values.values,
            "columns": {"problems": PROBLEM, "answers": ANSWER, "chats": CHAT},
            "problems": list(self.problems.values()),
            "answers": self.answers,
            "chats": self.chats,
        }
