"""Writes docs/page-*.png: what the pages of programs look like, in a real browser.

`python docs/screenshots.py digits.pyz photos.pyz:2 scenes.pyz:picture.png`: behind a colon may
stand which of the inputs that travel in a program is shown, from 0 on, a file to show instead, or
a field of the page and what to fill in: `films.pyz:user=42`.
"""

import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from learnt.runner.page import write_page
from learnt.runner.program import load

COLOURS = 256  # of the palette: a page has few
ENOUGH = 80_000  # bytes, up to which a picture keeps all its colours
LOOKS = (  # of each program in turn: what the file is called after, scheme, width, height
    ("light", "light", 1120, 860),
    ("dark", "dark", 1120, 860),
    ("light", "light", 1120, 1010),
)
PHONE = ("phone", "light", 360, 1340)


def shoot(browser: Browser, page: Path, picture: str, look: tuple[str, str, int, int]) -> bytes:
    """The page with an answer in it, as PNG."""
    _, scheme, width, height = look
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    )
    tab = context.new_page()
    tab.goto(page.as_uri())
    tab.wait_for_selector("body[data-ready]", timeout=60_000)
    if "=" in picture:
        field, _, value = picture.partition("=")
        tab.fill(f"#{field}", value)
        tab.press(f"#{field}", "Control+Enter")
    elif picture and not picture.isdigit():
        tab.set_input_files("input[type=file]", picture)
    else:
        tab.locator(".example").nth(int(picture or 0)).click()
    tab.wait_for_selector("body[data-answers]:not(.busy)", timeout=60_000)
    tab.mouse.move(0, 0)
    tab.evaluate("scrollTo(0, 0)")
    tab.wait_for_timeout(300)
    data: bytes = tab.screenshot()
    context.close()
    return data


def small(data: bytes) -> bytes:
    """The same picture, in few colours if it would be large else."""
    whole, few = io.BytesIO(), io.BytesIO()
    image = Image.open(io.BytesIO(data)).convert("RGB")
    image.save(whole, "PNG", optimize=True)
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(few, "PNG", optimize=True)
    return whole.getvalue() if whole.tell() <= ENOUGH else few.getvalue()


def main(arguments: list[str]) -> None:
    """Shoot the page of each program, and the first also on a phone."""
    docs = Path(__file__).parent
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for number, argument in enumerate(arguments):
            program, _, picture = argument.partition(":")
            page = write_page(load(program), Path(folder) / f"{number}.html")
            for look in (LOOKS[number % len(LOOKS)], *((PHONE,) if number == 0 else ())):
                name = f"page-{Path(program).stem}-{look[0]}.png"
                (docs / name).write_bytes(small(shoot(browser, page, picture, look)))
                print(f"{name}: {(docs / name).stat().st_size / 1e3:.0f} kB")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
