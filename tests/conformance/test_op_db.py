"""PyTorch's own samples of every operation that the engine has: value, gradient, ONNX twin."""

import pytest

from tests.conformance.page import committed, line
from tests.conformance.samples import database, measure, names


@pytest.mark.parametrize("name", names())
def test_every_sample_of_pytorch_matches_or_is_declined_in_words(name):
    row = measure(name)
    assert row.matching + row.declined == row.samples > 0
    assert committed().get(name) == line(name, row), "the page is of another day: run make docs"


def test_every_operation_on_the_page_is_still_there():
    assert {n for n in committed() if n in database()} == set(names())
