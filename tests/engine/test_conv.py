"""Convolutions: every way they are computed against the definition, place by place."""

import tracemalloc

import numpy as np
import pytest
import torch as reference  # noqa: TID251 - the reference
from hypothesis import given, settings
from hypothesis import strategies as st

import learnt.engine as torch
from learnt.engine import nn
from learnt.engine.nn import functional as F
from learnt.engine.ops import conv as module
from learnt.engine.ops.conv import Conv
from tests.conformance.compare import agree, draw


def by_definition(x, w, g, stride, padding, dilation, groups):
    """y, ∂L/∂x and ∂L/∂w of a 2-d convolution, one place and one group after the other."""
    (sh, sw), (ph, pw), (dh, dw_), (kh, kw) = stride, padding, dilation, w.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    high = (padded.shape[2] - dh * (kh - 1) - 1) // sh + 1
    wide = (padded.shape[3] - dw_ * (kw - 1) - 1) // sw + 1
    y, dpadded, dw = (
        np.zeros((len(x), len(w), high, wide)),
        np.zeros(padded.shape),
        np.zeros(w.shape),
    )
    g = np.ones_like(y) if g is None else g
    inside, out = w.shape[1], len(w) // groups
    for group in range(groups):
        c, o = slice(group * inside, (group + 1) * inside), slice(group * out, (group + 1) * out)
        for i in range(high):
            for j in range(wide):
                rows = slice(i * sh, i * sh + dh * (kh - 1) + 1, dh)
                columns = slice(j * sw, j * sw + dw_ * (kw - 1) + 1, dw_)
                seen = padded[:, c, rows, columns]
                y[:, o, i, j] = np.einsum("ncuv,ocuv->no", seen, w[o])
                dpadded[:, c, rows, columns] += np.einsum("no,ocuv->ncuv", g[:, o, i, j], w[o])
                dw[o] += np.einsum("no,ncuv->ocuv", g[:, o, i, j], seen)
    h, w_ = x.shape[2:]
    return y, dpadded[:, :, ph : ph + h, pw : pw + w_], dw


def computed(x, w, g, stride, padding, dilation, groups):
    """The same by the engine."""
    a, b = torch.Tensor(x, requires_grad=True), torch.Tensor(w, requires_grad=True)
    y = F.conv2d(a, b, None, stride, padding, dilation, groups)
    y.backward(torch.Tensor(g))
    return y.array, a.grad.array, b.grad.array


def batch_last(x):
    """The same pictures with the batch innermost in memory."""
    return np.ascontiguousarray(x.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)


def check(n, channels, out, size, kernel, stride, padding, dilation, groups, turn=np.asarray):
    x, w = draw(n, channels, *size), draw(out, channels // groups, *kernel, seed=1)
    options = stride, padding, dilation, groups
    like, *_ = by_definition(x[:0], w, None, *options)
    g = draw(n, *like.shape[1:], seed=2)
    expected = by_definition(x, w, g, *options)
    for got, wanted in zip(computed(turn(x), w, g, *options), expected, strict=True):
        scale = max(1.0, np.abs(wanted).max(initial=0))
        np.testing.assert_allclose(got, wanted, atol=2e-6 * scale, rtol=1e-4)


LAYERS = [  # channels, out, size, kernel, stride, padding, dilation, groups
    (3, 32, (9, 8), (3, 3), (1, 1), (1, 1), (1, 1), 1),
    (64, 384, (5, 5), (3, 3), (1, 1), (1, 1), (1, 1), 1),  # a size that faster ways got wrong
    (384, 64, (4, 5), (1, 1), (1, 1), (0, 0), (1, 1), 1),
    (64, 128, (7, 7), (1, 1), (2, 2), (0, 0), (1, 1), 1),
    (48, 48, (7, 6), (3, 3), (1, 1), (1, 1), (1, 1), 48),  # one kernel a channel
    (24, 48, (9, 9), (5, 5), (2, 2), (2, 2), (1, 1), 24),
    (12, 18, (9, 7), (3, 2), (2, 1), (1, 0), (1, 2), 3),
    (5, 7, (11, 3), (4, 1), (3, 2), (3, 2), (2, 1), 1),
    (2, 3, (6, 6), (2, 2), (1, 1), (3, 3), (1, 1), 1),  # padded beyond the kernel
    (1, 1, (1, 1), (1, 1), (1, 1), (0, 0), (1, 1), 1),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
@pytest.mark.parametrize("n", [1, 2, 13])
@pytest.mark.parametrize("turn", [np.asarray, batch_last], ids=["batch first", "batch last"])
def test_a_convolution_and_its_gradients_are_the_definitions(layer, n, turn):
    check(n, *layer, turn=turn)


@pytest.mark.parametrize("pieces", [(1, 1, 1), (2, 3, 50), (16, 16, 2**20)], ids=str)
def test_in_how_many_pieces_it_is_computed_makes_no_difference(pieces, monkeypatch):
    for name, value in zip(("FEWEST", "MOST", "CACHE"), pieces, strict=True):
        monkeypatch.setattr(module, name, value)
    for n in (2, 13):
        for layer in (LAYERS[0], LAYERS[5], LAYERS[6], LAYERS[7]):
            check(n, *layer)


small = st.integers(1, 3)


@settings(max_examples=150, deadline=None)
@given(
    n=st.sampled_from([0, 1, 2, 11]), groups=small, inside=small, out=small,
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)), kernel=st.tuples(small, small),
    stride=st.tuples(small, small), padding=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    dilation=st.tuples(small, small),
)  # fmt: skip
def test_any_convolution_is_the_definition_or_an_error(
    n, groups, inside, out, size, kernel, stride, padding, dilation
):
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    fits = all(m + 2 * p >= r for m, p, r in zip(size, padding, reach, strict=True))
    options = stride, padding, dilation, groups
    if fits:
        check(n, inside * groups, out * groups, size, kernel, *options)
    else:
        with pytest.raises(RuntimeError, match="at least as large as its kernel"):
            F.conv2d(
                torch.zeros(n, inside * groups, *size), torch.zeros(groups, inside, *kernel), None,
                *options,
            )  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    n=st.sampled_from([1, 2, 11]), groups=small, inside=small, out=small,
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)), kernel=st.tuples(small, small),
    stride=st.tuples(small, small), padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    dilation=st.tuples(small, small), data=st.data(),
)  # fmt: skip
def test_a_transposed_convolution_is_pytorchs(
    n, groups, inside, out, size, kernel, stride, padding, dilation, data
):
    extra = tuple(data.draw(st.integers(0, max(p) - 1)) for p in zip(stride, dilation, strict=True))
    x, w = draw(n, inside * groups, *size), draw(inside * groups, out, *kernel, seed=1)
    options = stride, padding, extra, groups, dilation
    reach = [
        (m - 1) * s + d * (k - 1) for m, s, d, k in zip(size, stride, dilation, kernel, strict=True)
    ]
    if min(r - 2 * p + e for r, p, e in zip(reach, padding, extra, strict=True)) < 0:
        with pytest.raises(RuntimeError, match="size of at least 1"):
            F.conv_transpose2d(torch.Tensor(x), torch.Tensor(w), None, *options)
        return
    bias = draw(out * groups, seed=2)
    small_enough = all(e < s for e, s in zip(extra, stride, strict=True))
    agree(
        lambda t, f, x, w, b: f.conv_transpose2d(x, w, b, *options), x, w, bias,
        onnx=small_enough, tol=2e-5,
    )  # fmt: skip


@pytest.mark.parametrize("n", [1, 3, 40])
def test_one_dimension_is_pytorchs_too(n):
    x, w, b = draw(n, 4, 17), draw(6, 2, 3, seed=1), draw(6, seed=2)
    agree(lambda t, f, x, w, b: f.conv1d(x, w, b, 2, 1, 2, 2), x, w, b)
    agree(lambda t, f, x, w, b: f.conv1d(x, w, b, padding="same", groups=2), x, w, b)
    v = draw(4, 3, 5, seed=1)
    agree(lambda t, f, x, w, b: f.conv_transpose1d(x, w, b, 3, 2, 1, 2, 2), x, v, b)


@pytest.mark.parametrize("kernel", [(3, 3), (4, 2), (1, 5)])
@pytest.mark.parametrize("dilation", [1, 2, (2, 1)])
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_padding_by_name_is_pytorchs(kernel, dilation):
    x, w = draw(2, 3, 9, 8), draw(4, 3, *kernel, seed=1)
    agree(lambda t, f, x, w: f.conv2d(x, w, None, 1, "same", dilation), x, w)
    agree(lambda t, f, x, w: f.conv2d(x, w, None, (2, 1), "valid"), x, w)


def test_one_picture_needs_no_batch():
    x, w = draw(3, 6, 7), draw(4, 3, 3, 3, seed=1)
    agree(lambda t, f, x, w: f.conv2d(x, w), x, w, onnx=False)
    agree(lambda t, f, x, w: f.conv_transpose2d(x, w), x, draw(3, 4, 3, 3), onnx=False)


def test_how_the_input_lies_in_memory_makes_no_difference():
    x, w = draw(4, 6, 8, 10), torch.Tensor(draw(4, 3, 3, 3, seed=1))
    expected = F.conv2d(torch.Tensor(x[:, ::2, ::-1].copy()), w, stride=2, padding=1).array
    views = x[:, ::2, ::-1], np.broadcast_to(x[:, ::2, ::-1], (4, 3, 8, 10))
    for view in (*views, batch_last(x)[:, ::2, ::-1]):
        before = view.copy()
        np.testing.assert_allclose(
            F.conv2d(torch.Tensor(view), w, stride=2, padding=1).array, expected, atol=1e-5
        )
        assert np.array_equal(view, before)


@pytest.mark.parametrize("n", [4, 64])
def test_all_columns_together_never_exist(n):
    x = torch.Tensor(draw(n, 32, 28, 28), requires_grad=True)
    w = torch.Tensor(draw(32, 32, 3, 3), requires_grad=True)
    g = torch.Tensor(draw(n, 32, 28, 28, seed=1))
    tracemalloc.start()
    F.conv2d(x, w, padding=1).backward(g)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * x.array.nbytes + 8 * module.CACHE  # the columns are 9 × x


def test_only_what_a_gradient_will_want_is_kept():
    x, w = draw(2, 3, 5, 5), draw(4, 3, 3, 3)
    for needs, kept in [((), ""), ((True, False), "w"), ((False, True), "x"), ((True, True), "xw")]:
        op = Conv((1, 1), ((0, 0), (0, 0)), (1, 1), 1)
        op.needs = needs
        op.forward(x, w)
        assert (op.x is not None, op.weight is not None) == ("x" in kept, "w" in kept)


@pytest.mark.parametrize("options", [(3, 1, 0, 1), (2, 2, 1, 2), ((3, 2), (1, 2), (2, 0), (2, 1))])
def test_unfold_and_fold_are_pytorchs(options):
    kernel, dilation, padding, stride = options
    agree(lambda t, f, x: f.unfold(x, kernel, dilation, padding, stride), draw(2, 3, 9, 8))
    columns = F.unfold(torch.zeros(2, 3, 9, 8), kernel, dilation, padding, stride).shape
    agree(lambda t, f, x: f.fold(x, (9, 8), kernel, dilation, padding, stride), draw(*columns))
    with pytest.raises(RuntimeError):
        F.fold(torch.zeros(*columns[:2], columns[2] + 1), (9, 8), *options)


LAYER_OPTIONS = [
    ("Conv1d", (4, 6, 3), {}),
    ("Conv2d", (4, 6, 3), {"padding": 1, "stride": 2, "bias": False}),
    ("Conv2d", (4, 6, (3, 2)), {"padding": "same", "groups": 2, "dilation": 2}),
    ("Conv2d", (4, 6, (3, 5)), {"padding": (1, 2), "padding_mode": "reflect"}),
    ("Conv2d", (4, 6, 4), {"padding": "same", "padding_mode": "circular"}),
    ("Conv1d", (4, 6, 4), {"padding": 2, "padding_mode": "replicate", "stride": 3}),
    ("ConvTranspose1d", (4, 6, 3, 2, 1, 1), {"dilation": 2}),
    ("ConvTranspose2d", (4, 6, (3, 4), (2, 3)), {"groups": 2, "output_padding": (1, 2)}),
]


@pytest.mark.parametrize(("kind", "args", "options"), LAYER_OPTIONS, ids=str)
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_a_layer_is_pytorchs(kind, args, options):
    theirs, ours = (
        getattr(reference.nn, kind)(*args, **options),
        getattr(nn, kind)(*args, **options),
    )
    assert repr(ours) == repr(theirs)
    names = "in_channels out_channels kernel_size stride padding dilation transposed output_padding"
    for name in [*names.split(), "groups", "padding_mode"]:
        assert getattr(ours, name) == getattr(theirs, name)
    ours.load_state_dict({k: torch.Tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    x = draw(2, 4, 11, 9)[:, :, :, : 0 if kind.endswith("1d") else None]
    x = draw(2, 4, 11) if kind.endswith("1d") else x
    expected = theirs(reference.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(ours(torch.Tensor(x)).detach().numpy(), expected, atol=1e-5)


def test_a_transposed_layer_can_be_asked_for_a_size():
    theirs = reference.nn.ConvTranspose2d(2, 3, 3, 2, 1, bias=False)
    ours = nn.ConvTranspose2d(2, 3, 3, 2, 1, bias=False)
    ours.load_state_dict({"weight": torch.Tensor(theirs.weight.detach().numpy())})
    x = draw(1, 2, 5, 4)
    for size in [(9, 7), (10, 8), (1, 3, 10, 7)]:
        expected = theirs(reference.from_numpy(x), output_size=size).detach().numpy()
        got = ours(torch.Tensor(x), output_size=size).detach().numpy()
        np.testing.assert_allclose(got, expected, atol=1e-5)
    with pytest.raises(ValueError, match="output_size"):
        ours(torch.Tensor(x), output_size=(11, 8))


def test_weights_start_as_in_pytorch_and_take_a_dtype():
    torch.manual_seed(0)
    layer = nn.Conv2d(8, 64, 3, groups=2, device="cpu", dtype=torch.float64)
    bound = 1 / np.sqrt(4 * 9)
    for tensor in (layer.weight, layer.bias):
        assert tensor.dtype == torch.float64
        assert 0.9 * bound < tensor.array.max() < bound
        assert -bound < tensor.array.min() < -0.9 * bound


ERRORS = [  # input, weight, options, what the error says
    ((3, 3), (1, 3, 2, 2), {}, "N, C"),
    ((1, 2, 3, 3), (1, 3, 2, 2), {}, "weights"),
    ((1, 2, 3, 3), (3, 1, 2, 2), {"groups": 2}, "groups=2"),
    ((1, 2, 3, 3), (1, 2, 2, 2), {"stride": 0}, "at least 1"),
    ((1, 2, 3, 3), (1, 2, 2, 2), {"padding": -1}, "at least 0"),
    ((1, 2, 3, 3), (1, 2, 2, 2), {"bias": torch.zeros(2)}, "bias"),
    ((1, 2, 3, 3), (1, 2, 2, 2), {"bias": torch.zeros(1).double()}, "dtype"),
    ((1, 2, 3, 3), (1, 2, 2, 2), {"stride": (1, 1, 1)}, "2 of them"),
    ((1, 2, 3, 3), (1, 2, 2, 2), {"stride": 2, "padding": "same"}, "stride of 1"),
    ((1, 2, 3, 3), (1, 2, 2, 2), {"padding": "all"}, "'same'"),
]


@pytest.mark.parametrize(("x", "w", "options", "says"), ERRORS, ids=str)
def test_an_error_says_what_must_hold(x, w, options, says):
    with pytest.raises(RuntimeError, match=says):
        F.conv2d(torch.zeros(*x), torch.zeros(*w), **options)


LAYER_ERRORS = [
    (lambda: nn.Conv2d(2, 3, 3, padding="all"), "'same'"),
    (lambda: nn.Conv2d(2, 3, 3, 2, padding="same"), "'same'"),
    (lambda: nn.Conv2d(2, 3, 3, groups=0), "groups"),
    (lambda: nn.Conv2d(2, 3, 3, padding_mode="mirror"), "padding_mode"),
    (lambda: nn.ConvTranspose2d(2, 3, 3, padding_mode="reflect"), "padding_mode"),
]


@pytest.mark.parametrize(("make", "says"), LAYER_ERRORS)
def test_a_layer_that_cannot_be_is_an_error(make, says):
    with pytest.raises(ValueError, match=says):
        make()


def test_gradients_are_right_in_float64():
    x, w = torch.randn(2, 2, 5, 4).double(), torch.randn(4, 1, 3, 2).double()
    b = torch.randn(4).double()
    inputs = tuple(t.requires_grad_() for t in (x, w, b))
    assert torch.gradcheck(lambda *t: F.conv2d(*t, 2, 1, 1, 2), inputs)
    w = torch.randn(2, 2, 3, 2).double().requires_grad_()
    assert torch.gradcheck(lambda *t: F.conv_transpose2d(*t, 2, 1, 1, 2), (x, w, b))
