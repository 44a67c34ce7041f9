"""Which words of a problem fill the slots of a template."""

from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b

from stages.tasks.splitting.copies import ONE_WORD
from stages.tasks.splitting.evened import Text


class Templates:
    """The frames of short problems: all words but one, with the numbers left out.

    A frame that two problems share is that of a template, which makes problems of words: "_ has # pears. How
    many?". A frame of one problem alone says nothing, and a word that differs there was replaced.
    """

    def __init__(self) -> None:
        self.frames: Counter[bytes] = Counter()  # by the digest of the frame

    def add(self, text: Text) -> None:
        """Counts the frames of a problem."""
        if len(text.words) < ONE_WORD:
            self.frames.update({frame for _, frame in _frames(text)})

    def is_slot(self, text: Text, word: str) -> bool:
        """Whether another problem than `text`, which was added, fills the place of `word` with some word."""
        return any(self.frames[frame] > 1 for left_out, frame in _frames(text) if left_out == word)


def _frames(text: Text) -> Iterator[tuple[str, bytes]]:
    """Each word with the frame around it."""
    words = tuple(["#" if word[0].isdigit() else word for word in text.words])
    for place, word in enumerate(words):
        if word.isalpha():
            yield word, _digest((*words[:place], "", *words[place + 1 :]))


def _digest(words: tuple[str, ...]) -> bytes:
    return blake2b("\0".join(words).encode("utf-8", "surrogatepass"), digest_size=8).digest()
