"""Runs a module or a script as `python` would, and leaves its peak memory and its CPU seconds in a file.

child.py FILE (-m MODULE | SCRIPT) ARGUMENT...

What the system says of a process that has ended (`ru_maxrss`) will not do: on Linux it starts from its parent's size at the fork. The high
water mark of a process's own memory starts from nothing with its program, but goes with it: hence it is read in the process, at its end.
"""

import atexit
import os
import runpy
import sys
from pathlib import Path
from time import process_time


def peak() -> float:
    """Peak resident memory of this process so far, in MiB."""
    status = Path("/proc/self/status")
    if status.is_file():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM:")) / 1024
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in bytes on macOS, where a program started anew counts from nothing
    return most / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def main(file: Path, command: list[str]) -> None:
    """Runs `command` with its own `sys.argv` and `sys.path`."""
    atexit.register(lambda: file.write_text(f"{peak()} {process_time()}"))
    if command[0] == "-m":
        sys.argv, sys.path[0] = command[1:], os.getcwd()  # noqa: PTH109
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv, sys.path[0] = command, str(Path(command[0]).parent)
        runpy.run_path(command[0], run_name="__main__")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
