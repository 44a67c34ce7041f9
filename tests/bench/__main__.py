"""Runs every benchmark, each in a process of its own: `python tests/bench`; one of them: `python tests/bench/rows.py --help`."""

import subprocess
import sys

from measure import BENCH

for name in ("rows", "grade", "train", "generate", "noop"):
    subprocess.run([sys.executable, str(BENCH / f"{name}.py")], check=True)
