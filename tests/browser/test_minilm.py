"""The page of a program with MiniLM in it: it answers as Python, with a graph of 23 MB."""

import numpy as np
import pytest

import learnt
from tests.browser.conftest import asked

GOOD = ["a wonderful film", "moving and wise", "I laughed all the time", "the best of the year"]
BAD = ["a terrible film", "dull and empty", "I fell asleep", "the worst of the year"]
TEXTS = [
    "I really liked that movie!", "Not bad, not good either.", "Ein schöner Film, aber zu lang.",
    "word " * 400, "qzxv", "The plot is thin; the actors, though, carry every single scene of it.",
]  # fmt: skip


@pytest.fixture(scope="module")
def program(minilm):
    texts = [f"{text} {number}" for number in range(5) for text in (*GOOD, *BAD)]
    labels = ["good"] * 4 + ["bad"] * 4
    data = learnt.Texts({"text": texts, "label": labels * 5})
    return learnt.Learner(data, model="minilm").fit(epochs=8).program()


def test_whole_texts_are_seen_as_python_sees_them(opened, program):
    page = opened(program)
    assert page.evaluate("learnt.selftest()") == []
    for text in TEXTS:
        page.fill("#text", text)
        row = asked(page, lambda: page.press("#text", "Control+Enter"))
        wanted = list(program(text).probabilities.values())
        np.testing.assert_allclose(row, wanted, atol=1e-4)
