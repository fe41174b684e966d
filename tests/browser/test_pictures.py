"""Pages of programs that take pictures, in a real browser: they answer as Python does."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from learnt.runner.program import load
from learnt.runner.results import Value
from tests.browser.conftest import asked, evaluated
from tests.pictures import encoded
from tests.pictures import photo as cat
from tests.runner.crafted import changed, members_of

EVIL = "</script><img src=x onerror=\"document.title='owned'\"><b>"


def given(page, data: bytes) -> list[float]:
    """The row for a file that a person chose."""
    file = {"name": "picture.png", "mimeType": "image/png", "buffer": data}
    return asked(page, lambda: page.set_input_files("input[type=file]", file))


def test_real_pictures_get_the_probabilities_that_python_gives(opened, program_file, digits):
    page, program = opened(program_file), load(program_file)
    for folder in sorted(digits.iterdir()):
        data = min(folder.iterdir()).read_bytes()
        wanted = program(data)
        row = given(page, data)
        np.testing.assert_allclose(row, list(wanted.probabilities.values()), atol=1e-4)
        assert page.text_content(".title") == wanted.label


def test_the_inputs_that_travel_are_examples_to_try(opened, program_file):
    page = opened(program_file)
    expected = json.loads(members_of(program_file)["selftest/expected.json"])
    assert page.locator(".example").count() == len(expected)
    for number, wanted in enumerate(expected.values()):
        row = asked(page, page.locator(".example").nth(number).click)
        np.testing.assert_allclose(row, wanted, atol=1e-4)
    page.click("#check")
    page.wait_for_selector("#checked:text-matches('^Yes: 3 inputs')")


def test_the_check_says_no_where_the_answers_are_others(opened, program_file, tmp_path):
    expected = json.loads(members_of(program_file)["selftest/expected.json"])
    wrong = {name: row[::-1] for name, row in expected.items()}
    file = tmp_path / "wrong.pyz"
    file.write_bytes(changed(program_file, {"selftest/expected.json": json.dumps(wrong).encode()}))
    page = opened(file)
    page.click("#check")
    page.wait_for_selector("#checked:text-matches('^No: it answers differently')")


def test_of_several_labels_those_are_said_that_are_likely(opened, program_file, tmp_path):
    file = tmp_path / "labels.pyz"
    file.write_bytes(changed(program_file, {}, task="image-labels", output={"kind": "labels"}))
    page, program = opened(file), load(file)
    data = members_of(file)["selftest/input_0.png"]
    row = given(page, data)
    assert page.text_content(".title") == ", ".join(program(data).labels)
    np.testing.assert_allclose(row, list(program(data).probabilities.values()), atol=1e-4)


def test_a_mask_is_laid_over_the_picture_and_saved_as_python_saves_it(opened, mask_program):
    page, program = opened(mask_program), load(mask_program)
    data = encoded(cat(), "PNG")
    wanted = program(data)
    row = given(page, data)
    assert len(row) == program.read(data).pixels[..., 0].size
    with page.expect_download() as waiting:
        page.click("text=Save the mask")
    with open(waiting.value.path(), "rb") as file, Image.open(io.BytesIO(file.read())) as mask:
        assert mask.mode == "P"
        assert mask.size == cat().size
        assert mask.getpalette() == wanted.palette
        differing = np.asarray(mask) != np.array(wanted.values)[wanted.numbers]
    assert differing.mean() < 0.005
    named = page.locator(".bar-name").all_text_contents()
    assert named == list(wanted.shares)
    page.click("#check")
    page.wait_for_selector("#checked:text-matches('^Yes')")


def test_the_camera_gives_a_picture_and_is_turned_off_again(opened, program_file):
    page = opened(program_file)
    page.click("text=Use the camera")
    page.wait_for_selector("text=Take the picture")
    page.wait_for_selector("video")
    page.wait_for_timeout(500)  # for the first picture of the stream
    row = asked(page, lambda: page.click("text=Take the picture"))
    assert sum(row) == pytest.approx(1, abs=1e-4)
    assert page.locator("video").count() == 0
    assert page.is_visible("text=Use the camera")


def test_the_camera_is_turned_off_when_another_picture_is_given(opened, program_file):
    page = opened(program_file)
    page.click("text=Use the camera")
    page.wait_for_selector("video")
    asked(page, page.locator(".example").first.click)
    assert page.locator("video").count() == 0
    assert page.is_visible("text=Use the camera")


def test_numbers_are_written_as_python_writes_them(opened, program_file):
    page = opened(program_file)
    numbers = [0, 3.14159265, -2.5, 1e-7, 0.0001, 0.000012345, 123456.7, 999999.5, 1e6, -4.2e16]
    for error in (0, 0.0453, 0.00001234, 1.26, 123.4):
        code = """([numbers, value]) => numbers.map((number) => {
          const figures = { metric: "RMSE", value };
          const { title, detail } = learnt.outputs.number([number], { figures });
          return `${title} ${detail}`.trim();
        })"""
        found = page.evaluate(code, [numbers, error])
        assert found == [Value(float(number), error=error).line() for number in numbers]


def test_a_picture_that_is_pasted_or_dropped_is_answered(opened, program_file):
    page, program = opened(program_file), load(program_file)
    data = members_of(program_file)["selftest/input_1.png"]
    for kind, event in (("clipboardData", "ClipboardEvent"), ("dataTransfer", "DragEvent")):
        name = "paste" if event == "ClipboardEvent" else "drop"
        code = f"""
          const transfer = new DataTransfer();
          transfer.items.add(new File([bytes], "a.png", {{ type: "image/png" }}));
          const options = {{ {kind}: transfer, bubbles: true, cancelable: true }};
          document.body.dispatchEvent(new {event}("{name}", options));"""
        row = asked(page, lambda code=code: evaluated(page, code, data))
        wanted = list(program(data).probabilities.values())
        np.testing.assert_allclose(row, wanted, atol=1e-4)


def test_nothing_in_a_program_becomes_part_of_the_page(opened, program_file, tmp_path):
    labels = [f"{EVIL}{digit}" for digit in range(10)]
    card = f"# {EVIL}: which {EVIL}?\n\n**{EVIL}** and `{EVIL}`\n\n| {EVIL} |\n|---|\n| {EVIL} |\n"
    file = tmp_path / "evil.pyz"
    expected = json.loads(members_of(program_file)["selftest/expected.json"])
    file.write_bytes(
        changed(
            program_file,
            {"card.md": card.encode(), "selftest/expected.json": json.dumps(expected).encode()},
            labels=labels,
            name=EVIL,
        )
    )
    page = opened(file)
    page.locator(".example").first.click()
    page.wait_for_selector("body[data-answers]")
    assert page.text_content(".title") in labels
    assert page.text_content("#name") == EVIL
    assert EVIL in page.text_content("#card")
    assert page.title() == EVIL
    assert page.locator("b, img[src=x], [onerror]").count() == 0
