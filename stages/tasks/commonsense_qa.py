"""CommonsenseQA: everyday questions with five options (Talmor et al. 2019, https://arxiv.org/abs/1811.00937).

https://huggingface.co/datasets/tau/commonsense_qa, MIT: 9741 train, 1221 validation and 1140 test rows like

    id: 1afa02df02c908a558b4036e80242fac   question_concept: revolving door   answerKey: A
    question: A revolving door is convenient for two direction travel, but it also serves as a security
    measure at a what?
    choices: {label: [A, B, C, D, E], text: [bank, library, department store, mall, new york]}

Quirks: the answers of its own test split are secret (`answerKey` is blank), so test is its validation split
here, as in most papers, and validation is a share of train; in some rows one option stands twice, and a
grader takes both letters for it.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pydantic import Field

from stages.shared.rows import Problem
from stages.tasks.reading.hub import HubParams, Source, problems
from stages.tasks.reading.multiple_choice import problem

SOURCE = Source("commonsense_qa", "tau/commonsense_qa", ("default",), test=("validation",), without=("test",))


class Params(HubParams):
    """See `HubParams`."""

    revision: str = Field("94630fe30dad47192a8546eb75f094926d47e155", min_length=1)


def load(split: str, params: Params, root: Path, seed: int) -> Iterator[Problem]:
    """The problems of `split`, in file order; ids are the data set's own. `seed` plays no part."""
    return problems(SOURCE, split, params, root, partial(problem, task=SOURCE.task))
