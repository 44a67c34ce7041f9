"""`dvc plots show` in a browser without a network: the page template of .dvc/config holds Vega."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from browser import browser
from project_tree import ROOT

PLOTS = """\
plots:
- Curve: {x: step, y: {a.csv: [one, two]}}
- Intervals: {template: intervals, x: accuracy, y: {b.csv: style}}
"""


def test_the_page_draws_its_plots_and_asks_for_nothing(tmp_path: Path) -> None:
    for name in (".dvc/config", ".dvc/plots/intervals.json", "stages/pages/vega/plots.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "dvc.yaml").write_text(PLOTS)
    (tmp_path / "a.csv").write_text("step,one,two\n1,0.5,0.2\n2,0.7,0.1\n")
    (tmp_path / "b.csv").write_text("task,style,accuracy,low,high,n\nx,s,0.5,0.4,0.6,9\n")
    environment = os.environ | {"HOME": str(tmp_path), "DVC_NO_ANALYTICS": "1"}
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "plots", "show", "-o", "page"]):
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    page_file = tmp_path / "page/index.html"
    assert "https://cdn" not in page_file.read_text()
    with browser() as page:
        page.open(page_file)
        for _ in range(20):
            page.settle()
            if page.run("document.querySelectorAll('.vega-embed canvas, .vega-embed svg.marks').length") == 2:
                break
        else:
            raise AssertionError(f"not drawn: {page.faults}")
        assert page.requests == [page_file.resolve().as_uri()] and page.faults == []
