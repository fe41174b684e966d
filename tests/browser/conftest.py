"""Programs' pages in a real, headless Chromium: one browser for all tests of this folder.

Whatever a test does with a page: it asks nobody for anything, its policy is never broken, and
nothing is written to the console.
"""

import base64
import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from learnt.runner.page import page_bytes
from learnt.runner.program import Program, load
from tests.needs import needs

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
]  # fmt: skip
WATCH = """
globalThis.broken = [];
document.addEventListener("securitypolicyviolation", (event) => {
  broken.push(`${event.violatedDirective}: ${event.blockedURI}`);
});
"""


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Chromium, closed when the tests of this folder are done."""
    from playwright.sync_api import sync_playwright

    where = shutil.which("chromium-browser") or shutil.which("chromium")
    needs(where or "chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=where, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Program | Path], Path]:
    """The page of a program, or of its file, as a file; written once for each."""
    needs("npm")
    folder, numbers, written = tmp_path_factory.mktemp("pages"), itertools.count(), {}

    def page_of(source: Program | Path) -> Path:
        program = load(source) if isinstance(source, Path) else source
        if program.archive.data not in written:
            file = folder / f"{next(numbers)}.html"
            file.write_bytes(page_bytes(program))
            written[program.archive.data] = file
        return written[program.archive.data]

    return page_of


@pytest.fixture
def opened(browser: Any, pages: Any) -> Iterator[Callable[..., Any]]:
    """Opens the page of a program, or of its file, or an address: gives it when it is ready.

    Further options are those of a browser's context, such as `color_scheme="dark"`.
    """
    contexts, faults, watched = [], [], []

    def open_page(source: Program | Path | str, **options: Any) -> Any:
        address = source if isinstance(source, str) else pages(source).as_uri()
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.add_init_script(WATCH)
        page.on("console", lambda message: faults.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on("request", lambda request: faults.extend(_foreign(request.url, address)))
        page.goto(address)
        page.wait_for_selector("body[data-ready]")
        watched.append(page)
        return page

    yield open_page
    for page in watched:
        faults += page.evaluate("broken")
    for context in contexts:
        context.close()
    assert faults == []


def _foreign(url: str, own: str) -> list[str]:
    return [] if url == own or url.startswith(("blob:", "data:")) else [f"request: {url}"]


def asked(page: Any, act: Callable[[], object]) -> list[float]:
    """The row that the page's graph gives for what `act` asks of it."""
    before = int(page.locator("body").get_attribute("data-answers") or 0)
    act()
    page.wait_for_selector(f"body[data-answers='{before + 1}']")
    row: list[float] = page.evaluate("Array.from(learnt.last.row, Number)")
    return row


def evaluated(page: Any, code: str, data: bytes) -> Any:
    """What JavaScript makes of bytes; in the code they are called `bytes`."""
    start = "const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));"
    return page.evaluate(f"async (text) => {{ {start} {code} }}", base64.b64encode(data).decode())


def note_of(page: Any) -> str:
    """What is said beside an answer, if anything."""
    return " ".join(page.locator(".note").all_inner_texts())


def chosen(page: Any, name: str, data: bytes) -> None:
    """Give a file by the page's own button."""
    page.set_input_files("input[type=file]", {"name": name, "mimeType": "text/csv", "buffer": data})


def dropped(page: Any, place: str, name: str, data: bytes) -> None:
    """Drop a file on the element of that selector."""
    code = f"""
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([bytes], {name!r}));
      const event = new DragEvent("drop", {{ dataTransfer, bubbles: true, cancelable: true }});
      document.querySelector({place!r}).dispatchEvent(event);"""
    evaluated(page, code, data)
