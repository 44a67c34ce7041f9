"""One training in a process of its own: `prepare` makes a model and rows, `ours` and `trl` train on them and print figures as JSON.

Both see the same weights, rows, optimizer (AdamW), schedule, batch size and number of steps, compute in bf16 and in one thread, with the
same setting of the allocator, and log every 10 steps. TRL is used as its documentation advises for chats: a conversational
prompt-completion data set, loss on the completion alone. Its gradient checkpointing, on by default, is off, as ours is: it would slow TRL
by a fifth to save memory. Time is that from the first step to the last, without loading, tokenising and saving.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from child import peak
from stages.models.loading import load_model, prepare_cpu
from stages.models.templates import load_tokenizer
from stages.shared.files import read, write
from stages.shared.rows import Chat, Message, Problem, Prompt
from stages.students.losses import IGNORED

CASES: dict[str, dict[str, Any]] = {
    "tiny": {"vocabulary": 512, "layers": 2, "batch": 16, "rate": 3e-3, "adapters": None},
    "full": {"vocabulary": 8192, "layers": 4, "batch": 64, "rate": 1e-3, "adapters": None},
    "lora": {"vocabulary": 8192, "layers": 4, "batch": 64, "rate": 1e-3, "adapters": {"r": 8, "alpha": 16, "dropout": 0.05}},
}
WARMUP, LONGEST, PAD, THREADS = 10, 512, 0, 1


def prepare(folder: Path, case: dict[str, Any], rows: int) -> dict[str, Any]:
    """A model with random weights, its tokenizer, problems, and chats as in the default: plain for one step, with glyphs for more."""
    import torch
    from stages.students.scratch import train_tokenizer
    from stages.tasks import word_problems
    from transformers import Qwen2Config, Qwen2ForCausalLM

    problems = list(word_problems.load("train", word_problems.Params(train=rows, levels=[2, 1, 1, 1, 1]), Path(), 0))
    chats = [_chat(problem) for problem in problems]
    tokenizer = train_tokenizer((message["content"] for chat in chats for message in chat.messages), case["vocabulary"])
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=case["vocabulary"],  # the rows fill a part of the larger one, which costs as much as if they filled it
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=case["layers"],
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=LONGEST,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = Qwen2ForCausalLM(config)
    model.save_pretrained(folder / "base")
    tokenizer.save_pretrained(folder / "base")
    write(folder / "problems.jsonl", problems)
    write(folder / "chats.jsonl", chats)
    return {"weights": model.num_parameters()}


def _chat(problem: Problem) -> Chat:
    import msgspec
    from stages.samplers import scripted
    from stages.styles import plain

    style, messages = "plain" if problem.level == 1 else "glyph", plain.render(problem)
    prompt = Prompt(**msgspec.structs.asdict(problem), by="teacher", style=style, messages=messages)
    answer = next(scripted.answer([prompt], scripted.Params(sampler="scripted"), 0))[0]
    turns = [*messages, Message(role="assistant", content=answer.text)]
    return Chat(id=problem.id, problem=problem.id, format="latent", style=style, messages=turns, trace=problem.id)


def ours(folder: Path, out: Path, case: dict[str, Any]) -> dict[str, float]:
    """`students.sft`."""
    from stages.students import Job, sft
    from stages.students.training.trainer import PlannedTrainer

    chats = list(read(folder / "chats.jsonl", Chat))
    params = sft.Params(
        student="sft",
        adapters=case["adapters"],
        steps=len(chats) // case["batch"],
        batch_size=case["batch"],
        learning_rate=case["rate"],
        schedule="linear",
        warmup_steps=WARMUP,
        max_tokens=LONGEST,
        device="cpu",
    )
    with watched(PlannedTrainer) as figures:
        sft.train(chats, Job(out / "student", out / "curves", out / "checkpoints", 0, folder / "base"), params)
    return figures | {"loss": _loss(load_model(str(out / "student"), "cpu", "float32"), folder)}


def trl(folder: Path, out: Path, case: dict[str, Any]) -> dict[str, float]:
    """TRL's SFTTrainer."""
    from datasets import Dataset
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    rows = [{"prompt": chat.messages[:-1], "completion": chat.messages[-1:]} for chat in read(folder / "chats.jsonl", Chat)]
    config = SFTConfig(
        output_dir=str(out),
        max_steps=len(rows) // case["batch"],
        per_device_train_batch_size=case["batch"],
        learning_rate=case["rate"],
        lr_scheduler_type="linear",
        warmup_steps=WARMUP,
        optim="adamw_torch",
        bf16=True,
        use_cpu=True,
        max_length=LONGEST,
        gradient_checkpointing=False,
        save_strategy="no",
        report_to=[],
        dataloader_pin_memory=False,
    )
    chosen = case["adapters"]
    adapters = chosen and LoraConfig(
        r=chosen["r"], lora_alpha=chosen["alpha"], lora_dropout=chosen["dropout"], target_modules="all-linear", task_type="CAUSAL_LM"
    )
    model = load_model(str(folder / "base"), "cpu", "float32")
    tokenizer = load_tokenizer(str(folder / "base"))
    with watched(SFTTrainer) as figures:
        trainer = SFTTrainer(model, config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer, peft_config=adapters)
        trainer.train()
    return figures | {"loss": _loss(trainer.model, folder)}


@contextmanager
def watched(trainer: Any) -> Iterator[dict[str, float]]:
    """Filled in while a trainer of this class trains: steps, rows, tokens (padding not counted), tokens learnt from, seconds (of the clock,
    and of the processor), and the peak memory of the process so far in MiB."""
    from transformers import TrainerCallback

    figures = dict.fromkeys(("steps", "rows", "tokens", "learnt", "seconds", "busy", "peak"), 0.0)
    make, step = trainer.__init__, trainer.training_step

    class Clock(TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.started = getattr(self, "started", time.perf_counter())
            self.used = getattr(self, "used", time.process_time())

        def on_step_end(self, *_: Any, **__: Any) -> None:
            seconds, busy = time.perf_counter() - self.started, time.process_time() - self.used
            figures.update(steps=figures["steps"] + 1, seconds=seconds, busy=busy, peak=peak())

    def counted(self: Any, model: Any, inputs: Any, *rest: Any, **more: Any) -> Any:
        real = inputs["input_ids"] != PAD
        starts = inputs["position_ids"] == 0 if "position_ids" in inputs else real.cumsum(-1) == 1  # ours packs rows, TRL pads them
        figures["rows"] += int((starts & real).sum())
        figures["tokens"] += int(real.sum())
        figures["learnt"] += int((inputs["labels"] != IGNORED).sum())
        return step(self, model, inputs, *rest, **more)

    def made(self: Any, *given: Any, **more: Any) -> None:
        make(self, *given, **more)
        self.add_callback(Clock)

    with patch.object(trainer, "__init__", made), patch.object(trainer, "training_step", counted):
        yield figures


def _loss(model: Any, folder: Path) -> float:
    """Mean loss of a supervised token over all rows, in float32, for either trainer's model."""
    import torch
    from torch.nn.functional import cross_entropy

    model.eval()
    total = count = 0.0
    with torch.inference_mode():
        for batch in _batches(folder):
            logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1]
            wanted = batch["labels"][:, 1:]
            learnt = wanted != IGNORED
            total += float(cross_entropy(logits[learnt].float(), wanted[learnt], reduction="sum"))
            count += int(learnt.sum())
    return total / count


def _batches(folder: Path) -> Sequence[dict[str, Any]]:
    from stages.students.training.packing import Collator

    examples, collate = _examples(folder), Collator(load_tokenizer(str(folder / "base")).pad_token_id)
    examples.sort(key=lambda example: len(example.ids))
    return [collate(examples[start : start + 64]) for start in range(0, len(examples), 64)]


def _examples(folder: Path) -> list[Any]:
    from stages.students.training.encoding import encode, end_of_turn

    tokenizer = load_tokenizer(str(folder / "base"))
    end = end_of_turn(tokenizer)
    assert end is not None
    return [encode(chat, tokenizer, end) for chat in read(folder / "chats.jsonl", Chat)]


if __name__ == "__main__":
    what, name, folder, extra = sys.argv[1:]
    case = CASES[name]
    prepare_cpu("cpu", THREADS)
    if what == "prepare":
        found = prepare(Path(folder), case, int(extra))
        examples = _examples(Path(folder))
        found["tokens"] = sum(len(example.ids) for example in examples)
        found["learnt"] = sum(sum(example.supervised) for example in examples)
    else:
        found = {"ours": ours, "trl": trl}[what](Path(folder), Path(extra), case)
    print(json.dumps(found))
