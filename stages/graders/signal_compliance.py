"""Whether an answer has exactly the signals that the last user's turn asks for, and ends right after them.

An answer that is asked for both begins with the think symbol, so often as asked, and a newline; it ends with
a newline and the stop symbol, so often as asked, and there the model ends its turn. An answer that is not
asked for signals at one of its ends has none there.

Reasons, of which the first that holds is given:

unasked      it was asked for no signal, and has some
no_think     it does not begin with the think symbol
think_count  it begins with the think symbol, another number of times
think_form   that signal stands on no line of its own, another signal follows, or it stands in the words too
no_stop      the stop symbol stands nowhere
stop_count   it stands there another number of times
text_after   something follows the last of them
stop_form    as `think_form`
no_end       the model did not end its turn after the last stop symbol

Facts (1 and 0 for yes and no):

think_symbol, stop_symbol  asked for; "" where none is
think_asked, stop_asked    how often; 0 where it is not asked for
think, stop                how often it stands at the start, and last in the answer; of a symbol that is not
                           asked for, the signals of any symbol at that end
begins, ends               whether that end is exactly as asked for
after                      characters after the last stop symbol, that asked for or any; 0 where there is none
clean                      whether there is one, nothing follows it, and the model ended its turn
think_tag                  whether `<think>` or `</think>` stands in the answer
stop_emoji                 whether any stop symbol does
"""

import re

from stages.graders import Grade
from stages.shared.marks import marks_in
from stages.shared.params import Strict
from stages.shared.rows import Ending, Response
from stages.shared.signals import STOP_SYMBOLS, THINK_SYMBOLS, Request, parts_of, request_of

_TAG = re.compile(r"</?think>", re.IGNORECASE)
_NOTHING = Request("", 0, "", 0)


class Params(Strict):
    """No params."""


def grade(response: Response, params: Params) -> Grade:
    """1 where the answer complies, else 0 with the reason."""
    asked = request_of(response.messages) or _NOTHING
    facts = _facts(response.text, asked, response.ending is Ending.STOP)
    reason = _fault(asked, facts)
    return Grade(float(not reason), reason, None, facts)


def _facts(text: str, asked: Request, ended: bool) -> dict[str, float | str]:
    stops = [asked.stop] if asked.stop_count else STOP_SYMBOLS
    places = [text.rfind(symbol) + len(symbol) for symbol in stops if symbol in text]
    last = max(places, default=0)
    begins, ends = _exact(text, asked)
    counts = {
        "think_asked": asked.think_count,
        "stop_asked": asked.stop_count,
        "think": _count(text, asked.think),
        "stop": _count(text[: text.rfind(asked.stop) + len(asked.stop)][::-1], asked.stop[::-1]),
        "begins": begins,
        "ends": ends,
        "after": len(text) - last if places else 0,
        "clean": bool(places) and last == len(text) and ended,
        "think_tag": bool(_TAG.search(text)),
        "stop_emoji": bool(places) or any(symbol in text for symbol in STOP_SYMBOLS),
    }
    parts, known = parts_of(text), (*THINK_SYMBOLS, *STOP_SYMBOLS)
    if not asked.think_count:
        counts["think"] = len(marks_in(parts.before, known))
    if not asked.stop_count:
        counts["stop"] = len(marks_in(parts.after, known))
    return {"think_symbol": asked.think, "stop_symbol": asked.stop} | {
        name: float(value) for name, value in counts.items()
    }


def _exact(text: str, asked: Request) -> tuple[bool, bool]:
    """Whether `text` begins, and whether it ends, exactly as asked for."""
    before = f"{asked.think * asked.think_count}\n" if asked.think_count else ""
    after = f"\n{asked.stop * asked.stop_count}" if asked.stop_count else ""
    rest = text.removeprefix(before).removesuffix(after)
    parts = parts_of(rest, (asked.think, asked.stop))
    begins = text.startswith(before) and not parts.before and not (asked.think and asked.think in rest)
    ends = text.endswith(after) and not parts.after and not (asked.stop and asked.stop in rest)
    return begins, ends


def _count(text: str, symbol: str) -> int:
    """How often `symbol` stands at the start of `text`, without anything between."""
    count = 0
    while symbol and text.startswith(symbol, count * len(symbol)):
        count += 1
    return count


def _fault(asked: Request, facts: dict[str, float | str]) -> str:
    """The first reason that holds; "" where the answer complies."""
    if not asked.think_count and not asked.stop_count:
        return "" if facts["begins"] and facts["ends"] else "unasked"
    faults = {
        "no_think": asked.think_count and not facts["think"],
        "think_count": facts["think"] != asked.think_count,
        "think_form": not facts["begins"],
        "no_stop": asked.stop_count and not facts["stop"],
        "stop_count": facts["stop"] != asked.stop_count,
        "text_after": asked.stop_count and facts["after"],
        "stop_form": not facts["ends"],
        "no_end": asked.stop_count and not facts["clean"],
    }
    return next((reason for reason, holds in faults.items() if holds), "")
