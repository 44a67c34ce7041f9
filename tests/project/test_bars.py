"""The bars of the results tables in docs/ are those that the reports show."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from project_tree import ROOT

VALUES: Any = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")


def claimed(system: str) -> dict[str, tuple[str, float]]:
    """By metric, the bar in docs/results-<system>.md."""
    spec = importlib.util.spec_from_file_location("claims", ROOT / ".ci/claims.py")
    assert spec and spec.loader
    claims = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(claims)
    page = ROOT / f"docs/results-{system}.md"
    return {metric.removeprefix(f"{system}:"): (sign, bound) for metric, sign, bound in claims.claims(page.read_text(), page)}


@pytest.mark.parametrize("system", [name for name in VALUES["systems"] if Path(ROOT, f"docs/results-{name}.md").is_file()])
def test_the_bars_of_a_report_are_the_claims(system: str) -> None:
    shown = {row["metric"]: row["bar"].split() for row in VALUES["systems"][system]["report"]["results"] if row.get("bar")}
    assert {metric: (sign, float(bound)) for metric, (sign, bound) in shown.items()} == claimed(system)
