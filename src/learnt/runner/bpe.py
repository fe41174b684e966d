"""Byte-pair encoding: text ↔ numbers of tokens, by a list of pairs that were merged.

A text is cut into words, numbers and signs with the space before them; each piece's bytes are
tokens; then pairs of neighbours become one token, in the order of the list. So any text has
tokens, and any tokens are bytes again.  (Sennrich et al. 2016; over bytes: Radford et al. 2019)
"""

import codecs
import json
from collections.abc import Iterable, Iterator
from typing import Any

from learnt.errors import MissingDependencyError, ProgramError

MOST_TOKENS = 100_000
LONGEST = 400  # characters of a token


def byte_letters() -> dict[str, int]:
    """The letter that stands for each byte in tokens: itself where it can be seen. (GPT-2's)"""
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in seen]
    return {
        **{chr(byte): byte for byte in seen},
        **{chr(256 + number): byte for number, byte in enumerate(others)},
    }


class BytePairs:
    """The tokens of a `tokenizer.json` (Hugging Face's form), of which only the pairs are used.

    Raises ProgramError where it is not a byte-level BPE, whole and of sensible size.
    """

    def __init__(self, data: bytes) -> None:
        vocab, self._merges = _checked(data)
        self._vocab = vocab
        letters = byte_letters()
        self.bytes = [b""] * len(vocab)  # of each token
        for token, number in vocab.items():
            self.bytes[number] = bytes(letters[letter] for letter in token)
        self._encoder: Any = None

    def __len__(self) -> int:
        return len(self.bytes)

    def encode(self, texts: Iterable[str]) -> list[list[int]]:
        """The numbers of each text's tokens."""
        if self._encoder is None:
            self._encoder = self._made()
        return [self._encoder.encode(text).ids for text in texts]

    def decode(self, tokens: Iterable[int]) -> bytes:
        """The bytes that the tokens stand for."""
        return b"".join(self.bytes[token] for token in tokens)

    def _made(self) -> Any:
        """The library's encoder, made of the pairs alone: nothing else in the file counts."""
        try:
            from tokenizers import Tokenizer, models, pre_tokenizers
        except ModuleNotFoundError:
            raise MissingDependencyError("tokenizers") from None
        encoder = Tokenizer(models.BPE(self._vocab, self._merges))
        encoder.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        return encoder


def whole_characters(pieces: Iterable[bytes]) -> Iterator[str]:
    """Bytes that come piece by piece, as text that does; what is no character becomes �."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for piece in pieces:
        yield decoder.decode(piece)
    yield decoder.decode(b"", True)


def _checked(data: bytes) -> tuple[dict[str, int], list[tuple[str, str]]]:
    try:
        model = json.loads(data)["model"]
        vocab = dict(model["vocab"])
        pairs = [m.split(" ") if isinstance(m, str) else m for m in model["merges"]]
        merges = [(first, second) for first, second in pairs]
        letters = byte_letters()
        whole = (
            model["type"] == "BPE"
            and 256 <= len(vocab) <= MOST_TOKENS
            and len(merges) <= len(vocab)
            and all(type(number) is int for number in vocab.values())
            and sorted(vocab.values()) == list(range(len(vocab)))
            and all(0 < len(t) <= LONGEST and set(t) <= letters.keys() for t in vocab)
            and letters.keys() <= vocab.keys()
            and all(a in vocab and b in vocab and a + b in vocab for a, b in merges)
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        whole = False
    if not whole:
        raise ProgramError("its tokenizer.json is not a whole byte-level BPE")
    return vocab, merges
