"""Words for people: names that are safe to print, and figures that are easy to read."""

import os
import re

LONGEST = 500  # characters, of which the middle is not shown


def shown(path: object) -> str:
    """A path, or a cell, as it can be shown on one line of a terminal, whatever is in it."""
    text = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else str(path)
    if len(text) > LONGEST:
        text = f"{text[:60]} … {text[-20:]}"
    return text if text.isprintable() else ascii(text)[1:-1]


# What a terminal would obey: controls but tab and new line, and what turns the order of letters.
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def harmless(text: str) -> str:
    """A text of any length and many lines, without what a terminal would obey."""
    return OBEYED.sub("\N{REPLACEMENT CHARACTER}", text)


def percent(share: float) -> str:
    """A share as people read it: 0.9734 → '97.3 %'."""
    return f"{share:.1%}".replace("%", " %")


def counted(count: int, noun: str) -> str:
    """So many of something: '1 text', '2,000 texts'."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
