"""What servers do, and for each what becomes of the row, what its user sees, how often it is asked and what is billed.

All but those that stop a run are met in one run, each by one question of its own; then a good answer follows, where it is asked again.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from stages.samplers import Answer, openai
from stages.samplers.cost.prices import Usage
from stages.samplers.memo.unread import UnreadAnswers
from stages.samplers.requests.attempts import Attempts
from stages.shared.cli import working_directory
from stages.shared.errors import BadInput
from stages.shared.rows import Ending

from server import Call, Response, Server, error, openai_body
from teachers import KEY, PRICE, ask, params, prompt, prompts, runs, workplace

__all__ = ["workplace"]

Reply = Callable[[Server, Call], Response]
STOP, LENGTH, FILTER, REFUSAL, CONTEXT = Ending.STOP, Ending.LENGTH, Ending.CONTENT_FILTER, Ending.REFUSAL, Ending.CONTEXT
RETRIES = 2


def good(text: Any = "7", reason: Any = "stop", usage: Any = ..., bill: tuple[int, int] = (10, 5), **message: Any) -> Reply:
    """An answer that is billed with the tokens `bill`; `usage` is what it says of them."""

    def reply(server: Server, call: Call) -> Response:
        server.bill(call, bill)
        body = openai_body(text, reason, bill, **message)
        return Response(200, body if usage is ... else body | {"usage": usage})

    return reply


def raw(body: Any, manner: str = "whole", bill: bool = True) -> Reply:
    """A 200 with any body; `bill`: the server has worked for it."""

    def reply(server: Server, call: Call) -> Response:
        if bill:
            server.bill(call)
        return Response(200, body, manner=manner)

    return reply


def fails(status: int, message: Any = "no", code: Any = "", body: Any = None, **headers: str) -> Reply:
    return lambda server, call: Response(status, body, headers) if body else error(status, message, code, **headers)


class Row(NamedTuple):
    """`ending` None: there is no row. `kinds` are the faults that are counted and told."""

    replies: list[Reply]
    ending: Ending | None = STOP
    text: str = "7"
    kinds: Sequence[str] = ()
    calls: int = 1
    billed: int = 1
    tokens: tuple[int, int] = (10, 5)  # of the row, of its prompt and of its answer


def marks(reply: Reply, ending: Ending) -> Row:
    """An error that is about its prompt alone."""
    return Row([reply], ending, "", billed=0, tokens=(0, 0))


def again(reply: Reply, kind: str, billed: int = 1) -> Row:
    """A fault that passes: a good answer follows, with which `billed` calls are billed."""
    return Row([reply], kinds=[kind], calls=2, billed=billed)


TGI = "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens and 64 `max_new_tokens`"
USAGE = {"prompt_tokens": 10, "completion_tokens": 5}
GOOGLE = {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 30, "totalTokenCount": 45}
XAI = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 45, "completion_tokens_details": {"reasoning_tokens": 30}}
COUNTED = (11, 8)  # of "a question 1" and "7", by their length

TABLE: dict[str, Row] = {
    # what an answer looks like
    "plain": Row([good()]),
    "finish reason in a mapping": Row([good(reason={"type": "stop", "stop": "<eos>"})]),
    "finish reason in another mapping": Row([good(reason={"reason": "length"})], LENGTH),
    "finish reason eos_token": Row([good(reason="eos_token")]),
    "finish reason STOP": Row([good(reason="STOP")]),
    "finish reason MAX_TOKENS": Row([good(reason="MAX_TOKENS")], LENGTH),
    "no finish reason": Row([good(reason=None)], LENGTH),
    "a number as finish reason": Row([good(reason=1)], LENGTH),
    "finish reason tool_calls": Row([good(reason="tool_calls")], LENGTH),
    "finish reason sensitive": Row([good(reason="sensitive")], FILTER),
    "finish reason content_filter": Row([good(text="", reason="content_filter")], FILTER, ""),
    "content in parts": Row([good(text=[{"type": "text", "text": "7"}])]),
    "content in strings": Row([good(text=["7", ""])]),
    "no content": Row([good(text=None)], STOP, ""),
    "a thought alone": Row([good(text=None, reason="length", reasoning_content="7")], LENGTH, ""),
    "a refusal": Row([good(text=None, refusal="I cannot")], REFUSAL, "I cannot"),
    "a refusal in a part": Row([good(text=[{"type": "refusal", "refusal": "I cannot"}])], REFUSAL, "I cannot"),
    "a lone surrogate": Row([good(text="\ud800")], STOP, "\ud800"),
    "a number too large": Row([raw(b'{"created": 1e999, "choices": [{"message": {"content": "7"}, "finish_reason": "stop"}],'
                                   b' "usage": {"prompt_tokens": 10, "completion_tokens": 5}}')]),
    "no model named": Row([raw({"choices": [{"message": {"content": "7"}, "finish_reason": "stop"}], "usage": USAGE})]),
    "a number as model": Row([raw(openai_body("7", "stop", (10, 5)) | {"model": 7})]),
    # how tokens are counted
    "usage in floats": Row([good(usage={"prompt_tokens": 10.0, "completion_tokens": 5.0})]),
    "usage in strings": Row([good(usage={"prompt_tokens": "10", "completion_tokens": "5"})]),
    "usage by Anthropic's names": Row([good(usage={"input_tokens": 10, "output_tokens": 5})]),
    "usage of xAI": Row([good(usage=XAI, bill=(10, 35))], tokens=(10, 35)),
    "usage of Gemini": Row([good(usage=GOOGLE, bill=(10, 35))], tokens=(10, 35)),
    "usage with null details": Row([good(usage={"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": None})]),
    "usage null": Row([good(usage=None)], tokens=COUNTED),
    "usage zero": Row([good(usage={"prompt_tokens": 0, "completion_tokens": 0})], tokens=COUNTED),
    "usage that is none": Row([good(usage={"prompt_tokens": -1, "completion_tokens": "many", "total_tokens": True})], tokens=COUNTED),
    "usage a list": Row([good(usage=[10, 5])], tokens=COUNTED),
    # answers that cannot be read: never bought more than twice, and kept as they came
    "no choices once": again(raw({"choices": []}), "empty choices", 2),
    "null choices once": again(raw({"choices": None}), "wrong schema", 2),
    "half a JSON once": again(raw(b'{"choices": [{"mess\xff'), "malformed JSON", 2),
    "an empty body once": again(raw(b""), "malformed JSON", 2),
    "a page once": again(raw(b"<html>ok</html>"), "malformed JSON", 2),
    "half a JSON always": Row([raw(b"{")] * 9, None, kinds=["malformed JSON"] * 2, calls=2, billed=2),
    "an old completion always": Row([raw({"choices": [{"text": "7"}]})] * 9, None, kinds=["wrong schema"] * 2, calls=2, billed=2),
    "too large": Row([raw(b" " * (17 << 20))], None, kinds=["too large"]),
    # connections
    "cut off": again(raw({"choices": "x" * 1000}, "cut"), "cut off", 2),
    "reset": again(raw({}, "reset"), "connection", 2),
    "silence": again(raw({}, "hang"), "timeout", 2),
    # errors that pass
    **{
        f"status {status}": again(fails(status), kind)
        for status, kind in {
            408: "timeout", 409: "conflict", 425: "too early", 429: "rate limit", 500: "status 500", 502: "status 502",
            503: "overloaded", 504: "status 504", 520: "status 520", 529: "overloaded",
        }.items()
    },
    "429 with seconds": again(fails(429, retry_after="0.1"), "rate limit"),
    "429 with milliseconds": again(fails(429, retry_after_ms="100"), "rate limit"),
    "429 with a date": again(fails(429, retry_after="Wed, 21 Oct 2026 07:28:00 GMT", date="Wed, 21 Oct 2026 07:28:00 GMT"), "rate limit"),
    "a page with 502": again(fails(502, body=b"<html>Bad Gateway</html>"), "status 502"),
    "a 502 in a 200": again(raw({"error": {"code": 502, "message": "upstream"}}, bill=False), "status 502"),
    "a 429 in a 200": again(raw({"error": {"code": 429, "message": "slow down"}}, bill=False), "rate limit"),
    "an error in a 200": again(raw({"error": "upstream"}, bill=False), "status 500"),
    **{f"finish reason {reason}": again(good(reason=reason), "broken off", 2) for reason in ("abort", "error", "network_error")},
    # errors that do not
    "status 400": Row([fails(400, "Unsupported parameter: 'top_p'")] * 9, None, kinds=["status 400"], billed=0),
    "status 422": Row([fails(422, "extra inputs are not permitted")] * 9, None, kinds=["status 422"], billed=0),
    "above the tokens a minute": Row([fails(413, "Limit 6000", "rate_limit_exceeded")] * 9, None, kinds=["status 413"], billed=0),
    "always 500": Row([fails(500)] * 9, None, kinds=["status 500"] * 3, calls=1 + RETRIES, billed=0),
    # a prompt that does not fit
    "context of OpenAI": marks(fails(400, "too long", "context_length_exceeded"), CONTEXT),
    "context of vLLM": marks(fails(400, "This model's maximum context length is 4096 tokens. However, ..."), CONTEXT),
    "context of newer vLLM": marks(fails(400, body={"error": {"message": "max_tokens must be at least 1, got -9", "code": 400}}), CONTEXT),
    "context of SGLang": marks(fails(400, "The input (5000 tokens) is longer than the model's context length (4096 tokens)"), CONTEXT),
    "context of llama.cpp": marks(
        fails(400, body={"error": {"code": 400, "message": "request (5000 tokens) exceeds", "type": "exceed_context_size_error"}}), CONTEXT
    ),
    "context of older llama.cpp": marks(fails(500, "the request exceeds the available context size. try increasing it"), CONTEXT),
    "context of TGI": marks(fails(422, body={"error": TGI, "error_type": "validation"}), CONTEXT),
    "context of Anthropic": marks(fails(400, "prompt is too long: 208310 tokens > 200000 maximum"), CONTEXT),
    "limit of Anthropic": marks(fails(400, "input length and `max_tokens` exceed context limit: 199759 + 8192 > 200000"), CONTEXT),
    "context of Bedrock": marks(fails(400, "Input is too long for requested model."), CONTEXT),
    "context of Mistral": marks(fails(400, "Prompt contains 40000 tokens and 0 draft tokens, too large for model"), CONTEXT),
    "context in a 200": marks(raw({"error": {"code": 400, "message": "maximum context length is 8 tokens"}}, bill=False), CONTEXT),
    "a body too large": marks(fails(413, "Request Entity Too Large"), CONTEXT),
    # a prompt that is not answered
    "invalid_prompt": marks(fails(400, "Invalid prompt: we have limited access to this content", "invalid_prompt"), FILTER),
    "filter of Azure": marks(fails(400, "The response was filtered by our content management policy", "content_filter"), FILTER),
    "filter of DeepSeek": marks(fails(400, "Content Exists Risk", "invalid_request_error"), FILTER),
    "moderation of OpenRouter": marks(fails(403, "requires moderation. Your input was flagged for violence", 403), FILTER),
}  # fmt: skip
# What no retry mends: the run stops, and says so.
STOPS: dict[str, tuple[Reply, str]] = {
    "a wrong key": (fails(401, "Incorrect API key"), "the key in the environment variable TEACHER_KEY was refused (401)"),
    "no access": (fails(403, "no access"), "the key in the environment variable TEACHER_KEY was refused (403)"),
    "a wrong key at Google": (
        fails(400, body=b'[{"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}]'),
        "the key in the environment variable TEACHER_KEY was refused (400): API key not valid",
    ),
    "no such model": (fails(404, "The model does not exist"), "no model 'm' there, or base_url is wrong (404)"),
    "payment required": (fails(402, "Payment Required"), "no credit left (402)"),
    "no quota": (fails(429, "You exceeded your current quota", "insufficient_quota"), "no credit left (429)"),
    "low credit": (fails(400, "Your credit balance is too low"), "no credit left (400)"),
    "DeepSeek without balance": (fails(402, "Insufficient Balance"), "no credit left (402)"),
    "a daily limit": (fails(429, "requests per day", "rate_limit_exceeded", retry_after="30240"), "it asks to wait 8.4 hours (429)"),
    "a redirect": (fails(307, body=b" ", Location="http://127.0.0.1:9"), "it redirects (307); that is not followed"),
}


def question(number: int) -> str:
    return f"a question {number}"


class Met(NamedTuple):
    """What came of one row of the table."""

    answers: list[Answer]
    kinds: list[str]
    calls: int
    billed: int
    usd: float  # by the server's own ledger


class Misbehaving(Server):
    """Meets each question with the replies of its row, and keeps what each is billed."""

    def __init__(self) -> None:
        kinds: Any = {"row": Misbehaving.reply}
        super().__init__(plan=lambda call: "row", behaviours=kinds)
        self.usd: dict[str, float] = defaultdict(float)
        self.rows = {question(number): row for number, row in enumerate(TABLE.values())}

    def reply(self, call: Call) -> Response:
        replies = self.rows[call.told].replies
        return replies[call.tries](self, call) if call.tries < len(replies) else good()(self, call)

    def bill(self, call: Call, usage: tuple[int, int] | None = None) -> None:
        super().bill(call, usage)
        self.usd[call.told] += PRICE.cost(Usage(*self.ledger[-1]))


@pytest.fixture(scope="module")
def met(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Met]]:
    kinds: dict[str, list[str]] = defaultdict(list)
    failed = Attempts._failed

    async def noted(self: Attempts, request: Any, *rest: Any) -> float:
        kinds[request.asked["messages"][0]["content"]].append(rest[-1].kind)
        return await failed(self, request, *rest)

    with pytest.MonkeyPatch.context() as patch, Misbehaving() as server:
        folder = tmp_path_factory.mktemp("behaviours")
        patch.setenv("DVC_ROOT", str(folder))
        patch.setenv("TEACHER_KEY", KEY)
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setattr(Attempts, "_failed", noted)
        patch.chdir(folder)
        asked = [prompt(name, text=question(number)) for number, name in enumerate(TABLE)]
        changed: dict[str, Any] = {"retries": RETRIES, "allow_failures": 1.0, "timeout": 8.0, "concurrency": len(TABLE)}
        answers = list(openai.answer(asked, params(server, **changed), 0))
        calls = Counter(call.told for call in server.calls)
        yield {
            name: Met(given, kinds[text], calls[text], server.billed[text], server.usd[text])
            for name, given, text in zip(TABLE, answers, map(question, range(len(TABLE))), strict=True)
        }


def test_there_are_sixty_and_more() -> None:
    assert len(TABLE) + len(STOPS) >= 60


@pytest.mark.parametrize("name", TABLE)
def test_what_becomes_of_a_row(name: str, met: dict[str, Met]) -> None:
    row, came = TABLE[name], met[name]
    assert (came.kinds, came.calls, came.billed) == (list(row.kinds), row.calls, row.billed)
    if row.ending is None:
        assert came.answers == []
        return
    (given,) = came.answers
    assert (given.text, given.ending) == (row.text, row.ending)
    length = (given.prompt_tokens, given.tokens)
    assert length == row.tokens
    assert given.cost_usd == pytest.approx(PRICE.cost(Usage(*row.tokens)))


def test_the_run_accounts_for_all_that_was_billed(met: dict[str, Met]) -> None:
    """By the server's ledger it never costs more than the run says, and hardly less for the answers that came."""
    counts = runs()[-1]
    true = sum(came.usd for came in met.values())
    assert counts["cost_usd"] <= true <= counts["cost_usd"] + counts["lost_usd"]
    assert counts["faults"] == Counter(kind for came in met.values() for kind in came.kinds)
    assert sum(counts["failed"].values()) == sum(row.ending is None for row in TABLE.values())


def test_what_cannot_be_read_is_kept(met: dict[str, Met]) -> None:
    kept = Counter(body for _, _, _, body in UnreadAnswers(working_directory() / "memo.sqlite").rows())
    assert kept[b"{"] == 2 and kept[b"<html>ok</html>"] == 1 and kept[b'{"choices": [{"text": "7"}]}'] == 2


@pytest.mark.parametrize("name", STOPS)
@pytest.mark.usefixtures("workplace")
def test_what_stops_a_run(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    reply, told = STOPS[name]
    with Server(plan=lambda call: name, behaviours={name: reply}) as server:
        with pytest.raises(BadInput) as caught:
            ask(server, prompts(100), concurrency=4)
        assert told in str(caught.value) and "\n" not in str(caught.value)
        assert len(server.calls) <= 8 and not server.billed
