"""Claims for inputs of any shape: slopes as measured, windows as in loops written out.

The examples are drawn anew by hypothesis at each change of a test, and the same at each run.
"""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import learnt.engine as torch
from learnt.engine.nn import functional as F

few = settings(derandomize=True, deadline=None, max_examples=25, database=None)
many = settings(few, max_examples=60)
sizes = st.integers(1, 3)
shapes = st.lists(sizes, min_size=1, max_size=3).map(tuple)


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """float64 numbers, all some way from 0 and from each other, where slopes are defined."""
    count = int(np.prod(shape))
    spread = np.linspace(0.3, 2.7, max(count, 1))[:count]
    generator = np.random.default_rng(seed)
    return (generator.permutation(spread) * generator.choice([-1, 1], count)).reshape(shape)


def variable(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.tensor(numbers(*shape, seed=seed), requires_grad=True)


FAMILIES = {
    "arithmetic": lambda x: (1 - x) * x / (x * x + 2) + -x * 3,
    "powers": lambda x: x**3 + (x * x) ** 0.5 + (x * x + 1) ** x,
    "functions": lambda x: x.exp() + (x * x).log() + x.abs().sqrt(),
    "clamp": lambda x: x.clamp(-1.0321, 1.4321) + x.clamp(min=0.1) * x.clamp(max=0.1),
    "activations": lambda x: x.relu() + x.sigmoid() * x.tanh() + F.relu6(x * 4.123),
    "softmax": lambda x: x.softmax(-1) * x.log_softmax(0),
    "sums": lambda x: x.sum(-1, keepdim=True) * x.mean(0) + x.sum(),
    "variance": lambda x: x.var(0, correction=0, keepdim=True) * x.var(correction=0),
    "extremes": lambda x: x.amax(-1, keepdim=True) * x.amin(0),
    "extremes along": lambda x: x.max(-1, keepdim=True).values * x.min(0)[0] + x.max() * x.min(),
    "deviation": lambda x: x.std(correction=0) + (x * x).var(-1, False, True) * x.var(0, False),
    "products": lambda x: x.prod(-1, keepdim=True) * x.prod() + x.cumprod(0),
    "running sums": lambda x: x.cumsum(0) * x.cumsum(-1),
    "norms": lambda x: (
        x.norm() * x.norm(1, -1, True) + x.norm(3) + x.norm(np.inf, 0) + x.norm(-1.5)
    ),
    "logsumexp": lambda x: x.logsumexp(-1, True) * (x * 30).logsumexp(0),
    "remainders": lambda x: x % 0.71 + x.fmod(0.83) * x + torch.div(x, 3, rounding_mode="floor"),
    "inverse functions": lambda x: (x / 3).asin() + (x / 3).acos() * x.atan(),
    "blends": lambda x: torch.addcdiv(x.lerp(x * x, x), x, x * x, value=2) + torch.xlogy(x, x * x),
    "in place": lambda x: (x * 2).pow_(2).add_(x).mul_(x).clamp_(-9.03, 9.03).sub_(x.exp()),
    "filled": lambda x: (x * 2).copy_(x[:1] * 3).add_((x * x).fill_(x.sum())),
    "shapes": lambda x: x.flatten().reshape(x.shape).unsqueeze(1).squeeze(1).transpose(0, -1),
    "pieces": lambda x: torch.cat([x[:1], x * x, torch.stack([x[0], x[-1]])]),
    "pad and expand": lambda x: F.pad(x, (1, 2), value=3.0) * x.sum().expand(*x.shape[:-1], 1),
    "type": lambda x: x.to(np.float64).clone() * x,
}


@pytest.mark.parametrize("name", FAMILIES)
@few
@given(shape=shapes, seed=st.integers(0, 9))
def test_the_derived_slope_of_an_operation_is_the_measured_one(name, shape, seed):
    assert torch.gradcheck(FAMILIES[name], (variable(*shape, seed=seed),))


@few
@given(n=sizes, m=sizes, k=sizes, batch=st.integers(0, 2))
def test_the_derived_slope_of_matrix_products_is_the_measured_one(n, m, k, batch):
    left, right = variable(*(2,) * batch, n, m), variable(m, k, seed=1)
    assert torch.gradcheck(lambda a, b: a @ b, (left, right))
    weight, bias = variable(k, m, seed=1), variable(k, seed=2)
    assert torch.gradcheck(F.linear, (left, weight, bias))


@few
@given(n=st.integers(2, 4), c=sizes, more=st.lists(sizes, max_size=2), training=st.booleans())
def test_the_derived_slope_of_batch_norm_is_the_measured_one(n, c, more, training):
    mean, var = torch.tensor(numbers(c, seed=3)), torch.tensor(numbers(c, seed=4) ** 2)
    running = (None, None) if training else (mean, var)

    def normalize(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return F.batch_norm(x, *running, w, b, training)

    assert torch.gradcheck(normalize, (variable(n, c, *more), variable(c), variable(c, seed=1)))


@few
@given(n=sizes, k=sizes, smoothing=st.sampled_from([0.0, 0.2]), seed=st.integers(0, 9))
def test_the_derived_slope_of_the_losses_is_the_measured_one(n, k, smoothing, seed):
    target = torch.tensor(np.random.default_rng(seed).integers(0, k, n))
    for how in ("mean", "sum", "none"):
        assert torch.gradcheck(
            lambda x, how=how: F.cross_entropy(x, target, reduction=how, label_smoothing=smoothing),
            (variable(n, k),),
        )
    assert torch.gradcheck(F.mse_loss, (variable(n, k), variable(n, k, seed=1)))


def test_a_wrong_slope_is_found_and_float32_is_refused():
    def wrong(x: torch.Tensor) -> torch.Tensor:
        return x * x.detach()

    with pytest.raises(RuntimeError, match="gradient of input 0"):
        torch.gradcheck(wrong, (variable(3),))
    with pytest.raises(ValueError, match="float64"):
        torch.gradcheck(lambda x: x * 2, (torch.ones(2, requires_grad=True),))


@st.composite
def convolutions(draw: st.DrawFn) -> dict:
    """Any convolution of small pictures; batches both smaller and larger than the width."""
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    kernel = draw(st.tuples(sizes, sizes))
    dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    padding = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    picture = draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    fits = zip(picture, padding, dilation, kernel, strict=True)
    assume(all(n + 2 * p >= d * (k - 1) + 1 for n, p, d, k in fits))
    return {
        "x": (draw(st.integers(1, 8)), groups * draw(st.integers(1, 2)), *picture),
        "outputs": groups * draw(st.integers(1, 2)),
        "kernel": kernel,
        "options": {
            "stride": draw(st.tuples(sizes, sizes)),
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
        },
    }


def naive_conv2d(x, w, b, stride, padding, dilation, groups):
    """The equation of a convolution, a loop for each of its seven indices."""
    (n, _, h, wide), (o, each, kh, kw) = x.shape, w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    out = [
        (size + 2 * p - d * (k - 1) - 1) // s + 1
        for size, p, d, k, s in zip((h, wide), padding, dilation, (kh, kw), stride, strict=True)
    ]
    y = np.zeros((n, o, *out))
    for at in np.ndindex(n, o, *out, each, kh, kw):
        m, f, i, j, ch, u, v = at
        source = ch + f // (o // groups) * each
        row, column = i * stride[0] + u * dilation[0], j * stride[1] + v * dilation[1]
        y[m, f, i, j] += padded[m, source, row, column] * w[f, ch, u, v]
    return y + b[:, None, None]


@many
@given(case=convolutions())
def test_conv2d_is_its_equation(case):
    groups = case["options"]["groups"]
    x = numbers(*case["x"])
    w = numbers(case["outputs"], case["x"][1] // groups, *case["kernel"], seed=1)
    b = numbers(case["outputs"], seed=2)
    expected = naive_conv2d(x, w, b, **case["options"])
    got = F.conv2d(*map(torch.tensor, (x, w, b)), **case["options"])
    assert got.shape == expected.shape
    np.testing.assert_allclose(got.array, expected, atol=1e-12)


@few
@given(case=convolutions())
def test_the_derived_slope_of_conv2d_is_the_measured_one(case):
    assume(np.prod(case["x"]) < 150)
    groups = case["options"]["groups"]
    w = variable(case["outputs"], case["x"][1] // groups, *case["kernel"], seed=1)
    inputs = (variable(*case["x"]), w, variable(case["outputs"], seed=2))
    assert torch.gradcheck(lambda *a: F.conv2d(*a, **case["options"]), inputs)


@pytest.mark.parametrize("batch", [1, 9], ids=["batch first", "batch last"])
def test_a_wide_convolution_of_64_to_384_channels_is_its_equation(batch):
    generator = np.random.default_rng(0)
    x, w = generator.standard_normal((batch, 64, 4, 4)), generator.standard_normal((384, 64, 3, 3))
    got = F.conv2d(torch.tensor(x), torch.tensor(w), padding=1)
    expected = np.zeros((batch, 384, 4, 4))
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    for u, v in itertools.product(range(3), range(3)):
        part = padded[:, :, u : u + 4, v : v + 4]
        expected += np.einsum("nchw,oc->nohw", part, w[:, :, u, v])
    np.testing.assert_allclose(got.array, expected, atol=1e-9)


@pytest.mark.parametrize("kind", ["max", "avg"])
@many
@given(data=st.data())
def test_pooling_is_its_equation_and_its_slope_the_measured_one(kind, data):
    kernel = data.draw(st.tuples(sizes, sizes))
    stride = data.draw(st.tuples(sizes, sizes))
    padding = tuple(data.draw(st.integers(0, k // 2)) for k in kernel)
    h, w = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    assume(h + 2 * padding[0] >= kernel[0] and w + 2 * padding[1] >= kernel[1])
    x = variable(data.draw(st.integers(1, 4)), 2, h, w)
    pool = getattr(F, f"{kind}_pool2d")
    empty = -np.inf if kind == "max" else 0
    margin = ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2)
    padded = np.pad(x.array, margin, constant_values=empty)
    seen = np.lib.stride_tricks.sliding_window_view(padded, kernel, (2, 3))
    expected = getattr(seen[:, :, :: stride[0], :: stride[1]], {"avg": "mean"}.get(kind, kind))(
        axis=(4, 5)
    )
    np.testing.assert_allclose(pool(x, kernel, stride, padding).array, expected)
    assert torch.gradcheck(lambda x: pool(x, kernel, stride, padding), (x,))


TWO = {
    "max and min": lambda x, y: x.maximum(y) * x.minimum(y * 2),
    "clamp": lambda x, y: x.clamp(y, y + 1.07) * x,
    "where": lambda x, y: torch.where(x > y, x * x, y),
    "powers": lambda x, y: (x * x) ** y + x.abs().logaddexp(y),
    "remainders": lambda x, y: x % (y + 5) + x.fmod(y - 5.01),
}


@pytest.mark.parametrize("name", TWO)
@few
@given(data=st.data(), shape=shapes)
def test_the_derived_slopes_of_two_broadcast_operands_are_the_measured_ones(name, data, shape):
    kept = [n if data.draw(st.booleans()) else 1 for n in shape]
    x, y = variable(*shape), variable(*kept[data.draw(st.integers(0, len(kept))) :], seed=1)
    y = (y.detach() * 1.013 + 0.007).requires_grad_()  # no ties: there they have no slope
    assert torch.gradcheck(TWO[name], (x, y))


REDUCTIONS = {
    "sum": lambda x, d, k: x.sum(d, k), "mean": lambda x, d, k: x.mean(d, k),
    "var": lambda x, d, k: x.var(d, False, k), "std": lambda x, d, k: (x * x).std(d, False, k),
    "amax": lambda x, d, k: x.amax(d, k), "amin": lambda x, d, k: x.amin(d, k),
    "logsumexp": lambda x, d, k: x.logsumexp(d, k), "norm": lambda x, d, k: x.norm(2.5, d, k),
}  # fmt: skip


@pytest.mark.parametrize("name", REDUCTIONS)
@few
@given(data=st.data(), shape=st.lists(sizes, min_size=1, max_size=4).map(tuple), keep=st.booleans())
def test_reductions_over_any_dimensions_are_numpys_and_their_slopes_the_measured_ones(
    name, data, shape, keep
):
    axes = st.integers(-len(shape), len(shape) - 1)
    dims = data.draw(st.lists(axes, min_size=1, unique_by=lambda d: d % len(shape)).map(tuple))
    x = variable(*shape)
    if name in ("sum", "mean", "var", "std", "amax", "amin"):
        values = x.array * x.array if name == "std" else x.array
        expected = getattr(np, name)(values, axis=dims, keepdims=keep)
        np.testing.assert_allclose(REDUCTIONS[name](x, dims, keep).array, expected, atol=1e-12)
    if name != "std" or np.prod([shape[d] for d in dims]) > 1:
        assert torch.gradcheck(lambda x: REDUCTIONS[name](x, dims, keep), (x,))


EQUATIONS = [
    "ij,jk->ik",
    "ij,kj",
    "ij,ij->i",
    "ij,ij->",
    "i,j->ij",
    "ii->i",
    "ii",
    "iij->j",
    "bij,bjk,kl->bil",
    "ij->ji",
    "b...i,i->...b",
    "...ij,...jk->...ik",
    "ij,jk,ki->",
]


@pytest.mark.parametrize("equation", EQUATIONS)
@few
@given(data=st.data())
def test_einsum_is_numpys_and_its_slopes_the_measured_ones(equation, data):
    size = {letter: data.draw(sizes) for letter in "bijkl"}
    more = data.draw(st.lists(sizes, max_size=2))
    tensors = []
    for seed, term in enumerate(equation.partition("->")[0].split(",")):
        before, dots, after = term.partition("...")
        shape = [size[c] for c in before] + more * bool(dots) + [size[c] for c in after]
        tensors.append(variable(*shape, seed=seed))
    found = torch.einsum(equation, *tensors)
    expected = np.einsum(equation, *(t.array for t in tensors))
    np.testing.assert_allclose(found.array, expected, atol=1e-12)
    assert torch.gradcheck(lambda *t: torch.einsum(equation, *t), tuple(tensors))


@many
@given(data=st.data(), shape=shapes)
def test_two_shapes_broadcast_as_numpys_do_and_the_gradients_come_back(data, shape):
    kept = [n if data.draw(st.booleans()) else 1 for n in shape]
    other = tuple(kept[data.draw(st.integers(0, len(kept))) :])
    for a, b in ((shape, other), (other, shape)):
        x, y = variable(*a), variable(*b, seed=1)
        assert (x + y).shape == np.broadcast_shapes(a, b)
        assert torch.gradcheck(lambda x, y: x * y + x / y - y, (x, y))
