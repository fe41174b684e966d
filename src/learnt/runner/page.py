"""A program as a web page: one HTML file that runs it in a browser, offline, asking nobody.

The page holds ONNX Runtime for the browser, the model, what belongs to it, and the scripts in
`web/`: those of every page, and those of its kind of input. Whatever comes from the program is
packed into base64 before it enters the page, so nothing in it can end or begin an element; the
page's policy lets only the very scripts run that are written here, and forbids every request.
"""

import base64
import gzip
import hashlib
import os
import pkgutil
import re
from dataclasses import dataclass
from pathlib import Path

from learnt.errors import UsageError
from learnt.runner.files import write_atomically
from learnt.runner.graph_check import check_graph
from learnt.runner.libraries import RUNTIME, RUNTIME_WASM, TOKENIZERS, Library
from learnt.runner.program import Program

MAX_MODEL = 256 * 2**20  # bytes: browsers do not read texts much longer than this becomes
POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; img-src blob: data:; "
    "media-src blob: data:; style-src {styles}; script-src 'wasm-unsafe-eval' {scripts}"
)
TRAVELS = ("model.onnx", "manifest.json", "card.md", "assets/", "selftest/")


@dataclass(frozen=True)
class Scripts:
    """What the page of a kind of program needs besides what every page has."""

    files: tuple[str, ...]  # in web/, in their order
    libraries: tuple[Library, ...] = ()  # whose `.js` and `.mjs` files are run, others kept


KINDS = {
    "image": Scripts(("png.js", "picture.js", "image.js")),
    "photo": Scripts(("png.js", "picture.js", "photo.js")),
    "text": Scripts(("given.js", "wordpieces.js", "text.js"), (TOKENIZERS,)),
    "table": Scripts(("given.js", "rows.js", "columns.js", "table.js")),
    "ratings": Scripts(("given.js", "ratings.js")),
    "prompt": Scripts(("given.js", "random.js", "prompt.js"), (TOKENIZERS,)),
    "sound": Scripts(("given.js", "audio.js", "sound.js")),
    "series": Scripts(("given.js", "rows.js", "series.js")),
}
COMMON = ("base.js", "view.js")  # before those of the kind
LAST = ("app.js",)


def write_page(program: Program, path: str | os.PathLike[str]) -> Path:
    """Write the page of a program; an old file is replaced at once or not at all."""
    return write_atomically(path, page_bytes(program))


def page_bytes(program: Program) -> bytes:
    """The page of a program, whole. UsageError where it has none, FetchError where a library
    for the browser is not here and cannot be brought."""
    kind = program.spec["kind"]
    if kind not in KINDS:
        raise UsageError(f"a program of {kind} has no page yet; those of {', '.join(KINDS)} do")
    if len(program.onnx) > MAX_MODEL:
        raise UsageError(
            f"a page can hold a model of at most {MAX_MODEL:,} bytes; "
            f"this one has {len(program.onnx):,}"
        )
    check_graph(program.onnx)
    style = _web("style.css")
    scripts = _codes(KINDS[kind])
    policy = POLICY.format(styles=_hash(style), scripts=" ".join(map(_hash, scripts)))
    parts = {
        "policy": f'<meta http-equiv="Content-Security-Policy" content="{policy}">'.encode(),
        "style": b"<style>" + style + b"</style>",
        "licences": b"\n".join(map(_licence, (RUNTIME, *KINDS[kind].libraries))),
        "parts": b"\n".join(_parts(program, KINDS[kind])),
        "scripts": b"\n".join(b'<script type="module">' + s + b"</script>" for s in scripts),
    }
    return re.sub(rb"<!--(\w+)-->", lambda found: parts[found[1].decode()], _web("app.html"))


def _codes(kind: Scripts) -> list[bytes]:
    """All that is run, in order: the libraries, then the page's own scripts."""
    libraries = [
        _as_global(gzip.decompress(data), library.called)
        for library in (RUNTIME, *kind.libraries)
        for name, data in library.packed().items()
        if name.endswith((".js", ".mjs"))
    ]
    codes = [*libraries, *map(_web, (*COMMON, *kind.files, *LAST))]
    if any(re.search(rb"</script|<!--|\r|\0", code, re.IGNORECASE) for code in codes):
        raise UsageError("a script with an end of a script in it cannot stand in a page")
    return codes


def _as_global(code: bytes, name: str) -> bytes:
    """A library that can stand in a page, where nothing imports from an inline script: the last
    `export{a as b}` becomes `globalThis.name={b:a}`."""
    found = re.search(rb"export\s*\{([^{}]*)\};?\s*(//[^\n]*)?\s*$", code)
    if not found:
        return code
    pairs = [pair.split(b" as ") for pair in found[1].split(b",") if pair.strip()]
    exports = b",".join(pair[-1].strip() + b":" + pair[0].strip() for pair in pairs)
    return code[: found.start()] + b"globalThis." + name.encode() + b"={" + exports + b"};"


def _parts(program: Program, kind: Scripts) -> list[bytes]:
    """What the page unpacks when it is opened: its elements have the names of the members."""
    members = {
        name: gzip.compress(data, 6, mtime=0)
        for name, data in program.archive.members.items()
        if name.startswith(TRAVELS)
    }
    return [
        b'<script type="text/plain" class="part" data-name="%s">%s</script>'
        % (name.encode(), base64.b64encode(data))
        for name, data in {"runtime.wasm": RUNTIME.packed()[RUNTIME_WASM], **members}.items()
    ]


def _licence(library: Library) -> bytes:
    """A library's name and licence, as the page says them."""
    carrier, name = library.carrier, library.licence
    address = f"https://spdx.org/licenses/{name}.html"
    return f"    <p>{carrier.package} {carrier.version}: {name} ({address})</p>".encode()


def _hash(code: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(code).digest()).decode()}'"


def _web(name: str) -> bytes:
    """A file of the page, from the folder or the zip that this runner lies in."""
    data = pkgutil.get_data("learnt.runner", f"web/{name}")
    if data is None:
        raise UsageError(f"this program has no part {name} for a page: use learnt page")
    return data
