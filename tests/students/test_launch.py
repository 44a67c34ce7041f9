"""Two processes train one student, as `accelerate launch` starts them: each on its share of the rows, or with a shard of the weights."""

import json
import os
import socket
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from stages.shared.rows import Response, Trace
from stages.students import Held

from tiny import chats, one_thread, prompts, question, talk, tune

ROOT = Path(__file__).parents[2]
KILLED = 9  # the exit status of a process that is ended in the midst of a training


def sharded(count: int = 2, precision: str = "no") -> dict[str, str]:
    """The environment that `accelerate launch` makes of conf/accelerate/fsdp.yaml, in float32 by default so that it can be compared."""
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils.launch import prepare_multi_gpu_env

    config = ROOT / "conf" / "accelerate" / "fsdp.yaml"
    given = launch_command_parser().parse_args(["--config_file", str(config), "--num_processes", str(count), "-m", "stages.train", "S"])
    made: dict[str, str] = prepare_multi_gpu_env(_validate_launch_command(given)[0])
    kept = {name: value for name, value in made.items() if name.startswith(("FSDP", "ACCELERATE"))}
    return kept | {"ACCELERATE_MIXED_PRECISION": precision}


def ungraded(response: Response) -> Trace:
    fields = {name: getattr(response, name) for name in response.__struct_fields__}
    return Trace(**fields, pred=None, grades={}, reasons={})


def held() -> Held:
    """Five problems, which two processes cannot share out evenly, of different lengths."""
    rows = [talk(question(number), f"The answer is {number}.", name=f"p{number}") for number in range(5)]
    return Held(rows, prompts([question(number) for number in range(5)]), ungraded, "key")


def rank(number: int, count: int, port: int, environment: dict[str, str], base: Path, folder: Path, settings: dict[str, Any]) -> None:
    """One of the processes."""
    os.environ |= environment | {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count), "RANK": str(number), "LOCAL_RANK": str(number)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    one_thread()
    if environment:
        let_cpus_shard()
    if (last := settings.pop("killed_at", None)) is not None:
        kill_at(last)
    tune(base, folder, held=held() if "validation" in settings else None, **settings)


def let_cpus_shard() -> None:
    """PyTorch shards weights on CPUs as well as on GPUs; accelerate starts it for GPUs only, so it is told that these are some."""
    from accelerate.state import PartialState
    from accelerate.utils import DistributedType

    begin = PartialState.__init__

    def init(self: Any, *given: Any, **named: Any) -> None:
        begin(self, *given, **named)
        if self.distributed_type is DistributedType.MULTI_CPU:
            self._shared_state["distributed_type"] = DistributedType.MULTI_GPU

    PartialState.__init__ = init  # for this process alone

    from stages.students.training.trainer import PlannedTrainer

    train = PlannedTrainer.train

    def checked(self: Any, *given: Any, **named: Any) -> Any:
        result = train(self, *given, **named)
        assert {type(weight).__name__ for weight in self.model.parameters()} == {"DTensor"}
        assert {str(weight.dtype) for weight in self.model.parameters() if weight.requires_grad} == {"torch.float32"}
        return result

    PlannedTrainer.train = checked  # type: ignore[method-assign]


def kill_at(step: int) -> None:
    """Ends this process before its step `step` + 1."""
    from stages.students.training.curves import Curves

    def on_step_begin(self: Any, args: Any, state: Any, control: Any, **rest: Any) -> None:
        if state.global_step == step:
            os._exit(KILLED)

    Curves.on_step_begin = on_step_begin  # type: ignore[method-assign]


def together(base: Path, folder: Path, environment: dict[str, str], count: int = 2, **settings: Any) -> Path:
    """The student of `count` processes."""
    context = get_context("forkserver")  # which imports the libraries once for all of them
    context.set_forkserver_preload(["peft", "stages.students.training.fit"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = [context.Process(target=rank, args=(number, count, port, environment, base, folder, settings)) for number in range(count)]
    for process in running:
        process.start()
    for process in running:
        process.join(120)
    assert {process.exitcode for process in running} == {KILLED if "killed_at" in settings else 0}
    return folder / "student"


@pytest.mark.parametrize("shards", [False, True], ids=["rows", "weights"])
def test_two_processes_learn_what_one_does(base: Path, shards: bool, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    environment = sharded() if shards else {}
    two = together(base, tmp_path / "two", environment, steps=6, batch_size=2, accumulate=2)
    one = tune(base, tmp_path / "one", steps=6, batch_size=4, accumulate=2)
    learnt, expected, before = (load_file(folder / "model.safetensors") for folder in (two, one, base))
    assert sorted(learnt) == sorted(expected)
    assert all(float((learnt[name] - expected[name]).abs().max()) < 1e-4 for name in expected)
    assert any(float((learnt[name] - before[name]).abs().max()) > 1e-2 for name in expected)
    assert sorted(path.name for path in two.iterdir()) == sorted(path.name for path in one.iterdir())
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == ["checkpoints", "curves", "student"]
    assert list((tmp_path / "two" / "checkpoints").iterdir()) == []


def test_sharded_weights_are_float32_and_all_of_them_move(base: Path, tmp_path: Path) -> None:
    """The forward pass computes in bfloat16, whose steps of 2^-8 of a weight would swallow an update of 2e-5."""
    from safetensors.torch import load_file

    settings: dict[str, Any] = {"weights": "bfloat16", "learning_rate": 2e-5, "bf16": True, "given": chats(64)}
    two = together(base, tmp_path / "two", sharded(precision="bf16"), batch_size=16, **settings)
    one = tune(base, tmp_path / "one", batch_size=32, **settings)
    learnt, expected, before = (load_file(folder / "model.safetensors") for folder in (two, one, base))
    assert {str(weight.dtype) for weight in learnt.values()} == {"torch.float32"}
    count = sum(weight.numel() for weight in before.values())
    assert sum(int((learnt[name] != before[name]).sum()) for name in before) > 0.98 * count
    losses = [json.loads((folder / "student.json").read_text())["last_loss"] for folder in (two, one)]
    assert losses[0] == pytest.approx(losses[1], rel=2e-3)
    assert sorted(learnt) == sorted(expected)


@pytest.mark.parametrize("counts", [(2, 4), (4, 2)], ids=["more", "fewer"])
def test_a_sharded_training_goes_on_with_another_number_of_processes(base: Path, counts: tuple[int, int], tmp_path: Path) -> None:
    from safetensors.torch import load_file

    settings: dict[str, Any] = {"steps": 6, "checkpoint_steps": 2}
    first, second = counts
    together(base, tmp_path / "a", sharded(first), first, batch_size=4 // first, killed_at=5, **settings)
    left = next((tmp_path / "a" / "checkpoints").iterdir())
    assert [path.name for path in left.glob("checkpoint-*")] == ["checkpoint-4"]
    resumed = together(base, tmp_path / "a", sharded(second), second, batch_size=4 // second, **settings)
    steps = [line.split("\t")[0] for line in next((tmp_path / "a" / "curves").rglob("loss.tsv")).read_text().splitlines()[1:]]
    assert steps == ["2", "4", "6"]
    one = tune(base, tmp_path / "one", batch_size=4, **settings)
    learnt, expected = (load_file(folder / "model.safetensors") for folder in (resumed, one))
    assert all(float((learnt[name] - expected[name]).abs().max()) < 1e-4 for name in expected)


def test_a_sharded_checkpoint_of_an_adapter_holds_the_adapter_alone(base: Path, tmp_path: Path) -> None:
    from torch.distributed.checkpoint.filesystem import FileSystemReader

    settings: dict[str, Any] = {"steps": 4, "checkpoint_steps": 2, "batch_size": 2, "adapters": {"r": 4, "alpha": 8, "dropout": 0.0}}
    together(base, tmp_path / "a", sharded(), killed_at=3, **settings)
    saved = next((tmp_path / "a" / "checkpoints").glob("*/checkpoint-2"))
    names = {name for part in saved.glob("*_0") for name in FileSystemReader(str(part)).read_metadata().state_dict_metadata}
    assert names and all("lora_" in name or "param_groups" in name for name in names)
    student = together(base, tmp_path / "a", sharded(), **settings)
    assert sorted(path.name for path in student.glob("*.safetensors")) == ["adapter_model.safetensors"]


def test_adapters_and_muon_learn_together(base: Path, tmp_path: Path) -> None:
    student = together(base, tmp_path / "a", {}, steps=2, batch_size=2, adapters={"r": 4, "alpha": 8}, optimizer="muon")
    assert sorted(path.name for path in student.glob("*.safetensors")) == ["adapter_model.safetensors"]


@pytest.mark.parametrize("shards", [False, True], ids=["rows", "weights"])
def test_two_processes_measure_what_one_does(base: Path, shards: bool, tmp_path: Path) -> None:
    """Every process takes part and none waits for ever; the step that is chosen is the same, and is saved whole."""
    validation = {"at": [2], "max_new_tokens": 9, "batch_size": 2, "choose": "best"}
    settings: dict[str, Any] = {"steps": 4, "learning_rate": 0.9, "schedule": "constant", "validation": validation}
    two = together(base, tmp_path / "two", sharded() if shards else {}, batch_size=2, **settings)
    one = tune(base, tmp_path / "one", held=held(), batch_size=4, **settings)
    said = [json.loads((folder / "student.json").read_text())["validation"] for folder in (two, one)]
    assert said[0]["chosen_step"] == said[1]["chosen_step"] == 0
    assert list(said[0]["values"]) == list(said[1]["values"]) == ["0", "2", "4"]
    steps = [json.loads((tmp_path / name / "curves/validation/step_000000.json").read_text()) for name in ("two", "one")]
    assert steps[0]["metrics"] == pytest.approx(steps[1]["metrics"], abs=1e-4)
    assert [row["answer"] for row in steps[0]["rows"]] == [row["answer"] for row in steps[1]["rows"]]
    assert len(steps[0]["rows"]) == 5
    assert sorted(path.name for path in two.iterdir()) == sorted(path.name for path in one.iterdir())
    assert list((tmp_path / "two" / "checkpoints").iterdir()) == []
