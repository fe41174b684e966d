"""Activations at their kinks and edges, in place, and dropout's masks."""

import inspect

import numpy as np
import pytest
import torch as reference  # noqa: TID251

import learnt.engine as torch
from learnt.engine.nn import functional as F

EDGES = {  # where the slope jumps, and options
    "relu": ([0.0], {}),
    "relu6": ([0.0, 6.0], {}),
    "hardtanh": ([-1.0, 1.0], {}),
    "hardsigmoid": ([-3.0, 3.0], {}),
    "hardswish": ([-3.0, 3.0], {}),
    "elu": ([0.0], {"alpha": 0.5}),
    "celu": ([0.0], {"alpha": 0.5}),
    "selu": ([0.0], {}),
    "leaky_relu": ([0.0], {"negative_slope": 0.3}),
    "softshrink": ([-0.5, 0.5], {}),
    "hardshrink": ([-0.5, 0.5], {}),
    "threshold": ([1.0], {"threshold": 1.0, "value": 7.0}),
    "softsign": ([0.0], {}),
    "silu": ([0.0], {}),
    "mish": ([0.0], {}),
    "logsigmoid": ([0.0], {}),
    "softplus": ([0.0], {"beta": 2.0}),
    "tanhshrink": ([0.0], {}),
}
IN_PLACE = [name for name in EDGES if "inplace" in inspect.signature(getattr(F, name)).parameters]


@pytest.mark.parametrize("name", EDGES)
def test_values_and_slopes_at_kinks_and_far_out_are_pytorchs(name):
    edges, options = EDGES[name]
    points = [*edges, -30.0, -2.5, 0.25, 2.5, 30.0]
    ours = torch.tensor(points, requires_grad=True)
    theirs = reference.tensor(points, requires_grad=True)
    y, z = (
        getattr(F, name)(ours, **options),
        getattr(reference.nn.functional, name)(theirs, **options),
    )
    y.sum().backward()
    z.sum().backward()
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("name", EDGES)
def test_signatures_are_pytorchs(name):
    try:
        theirs = inspect.signature(getattr(reference.nn.functional, name)).parameters
    except ValueError:
        return  # PyTorch's own does not tell
    ours = inspect.signature(getattr(F, name)).parameters
    assert [(p.name, p.default) for p in ours.values()] == [
        (p.name, p.default) for p in theirs.values()
    ]


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place_the_input_changes_and_gradients_follow(name):
    _, options = EDGES[name]
    f, points = getattr(F, name), [-4.0, -0.4, 0.3, 0.9, 5.0]
    x = torch.tensor(points)
    assert f(x, **options, inplace=True) is x
    assert x.tolist() == f(torch.tensor(points), **options).tolist()
    a, b = (torch.tensor(points, requires_grad=True) for _ in range(2))
    f(a * 1, **options, inplace=True).sum().backward()
    f(b * 1, **options).sum().backward()
    assert a.grad.tolist() == b.grad.tolist()
    if hasattr(F, f"{name}_"):
        y = torch.tensor(points)
        assert getattr(F, f"{name}_")(y, **options) is y
        assert y.tolist() == x.tolist()


def test_inplace_may_be_given_by_its_place():
    x = torch.tensor([-2.0, 7.0])
    assert F.leaky_relu(x, 0.5, True) is F.relu6(x, True) is F.relu(x, True) is x
    assert x.tolist() == [0, 6]


def test_softmax_of_a_row_without_any_chance_is_nan_and_of_nothing_nothing():
    x = torch.tensor([[-np.inf, -np.inf], [0.0, -np.inf]])
    assert np.isnan(F.softmax(x, 1).numpy()[0]).all()
    assert F.softmax(x, 1).tolist()[1] == [1, 0]
    assert F.log_softmax(x, 1).tolist()[1] == [0, -np.inf]
    assert F.softmax(torch.zeros(3, 0), 1).shape == (3, 0)
    assert torch.tensor(5.0).softmax(0).item() == 1


def test_softmax_takes_its_type_by_name_or_place_and_without_a_dimension_pytorchs():
    x = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
    assert x.softmax(-1, torch.float64).dtype == F.log_softmax(x, 1, dtype=torch.float64).dtype
    assert F.softmax(x).tolist() == F.softmax(x, 1).tolist()
    assert F.softmin(x[None]).tolist() == F.softmax(-x[None], 0).tolist()
    for shape in ((4, 3), (2, 4, 3), (2, 2, 2, 2)):
        x = torch.tensor(np.random.default_rng(0).standard_normal(shape), requires_grad=True)
        for dim in range(len(shape)):
            assert torch.gradcheck(lambda x, d=dim: F.softmax(x, d), (x,))
            assert torch.gradcheck(lambda x, d=dim: F.log_softmax(x, d), (x,))


@pytest.mark.parametrize("p", [0.02, 0.1, 0.5, 0.9])
def test_dropout_draws_its_share_in_any_layout_of_memory(p):
    torch.manual_seed(0)
    for x in (np.ones((300, 400), np.float32), np.ones((400, 300), np.float32).T):
        y = F.dropout(torch.tensor(x), p).numpy()
        assert (y == 0).mean() == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / y.size))
        assert np.unique(y).tolist() == pytest.approx([0, 1 / (1 - p)])


@pytest.mark.parametrize(
    ("f", "shape", "spatial"),
    [
        (F.dropout1d, (20, 30, 4), 1),
        (F.dropout1d, (30, 4), 1),
        (F.dropout2d, (20, 30, 4, 2), 2),
        (F.dropout2d, (20, 30, 4), 1),
    ],
)
def test_channels_are_dropped_whole(f, shape, spatial):
    torch.manual_seed(0)
    y = f(torch.ones(shape), 0.5).numpy()
    y = y.reshape(*y.shape[: y.ndim - spatial], -1)
    assert (y == y[..., :1]).all()
    assert 0.2 < (y == 0).mean() < 0.8
    with pytest.raises(RuntimeError, match="dimensions"):
        F.dropout1d(torch.ones(3))


def test_dropout_in_place_and_outside_training():
    torch.manual_seed(0)
    x = torch.ones(1000)
    assert F.dropout(x, 0.5, True, True) is x
    assert set(x.tolist()) == {0.0, 2.0}
    assert F.dropout(x, 0.5, False) is x
    assert F.dropout(x, 0.0) is x
    with pytest.raises(NotImplementedError, match="eval"):
        torch.onnx.export(F.dropout, torch.ones(2, 3))


def test_wrong_options_are_errors():
    x = torch.ones(2, 3)
    for f, error in {
        lambda: F.glu(x): RuntimeError,
        lambda: F.prelu(x, torch.ones(2)): RuntimeError,
        lambda: F.dropout(x, 1.5): ValueError,
        lambda: F.softmax(x, 2): IndexError,
        lambda: F.elu(x, slope=1): TypeError,
        lambda: F.threshold(x): TypeError,
    }.items():
        with pytest.raises(error):
            f()
