"""What holds for every page: it asks nobody, it can be used without a mouse, it can be read."""

import http.server
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from learnt.cli.main import main
from learnt.errors import FetchError, UsageError
from learnt.runner import page as pages_module
from learnt.runner.page import page_bytes
from learnt.runner.program import load
from tests.browser.conftest import chosen
from tests.needs import needs
from tests.runner.crafted import changed

CONTRAST = 4.5  # of text: WCAG AA
LIGHTNESS = """() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map((v) => {
      const s = v / 255;
      return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    const colour = getComputedStyle(node).backgroundColor;
    return /, 0\\)$/.test(colour) && node.parentElement ? behind(node.parentElement) : colour;
  };
  const ratios = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !node.checkVisibility() || node.closest("script, style, noscript")) continue;
    const [a, b] = [getComputedStyle(node).color, behind(node)].map(light);
    ratios.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), node.textContent]);
  }
  return ratios;
}"""


@pytest.fixture
def server(pages, program_file):
    """(the address of a page that is served on this machine, the paths asked for)."""
    paths: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            paths.append(self.path)
            data = pages(program_file).read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}/", paths
        served.shutdown()
        thread.join()


def test_from_a_server_it_asks_for_nothing_but_itself(opened, server):
    address, paths = server
    page = opened(address)
    page.locator(".example").first.click()
    page.wait_for_selector("body[data-answers]")
    assert paths == ["/"]


def test_its_policy_forbids_every_request_and_every_script_but_its_own(pages, program_file):
    text = pages(program_file).read_text("utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert "connect-src" not in rules
    assert all(s.startswith("'sha256-") for s in rules["style-src"].split())
    scripts = rules["script-src"].split()
    assert scripts[0] == "'wasm-unsafe-eval'"
    assert len(scripts) == 1 + text.count('<script type="module">')
    assert all(s.startswith("'sha256-") for s in scripts[1:])


def test_it_can_be_used_by_keyboard_alone(opened, program_file):
    page = opened(program_file)
    names = []
    for _ in range(12):
        page.keyboard.press("Tab")
        focused = "document.activeElement"
        names.append(page.evaluate(f"{focused}.ariaLabel || {focused}.textContent"))
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        around = "getComputedStyle(document.activeElement.closest('.drop') ?? document.body)"
        assert page.evaluate(f"{outline} !== 'none' || {around}.outlineStyle !== 'none'")
        if names[-1] == "Example 1":
            break
    page.keyboard.press("Enter")
    page.wait_for_selector("body[data-answers]")
    assert "Skip to the answer" in names[0]
    assert page.get_attribute("#said", "aria-live") == "polite"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_words_can_be_read_in_light_and_dark(opened, program_file, scheme):
    page = opened(program_file, color_scheme=scheme, reduced_motion="reduce")
    page.locator(".example").first.click()
    page.wait_for_selector("body[data-answers]:not(.busy)")
    ratios = page.evaluate(LIGHTNESS)
    assert len(ratios) > 30
    assert [found for found in ratios if found[0] < CONTRAST] == []
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", paper))) < 300) == (scheme == "dark")


def test_its_words_can_be_read_while_it_works(opened, program_file):
    page = opened(program_file)
    page.evaluate("document.body.classList.add('busy')")
    for place in ("#answer", "#said", "#shown", "main"):
        assert page.locator(place).evaluate("(node) => getComputedStyle(node).opacity") == "1"


def test_what_goes_wrong_is_seen_and_no_old_answer_beside_it(opened, program_file):
    page = opened(program_file, viewport={"width": 390, "height": 500})
    page.locator(".example").first.click()
    page.wait_for_selector("#shown .bar")
    page.locator("#check").scroll_into_view_if_needed()
    chosen(page, "a.png", b"no picture")
    page.wait_for_selector("#problem:visible")
    place = page.locator("#problem").bounding_box()
    assert 0 <= place["y"] <= place["y"] + place["height"] <= 500
    assert page.inner_text("#said") == "No answer."
    assert page.locator("#shown .bar").count() == 0


def test_who_asks_for_all_bars_is_where_the_new_ones_begin(opened, program_file):
    page = opened(program_file)
    page.evaluate("""() => {
      const entries = Array.from({ length: 20 }, (_, n) => ({ name: `${n}`, share: 1 - n / 20 }));
      learnt.find("shown").append(learnt.bars(entries));
    }""")
    page.click("text=Show all 20")
    assert page.locator("#shown .bar").count() == 20
    assert page.evaluate("document.activeElement.firstChild.textContent") == "10"


def test_what_it_no_longer_needs_is_not_kept(opened, program_file):
    page = opened(program_file)
    names = page.evaluate("Object.keys(learnt.parts)")
    assert "manifest.json" in names
    assert not {"model.onnx", "runtime.wasm"} & set(names)
    assert page.evaluate("ort.env.wasm.wasmBinary === undefined")


def test_it_names_the_licences_of_what_is_in_it(opened, program_file, kept):
    page = opened(program_file)
    assert "onnxruntime-web 1.30.0: MIT" in page.text_content("footer")
    assert "tokenizers" not in page.text_content("footer")
    page = opened(kept / "texts.pyz")
    assert "@huggingface/tokenizers 0.2.0: Apache-2.0" in page.text_content("footer")


def test_every_control_has_a_name_and_the_page_a_language(opened, program_file):
    page = opened(program_file)
    assert page.get_attribute("html", "lang") == "en"
    for control in page.locator("button, input, select, textarea").all():
        name = control.evaluate("(c) => c.ariaLabel || c.labels?.[0]?.textContent || c.textContent")
        assert name.strip()


def test_on_a_phone_nothing_is_wider_than_the_screen(opened, program_file):
    page = opened(program_file, viewport={"width": 360, "height": 740})
    page.locator(".example").first.click()
    page.wait_for_selector("body[data-answers]")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_several_that_are_asked_for_at_once_get_their_own_answers(opened, program_file):
    page = opened(program_file)
    rows = page.evaluate("""async () => {
      const names = Object.keys(learnt.parts).filter((n) => n.startsWith("selftest/input_"));
      const run = async (name) => {
        const item = await learnt.kind.read(learnt.parts[name], name);
        return Array.from((await learnt.run(learnt.kind.feeds(item))).data);
      };
      const together = await Promise.all(names.map(run));
      const alone = [];
      for (const name of names) alone.push(await run(name));
      return [together, alone];
    }""")
    assert len(rows[0]) > 1
    assert rows[0] == rows[1]


def test_the_verb_and_the_program_itself_write_the_same_page(program_file, pages, tmp_path, capsys):
    wanted = pages(program_file).read_bytes()
    assert main(["page", str(program_file), "-o", str(tmp_path / "a.html")]) == 0
    assert "open it in a browser" in capsys.readouterr().out
    assert (tmp_path / "a.html").read_bytes() == wanted
    command = [sys.executable, program_file, "--page", tmp_path / "b.html"]
    subprocess.run(command, check=True, capture_output=True)
    assert (tmp_path / "b.html").read_bytes() == wanted


def test_a_program_older_than_pages_has_one_too(opened, program_file, tmp_path):
    inside = [f"learnt/runner/web/{f.name}" for f in _web().iterdir()]
    old = tmp_path / "old.pyz"
    without = dict.fromkeys([*inside, "learnt/runner/page.py"])
    old.write_bytes(changed(program_file, without))
    assert opened(old).evaluate("learnt.selftest()") == []


def test_without_npm_it_says_what_is_missing(program_file, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LEARNT_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["page", str(program_file), "-o", str(tmp_path / "a.html")]) == 2
    assert "comes through npm, which is not on this machine" in capsys.readouterr().err
    assert not (tmp_path / "a.html").exists()


def test_a_library_that_is_damaged_in_the_cache_is_not_used(monkeypatch, home):
    needs("npm")
    library = pages_module.RUNTIME
    whole = library.packed()
    (file,) = home.rglob("ort.wasm.bundle.min.mjs.gz")
    kept = file.read_bytes()
    monkeypatch.setenv("PATH", "")
    middle = len(kept) // 2
    try:
        for damaged in (kept[:-1] + b"x", kept[:middle] + bytes(99) + kept[middle + 99 :]):
            file.write_bytes(damaged)
            with pytest.raises(FetchError, match="npm"):
                library.packed()
    finally:
        file.write_bytes(kept)
    assert library.packed() == whole


def test_a_page_is_never_written_over_its_program(program_file, tmp_path, capsys):
    program = tmp_path / "digits.html"
    program.write_bytes(program_file.read_bytes())
    assert main(["page", str(program)]) == 2
    assert "is the program itself" in capsys.readouterr().err
    assert program.read_bytes() == program_file.read_bytes()


def test_a_model_too_large_for_a_browser_is_refused(program_file, monkeypatch):
    monkeypatch.setattr(pages_module, "MAX_MODEL", 1000)
    with pytest.raises(UsageError, match="at most 1,000 bytes"):
        page_bytes(load(program_file))


def test_scripts_are_short_enough_to_read():
    for file in _web().iterdir():
        lines = file.read_text("utf-8").splitlines()
        assert len(lines) <= 400
        assert "innerHTML" not in file.read_text("utf-8")
        if file.suffix == ".js":
            assert max(map(len, lines)) <= 100, file.name


def _web() -> Path:
    return Path(pages_module.__file__).parent / "web"
