"""Writes docs/cli.md, what every verb says of itself, and docs/conformance.md, what agrees.

`make docs`; the tests compare both with what the code does, so neither is ever out of date.
"""

import contextlib
import io
import os
import sys
from pathlib import Path

PAGE = Path(__file__).with_name("cli.md")


def verbs() -> list[str]:
    """Every verb, as it is typed after `learnt`."""
    from learnt.cli.main import app

    return [str(verb.name) for verb in app.registered_commands] + [
        f"{group.name} {verb.name}"
        for group in app.registered_groups
        for verb in group.typer_instance.registered_commands
    ]


def page() -> str:
    """The reference as Markdown."""
    from learnt.cli.main import main

    parts = ["# The command line\n\nWritten by `make docs` from `learnt VERB --help`.\n"]
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "90"
    try:
        for verb in verbs():
            text = io.StringIO()
            with contextlib.redirect_stdout(text):
                main([*verb.split(), "--help"])
            parts.append(f"## learnt {verb}\n\n```text\n{text.getvalue().strip()}\n```\n")
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before
    return "\n".join(parts)


def conformance() -> str:
    """How much of PyTorch's own samples the engine matches, as Markdown (takes minutes)."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.conformance import page, samples, test_module_db

    return (
        page.INTRO
        + page.table("operation", samples.names(), samples.measure)
        + page.table("module", test_module_db.names(), test_module_db.measure)
    )


if __name__ == "__main__":
    PAGE.with_name("conformance.md").write_text(conformance(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
