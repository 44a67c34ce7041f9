"""conf/: its defaults are the committed params.yaml, every combination of its groups is a pipeline, and the scales are what they claim."""

import importlib
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML
from stages.shared import params

from project_tree import COMPOSITIONS, GROUPS, ROOT, SCRIPTS, compose


def load(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path)


def test_the_defaults_are_the_committed_params(tmp_path: Path) -> None:
    composed = compose(tmp_path / "params.yaml").read_bytes()
    assert composed == (ROOT / "params.yaml").read_bytes(), "edit conf/, then have `dvc exp run` compose it"


def test_the_groups_are_those_promised() -> None:
    promised = {"scale": {"tiny", "gpu24", "a100", "cluster"}, "source": {"synthetic", "hub"}, "teacher": {"scripted", "recorded", "local"}}
    assert {group: promised[group] - set(names) for group, names in GROUPS.items()} == {group: set() for group in promised}


@pytest.mark.parametrize("groups", COMPOSITIONS, ids=lambda groups: "-".join(groups.values()))
def test_every_combination_is_a_pipeline(groups: dict[str, str], tmp_path: Path) -> None:
    """Its sections are what the scripts take, and dvc.yaml resolves with them to one stage for each script and system."""
    path = compose(tmp_path / "params.yaml", **groups)
    systems = load(path)["systems"]
    for system in systems:
        for script in SCRIPTS:
            params.read(system, script, importlib.import_module(f"stages.{script}").Params, path)
        assert set(systems[system]) == set(SCRIPTS)  # no section that nobody reads
    (tmp_path / "dvc.yaml").write_bytes((ROOT / "dvc.yaml").read_bytes())
    with Repo.init(str(tmp_path), no_scm=True) as repo:
        stages = {stage.name: stage for stage in repo.index.stages}
    assert set(stages) == {f"{script}@{system}" for script in SCRIPTS for system in systems}
    for system in systems:
        for script in ("respond", "train", "generate"):
            launcher = systems[system][script]["launcher"]
            assert stages[f"{script}@{system}"].cmd == f"{launcher} -m stages.{script} {system}"


ADAPTERS = {"r": 8, "alpha": 16, "dropout": 0.05, "targets": "all-linear"}
FULL: dict[str, Any] = {
    "base.model.model": "Qwen/Qwen2.5-7B-Instruct",
    "train.adapters": None,
    "train.weights": "bfloat16",
    "train.bf16": True,
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
    "tiny": {"base.model.student": "scratch", "train.adapters": None, "train.launcher": "python", "train.device": "cpu"},
    "gpu24": {
        "base.model.student": "pinned",
        "base.model.model": "Qwen/Qwen2.5-0.5B-Instruct",
        "train.student": "sft",
        **{f"train.adapters.{key}": value for key, value in ADAPTERS.items()},
        "train.learning_rate": 2e-4,
        "train.max_tokens": 1024,
        "train.four_bit": False,
        "train.device": "cuda",
    },
    "a100": FULL,
    "cluster": FULL | {"train.launcher": FSDP, "train.accumulate": 2, "respond.launcher": GPUS, "generate.launcher": GPUS},
}


@pytest.mark.parametrize("scale", SCALES)
def test_a_scale_is_what_it_claims(scale: str, tmp_path: Path) -> None:
    """Of the params as the scripts read them, so a default of the code counts and a key that is not read does not."""
    path = compose(tmp_path / "params.yaml", scale=scale)
    read = {
        script: params.read("glyph", script, importlib.import_module(f"stages.{script}").Params, path)
        for script in ("base", "respond", "train", "generate")
    }
    found = {}
    for key in SCALES[scale]:
        value: Any = read[key.split(".")[0]]
        for name in key.split(".")[1:]:
            value = getattr(value, name)
        found[key] = value
    assert found == SCALES[scale]


def test_the_cluster_launches_with_a_config_that_keeps_the_rows_a_step(tmp_path: Path) -> None:
    cluster, a100 = (load(compose(tmp_path / f"{scale}.yaml", scale=scale))["systems"]["glyph"]["train"] for scale in ("cluster", "a100"))
    config = load(ROOT / cluster["launcher"].split()[-1])
    assert (config["distributed_type"], config["mixed_precision"]) == ("FSDP", "bf16")
    assert config["num_processes"] * cluster["batch_size"] * cluster["accumulate"] == a100["batch_size"] * a100["accumulate"] == 16


def test_four_bit_loading_is_a_param_of_the_gpu_scales(tmp_path: Path) -> None:
    for scale in ("gpu24", "a100", "cluster"):
        sections = load(compose(tmp_path / f"{scale}.yaml", scale=scale, teacher="local"))["systems"]["glyph"]
        assert sections["train"]["four_bit"] is False and sections["respond"]["teacher"]["four_bit"] is False
