"""Byte-pair encoding: any text has tokens, and they are its bytes again."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnt.errors import ProgramError
from learnt.runner.bpe import BytePairs, whole_characters
from learnt.training.tasks.language import learn_pairs

ENGLISH = "It is a truth universally acknowledged, that a single man in possession of a good " * 3
LEARNT = learn_pairs([ENGLISH, "süße Trauben 葡萄"], 300)
PAIRS = BytePairs(LEARNT)


def changed(**parts):
    """The tokenizer with another `vocab`, `merges` or `type`."""
    file = json.loads(LEARNT)
    file["model"] |= parts
    return json.dumps(file).encode()


@given(st.text())
def test_any_text_is_its_tokens_bytes_again(text):
    (tokens,) = PAIRS.encode([text])
    assert PAIRS.decode(tokens) == text.encode()
    assert "".join(whole_characters(PAIRS.bytes[t] for t in tokens)) == text


def test_tokens_are_those_of_the_library_that_reads_the_whole_file():
    from tokenizers import Tokenizer

    whole = Tokenizer.from_str(LEARNT.decode())
    for text in (ENGLISH, "unseen words: Kühe\n\n  12345", ""):
        assert PAIRS.encode([text]) == [whole.encode(text).ids]
    assert len(PAIRS) == 300
    assert len(PAIRS.encode([ENGLISH])[0]) < len(ENGLISH) / 2


def test_pieces_of_characters_wait_for_the_rest_and_broken_ones_are_shown_as_such():
    assert list(whole_characters([b"a\xc3", b"\xbc", b"\xe2\x82"])) == ["a", "ü", "", "�"]


VOCAB = json.loads(LEARNT)["model"]["vocab"]


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"{}", b"[" * 100_000, b'{"model": 3}', b"\xff",
        changed(type="Unigram"), changed(vocab={}), changed(vocab=[1, 2]), changed(merges="ab"),
        changed(vocab={**VOCAB, "a": 5_000_000}), changed(vocab={**VOCAB, "a": True}),
        changed(vocab={**VOCAB, "a": -1}), changed(vocab={**VOCAB, "\n": 300}),
        changed(vocab={**VOCAB, "": 300}), changed(vocab={**VOCAB, "x" * 1000: 300}),
        changed(merges=[["zz", "zz"]]), changed(merges=[["a"]]), changed(merges=[["a", "b", "c"]]),
    ],
)  # fmt: skip
def test_a_damaged_or_hostile_tokenizer_is_a_program_error(data):
    with pytest.raises(ProgramError, match="byte-level BPE"):
        BytePairs(data)


def test_nothing_but_the_pairs_of_a_tokenizer_counts():
    file = json.loads(LEARNT)
    file["normalizer"] = {"type": "Lowercase"}
    file["added_tokens"] = [{"id": 0, "content": "truth", "special": True, "single_word": False,
                             "lstrip": False, "rstrip": False, "normalized": False}]  # fmt: skip
    assert BytePairs(json.dumps(file).encode()).encode(["It is a TRUTH"]) == PAIRS.encode(
        ["It is a TRUTH"]
    )
