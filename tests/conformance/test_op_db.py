"""PyTorch's own samples of every operation that the engine has: value, gradient, ONNX twin."""

import pytest

from tests.conformance.samples import measure, names


@pytest.mark.parametrize("name", names())
def test_every_sample_of_pytorch_matches_or_is_declined_in_words(name):
    row = measure(name)
    print(name, row)
    assert row.matching + row.declined == row.samples
    assert row.samples > 0
