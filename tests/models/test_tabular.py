"""The network for tables: how it sees numbers, beside NumPy; its graph, beside ONNX Runtime."""

from itertools import pairwise

import numpy as np
import onnxruntime
import pytest

import learnt.engine as torch
from learnt.engine.onnx import export
from learnt.engine.tensor import Tensor
from learnt.models.tabular import NumberEmbedding, Probabilities, Tabular, Values, cut


@pytest.fixture
def numbers() -> np.ndarray:
    """300 rows of three columns: large and uneven, tiny with many zeros, and with gaps."""
    random = np.random.default_rng(0)
    x = np.stack([1e9 + 1e6 * random.normal(size=300), 1e-6 * random.poisson(0.2, 300),
                  random.normal(size=300)], 1)  # fmt: skip
    x[::7, 2] = np.nan
    return x


def known(column: np.ndarray) -> np.ndarray:
    return column[~np.isnan(column)]


def embedding(x: np.ndarray, bins: int) -> NumberEmbedding:
    edges = [cut(known(column), bins) for column in x.T]
    return NumberEmbedding(edges, np.array([np.median(known(column)) for column in x.T]))


def test_a_number_is_how_far_it_is_through_each_bin(numbers: np.ndarray) -> None:
    """As `np.interp` has it, bin by bin; weights of 1 and 0 let a bin be seen."""
    edges = cut(numbers[:, 0], 8)
    layer = NumberEmbedding([edges], np.array([np.median(numbers[:, 0])]), width=8)
    layer.weight.array[0] = np.eye(9, 8)
    seen = layer(Tensor(numbers[:, :1])).array[0]  # the one member
    wanted = [np.interp(numbers[:, 0], edges[b : b + 2], [0, 1]) for b in range(8)]
    np.testing.assert_allclose(seen, np.stack(wanted, 1), atol=2e-5)


def test_a_missing_number_is_the_median_and_what_was_learnt_of_missing(
    numbers: np.ndarray,
) -> None:
    layer = embedding(numbers, 16)
    row = np.array([[1e9, 0.0, np.median(known(numbers[:, 2]))]])
    gap = np.array([[1e9, 0.0, np.nan]])
    np.testing.assert_allclose(layer(Tensor(gap)).array, layer(Tensor(row)).array, atol=1e-6)
    layer.weight.array[2, -1] = 5
    assert (layer(Tensor(gap)).array[..., -16:] > layer(Tensor(row)).array[..., -16:] + 4).any()


def test_bins_have_equal_shares_or_tell_rare_values_apart(numbers: np.ndarray) -> None:
    edges = cut(numbers[:, 0], 10)
    shares = np.histogram(numbers[:, 0], edges)[0] / 300
    np.testing.assert_allclose(shares, 0.1, atol=0.005)
    rare = np.concatenate([np.zeros(990), np.arange(1, 11)])
    edges = cut(rare, 20)
    assert all(
        any(low < a < high or a in (low, high) for low, high in pairwise(edges)) for a in rare
    )


@pytest.mark.parametrize("kinds", ["both", "numbers", "categories"])
@pytest.mark.parametrize("classes", [True, False])
def test_the_graph_answers_as_the_network_does(
    numbers: np.ndarray, kinds: str, classes: bool
) -> None:
    torch.manual_seed(0)
    places = np.random.default_rng(1).integers(0, 4, (300, 2))
    edges = [cut(known(column), 16) for column in numbers.T] if kinds != "categories" else []
    medians = np.array([np.median(known(column)) for column in numbers.T])
    network = Tabular(edges, medians, [4, 5] if kinds != "numbers" else [], 3 if classes else 1)
    whole = Probabilities(network) if classes else Values(network, 5.0, 2.0)
    extreme = np.array([[1e99, -1e99, np.nan], [0, 0, 1e-99]])
    inputs = {"both": (numbers, places), "numbers": (numbers,), "categories": (places,)}[kinds]
    whole.eval()
    session = onnxruntime.InferenceSession(
        export(whole, tuple(map(Tensor, inputs))).SerializeToString()
    )
    odd = tuple(extreme if a is numbers else a[:2] for a in inputs)
    for some in (inputs, tuple(a[:1] for a in inputs), odd):
        wanted = whole(*map(Tensor, some)).array
        names = [entry.name for entry in session.get_inputs()]
        (found,) = session.run(None, dict(zip(names, some, strict=True)))
        assert np.isfinite(wanted).all()
        np.testing.assert_allclose(found, wanted, atol=1e-5)
