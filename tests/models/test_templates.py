"""Chat templates with their arguments, and those that read the clock."""

from pathlib import Path

import pytest
from stages.models import pinning
from stages.models.templates import load_tokenizer, reads_clock, render, with_arguments
from stages.shared.errors import BadInput
from stages.shared.rows import Message

from templates import FAMILIES, tokenizer

CHAT = [Message(role="user", content="Two?")]
TEXTS = ["Two?"]
DATED = "{{ strftime_now('%d %b %Y') }} {{ strftime_now(\"%Y\") }} {% for m in messages %}{{ m.content }}{% endfor %}"


@pytest.mark.parametrize("name", FAMILIES)
def test_which_templates_read_the_clock(name: str) -> None:
    assert reads_clock(tokenizer(name, TEXTS, date=False)) is FAMILIES[name].clock


def test_a_date_stops_the_clock() -> None:
    made = tokenizer("chatml", TEXTS)
    made.chat_template = DATED
    stopped = with_arguments(made, {}, "2024-07-26", "m")
    assert render(stopped, CHAT) == "26 Jul 2024 2024 Two?"
    assert not reads_clock(stopped)


def test_arguments_become_a_part_of_the_template() -> None:
    made = with_arguments(tokenizer("qwen3 switch", TEXTS), {"enable_thinking": False}, None, "m")
    assert render(made, CHAT, prompt=True).endswith("<think>\n\n</think>\n\n")
    dated = with_arguments(tokenizer("llama31", TEXTS, date=False), {"date_string": 'the "1st"'}, None, "m")
    assert 'Today Date: the "1st"\n' in render(dated, CHAT)


@pytest.mark.parametrize(
    ("arguments", "date", "told"),
    [
        ({"enable_thinking": False}, None, "m: template: its chat template reads no argument 'enable_thinking'"),
        ({}, "2024-07-26", "m: template_date: its chat template reads no clock"),
    ],
)
def test_what_a_template_does_not_read_is_refused(arguments: dict[str, bool], date: str | None, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        with_arguments(tokenizer("chatml", TEXTS), arguments, date, "m")


def test_a_pinned_model_has_its_arguments_for_training_and_generation(tmp_path: Path) -> None:
    tokenizer("qwen3 switch", TEXTS).save_pretrained(tmp_path / "model")
    (tmp_path / "model/config.json").write_text("{}")
    pinning.pin(tmp_path / "base", pinning.Params(pinned=str(tmp_path / "model"), template={"enable_thinking": False}), 0)
    made = load_tokenizer(str(tmp_path / "base"))
    assert render(made, CHAT, prompt=True).endswith("<think>\n\n</think>\n\n")
    made.save_pretrained(tmp_path / "student")  # as a student is saved: the arguments go with it
    (tmp_path / "student/config.json").write_text("{}")
    assert render(load_tokenizer(str(tmp_path / "student")), CHAT, prompt=True).endswith("<think>\n\n</think>\n\n")
