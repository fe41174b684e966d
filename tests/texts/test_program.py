"""Programs that read texts: their command line, odd texts, and files that cannot be trusted."""

import copy
import csv
import json
import subprocess
import sys

import pytest

from learnt.errors import DataError, ProgramError
from learnt.runner.wordpieces import Tokenizer, check_tokenizer, letters

LONE = "half a \ud83d character"
ODD = {
    "controls": "\x00\x01\x1b[31m\x7f",
    "zero width": "\u200b\u200d\ufeff",
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈",
    "half a character": LONE,
    "marks upon marks": "z" + "\u0301" * 5000,
    "one long word": "a" * 30_000,
    "special words": "[PAD] [UNK] [CLS]",
    "right to left": "\u202egood movie\u202c",
    "no language": "qzxv wkjh ~~~ ### 0x0f",
}


def run(program_file, *arguments, stdin=None):
    done = subprocess.run(
        [sys.executable, str(program_file), *arguments],
        capture_output=True, text=True, encoding="utf-8", input=stdin, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done


def test_texts_on_the_command_line_one_answer_a_line(program_file, program):
    done = run(program_file, "a moving and funny film", "a dull mess", "--json")
    assert done.returncode == 0
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["input"] for line in lines] == ["a moving and funny film", "a dull mess"]
    for line in lines:
        assert line["label"] == program(line["input"]).label
        assert sum(line["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_standard_input_is_a_text_a_line_and_a_blank_one_is_named(program_file):
    done = run(program_file, "-", stdin="a good film\n\na bad film\n")
    assert done.returncode == 2
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        "a good film",
        "a bad film",
    ]
    assert "the text is empty" in done.stderr


def test_a_text_file_is_one_text(program_file, program, tmp_path):
    path = tmp_path / "film.txt"
    path.write_text("a good film\n\nwith a bad end", encoding="utf-16")
    done = run(program_file, str(path), "--json")
    expected = program("a good film\n\nwith a bad end")
    assert json.loads(done.stdout)["probability"] == pytest.approx(expected.probability, abs=1e-5)
    assert program(path).probabilities == expected.probabilities
    assert program(path).note == "read as UTF-16"


def test_a_table_in_a_table_out(program_file, program, tmp_path):
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text('id,text,label\n1,"good, fine",x\n2,,y\n3,dull,z\n')
    done = run(program_file, str(source), "-o", str(out))
    assert done.returncode == 0
    assert "1 row: no text, and so no answer" in done.stderr
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    assert [row["label"] for row in rows] == ["x", "y", "z"]  # the table's own
    assert rows[0]["predicted label"] == program("good, fine").label
    assert rows[1]["predicted label"] == rows[1]["probability"] == ""
    assert float(rows[2]["probability"]) == pytest.approx(program("dull").probability, abs=1e-5)
    by_name = run(program_file, str(source), "--text", "id", "--json")
    assert len(by_name.stdout.splitlines()) == 3
    wrong = run(program_file, str(source), "--text", "body")
    assert wrong.returncode == 2
    assert "must have a column of texts, 'body'; it has id, text, label" in wrong.stderr


def test_the_program_answers_as_when_trained(program_file):
    assert run(program_file, "--selftest").stdout.startswith("ok: 3 inputs")
    assert "a text in quotes" in run(program_file, "--help").stdout
    assert run(program_file).returncode == 2


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_odd_texts_get_an_answer_that_says_what_it_rests_on(program, text):
    result = program(text)
    assert sum(result.probabilities.values()) == pytest.approx(1, abs=1e-5)
    known = max(program.read(text).parts["words"], default=0) > 1
    assert known or "none of its words was seen in training" in result.note


def test_a_text_with_nothing_known_gets_the_shares_of_the_classes_and_says_so(program):
    result = program("\u200b\x01")
    assert result.note.endswith("the answer is only how common each class was")
    assert result.as_dict()["note"] == result.note
    assert max(result.probabilities.values()) < 0.7


def test_a_text_of_ten_megabytes_is_read_in_part_and_that_is_said(program):
    result = program("a good film " * 900_000)
    assert result.note == "only the first 32,768 characters were read"
    assert result.probabilities == program("a good film " * 10_000).probabilities


@pytest.mark.parametrize("source", ["", " \n\t", b"\x89PNG\r\n\0", b"a\0b", 3, None])
def test_what_is_no_text_is_an_error(program, source):
    with pytest.raises(DataError):
        program(source)


def test_letters_are_in_lower_case_with_one_space_between_words():
    assert letters("  A\tGood\n\nfilm ", 100).tolist() == [ord(c) for c in " a good film "]
    assert letters("a good film", 4).tolist() == [ord(c) for c in " a g"]


@pytest.fixture(scope="module")
def tokenizer(program):
    return json.loads(program.asset("words.json"))


HOSTILE = {
    "a pattern that can run wild": lambda t: t.update(
        normalizer={"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": ""}
    ),
    "parts within parts": lambda t: t.update(normalizer={"type": "Sequence", "normalizers": []}),
    "another way to cut": lambda t: t.update(pre_tokenizer={"type": "Split"}),
    "another model": lambda t: t["model"].update(type="BPE"),
    "a number that is none": lambda t: t["model"]["vocab"].update(film=-1),
    "a huge number": lambda t: t["model"]["vocab"].update(film=2**40),
    "no vocabulary": lambda t: t["model"].pop("vocab"),
    "no model": lambda t: t.pop("model"),
    "endless words": lambda t: t["model"].update(max_input_chars_per_word=10**9),
    "a long template": lambda t: t.update(
        post_processor={"type": "TemplateProcessing", "single": [{}] * 1000}
    ),
    "many special words": lambda t: t.update(added_tokens=[{}] * 5000),
    "no unknown word": lambda t: t["model"].update(unk_token=None),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_a_tokenizer_that_is_not_one_of_ours_is_refused(tokenizer, change):
    changed = copy.deepcopy(tokenizer)
    Tokenizer(json.dumps(changed).encode(), 10)
    change(changed)
    with pytest.raises(ProgramError, match="tokenizer"):
        Tokenizer(json.dumps(changed).encode(), 10)


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"model": 1}'])
def test_what_is_no_tokenizer_is_refused(data):
    with pytest.raises(ProgramError, match="tokenizer"):
        Tokenizer(data, 10)


def test_a_tokenizer_must_be_an_object():
    with pytest.raises(ProgramError, match="not an object"):
        check_tokenizer([])
