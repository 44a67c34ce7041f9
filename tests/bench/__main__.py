"""Runs the benchmarks, each in a process of its own: all, or those that are named (`python tests/bench rows train`).

The options of one: `python tests/bench/rows.py --help`.
"""

import argparse
import subprocess
import sys

from measure import BENCH, SIZES

SECTIONS = ("rows", "train", "generate", "grade", "sample", "noop", "decontaminate", "coverage", "report")

parser = argparse.ArgumentParser(prog="python tests/bench", description=__doc__)
parser.add_argument("sections", nargs="*", choices=SECTIONS, help="what to measure; all of them unless named")
parser.add_argument("--size", choices=SIZES, default="whole", help="small: shows in seconds that all of it runs, and measures nothing")
given = parser.parse_args()
for section in given.sections or SECTIONS:
    ended = subprocess.run([sys.executable, str(BENCH / f"{section}.py"), "--size", given.size])
    if ended.returncode:
        sys.exit(ended.returncode)
