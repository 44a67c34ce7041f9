"""A small transformer trained from nothing, with a tokenizer trained on the same chats: the base model of the
offline default."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from pydantic import Field, model_validator

from stages.shared.errors import BadInput
from stages.shared.rows import Chat
from stages.students import Job
from stages.students.training.audit import audit
from stages.students.training.checkpoints import fingerprint
from stages.students.training.describe import hash_of_chats
from stages.students.training.row_counts import Row, RowCounts, fitting, row_report
from stages.students.training.settings import Training
from stages.students.training.word_tokens import train_words

PAD, START, END = "<|pad|>", "<|im_start|>", "<|im_end|>"
SMALLEST = 300  # tokens: the bytes, the special ones, and some words
TEMPLATE = (  # ChatML, https://github.com/openai/openai-python/blob/v0.28.1/chatml.md
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class Params(Training):
    """The shape of the model and of its tokenizer."""

    student: Literal["scratch"]
    # as transformers names it. lfm2: every second layer, the first among them, is a short convolution in the
    # place of attention (https://huggingface.co/docs/transformers/model_doc/lfm2). It learns to look a word
    # up in a text in a fraction of the steps, and needs `packed: false`
    architecture: Literal["qwen2", "llama", "lfm2"] = "qwen2"
    # the tokens that a short convolution sees: the one at its place and those before it; null: 3 with lfm2.
    # Other architectures have no convolution
    kernel: int | None = Field(default=None, ge=2, le=16)
    # two models that shall differ in their tokens take different kinds: two tokenizers of one kind share most
    # of their pieces, and the first of their numbers, whatever their size. words: BPE in which a word is the
    # same token wherever it stands, and a number of one or two digits is one token
    tokenizer: Literal["bpe", "unigram", "words"] = "bpe"
    # tokens, the 256 bytes and the special tokens included
    vocabulary: int = Field(ge=SMALLEST)
    # texts that are one token each, wherever they stand: emoji, of which a tokenizer makes several tokens
    tokens: list[str] = Field(default=[])
    # numbers that stand for a token between two layers
    width: int = Field(ge=16)
    # transformer layers
    layers: int = Field(ge=1)
    # attention heads of a layer
    heads: int = Field(ge=1)
    # width of the feed-forward part
    feed_forward: int = Field(ge=16)
    # whether questions are learnt as well, as in pretraining: without that a model does not learn to copy
    whole_text: bool = True

    @model_validator(mode="after")
    def _fits(self) -> "Params":
        if self.vocabulary - len(self.tokens) < SMALLEST:
            raise ValueError(
                f"vocabulary: expected at least {SMALLEST} besides the {len(self.tokens)} tokens"
            )
        if "" in self.tokens or len(set(self.tokens)) < len(self.tokens):
            raise ValueError("tokens: expected texts, each named once")
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} must be a multiple of twice the heads, {2 * self.heads}")
        if self.architecture == "lfm2" and (self.layers < 2 or self.packed):
            raise ValueError("architecture lfm2: expected two layers or more, and packed: false")
        if self.architecture != "lfm2" and self.kernel is not None:
            raise ValueError(
                f"kernel {self.kernel}: architecture {self.architecture} has no convolution; take the key "
                "out, or set architecture to lfm2"
            )
        return self


def train(chats: Sequence[Chat], job: Job, params: Params) -> None:
    """Trains tokenizer and model on `chats` and saves both.

    Raises BadInput where there are no chats, and where the stop-token audit fails.
    """
    from transformers import set_seed

    from stages.students.training.fit import fit
    from stages.students.training.validation_rows import measured

    if not chats:
        raise BadInput("scratch: no chats to learn from; name some tasks in bases.<base>.corpus.tasks")
    params = params.resolved()
    set_seed(job.seed)
    texts = (message["content"] for chat in chats for message in chat.messages)
    tokenizer = train_tokenizer(texts, params.vocabulary, params.tokenizer, params.tokens)
    model = _model(params, tokenizer)

    def encode(chats: Sequence[Chat], counts: RowCounts | None = None) -> list[Row]:
        rows = audit(chats, tokenizer, model, "scratch", counts or params.row_counts())
        if not params.whole_text:
            return rows
        return [Row(chat, example._replace(supervised=[True] * len(example.ids))) for chat, example in rows]

    counts = params.row_counts()
    rows = encode(chats, counts)
    kept = fitting(rows, params.max_tokens, params.max_dropped)
    rows_to_measure = measured(job, params, encode)
    weights = sum(weight.numel() for weight in model.parameters())
    facts = {
        "base": None,
        "data_sha256": hash_of_chats(chats),
        "seed": job.seed,
        "weights": weights,
        "too_long": len(rows) - len(kept),
    }
    key = fingerprint(params.model_dump(), facts, *([job.held.key] if job.held else []))
    report, examples = row_report(rows, params.max_tokens, counts), [row.example for row in kept]
    fit(model, tokenizer, examples, params, job, key, facts, report, rows_to_measure=rows_to_measure)


def train_tokenizer(
    texts: Iterator[str], vocabulary: int, kind: str = "bpe", tokens: Sequence[str] = ()
) -> Any:
    """A byte-level tokenizer: any text round-trips, glyphs as bytes. Each of `tokens` is a token of its own.

    So is every digit, but with the kind `words`, where a number of up to two digits is.
    """
    from tokenizers import AddedToken, Regex, decoders, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    bytewise = pre_tokenizers.ByteLevel(add_prefix_space=False)
    cut = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r"\d"), "isolated"), bytewise])
    size = vocabulary - len(tokens)
    if kind == "words":
        core = train_words(texts, size, [PAD, START, END])
    else:
        core = {"bpe": _bpe, "unigram": _unigram}[kind](texts, size, cut, bytewise.alphabet())
        core.decoder = decoders.ByteLevel()
    core.add_tokens([AddedToken(text, normalized=False) for text in tokens])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token=PAD, eos_token=END, additional_special_tokens=[START]
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def _bpe(texts: Iterator[str], vocabulary: int, cut: Any, alphabet: list[str]) -> Any:
    from tokenizers import Tokenizer, models, trainers

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = cut
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, START, END],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    return core


def _unigram(texts: Iterator[str], vocabulary: int, cut: Any, alphabet: list[str]) -> Any:
    """The special tokens come last: even they have other numbers than with BPE."""
    from tokenizers import Tokenizer, models

    from stages.students.training.unigram import count_words, pieces

    special = [PAD, START, END]
    core = Tokenizer(models.Unigram(pieces(count_words(texts, cut), alphabet, vocabulary - len(special))))
    core.pre_tokenizer = cut
    core.add_special_tokens(special)
    return core


def _model(params: Params, tokenizer: Any) -> Any:
    from transformers import AutoConfig, AutoModelForCausalLM

    mixers = ["conv", "full_attention"] * params.layers
    convolutional = {"conv_L_cache": params.kernel or 3, "layer_types": mixers[: params.layers]}
    config = AutoConfig.for_model(
        params.architecture,
        vocab_size=len(tokenizer),
        hidden_size=params.width,
        intermediate_size=params.feed_forward,
        num_hidden_layers=params.layers,
        num_attention_heads=params.heads,
        num_key_value_heads=params.heads,
        max_position_embeddings=params.max_tokens,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        # with the first, lfm2 would make its feed-forward part two thirds as wide as params say
        **({"block_auto_adjust_ff_dim": False, **convolutional} if params.architecture == "lfm2" else {}),
    )
    return AutoModelForCausalLM.from_config(config)
