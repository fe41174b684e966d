"""Markdown that reads well as it is, too: lines that fit a terminal, and tables that align.

Whatever a label or a file's name holds, it stays text: it cannot end a table's cell, begin a line
of another kind, or become HTML.  (CommonMark 0.31: section 2.4, backslash escapes)
"""

import re
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence

from learnt.runner.text import shown

WIDTH = 80  # columns of a terminal
LONGEST = 40  # characters of a cell
SPECIAL = re.compile(r"[\\`*<\[\]|&~]|(?<!\w)_|_(?!\w)")


def escaped(value: object) -> str:
    """A text as Markdown that shows it as it is, on one line."""
    text = str(value)
    return SPECIAL.sub(r"\\\g<0>", text if text.isprintable() else ascii(text)[1:-1])


def cell(value: object) -> str:
    """The same for a cell of a table: of long texts the middle is not shown."""
    text = shown(value)
    cut = text if len(text) <= LONGEST else f"{text[: LONGEST - 12]} … {text[-9:]}"
    return SPECIAL.sub(r"\\\g<0>", cut)


def paragraph(text: str, begin: str = "") -> str:
    """Markdown that was one line, on lines that fit; the first begins with `begin`: "- " """
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=begin,
        subsequent_indent=" " * len(begin),
        break_long_words=False,
        break_on_hyphens=False,
    )


def listed(items: Iterable[str]) -> str:
    """A list, an item a text of Markdown."""
    return "\n".join(paragraph(item, "- ") for item in items)


def table(head: Sequence[str], rows: Iterable[Sequence[object]], texts: int = 1) -> str:
    """A table whose columns align: the first `texts` of them to the left, numbers to the right.

    Cells are any values; what Markdown would take for its own is escaped.
    """
    cells = [[cell(value) for value in row] for row in (head, *rows)]
    widths = [max(3, *map(wide, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| "
        + " | ".join(
            text + " " * (width - wide(text)) if i < texts else " " * (width - wide(text)) + text
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in cells
    ]
    rule = ["-" * w if i < texts else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    lines.insert(1, f"| {' | '.join(rule)} |")
    return "\n".join(lines)


def wide(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )
