"""The tokens that a response says were billed, however its server counts them.

Thinking is billed as a part of the answer. OpenAI counts it among `completion_tokens`; xAI and Gemini count
it beside them, and only their total holds it.
"""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from stages.samplers.cost.prices import Usage

PROMPT = ("prompt_tokens", "input_tokens", "promptTokenCount")
COMPLETION = ("completion_tokens", "output_tokens", "candidatesTokenCount")
TOTAL = ("total_tokens", "totalTokenCount")
THOUGHTS = "thoughtsTokenCount"  # of Gemini, beside the answer's tokens
CACHED = ("prompt_cache_hit_tokens", "cached_tokens", "cachedContentTokenCount")  # DeepSeek, Moonshot, Gemini
MOST = 1 << 40  # SQLite holds no larger ones


def usage_of(counts: Any) -> Usage | None:
    """The billed tokens in the field `usage` of a response; None where it says nothing, or says that there
    were none."""
    if not isinstance(counts, dict):
        return None
    prompt, total = _first(counts, PROMPT), _first(counts, TOTAL)
    completion = _first(counts, COMPLETION) + _count(counts.get(THOUGHTS))
    if prompt:
        completion = max(completion, total - prompt)
    if not prompt and not completion:
        return None
    details = counts.get("prompt_tokens_details") or counts.get("input_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else 0
    return Usage(prompt, completion, min(prompt, cached or _first(counts, CACHED)))


def _first(counts: Mapping[str, Any], names: tuple[str, ...]) -> int:
    return next((count for name in names if (count := _count(counts.get(name)))), 0)


def _count(value: Any) -> int:
    """A number of tokens, which some servers send as 12.0 or "12"; 0 for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return 0
    try:
        number = float(value)
    except ValueError:
        return 0
    return int(min(max(0.0, number), MOST)) if isfinite(number) else 0
