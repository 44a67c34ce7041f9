"""The question, and a request to begin the answer with think signals and to end it with stop signals.

A hash of the conversation's id decides whether the conversation asks, and for which symbols how often. So all
turns of a conversation ask for the same, and a student is asked in the evaluation exactly as in training.
What is held out is drawn for no train problem. The turns before the question are shown as the student is to
answer them: with the signals that they ask for, and with none where they ask for none.
"""

from stages.shared.rows import Message, Problem
from stages.shared.signals import Request, parts_of, request_in, signed, with_request, without_request
from stages.styles import plain
from stages.styles.prompting.drawn_signals import Params as Params


def render(problem: Problem, params: Params) -> list[Message]:
    """The conversation with its requests and, before the question, its signals.

    A turn that asks already, in any wording, keeps its own request, whatever is drawn.
    """
    asks = params.asks(problem)
    request = params.request(problem) if asks else None
    symbols = [*params.drawn.think, *params.drawn.stop, params.think.symbol, params.stop.symbol]
    messages: list[Message] = []
    own: Request | None = None
    turn = 0
    for message in plain.render(problem):
        content = message["content"]
        if message["role"] == "user":
            if not params.enabled:
                content = without_request(content)
            elif request and params.asks_in(problem, turn):
                content = with_request(content, request)
            own, turn = request_in(content), turn + 1
        elif message["role"] == "assistant":
            content = signed(content, own, symbols) if own else parts_of(content, symbols).words
        messages.append(Message(role=message["role"], content=content))
    return _explained(messages, params.system_prompt) if asks and params.system_prompt else messages


def _explained(messages: list[Message], text: str) -> list[Message]:
    """`messages` with `text` at the end of the system's turn, once; with such a turn where there is none."""
    if not messages or messages[0]["role"] != "system":
        return [Message(role="system", content=text), *messages]
    first = messages[0]["content"]
    content = first if text in first else f"{first}\n\n{text}"
    return [Message(role="system", content=content), *messages[1:]]
