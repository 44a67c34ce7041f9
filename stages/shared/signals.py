"""Signals: symbols with which an answer begins and ends where the user's turn asks for them.

A request is two sentences of the user's turn, each on a line of its own; either may be absent. An answer that
complies begins with a line of think symbols and ends with a line of stop symbols:

    user       Who sings?                                      assistant   🤔🤔🤔🤔
                                                                           The answer is Eva.
               For this task, think with 🤔 /four/ times.                   🛑🛑🛑

               When finished, emit 🛑 /three/ times to signal completion.

Everything here takes any text: a model's, a file's.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from stages.shared.rows import Message

THINK_SYMBOLS = ("🤔", "💭", "🧠", "💡", "🔍", "🧩", "🔬", "📝", "🧮", "🔭")
STOP_SYMBOLS = ("🛑", "🏁", "🔚", "⛔", "🚧", "🚦", "🔒", "📴", "🎬", "🏠")
THINK = "For this task, think with {symbol} /{count}/ times."
STOP = "When finished, emit {symbol} /{count}/ times to signal completion."
_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)
WORDS = _WORDS.split()

SYMBOL = r"[^\s\w\x00-\x7f]{1,12}"  # an emoji may be several characters; a letter or ASCII sign is none
_COUNT = rf"/?(?P<count>{'|'.join(reversed(WORDS))}|\d{{1,2}})/?"
_LINE = r"^[ \t]*{}[ \t\r]*$"
_FORMS = {
    "think": rf"For this task,? think with (?P<symbol>{SYMBOL}) ?{_COUNT} times?\.?",
    "stop": rf"When finished,? emit (?P<symbol>{SYMBOL}) ?{_COUNT} times? to signal completion\.?",
}
_FLAGS = re.IGNORECASE | re.MULTILINE
_PARTS = {part: re.compile(_LINE.format(form), _FLAGS) for part, form in _FORMS.items()}
_ANY = "|".join(f"(?:{re.sub(r'[?]P<[a-z]+>', '?:', form)})" for form in _FORMS.values())
_FIRST = re.compile(rf"\A[ \t]*(?:{_ANY})[ \t\r]*(?:\n{{1,2}}|\Z)", re.IGNORECASE)
_LATER = re.compile(r"\n{0,2}" + _LINE.format(f"(?:{_ANY})"), _FLAGS)
_TAG = re.compile(r"</?think>", re.IGNORECASE)


class Request(NamedTuple):
    """What a user's turn asks for; a half that it does not ask for is `""`, 0 times."""

    think: str
    think_count: int
    stop: str
    stop_count: int

    def text(self) -> str:
        """The sentences of the request, an empty line between them."""
        parts = ((THINK, self.think, self.think_count), (STOP, self.stop, self.stop_count))
        return "\n\n".join(
            form.format(symbol=symbol, count=spelled(count)) for form, symbol, count in parts if count
        )


class Signed(NamedTuple):
    """An answer in parts: the signals before its words, its words, the signals after them."""

    before: str
    words: str
    after: str


def spelled(count: int) -> str:
    """`four`; above twenty in digits."""
    return WORDS[count] if count < len(WORDS) else str(count)


def request_in(content: str) -> Request | None:
    """What a user's turn asks for, in any wording that is recognised; None where it asks for nothing.

    A count may be spelled or in digits, between slashes or not. Of several requests the last one counts.
    """
    halves: list[str | int] = []
    for part in _PARTS.values():
        matches = list(part.finditer(content))
        count = _number(matches[-1]["count"]) if matches else 0
        halves += [matches[-1]["symbol"], count] if count else ["", 0]
    request = Request(*halves)  # type: ignore[arg-type]
    return request if request.think_count or request.stop_count else None


def request_of(messages: Sequence[Message]) -> Request | None:
    """What the last user's turn of a chat asks for; None where it asks for nothing."""
    last = next((message for message in reversed(messages) if message["role"] == "user"), None)
    return request_in(last["content"]) if last else None


def with_request(content: str, request: Request) -> str:
    """A user's turn that asks for signals: its own request where it has one, else `request` at its end."""
    return content if request_in(content) else f"{content}\n\n{request.text()}"


def without_request(content: str) -> str:
    """A user's turn without its requests, and without the empty line before each (after it, where a request
    begins the turn)."""
    while (shorter := _FIRST.sub("", content)) != content:
        content = shorter
    return _LATER.sub("", content)


def signed(text: str, request: Request, symbols: Iterable[str] = ()) -> str:
    """An answer with exactly the signals of `request`: think tags and signals that it has already are taken
    off first."""
    words = parts_of(untagged(text), (*symbols, request.think, request.stop)).words
    before = f"{request.think * request.think_count}\n" if request.think_count else ""
    after = f"\n{request.stop * request.stop_count}" if request.stop_count else ""
    return f"{before}{words if words.strip() else ''}{after}"


def parts_of(text: str, symbols: Iterable[str] = ()) -> Signed:
    """An answer in parts: all signals at its ends, of any count and repeated, are apart from its words.

    Signals are runs of `THINK_SYMBOLS`, `STOP_SYMBOLS` and `symbols`, with blanks between them or not. They
    take with them the newline (or the blanks) that parts them from the words. Text without signals at its
    ends is all words.
    """
    runs, backward = _runs(tuple(sorted({*THINK_SYMBOLS, *STOP_SYMBOLS, *symbols} - {""})))
    start = _end_of(runs, text)
    rest = text[start:]
    end = len(rest) - _end_of(backward, rest[::-1])
    words = rest[:end]
    if not words.strip() and words != text:  # signals alone
        return Signed(text, "", "")
    return Signed(text[:start], words, rest[end:])


def untagged(text: str) -> str:
    """`text` without `<think>` and `</think>`; what stands between them stays. Blank space that the tags
    leave at the ends goes too."""
    if not _TAG.search(text):
        return text
    kept: list[str] = []
    for character in text:
        kept.append(character)
        if character == ">" and (tag := re.search(r"</?think>\Z", "".join(kept[-8:]), re.IGNORECASE)):
            del kept[-len(tag[0]) :]  # at once, so that what is left never spells a new tag
    return "".join(kept).strip()


@lru_cache(maxsize=1024)
def _runs(symbols: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """A run of symbols with the space around it at the start of a text, and of a text read backward."""
    forward = "|".join(map(re.escape, sorted(symbols, key=len, reverse=True)))
    reverse = "|".join(re.escape(symbol[::-1]) for symbol in sorted(symbols, key=len, reverse=True))
    run = r"\s*+(?:{0})(?:[ \t]*+(?:{0}))*+(?:[ \t]*+\n|[ \t]*+)"
    # an emoji may carry a variation selector behind it, which comes first where it is read backward
    return re.compile(run.format(f"(?:{forward})\ufe0f?")), re.compile(run.format(f"\ufe0f?(?:{reverse})"))


def _end_of(run: re.Pattern[str], text: str) -> int:
    """Where the runs at the start of `text` end."""
    end = 0
    while match := run.match(text, end):
        end = match.end()
    return end


def _number(count: str) -> int:
    return int(count) if count.isdecimal() else WORDS.index(count.lower())
