"""Asking again for what is rejected: who is asked what, at which temperature, and what it costs."""

import json
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from stages.samplers import hf, recorded, scripted
from stages.samplers.ask import ask
from stages.samplers.asking.answer_file import AnswerFile
from stages.samplers.asking.totals import Totals
from stages.samplers.asking.tries import Acceptance
from stages.samplers.memo.sampled_answers import Answer
from stages.shared.errors import BadInput
from stages.shared.rows import Ending, Kind, Problem, Prompt, Response, encode
from stages.styles.prompting.prompts import prompts as put

from memos import THOUGHTFUL
from server import Call, Server
from server import Response as Reply
from teachers import params, prompts, runs, workplace
from tiny import prompts as local_prompts
from tiny import question

pytestmark = pytest.mark.usefixtures("workplace")
__all__ = ["workplace"]

TEACHER = scripted.Params(sampler="scripted", n=2, wrong=0.5)


def right(response: Response) -> bool:
    return response.text.endswith(f"The answer is {response.answer}.")


def anything(response: Response) -> bool:
    return True


def nothing(response: Response) -> bool:
    return False


def problems(count: int, styles: dict[str, str]) -> Callable[[], Iterator[Prompt]]:
    def start() -> Iterator[Prompt]:
        for n in range(count):
            fields: dict[str, Any] = {"task": "t", "kind": Kind.NUMBER, "split": "train", "question": "What?"}
            yield from put([Problem(id=f"p{n}", answer="9", solution="7 + 2 = 9", **fields)], styles)

    return start


def test_what_is_rejected_is_answered_anew_in_its_place() -> None:
    """One try more halves what is wrong; what is accepted stays as it is, in its order."""
    start = problems(200, {"teacher": "glyph"})
    first = list(ask(start, {"teacher": TEACHER}, 0))
    wrong = [sum(not right(row) for row in first)]
    for tries in (1, 2, 3):
        rows = list(ask(start, {"teacher": TEACHER}, 0, accept={"teacher": Acceptance(right, [None] * tries)}))
        assert [(row.id, row.sample) for row in rows] == [(row.id, row.sample) for row in first]
        assert all(new == old for new, old in zip(rows, first, strict=True) if right(old))
        wrong.append(sum(not right(row) for row in rows))
    assert wrong[0] > 150
    for before, after in pairwise(wrong):
        assert 0.3 < after / before < 0.7


def test_where_all_is_accepted_the_rows_are_those_of_one_try() -> None:
    start = problems(20, {"teacher": "glyph", "probe": "plain"})
    both = {"teacher": TEACHER, "probe": TEACHER}
    plain = [encode(row) for row in ask(start, both, 0)]
    accept = {"teacher": Acceptance(anything, [None]), "probe": Acceptance(anything)}
    assert [encode(row) for row in ask(start, both, 0, accept=accept)] == plain


def test_only_those_named_are_asked_again() -> None:
    start = problems(50, {"teacher": "glyph", "probe": "glyph"})
    both = {"teacher": TEACHER, "probe": TEACHER}
    rows = list(ask(start, both, 0, accept={"teacher": Acceptance(right, [None] * 20)}))
    assert Counter(right(row) for row in rows if row.by == "teacher") == {True: 100}
    assert [row for row in rows if row.by == "probe"] == [row for row in ask(start, both, 0) if row.by == "probe"]


def test_the_totals_count_every_try() -> None:
    totals, seen = Totals("teacher", 2), list[Response]()

    def note_and_reject(response: Response) -> bool:
        seen.append(response)
        return False

    accept = {"teacher": Acceptance(note_and_reject, [None, None])}
    list(ask(problems(10, {"teacher": "glyph"}), {"teacher": TEACHER}, 0, totals, accept))
    metrics = totals.metrics()
    assert (metrics["requests"], metrics["answers"], metrics["missing"]) == (60, 60, 0)
    assert metrics["tokens"] == sum(row.tokens for row in seen) and len(seen) == 60


class Improving(Server):
    """Answers `bad` to the first `times` requests for the same, and `good` from then on."""

    def __init__(self, times: int = 1) -> None:
        super().__init__()
        self.times = times

    def __enter__(self) -> "Improving":
        super().__enter__()
        return self

    def answered(self, call: Call, text: str | None, reason: str, **message: Any) -> Reply:
        return super().answered(call, "good" if call.tries >= self.times else "bad", reason, **message)


def good(response: Response) -> bool:
    return response.text == "good"


def asked(server: Server, count: int = 3, totals: Totals | None = None, temperatures: Any = (0.7, 1.0), **changed: Any) -> list[Response]:
    settings = params(server, **{"temperature": 0.2} | changed)
    return list(ask(lambda: prompts(count), {"teacher": settings}, 0, totals, {"teacher": Acceptance(good, temperatures)}))


def test_each_try_has_its_own_temperature() -> None:
    with Improving(times=2) as server:
        assert [row.text for row in asked(server)] == ["good"] * 3
        sent = Counter((call.told, call.body["temperature"]) for call in server.calls)
        assert sent == {(f"plain question {number}", heat): 1 for number in range(3) for heat in (0.2, 0.7, 1.0)}


def test_the_last_try_is_kept_where_none_is_accepted() -> None:
    with Server() as server:
        rows = asked(server)
        last = {call.told: call.body["temperature"] for call in server.calls}
        assert set(last.values()) == {1.0} and len(server.calls) == 9
        assert {int(row.text.rsplit(" ", 1)[1]) for row in rows} == {6, 7, 8}  # the numbers of the last three calls


@pytest.mark.parametrize("temperatures", [(0.7, 1.0), (0.2, 0.2), (None, None)], ids=["other", "the same", "its own"])
def test_the_memo_knows_the_tries_apart(temperatures: Any) -> None:
    """Also at the same temperature; and a second run buys nothing."""
    with Improving(times=2) as server:
        totals = Totals("teacher", 1)
        rows = asked(server, totals=totals, temperatures=temperatures)
        assert len(server.calls) == 9 and [row.text for row in rows] == ["good"] * 3
        counts, again = totals.metrics(), Totals("teacher", 1)
        assert (counts["requests"], counts["stored"], counts["bought"], counts["tokens"]) == (9, 0, 9, 45)
        assert asked(server, totals=again, temperatures=temperatures) == rows
        assert len(server.calls) == 9
        assert again.metrics() == counts | {"stored": 9, "bought": 0}
    assert [run["bought"] for run in runs()] == [3, 3, 3, 0, 0, 0]


def test_more_samples_leave_the_tries_of_the_others_as_they_were() -> None:
    with Improving() as server:
        asked(server, temperatures=[0.7])
        assert len(server.calls) == 6
        asked(server, temperatures=[0.7], n=2)
        assert len(server.calls) == 9  # the second samples, which are good at once


def test_tries_ask_the_server_with_other_seeds() -> None:
    with Server() as server:
        asked(server, 1, seed=3, temperatures=[0.2, 0.2], n=2)
        seeds = [call.body["seed"] for call in server.calls]
    assert sorted(seeds) == [3, 4, 1_000_003, 1_000_004, 2_000_003, 2_000_004]


def test_samples_of_a_prompt_are_asked_again_apart() -> None:
    with Server() as server:
        rows = asked(server, 4, temperatures=[1.0], n=3)
        assert [(row.id, row.sample) for row in rows] == [(f"question {n}", sample) for n in range(4) for sample in range(3)]
        assert len({row.text for row in rows}) == 12 and len(server.calls) == 24


def test_a_batch_is_asked_again_as_a_batch() -> None:
    with Improving() as server:
        rows = asked(server, 5, mode="batch", poll=0.05)
        assert [row.text for row in rows] == ["good"] * 5
        assert len(server.batches.made) == 2 and set(server.billed.values()) == {2}


@pytest.mark.parametrize(("bound", "told"), [({"max_requests": 5}, "stopped at max_requests 2"), ({"max_usd": 0.0003}, "stopped before")])
def test_a_bound_holds_for_all_tries_together(bound: dict[str, Any], told: str) -> None:
    with Server() as server:
        with pytest.raises(BadInput, match=f"teacher, try 2 of 3: {told}"):
            asked(server, **bound, concurrency=1)
        assert len(server.calls) <= 5
        spent = sum(run["cost_usd"] for run in runs())
        assert spent <= bound.get("max_usd", 1.0)


def test_a_request_that_fails_for_good_leaves_the_answer_before_it() -> None:
    with Server(plan=lambda call: "400" if call.tries == 1 and call.told.endswith(" 1") else None) as server:
        rows = asked(server, temperatures=[0.7], allow_failures=0.4)
        assert len(rows) == 3 and rows[1].text.startswith("plain question 1 | answer ")
        assert len(server.calls) == 6
        totals = Totals("teacher", 1)
        server.plan = None
        asked(server, totals=totals, temperatures=[0.7, 0.9], allow_failures=0.4)
        assert totals.metrics()["missing"] == 0


def test_an_answer_that_never_came_is_not_asked_for_again() -> None:
    with Server(plan=lambda call: "400" if call.told.endswith(" 1") else None) as server:
        rows = asked(server, temperatures=[0.7], allow_failures=0.4)
        assert [row.id for row in rows] == ["question 0", "question 2"]


def test_memory_stays_flat() -> None:
    """12,000 answers, all rejected twice: held in memory they would take several megabytes."""
    tracemalloc.start()
    rows = ask(problems(6000, {"teacher": "plain"}), {"teacher": TEACHER}, 0, accept={"teacher": Acceptance(nothing)})
    assert sum(1 for _ in rows) == 12_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_what_cannot_be_asked_again_is_told(workplace: Path) -> None:
    start = problems(2, {"teacher": "glyph"})
    with pytest.raises(BadInput, match=r"sampler 'scripted', by 'teacher', has no temperature: expected None for each try, got 0\.7"):
        list(ask(start, {"teacher": TEACHER}, 0, accept={"teacher": Acceptance(right, [0.7])}))
    with pytest.raises(BadInput, match="accept: no sampler for probe; there is one for: teacher"):
        list(ask(start, {"teacher": TEACHER}, 0, accept={"probe": Acceptance(right)}))
    (workplace / "former.jsonl").write_text(json.dumps({"problem_id": "p0", "response": "8"}) + "\n")
    former = recorded.Params(sampler="recorded", files=["former.jsonl"])
    with pytest.raises(BadInput, match="teacher, try 2 of 2: sampler recorded: prompt 'p0' cannot be put again"):
        list(ask(start, {"teacher": former}, 0, accept={"teacher": Acceptance(right)}))


@pytest.mark.parametrize("temperature", [-0.1, float("nan"), float("inf")])
def test_a_temperature_that_is_none_is_refused(temperature: float) -> None:
    with pytest.raises(BadInput, match="accept: a temperature is 0 or more, got"):
        Acceptance(right, [0.7, temperature])


def test_an_error_in_one_try_leaves_nothing_open() -> None:
    def broken(response: Response) -> bool:
        raise ZeroDivisionError

    with Server() as server:
        rows = ask(lambda: prompts(3), {"teacher": params(server)}, 0, accept={"teacher": Acceptance(broken)})
        with pytest.raises(ZeroDivisionError):
            next(rows)
    assert runs()[0]["bought"] <= 3


def test_the_temporary_file_keeps_all_of_an_answer() -> None:
    file = AnswerFile()
    file.put(1, 0, THOUGHTFUL, 0, accepted=False)
    file.put(1, 1, Answer("", Ending.CONTEXT, 0, "m", 0, None), 0, accepted=True)
    assert list(file.rejected(0)) == [(1, 0)]
    assert list(file.lists(3)) == [[], [THOUGHTFUL, Answer("", Ending.CONTEXT, 0, "m", 0, None)], []]
    file.close()


def test_a_local_model_draws_anew_in_each_try(base: Path) -> None:
    """Also at the same temperature, and for samples of the same prompt; a second run finds all in the memo."""
    params = hf.Params.model_validate(
        {"sampler": "hf", "model": str(base), "max_new_tokens": 12, "device": "cpu", "temperature": 1.0, "n": 2}
    )
    seen: list[list[Response]] = []

    def note_and_reject(response: Response) -> bool:
        seen[-1].append(response)
        return False

    rows = []
    for _ in range(2):
        seen.append([])
        asked_for = lambda: local_prompts([question(number) for number in range(6)])  # noqa: E731
        rows.append(list(ask(asked_for, {"student": params}, 0, accept={"student": Acceptance(note_and_reject, [1.0, 1.0])})))
    assert rows[0] == rows[1] and seen[0] == seen[1]
    assert len({(row.id, row.sample, row.text) for row in seen[0]}) == len(seen[0]) == 3 * 12
