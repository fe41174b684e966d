"""Readers of strangers' bytes take them or refuse them, and nothing else: by hypothesis, which
draws the same bytes each time, and for a moment by coverage (`make fuzz` is for longer)."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.readers import READERS, parquet, read, seeds

NO_UNKNOWN = b'{"model": {"type": "WordLevel", "vocab": {"a": 0, "b": 1}, "unk_token": "c"}}'
FOUND: dict[str, list[bytes]] = {"words": [NO_UNKNOWN]}  # what fuzzing broke once


@pytest.mark.parametrize("name", READERS)
def test_a_good_input_is_taken(name):
    assert all(read(name, seed) for seed in seeds(name))


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=100)
@given(data=st.binary(max_size=400))
def test_any_bytes_are_taken_or_refused(name, data):
    read(name, data)


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=60)
@given(data=st.data())
def test_a_good_input_with_a_part_changed_is_taken_or_refused(name, data):
    good = data.draw(st.sampled_from(list(seeds(name))))
    at = data.draw(st.integers(0, max(0, min(len(good), 5000) - 1)))
    new = data.draw(st.binary(max_size=9))
    read(name, good[:at] + new + good[at + data.draw(st.integers(0, 9)) :])


@pytest.mark.parametrize("name", FOUND)
def test_what_fuzzing_found_is_mended(name):
    for data in FOUND[name]:
        read(name, data)


def test_a_parquet_with_any_byte_of_its_pages_changed_is_taken_or_refused():
    good = parquet()  # with some, Polars panics
    for at in range(4, 250):
        read("rows", good[:at] + b"\xff" + good[at + 1 :])


def test_fuzzing_by_coverage_starts_and_finds_nothing_at_once():
    pytest.importorskip("atheris")
    command = [sys.executable, "-m", "tests.fuzz", "graph", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Done" in done.stderr


def test_without_what_fuzzing_needs_it_says_so_once():
    code = "import sys; sys.modules['atheris'] = None; import runpy; sys.argv = ['fuzz']"
    command = [sys.executable, "-c", f"{code}; runpy.run_module('tests.fuzz', run_name='__main__')"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: fuzzing needs atheris")
    assert done.stderr.count("\n") == 1
