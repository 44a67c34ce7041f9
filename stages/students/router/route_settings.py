"""How paths are routed, as params. Nothing here imports torch."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stages.shared.params import Strict

Share = Annotated[float, Field(ge=0, le=1)]
BASE_STATES = "base_states"


class Calibration(Strict):
    """How often it is measured what each style is worth to each student (signal pass_rate)."""

    # training steps between two rounds of questions; the first is asked before the first step, and the last,
    # to all calibration problems, after the training
    every: int = Field(ge=1)
    # problems of a round, drawn by the seed; each is asked under the tag of every style
    problems: int = Field(ge=1)
    # answers to each of them in a round
    samples: int = Field(default=4, ge=1)
    # of the answers; 1 draws from the student as it is
    temperature: float = Field(default=1.0, gt=0)
    # an answer that reaches this length is cut off
    max_new_tokens: int = Field(ge=1)
    # answers that are drawn at once
    batch_size: int = Field(default=256, ge=1)
    # what a token of an answer costs, where a right answer is worth 1
    price: float = Field(default=0.0, ge=0)
    # steps of the heads after each round; one more follows each training step
    fit_steps: int = Field(default=200, ge=1)
    # how much an answer counts in comparison with one of the round after it
    memory: float = Field(default=0.5, gt=0, le=1)


class Diagnostics(Strict):
    """Measures of single paths, logged beside what the router expects of them (pairing/path_measures.py). No
    training learns from them."""

    # rounds of questions between two measurements; the last round, after the training, is measured as well
    every: int = Field(default=1, ge=1)
    # paths that are measured each time, drawn by the seed; so many right answers at most are what they are
    # compared with
    paths: int = Field(default=32, ge=4)


class Params(Strict):
    """The router."""

    # what says which path goes where. pass_rate: the heads learn how often each student is right in each
    # style. loss: the gates multiply the losses of the paths, and the heads learn from the gradient. frozen:
    # the heads as they were at first. random: a path goes to each student with the probability `rate`. off:
    # all paths go to both students
    signal: Literal["pass_rate", "loss", "frozen", "random", "off"] = "pass_rate"
    # what the encoder reads; only a router that reads the question alone can say in which style a new
    # question is to be asked
    reads: Literal["question", "question_and_path"] = "question"
    # base_states: each head reads the states of its own student's base model. Else a folder or a hub id of an
    # encoder such as RoBERTa
    encoder: str = BASE_STATES
    # of a hub id: the commit
    encoder_revision: str | None = Field(default=None, pattern=r"^[0-9a-f]{40}$")
    # texts that the encoder reads at once
    encoder_batch_size: int = Field(default=64, ge=1)
    # numbers that stand for a style
    style_width: int = Field(default=16, ge=1)
    # width of the layer between
    hidden: int = Field(default=64, ge=1)
    # of the heads, the same in every step
    learning_rate: float = Field(default=0.003, gt=0, le=1)
    # decoupled weight decay of the heads
    weight_decay: float = Field(default=0.01, ge=0)
    # pass_rate: the share of the features that a step of the heads leaves out
    dropout: float = Field(default=0.0, ge=0, lt=1)
    # styles: what counts is how much better a style is than the other styles of the same problem, so no
    # problem goes untrained. students: what counts is how much better a student is in a style than both
    # students are in all styles of the same problem; each gets the share `rate` of the paths, those where its
    # lead is the largest. problems: what counts is the path alone
    among: Literal["students", "styles", "problems"] = "problems"
    # the share of the paths that is to go to each student. pass_rate and frozen: a threshold of the log-odds
    # sees to it. loss: `balance` does
    rate: float = Field(default=0.5, gt=0, lt=1)
    # loss: what the heads pay for a mean probability other than `rate`, times the squared distance
    balance: float = Field(default=10.0, ge=0)
    # loss: what the heads pay for undecided paths, times their mean entropy in nats
    entropy: float = Field(default=0.05, ge=0)
    # at the first step and at the last. loss: that of the Gumbel-softmax. pass_rate and frozen: what the
    # log-odds (where students compete: the utilities) are divided by before routes are drawn, so that these
    # grow decided as the heads learn
    temperature: list[Annotated[float, Field(gt=0)]] = Field(default=[1.0, 0.3], min_length=2, max_length=2)
    # the share of the paths that is routed at random whatever the heads say
    epsilon: Share = 0.1
    # needed where the signal is pass_rate
    calibration: Calibration | None = None
    # with the signal pass_rate: what else is measured of some paths in each round; null: nothing
    diagnostics: Diagnostics | None = None

    @property
    def routed(self) -> bool:
        """Whether there are heads."""
        return self.signal in ("pass_rate", "loss", "frozen")

    @property
    def answers(self) -> bool:
        """Whether the heads can say how a new question is to be asked."""
        return self.routed and self.reads == "question"

    @model_validator(mode="after")
    def _fits(self) -> "Params":
        if self.signal == "pass_rate" and self.reads != "question":
            raise ValueError(
                "reads: with the signal pass_rate expected question: what a student answers has no path yet"
            )
        if self.signal == "pass_rate" and self.calibration is None:
            raise ValueError("calibration: the signal pass_rate needs it")
        if self.diagnostics and self.signal != "pass_rate":
            raise ValueError("diagnostics: expected the signal pass_rate, which asks questions")
        if self.signal == "loss" and self.among == "styles" and self.answers:
            raise ValueError(
                "among: with the signal loss expected problems: among the styles of a problem the gates do "
                "not tell which student a question is for"
            )
        if self.signal == "loss" and self.among == "students":
            raise ValueError("among: with the signal loss, which expects no utility, expected problems")
        if self.encoder_revision and self.encoder == BASE_STATES:
            raise ValueError("encoder_revision: base_states has none; name an encoder")
        return self
