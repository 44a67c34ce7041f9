"""What a row came from, and what came of it: from a held-out answer or a training row to its request.

    python -m stages.tools.explain word_problems-819ae512697b7c3b
    python -m stages.tools.explain word_problems-819ae512697b7c3b/teacher/glyph/0
    python -m stages.tools.explain 'word_problems-819ae512697b7c3b/teacher/glyph/0#latent'

The id is that of a problem, a trace or a chat; these stand in the rows and on the page data/S/report.html.
For an answer: the problem, the prompt, the response with its key, price and date in the memo, the grades with
their reasons, whether it was kept, the chats that were made of it, and the nearest problems of the other
side: held-out ones for a training problem, training problems for a held-out one.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence

from stages.pages.nearest_questions import nearest
from stages.shared.cli import guard
from stages.shared.files import as_bytes
from stages.shared.rows import PROBE, Message, Trace
from stages.tools.bought import Bought, where_from
from stages.tools.lineage import Lineage, find, questions, systems

NEAR = 5  # problems of the other side
COLUMN = 10  # characters of a line's name


def page(lineage: Lineage) -> Iterator[str]:
    """The lines of the page."""
    yield from _problem(lineage)
    if lineage.answer:
        yield from _answer(lineage, lineage.answer)
    else:
        for trace in lineage.traces:
            yield _line("answer", f"{trace.trace_id}: {_verdict(trace)}{_fate(lineage, trace)}")
        yield _line("", "the id of an answer shows all that is known of it")
    yield from _neighbours(lineage)


def _problem(lineage: Lineage) -> Iterator[str]:
    first = lineage.traces[0]
    rate = "" if first.pass_rate is None else f", difficulty {1 - first.pass_rate:.2f}"
    level = "" if first.level is None else f", level {first.level}"
    yield _line("problem", f"{first.id}: system {lineage.system}, {first.split}, {first.task}{level}{rate}")
    yield _line("question", first.question)
    yield _line("gold", first.answer)


def _answer(lineage: Lineage, trace: Trace) -> Iterator[str]:
    yield _line("prompt", f"to {trace.by}, in the style {trace.style}")
    yield from _messages(trace.messages)
    made = f"{trace.sampler}, {trace.model}, sample {trace.sample}"
    yield _line("response", f"{made}, {trace.tokens} tokens, ended by {trace.ending}")
    if trace.reasoning is not None:
        yield _line("reasoning", trace.reasoning)
    yield _line("", trace.text)
    yield _line("request", _request(where_from(lineage.system, trace)))
    yield _line("trace", f"{_verdict(trace)}; read as {trace.pred!r}")
    for grader, score in trace.grades.items():
        yield _line("", f"{grader} {score:g}{_reason(trace.reasons, grader)}")
    if trace.verdict:
        yield _line("judge", trace.verdict)
    if trace.trace_id in lineage.fates:
        yield _line("filter", _fate(lineage, trace).removeprefix(", "))
        chats = [placed for placed in lineage.chats if placed.chat.trace == trace.trace_id]
        for placed in chats:
            yield _line("chat", f"{placed.chat.id}: shown to {placed.student}, {placed.place}")
            yield from _messages(placed.chat.messages)
        if not chats:
            yield _line("chat", "none was made of it")


def _request(origin: str | Bought) -> str:
    if isinstance(origin, str):
        return origin
    price = "without a known price" if origin.cost_usd is None else f"{origin.cost_usd:.6f} USD"
    again = f", try {origin.attempt}" if origin.attempt else ""
    return f"key {origin.key}, {origin.made} UTC, {price}, {origin.prompt_tokens} prompt tokens{again}"


def _neighbours(lineage: Lineage) -> Iterator[str]:
    first = lineage.traces[0]
    training = first.split == "train"
    near = nearest(first.question, questions(lineage.system, not training), NEAR)
    if near:
        yield _line("near", f"the nearest {'held-out' if training else 'training'} problems")
    for neighbour in near:
        near_lineage = find(neighbour.id, [lineage.system])
        said = ", ".join(
            f"{trace.by} {_verdict(trace)}{_fate(near_lineage, trace)}"
            for trace in near_lineage.traces
            if trace.by != PROBE
        )
        shown = dict.fromkeys(placed.student for placed in near_lineage.chats)
        learnt = f"; shown to {', '.join(shown)}" if shown else ""
        yield _line("", f"{neighbour.share:.0%} {neighbour.id}: {said}{learnt}")


def _fate(lineage: Lineage, trace: Trace) -> str:
    fate = lineage.fates.get(trace.trace_id)
    names = {None: "", "kept": ", kept", "hard": ", kept for its problem alone"}
    return names.get(fate, f", dropped for {fate}")


def _verdict(trace: Trace) -> str:
    if trace.grades.get("answer") == 1:
        return "right"
    return trace.reasons.get("answer", "wrong")


def _reason(reasons: Mapping[str, str], grader: str) -> str:
    return f" ({reasons[grader]})" if grader in reasons else ""


def _messages(messages: Sequence[Message]) -> Iterator[str]:
    for message in messages:
        yield _line("", f"[{message['role']}] {message['content']}")


def _line(name: str, text: str) -> str:
    """`text` beside its name, its control characters escaped: it is what a model wrote."""
    safe = [
        "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)
        for line in text.split("\n")
    ]
    return name.ljust(COLUMN) + f"\n{' ' * COLUMN}".join(safe)


def main() -> None:
    """Reads the command line and prints the page."""
    parser = argparse.ArgumentParser(prog="python -m stages.tools.explain", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("id", help="of a problem, a trace or a chat")
    given = parser.parse_args()

    def act() -> None:
        text = "\n".join(page(find(given.id, systems()))) + "\n"
        sys.stdout.write(as_bytes(text).decode())

    guard("explain", act)


if __name__ == "__main__":
    main()
