"""The page of a served program: the one that runs the model, or, without it, how to call this one.

Nothing is fetched for it: it is as this machine has it.
"""

import html
import json
from collections.abc import Callable
from contextlib import suppress

from learnt.errors import LearntError
from learnt.runner.endpoints import HTML, Reply
from learnt.runner.inputs import CSV, JSON, inputs_of
from learnt.runner.libraries import RUNTIME
from learnt.runner.page import KINDS, page_bytes
from learnt.runner.program import Program

CARD_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5b6675; --line: #dfe4ea; --back: #fff;
  --box: #f5f7f9; --mark: #0b6e6e }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ecf1; --soft: #a3adba; --line: #303844;
  --back: #14181e; --box: #1c222a; --mark: #5cc8c0 } }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--back);
  max-width: 46rem; margin: 0 auto; padding: 2.5rem 1.2rem }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 }
h2 { font-size: 1.05rem; margin: 2.2rem 0 .6rem }
p { margin: .4rem 0; color: var(--soft) }
pre { background: var(--box); border: 1px solid var(--line); border-radius: .5rem; padding: .9rem;
  overflow-x: auto; font: .86rem/1.5 ui-monospace, monospace; white-space: pre-wrap;
  overflow-wrap: anywhere }
a { color: var(--mark) }
nav a { margin-right: 1.2rem }
"""


def page_of(program: Program, url: str) -> Callable[[], Reply]:
    """What gives the page: the program's own one is made once, as soon as it can be."""
    made: list[Reply] = []

    def page() -> Reply:
        if not made and runs_here(program):
            with suppress(LearntError):  # it is too large for a page
                made.append(Reply(page_bytes(program), HTML))
        return made[0] if made else _card_page(program, url)

    return page


def runs_here(program: Program) -> bool:
    """Is all that its own page needs on this machine?"""
    scripts = KINDS.get(program.spec["kind"])
    try:
        return scripts is not None and all(
            library.here for library in (RUNTIME, *scripts.libraries)
        )
    except (LearntError, OSError, RuntimeError):  # there is no place for libraries
        return False


def how_to_run_here(program: Program) -> str:
    """What to do so that the page of a server runs the program."""
    return (
        f"run `learnt page {program.archive.label}` once on this machine, "
        "and / becomes the page that runs the program in the browser"
    )


def _card_page(program: Program, url: str) -> Reply:
    body = card(program, url).encode("utf-8", "replace")
    return Reply(body, HTML, 200, {"content-security-policy": CARD_POLICY})


def card(program: Program, url: str) -> str:
    """How to call the program, and its card, as HTML; all that is the program's own is text."""
    name = html.escape(str(program.manifest.get("name") or "program"))
    note = "" if runs_here(program) else f"<p>{html.escape(how_to_run_here(program))}</p>"
    calls = "\n\n".join(map(html.escape, examples(program, url)))
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{name}</title><style>{STYLE}</style></head><body><main>
<h1>{name}</h1>
<p>{html.escape(program.about)}</p>
<h2>Ask it</h2>
<pre>{calls}</pre>
{note}
<nav><a href="/openapi.json">openapi.json</a><a href="/health">health</a>
<a href="/metrics">metrics</a></nav>
<h2>What it is</h2>
<pre>{html.escape(program.card)}</pre>
</main></body></html>
"""


def examples(program: Program, url: str) -> list[str]:
    """Lines for a shell that ask the program something."""
    inputs, found = inputs_of(program), []
    for media in inputs.media[:1]:
        what = {"image/*": ("image/png", "cat.png"), "audio/*": ("audio/ogg", "hello.ogg"),
                CSV: (CSV, "rows.csv")}  # fmt: skip
        kind, file = what.get(media, (media, "text.txt"))
        found.append(f"curl {url}run -H 'content-type: {kind}' --data-binary @{file}")
    for value in inputs.examples()[:1]:
        told = json.dumps(value).replace("'", "\\u0027")
        if len(told) < 1000:
            found.append(f"curl {url}run -H 'content-type: {JSON}' -d '{told}'")
    return found
