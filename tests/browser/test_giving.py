"""What people give a page, and how: drops, fields, files, cameras and microphones."""

import numpy as np
import pytest
from PIL import Image

from tests.browser.conftest import asked, chosen, dropped, evaluated
from tests.pictures import encoded, small_photo
from tests.runner.crafted import members_of

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
        page.wait_for_selector("#problem", state="hidden")
        assert page.locator("#shown .bar").count() == 3


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
    opened_chooser = []
    page.on("filechooser", opened_chooser.append)
    page.click("video")
    asked(page, lambda: page.click("text=Take the picture"))
    assert page.evaluate(LIVE) == 0
    assert opened_chooser == []


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
