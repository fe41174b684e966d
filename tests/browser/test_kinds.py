"""Pages of programs of texts, tables, ratings, prompts, sounds and series: they answer as Python.

The programs are the small ones that are kept for ever, one a kind.
"""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

import learnt
from learnt.errors import LearntError
from learnt.runner.columns import Columns
from learnt.runner.main import run
from learnt.runner.rows import open_rows
from tests.browser.conftest import asked, chosen, evaluated, note_of
from tests.runner.crafted import changed, members_of

NEAR = 1e-4


@pytest.mark.parametrize(
    "name", ["texts", "adult", "houses", "films", "novels", "languages", "gestures"]
)
def test_the_inputs_that_travel_are_answered_as_when_trained(opened, kept, name):
    page = opened(kept / f"{name}.pyz", color_scheme="dark", viewport={"width": 390, "height": 800})
    assert page.evaluate("learnt.selftest()") == []
    expected = json.loads(members_of(kept / f"{name}.pyz")["selftest/expected.json"])
    examples = page.locator(".example")
    assert examples.count() == len(expected) >= 3
    if name != "novels":  # which writes on instead
        for number, wanted in enumerate(expected.values()):
            np.testing.assert_allclose(asked(page, examples.nth(number).click), wanted, atol=NEAR)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it fits a phone"
    unnamed = "[...document.querySelectorAll('input:not(.hidden), select, textarea')]"
    assert page.evaluate(f"{unnamed}.filter((field) => !field.labels?.length).length") == 0


# Texts

TEXTS = [
    "A gorgeous, moving film.", "dull dull DULL", "It's neither good nor bad…",
    "ΟΔΥΣΣΕΥΣ ΣΑΣ", "İstanbul ıĞ IİIi DİYARBAKIR", "e\u0301cole cafe\u0301 naïve Å",
    "👨‍👩‍👧‍👦 family 👍🏽 🏳️‍🌈 🇩🇪", "中文字符混合English日本語", "𠀀𠀁 beyond 𪚥",
    "a\x00b\x01c\ufeffd\u200be",
    "nbsp\u00a0here\u2003em\u3000wide\u1680\u180e", "line\u2028para\u2029nel\x85fs\x1fx",
    "[CLS] a [SEP] [UNK] ##ing", "ﬁﬂ ß ẞ ŉ", "مُحَمَّد עִבְרִית हिन्दी ไทย", "½ ² ① ¡¿«»“”‘’—–…€",
    "\u00adsoft \u202eleft\u202c", "x" * 5000, "good " * 2000,
    "\ue000 \ufffd \ufffe",
]  # fmt: skip
NEWER = ["؝ ৽", "᭎ a᜴b", "\u0890x \u08e2", "𑥄", "\U00013430x"]  # than some tables of letters


def test_texts_get_the_answers_that_python_gives(opened, kept):
    page, program = opened(kept / "texts.pyz"), learnt.load(kept / "texts.pyz")
    for text in TEXTS:
        page.fill("#text", text)
        wanted = program(page.input_value("#text"))  # a field has its own ends of lines
        row = asked(page, lambda: page.press("#text", "Control+Enter"))
        np.testing.assert_allclose(row, list(wanted.probabilities.values()), atol=NEAR)
        assert note_of(page) == wanted.note, text


def test_texts_are_cut_into_the_numbers_that_python_gives(opened, kept):
    program = learnt.load(kept / "texts.pyz")
    page = opened(kept / "texts.pyz")
    snippets = [members_of(kept / "texts.pyz")[f"selftest/input_{n}.txt"].decode() for n in (0, 1)]
    mixed = [" ".join(TEXTS[n % 18 : n % 18 + 3])[n % 7 :] for n in range(60)]
    pieces = json.loads(program.asset("words.json"))
    known = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])}
    letters = {chr(n) for n in (*range(33, 127), 0xDF, 0x131, 0x3C3, 0x4E2D, 0x20000)}
    for word in [*letters, *(f"##{letter}" for letter in letters), *list(pieces["model"]["vocab"])]:
        known.setdefault(word, len(known))
    pieces["model"] = {
        "type": "WordPiece", "vocab": known, "unk_token": "[UNK]",
        "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
    }  # fmt: skip
    pieces["normalizer"]["strip_accents"] = None
    marks = [{"SpecialToken": {"id": name, "type_id": 0}} for name in ("[CLS]", "[SEP]")]
    single = [marks[0], {"Sequence": {"id": "A", "type_id": 0}}, marks[1]]
    special = {n: {"id": n, "ids": [known[n]], "tokens": [n]} for n in ("[CLS]", "[SEP]")}
    pieces["post_processor"] = {
        "type": "TemplateProcessing", "single": single, "pair": single, "special_tokens": special
    }  # fmt: skip
    data = json.dumps(pieces).encode()
    cutter = learnt.runner.wordpieces.Tokenizer(data, 40)
    code = """([pieces, texts]) => {
      const cut = learnt.tokenizer(JSON.parse(pieces), 40);
      const { words } = learnt.cutters();
      return texts.map((text) => [cut(text), words(text), learnt.letters(text, 2048)]);
    }"""
    texts = [*TEXTS, *snippets, *mixed, *NEWER]
    for text, found in zip(texts, page.evaluate(code, [data.decode(), texts]), strict=True):
        parts = program.read(text).parts
        letters = found[2] if text in NEWER else parts["letters"].tolist()
        assert found == [cutter(text), list(parts["words"]), letters], text


# Tables


def test_a_form_gets_the_answers_that_python_gives(opened, kept):
    for name in ("adult", "houses"):
        page, program = opened(kept / f"{name}.pyz"), learnt.load(kept / f"{name}.pyz")
        columns = program.spec["columns"]
        for column in columns:
            assert page.get_by_label(column["name"], exact=True).count() == 1
        numeric = next(n for n, column in enumerate(columns) if column["kind"] == "number")
        name_of = columns[numeric]["name"]
        for cell in ("39", "1,234.5", "$12 ", "tall", "inf", "-7e-3"):
            page.fill(f"#column-{numeric}", cell)
            wanted = program({name_of: cell.strip()})
            row = asked(page, page.get_by_role("button", name="Answer", exact=True).click)
            values = getattr(wanted, "probabilities", None) or {"": wanted.value}
            np.testing.assert_allclose(row, list(values.values()), atol=NEAR, rtol=1e-5)
            assert page.inner_text(".note") == wanted.note


def test_a_table_gets_the_file_of_answers_that_python_writes(opened, kept, tmp_path):
    for name in ("adult", "houses"):
        program, file = learnt.load(kept / f"{name}.pyz"), kept / f"{name}.pyz"
        inputs = [
            json.loads(d) for n, d in members_of(file).items() if n.startswith("selftest/input")
        ]
        table, out = tmp_path / f"{name}.csv", tmp_path / "out.csv"
        with table.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(
                stream, ["id", *program.columns.names[1:]], extrasaction="ignore"
            )
            writer.writeheader()
            for number in range(1100):
                row = {**inputs[number % len(inputs)], "id": f'a "{number}", b'}
                row[program.columns.names[1 + number % 5]] = ["", "odd", "17"][number % 3]
                writer.writerow(row)
        assert run(file, [str(table), "-o", str(out)]) == 0
        page = opened(file)
        page.click("summary")
        chosen(page, table.name, table.read_bytes())
        page.wait_for_selector("#said .title:text-is('1,100 rows')")
        with page.expect_download() as download:
            page.click("text=Save answers.csv")
        found = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text("utf-8"))))
        wanted = list(csv.DictReader(io.StringIO(out.read_text("utf-8"))))
        last = "probability" if program.labels else "prediction"
        for ours, theirs in zip(found, wanted, strict=True):
            assert float(ours.pop(last)) == pytest.approx(float(theirs.pop(last)), abs=NEAR)
            assert ours == theirs
        assert "taken as missing" in page.inner_text(".note")


CELLS = [
    "39", " 39 ", "+.5", "5.", "1e3", "1,234", "1,23", "1.234,5", "$ 12", "45 %", "\u22123", "inf",
    "1e999", "nan", "N/A", "-", "yes", "No", "T", "maybe", "b", " b ", "3.0", "2021-03-04",
    "2021-03-04T05:06:07", "2021-03-04 05:06:07.25+02:00", "2021-03-04T05Z", "20210304",
    "4.3.2021", "03/04/2021", "13/04/2021", "04/13/2021 5:06", "2021/3/4", "2021-02-30",
    "2021-W05-1", "2020-W53-7", "2021-W53-1", "2021-03-04 1:2:3 UTC", "0000-01-01", "0001-01-01",
    "9999-12-31T23:59:59", "24:00", "", None, 3, 2.5, True, 1e300, 12345678901,
]  # fmt: skip


def test_cells_are_read_as_python_reads_them(opened, kept):
    specs = [
        {"name": "n", "kind": "number"}, {"name": "c", "kind": "number", "comma": True},
        {"name": "k", "kind": "category", "values": ["b", "3", "39", "true", "2.5"]},
        {"name": "y", "kind": "yes or no"},
        {"name": "d", "kind": "date", "parts": ["month", "weekday", "hour"], "order": "day"},
        {"name": "m", "kind": "date", "parts": [], "order": "month"},
    ]  # fmt: skip
    columns = Columns(specs)
    page = opened(kept / "adult.pyz")
    code = "([specs, rows]) => { const { read } = learnt.columns(specs); return rows.map(read); }"
    many = "1" * 300_000  # which no number is looked for in twice
    rows = [{spec["name"]: cell for spec in specs} for cell in (*CELLS, many, many + "x")]
    for row, found in zip(rows, page.evaluate(code, [specs, rows]), strict=True):
        (numbers, places, _), odd = columns.read(row)
        np.testing.assert_allclose(found["numbers"], numbers, rtol=1e-15, err_msg=str(row["n"]))
        assert (found["places"], found["odd"]) == (list(places), odd), row["n"]


def test_tables_are_read_as_python_reads_them(opened, kept):
    page = opened(kept / "adult.pyz")
    for text in (
        "a,b\n1,2\n", "a;b\r\n1;2\r\n\r\n3;\r\n", '\ufeffa,"b\nc"\n"1,""2""",x\n',
        "sep=|\na|b\n1|2",
        'a\tb\n"x\ty"\tz', "a,b;c\n1,2;3\n4,5;6", "a\n\n1\n\"\"\n", "a,b\n1,2,,\n",
        "a,a\n1,2", "a,b\n1", "",
        'a,b\n"1,2', 'a,b\n"1"2,3', "a,,c\n1,2,3", 'a,b\nx"y",z', "a,b\rc,d\r", " a , b \n 1, 2",
    ):  # fmt: skip
        found = evaluated(
            page,
            "try { const { names, rows } = learnt.table(learnt.tableText(bytes)[0]);"
            " return [names, rows.map((row) => row.cells)]; }"
            " catch (error) { if (error instanceof learnt.Problem) return null; throw error; }",
            text.encode(),
        )
        try:
            with open_rows(text.encode()) as rows:
                wanted = [rows.names, [list(row) for row in rows]]
        except LearntError:
            wanted = None
        assert found == wanted, text


# Ratings


def test_users_get_the_items_that_python_gives(opened, kept):
    page, program = opened(kept / "films.pyz"), learnt.load(kept / "films.pyz")
    for user in [*list(program.users)[::7], "a stranger"]:
        wanted = program.top(user, 10)
        if not wanted:
            continue
        page.fill("#user", str(user))
        page.press("#user", "Enter")
        page.wait_for_selector(f"#said .detail:text-matches('for {user}, who')")
        assert page.locator("#shown .bar-name").all_inner_texts() == [a.called() for a in wanted]
        shown = [float(text) for text in page.locator("#shown .bar-text").all_inner_texts()]
        np.testing.assert_allclose(shown, [answer.value for answer in wanted], atol=0.0501)
        assert page.inner_text(".note").startswith(wanted[0].note)
    for item in list(program.items)[::20]:
        wanted = program.similar(item, 5)
        found = page.evaluate("([item]) => learnt.similar(item, 5)", [item])
        values = [(answer["value"], answer["similarity"]) for answer in found]
        np.testing.assert_allclose(values, [(a.value, a.similarity) for a in wanted], atol=NEAR)
    page.fill("#item", "no such film at all")
    page.click("text=Find similar")
    assert "is not known" in page.inner_text("#problem")


# Prompts


def test_equal_seeds_write_the_texts_that_python_writes(opened, kept):
    page, program = opened(kept / "novels.pyz"), learnt.load(kept / "novels.pyz")
    for number, options in enumerate((
        {"temperature": 0}, {"temperature": 0.8, "seed": 1},
        {"temperature": 1.5, "top_k": 7, "seed": 2**40},
    )):  # fmt: skip
        for prompt in ("It was a tru", "", "Émile 👍 said")[number:]:
            wanted = program(prompt, length=60, **options)
            page.fill("#prompt", prompt)
            for name, value in {"length": 60, "seed": 0, "top_k": 0, **options}.items():
                page.fill({"top_k": "#topK"}.get(name, f"#{name}"), str(value))
            page.click("text=Write on")
            page.wait_for_selector("#said .title:text-matches('^[0-9]+ characters')")
            assert page.text_content(".written") == prompt + wanted.text
            page.evaluate("document.getElementById('said').replaceChildren()")


def test_writing_can_be_stopped(opened, kept):
    page = opened(kept / "novels.pyz")
    page.fill("#length", "100000")
    page.click("text=Write on")
    page.wait_for_selector(".written span:not(.prompt):text-matches('.')")
    page.click("text=Stop")
    page.wait_for_selector("#said .detail:text-matches('stopped')")


# Sounds


def tone(rate, seconds=1.3, channels=1):
    """A tone that grows and sinks, in noise."""
    at = np.arange(int(rate * seconds)) / rate
    wave = np.sin(2 * np.pi * 440 * at) * np.sin(np.pi * at / seconds) ** 2 * 0.6
    noise = np.random.default_rng(1).standard_normal((len(at), channels)) * 0.01
    return (wave[:, None] + noise).clip(-0.99, 0.99)


def sound_file(rate, form, kind="WAV", **options):
    file = io.BytesIO()
    soundfile.write(file, tone(rate, **options), rate, format=kind, subtype=form)
    return file.getvalue()


def test_sounds_get_the_probabilities_that_python_gives(opened, kept):
    page, program = opened(kept / "languages.pyz"), learnt.load(kept / "languages.pyz")
    for rate, form, kind, options, most in (
        (16_000, "PCM_16", "WAV", {}, 0), (16_000, "PCM_U8", "WAV", {"channels": 2}, 0),
        (16_000, "FLOAT", "WAVEX", {}, 0), (16_000, "PCM_32", "WAV", {"seconds": 0.1}, 0),
        (44_100, "PCM_24", "WAVEX", {"channels": 3}, 2), (8_000, "DOUBLE", "WAV", {}, 2),
        (22_051, "PCM_16", "WAV", {}, 2), (44_100, "PCM_16", "FLAC", {"channels": 2}, 40),
        (22_050, "VORBIS", "OGG", {}, 40),
    ):  # fmt: skip
        data = sound_file(rate, form, kind, **options)
        heard = evaluated(
            page,
            "return Array.from((await learnt.sound(bytes, learnt.manifest.input.size)).samples);",
            data,
        )
        wanted = program.read(data)
        assert np.abs(np.array(heard) - wanted.samples).max() <= most, (rate, form, kind)
        row = asked(page, lambda data=data: chosen(page, "sound", data))
        np.testing.assert_allclose(
            row, list(program(data).probabilities.values()), atol=NEAR if most < 40 else 0.01
        )
        assert note_of(page).endswith(program(data).note)
        assert page.locator(".wave").first.get_attribute("aria-label").startswith("A sound of ")


def test_what_is_no_sound_is_said(opened, kept):
    page = opened(kept / "languages.pyz")
    for data, word in (
        (b"no sound", "cannot read|not a sound"),
        (b"", "empty"),
        (silence(), "silent"),
    ):
        chosen(page, "sound.wav", data)
        page.wait_for_selector(f"#problem:text-matches('{word}')")


def silence():
    file = io.BytesIO()
    soundfile.write(file, np.zeros(4000), 16_000, format="WAV")
    return file.getvalue()


def test_what_the_microphone_hears_is_answered(opened, kept):
    page = opened(kept / "languages.pyz", permissions=["microphone"])
    page.click("text=Record")
    page.wait_for_selector("text=Stop and listen")
    page.wait_for_timeout(700)
    row = asked(page, lambda: page.click("text=Stop and listen"))
    assert sum(row) == pytest.approx(1, abs=1e-4)


# Series


def test_series_get_the_probabilities_that_python_gives(opened, kept):
    page, program = opened(kept / "gestures.pyz"), learnt.load(kept / "gestures.pyz")
    members = members_of(kept / "gestures.pyz")
    names, values = members["selftest/input_0.csv"].decode().split()
    cells = values.split(",")
    gaps = ["?" if n % 7 == 3 else cell for n, cell in enumerate(cells)]
    for text in (
        values, values.replace(",", "\t"), "2 " + values.replace(",", " "), ",".join(cells[:60]),
        ",".join(gaps), f"{names}\n{','.join(['', *cells[1:149], ''])}\n", f"@data\n{values}\n",
        f"@problemName x\n@classLabel true 1 2\n@data\n{values}:1\n",
        ",".join([*cells, "1e3", "-4"]), f"?,{values}",
    ):  # fmt: skip
        page.fill("#series", text)
        row = asked(page, lambda: page.press("#series", "Control+Enter"))
        wanted = program(text.encode())
        np.testing.assert_allclose(row, list(wanted.probabilities.values()), atol=NEAR)
        assert note_of(page) == wanted.note
    page.fill("#series", f"{values}\n{values}\n{','.join(gaps)}\n")
    page.click("text=Read it")
    page.wait_for_selector("#said .title:text-is('3 rows')")
    assert page.locator("#shown tbody .plot").count() == 3
    page.fill("#series", "1,2,x")
    page.click("text=Read it")
    page.wait_for_selector("#problem:text-matches('a row of numbers')")


def test_names_from_strangers_stay_texts(opened, kept, tmp_path):
    evil = "</script><img src=x onerror=\"document.title='owned'\"><b>"
    items = json.loads(members_of(kept / "films.pyz")["assets/items.json"])
    titles = {name: evil + str(n) for n, name in enumerate(items)}
    file = tmp_path / "evil.pyz"
    file.write_bytes(
        changed(kept / "films.pyz", {"assets/items.json": json.dumps(titles).encode()})
    )
    page = opened(file)
    page.click("text=Recommend")
    page.wait_for_selector("#shown .bar-name")
    assert page.locator("#shown .bar-name").first.inner_text().startswith(evil)
    assert page.locator("main img").count() == 0
    assert page.title() != "owned"
