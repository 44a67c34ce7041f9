"""Registry of tasks: where problems come from.

A member's `load(split, params, root, seed)` yields the Problems of one split (train, validation, test; of a
generated task also pretrain), in a fixed order, with unique ids. `root` is a folder of local data:
directories shaped like Hub repositories, or JSONL files; what it lacks comes from the Hub.

Imports `shared` only. `collect` imports this package, and so do stages that make a corpus.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from stages.shared.registry import load_member
from stages.shared.rows import Problem

TASKS = {
    "word_problems": "generated word problems of one to several additions and subtractions",
    "date_toy": "generated calendar arithmetic, six options",
    "anli_toy": "generated inference: true, false or neither",
    "strategy_toy": "generated yes-or-no questions over small invented facts",
    "taxonomy_toy": "generated choice over an invented taxonomy, four or five options",
    "table_toy": "generated questions about a small table",
    "latex_toy": "generated one-liners in LaTeX",
    "turns_toy": "generated conversations of one to three turns: small sums and comparisons",
    "drills": "generated single steps, several a row, for a base model to begin with",
    "word_lists": "generated lists of words to be recalled, for a base model to begin with",
    "gsm8k": "grade-school word problems with worked solutions (openai/gsm8k)",
    "svamp": "one-step word problems with distracting numbers (ChilleD/SVAMP)",
    "competition_math": "competition problems with boxed answers (EleutherAI/hendrycks_math)",
    "arc_challenge": "science questions with three to five options (allenai/ai2_arc)",
    "commonsense_qa": "everyday questions with five options (tau/commonsense_qa)",
    "date": "dates worked out from a short story, five or six options (tasksource/bigbench)",
    "anli": "three-way inference from a premise, in three rounds (facebook/anli)",
    "strategy_qa": "yes/no questions whose steps must be found first (ChilleD/StrategyQA)",
    "table_mwp": "word problems over small tables, some with options (TabMWP)",
    "labelled_text": "texts with one of two labels: tables, JSON lines, data sets of the Hub",
    "tickets_toy": "generated complaints that a rule book decides; words alone cannot tell",
    "jsonl": "your own problems: JSON lines, CSV or Parquet",
    "conversations": "your own conversations: JSON lines, CSV or Parquet",
}


class Task(Protocol):
    """The contract of a member; `Params` (a Strict model) is its section of params."""

    Params: Any

    def load(self, split: str, params: Any, root: Path, seed: int) -> Iterator[Problem]: ...


def task(name: str) -> Task:
    """The member called `name`."""
    member: Task = load_member(__name__, TASKS, name)
    return member
