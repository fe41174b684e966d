"""docs/conformance.md: how much of PyTorch's own samples the engine matches, by operation.

`make docs` writes it; every test of an operation compares its row, so no count can fall unseen.
"""

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from tests.conformance.samples import Row

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
HEADER = (
    "| {} | samples | matching | declined | in ONNX Runtime | why not |\n"
    "|---|---|---|---|---|---|\n"
)
INTRO = """# What agrees with PyTorch

Made by `make docs`, held by the tests. The samples are PyTorch 2.13's own: the databases of
operators and modules in its wheel. A sample *matches* if value and gradient are PyTorch's; it is
*declined* if the engine says by `NotImplementedError` what it does not do. Of what matches, the
graph was exported, checked, run in ONNX Runtime and compared. Where a sample has no graph, the
last column says why: results that are Python's own, no tensor that goes in, or random numbers.
Modules are run in training and in evaluation, and exported in evaluation.
"""


def line(name: str, row: Row) -> str:
    """A row of the table."""
    why = "; ".join(f"{reason} ({n})" for reason, n in sorted(row.reasons.items()))
    cells = (f"`{name}`", row.samples, row.matching, row.declined, row.exported, _short(why))
    return "| " + " | ".join(map(str, cells)) + " |"


def _short(text: str) -> str:
    flat = " ".join(text.split()).replace("|", "/")
    return flat if len(flat) <= 160 else flat[:157] + "…"


def table(title: str, found: Iterable[str], measure: Callable[[str], Row]) -> str:
    """A section: its sum, and a line for each name."""
    rows = {name: measure(name) for name in found}
    samples, matching, declined, exported = (
        f"{sum(getattr(row, kind) for row in rows.values()):,}"
        for kind in ("samples", "matching", "declined", "exported")
    )
    head = (
        f"\n## {title.capitalize()}s\n\n{len(rows)} {title}s, {samples} samples: {matching} match, "
        f"{declined} are declined; {exported} run in ONNX Runtime with the same result.\n\n"
    )
    return head + HEADER.format(title) + "".join(f"{line(n, r)}\n" for n, r in rows.items())


@cache
def committed() -> dict[str, str]:
    """The lines of the page by name."""
    lines = PAGE.read_text().splitlines() if PAGE.exists() else []
    return {text.split("`")[1]: text for text in lines if text.startswith("| `")}
