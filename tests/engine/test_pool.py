"""Pooling: values, places and gradients are PyTorch's, with ties, padding and missing numbers."""

import numpy as np
import pytest
import torch as reference  # noqa: TID251 - the reference
from hypothesis import given, settings
from hypothesis import strategies as st

import learnt.engine as torch
from learnt.engine.nn import functional as F
from tests.conformance.compare import agree, draw

pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
SIZES = st.tuples(st.integers(1, 9), st.integers(1, 9))


def with_ties(*shape):
    """Few different numbers, so that many are equal."""
    return np.random.default_rng(shape).integers(0, 3, shape).astype(np.float32)


def declined_alike(kind, x, *args, **options):
    """Does PyTorch refuse, and the engine too?"""
    try:
        getattr(reference.nn.functional, kind)(reference.from_numpy(x), *args, **options)
    except RuntimeError:
        with pytest.raises(RuntimeError, match="pooling"):
            getattr(F, kind)(torch.Tensor(x), *args, **options)
        return True
    return False


@settings(max_examples=150, deadline=None)
@given(
    n=st.sampled_from([1, 2, 11]), size=SIZES, kernel=pair, stride=pair, dilation=pair,
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)), ceil=st.booleans(),
)  # fmt: skip
def test_max_pooling_is_pytorchs_and_says_where(n, size, kernel, stride, dilation, padding, ceil):
    x, options = with_ties(n, 2, *size), (kernel, stride, padding, dilation, ceil)
    try:
        F.max_pool2d(torch.Tensor(x[:0]), *options)
    except NotImplementedError:  # a window of padding only: there PyTorch may crash
        return
    except RuntimeError:
        pass
    if declined_alike("max_pool2d", x, *options):
        return
    agree(lambda t, f, x: f.max_pool2d(x, *options), x)
    expected = reference.nn.functional.max_pool2d(reference.from_numpy(x), *options, True)[1]
    got = F.max_pool2d(torch.Tensor(x), *options, return_indices=True)[1]
    assert np.array_equal(got.array, expected.numpy())
    agree(lambda t, f, x: f.max_pool2d(x, *options, True)[1], x, grad=False)


@settings(max_examples=150, deadline=None)
@given(
    n=st.sampled_from([1, 2, 11]), size=SIZES, kernel=pair, stride=pair, ceil=st.booleans(),
    padding=st.tuples(st.integers(0, 1), st.integers(0, 1)), counted=st.booleans(),
    divisor=st.sampled_from([None, 3, -2]),
)  # fmt: skip
def test_average_pooling_is_pytorchs(n, size, kernel, stride, ceil, padding, counted, divisor):
    x, options = draw(n, 2, *size), (kernel, stride, padding, ceil, counted, divisor)
    if not declined_alike("avg_pool2d", x, *options):
        agree(lambda t, f, x: f.avg_pool2d(x, *options), x)


@pytest.mark.parametrize("out", [1, 2, 3, 7, 9, (None, 4), (5, None), (1, 4)])
@pytest.mark.parametrize("size", [(7, 9), (8, 4), (3, 3), (1, 2)])
def test_adaptive_pooling_is_pytorchs(size, out):
    for n in (2, 11):
        agree(lambda t, f, x: f.adaptive_avg_pool2d(x, out), draw(n, 3, *size))
        agree(lambda t, f, x: f.adaptive_max_pool2d(x, out), with_ties(n, 3, *size))
        agree(
            lambda t, f, x: f.adaptive_max_pool2d(x, out, True)[1],
            with_ties(n, 3, *size),
            grad=False,
        )


def test_one_dimension_and_one_picture_are_pytorchs_too():
    for x in (draw(2, 3, 11), draw(3, 11)):
        agree(lambda t, f, x: f.max_pool1d(x, 3, 2, 1, 2, True), x, onnx=x.ndim > 2)
        agree(lambda t, f, x: f.avg_pool1d(x, 4, 3, 1, True, False), x, onnx=x.ndim > 2)
        agree(lambda t, f, x: f.adaptive_avg_pool1d(x, 4), x, onnx=x.ndim > 2)
        agree(lambda t, f, x: f.adaptive_max_pool1d(x, 4), x, onnx=x.ndim > 2)
    agree(lambda t, f, x: f.max_pool2d(x, 2), draw(3, 6, 7), onnx=False)
    agree(lambda t, f, x: f.adaptive_avg_pool2d(x, 1), draw(3, 6, 7), onnx=False)


@pytest.mark.parametrize("kind", ["max_pool2d", "avg_pool2d"])
def test_what_is_no_number_or_infinite_goes_only_where_it_belongs(kind):
    x = draw(2, 2, 7, 7)
    x[0, 0, 2, 2], x[0, 1, 3, 4], x[1, 0, 5, 1] = np.nan, np.inf, -np.inf
    for options in ((3, 2, 1), (2,)):
        theirs = reference.from_numpy(x.copy()).requires_grad_()
        expected = getattr(reference.nn.functional, kind)(theirs, *options)
        expected.sum().backward()
        ours = torch.Tensor(x, requires_grad=True)
        got = getattr(F, kind)(ours, *options)
        got.sum().backward()
        np.testing.assert_allclose(got.array, expected.detach().numpy(), atol=1e-6)
        np.testing.assert_allclose(ours.grad.array, theirs.grad.numpy(), atol=1e-6)


def test_the_first_is_the_largest_where_all_are_minus_infinity():
    lowest = torch.Tensor(np.full((1, 1, 4, 4), -np.inf, np.float32), requires_grad=True)
    z, at = F.max_pool2d(lowest, 2, return_indices=True)
    z.backward(torch.ones(1, 1, 2, 2))
    assert at.tolist() == [[[[0, 2], [8, 10]]]]
    assert lowest.grad.array[0, 0, ::2, ::2].sum() == lowest.grad.array.sum() == 4


def test_whole_numbers_have_a_maximum():
    x = np.arange(-8, 8).reshape(1, 1, 4, 4)
    expected = reference.nn.functional.max_pool2d(reference.from_numpy(x), 2, 2, 1)
    assert np.array_equal(F.max_pool2d(torch.Tensor(x), 2, 2, 1).array, expected.numpy())


@pytest.mark.parametrize(
    "pool",
    [
        lambda x: F.max_pool2d(x, 2), lambda x: F.max_pool2d(x, 3, 2, 1),
        lambda x: F.avg_pool2d(x, 2), lambda x: F.adaptive_avg_pool2d(x, 3),
    ],
)  # fmt: skip
def test_pictures_go_on_to_lie_in_memory_as_they_did(pool):
    last = np.ascontiguousarray(draw(5, 6, 8, 16)).transpose(3, 0, 1, 2)  # the batch innermost
    x = torch.Tensor(last, requires_grad=True)
    y = pool(x)
    assert y.array.strides[0] == y.array.itemsize
    (back,) = y.op.backward(np.ones_like(y.array))
    assert back.strides[0] == back.itemsize


def test_strides_may_be_left_out_in_every_way():
    x = torch.Tensor(draw(1, 1, 6, 6))
    expected = F.max_pool2d(x, 2, 2).array
    for stride in (None, (), []):
        assert np.array_equal(F.max_pool2d(x, 2, stride).array, expected)
    assert np.array_equal(F.max_pool2d(x, (2,), [2]).array, expected)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda x: F.max_pool2d(x, 0), "at least 1"),
        (lambda x: F.max_pool2d(x, 2, 0), "at least 1"),
        (lambda x: F.max_pool2d(x, 3, 1, 2), "half"),
        (lambda x: F.avg_pool2d(x, 2, padding=-1), "half"),
        (lambda x: F.max_pool2d(x, 9), "at least that large"),
        (lambda x: F.max_pool2d(x[0, 0], 2), r"\(N, C"),
        (lambda x: F.avg_pool1d(x, 2), r"\(N, C"),
        (lambda x: F.adaptive_avg_pool2d(x, (2, 2, 2)), "output sizes"),
        (lambda x: F.max_pool2d(x, (2, 2, 2)), "2 of them"),
    ],
)
def test_an_error_says_what_must_hold(call, says):
    with pytest.raises(RuntimeError, match=says):
        call(torch.zeros(1, 1, 4, 4))


def test_gradients_are_right_in_float64():
    x = torch.randn(1, 2, 5, 4).double().requires_grad_()
    assert torch.gradcheck(lambda x: F.max_pool2d(x, 3, 2, 1), (x,))
    assert torch.gradcheck(lambda x: F.avg_pool2d(x, 3, 2, 1, True, False), (x,))
    assert torch.gradcheck(lambda x: F.adaptive_avg_pool2d(x, 3), (x,))
