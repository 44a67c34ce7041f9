"""The counting of tokens before they are sent."""

from typing import Any

import pytest
from stages.samplers.cost import token_counts as tokens
from stages.shared.errors import BadInput


def test_a_known_encoding_counts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An encoding of a few words stands in for one that would be downloaded; text that looks like a special token is text."""
    import tiktoken

    ranks = {bytes([byte]): byte for byte in range(256)} | {b"hello": 256}
    small = tiktoken.Encoding("small", pat_str=r"\w+|\W", mergeable_ranks=ranks, special_tokens={"<|end|>": 300})
    monkeypatch.setattr(tiktoken, "get_encoding", {"o200k_base": small}.__getitem__)
    tokens._encoding.cache_clear()
    found = tokens.counter("gpt-4o-mini-2024-07-18")
    tokens._encoding.cache_clear()
    assert (found.name, found.exact) == ("o200k_base of tiktoken", True)
    assert found.count([{"role": "user", "content": "hello ab"}]) == 3 + 4 + 1 + 1 + 2
    assert found.count([{"role": "user", "content": "<|end|>"}]) == 3 + 4 + 7
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("model", "why"),
    [("gpt-4o", "o200k_base could not be downloaded (ConnectionError)"), ("my-model", "no tokenizer is known for 'my-model'")],
)
def test_what_cannot_be_counted_is_estimated_and_says_so(
    model: str, why: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import tiktoken

    def offline(name: str) -> Any:
        raise ConnectionError(name)

    monkeypatch.setattr(tiktoken, "get_encoding", offline)
    tokens._encoding.cache_clear()
    found = tokens.counter(model)
    assert (found.name, found.exact) == ("length, 4 bytes to a token", False)
    assert found.count([{"role": "user", "content": "123456789"}]) == 3 + 4 + 3
    said = capsys.readouterr().err
    assert said.startswith("tokens are estimated, 4 bytes to one: ") and why in said


def test_an_unknown_tokenizer_lists_the_choices() -> None:
    with pytest.raises(BadInput, match=r"no such folder, and unknown encoding 'o200_base' \(did you mean 'o200k_base'\?\); choose from:"):
        tokens.counter("my-model", "o200_base")
