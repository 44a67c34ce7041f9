"""An offline teacher: it writes a problem's own worked solution in the style asked for, with faults at given
rates.

    🜞 How many apples does Tom have now?
    🜆 7 + 5 - 3
    🜂 7 + 5 = 12; 12 - 3 = 9
    🜃 The answer is 9.

The text is short and regular, so that a model of half a million parameters can learn to write it. The faults
are those of a real teacher, so that graders and filter have something to find: `wrong` (a near number, in the
last step too), `truncated` (cut before the answer, ending `length`), `missing` (one section left out),
`misordered` (two sections swapped). An answer in any other style has no sections: `missing` and `misordered`
leave it right. Of an answer that cites rules `uncited` leaves the ids out, and `invented` cites a rule that
does not exist. How each style is written stands in scripts.py, rationales.py and verdicts.py.
"""

import random
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from stages.samplers import Answer
from stages.samplers.asking.repeats import RepeatedPrompt, samples_of
from stages.samplers.script.mistakes import near
from stages.samplers.script.rationales import OPENING
from stages.samplers.script.scripts import DIRECT, SCRIPTS
from stages.samplers.script.verdicts import miscited
from stages.shared.errors import BadInput, unknown
from stages.shared.params import Strict
from stages.shared.rows import Ending, Prompt

FAULTS = ("wrong", "truncated", "missing", "misordered", "uncited", "invented")


class Params(Strict):
    """Each fault has a rate, the share of the answers that have it. No answer has two of them."""

    sampler: Literal["scripted"]
    # Answers to each prompt.
    n: int = Field(default=1, ge=1)
    # The text is the problem's solution word for word, without a fault: the data set's own answers.
    recite: bool = False
    # The answer is a near number or another choice, in the last step too.
    wrong: float = Field(default=0.0, ge=0, le=1)
    # The same for problems with this gold answer, in place of `wrong`: a teacher that errs more often on one
    # label than on the other.
    wrong_of: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)
    # The text is cut before the answer.
    truncated: float = Field(default=0.0, ge=0, le=1)
    # One section is left out.
    missing: float = Field(default=0.0, ge=0, le=1)
    # Two sections are swapped.
    misordered: float = Field(default=0.0, ge=0, le=1)
    # The reasoning names no rule by its id.
    uncited: float = Field(default=0.0, ge=0, le=1)
    # The reasoning cites a rule that does not exist.
    invented: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _rates_fit(self) -> "Params":
        others = sum(getattr(self, fault) for fault in FAULTS if fault != "wrong")
        for wrong in (self.wrong, *self.wrong_of.values()):
            if wrong + others > 1 + 1e-9:
                raise ValueError(f"the rates {', '.join(FAULTS)} must sum to at most 1")
        if self.recite and any([*self.wrong_of.values(), *(getattr(self, fault) for fault in FAULTS)]):
            raise ValueError("recite: what is given word for word has no faults; set their rates to 0")
        return self


def answer(prompts: Iterable[Prompt], params: Params, seed: int) -> Iterator[list[Answer]]:
    """`tokens` counts words, since no model wrote them.

    Raises BadInput on a problem without a solution, on a style it cannot write and, after the last prompt, on
    a gold answer of `wrong_of` that no prompt has.
    """
    unseen, again = set(params.wrong_of), False
    for prompt in prompts:
        unseen.discard(prompt.answer)
        again = isinstance(prompt, RepeatedPrompt)  # which are those with a rejected answer only
        if params.recite and prompt.solution is not None:
            recited = Answer(prompt.solution, Ending.STOP, len(prompt.solution.split()), "scripted")
            yield [recited] * len(samples_of(prompt, params.n))
            continue
        if not (prompt.solution or "").strip():
            raise BadInput(
                f"sampler scripted: problem {prompt.id!r} of task {prompt.task!r} "
                "has no solution to write from"
            )
        if prompt.style not in SCRIPTS:
            raise BadInput(f"sampler scripted: {unknown('style', prompt.style, SCRIPTS)}")
        # Answers to one problem in several styles err apart, and so do the tries for one answer.
        style = "" if prompt.style in DIRECT else f" {prompt.style}"
        draw = f"scripted {seed} {prompt.id} {prompt.by}{style}"
        yield [
            _write(prompt, params, random.Random(f"{draw} {sample}" + (f" try {attempt}" if attempt else "")))
            for sample, attempt in samples_of(prompt, params.n)
        ]
    if unseen and not again:
        raise BadInput(f"sampler scripted: wrong_of: no problem has the gold answer {min(unseen)!r}")


def _write(prompt: Prompt, params: Params, rng: random.Random) -> Answer:
    fault = _fault(params, prompt.answer, rng.random())
    gold = near(prompt, rng) if fault == "wrong" else prompt.answer
    parts = SCRIPTS[prompt.style](prompt, gold, rng)
    if len(parts) > 1 and fault == "missing":
        parts.pop(rng.randrange(len(parts)))
    if len(parts) > 1 and fault == "misordered":
        first, second = rng.sample(range(len(parts)), 2)
        parts[first], parts[second] = parts[second], parts[first]
    text = "\n".join(parts)
    if fault in ("uncited", "invented"):
        text = miscited(text, prompt.rule_book or "", fault == "invented")
    if fault == "truncated":
        end = text.rindex(OPENING) + len(OPENING) if OPENING in text else len(text)
        text = text[: rng.randint(1, end - 1)]
    return Answer(text, Ending.LENGTH if fault == "truncated" else Ending.STOP, len(text.split()), "scripted")


def _fault(params: Params, gold: str, draw: float) -> str:
    for fault in FAULTS:
        draw -= params.wrong_of.get(gold, params.wrong) if fault == "wrong" else getattr(params, fault)
        if draw < 0:
            return fault
    return ""
