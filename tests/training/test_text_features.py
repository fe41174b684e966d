"""Features of texts: in order, each text once, whatever its company; and from the cache later."""

import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
import tokenizers

from learnt.models.text_bodies import TextBody
from learnt.training import text_features as module
from learnt.training.text_features import by_length, padded, text_features

TEXTS = [
    "A happy dog.",
    "",
    "word " * 400,
    "A happy dog.",
    "Ein Hund",
    "😀 \ud800 broken",
    "\x00",
] * 7
QUIET = lambda done, of: None  # noqa: E731


@pytest.fixture
def own_home(tmp_path, minilm: TextBody, monkeypatch):
    """A cache of features that is empty, with the body in it."""
    files = [minilm.cached(), minilm.cached("json"), minilm.cached("safetensors")]
    monkeypatch.setenv("LEARNT_HOME", str(tmp_path))
    for file in files:
        (minilm.cached().parent / file.name).symlink_to(file)
    return tmp_path


def test_each_row_is_what_the_body_makes_of_that_text_alone(own_home, minilm):
    found = text_features(minilm, TEXTS, QUIET)
    assert (found.shape, found.dtype) == ((len(TEXTS), 384), np.float32)
    cut = tokenizers.Tokenizer.from_buffer(minilm.tokenizer())
    session = onnxruntime.InferenceSession(minilm.onnx())
    for text, row in zip(TEXTS[:7], found, strict=False):
        ids = cut.encode(text.replace("\ud800", "?")).ids
        (alone,) = session.run(None, {"ids": np.array([ids])})
        np.testing.assert_allclose(row, alone[0], atol=1e-5)


def test_progress_counts_every_text_up_to_the_last(own_home, minilm):
    seen = []
    text_features(minilm, TEXTS, lambda done, of: seen.append((done, of)))
    assert seen == sorted(seen)
    assert seen[-1] == (len(TEXTS), len(TEXTS))


def test_a_text_is_computed_once_and_then_found_again(own_home, minilm, monkeypatch):
    first = text_features(minilm, TEXTS, QUIET)
    monkeypatch.setattr(module, "_session", lambda body: pytest.fail("computed again"))
    np.testing.assert_array_equal(text_features(minilm, TEXTS[::-1], QUIET), first[::-1])


def test_no_texts_have_no_features(own_home, minilm):
    assert text_features(minilm, [], QUIET).shape == (0, 384)


def test_batches_are_of_like_length_bounded_and_hold_every_text_once():
    lengths = np.random.default_rng(0).integers(1, 257, 1000).tolist()
    batches = list(by_length(lengths))
    assert sorted(i for batch in batches for i in batch) == list(range(1000))
    total = sum(lengths)
    assert all(len(b) <= 16 and (len(b) == 1 or max(lengths[i] for i in b) * len(b) <= 1024)
               for b in batches)  # fmt: skip
    assert sum(max(lengths[i] for i in b) * len(b) for b in batches) < 1.02 * total


def test_padding_is_0_and_on_the_right():
    np.testing.assert_array_equal(padded([[5, 6, 7], [8]]), [[5, 6, 7], [8, 0, 0]])


def test_without_the_library_of_tokenisers_the_error_says_what_to_install(minilm):
    code = (
        "import sys; sys.modules['tokenizers'] = None\n"
        "from learnt.models.text_bodies import text_body\n"
        "from learnt.training.text_features import tokeniser\n"
        "from learnt.errors import MissingDependencyError\n"
        "try:\n    tokeniser(text_body('minilm'))\n"
        "except MissingDependencyError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install tokenizers" in done.stdout
