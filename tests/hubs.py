"""Small data sets in the shape of their Hub repositories, and where the larger offline copies lie."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from stages.tasks.competition_math import SUBJECTS

SHARED = Path(os.environ.get("ATHANOR_SHARED", Path(__file__).resolve().parents[2] / "shared"))
needs_shared = pytest.mark.skipif(not (SHARED / "hub").is_dir(), reason=f"no offline copies in {SHARED}; set ATHANOR_SHARED")

Table = Sequence[Mapping[str, Any]]
HUB_IDS = {
    "gsm8k": "openai/gsm8k",
    "svamp": "ChilleD/SVAMP",
    "competition_math": "EleutherAI/hendrycks_math",
    "arc_challenge": "allenai/ai2_arc",
    "commonsense_qa": "tau/commonsense_qa",
    "date": "tasksource/bigbench",
    "anli": "facebook/anli",
    "strategy_qa": "ChilleD/StrategyQA",
    "table_mwp": "tabmwp",
}


def write_hub(folder: Path, configs: Mapping[str, Mapping[str, Table]]) -> None:
    """Writes `{config: {split: rows}}` as Parquet files and the README that names them."""
    header = ["---", "configs:"]
    for config, splits in configs.items():
        header += [f"- config_name: {config}", "  data_files:"]
        for split, rows in splits.items():
            # file names as a Hub repository has them: nothing in them tells two copies apart
            path = folder / config / f"{split}-00000-of-00001.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)
            header += [f"  - split: {split}", f"    path: {config}/{path.name}"]
    (folder / "README.md").write_text("\n".join([*header, "---", ""]))


def gsm8k(question: str, answer: str) -> dict[str, str]:
    return {"question": question, "answer": answer}


def svamp(id: str, body: str, question: str, answer: str, equation: str = "( 1.0 + 1.0 )") -> dict[str, str]:
    return {"ID": id, "Body": body, "Question": question, "Equation": equation, "Answer": answer, "Type": "Addition"}


def math(problem: str, solution: str, level: str = "Level 3") -> dict[str, str]:
    return {"problem": problem, "level": level, "type": "Algebra", "solution": solution}


def write_math(root: Path, **given: Mapping[str, Table]) -> None:
    """MATH with `given` subjects, and one test row in each of the others."""
    other = {subject: {"test": [math(f"What is {subject}?", r"It is $\boxed{1}$.")]} for subject in SUBJECTS}
    write_hub(root / "EleutherAI/hendrycks_math", {subject: given.get(subject, other[subject]) for subject in SUBJECTS})
