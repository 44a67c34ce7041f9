"""Tokenizers and their chat templates: loaded, rendered, and the tokens that are no text."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.models.folders import locate
from stages.shared.errors import BadInput
from stages.shared.rows import Message

_MONTHS = "January February March April May June July August September October November December"
MONTHS = _MONTHS.split()
DATE = r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$"  # of a template_date in params


def load_tokenizer(model: str) -> Any:
    """The tokenizer of a model, with its chat template; raises BadInput where the model has none."""
    weights = locate(model)
    name = str(weights.adapter or weights.name)
    folder = Path(name)
    if folder.is_dir() and not any(
        (folder / file).is_file() for file in ("tokenizer.json", "tokenizer.model", "vocab.json")
    ):
        raise BadInput(
            f"{name}: a model folder without a tokenizer: "
            "expected tokenizer.json, tokenizer.model or vocab.json"
        )
    try:
        tokenizer = _tokenizer_class(folder).from_pretrained(
            name, revision=None if weights.adapter else weights.revision
        )
    except OSError as error:
        raise BadInput(f"{name}: its tokenizer could not be loaded: {first_line(error)}") from None
    if tokenizer.chat_template is None:
        raise BadInput(
            f"{name}: its tokenizer has no chat template; "
            "take an instruct model, or add chat_template.jinja to the folder"
        )
    if weights.adapter:  # its folder holds the template with its arguments
        return tokenizer
    return with_arguments(tokenizer, weights.template or {}, weights.template_date, name)


def with_arguments(
    tokenizer: Any, arguments: Mapping[str, bool | int | float | str], date: str | None, name: str
) -> Any:
    """`tokenizer` with a chat template in which `arguments` are set and the clock stands at `date` (as
    2024-07-26; None: it goes on).

    They become a part of the template: whoever loads a folder that is saved with it sees the same text.
    Raises BadInput, which names the model by `name`, on an argument that the template does not read, and on a
    date where it reads no clock.
    """
    head = []
    for argument, value in arguments.items():
        if not re.search(rf"\b{re.escape(argument)}\b", tokenizer.chat_template):
            raise BadInput(f"{name}: template: its chat template reads no argument {argument!r}")
        written = json.dumps(
            value, ensure_ascii=False
        )  # JSON's strings, numbers, true and false are Jinja's too
        head.append(f"{{%- set {argument} = {written} -%}}")
    if date is not None:
        if not reads_clock(tokenizer):
            raise BadInput(f"{name}: template_date: its chat template reads no clock; leave it out")
        head.append(_stopped_clock(tokenizer.chat_template, date, name))
    tokenizer.chat_template = "".join(head) + tokenizer.chat_template
    return tokenizer


def reads_clock(tokenizer: Any) -> bool:
    """Whether the chat template writes today's date, so that a chat is another text tomorrow."""
    if "strftime_now" not in tokenizer.chat_template:  # its only clock, in transformers
        return False
    messages = [Message(role="user", content="a"), Message(role="assistant", content="b")]
    texts = {
        tokenizer.apply_chat_template(
            messages, chat_template=_macro(f"'{day}'") + tokenizer.chat_template, tokenize=False
        )
        for day in ("1 Jan", "2 Jan")
    }
    return len(texts) > 1


def _stopped_clock(template: str, date: str, name: str) -> str:
    """A macro in the place of `strftime_now`: the date in each of the forms that the template asks for."""
    year, month, day = date.split("-")
    long = MONTHS[int(month) - 1]
    parts = {"%Y": year, "%m": month, "%d": day, "%b": long[:3], "%B": long, "%y": year[2:]}
    written = {}
    for form in re.findall(r"strftime_now\(\s*[\"']([^\"']*)[\"']\s*\)", template):
        if unread := set(re.findall(r"%.", form)) - parts.keys():
            raise BadInput(f"{name}: template_date: its chat template asks the clock for {min(unread)!r}")
        written[form] = re.sub(r"%.", lambda match: parts[match[0]], form)
    return _macro(f"{json.dumps(written)}[form]")


def _macro(value: str) -> str:
    return f"{{%- macro strftime_now(form) -%}}{{{{ {value} }}}}{{%- endmacro -%}}"


def _tokenizer_class(folder: Path) -> Any:
    """The class that reads the tokenizer: tokenizer.json as it is, where the folder names no class of its
    own.

    AutoTokenizer would go by the model's architecture. For `qwen2` it keeps the vocabulary but adds Qwen's
    own rules of splitting and a token `<|endoftext|>`: the model would meet tokens that it did not learn
    from.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    config = folder / "tokenizer_config.json"
    named = json.loads(config.read_text()).get("tokenizer_class") if config.is_file() else None
    return (
        PreTrainedTokenizerFast
        if named in ("TokenizersBackend", "PreTrainedTokenizerFast")
        else AutoTokenizer
    )


def special_tokens(tokenizer: Any) -> dict[int, str]:
    """The tokens that are no text, by id: those with a role, and those that the tokenizer marks as
    special."""
    marked = {token: str(added) for token, added in tokenizer.added_tokens_decoder.items() if added.special}
    return marked | dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True))


def render(tokenizer: Any, messages: Sequence[Message], prompt: bool = False) -> str:
    """The messages as the chat template writes them; `prompt` opens the assistant's turn. Raises BadInput
    where the template refuses."""
    from jinja2 import TemplateError

    try:
        text: str = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt)
    except TemplateError as error:
        raise BadInput(f"the chat template refuses the messages: {first_line(error)}") from None
    return text


def first_line(error: Exception) -> str:
    """The first line of an error of another library."""
    return str(error).strip().split("\n")[0]
