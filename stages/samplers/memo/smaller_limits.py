"""Stored answers to the same request with a smaller limit of tokens: one that ended by itself is also an
answer with the larger limit, and is not bought again."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from stages.samplers.memo.sampled_answers import Answer
from stages.samplers.memo.store import Memo, key
from stages.shared.rows import Ending

NAMES = ("max_tokens", "max_completion_tokens")
UNFINISHED = (Ending.LENGTH, Ending.CONTEXT)


class SmallerLimits:
    """Looks in `memo` for answers of the model that is asked for as `model`."""

    def __init__(self, memo: Memo, model: str) -> None:
        self.memo, self.model = memo, model

    @cached_property
    def limits(self) -> list[int]:
        """All limits with which the model was ever asked, the largest first. Reads what was asked of all
        answers, once."""
        return sorted(self.memo.limits(self.model, NAMES), reverse=True)

    def get(self, asked: Mapping[str, Mapping[str, Any]]) -> dict[str, Answer]:
        """By key, the answers to these requests that were given within a smaller limit."""
        smaller = {key_of_request: self._keys(request) for key_of_request, request in asked.items()}
        stored = self.memo.get(dict.fromkeys(key for keys in smaller.values() for key in keys))
        answers = {}
        for key_of_request, keys in smaller.items():
            ended = (stored[key] for key in keys if key in stored and _ended(stored[key]))
            if answer := next(ended, None):
                answers[key_of_request] = answer
        return answers

    def _keys(self, request: Mapping[str, Any]) -> Iterable[str]:
        name = next((name for name in NAMES if name in request), None)
        if name is None:
            return []
        return [key(dict(request) | {name: limit}) for limit in self.limits if limit < request[name]]


def _ended(answer: Answer) -> bool:
    return answer.ending not in UNFINISHED and bool(answer.text.strip())
