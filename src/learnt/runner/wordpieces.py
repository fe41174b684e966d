"""A text → the numbers of its words, by the tokenizer.json that travels in a program.

The file comes from strangers: only the parts that our own tokenizers have are accepted, each
bounded, so that no pattern can run wild and no text can grow. What these parts do is what BERT's
did: control characters out, lower case, cut at white space and around punctuation; then a word's
number is looked up whole, or as pieces.  (Devlin et al. 2019)
"""

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from learnt.errors import MissingDependencyError, ProgramError
from learnt.runner.text import shown

Array = npt.NDArray[Any]
PARTS = {"normalizer": ("BertNormalizer",), "pre_tokenizer": ("BertPreTokenizer",),
         "post_processor": ("TemplateProcessing", "BertProcessing"),
         "decoder": ("WordPiece",)}  # fmt: skip
MODELS = ("WordLevel", "WordPiece")
MAX_VOCABULARY = 500_000
MAX_WORD = 1000  # characters of a word that is cut into pieces
MAX_ADDED, MAX_SPECIAL = 1000, 100  # special words, and letters of one
MAX_TEMPLATE = 16  # of them around a text
CHARACTERS = 32_768  # of a text that are looked at
LONE = re.compile("[\ud800-\udfff]")  # halves of characters, which are no text by themselves


class Tokenizer:
    """Cuts texts into words, and gives each its number; at most `limit` a text."""

    def __init__(self, data: bytes, limit: int) -> None:
        """`data` is a tokenizer.json; ProgramError where it is none that can be trusted."""
        self.limit = limit
        try:
            from tokenizers import Tokenizer as Library
        except ImportError:
            raise MissingDependencyError("tokenizers") from None
        try:
            check_tokenizer(json.loads(data))
            self._library = Library.from_str(data.decode())
            self._library.no_padding()
            self._library.enable_truncation(limit)
        except (KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except ProgramError:
            raise
        except BaseException as error:  # the library panics, which is no Exception
            raise ProgramError(f"its tokenizer cannot be used: {shown(error)}") from None

    def __call__(self, text: str) -> list[int]:
        """The numbers of a text's words."""
        try:
            ids: list[int] = self._library.encode(text).ids
        except (KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except BaseException as error:  # the library panics, which is no Exception
            raise ProgramError(f"its tokenizer cannot be used: {shown(error)}") from None
        return ids


def check_tokenizer(found: object) -> None:
    """Raise ProgramError unless it is a tokenizer of the parts that are known, bounded."""
    _need(isinstance(found, dict), "it is not an object")
    assert isinstance(found, dict)
    for name, kinds in PARTS.items():
        part = found.get(name)
        _need(part is None or _kind(part) in kinds, f"its {name} is none of {', '.join(kinds)}")
    model = found.get("model")
    _need(_kind(model) in MODELS, f"its model is none of {', '.join(MODELS)}")
    assert isinstance(model, dict)
    vocabulary = model.get("vocab")
    _need(
        isinstance(vocabulary, dict)
        and 2 <= len(vocabulary) <= MAX_VOCABULARY
        and all(type(n) is int and 0 <= n < MAX_VOCABULARY for n in vocabulary.values()),
        f"its vocabulary must have up to {MAX_VOCABULARY:,} words, each with a number",
    )
    assert isinstance(vocabulary, dict)
    unknown = model.get("unk_token")
    _need(isinstance(unknown, str) and unknown in vocabulary, "it has no word for unknown words")
    longest = model.get("max_input_chars_per_word", 0)
    _need(type(longest) is int and longest <= MAX_WORD, "its longest word has no bound")
    added = found.get("added_tokens", [])
    _need(isinstance(added, list) and len(added) <= MAX_ADDED, "it has too many special words")
    words = [word.get("content") if isinstance(word, dict) else None for word in added]
    usual = all(isinstance(word, str) and 0 < len(word) <= MAX_SPECIAL for word in words)
    _need(usual, f"its special words must have 1 to {MAX_SPECIAL} letters")
    around = found.get("post_processor") or {}
    for name in ("single", "pair"):
        template = around.get(name, [])
        _need(isinstance(template, list) and len(template) <= MAX_TEMPLATE, "it adds too much")
    for token in _values(around.get("special_tokens")):
        ids = token.get("ids", []) if isinstance(token, dict) else []
        _need(isinstance(ids, list) and len(ids) <= MAX_TEMPLATE, "it adds too much")


def _values(found: object) -> list[object]:
    return list(found.values()) if isinstance(found, dict) else []


def _kind(part: object) -> object:
    return part.get("type") if isinstance(part, dict) else None


def _need(holds: bool, wrong: str) -> None:
    if not holds:
        raise ProgramError(f"its tokenizer cannot be trusted: {wrong}")


def padded(rows: Sequence[Sequence[int] | Array]) -> Array:
    """Rows of numbers as (N, L), 0 after the end of each; L is at least 8."""
    array = np.zeros((len(rows), max(8, *map(len, rows))), np.int64)
    for row, numbers in zip(array, rows, strict=True):
        row[: len(numbers)] = numbers
    return array


def letters(text: str, limit: int) -> Array:
    """A text's letters as Unicode numbers: lower case, one space between words and around all.

    Controls and other characters that cannot be seen are spaces.
    """
    plain = " ".join(text[: 4 * limit].lower().split())[: 2 * limit]
    if not plain.isprintable():
        seen = "".join(letter if letter.isprintable() else " " for letter in plain)
        plain = " ".join(seen.split())
    return np.frombuffer(f" {plain} "[:limit].encode("utf-32-le"), np.int32)


def fit(text: str, characters: int = CHARACTERS) -> str:
    """The beginning of a text, so many characters of it, without halves of characters."""
    text = text[:characters]
    return text if text.isascii() else LONE.sub("\N{REPLACEMENT CHARACTER}", text)
