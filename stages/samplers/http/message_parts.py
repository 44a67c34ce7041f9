"""What a message holds: the answer, and the reasoning before it. Every server has its own place for the
reasoning.

    reasoning_content    DeepSeek, SGLang, older vLLM (https://api-docs.deepseek.com/guides/thinking_mode)
    reasoning            OpenRouter, newer vLLM
    reasoning_details    OpenRouter: a list of parts (https://openrouter.ai/docs/use-cases/reasoning-tokens)
    thinking             Ollama, and gateways to Anthropic, which also send thinking_blocks
    content              a list of parts: Mistral, Anthropic and Gemini mark those that are thoughts
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

# In this order: the first that holds any text counts, since a server may send the same thought twice.
REASONING = ("reasoning_content", "reasoning", "thinking", "reasoning_details", "thinking_blocks")
TEXTS = (
    "text",
    "thinking",
    "reasoning",
    "summary",
    "content",
    "parts",
)  # fields that hold the text of a part
SEALED = ("encrypted", "redacted")  # kinds of parts that nobody but the service can read


def text_of(content: Any) -> str:
    """The answer in the content of a message; "" where there is none."""
    return "".join(text for text, is_thought in _parts(content) if not is_thought)


def reasoning_of(message: Mapping[str, Any]) -> str | None:
    """The reasoning in a message; None where there is none. It is kept whatever its shape: what is no text is
    kept as JSON."""
    for name in REASONING:
        if text := "".join(text for text, _ in _parts(message.get(name))):
            return text
    return "".join(text for text, is_thought in _parts(message.get("content")) if is_thought) or None


def _parts(content: Any, is_thought: bool = False) -> Iterator[tuple[str, bool]]:
    """The texts in `content`, each with whether it is a thought."""
    if content is None or content == "" or content is False:
        return
    if isinstance(content, str):
        yield content, is_thought
    elif isinstance(content, list):
        for part in content:
            yield from _parts(part, is_thought)
    elif isinstance(content, dict):
        kind = str(content.get("type") or "").lower()
        if any(word in kind for word in SEALED) or "refusal" in kind:
            return
        is_thought = is_thought or content.get("thought") is True or "thinking" in kind or "reasoning" in kind
        name = next((name for name in TEXTS if content.get(name)), None)
        if name is not None:
            yield from _parts(content[name], is_thought)
        elif not kind and not set(content) & set(TEXTS):
            yield json.dumps(content, sort_keys=True), is_thought
    else:
        yield json.dumps(content), is_thought


def refusal_of(message: Mapping[str, Any]) -> str:
    """Why the model declined, where the server says so apart from the answer; "" where it does not."""
    parts = message.get("content")
    listed = (
        [part.get("refusal") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    )
    texts = [message.get("refusal"), *listed]
    return next((text for text in texts if isinstance(text, str) and text), "")
