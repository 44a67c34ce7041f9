"""One client in a process of its own: asks a server `rows` prompts, so many at once; figures as JSON on the last line.

    python tests/bench/asker.py ours|bare|client|oumi|curator|distilabel URL ROWS CONCURRENCY [FOLDER]
    python tests/bench/asker.py fill|replay URL ROWS CONCURRENCY FOLDER          # a memo full of answers, and reading it

The others are used as their documentation shows, with limits set so that none of them waits on purpose. Loading a package is not timed.
"""

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

RETRIES = 20


def questions(rows: int) -> list[str]:
    return [f"What is {number} plus {number}?" for number in range(rows)]


def bare(url: str, rows: int, concurrency: int) -> Callable[[], int]:
    """The limit: a loop around aiohttp that keeps answers in a list and knows no errors."""
    import aiohttp

    async def everything() -> int:
        answers: list[str] = [""] * rows
        waiting = iter(enumerate(questions(rows)))

        async def worker(session: aiohttp.ClientSession) -> None:
            for place, question in waiting:
                body = {"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": question}]}
                async with session.post(f"{url}/chat/completions", json=body) as reply:
                    answers[place] = (await reply.json())["choices"][0]["message"]["content"]

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency)) as session:
            await asyncio.gather(*(worker(session) for _ in range(concurrency)))
        return sum(map(bool, answers))

    return lambda: asyncio.run(everything())


def client(url: str, rows: int, concurrency: int) -> Callable[[], int]:
    """OpenAI's own client, as most people's scripts use it."""
    from openai import AsyncOpenAI

    async def everything() -> int:
        places = asyncio.Semaphore(concurrency)
        async with AsyncOpenAI(base_url=url, api_key="none", max_retries=RETRIES) as made:

            async def one(question: str) -> str:
                async with places:
                    reply = await made.chat.completions.create(model="m", max_tokens=64, messages=[{"role": "user", "content": question}])
                    return reply.choices[0].message.content or ""

            return sum(map(bool, await asyncio.gather(*(one(question) for question in questions(rows)))))

    return lambda: asyncio.run(everything())


def prompts(rows: int) -> Iterator[Any]:
    from stages.shared.rows import Kind, Message, Prompt

    for number, text in enumerate(questions(rows)):
        yield Prompt(
            id=f"p{number}", task="t", kind=Kind.NUMBER, split="train", question=text, answer="1", by="teacher", style="plain",
            messages=[Message(role="user", content=text)],
        )  # fmt: skip


def settings(url: str, concurrency: int) -> Any:
    from stages.samplers import openai
    from stages.samplers.cost.prices import Price

    return openai.Params(
        sampler="openai", model="m", base_url=url, api_key_env=None, max_tokens=64, concurrency=concurrency, retries=RETRIES,
        price=Price(prompt=1.0, completion=1.0),
    )  # fmt: skip


def ours(url: str, rows: int, concurrency: int) -> Callable[[], int]:
    """samplers/openai.py through its registry, its memo on disk in the working directory."""
    import aiohttp
    from stages.samplers import sampler

    assert aiohttp  # loaded by the first call otherwise
    member, params = sampler("openai"), settings(url, concurrency)
    return lambda: sum(len(given) for given in member.answer(prompts(rows), params, 0))


def fill(url: str, rows: int, concurrency: int) -> Callable[[], int]:
    """Puts the answers into the memo as if they had been bought."""
    from stages.samplers import openai
    from stages.samplers.memo.sampled_answers import Answer
    from stages.samplers.memo.store import Memo, key
    from stages.shared.rows import Ending

    def run() -> int:
        params = settings(url, concurrency)
        with Memo() as memo:
            for prompt in prompts(rows):
                (asked,) = openai.asked(prompt, params)
                memo.put(key(asked), asked, Answer(f"The answer to {prompt.question}", Ending.STOP, 10, "m", 20, 0.0))
        return rows

    return run


def oumi(url: str, rows: int, concurrency: int) -> Callable[[], int]:
    from oumi.core.configs import GenerationParams, InferenceConfig, ModelParams, RemoteParams
    from oumi.core.types.conversation import Conversation, Message, Role
    from oumi.inference import RemoteInferenceEngine

    remote = RemoteParams(
        api_url=f"{url}/chat/completions", api_key="none", num_workers=concurrency, politeness_policy=0.0, max_retries=RETRIES
    )
    engine = RemoteInferenceEngine(ModelParams(model_name="m"), remote_params=remote)
    asked = [Conversation(messages=[Message(role=Role.USER, content=question)]) for question in questions(rows)]

    def run() -> int:
        config = InferenceConfig(generation=GenerationParams(max_new_tokens=64), remote_params=remote)
        return len(engine.infer(asked, config))

    return run


def curator(url: str, rows: int, concurrency: int) -> Callable[[], int]:
    import tiktoken
    from bespokelabs import curator as package

    try:
        tiktoken.get_encoding("cl100k_base")
    except OSError:  # it counts tokens with an encoding that it downloads: offline, one of bytes stands in
        ranks = {bytes([byte]): byte for byte in range(256)}
        small = tiktoken.Encoding("bytes", pat_str=r".+", mergeable_ranks=ranks, special_tokens={})
        tiktoken.get_encoding = lambda encoding_name: small

    class Ask(package.LLM):  # type: ignore[misc]
        def prompt(self, row: dict[str, str]) -> str:
            return row["question"]

        def parse(self, row: dict[str, str], reply: str) -> dict[str, str]:
            return {"answer": reply}

    limits = {
        "base_url": url, "api_key": "none", "max_concurrent_requests": concurrency, "max_requests_per_minute": 10**7,
        "max_tokens_per_minute": 10**10, "max_retries": RETRIES,
    }  # fmt: skip
    asker = Ask(model_name="m", backend="openai", backend_params=limits, generation_params={"max_tokens": 64})
    return lambda: len(asker([{"question": question} for question in questions(rows)]).dataset)


def distilabel(url: str, rows: int, concurrency: int) -> Callable[[], int]:
    from distilabel.models import OpenAILLM
    from distilabel.pipeline import Pipeline
    from distilabel.steps import LoadDataFromDicts
    from distilabel.steps.tasks import TextGeneration

    with Pipeline(name="bench") as pipeline:
        load = LoadDataFromDicts(data=[{"instruction": question} for question in questions(rows)], batch_size=concurrency)
        model = OpenAILLM(model="m", base_url=url, api_key="none", generation_kwargs={"max_new_tokens": 64}, max_retries=RETRIES)
        load >> TextGeneration(llm=model, input_batch_size=concurrency)
    return lambda: len(pipeline.run(use_cache=False)["default"]["train"])


CLIENTS = {
    "ours": ours, "replay": ours, "fill": fill, "bare": bare, "client": client, "oumi": oumi, "curator": curator, "distilabel": distilabel,
}  # fmt: skip


def main(name: str, url: str, rows: int, concurrency: int) -> dict[str, float]:
    """Seconds, answers, CPU seconds and peak memory in MiB of one run."""
    run = CLIENTS[name](url, rows, concurrency)
    started, used = time.perf_counter(), time.process_time()
    answers = run()
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    return {"seconds": seconds, "answers": answers, "cpu": cpu, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


if __name__ == "__main__":
    name, url, rows, concurrency, *folder = sys.argv[1:]
    if folder:
        os.chdir(folder[0])
        os.environ |= {"CURATOR_CACHE_DIR": str(Path(folder[0], "curator")), "TELEMETRY_ENABLED": "0", "CURATOR_DISABLE_RICH_DISPLAY": "1"}
    print(json.dumps(main(name, url, int(rows), int(concurrency))))
