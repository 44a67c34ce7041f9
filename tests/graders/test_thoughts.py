"""Thoughts in the marks of today's models: taken out where they end, no answer where they were cut off."""

import pytest
from stages.graders.reading.thoughts import without_thought

TAGS = [
    ("<think>", "</think>"), ("<thinking>", "</thinking>"), ("<Thought>", "</Thought>"), ("<reasoning>", "</reasoning>"),
    ("<analysis>", "</analysis>"), ("<cot>", "</cot>"), ("<reflection>", "</reflection>"), ("<scratchpad>", "</scratchpad>"),
    ("<inner_monologue>", "</inner_monologue>"), ("<seed:think>", "</seed:think>"), ("[THINK]", "[/THINK]"), ("[think]", "[/think]"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"), ("<|thinking|>", "<|/thinking|>"), ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("◁think▷", "◁/think▷"), ("<chain_of_thought>", "</chain_of_thought>"),
]  # fmt: skip


@pytest.mark.parametrize(("opener", "closer"), TAGS)
def test_a_thought_is_taken_out(opener: str, closer: str) -> None:
    assert without_thought(f"{opener}it is 3{closer}It is 4.") == "It is 4."
    assert without_thought(f"So: {opener}3{closer}4, {opener}5{closer}6") == "So: 4, 6"
    assert without_thought(f"It is 4.{opener}or is it 3") == "It is 4."  # cut off
    assert without_thought(f"{opener}it is 3") == ""
    assert without_thought(f"it is 3{closer}It is 4.") == "It is 4."  # the prompt opened it


FINAL = "<|channel|>final<|message|>It is 4."
HARMONY = [
    (f"<|channel|>analysis<|message|>It is 3.<|end|><|start|>assistant{FINAL}<|return|>", "It is 4."),
    (f"analysis<|message|>It is 3.<|end|><|start|>assistant{FINAL}", "It is 4."),  # the prompt opened the channel
    (f"<|channel|>commentary to=functions.f<|message|>3<|call|>{FINAL}", "It is 4."),
    (FINAL, "It is 4."),
    ("<|channel|>analysis<|message|>It is 3.", ""),
    ("<|channel|>analysis<|message|>It is 3.<|end|>", ""),
    ("analysisIt is 3?assistantfinalIt is 4.", "It is 4."),  # without special tokens
    ("analysisIt is 3, or", ""),
    ("analysis of the data says 3", "analysis of the data says 3"),
]


@pytest.mark.parametrize(("text", "answer"), HARMONY)
def test_channels(text: str, answer: str) -> None:
    assert without_thought(text) == answer


@pytest.mark.parametrize("text", ["a < b", "<answer>4</answer>", "[1] and [2]", "x <= 3", "<|im_start|>4", ""])
def test_other_marks_are_left(text: str) -> None:
    assert without_thought(text) == text
