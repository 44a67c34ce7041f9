"""`make repro` killed at random moments, then run to its end: the outs are those of a run that nothing disturbed.

    python tests/bench/kills.py --kills 20 --seed 0

Both runs are those of scale=smoke, in temporary copies (stages/tools/smoke.py). A kill is SIGKILL to stages.tools.repro alone; DVC and the
stages that it started end with it. What is compared: dvc.lock, which holds the hash of every out and every dep.
"""

import argparse
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any

from ruamel.yaml import YAML

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from dvc.utils.hydra import compose_and_dump
from stages.tools.smoke import SCALE, copy

REPRO = [sys.executable, "-m", "stages.tools.repro"]


def made(folder: Path) -> Path:
    """A copy of the working tree at scale=smoke."""
    folder.mkdir()
    copy(folder)
    compose_and_dump(folder / "params.yaml", str(folder / "conf"), None, "config", str(folder), [SCALE])
    return folder


def hashes(folder: Path) -> Any:
    return YAML(typ="safe").load(folder / "dvc.lock")["stages"]


def running(folder: Path) -> list[str]:
    """The commands of processes whose working directory is `folder`."""
    commands = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() == folder:
                commands.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it ended meanwhile, or belongs to another user
            continue
    return commands


def killed(folder: Path, seconds: float) -> bool:
    """Starts `make repro` and kills it after `seconds`; False where it had ended before. Raises where a process outlives it by 10 s."""
    child = subprocess.Popen(REPRO, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
        child.wait()
        end = monotonic() + 10
        while left := running(folder.resolve()):
            if monotonic() > end:
                raise RuntimeError(f"still running after the kill: {left}") from None
            sleep(0.1)
        return True
    if child.returncode:
        raise RuntimeError(f"the run failed with status {child.returncode}")
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--longest", type=float, default=20.0, help="seconds from a start to its kill, at most")
    given = parser.parse_args()
    drawn = random.Random(given.seed)
    with TemporaryDirectory() as temporary:
        undisturbed, disturbed = made(Path(temporary, "undisturbed")), made(Path(temporary, "disturbed"))
        start = monotonic()
        subprocess.run(REPRO, cwd=undisturbed, check=True, stdout=subprocess.DEVNULL)
        print(f"undisturbed: {monotonic() - start:.0f} s", flush=True)
        kills = 0
        for number in range(given.kills):
            seconds = drawn.uniform(0.5, given.longest)
            hit = killed(disturbed, seconds)
            kills += hit
            done = len(hashes(disturbed)) if (disturbed / "dvc.lock").exists() else 0
            print(f"{number + 1}: {'killed' if hit else 'had ended'} after {seconds:.1f} s, {done} stages done", flush=True)
            if not hit:  # another run would have nothing to do
                shutil.rmtree(disturbed)
                made(disturbed)
        subprocess.run(REPRO, cwd=disturbed, check=True, stdout=subprocess.DEVNULL)
        expected, got = hashes(undisturbed), hashes(disturbed)
    different = [name for name in expected if got.get(name) != expected[name]] + sorted(got.keys() - expected)
    print(f"{kills} kills; {len(expected)} stages, {len(different)} of them different: {', '.join(different) or 'none'}")
    sys.exit(bool(different))


if __name__ == "__main__":
    main()
