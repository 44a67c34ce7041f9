"""README.md and docs/*.md, and what they say to write and to type."""

import re
import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dvc.utils.hydra import compose_and_dump
from ruamel.yaml import YAML

from project_tree import ROOT

PAGES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
README = PAGES["README.md"]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# a file that a page says to write: its path ends the line before the block
FILE = re.compile(r"`((?:conf|stages)/[\w/.-]+)`[^`\n]*:\n\n```(?:yaml|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def yaml(text: str | Path) -> Any:
    return YAML(typ="safe", pure=True).load(text)


@cache
def committed(name: str) -> Any:
    """What a YAML file of the repository holds; all tests share it, and none changes it."""
    return yaml(ROOT / name)


def blocks(page: str) -> list[list[str]]:
    """The commands of each block for a shell."""
    texts = [text for language, text in FENCE.findall(PAGES[page]) if language == "sh"]
    return [[line for line in text.replace("\\\n", " ").splitlines() if line.strip()] for text in texts]


def files(page: str) -> dict[str, str]:
    return dict(FILE.findall(PAGES[page]))


def writes_conf(page: str) -> bool:
    """Whether a page says to write a file or a line in conf/."""
    return "the line `- systems/" in " ".join(PAGES[page].split()) or any(name.startswith("conf/") for name in files(page))


@cache
def conf_of(page: str, folder: Path) -> Path:
    """conf/ with the files, and the lines in config.yaml, that a page says to write."""
    shutil.copytree(ROOT / "conf", folder / "conf")
    for name, text in files(page).items():
        if name.startswith("conf/"):
            assert not (folder / name).exists(), f"{page} says to write {name}, which is there already"
            (folder / name).write_text(text)
    config = folder / "conf/config.yaml"
    for line in re.findall(r"the line\s+`(- systems/\w+)`", PAGES[page]):
        config.write_text(config.read_text().replace("- systems/router\n", f"- systems/router\n{line}\n"))
    return folder / "conf"


def composed(conf: Path, out: Path, flags: list[str]) -> Any:
    compose_and_dump(str(out), str(conf), None, "config", str(ROOT), flags)
    return yaml(out)


@cache
def composition(conf: Path, *flags: str) -> Any:
    """params.yaml as `conf` composes it with these flags; all tests share it, and none changes it."""
    with TemporaryDirectory() as folder:
        return composed(conf, Path(folder, "params.yaml"), list(flags))
