"""x[…] read and written, and its relatives by name: values, gradients and errors are PyTorch's."""

import numpy as np
import pytest
import torch as reference  # noqa: TID251
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import learnt.engine as torch
from learnt.engine.ops.pick import scatter_rows

few = settings(max_examples=150, deadline=None)
many = settings(max_examples=400, deadline=None)


@st.composite
def indexed(draw):
    """A shape and an index into it: its parts as (kind, value), to be made for either library."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    parts, at, wide = [], 0, draw(st.sampled_from([(), (1,), (3,), (2, 3)]))
    dots = draw(st.integers(-1, len(shape)))
    while at < len(shape) and draw(st.integers(0, 5)):
        if at == dots:
            parts.append(("as it is", ...))
            dots, rest = -1, draw(st.integers(0, len(shape) - at))
            at += rest
            continue
        n = shape[at]
        kind = draw(
            st.sampled_from(["int", "slice", "none", "true", "array", "list", "mask", "0-d"])
        )
        if kind == "int":
            parts.append(("as it is", draw(st.integers(-n, n - 1))))
        elif kind == "slice":
            bounds = [draw(st.none() | st.integers(-n - 1, n + 1)) for _ in range(2)]
            parts.append(("as it is", slice(*bounds, draw(st.none() | st.integers(1, 3)))))
        elif kind == "none":
            parts.append(("as it is", None))
        elif kind == "true":
            parts.append((draw(st.sampled_from(["as it is", "tensor"])), draw(st.booleans())))
        elif kind == "list":
            parts.append(
                ("as it is", draw(st.lists(st.integers(-n, n - 1), min_size=1, max_size=3)))
            )
        elif kind == "0-d":
            parts.append(("tensor", np.array(draw(st.integers(-n, n - 1)))))
        elif kind == "mask":
            size = draw(st.integers(1, len(shape) - at))
            bits = draw(st.lists(st.booleans(), min_size=1, max_size=8))
            parts.append(("tensor", np.resize(bits, shape[at : at + size])))
            at += size - 1
        else:
            found = draw(st.lists(st.integers(-n, n - 1), min_size=1, max_size=6))
            parts.append(("tensor", np.resize(found, wide)))
        at += kind not in ("none", "true")
    return shape, parts


def made(library, parts):
    """The index of those parts, for a library."""
    index = tuple(library.tensor(v) if kind == "tensor" else v for kind, v in parts)
    return index[0] if len(index) == 1 else index


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def outcome(action):
    """What it returns, or the type of its error."""
    try:
        return action()
    except (IndexError, RuntimeError) as error:
        return type(error)


@many
@given(indexed())
def test_any_index_reads_what_pytorch_reads_and_its_gradient_goes_back_there(case):
    shape, parts = case
    theirs = reference.tensor(numbers(*shape), requires_grad=True)
    ours = torch.tensor(numbers(*shape), requires_grad=True)
    expected = outcome(lambda: theirs[made(reference, parts)])
    found = outcome(lambda: ours[made(torch, parts)])
    if isinstance(expected, type):
        assert found is expected
        return
    np.testing.assert_array_equal(found.array, expected.detach().numpy())
    assert (found.base is None) == (expected._base is None)
    weights = numbers(*expected.shape, seed=1)
    expected.backward(reference.tensor(weights))
    found.backward(torch.tensor(weights))
    np.testing.assert_allclose(ours.grad.array, theirs.grad.numpy(), rtol=1e-5, atol=1e-6)


@many
@given(indexed(), st.sampled_from(["number", "one", "all"]), st.sampled_from("vmb"))
def test_any_index_writes_what_pytorch_writes_with_its_gradients(case, value, which):
    shape, parts = case
    places = outcome(
        lambda: reference.arange(int(np.prod(shape))).reshape(shape)[made(reference, parts)]
    )
    assume(not isinstance(places, type))
    assume(value != "all" or len(places.unique()) == places.numel())  # else any may win
    size = {"number": None, "one": (), "all": tuple(places.shape)}[value]

    def write(t):
        x = t.tensor(numbers(*shape), requires_grad="m" in which or "b" in which)
        v = t.tensor(numbers(*(size or ()), seed=2), requires_grad="v" in which or "b" in which)
        y = x * 2
        y[made(t, parts)] = 0.5 if size is None else v
        if y.requires_grad:
            (y * t.tensor(numbers(*shape, seed=3))).sum().backward()
        zeros = [
            np.zeros(z.shape, np.float32) if z.grad is None else z.grad.numpy() for z in (x, v)
        ]
        return [y.detach().numpy(), *zeros]

    for found, expected in zip(write(torch), write(reference), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@few
@given(indexed(), st.booleans())
def test_within_no_grad_writing_changes_the_memory_itself(case, broadcast):
    shape, parts = case
    places = outcome(
        lambda: reference.arange(int(np.prod(shape))).reshape(shape)[made(reference, parts)]
    )
    assume(not isinstance(places, type) and len(places.unique()) == places.numel())
    size = () if broadcast else tuple(places.shape)
    results = []
    for t in (torch, reference):
        x = t.tensor(numbers(*shape))
        seen = x.view(-1)
        x[made(t, parts)] = t.tensor(numbers(*size, seed=2))
        results.append(seen.numpy())
    np.testing.assert_array_equal(*results)


ERRORS = [
    (lambda t, x: x[5], IndexError),
    (lambda t, x: x[-3], IndexError),
    (lambda t, x: x[0, 0, 0, 0], IndexError),
    (lambda t, x: x[[5]], IndexError),
    (lambda t, x: x[t.tensor([0.5])], IndexError),
    (lambda t, x: x[1.0], IndexError),
    (lambda t, x: x[t.ones(3, dtype=t.bool)], IndexError),
    (lambda t, x: x[[0, 1], [0, 1, 2]], IndexError),
    (lambda t, x: x[::-1], ValueError),
    (lambda t, x: x.gather(0, t.tensor([[[5]]])), RuntimeError),
    (lambda t, x: x.gather(0, t.tensor([[[-1]]])), RuntimeError),
    (lambda t, x: x.gather(0, t.tensor([[0]])), RuntimeError),
    (lambda t, x: x.gather(0, t.zeros(2, 4, 4).long()), RuntimeError),
    (lambda t, x: x.index_select(0, t.tensor([5])), IndexError),
    (lambda t, x: x.index_select(0, t.tensor([-1])), IndexError),
    (lambda t, x: x.index_select(0, t.tensor([[0]])), IndexError),
    (lambda t, x: x.index_select(5, t.tensor([0])), IndexError),
    (lambda t, x: x.take(t.tensor([24])), IndexError),
    (lambda t, x: x.scatter(0, t.tensor([[[5]]]), 1.0), RuntimeError),
    (lambda t, x: x.scatter(0, t.tensor([[[0]]]), t.ones(1, 1, 1).double()), RuntimeError),
    (lambda t, x: x.scatter(0, t.tensor([[[0, 1]]]), t.ones(1, 1, 1)), RuntimeError),
    (lambda t, x: x.index_add(0, t.tensor([-1]), t.ones(1, 3, 4)), RuntimeError),
    (lambda t, x: x.index_add(0, t.tensor([0]), t.ones(2, 3, 4)), RuntimeError),
    (lambda t, x: x.index_copy(0, t.tensor([-1]), t.ones(1, 3, 4)), IndexError),
    (lambda t, x: x.index_fill(0, t.tensor([-3]), 2), IndexError),
    (lambda t, x: x.index_put((t.tensor([1]),), t.tensor(2)), RuntimeError),
    (lambda t, x: x.masked_fill(t.ones(4), 1), RuntimeError),
    (lambda t, x: x.masked_fill(t.ones(4).bool(), t.ones(2)), RuntimeError),
    (lambda t, x: x.masked_select(t.ones(5).bool()), RuntimeError),
    (lambda t, x: x.masked_scatter(t.ones(4).bool(), t.ones(5)), RuntimeError),
    (lambda t, x: x.__setitem__(0, t.ones(2, 3, 4)), RuntimeError),
    (lambda t, x: x.__setitem__([0], t.ones(1, 3, 4).double()), RuntimeError),
    (lambda t, x: x.__setitem__(0, [1.0, 2.0]), TypeError),
    (lambda t, x: x.__setitem__(0, None), TypeError),
    (lambda t, x: x.__setitem__(x > 3, t.ones(3)), RuntimeError),
    (lambda t, x: x.expand(2, 2, 3, 4).__setitem__(..., 1.0), RuntimeError),
    (lambda t, x: x.requires_grad_().__setitem__(0, 1.0), RuntimeError),
    (lambda t, x: x.topk(5), RuntimeError),
    (lambda t, x: x.sort(5), IndexError),
]


@pytest.mark.parametrize(("wrong", "error"), ERRORS)
def test_a_wrong_index_is_the_error_that_pytorch_raises(wrong, error):
    for t in (reference, torch):
        with pytest.raises(error):
            wrong(t, t.arange(24.0).reshape(2, 3, 4))


def test_a_part_can_be_changed_by_an_operator_through_its_index():
    results = []
    for t in (torch, reference):
        w = t.tensor(numbers(3, 4), requires_grad=True)
        x = w * 1
        x[1] += w[0]
        x[:, 1:3] *= 2
        x[[0, 2], [1, 1]] -= 1
        x[x > 0.5] = 0.25
        x[0] = x[1]
        (x * x).sum().backward()
        results.append([x.detach().numpy(), w.grad.numpy()])
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_an_index_that_is_changed_afterwards_does_not_change_the_gradient():
    x, places = torch.zeros(3, requires_grad=True), torch.tensor([0, 0, 2])
    y = x[places]
    places += 1 - places
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 0.0, 1.0]


@pytest.mark.parametrize("width", [1, 7, 300])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_are_added_up_where_they_belong(width, dtype):
    generator = np.random.default_rng(0)
    places = generator.integers(0, 5, (6, 4))
    grad = generator.standard_normal((6, 4, width)).astype(dtype)
    expected = np.zeros((5, width), dtype)
    np.add.at(expected, places, grad)
    found = scatter_rows((5, width), places, grad)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@few
@given(
    st.lists(st.sampled_from([0.0, 1.0, -1.0, 2.0, np.nan, np.inf]), min_size=1, max_size=20),
    st.booleans(),
    st.data(),
)
def test_order_is_pytorchs_with_equals_and_nan(values, descending, data):
    k = data.draw(st.integers(0, len(values)))
    ours, theirs = torch.tensor(values), reference.tensor(values)
    found = ours.sort(descending=descending, stable=True)
    expected = theirs.sort(descending=descending, stable=True)
    np.testing.assert_array_equal(found.values.array, expected.values.numpy())
    np.testing.assert_array_equal(found.indices.array, expected.indices.numpy())
    best = ours.topk(k, largest=descending)
    np.testing.assert_array_equal(
        best.values.array, theirs.topk(k, largest=descending).values.numpy()
    )
    np.testing.assert_array_equal(ours.array[best.indices.array], best.values.array)
