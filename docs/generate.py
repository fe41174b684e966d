"""Writes docs/cli.md: what every verb says of itself, so the reference is never out of date."""

import contextlib
import io
import os
from pathlib import Path

VERBS = (
    "demo", "train", "test", "run", "info", "data list", "data get", "bodies list", "bodies get",
)  # fmt: skip
PAGE = Path(__file__).with_name("cli.md")


def page() -> str:
    """The reference as Markdown."""
    from learnt.cli.main import main

    parts = ["# The command line\n\nWritten by `make docs` from `learnt VERB --help`.\n"]
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "90"
    try:
        for verb in VERBS:
            text = io.StringIO()
            with contextlib.redirect_stdout(text):
                main([*verb.split(), "--help"])
            parts.append(f"## learnt {verb}\n\n```text\n{text.getvalue().strip()}\n```\n")
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
