"""Asks again what is rejected: up to a number of tries, each with its own temperature."""

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from hashlib import sha256
from math import inf
from typing import Any, NamedTuple, Protocol

import msgspec

from stages.samplers.asking.answer_file import AnswerFile
from stages.samplers.asking.repeats import RepeatedPrompt
from stages.samplers.asking.streams import AnswerStream, Prompts, PromptStream, responses
from stages.samplers.asking.totals import Totals
from stages.samplers.memo.sampled_answers import Answer
from stages.shared.errors import BadInput
from stages.shared.rows import Prompt, Response


class Acceptance:
    """Which answers are accepted, and how the others are asked for again.

    `accepts` is a predicate over a Response. An answer that it rejects is asked for again, up to
    len(`temperatures`) times. Each of these tries has its own temperature (None: that of the sampler's
    params). If the answers of all tries are rejected, that of the last one is kept. Raises BadInput on a
    temperature that is none."""

    def __init__(
        self, accepts: Callable[[Response], bool], temperatures: Sequence[float | None] = (None,)
    ) -> None:
        wrong = [value for value in temperatures if value is not None and not 0 <= value < inf]
        if wrong:
            raise BadInput(f"accept: a temperature is 0 or more, got {', '.join(map(repr, wrong))}")
        self.accepts, self.temperatures = accepts, list(temperatures)

    def check(self, by: str, params: Any) -> None:
        """Raises BadInput where the temperature of a try would change nothing, since the sampler has none."""
        given = [value for value in self.temperatures if value is not None]
        if given and "temperature" not in type(params).model_fields:
            raise BadInput(
                f"accept: sampler {params.sampler!r}, by {by!r}, has no temperature: "
                f"expected None for each try, got {', '.join(map(str, given))}"
            )


class _Sampler(Protocol):
    def answer(self, prompts: PromptStream, params: Any, seed: int) -> Iterator[list[Answer]]: ...


class Question(NamedTuple):
    """What one sampler is asked: `prompts()` starts the stream of its `size` prompts."""

    by: str
    prompts: Prompts
    size: int
    sampler: _Sampler
    params: Any

    @property
    def names(self) -> tuple[str, str]:
        """The names of the sampler and of who is asked, for error messages."""
        return self.params.sampler, self.by


class RunTotals:
    """What a sampler's runs counted, added up over the tries."""

    def __init__(self) -> None:
        self.counts: dict[str, Any] = {}

    def add(self, counts: Mapping[str, Any]) -> None:
        """Adds the counts of one run: numbers are summed, and so are those by kind."""
        for name, value in counts.items():
            before = self.counts.get(name)
            if isinstance(value, Mapping):
                self.counts[name] = dict(sorted((Counter(before or {}) + Counter(value)).items()))
            elif isinstance(value, int | float) and before is not None:
                self.counts[name] = before + value
            else:
                self.counts[name] = value

    def left_of(self, params: Any) -> dict[str, Any]:
        """What earlier tries left of the bounds `max_usd` and `max_requests`, which hold for all tries
        together. A shared bound (`scope: repository`) counts them by itself."""
        if getattr(params, "scope", "run") == "repository":
            return {}
        usd = (self.counts.get("cost_usd") or 0.0) + (self.counts.get("lost_usd") or 0.0)
        spent = {"max_usd": usd, "max_requests": self.counts.get("sent", 0)}
        bounds = {name: getattr(params, name, None) for name in spent}
        return {name: max(0, bound - spent[name]) for name, bound in bounds.items() if bound is not None}


def answer_until_accepted(
    question: Question, seed: int, acceptance: Acceptance, totals: Totals | None = None
) -> Generator[list[Answer], None, dict[str, Any]]:
    """The answers of one sampler to each prompt, in order. Returns what the sampler counted in all its runs.

    Each try is one run of the sampler over all that was rejected in the try before. Nothing is yielded before
    the last try has ended; until then the answers lie in a temporary file, so memory stays flat. `totals`
    counts the answers of every try.
    """
    run_totals = RunTotals()
    with closing(AnswerFile()) as file:
        first = PromptStream(question.prompts(), question.size)
        answers = AnswerStream(question.sampler.answer(first, question.params, seed), *question.names)
        with closing(answers):
            for position, prompt in enumerate(question.prompts()):
                given = answers.take(prompt)
                if totals:
                    totals.add(question.by, given)
                for row, answer in zip(responses(prompt, given, question.params.sampler), given, strict=True):
                    file.put(position, row.sample, answer, 0, acceptance.accepts(row))
            run_totals.add(answers.end())
        for attempt, temperature in enumerate(acceptance.temperatures, 1):
            if not file.count_rejected(attempt - 1):
                break
            changes = {"n": 1} | run_totals.left_of(question.params)
            if temperature is not None:
                changes["temperature"] = float(temperature)
            params = question.params.model_copy(update=changes)
            try:
                run_totals.add(_try_again(question, params, seed, attempt, file, acceptance, totals))
            except BadInput as error:
                total = len(acceptance.temperatures) + 1
                raise BadInput(f"{question.by}, try {attempt + 1} of {total}: {error}") from None
        yield from file.lists(question.size)
    return run_totals.counts


def _try_again(
    question: Question,
    params: Any,
    seed: int,
    attempt: int,
    file: AnswerFile,
    acceptance: Acceptance,
    totals: Totals | None,
) -> Mapping[str, Any]:
    """One more try for all that was rejected in the one before. Returns what the sampler counted."""
    repeated = (prompt for _, prompt in _repeated(question, attempt, file))
    stream = PromptStream(repeated, file.count_rejected(attempt - 1))
    lists = question.sampler.answer(stream, params, _seed_of_try(seed, attempt))
    with closing(AnswerStream(lists, *question.names)) as answers:
        for position, prompt in _repeated(question, attempt, file):
            given = answers.take(prompt)
            if totals:
                totals.add(question.by, given, requests=1)
            if not given:
                file.put_none(position, prompt.sample, attempt)
            for answer in given:
                (row,) = responses(_as_prompt(prompt), [answer], params.sampler)
                row.sample = prompt.sample
                file.put(position, prompt.sample, answer, attempt, acceptance.accepts(row))
        return answers.end()


def _repeated(question: Question, attempt: int, file: AnswerFile) -> Iterator[tuple[int, RepeatedPrompt]]:
    """The prompts of what was rejected in the try before `attempt`, each with its position among all."""
    rejected = file.rejected(attempt - 1)
    row = next(rejected, None)
    for position, prompt in enumerate(question.prompts()):
        if row is None:
            return
        fields = msgspec.structs.asdict(prompt)
        while row and row[0] == position:
            yield position, RepeatedPrompt(**fields, sample=row[1], attempt=attempt)
            row = next(rejected, None)


def _as_prompt(repeated: RepeatedPrompt) -> Prompt:
    return Prompt(**{name: getattr(repeated, name) for name in Prompt.__struct_fields__})


def _seed_of_try(seed: int, attempt: int) -> int:
    """A seed of its own for each try, for samplers that draw from the project's seed."""
    return int.from_bytes(sha256(f"{seed} try {attempt}".encode()).digest()[:4]) >> 1
