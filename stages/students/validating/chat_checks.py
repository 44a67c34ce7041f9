"""What a file of chats comes to under a student's template and tokenizer: the report of `validated`.

Every row is seen as it will be trained on. The mask is that of training, and so are the faults for which the
audit refuses a row.
"""

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from hashlib import blake2b
from itertools import islice
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

from stages.models.templates import special_tokens
from stages.shared.errors import BadInput
from stages.shared.rows import Chat
from stages.shared.seen import Seen
from stages.students.training.audit import audited, faults_of
from stages.students.training.encoding import Example, encode_rendered
from stages.students.training.length_counts import LengthCounts
from stages.students.training.rendering import Rendered, rendered
from stages.students.validating.chat_lines import ChatLine, chat_lines

BATCH = 256  # rows that are tokenised in one call
LEAK_CHARACTERS = 20  # a shorter answer may stand in a question by chance
NEAR, VERY_NEAR = "0.8", "0.9"  # shares of max_tokens at which p95 is warned of
ROOM = "1.1"  # what is proposed for max_tokens: p99 times this
WIDE = 2  # a limit of more than so many times what is proposed is far too large
LEAST_SHARE, MOST_SHARE = 0.30, 0.85  # of all tokens those that are learnt

Format = Callable[[Chat], Chat]
"""What becomes of a row before it is trained on."""


class Student(NamedTuple):
    """For whom the rows are checked."""

    tokenizer: Any
    # the id of the token that ends a turn
    end: int
    # tokens of a row; longer rows are left out of training
    max_tokens: int


class Checks:
    """Adds up rows; memory does not grow with their number."""

    def __init__(self, student: Student) -> None:
        self.student = student
        self.special = special_tokens(student.tokenizer)
        self.rows = self.duplicates = self.leaks = 0
        self.first_duplicate = self.first_leak = 0  # numbers of lines
        self.faults: dict[str, tuple[int, int]] = {}  # by fault, how many rows have it and the first line
        self.prompts, self.answers, self.wholes = LengthCounts(), LengthCounts(), LengthCounts()
        self.seen = Seen()

    def add(self, lines: Iterable[ChatLine], formatted: Format | None) -> None:
        """Checks some lines together."""
        numbers, chats, texts = [], [], []
        for line in lines:
            self.rows += 1
            try:
                chat, rows = self._rendered(line, formatted)
            except BadInput as error:
                self._fault(str(error), line.number)
                continue
            self._compare(chat, line.number)
            numbers.extend([line.number] * len(rows))
            chats.extend([chat] * len(rows))
            texts.extend(rows)
        if not texts:
            return
        examples = encode_rendered(texts, self.student.tokenizer)
        for number, chat, example in zip(numbers, chats, examples, strict=True):
            self._count(number, chat, example)

    def _rendered(self, line: ChatLine, formatted: Format | None) -> tuple[Chat, list[Rendered]]:
        if line.chat is None:
            raise BadInput(line.fault)
        chat = formatted(line.chat) if formatted else line.chat
        roles = [message["role"] for message in chat.messages]
        for role in ("user", "assistant"):
            if role not in roles:
                raise BadInput(f"no turn of the {role}")
        return chat, rendered(chat, self.student.tokenizer, self.student.end)

    def _compare(self, chat: Chat, number: int) -> None:
        """Counts a chat that stood before, and one whose answer stands in its question."""
        turns = [f"{message['role']}\0{message['content']}" for message in chat.messages]
        digest = blake2b("\0\0".join(turns).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        if not self.seen.add(digest):
            self.duplicates += 1
            self.first_duplicate = self.first_duplicate or number
        if leaks(chat):
            self.leaks += 1
            self.first_leak = self.first_leak or number

    def _count(self, number: int, chat: Chat, example: Example) -> None:
        learnt = sum(example.supervised)
        self.prompts.add(len(example.ids) - learnt)
        self.answers.add(learnt)
        self.wholes.add(len(example.ids))
        tokenizer, end = self.student.tokenizer, self.student.end
        if faults_of(chat, example, tokenizer, end, self.special):
            for fault in audited(chat, tokenizer, end, self.special)[2]:  # none where it can be cleaned
                self._fault(fault, number)

    def _fault(self, fault: str, number: int) -> None:
        count, first = self.faults.get(fault, (0, number))
        self.faults[fault] = count + 1, first

    @property
    def mask_share(self) -> float:
        """Of all tokens of all rows the share that is learnt."""
        tokens = self.wholes.tokens()
        return self.answers.tokens() / tokens if tokens else 0.0

    @property
    def proposed(self) -> int:
        """What max_tokens could be: p99 of the whole rows times `ROOM`, rounded up."""
        return max(8, ceil(self.wholes.quantile("0.99") * Fraction(ROOM)))

    def report(self) -> dict[str, Any]:
        """Counts, lengths, and what is wrong: `errors`, `warnings` and `hints`, each a list of sentences.
        `ok` is false where there are errors."""
        errors, warnings, hints = self._errors(), self._warnings(), self._hints()
        return {
            "ok": not errors,
            "rows": self.rows,
            "max_tokens": self.student.max_tokens,
            "proposed_max_tokens": self.proposed,
            "too_long": self.wholes.above(self.student.max_tokens),
            "lengths": {
                "prompt": self.prompts.summary(),
                "answer": self.answers.summary(),
                "whole": self.wholes.summary(),
            },
            "mask_share": round(self.mask_share, 6),
            "duplicates": self.duplicates,
            "leaks": self.leaks,
            "faults": {
                fault: {"rows": count, "first_line": first}
                for fault, (count, first) in sorted(self.faults.items())
            },
            "errors": errors,
            "warnings": warnings,
            "hints": hints,
        }

    def _errors(self) -> list[str]:
        errors = [
            f"{count} rows cannot be trained on: {fault} (first: line {first})"
            for fault, (count, first) in sorted(self.faults.items())
        ]
        p95, limit = self.wholes.quantile("0.95"), self.student.max_tokens
        if p95 > limit:
            above, rows = self.wholes.above(limit), self.wholes.counts.total()
            errors.append(
                f"p95 is {p95} tokens, above max_tokens {limit}: {above} of {rows} rows would be left "
                "out of training"
            )
        return errors

    def _warnings(self) -> list[str]:
        warnings = []
        p95, limit = self.wholes.quantile("0.95"), self.student.max_tokens
        reached = [share for share in (VERY_NEAR, NEAR) if p95 >= limit * Fraction(share)]
        if reached and p95 <= limit:
            warnings.append(f"p95 is {p95} tokens, at least {float(reached[0]):.0%} of max_tokens {limit}")
        if self.wholes.counts and not LEAST_SHARE <= self.mask_share <= MOST_SHARE:
            warnings.append(
                f"{self.mask_share:.1%} of the tokens are learnt; expected "
                f"{LEAST_SHARE:.0%} to {MOST_SHARE:.0%}"
            )
        if self.duplicates:
            warnings.append(f"{self.duplicates} rows stood before (first: line {self.first_duplicate})")
        if self.leaks:
            warnings.append(
                f"the answer of {self.leaks} rows stands in their question (first: line {self.first_leak})"
            )
        return warnings

    def _hints(self) -> list[str]:
        if self.wholes.counts and self.student.max_tokens > WIDE * self.proposed:
            return [
                f"max_tokens {self.student.max_tokens} is far above the rows' lengths (p99 "
                f"{self.wholes.quantile('0.99')}): {self.proposed} would do"
            ]
        return []


def validated(
    path: Path, student: Student, formatted: Format | None = None, progress: Any = iter
) -> dict[str, Any]:
    """The report on the file `path` for `student` (see `Checks.report`).

    `formatted` is what becomes of a row before it is trained on (None: nothing). `progress` wraps the
    iterator of lines. Raises BadInput where the file is missing or empty.
    """
    checks, lines = Checks(student), iter(progress(chat_lines(path)))
    while batch := list(islice(lines, BATCH)):
        checks.add(batch, formatted)
    return checks.report()


def leaks(chat: Chat) -> bool:
    """Whether an assistant's words stand in a turn before them: all of the turn, or its last line. Case and
    white space do not count; shorter words than `LEAK_CHARACTERS` do not either."""
    before = ""
    for message in chat.messages:
        if message["role"] != "assistant":
            before = f"{before} {_even(message['content'])}"
        elif any(answer in before for answer in _answers(message["content"])):
            return True
    return False


def _answers(content: str) -> Iterator[str]:
    lines = content.strip().splitlines() or [""]
    for answer in {_even(content), _even(lines[-1])}:
        if len(answer) >= LEAK_CHARACTERS:
            yield answer


def _even(text: str) -> str:
    return " ".join(text.casefold().split())
