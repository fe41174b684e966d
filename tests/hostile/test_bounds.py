"""What a graph or a tokenizer may take of memory and time, at most."""

import json
import subprocess
import sys

import numpy as np
import pytest
from onnx import numpy_helper

from learnt.errors import ProgramError
from learnt.runner.archive import read_archive
from learnt.runner.wordpieces import Tokenizer, check_tokenizer
from tests.hostile.graphs import LAST, model, node

LONG = """
import sys, numpy, threading
from learnt.runner import watch, session
from learnt.runner.session import Session
watch.SECONDS, watch.TICK, watch.MORE = float(sys.argv[2]), 0.05, float(sys.argv[3])
if sys.argv[3] != "inf":
    watch.may_end_process()
try:
    Session(open(sys.argv[1], "rb").read()).run({"images": numpy.zeros((1, 3, 3, 1), "uint8")})
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""

LARGE = """
import sys, numpy
from learnt.errors import ProgramError
from learnt.runner.session import Session
from tests.hostile.child import highest
session, before = Session(open(sys.argv[1], "rb").read()), highest()
try:
    session.run({"images": numpy.zeros((1, 2, 2, 1), "uint8")})
except ProgramError as error:
    print(str(error).replace("\\n", " "))
print(highest() - before)
"""


def squares(size: int, times: int, folder) -> str:
    """A graph that multiplies large matrices again and again: minutes of work, if it may."""
    nodes = [node("Cast", ["images"], ["f"], to=1), node("ReduceSum", ["f"], ["s"], keepdims=0),
             node("Add", ["row", "s"], ["r"]), node("MatMul", ["column", "r"], ["v0"])]  # fmt: skip
    nodes += [node("MatMul", [f"v{n}", "v0"], [f"v{n + 1}"]) for n in range(times)]
    nodes += [node("Identity", [f"v{times}"], ["big"]), *LAST]
    ones = np.full((1, size), 1 / size, np.float32)
    found = model(nodes, [("row", ones), ("column", ones.T.copy())])
    file = folder / "long.onnx"
    file.write_bytes(found.SerializeToString())
    return str(file)


def test_a_run_that_takes_too_long_is_stopped_between_two_operators(tmp_path):
    command = [sys.executable, "-c", LONG, squares(1500, 400, tmp_path), "0.3", "inf"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert "ProgramError: the program's graph cannot be run" in done.stderr
    assert "terminate flag" in done.stderr


def test_a_command_line_ends_itself_where_one_operator_has_no_end(tmp_path):
    command = [sys.executable, "-c", LONG, squares(9000, 3, tmp_path), "2", "0.2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2
    assert done.stderr.startswith("error: the program's graph has no end in ")
    assert done.stderr.count("\n") == 1


def test_all_graphs_of_a_process_together_have_a_bound_of_memory(tmp_path):
    sizes = numpy_helper.from_array(np.array([1500 * 2**20]), "sizes")  # 6 GB of float32
    one = numpy_helper.from_array(np.ones(1, np.float32), "one")
    graph = model([node("Expand", ["one", "sizes"], ["big"]), *LAST], [sizes, one])
    (tmp_path / "large.onnx").write_bytes(graph.SerializeToString())
    command = [sys.executable, "-c", LARGE, str(tmp_path / "large.onnx")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said, taken = done.stdout.splitlines()
    assert "Available memory of" in said
    assert int(taken) < 2**29


@pytest.fixture(scope="module")
def words(small) -> dict:
    return json.loads(read_archive(small["texts"]).members["assets/words.json"])


BACKTRACKING = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated",
                "invert": False}  # fmt: skip
IN_SEQUENCE = {"type": "Sequence", "pretokenizers": [BACKTRACKING]}
MANY = [{"id": n, "content": f"w{n}"} for n in range(5000)]
TOKENS = {
    "a pattern that never ends": {"pre_tokenizer": BACKTRACKING},
    "patterns in a sequence": {"pre_tokenizer": IN_SEQUENCE},
    "a normalizer that replaces": {"normalizer": {"type": "Replace", "pattern": {"Regex": "(a*)*b"},
                                                  "content": "x" * 10**6}},
    "a decoder of patterns": {"decoder": {"type": "Replace", "pattern": {"String": ""},
                                          "content": "x"}},
    "a special word of a million letters": {"added_tokens": [{"id": 3, "content": "x" * 10**6}]},
    "a special word of none": {"added_tokens": [{"id": 3, "content": ""}]},
    "too many special words": {"added_tokens": MANY},
    "special words that are none": {"added_tokens": [7]},
    "a template that adds a million": {"post_processor": {"type": "TemplateProcessing", "single": [
        {"Sequence": {"id": "A", "type_id": 0}}], "pair": [], "special_tokens": {
        "[CLS]": {"id": "[CLS]", "ids": [1] * 10**6, "tokens": ["a"] * 10**6}}}},
    "another model": {"model": {"type": "Unigram", "vocab": [["a", 0.0]], "unk_id": 0}},
    "no vocabulary": {"model": {"type": "WordLevel", "vocab": {}, "unk_token": "x"}},
    "numbers that are none": {"model": {"type": "WordLevel", "vocab": {"a": -1, "b": 2**70}}},
}  # fmt: skip


@pytest.mark.parametrize("what", TOKENS)
def test_a_tokenizer_that_could_take_for_ever_is_refused(words, what):
    check_tokenizer(words)
    with pytest.raises(ProgramError):
        Tokenizer(json.dumps({**words, **TOKENS[what]}).encode(), 64)


def test_padding_and_cutting_that_the_file_asks_for_are_not_done(words):
    asked = {
        "padding": {"strategy": {"Fixed": 10**9}, "direction": "Right", "pad_to_multiple_of": None,
                    "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
        "truncation": {"direction": "Right", "max_length": 10**9, "strategy": "LongestFirst",
                       "stride": 0},
    }  # fmt: skip
    numbers = Tokenizer(json.dumps({**words, **asked}).encode(), 10)("a b " * 100)
    assert len(numbers) == 10


DIGITS = """
from learnt.errors import LearntError
from learnt.runner.columns import Columns
from learnt.runner.graph_check import check_graph
from learnt.runner.rows import open_rows
from learnt.runner.series_rows import channels_of
digits = "1" * 1_000_000
columns = Columns([{"name": "n", "kind": "number"}, {"name": "d", "kind": "date"}])
for cell in (digits, digits + "x", digits + ".", digits + "," + digits + "e", "1" + ",111" * 10**5):
    columns.read({"n": cell, "d": cell})
    open_rows((cell.replace(",", ".") + "\\n").encode()).close()
    channels_of([cell, "_" * len(cell), "c1", "c2"])
def field(number, data):
    size, length = len(data), b""
    while size > 127:
        size, length = size >> 7, length + bytes([size & 127 | 128])
    return bytes([number << 3 | 2]) + length + bytes([size]) + data
for dims in (field(1, b"\\x7f" * 10**7), b"\\x08\\x7f" * 10**7):
    for model in (field(7, field(5, dims)), dims, field(7, field(1, dims)), field(8, dims)):
        try:
            check_graph(model)
        except LearntError as error:
            print(error)
"""


def test_a_million_digits_and_ten_million_sizes_are_read_in_a_moment():
    done = subprocess.run(
        [sys.executable, "-c", DIGITS], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 7  # one is a good graph
