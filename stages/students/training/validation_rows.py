"""The validation rows of a training, and the record of what they came to at a step."""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from math import isfinite
from typing import Any, NamedTuple

import msgspec

from stages.shared.errors import BadInput
from stages.shared.rows import Chat, Ending, Prompt, Response, Trace
from stages.students import Job
from stages.students.training.encoding import Example
from stages.students.training.row_counts import Row
from stages.students.training.settings import Training

Encode = Callable[[Sequence[Chat]], list[Row]]
ChatLoss = tuple[float, int]  # the cross-entropy of a chat's supervised tokens, added up, and their number


class Measured(NamedTuple):
    """The validation rows of a training, ready for its model."""

    prompts: list[Prompt]
    # the chats of these problems, and each as tokens
    chats: list[Chat]
    examples: list[Example]
    grade: Callable[[Response], Trace]


def measured(job: Job, params: Training, encode: Encode) -> Measured | None:
    """The validation rows that `params` ask for; None where they ask for none.

    `encode` makes rows of chats as the training does. Chats longer than `max_tokens` are left out, as in
    the training. Raises BadInput where there are no chats.
    """
    validation, held = params.validation, job.held
    if validation is None:
        return None
    if held is None:
        raise BadInput("validation: a base model has no validation problems; students have: set it to null")
    ranked = sorted(held.prompts, key=lambda prompt: _hash(prompt.id, job.seed))
    kept = {prompt.id for prompt in ranked[: validation.problems]}
    chats = [chat for chat in held.chats if chat.problem in kept]
    rows = [row for row in encode(chats) if len(row.example.ids) <= params.max_tokens]
    if not rows:
        raise BadInput(
            f"validation: none of {len(kept)} validation problems has a chat of at most {params.max_tokens} "
            "tokens (max_tokens); ask for validation problems in the collect section of the system, "
            "and set its prompt.validation to true"
        )
    prompts = [prompt for prompt in held.prompts if prompt.id in kept]
    return Measured(prompts, [row.chat for row in rows], [row.example for row in rows], held.grade)


def _hash(name: str, seed: int) -> bytes:
    return sha256(f"{seed} {name}".encode("utf-8", "surrogatepass")).digest()


class Answered(NamedTuple):
    """A greedy answer to a validation problem."""

    text: str
    tokens: int
    ended: bool


def record(
    step: int,
    rows: Measured,
    losses: Sequence[ChatLoss],
    answers: Sequence[Answered],
    graders: Iterable[str],
) -> dict[str, Any]:
    """What a step came to: its metrics, and a row for each problem. Raises BadInput where the loss is no
    number."""
    total = sum(loss for loss, _ in losses) / sum(count for _, count in losses)
    if not isfinite(total):
        raise BadInput(
            f"train: the training diverged: its validation loss is {total} at step {step}; "
            "lower learning_rate or max_grad_norm"
        )
    by_problem = [
        _row(prompt, answer, rows, losses) for prompt, answer in zip(rows.prompts, answers, strict=True)
    ]
    matches = [row["exact_match"] for row in by_problem if row["exact_match"] is not None]
    metrics = {
        "loss": total,
        "exact_match": sum(matches) / len(matches),
        "ended": sum(row["ending"] == Ending.STOP for row in by_problem) / len(by_problem),
        "tokens": sum(row["tokens"] for row in by_problem) / len(by_problem),
        **{name: sum(row["grades"][name] == 1 for row in by_problem) / len(by_problem) for name in graders},
    }
    return {
        "step": step,
        "metrics": {name: round(value, 6) for name, value in metrics.items()},
        "rows": by_problem,
    }


def _row(prompt: Prompt, answer: Answered, rows: Measured, losses: Sequence[ChatLoss]) -> dict[str, Any]:
    """What one problem came to; `loss` and `exact_match` are None where it has no chat."""
    pairs = zip(rows.chats, losses, strict=True)
    own = [(chat, loss) for chat, loss in pairs if chat.problem == prompt.id]
    expected = [chat.messages[-1]["content"] for chat, _ in own]
    tokens = sum(count for _, (_, count) in own)
    response = Response(
        **msgspec.structs.asdict(prompt),
        sampler="validation",
        model="",
        sample=0,
        text=answer.text,
        ending=Ending.STOP if answer.ended else Ending.LENGTH,
        tokens=answer.tokens,
    )
    trace = rows.grade(response)
    return {
        "id": prompt.id,
        "asked": prompt.messages[-1]["content"],
        "gold": prompt.answer,
        "expected": expected[0] if expected else None,
        "answer": answer.text,
        "ending": response.ending.value,
        "tokens": answer.tokens,
        "loss": round(sum(loss for _, (loss, _) in own) / tokens, 6) if own else None,
        "exact_match": any(answer.text.strip() == words.strip() for words in expected) if own else None,
        "pred": trace.pred,
        "grades": trace.grades,
        "reasons": trace.reasons,
    }
