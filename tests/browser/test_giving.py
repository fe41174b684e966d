"""What people give a page, and how: drops, fields, files, cameras and microphones."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

import learnt
from learnt.runner.main import run
from learnt.runner.rows import open_rows
from tests.browser.conftest import asked, chosen, dropped, evaluated, note_of
from tests.pictures import encoded, small_photo
from tests.runner.crafted import changed, members_of

STREAMS = """() => {
  globalThis.streams = [];
  const own = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await own(wanted);
    streams.push(stream);
    return stream;
  };
}"""
SHOWN = """new Promise((done) => {
  const wait = () => {
    if (document.querySelector("video").readyState >= 2) done();
    else setTimeout(wait, 20);
  };
  wait();
})"""
LIVE = "streams.flatMap((s) => s.getTracks()).filter((t) => t.readyState === 'live').length"


@pytest.mark.parametrize("count", ["", "0", "-1", "1.5", "1001"])
def test_how_many_must_be_a_whole_number_that_can_be(opened, kept, count):
    page = opened(kept / "films.pyz")
    page.fill("#item", members_title(page))
    for button in ("Recommend", "Find similar"):
        page.fill("#count", count)
        page.click(f"text={button}")
        page.wait_for_selector("#problem:text-matches('a whole number from 1 to 1,000')")
        page.fill("#count", "3")
        page.click(f"text={button}")
        page.wait_for_selector("#shown .bar")
        assert page.locator("#shown .bar").count() == 3
        assert page.locator("#problem").is_hidden()


def members_title(page):
    return page.evaluate("Object.values(learnt.json('assets/items.json'))[0]")


def test_a_table_that_is_dropped_anywhere_is_answered_once(opened, kept):
    page = opened(kept / "adult.pyz")
    for number, place in enumerate(("#rows", "details", "#column-0"), 1):
        dropped(page, place, "rows.csv", b"age,workclass\n39,Private\n40,\n")
        page.wait_for_selector(f"body[data-answers='{number}']:not(.busy)")
        page.evaluate("learnt.session.then(() => learnt.pause())")
        assert page.get_attribute("body", "data-answers") == str(number)
        assert page.inner_text("#said .title") == "2 rows"


def test_text_that_is_dropped_goes_where_the_browser_puts_it(opened, kept):
    code = """([place]) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.setData("text/plain", "word");
      const event = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
      return document.querySelector(place).dispatchEvent(event);
    }"""
    for name, place in (("adult", "#column-0"), ("texts", "#text"), ("gestures", "#series")):
        page = opened(kept / f"{name}.pyz")
        page.fill(place, "1")
        assert page.evaluate(code, [place]), "nobody has prevented it"
        assert page.input_value(place) == "1"


def test_the_same_file_can_be_chosen_again(opened, program_file):
    page, data = opened(program_file), members_of(program_file)["selftest/input_0.png"]
    for _ in range(2):
        asked(page, lambda: chosen(page, "a.png", data))
        assert page.evaluate("document.querySelector('input[type=file]').files.length") == 0


def test_a_large_photo_needs_no_larger_canvas_than_browsers_have(opened, mask_program):
    page = opened(mask_program)
    page.evaluate("""() => {
      globalThis.sizes = [];
      const { prototype } = HTMLCanvasElement;
      const own = prototype.getContext;
      prototype.getContext = function (...options) {
        sizes.push(this.width * this.height);
        return own.apply(this, options);
      };
    }""")
    data = encoded(small_photo().resize((4800, 3700)), "JPEG")
    assert sum(asked(page, lambda: chosen(page, "a.jpg", data))) >= 0
    assert 0 < max(page.evaluate("sizes")) <= 2**24


def test_a_photo_that_is_read_in_strips_is_whole(opened, program_file):
    page = opened(program_file)
    picture = Image.linear_gradient("L").resize((3000, 3001))
    code = """
      const { width, height, data } = await learnt.decodePicture(bytes);
      return [width, height, Array.from({ length: height }, (_, y) => data[4 * width * y])];"""
    width, height, column = evaluated(page, code, encoded(picture, "WEBP", lossless=True))
    assert (width, height) == picture.size
    np.testing.assert_array_equal(column, np.asarray(picture)[:, 0])


def test_a_camera_that_is_asked_for_twice_is_off_afterwards(opened, program_file):
    page = opened(program_file)
    page.evaluate(STREAMS)
    for _ in range(2):
        page.evaluate("document.querySelector('#controls > button').click()")
    page.wait_for_selector("video")
    page.evaluate(SHOWN)
    choosers = []
    page.on("filechooser", lambda _: choosers.append("opened"))
    page.click("video")
    asked(page, lambda: page.click("text=Take the picture"))
    assert page.evaluate(LIVE) == 0
    assert choosers == []


def test_before_the_camera_shows_anything_there_is_no_picture_to_take(opened, program_file):
    page = opened(program_file)
    page.evaluate("""() => {
      const button = document.querySelector("#controls > button");
      const seen = new MutationObserver(() => {
        if (!document.querySelector("video")) return;
        seen.disconnect();
        button.click();
      });
      seen.observe(document.body, { childList: true, subtree: true });
      button.click();
    }""")
    page.wait_for_selector("#problem:text-matches('has shown nothing yet')")


def test_a_microphone_that_is_asked_for_twice_is_off_afterwards(opened, kept):
    page = opened(kept / "languages.pyz", permissions=["microphone"])
    page.evaluate(STREAMS)
    for _ in range(2):
        page.evaluate("document.querySelector('#controls > button').click()")
    page.wait_for_selector("text=Stop and listen")
    page.wait_for_timeout(500)  # for something to be heard
    asked(page, lambda: page.click("text=Stop and listen"))
    assert page.evaluate(LIVE) == 0


def test_series_that_cannot_be_used_are_said_and_the_others_answered(opened, kept, tmp_path):
    file = kept / "gestures.pyz"
    names, values = members_of(file)["selftest/input_0.csv"].decode().split()
    lines = [
        f"who,label,{names}",
        f"a,x,{values}",
        f"b,,{',' * values.count(',')}",
        f"c,y,{values}",
    ]
    table, out = tmp_path / "rows.csv", tmp_path / "out.csv"
    table.write_text("\n".join(lines))
    assert run(file, [str(table), "-o", str(out)]) == 2
    page = opened(file)
    chosen(page, table.name, table.read_bytes())
    page.wait_for_selector("#said .title:text-is('3 rows')")
    assert "row 2: a series must have values" in page.inner_text(".note")
    with page.expect_download() as download:
        page.click("text=Save answers.csv")
    found = list(csv.reader(io.StringIO(Path(download.value.path()).read_text("utf-8"))))
    wanted = list(csv.reader(io.StringIO(out.read_text("utf-8"))))
    assert [row[1:-1] for row in found] == [row[1:-1] for row in wanted]
    assert [row[-1] == "" for row in found] == [row[-1] == "" for row in wanted]


def test_bytes_of_a_table_that_are_not_utf_8_are_read_as_python_reads_them(opened, kept):
    page = opened(kept / "adult.pyz")
    for line in (
        b"caf\xc3\xa9,na\xefve", b"\xef\xbb\xbf,\x81\x80", b"\xe2\x82,\xe2\x82\xac",
        b"\xed\xa0\x80,a", b"\xf0\x9f\x98\x80\xff,\xc0\xaf", b"\xf4\x90\x80\x80,\xc3",
        b"a,\xe9\xe9\xc3\xa9",
    ):  # fmt: skip
        data = b"a,b\nc,d\n" + line + b"\n"
        code = """
          const [table, note] = learnt.tableText(bytes, "t.csv");
          return [learnt.table(table).rows.map((row) => row.cells), note];"""
        found, note = evaluated(page, code, data)
        with open_rows(data) as rows:
            assert found == [list(row) for row in rows]
            assert note.partition(" ")[2] == rows.notes[0].partition(" ")[2].removeprefix("table ")
    odd = b"\xff\xfea\x00,\x00b\x00\n\x00c"
    chosen(page, "t.csv", odd)
    page.wait_for_selector("#problem:text-matches('binary')")


def test_an_example_fills_the_form_with_what_it_answers(opened, kept, tmp_path):
    file = tmp_path / "adult.pyz"
    cells = json.loads(members_of(kept / "adult.pyz")["selftest/input_0.json"])
    name = next(
        column["name"]
        for column in learnt.load(kept / "adult.pyz").spec["columns"]
        if column["kind"] == "category" and cells[column["name"]] in column["values"][:20]
    )
    for cell in (f"  {cells[name]} ", "never seen"):
        row = json.dumps({**cells, name: cell}).encode()
        file.write_bytes(changed(kept / "adult.pyz", {"selftest/input_0.json": row}))
        page = opened(file)
        first = asked(page, page.locator(".example").first.click)
        assert page.get_by_label(name, exact=True).input_value() == cell.strip()
        form = page.get_by_role("button", name="Answer", exact=True)
        np.testing.assert_array_equal(asked(page, form.click), first)


def test_a_date_in_the_form_keeps_its_seconds(opened, kept, tmp_path):
    page = opened(kept / "adult.pyz")
    cell = page.evaluate("""async () => {
      learnt.manifest.input.columns = [{ name: "d", kind: "date", parts: ["hour"] }];
      const place = document.createElement("div");
      learnt.kind.start(place);
      const cells = new TextEncoder().encode('{"d": "2021-03-04 05:06:07.25"}');
      await learnt.kind.take(cells).catch(() => {}); // the graph has no such column
      return place.querySelector("#column-0").value;
    }""")
    assert cell.startswith("2021-03-04T05:06:07.25")


def long_sound(seconds, kind, form, rate=16_000, channels=1):
    """A tone in its first seconds, then noise that is hardly heard, as the bytes of a file."""
    wave = np.random.default_rng(1).standard_normal((seconds * rate, channels)) * 0.001
    wave[: rate * 2, 0] += np.sin(np.arange(rate * 2) * 0.17) * 0.5
    file = io.BytesIO()
    soundfile.write(file, wave, rate, format=kind, subtype=form)
    return file.getvalue()


def test_of_a_long_sound_the_beginning_is_read(opened, kept, tmp_path):
    page, file = opened(kept / "languages.pyz"), tmp_path / "long.wav"
    file.write_bytes(long_sound(7 * 60, "WAV", "PCM_16", rate=44_100, channels=2))
    assert file.stat().st_size > 70_000_000
    wanted = learnt.load(kept / "languages.pyz")(file)
    row = asked(page, lambda: page.set_input_files("input[type=file]", file))
    np.testing.assert_allclose(row, list(wanted.probabilities.values()), atol=1e-3)
    assert wanted.note in note_of(page)


@pytest.mark.parametrize(("kind", "form"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", None)])
def test_a_compressed_sound_that_is_cut_can_be_read(opened, kept, kind, form):
    page = opened(kept / "languages.pyz")
    data = long_sound(20, kind, form, rate=48_000)
    whole, half = (
        evaluated(
            page, "return (await learnt.sound(bytes, 16000)).from;", data[: len(data) // part]
        )
        for part in (1, 2)
    )
    assert abs(whole - half) <= 1600


def test_the_answer_asked_for_last_is_the_one_that_is_shown(opened, kept):
    page = opened(kept / "adult.pyz")
    rows = "age,workclass\n" + "39,Private\n" * 200_000
    chosen(page, "rows.csv", rows.encode())
    page.wait_for_selector("body.busy")
    asked(page, page.get_by_role("button", name="Answer", exact=True).click)
    page.wait_for_selector("body:not(.busy)")
    assert page.inner_text("#said .title") in page.evaluate("learnt.manifest.labels")
    assert page.get_attribute("body", "data-answers") == "1"


def test_who_writes_anew_sees_only_the_new_text(opened, kept):
    page = opened(kept / "novels.pyz")
    page.fill("#length", "100000")
    page.click("text=Write on")
    page.wait_for_selector(".written span:not(.prompt):text-matches('.')")
    page.fill("#length", "5")
    page.click("text=Write on")
    page.wait_for_selector("#said .title:text-is('5 characters')")
    assert page.is_disabled("text=Stop")
