"""A BPE tokenizer in which a word is the same token wherever it stands.

Byte-level BPE gives a word one token behind a space and another one at the start of a line. A model that is
to find a word again in a text (in-context recall) would have to learn that both are one.
"""

from collections.abc import Iterator, Sequence
from typing import Any

NUMBERS = "\u0120?[0-9]{1,2}"  # a number of one or two digits, with the space before it as the bytes have it


def train_words(texts: Iterator[str], vocabulary: int, special: Sequence[str]) -> Any:
    """A tokenizer of `vocabulary` tokens trained on `texts`, `special` among them.

    Each line is tokenised as if a space stood before it. The decoder takes these spaces away again, so any
    text round-trips. The offsets of a token never reach into the line before.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    core = Tokenizer(models.BPE())
    # the pre-tokenizer below puts no space before a line that has one, so such a line gets its own twice
    core.normalizer = normalizers.Replace(Regex("^ "), "  ")
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split("\n", "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=True),
            pre_tokenizers.Split(Regex(NUMBERS), "isolated"),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    spaces = [(" \n", "\n"), ("\n ", "\n")]
    restored = [decoders.Replace(written, text) for written, text in spaces]
    core.decoder = decoders.Sequence(
        [decoders.ByteLevel(), decoders.Fuse(), *restored, decoders.Strip(" ", 1, 0)]
    )
    return core
