"""A teacher's hidden reasoning and the probabilities of its tokens: kept in the row and in the memo, and no part of the answer."""

import json
from typing import Any

import pytest
from stages.graders import grader
from stages.samplers import gemini, openai
from stages.samplers.ask import ask
from stages.samplers.http.completions import parse_completion
from stages.shared.files import read, write
from stages.shared.rows import Ending, Kind, Problem, Response, encode

from server import Call, Server, openai_body
from server import Response as Reply
from teachers import KEY, PRICE, params, prompts, runs, workplace

pytestmark = [pytest.mark.usefixtures("workplace"), pytest.mark.filterwarnings("ignore::FutureWarning")]
__all__ = ["workplace"]

PROBS: Any = [{"token": "7", "logprob": -0.25, "top": [{"token": "7", "logprob": -0.25}, {"token": "8", "logprob": -1.5}]}]
LOGPROBS: Any = {
    "content": [
        {
            "token": "7",
            "logprob": -0.25,
            "bytes": [55],
            "top_logprobs": [{"token": "7", "logprob": -0.25, "bytes": [55]}, {"token": "8", "logprob": -1.5, "bytes": None}],
        }
    ],
    "refusal": None,
}


class Thinking(Server):
    """Sends `message` with each of its answers."""

    def __init__(self, **message: Any) -> None:
        super().__init__()
        self.message = message

    def answered(self, call: Call, text: str | None, reason: str, **message: Any) -> Reply:
        return super().answered(call, "7", reason, **self.message)


def rows(server: Server, count: int = 2) -> list[Response]:
    return list(ask(lambda: prompts(count), {"teacher": params(server)}, 0))


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_reaches_the_row_and_the_memo(field: str, workplace: Any) -> None:
    thought = "The answer is 9. \ud800🜞\x00"
    with Thinking(**{field: thought}) as server:
        first = rows(server)
        assert [(row.text, row.reasoning, row.probs) for row in first] == [("7", thought, None)] * 2
        assert rows(server) == first and runs()[-1]["bought"] == 0
    write(workplace / "rows.jsonl", first)
    assert list(read(workplace / "rows.jsonl", Response)) == first


def test_reasoning_is_not_graded() -> None:
    with Thinking(reasoning_content="The answer is 1.") as server:
        (row,) = rows(server, 1)
    assert row.answer == "1"
    assert grader("answer").grade(row, grader("answer").Params()).score == 0


def test_without_them_a_row_is_what_it_was() -> None:
    with Server() as server:
        (row,) = rows(server, 1)
    assert list(json.loads(encode(row)))[-4:] == ["sample", "text", "ending", "tokens"]
    assert b"reasoning" not in encode(row) and b"probs" not in encode(row) and b"history" not in encode(row)


@pytest.mark.parametrize(("odd", "kept"), [({"steps": ["a"]}, '{"steps": ["a"]}'), (["a"], "a"), (7, "7"), ("", None), (None, None)])
def test_reasoning_that_is_no_text_is_kept_as_json(odd: Any, kept: str | None) -> None:
    completion = parse_completion(json.dumps(openai_body("7", "stop", (1, 1), reasoning=odd)).encode())
    assert (completion.text, completion.ending, completion.reasoning) == ("7", Ending.STOP, kept)


def test_both_names_at_once() -> None:
    body = openai_body("7", "stop", (1, 1), reasoning_content="thought", reasoning={"summary": "s"})
    assert parse_completion(json.dumps(body).encode()).reasoning == "thought"


def completion_with(logprobs: str) -> Any:
    body = json.dumps(openai_body("7", "stop", (1, 1))).replace('"finish_reason"', f'"logprobs": {logprobs}, "finish_reason"')
    return parse_completion(body.encode())


def test_probabilities_are_read_in_openai_s_shape() -> None:
    assert completion_with(json.dumps(LOGPROBS)).probs == PROBS


@pytest.mark.parametrize(
    "logprobs",
    [
        "null",
        "[]",
        '{"content": null}',
        '{"content": []}',
        '{"tokens": ["7"], "token_logprobs": [-0.25]}',
        '{"content": [{"token": 7, "logprob": -1}]}',
        '{"content": [{"token": "7", "logprob": 1e999}]}',
        '{"content": [{"token": "7", "logprob": -Infinity}]}',
        '{"content": [{"token": "7", "logprob": -1, "top_logprobs": [{"token": "8", "logprob": NaN}]}]}',
    ],
)
def test_probabilities_in_any_other_shape_are_left_out(logprobs: str) -> None:
    completion = completion_with(logprobs)
    assert (completion.text, completion.probs) == ("7", None)


class Likely(Server):
    """Sends the probabilities that it is asked for."""

    def answered(self, call: Call, text: str | None, reason: str, **message: Any) -> Reply:
        body = super().answered(call, "7", reason).body
        if call.body.get("logprobs"):
            body["choices"][0]["logprobs"] = LOGPROBS
        return Reply(200, body)


def test_probabilities_reach_the_row_and_the_memo(workplace: Any) -> None:
    with Likely() as server:
        settings = params(server, extra={"logprobs": True, "top_logprobs": 2})
        first = list(ask(lambda: prompts(2), {"teacher": settings}, 0))
        assert [row.probs for row in first] == [PROBS, PROBS]
        assert list(ask(lambda: prompts(2), {"teacher": settings}, 0)) == first
        assert len(server.calls) == 2
        assert [row.probs for row in rows(server)] == [None, None]
    write(workplace / "rows.jsonl", first)
    assert list(read(workplace / "rows.jsonl", Response)) == first


class Gemini(Server):
    """Answers with these parts."""

    def __init__(self, *parts: Any) -> None:
        super().__init__()
        self.parts = list(parts)

    def answered(self, call: Call, text: str | None, reason: str, **message: Any) -> Reply:
        body = super().answered(call, "7", reason).body
        body["candidates"][0]["content"]["parts"] = self.parts
        return Reply(200, body)


@pytest.mark.parametrize(
    ("parts", "text", "reasoning"),
    [
        ([{"text": "hm \ud83d", "thought": True}, {"text": "so", "thought": True}, {"text": "7"}], "7", "hm \ud83dso"),
        ([{"text": "7"}, {"text": " is it", "thought": False}], "7 is it", None),
        ([{"text": 'say "thought"'}], 'say "thought"', None),
        ([{"text": "only", "thought": True}], "", "only"),
    ],
)
def test_gemini_s_thoughts_are_no_part_of_the_answer(
    parts: list[Any], text: str, reasoning: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)
    with Gemini(*parts) as server:
        fixed: dict[str, Any] = {"sampler": "gemini", "model": "g", "max_tokens": 64, "concurrency": 2, "price": PRICE}
        settings = gemini.Params(**fixed, base_url=server.url.removesuffix("/v1"))
        for _ in range(2):
            found = list(ask(lambda: prompts(2), {"teacher": settings}, 0))
            assert [(row.text, row.reasoning) for row in found] == [(text, reasoning)] * 2
        assert len(server.calls) == 2


def test_a_problem_may_have_a_history() -> None:
    """Turns before its question; they stand in no row that has none."""
    fields: Any = {"id": "p", "task": "t", "kind": Kind.NUMBER, "split": "train", "question": "?", "answer": "1"}
    history: Any = [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "1"}]
    assert b"history" not in encode(Problem(**fields))
    assert json.loads(encode(Problem(**fields, history=history)))["history"] == history


def test_what_is_asked_has_the_keys_of_before() -> None:
    """A memo outlives the code that wrote it: no try, and no new field, in what is asked the first time."""
    (wish,) = openai.asked(next(prompts(1)), params(None, base_url="http://h/v1"))
    messages = [{"role": "user", "content": "plain question 0"}]
    assert wish == {"provider": "openai", "base_url": "http://h/v1", "sample": 0, "model": "m", "messages": messages, "max_tokens": 64}
