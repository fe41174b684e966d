"""Resizing, padding and shuffling: PyTorch's values and gradients, and ONNX Runtime's."""

import numpy as np
import pytest
import torch as reference  # noqa: TID251 - the reference
from hypothesis import given, settings
from hypothesis import strategies as st

import learnt.engine as torch
from learnt.engine.nn import functional as F
from tests.conformance.compare import agree, close, draw

MODES = {
    1: ["nearest", "nearest-exact", "area", "linear"],
    2: ["nearest", "nearest-exact", "area", "bilinear", "bicubic"],
    3: ["nearest", "nearest-exact", "area", "trilinear"],
}
PADS = ("reflect", "replicate", "circular")
ALIGNED = ("linear", "bilinear", "trilinear", "bicubic")
numbers = st.integers(1, 9)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), dims=st.integers(1, 3), n=st.sampled_from([1, 11]))
def test_any_size_is_pytorchs(data, dims, n):
    size = data.draw(st.tuples(*[numbers] * dims))
    mode = data.draw(st.sampled_from(MODES[dims]))
    options = {"size": data.draw(st.tuples(*[numbers] * dims)), "mode": mode}
    if mode in ALIGNED:
        options["align_corners"] = data.draw(st.sampled_from([None, True, False]))
    agree(lambda t, f, x: f.interpolate(x, **options), draw(n, 2, *size), tol=2e-5)


@pytest.mark.parametrize("factor", [2, 3.0, 1.7, 0.6, 0.5, (2, 0.75), (1.0, 1.9)])
@pytest.mark.parametrize("mode", MODES[2])
def test_a_factor_is_pytorchs_recomputed_or_not(factor, mode):
    for recompute in (None, True, False):
        options = factor, mode, None, recompute
        agree(lambda t, f, x, o=options: f.interpolate(x, None, *o), draw(2, 3, 8, 7), tol=2e-5)


@pytest.mark.parametrize("mode", ["linear", "area", "nearest-exact"])
def test_many_sizes_in_one_dimension_are_pytorchs(mode):
    for before in (31, 32, 50):
        x = draw(1, 1, before)
        for after in range(1, 120, 7):
            expected = reference.nn.functional.interpolate(
                reference.from_numpy(x), after, mode=mode
            )
            close(F.interpolate(torch.Tensor(x), after, mode=mode).array, expected.numpy(), 1e-5)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
def test_the_nearest_is_pytorchs_to_the_element(kind, mode):
    for before in range(1, 41):
        x = np.arange(before, dtype=kind).reshape(1, 1, before)
        for after in range(1, 130, 3):
            expected = reference.nn.functional.interpolate(
                reference.from_numpy(x), after, mode=mode
            )
            got = F.interpolate(torch.Tensor(x), after, mode=mode)
            assert np.array_equal(got.array, expected.numpy()), (before, after)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(3, 4), (5, 12), (20, 2), (9, 7)])
def test_without_aliases_is_pytorchs(mode, size):
    options = {"size": size, "mode": mode, "antialias": True}
    agree(lambda t, f, x: f.interpolate(x, **options), draw(2, 3, 9, 7), tol=2e-5)


def test_an_infinite_number_stays_where_it_belongs():
    x = draw(1, 1, 6, 6)
    x[0, 0, 2, 3], x[0, 0, 5, 0] = np.inf, np.nan
    for mode in ("nearest", "area", "bilinear"):
        got = F.interpolate(torch.Tensor(x), (9, 4), mode=mode).array
        expected = reference.nn.functional.interpolate(reference.from_numpy(x), (9, 4), mode=mode)
        np.testing.assert_allclose(got, expected.numpy(), atol=1e-6)


def test_older_names_are_the_same():
    x = draw(2, 3, 4, 5)
    agree(lambda t, f, x: f.interpolate(x, (7, 9), mode="bilinear", align_corners=True), x)
    for name, options in [("nearest", {}), ("bilinear", {"align_corners": True})]:
        ours = getattr(F, f"upsample_{name}")(torch.Tensor(x), scale_factor=2)
        assert np.array_equal(
            ours.array, F.interpolate(torch.Tensor(x), scale_factor=2, mode=name, **options).array
        )


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({}, ValueError),
        ({"size": 3, "scale_factor": 2}, ValueError),
        ({"size": 3, "recompute_scale_factor": True}, ValueError),
        ({"size": (3, 3, 3)}, ValueError),
        ({"size": 3, "align_corners": True}, ValueError),
        ({"size": 3, "antialias": True}, ValueError),
        ({"size": (0, 3)}, RuntimeError),
        ({"size": 3, "mode": "linear"}, NotImplementedError),
        ({"size": 3, "mode": "sinc"}, NotImplementedError),
    ],
)
def test_what_cannot_be_resized_is_an_error_as_in_pytorch(options, kind):
    with pytest.raises(kind):
        F.interpolate(torch.zeros(1, 1, 4, 4), **options)
    with pytest.raises(kind):
        reference.nn.functional.interpolate(reference.zeros(1, 1, 4, 4), **options)


# --- padding ------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(data=st.data(), dims=st.integers(1, 3), mode=st.sampled_from(("constant", *PADS)))
def test_any_padding_is_pytorchs(data, dims, mode):
    size = data.draw(st.tuples(*[st.integers(2, 6)] * dims))
    pads = data.draw(st.tuples(*[st.integers(-2, 5)] * (2 * dims)))
    x, value = draw(2, 2, *size), 1.5 if mode == "constant" else None
    sides = list(zip(size[::-1], pads[::2], pads[1::2], strict=True))
    if mode != "constant" and not all(m + p + q for m, p, q in sides):
        return  # of nothing: PyTorch's own dimensions differ about it
    kept = all(max(p, q) <= m + min(p, 0) + min(q, 0) for m, p, q in sides)
    try:
        if mode == "circular" and not kept:  # PyTorch may return what was in memory
            raise RuntimeError
        expected = reference.nn.functional.pad(reference.from_numpy(x), pads, mode, value)
    except RuntimeError:
        with pytest.raises(RuntimeError, match="pad"):
            F.pad(torch.Tensor(x), pads, mode, value)
        return
    some = expected.numel() > 0
    agree(lambda t, f, x: f.pad(x, pads, mode, value), x, onnx=some, grad=some)


def test_padding_takes_pictures_without_batch_and_any_dtype():
    for pads, shape in [
        ((1, 2), (2, 5)),
        ((1, 1, 2, 0), (2, 5, 4)),
        ((1, 0, 0, 1, 1, 1), (1, 3, 3, 3)),
    ]:
        agree(lambda t, f, x, p=pads: f.pad(x, p, "reflect"), draw(*shape), onnx=False)
        agree(lambda t, f, x, p=pads: f.pad(x, p), draw(*shape), onnx=False)
    for kind in (np.int64, np.int32):
        x = np.arange(6).reshape(1, 6).astype(kind)
        for mode in ("constant", *PADS):
            expected = reference.nn.functional.pad(reference.from_numpy(x), (2, 1), mode)
            got = F.pad(torch.Tensor(x), (2, 1), mode).array
            assert got.dtype == kind
            assert np.array_equal(got, expected.numpy())


@pytest.mark.parametrize(
    ("pads", "mode", "value", "kind"),
    [
        ((1,), "constant", None, RuntimeError),
        ((1,) * 10, "constant", None, RuntimeError),
        ((-3, -2), "constant", None, RuntimeError),
        ((4, 0, 0, 0), "reflect", None, RuntimeError),
        ((5, 0, 0, 0), "circular", None, RuntimeError),
        ((1, 1, 1, 1), "reflect", 1.0, RuntimeError),
        ((1, 1), "reflect", None, NotImplementedError),
        ((1, 1, 1, 1), "mirror", None, NotImplementedError),
    ],
)
def test_what_cannot_be_padded_is_an_error_as_in_pytorch(pads, mode, value, kind):
    with pytest.raises(kind, match="pad"):
        F.pad(torch.zeros(1, 1, 4, 4), pads, mode, value)
    with pytest.raises(kind):
        reference.nn.functional.pad(reference.zeros(1, 1, 4, 4), pads, mode, value)


# --- shuffling ----------------------------------------------------------------------------------


def test_shuffles_are_pytorchs():
    agree(lambda t, f, x: f.pixel_shuffle(x, 3), draw(2, 18, 2, 3))
    agree(lambda t, f, x: f.pixel_unshuffle(x, 3), draw(2, 2, 6, 9))
    agree(lambda t, f, x: f.pixel_shuffle(f.pixel_unshuffle(x, 2), 2), draw(2, 3, 4, 4, 6))
    agree(lambda t, f, x: f.channel_shuffle(x, 3), draw(2, 6, 4))
    for call in (
        lambda f, zeros: f.pixel_shuffle(zeros(1, 6, 2, 2), 2),
        lambda f, zeros: f.pixel_unshuffle(zeros(1, 6, 3, 2), 2),
        lambda f, zeros: f.channel_shuffle(zeros(1, 6, 3, 2), 4),
    ):
        for library in (torch, reference):
            with pytest.raises(RuntimeError):
                call(library.nn.functional, library.zeros)


def test_gradients_are_right_in_float64():
    x = torch.randn(1, 2, 5, 4).double().requires_grad_()
    for mode in ("bilinear", "bicubic", "area", "nearest"):
        assert torch.gradcheck(lambda x, m=mode: F.interpolate(x, (3, 7), mode=m), (x,))
    for mode in ("constant", *PADS):
        assert torch.gradcheck(lambda x, m=mode: F.pad(x, (2, -1, 3, 0), mode=m), (x,))
