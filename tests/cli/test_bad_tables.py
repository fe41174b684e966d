"""`learnt train` on tables that are bad in every way: one clear message, or a stated answer.

The same faults for each kind of job that takes a table; `--plan` reads all of the data, says what
was done about it, and stops.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

Refused = Callable[..., str]
ROWS = 120
FILE = "the.csv"
OPTIONS = {
    "table": ("--label", "income"),
    "texts": ("--text", "text", "--label", "label"),
    "ratings": ("--user", "user", "--item", "item", "--rating", "rating"),
}
KINDS = list(OPTIONS)


def good(kind: str) -> list[list[str]]:
    """A small table that can be learnt from; its last column is what is to be answered."""
    numbers = range(ROWS)
    if kind == "table":
        rows = [[str(20 + i), "cook" if i % 3 else "clerk", "high" if i > 60 else "low"]
                for i in numbers]  # fmt: skip
        return [["age", "job", "income"], *rows]
    if kind == "texts":
        rows = [[f"I saw a very {word} film number {i}", word]
                for i in numbers for word in [("good", "bad")[i % 2]]]  # fmt: skip
        return [["text", "label"], *rows]
    rows = [[f"u{i % 12}", f"i{i // 12}", str(1 + i * 7 % 5)] for i in numbers]
    return [["user", "item", "rating"], *rows]


def written(rows: list[list[str]], delimiter: str = ",") -> bytes:
    return "".join(delimiter.join(row) + "\n" for row in rows).encode()


def changed(rows: list[list[str]], column: int, cell: Callable[[int], str]) -> bytes:
    """The table with other cells in a column."""
    found = [list(row) for row in rows]
    for number, row in enumerate(found[1:]):
        row[column] = cell(number)
    return written(found)


Rows = list[list[str]]
HOPELESS: dict[str, tuple[Callable[[Rows], bytes], str]] = {
    "empty": (lambda rows: b"", "is empty"),
    "blank lines only": (lambda rows: b"\n\r\n\n", "is empty"),
    "a first line only": (lambda rows: written(rows[:1]), "and no rows"),
    "one row": (lambda rows: written(rows[:2]), "must|different"),
    "inputs without answers": (lambda rows: written([row[:-1] for row in rows]), "column"),
    "answers without inputs": (lambda rows: written([row[-1:] for row in rows]), "column"),
    "two columns of one name": (
        lambda rows: written([[rows[0][0], *rows[0]], *(["1", *row] for row in rows[1:])]),
        "each column name once; .* of the columns 1, 2",
    ),
    "a longer row": (
        lambda rows: written([*rows, [*rows[1], "more"]]),
        f"line {ROWS + 2}: every row must have . cells",
    ),
    "a shorter row": (
        lambda rows: written([*rows, rows[1][:-1]]), f"line {ROWS + 2}: every row must have"
    ),
    "a quote that is not closed": (
        lambda rows: written([*rows, ['"no end', *rows[1][1:]]]),
        f"line {ROWS + 2}: a quote is opened in this row and never closed",
    ),
    "another kind of file": (lambda rows: b"\x89PNG\r\n\x1a\n" + bytes(99), "a PNG picture"),
    "bytes": (lambda rows: bytes(range(256)) * 20, "NUL bytes"),
    "one answer in every row": (
        lambda rows: changed(rows, -1, lambda i: rows[1][-1]), "differ|all have"
    ),
    "no answer in any row": (
        lambda rows: changed(rows, -1, lambda i: ""), "empty in every row|120 of 120"
    ),
    "another answer in every row": (
        lambda rows: changed(rows, -1, lambda i: f"answer {i}"), "at least 3|3 diff|is a number"
    ),
    "a Parquet file cut short": (lambda rows: b"PAR1" + bytes(99), "cannot be read as Parquet"),
}  # fmt: skip

READABLE: dict[str, tuple[Callable[[Rows], bytes], str]] = {
    "a byte order mark": (lambda rows: b"\xef\xbb\xbf" + written(rows), ""),
    "UTF-16": (lambda rows: written(rows).decode().encode("utf-16"), ""),
    "Latin-1": (
        lambda rows: written(rows).replace(b"oo", b"\xf6\xf6").replace(b"u1,", b"\xf6,"),
        r"note: the.csv is not in UTF-8 \(first in line .*\): such bytes were read as Windows-1252",
    ),
    "semicolons": (lambda rows: written(rows, ";"), ""),
    "tabs": (lambda rows: written(rows, "\t"), ""),
    "a delimiter too many": (
        lambda rows: written([rows[0], *([*row, ""] for row in rows[1:])]), ""
    ),
    "a column without a name": (
        lambda rows: written([["", *rows[0]], *([str(i), *r] for i, r in enumerate(rows[1:]))]),
        "note: the.csv: columns without a name are called by their number: 1",
    ),
    "a cell of ten million letters": (
        lambda rows: written([*rows, ["x" * 10_000_000, *rows[1][1:]]]), "note: "
    ),
    "lines within cells": (
        lambda rows: changed(rows, 0, lambda i: f'"{rows[i + 1][0][:2]}\n{rows[i + 1][0][2:]}"'), ""
    ),
    "an answer that is missing": (
        lambda rows: changed(rows, -1, lambda i: rows[i + 1][-1] if i else ""), "note: .*left out"
    ),
    "no language": (lambda rows: changed(rows, 0, lambda i: "☃" * (1 + i % 9) + str(i % 40)), ""),
}  # fmt: skip


@pytest.mark.parametrize("fault", HOPELESS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_hopeless_table_is_refused_with_its_reason(
    refused: Refused, here: Path, kind: str, fault: str
) -> None:
    make, words = HOPELESS[fault]
    (here / FILE).write_bytes(make(good(kind)))
    message = refused("train", FILE, *OPTIONS[kind])
    assert re.search(words, message), message
    assert len(message) < 500


@pytest.mark.parametrize("fault", READABLE)
@pytest.mark.parametrize("kind", KINDS)
def test_a_table_that_can_be_read_in_one_way_is_read_so_and_what_was_done_is_said(
    cli: Cli, here: Path, kind: str, fault: str
) -> None:
    make, words = READABLE[fault]
    (here / FILE).write_bytes(make(good(kind)))
    done = cli("train", FILE, *OPTIONS[kind], "--plan")
    assert done.code == 0, done.err
    assert re.search(words, done.err), done.err
    assert len(done.err) < 1000
    said = cli("train", FILE, *OPTIONS[kind], "--plan", "--json")
    assert (said.code, said.err) == (0, "")


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_table_is_taken_for_its_kind_without_options(
    cli: Cli, here: Path, kind: str
) -> None:
    (here / FILE).write_bytes(written(good(kind)))
    done = cli("train", FILE, "--plan")
    assert done.code == 0, done.err
    assert f"taken for {kind}, as it" in done.out


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (lambda i: "" if i else "39", "note: left out the column age: it has one value only"),
        (lambda i: "", "note: left out the column age: every cell is empty"),
        (lambda i: "inf" if i % 2 else "-Infinity", "age: .*(infinite|finite)"),
        (lambda i: "inf" if i % 9 == 0 else str(i), "note: age: 1. cells are infinite"),
        (lambda i: "1e999" if i % 9 == 0 else str(i), "note: age: 1. cells are infinite"),
        (lambda i: "n/a" if i % 20 == 0 else str(i), ""),
    ],
)
def test_a_column_of_a_table_that_teaches_little_is_named(
    cli: Cli, here: Path, cell: Callable[[int], str], words: str
) -> None:
    (here / FILE).write_bytes(changed(good("table"), 0, cell))
    done = cli("train", FILE, "--label", "income", "--plan")
    assert done.code == 0, done.err
    assert re.search(words, done.err), done.err


def test_a_column_that_tells_the_answer_is_named(cli: Cli, here: Path) -> None:
    rows = [[*row, f"code {row[-1]}"] for row in [*good("table"), *good("table")[1:]] * 4]
    (here / FILE).write_bytes(written([rows[0], *(r for r in rows if r[0] != "age")]))
    done = cli("train", FILE, "--label", "income", "--plan")
    assert done.code == 0, done.err
    assert "code income alone tells the label nearly always" in done.err
