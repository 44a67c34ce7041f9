"""What a step of practice learns from its groups of answers: the updates of the policy."""

from collections.abc import Sequence

from stages.students.backends import Adam, Backend
from stages.students.practice.groups import Group, data, parts, penalties, sequence
from stages.students.practice.rl_settings import Settings
from stages.students.token_losses import Clip


def learn(policy: Backend, groups: Sequence[Group], settings: Settings) -> dict[str, float | None]:
    """The updates of a step; all are submitted before the first is waited for.

    Returns `loss` (the mean over the updates), `grad_norm` (the largest) and `kl` (the divergence from the
    start, nats a token). None: there was no update, or it is not measured.
    """
    adam = Adam(
        settings.learning_rate, weight_decay=settings.weight_decay, max_grad_norm=settings.max_grad_norm
    )
    chosen = [[groups[number] for number in part] for part in parts(groups, settings.updates)]
    taken, divergence = _penalties(policy, [group for part in chosen for group in part], settings.kl)
    submitted, first = [], 0
    for part in chosen:
        batch = data(part, taken[first : first + len(part)])
        first += len(part)
        clip = Clip(settings.clip_low, settings.clip_high)
        passed = policy.forward_backward(batch, settings.loss, clip)
        submitted.append((passed, policy.optim_step(adam)))
    results = [(passed.result().loss, stepped.result()) for passed, stepped in submitted]
    if not results:
        return {"loss": None, "grad_norm": None, "kl": divergence}
    norms = [norm for _, norm in results if norm is not None]
    return {
        "loss": round(sum(loss for loss, _ in results) / len(results), 6),
        "grad_norm": round(max(norms), 6) if norms else None,
        "kl": divergence,
    }


def _penalties(
    policy: Backend, groups: Sequence[Group], kl: float
) -> tuple[list[list[list[float]]], float | None]:
    """What is taken from each token's advantage, and the divergence from the start, if `kl` is set."""
    if not kl or not groups:
        nothing = [[[0.0] * len(answer.tokens) for answer in group.answers] for group in groups]
        return nothing, None
    answers = [(group.prompt, answer) for group in groups for answer in group.answers]
    whole = policy.logprobs([sequence(*pair) for pair in answers], start=True).result()
    start = [values[-len(answer.tokens) :] for values, (_, answer) in zip(whole, answers, strict=True)]
    taken, divergence = penalties(groups, start, kl)
    return taken, round(divergence, 6)
