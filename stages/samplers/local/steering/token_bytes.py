"""The bytes of each token: what it adds to a decoded text, whatever kind its tokenizer is."""

from typing import Any

from stages.models.templates import special_tokens


def token_bytes(tokenizer: Any, size: int) -> list[bytes]:
    """What each of `size` ids adds to a decoded text: nothing for special tokens and ids without a token."""
    letters = {letter: byte for byte, letter in enumerate(byte_letters())}
    bytewise = "ByteLevel" in repr(getattr(getattr(tokenizer, "backend_tokenizer", None), "decoder", None))
    special, added = special_tokens(tokenizer), [b""] * size
    for token, place in tokenizer.get_vocab().items():
        if place in special or place >= size:
            continue
        if bytewise and all(letter in letters for letter in token):
            added[place] = bytes(letters[letter] for letter in token)
        elif len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
            added[place] = bytes([int(token[3:5], 16)])  # SentencePiece spells a byte so
        else:
            added[place] = token.encode(errors="surrogatepass")
    return added


def byte_letters() -> list[str]:
    """The letter that stands for each byte in a byte-level vocabulary: GPT-2's, in which a byte that can be
    printed stands for itself."""
    printed = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    unprinted = [byte for byte in range(256) if byte not in printed]
    return [chr(byte if byte in printed else 256 + unprinted.index(byte)) for byte in range(256)]
