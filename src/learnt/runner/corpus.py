"""A program that writes text: it goes on from a prompt, token by token; or measures a text.

The graph takes the last tokens (batch, context), filled up with any at the end, and gives scores
for the token that follows each of them. The first of all is a token that begins a text.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from learnt.errors import DataError, ProgramError, UsageError
from learnt.runner.archive import Archive
from learnt.runner.bpe import BytePairs, whole_characters
from learnt.runner.plain_text import decoded
from learnt.runner.program import MAX_INPUT, Array, Feeds, Program
from learnt.runner.results import Answer
from learnt.runner.text import harmless, shown

SCORED = 8  # windows that are scored together
LENGTH, TEMPERATURE, TOP_K = 500, 0.8, 0


@dataclass(frozen=True)
class Written(Answer):
    """How a text goes on: `text`, without the prompt; `ended`, if the model ended it itself."""

    prompt: str
    text: str
    tokens: int
    ended: bool
    seed: int
    note: str = ""

    def line(self) -> str:
        return harmless(self.prompt + self.text)

    def as_dict(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if key != "note" or value}


@dataclass(frozen=True)
class Score:
    """How well a text was foreseen: `bits` of each token, and the text's size in UTF-8."""

    bits: Array
    bytes: int

    @property
    def bits_per_byte(self) -> float:
        """The bits that a perfect coder would need with this model, over the text's bytes."""
        return float(self.bits.sum()) / self.bytes


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn: so many characters; less temperature is less surprising.

    Only the `top_k` likeliest tokens (0: all), and the fewest that hold a share `top_p`, can be.
    """

    length: int = LENGTH
    temperature: float = TEMPERATURE
    top_k: int = TOP_K
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        rules = {
            "length must be from 0 to 10,000,000": 0 <= self.length <= 10_000_000,
            "temperature must be from 0 to 100": 0 <= self.temperature <= 100,
            "top-k must be at least 0": self.top_k >= 0,
            "top-p must be more than 0, and at most 1": 0 < self.top_p <= 1,
            "seed must be at least 0": self.seed >= 0,
        }
        for rule, holds in rules.items():
            if not holds:
                raise UsageError(f"{rule}; got {getattr(self, rule.split()[0].replace('-', '_'))}")

    def draw(self, scores: Array, random: np.random.Generator) -> int:
        """A token by its scores (V); −∞ is never drawn."""
        if self.temperature == 0:
            return int(scores.argmax())
        order = np.argsort(-scores, kind="stable")
        order = order[: self.top_k or None]
        chances = np.exp((scores[order] - scores[order[0]]).astype(np.float64) / self.temperature)
        before = np.cumsum(chances) - chances
        chances[before >= self.top_p * chances.sum()] = 0
        return int(order[random.choice(len(order), p=chances / chances.sum())])


class CorpusProgram(Program):
    """Writes on: call it with a prompt; `score` says how well it foresees a text."""

    about: ClassVar[str] = (
        "Writes text: goes on from a prompt. This program was learnt from examples, not written."
    )
    example: ClassVar[str] = '"It is a truth" --length 300 --seed 1'

    def __init__(self, archive: Archive) -> None:
        super().__init__(archive)
        self.tokenizer = BytePairs(self.asset("tokenizer.json"))
        self.context, self.vocabulary = self.result.shape
        if len(self.tokenizer) + 1 != self.vocabulary:
            raise ProgramError("its tokenizer.json must have a token less than its graph")
        self.longest = max(map(len, self.tokenizer.bytes))  # bytes of a token
        self.begin = self.vocabulary - 1  # the token before a text, which also ends one

    def read(self, source: Any) -> list[int]:
        """The tokens of a text, or of the bytes of a file; DataError where it is no text."""
        return self.tokenizer.encode([plain(source)])[0]

    def stored(self, item: Sequence[int]) -> tuple[str, bytes]:
        return "txt", self.tokenizer.decode(item)

    def feeds(self, items: Sequence[Sequence[int]]) -> Iterator[Feeds]:
        """The windows of texts, which are scored together."""
        every = [w for tokens in items for w in windows(len(tokens), self.context)]
        rows = [row for tokens in items for row in self._rows(tokens)]
        for at in range(0, len(every), SCORED):
            yield {"tokens": np.stack(rows[at : at + SCORED])}

    def outputs(self, items: Sequence[Sequence[int]]) -> list[Array]:
        """The bits of each token, given those before it: an array an item."""
        return [self._bits(tokens) for tokens in items]

    def __call__(self, source: Any, **options: Any) -> Written:
        """How a prompt goes on; `options` are those of Sampling: length, temperature, seed …"""
        return self.written(plain(source), Sampling(**options))

    def written(
        self, prompt: str, sampling: Sampling, wanted: Callable[[], bool] = lambda: True
    ) -> Written:
        """The same for a text; it stops where it is, once it is not `wanted` any more."""
        made, parts = Stretch(), []
        for part in self.stream(prompt, sampling, made):
            parts.append(part)
            if not wanted():
                break
        text = "".join(parts)
        return Written(prompt, text, made.tokens, made.ended, sampling.seed, self._note(prompt))

    def batch(self, sources: Iterable[Any]) -> Iterator[Written]:
        """How each of several prompts goes on."""
        return map(self, sources)

    def stream(
        self, prompt: str, sampling: Sampling | None = None, made: "Stretch | None" = None
    ) -> Iterator[str]:
        """The text that follows, as it is written, in whole characters; `made` keeps count."""
        sampling, made = sampling or Sampling(), made or Stretch()
        left = sampling.length
        for part in whole_characters(self._written(prompt, sampling, made)):
            if len(part) >= left:
                yield part[:left]
                return
            left -= len(part)
            if part:
                yield part

    def _written(self, prompt: str, sampling: Sampling, made: "Stretch") -> Iterator[bytes]:
        """The bytes of one token after the other.

        The prompt's last token is taken back, and what begins with its letters drawn instead: a
        prompt that stops within a word goes on within it.
        """
        random = np.random.default_rng(sampling.seed)
        tokens = [self.begin, *self._last(prompt)]
        start = self.tokenizer.bytes[tokens.pop()] if len(tokens) > 1 else b""
        while not made.ended and made.tokens <= sampling.length * 4:
            scores = self._next(tokens)
            if start:
                fits = [piece.startswith(start) for piece in self.tokenizer.bytes]
                scores = np.where([*fits, False], scores, -np.inf)
            token = sampling.draw(scores, random)
            made.tokens += 1
            made.ended = token == self.begin
            if not made.ended:
                tokens.append(token)
                yield self.tokenizer.bytes[token][len(start) :]
            start = b""

    def _last(self, prompt: str) -> list[int]:
        """The tokens of a prompt's end: at least as many as the graph can see."""
        return self.tokenizer.encode([prompt[-2 * self.context * self.longest :]])[0]

    def _next(self, tokens: list[int]) -> Array:
        """Scores (V) of what follows, by the last tokens that the graph can see."""
        seen = tokens[-self.context :]
        row = np.zeros((1, self.context), np.int64)
        row[0, : len(seen)] = seen
        scores: Array = self.run({"tokens": row})[0, len(seen) - 1]
        if not np.isfinite(scores).all():
            raise ProgramError("the program's graph gives scores that are not numbers")
        return scores

    def score(self, source: Any) -> Score:
        """How many bits each token of a text takes, given those before it."""
        text = plain(source)
        if not text:
            raise DataError("a text that is scored must not be empty")
        return Score(self._bits(self.tokenizer.encode([text])[0]), len(text.encode()))

    def _rows(self, tokens: Sequence[int]) -> list[npt.NDArray[np.int64]]:
        """Windows of the beginning and all tokens but the last, filled up with 0."""
        known = np.array([self.begin, *tokens], np.int64)
        rows = []
        for start, _ in windows(len(tokens), self.context):
            row = known[:-1][start : start + self.context]
            rows.append(np.pad(row, (0, self.context - len(row))))
        return rows

    def _bits(self, tokens: Sequence[int]) -> Array:
        found = [np.zeros(0, np.float32)]
        places = iter(windows(len(tokens), self.context))
        wanted = np.array(tokens, np.int64)
        for feeds in self.feeds([tokens]):
            for scores in self.run(feeds):
                start, first = next(places)
                targets = wanted[start + first : start + self.context]
                found.append(bits(scores[first : first + len(targets)], targets))
        return np.concatenate(found)

    def _note(self, prompt: str) -> str:
        if len(prompt) > self.context and len(self._last(prompt)) > self.context:
            return f"only the last {self.context} tokens of the prompt are seen"
        return ""

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        add = parser.add_argument
        add("prompt", nargs="?", metavar="PROMPT", help="what the text begins with; - is stdin")
        add("--length", type=int, default=LENGTH, metavar="N", help="characters [%(default)s]")
        add("--temperature", type=float, default=TEMPERATURE, metavar="T",
            help="0: always the likeliest; 1: as learnt [%(default)s]")  # fmt: skip
        add("--top-k", type=int, default=TOP_K, metavar="K", help="of the K likeliest; 0: all")
        add("--top-p", type=float, default=1.0, metavar="P", help="of a share P of the chances")
        add("--seed", type=int, default=0, metavar="S", help="equal seeds write equal texts")
        add("--score", metavar="FILE", help="bits per byte of a text, instead; - is stdin")

    def wanted(self, arguments: argparse.Namespace) -> bool:
        return arguments.prompt is not None or arguments.score is not None

    def answer(self, arguments: argparse.Namespace) -> int:
        """Write on from the prompt, as it comes; or score a file. Returns the exit code."""
        if arguments.score is not None:
            return self._answer_score(arguments.score, arguments.json)
        names = ("length", "temperature", "top_k", "top_p", "seed")
        options = {name: getattr(arguments, name) for name in names}
        source: Any = arguments.prompt
        if source == "-":  # less the end of its last line
            source = sys.stdin.buffer.read(MAX_INPUT + 1).removesuffix(b"\n").removesuffix(b"\r")
        if arguments.json:
            print(json.dumps(self(source, **options).as_dict()), flush=True)
            return 0
        prompt, sampling = plain(source), Sampling(**options)
        if note := self._note(prompt):
            print(f"note: {note}", file=sys.stderr)
        print(harmless(prompt), end="", flush=True)
        for part in self.stream(prompt, sampling):
            print(harmless(part), end="", flush=True)
        print()
        return 0

    def _answer_score(self, name: str, as_json: bool) -> int:
        score = self.score(read_file(name))
        facts = {"input": name, "bits per byte": round(score.bits_per_byte, 4),
                 "bytes": score.bytes, "tokens": len(score.bits)}  # fmt: skip
        words = f"{shown(name)}: {score.bits_per_byte:.3f} bits per byte ({score.bytes:,} bytes)"
        print(json.dumps(facts) if as_json else words)
        return 0


@dataclass
class Stretch:
    """How far a text has come."""

    tokens: int = 0
    ended: bool = False


def windows(count: int, context: int) -> list[tuple[int, int]]:
    """(start, first) of the windows in which `count` tokens are foreseen, each of them once.

    A window's answers count from its `first` place on. Windows overlap by half, so that all but
    a text's first tokens are foreseen from at least half a context.
    """
    half = context // 2
    later = [(at - half, half) for at in range(context, count, half)]
    return [(0, 0), *later] if count else []


def bits(scores: Array, targets: Array) -> Array:
    """−log₂ softmax(scores)[target] of each row: scores (N, V), targets (N)."""
    scores = scores - scores.max(axis=1, keepdims=True)
    here = np.take_along_axis(scores, targets[:, None], 1)[:, 0]
    found: Array = (np.log(np.exp(scores).sum(axis=1)) - here) / np.float32(np.log(2))
    return found


def plain(source: Any) -> str:
    """A text as it is, or from bytes; what the shell gives as broken characters becomes �."""
    if isinstance(source, bytes):
        if len(source) > MAX_INPUT:
            raise DataError(f"a text may have at most {MAX_INPUT // 2**20} MB")
        try:
            return decoded(source)[0] if source.strip() else ""
        except DataError as error:
            raise DataError(f"the text {error}") from None
    if not isinstance(source, str):
        raise DataError(f"a text or bytes are needed; got {type(source).__name__}")
    try:  # the shell's way to hand on bytes that are no characters
        return source.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:
        return source.encode("utf-8", "replace").decode()


def read_file(name: str) -> bytes:
    """The bytes of a file, or of standard input; DataError where there is none."""
    if name == "-":
        return sys.stdin.buffer.read(MAX_INPUT + 1)
    try:
        with open(os.fspath(name), "rb") as file:
            return file.read(MAX_INPUT + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{shown(name)} cannot be read: {reason}") from None
