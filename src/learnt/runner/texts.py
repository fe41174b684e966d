"""Programs that take a text: `./reviews.pyz "I really liked that movie!"`.

A text is cut into words and letters, as numbers; all else is in the graph.
"""

import argparse
import codecs
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from learnt.errors import DataError, ProgramError
from learnt.runner.archive import Archive
from learnt.runner.plain_text import MAX_FILE, decoded, read_text, whole
from learnt.runner.program import BATCH, Array, Feeds, Program
from learnt.runner.results import Result
from learnt.runner.rows import free_name, open_rows, open_table
from learnt.runner.text import counted, shown
from learnt.runner.wordpieces import Tokenizer, fit, letters, padded

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".pq", ".csv.gz", ".tsv.gz")
FILES = (".txt", ".md")
FIRST = 2  # the number of the commonest word; below are padding and unknown words
MAX_LIMIT = 1_000_000  # of words, letters or characters in a manifest
SHOWN = 60  # characters of a text that are printed beside its answer


@dataclass(frozen=True)
class Reading:
    """A text as the graph takes it: the numbers of its words, letters and pieces of words."""

    text: str
    parts: Mapping[str, Sequence[int] | Array]  # by the names of the graph's inputs
    note: str = ""


def reading(
    text: str, cutters: Mapping[str, Tokenizer], most_letters: int, note: str = ""
) -> Reading:
    """A text, cut by each of the tokenizers, and into letters where the graph takes any."""
    parts: dict[str, Any] = {name: cutter(text) for name, cutter in cutters.items()}
    if most_letters:
        parts["letters"] = letters(text, most_letters)
    return Reading(text, parts, note)


class TextProgram(Program):
    """A text is a str; or bytes or a path, of a file with one text in it."""

    about = "Reads texts. This program was learnt from examples, not written."
    example = '"I really liked that movie!"'

    def __init__(self, archive: Archive) -> None:
        super().__init__(archive)
        self.characters = _limit(self.spec, "characters")
        self.letters = _limit(self.spec, "letters") if "letters" in self.spec else 0
        self.column = str(self.spec.get("column", "text"))[:1000]
        self.cutters = {"words": Tokenizer(self.asset("words.json"), _limit(self.spec, "words"))}
        if "pieces" in self.spec:
            pieces = Tokenizer(self.asset("pieces.json"), _limit(self.spec, "pieces"))
            self.cutters["pieces"] = pieces

    def read(self, source: str | bytes | os.PathLike[str]) -> Reading:
        """A text, cut into words; DataError where there is none."""
        text, how = _letters(source)
        if not text.strip():
            raise DataError("the text is empty: it must have at least one letter")
        notes = [f"read as {how}"] if how else []
        if len(text) > self.characters:
            notes.append(f"only the first {self.characters:,} characters were read")
        fitting = fit(text, self.characters)
        return reading(fitting, self.cutters, self.letters, "; ".join(notes))

    def feeds(self, items: Sequence[Reading]) -> Iterator[Feeds]:
        """Padded to the longest of each batch."""
        for at in range(0, len(items), BATCH):
            some = items[at : at + BATCH]
            yield {name: padded([item.parts[name] for item in some]) for name in items[0].parts}

    def outputs(self, items: Sequence[Reading]) -> list[Array]:
        """The graph's result for each item; texts of like length run together."""
        order = sorted(range(len(items)), key=lambda i: len(items[i].text))
        rows = super().outputs([items[i] for i in order])
        back = dict(zip(order, rows, strict=True))
        return [back[i] for i in range(len(items))]

    def stored(self, item: Reading) -> tuple[str, bytes]:
        """As a text file."""
        return "txt", item.text.encode()

    def finished(self, item: Reading, row: Array) -> Any:
        """The result, which says so where the text has no known word or was not read whole."""
        result = self.result(row)
        if max(item.parts["words"], default=0) >= FIRST:
            return replace(result, note=item.note) if item.note else result
        note = "none of its words was seen in training"
        if "pieces" not in item.parts and np.allclose(row, self._nothing, atol=1e-5):
            note += ": the answer is only how common each class was"
        return replace(result, note=f"{item.note}; {note}" if item.note else note)

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "inputs", nargs="*", metavar="TEXT",
            help="a text in quotes; a file that ends in .txt (one text) or .csv, .jsonl, .parquet "
            "(a table: a text a row); - reads standard input, a text a line",
        )  # fmt: skip
        parser.add_argument("-o", "--out", metavar="OUT", help="write a table (CSV), a row a text")
        parser.add_argument("--text", metavar="COLUMN", help="the column of texts in a table")

    def answer(self, arguments: argparse.Namespace) -> int:
        """Print or write one line a text; returns the exit code."""
        tables = [name for name in arguments.inputs if _is_table(name)]
        if tables and len(arguments.inputs) > 1:
            raise DataError("give one table and nothing else, or texts without a table")
        if tables:
            return self._table(tables[0], arguments)
        texts = chain.from_iterable(map(_texts, arguments.inputs))
        if arguments.out:
            rows = ({"text": _whole(source), SOURCE: source} for _, source in texts)
            return self._write(rows, ["text"], arguments)
        return self.answer_each(texts, arguments)

    @cached_property
    def _nothing(self) -> Array:
        """The answer to a text with nothing in it."""
        return self.outputs([reading("", self.cutters, self.letters)])[0]

    def _table(self, path: str, arguments: argparse.Namespace) -> int:
        """A table in, a table out, some rows at a time: its columns, and the answers."""
        with open_rows(path) as rows:
            column = _column(rows.names, arguments.text or self.column, path)
            found = (
                {**row, SOURCE: "" if row[column] is None else str(row[column])}
                for chunk in rows.chunks()
                for row in chunk
            )
            code = self._write(found, rows.names, arguments)
            rows.say()
        return code

    def _write(
        self, rows: Iterable[dict[str, Any]], names: list[str], arguments: argparse.Namespace
    ) -> int:
        """Each row with its answer: a CSV to the file or standard output, or JSON lines."""
        new = [free_name(name, names) for name in ("label", "probability")]
        odd = Counter[str]()
        with ExitStack() as stack:
            write: Callable[[dict[str, Any]], None] = _print_json
            if arguments.out or not arguments.json:
                write = stack.enter_context(open_table(arguments.out, [*names, *new]))
            for chunk in _chunks(rows):
                for row, result in zip(chunk, self._answers(chunk), strict=True):
                    del row[SOURCE]
                    if result is None:
                        odd["no text, and so no answer"] += 1
                    else:
                        odd.update(filter(None, result.note.split("; ")))
                        row[new[0]] = result.label
                        row[new[1]] = round(result.probability, 6)
                    if result and write is _print_json:
                        row["probabilities"] = result.as_dict()["probabilities"]
                    write(row)
        for what, count in odd.items():
            print(f"note: {counted(count, 'row')}: {what}", file=sys.stderr)
        return 0

    def _answers(self, chunk: list[dict[str, Any]]) -> list[Result | None]:
        """The result of each row; None where its text is empty."""
        answers: list[Result | None] = [None] * len(chunk)
        there, items = [], []
        for number, row in enumerate(chunk):
            try:
                items.append(self.read(row[SOURCE]))
                there.append(number)
            except DataError:
                continue
        for number, item, output in zip(there, items, self.outputs(items), strict=True):
            answers[number] = self.finished(item, output)
        return answers


def _letters(source: object) -> tuple[str, str]:
    """The text of a source, and how its bytes were read, where that is not UTF-8."""
    if isinstance(source, os.PathLike):
        return read_text(source)
    if isinstance(source, bytes):
        try:
            return decoded(whole(source[:MAX_FILE]))
        except DataError as error:
            raise DataError(f"the text {error}") from None
    if not isinstance(source, str):
        raise DataError(f"a text must be a str, or bytes or a path; got {type(source).__name__}")
    return source, ""


def _whole(source: object) -> str:
    """The text of a source as a cell of a table; empty where it is none."""
    with suppress(DataError):
        return _letters(source)[0]
    return ""


SOURCE = "\0source"  # where a row has its text: no column of a file is called so
AT_ONCE = 256  # texts


def _limit(spec: dict[str, Any], name: str) -> int:
    limit = spec.get(name)
    if type(limit) is not int or not 2 <= limit <= MAX_LIMIT:
        raise ProgramError(f"its input must say how many {name} of a text are read")
    return limit


def _is_table(name: str) -> bool:
    return name.lower().endswith(TABLES) and os.path.isfile(name)


def _texts(name: str) -> Iterator[tuple[str, Any]]:
    """The texts that an argument stands for, each with what to call it."""
    if name == "-":
        number = 0
        while line := sys.stdin.buffer.readline(MAX_FILE):
            text = line.rstrip(b"\r\n").removeprefix(b"" if number else codecs.BOM_UTF8)
            number += 1
            yield _name(text.decode("utf-8", "replace")), text
        if not number:
            raise DataError("standard input is empty: give a text a line")
    elif name.lower().endswith(FILES) and os.path.isfile(name):
        yield name, Path(name)
    else:
        yield _name(name), name


def _name(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _column(names: list[str], wanted: str, path: str) -> str:
    plain = [name.lower() for name in names]
    if wanted.lower() in plain:
        return names[plain.index(wanted.lower())]
    if len(names) == 1:
        return names[0]
    raise DataError(
        f"{shown(path)} must have a column of texts, {shown(wanted)!r}; it has "
        f"{', '.join(map(shown, names[:10]))}. --text names it"
    )


def _print_json(row: dict[str, Any]) -> None:
    print(json.dumps(row))


def _chunks(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    waiting: list[dict[str, Any]] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == AT_ONCE:
            yield waiting
            waiting = []
    yield waiting
