"""Words for people: names that are safe to print, and figures that are easy to read."""

import os


def shown(path: object) -> str:
    """A path as it can be shown on one line of a terminal, whatever is in it."""
    text = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else str(path)
    return text if text.isprintable() else ascii(text)[1:-1]


def percent(share: float) -> str:
    """A share as people read it: 0.9734 → '97.3 %'."""
    return f"{share:.1%}".replace("%", " %")
