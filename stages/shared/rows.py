"""The nouns of the flow.

A row is one flat JSON line that a person can read alone. It only grows: a `Trace` is its `Response` with
grades, which is its `Prompt` with an answer, which is its `Problem` with messages.
"""

import json
import re
from enum import StrEnum
from typing import TypedDict

import msgspec

_TURN = re.compile(r"#turn\d+\Z")
PROBE = "probe"  # the `by` of the base model's plain answers, whose pass rate says how hard a problem is

VALIDATION = "validation"  # the split of the problems that choices are made by: neither trained nor tested on


class Kind(StrEnum):
    """How answers of a problem are compared."""

    NUMBER = "number"
    EXPRESSION = "expression"
    CHOICE = "choice"
    YES_NO = "yes_no"
    NLI = "nli"
    LABEL = "label"
    OPEN = "open"


class Ending(StrEnum):
    """Why an answer ended where it does."""

    STOP = "stop"  # the model said that it was done
    LENGTH = "length"  # it was cut off at its limit
    CONTENT_FILTER = "content_filter"  # the service withheld or cut it
    REFUSAL = "refusal"  # the model declined, and the service says so
    CONTEXT = "context"  # the prompt does not fit into the model's context: there is no answer


class Message(TypedDict):
    """One turn of a chat; `role` is system, user or assistant."""

    role: str
    content: str


class TopToken(TypedDict):
    """A token that could have stood at a place, with its log-probability (natural logarithm) there."""

    token: str
    logprob: float


class TokenProbs(TypedDict):
    """A token of an answer, its log-probability, and the likeliest tokens at its place (`top`, which may be
    empty)."""

    token: str
    logprob: float
    top: list[TopToken]


class Problem(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A question with its gold answer. `id` is unique and fixes the split. `solution` is the data set's own
    worked answer. `history` holds the turns of the chat before the question.

    `rule_book` is the text of the rules that the answer follows from, each with an id (shared/rule_books.py).
    `chain` holds the ids of the rules that lead to the answer, in order, where the task knows them. `pair` is
    the id of the problem with the same question under another rule book."""

    id: str
    task: str
    kind: Kind
    split: str
    question: str
    answer: str
    solution: str | None = None
    choices: list[str] | None = None
    context: str | None = None
    level: int | None = None
    history: list[Message] | None = None
    rule_book: str | None = None
    chain: list[str] | None = None
    pair: str | None = None

    @property
    def conversation(self) -> str:
        """The id of the conversation of which the problem is a turn (see `turn_id`); else the problem's
        own id."""
        return _TURN.sub("", self.id)


def turn_id(conversation: str, turn: int) -> str:
    """The id of the problem that a turn of a conversation is; turns count from 1."""
    return f"{conversation}#turn{turn}"


class Prompt(Problem, kw_only=True):
    """A problem put in a style. `by` says who answers: a teacher, the base model, an arm of the evaluation.
    `messages` is the chat that is sent."""

    by: str
    style: str
    messages: list[Message]


class Response(Prompt, kw_only=True):
    """One answer. `sample` counts the answers to one prompt from 0. `tokens` is the length of the answer in
    tokens of the model that wrote it (0: not known).

    `reasoning` is what a teacher thought before its answer, where its server sends that apart from `text`. It
    is never graded. `probs` are the probabilities of the answer's tokens, in order. `label_probs` holds the
    probability of each label that the answer could have named, normalised over the labels (a sum of 1).
    None: not known.
    """

    sampler: str
    model: str
    sample: int
    text: str
    ending: Ending
    tokens: int
    reasoning: str | None = None
    probs: list[TokenProbs] | None = None
    label_probs: dict[str, float] | None = None

    @property
    def trace_id(self) -> str:
        """Unique among all responses of a system."""
        return f"{self.id}/{self.by}/{self.style}/{self.sample}"


class Trace(Response, kw_only=True):
    """A response with its grades, each 0 to 1, and a reason for each grade below 1.

    `pred` is the answer as extracted (None: no answer); `pass_rate` the share of the base model's plain
    answers to this problem that are right (None: the base model was not asked). `verdict` is what the judge
    wrote (None: not asked; "": it gave no answer). `facts` are what a grader saw besides, each named
    `<grader>.<fact>`: a number or a word. `hard` is 1 where no answer to the problem was accepted: the trace
    then stands for the problem alone, and its text is not to be learnt. `weight` is how much the trace counts
    in training (None: 1).
    """

    pred: str | None
    grades: dict[str, float]
    reasons: dict[str, str]
    pass_rate: float | None = None
    verdict: str | None = None
    facts: dict[str, float | str] = {}
    hard: int = 0
    weight: float | None = None


class Chat(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a student is shown: `trace` is the id of the trace it came from (`gold:<problem id>` where it is
    the data set's own answer). `weight` is how much each of its learnt tokens counts in the loss
    (None: 1). `task` is the task of its problem, where a training reports by task (None: not said).

    Of a classification, `text` is the text that is classified, as it stands in the question, and `label` the
    gold label. None: no classification.
    """

    id: str
    problem: str
    format: str
    style: str
    messages: list[Message]
    trace: str
    weight: float | None = None
    text: str | None = None
    label: str | None = None
    task: str | None = None


_encoder = msgspec.json.Encoder()


def encode(row: msgspec.Struct) -> bytes:
    """One line of JSON without its newline; glyphs stay readable, lone surrogates are escaped."""
    try:
        return _encoder.encode(row)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(row), ensure_ascii=True).encode()
