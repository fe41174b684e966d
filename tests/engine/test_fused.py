"""Operations fused by hand are what they are composed of: beside PyTorch's own, and measured.

Values and gradients in float32 against PyTorch; gradients in float64 against central differences;
with every memory layout that the engine makes, read-only inputs, and awkward sizes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch as reference  # noqa: TID251 - the reference
import torch.nn.functional as TF  # noqa: TID251

import learnt.engine as torch
from learnt.engine.ops.attention import scaled_dot_product_attention
from learnt.engine.ops.gelu import BLOCK, erf, gelu
from learnt.engine.ops.layernorm import layer_norm, rms_norm
from learnt.engine.ops.linear import Linear, linear, matmul
from learnt.engine.tensor import Tensor
from tests.conformance.compare import exports

rng = np.random.default_rng(0)
Function = Callable[..., Any]


def draw(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


def heads(batch: int, length: int, count: int, size: int) -> np.ndarray:
    """(B, H, T, E), seen in (B, T, 3, H, E): how a GPT cuts its heads out of one product."""
    return draw(batch, length, 3, count, size)[:, :, 1].swapaxes(1, 2)


def layouts(x: np.ndarray) -> dict[str, np.ndarray]:
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., ::2] = x
    frozen = x.copy()
    frozen.flags.writeable = False
    return {
        "plain": x,
        "reversed": np.asfortranarray(x),
        "strided": wide[..., ::2],
        "backwards": x[::-1].copy()[::-1],
        "read-only": frozen,
        "broadcast": np.broadcast_to(x[:1], x.shape),
    }


def agree(
    ours: Function, theirs: Function, *arrays: np.ndarray, atol: float = 2e-6, **options: Any
) -> None:
    """One value, and one gradient for each input; nothing given is written into."""
    before = [a.copy() for a in arrays]
    mine = [Tensor(a, requires_grad=True) for a in arrays]
    peer = [reference.tensor(a.copy(), requires_grad=True) for a in arrays]
    result, expected = ours(*mine, **options), theirs(*peer, **options)
    assert tuple(result.shape) == tuple(expected.shape)
    assert result.array.dtype == arrays[0].dtype
    np.testing.assert_allclose(result.array, expected.detach().numpy(), rtol=2e-5, atol=atol)
    seed = draw(*expected.shape)
    seed.flags.writeable = False
    result.backward(Tensor(seed))
    expected.backward(reference.tensor(seed.copy()))
    for a, b, given, kept in zip(mine, peer, arrays, before, strict=True):
        assert a.grad is not None
        assert a.grad.array.dtype == given.dtype
        np.testing.assert_allclose(a.grad.array, b.grad.numpy(), rtol=2e-5, atol=10 * atol)
        np.testing.assert_array_equal(given, kept)


def measured(ours: Function, *arrays: np.ndarray) -> None:
    inputs = tuple(Tensor(a.astype(np.float64), requires_grad=True) for a in arrays)
    assert ours(*inputs).array.dtype == np.float64
    assert torch.gradcheck(ours, inputs)


ATTENTION = scaled_dot_product_attention, TF.scaled_dot_product_attention
SHAPES = [
    ((2, 3, 5, 4), (2, 3, 7, 4), (2, 3, 7, 6)),  # L ≠ S, F ≠ E
    ((5, 4), (7, 4), (7, 4)),
    ((3, 1, 5, 4), (2, 7, 4), (1, 7, 4)),  # leading dimensions broadcast
    ((2, 130, 3), (2, 130, 3), (2, 130, 3)),  # more than two blocks of rows
    ((2, 130, 3), (2, 65, 3), (2, 65, 3)),
]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_attention_is_pytorchs(shapes: tuple[tuple[int, ...], ...], causal: bool) -> None:
    agree(*ATTENTION, *(draw(*shape) for shape in shapes), is_causal=causal)


def test_what_is_fused_is_what_it_is_composed_of() -> None:
    q, k, v = (Tensor(draw(2, 3, 70, 8)) for _ in range(3))
    later = Tensor(np.triu(np.full((70, 70), -np.inf, np.float32), 1))
    composed = matmul((matmul(q, k.transpose(-2, -1)) / 8**0.5 + later).softmax(-1), v)
    fused = scaled_dot_product_attention(q, k, v, is_causal=True)
    away = q - q.mean(-1, keepdim=True)
    root = (q.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()
    for ours, parts in (
        (fused, composed),
        (layer_norm(q, (8,)), away / root),
        (rms_norm(q, (8,)), q / (q * q).mean(-1, keepdim=True).sqrt()),
        (gelu(q), q * 0.5 * (1 + erf(q / 2**0.5))),
        (linear(q, k[0, 0]), matmul(q, k[0, 0].transpose(0, 1))),
    ):
        np.testing.assert_allclose(ours.array, parts.array, rtol=1e-5, atol=2e-6)


def test_heads_cut_from_one_product_keep_their_layout() -> None:
    q, k, v = (heads(2, 70, 3, 8) for _ in range(3))
    agree(*ATTENTION, q, k, v, is_causal=True)
    inputs = [Tensor(x, requires_grad=True) for x in (q, k, v)]
    out = scaled_dot_product_attention(*inputs, is_causal=True)
    out.sum().backward()
    assert out.array.swapaxes(1, 2).flags.c_contiguous  # so that joining the heads is no copy
    assert all(x.grad.array.swapaxes(1, 2).flags.c_contiguous for x in inputs)


@pytest.mark.parametrize("name", layouts(draw(2, 2)))
def test_attention_takes_any_layout(name: str) -> None:
    agree(*ATTENTION, *(layouts(draw(3, 5, 4))[name] for _ in range(3)), is_causal=True)


@pytest.mark.parametrize("shape", [(6, 7), (1, 7), (6, 1), (3, 6, 7), (2, 1, 1, 7), (2, 3, 6, 7)])
def test_masks_of_numbers_have_gradients(shape: tuple[int, ...]) -> None:
    agree(*ATTENTION, draw(2, 3, 6, 4), draw(2, 3, 7, 4), draw(2, 3, 7, 4), draw(*shape))


def test_true_in_a_mask_takes_part_and_a_row_that_sees_nothing_gives_nothing() -> None:
    q, k, v = draw(2, 6, 4), draw(2, 7, 4), draw(2, 7, 4)
    mask = rng.random((6, 7)) > 0.5
    mask[2], mask[3] = False, True
    agree(
        lambda *x: scaled_dot_product_attention(*x, attn_mask=Tensor(mask)),
        lambda *x: TF.scaled_dot_product_attention(*x, attn_mask=reference.tensor(mask)),
        *(q, k, v),
    )
    given = (Tensor(x) for x in (q, k, v))
    assert not scaled_dot_product_attention(*given, attn_mask=Tensor(mask)).array[:, 2].any()


def test_groups_of_heads_share_a_key() -> None:
    q, k, v = draw(2, 6, 5, 4), draw(2, 2, 7, 4), draw(2, 2, 7, 4)
    agree(*ATTENTION, q, k, v, enable_gqa=True)
    with pytest.raises(RuntimeError, match="divide 5"):
        scaled_dot_product_attention(Tensor(q[:, :5]), Tensor(k), Tensor(v), enable_gqa=True)


def test_large_scores_do_not_overflow() -> None:
    q, k, v = 30 * draw(2, 9, 4), 30 * draw(2, 9, 4), draw(2, 9, 4)
    agree(*ATTENTION, q, k, v, scale=1.0, atol=2e-4)


def test_dropout_of_attention_drops_and_scales() -> None:
    torch.manual_seed(0)
    q, k = Tensor(np.zeros((1, 40, 4), np.float32)), Tensor(np.zeros((1, 50, 4), np.float32))
    v = Tensor(np.ones((1, 50, 1), np.float32), requires_grad=True)
    out = scaled_dot_product_attention(q, k, v, dropout_p=0.25)
    kept = out.array * 0.75 * 50  # how many of 50 were kept, a row
    np.testing.assert_allclose(kept, kept.round(), atol=1e-4)
    assert abs(kept.mean() / 50 - 0.75) < 0.05
    out.sum().backward()
    np.testing.assert_allclose(v.grad.array.sum(), out.array.sum(), rtol=1e-5)
    assert not scaled_dot_product_attention(q, k, v, dropout_p=1.0).array.any()


def test_gradients_of_attention_are_the_slopes_measured() -> None:
    q, k, v, mask = draw(2, 3, 4), draw(2, 5, 4), draw(2, 5, 2), draw(3, 5)
    measured(scaled_dot_product_attention, q, k, v, mask)
    measured(lambda *x: scaled_dot_product_attention(*x, is_causal=True, scale=0.3), q, k, v)

    def dropped(*x: Tensor) -> Tensor:
        torch.manual_seed(1)
        return scaled_dot_product_attention(*x, dropout_p=0.4)

    measured(dropped, q, k, v)


def test_attention_says_what_it_needs() -> None:
    x, mask = Tensor(draw(2, 3, 4)), Tensor(np.zeros((3, 3), np.float32))
    with pytest.raises(RuntimeError, match="got both"):
        scaled_dot_product_attention(x, x, x, attn_mask=mask, is_causal=True)
    with pytest.raises(RuntimeError, match="of one dtype"):
        scaled_dot_product_attention(x, Tensor(draw(2, 3, 4).astype(np.float64)), x)
    with pytest.raises(RuntimeError, match="the mask that or bool"):
        scaled_dot_product_attention(x, x, x, attn_mask=Tensor(np.zeros((3, 3), np.int64)))


@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 7), (1, 1), (3, 1), (2, 3, 130), (0, 5), (6,)])
def test_norms_are_pytorchs(shape: tuple[int, ...]) -> None:
    for dims in range(1, len(shape) + 1):
        _norms_agree(draw(*shape), shape[-dims:])


def _norms_agree(x: np.ndarray, n: tuple[int, ...]) -> None:
    w, b, both = draw(*n), draw(*n), (layer_norm, TF.layer_norm)
    atol = 2e-5 if x.size and np.prod(n) == 1 else 2e-6  # of one number the gradient is noise
    agree(*(lambda x, *p, f=f: f(x, n, *p) for f in both), x, w, b, atol=atol)
    for both in ((layer_norm, TF.layer_norm), (rms_norm, TF.rms_norm)):
        agree(*(lambda x, *p, f=f: f(x, n, *p) for f in both), x, w, atol=atol)
        agree(*(lambda x, f=f: f(x, n) for f in both), x, atol=atol)


@pytest.mark.parametrize("name", layouts(draw(2, 2)))
def test_norms_take_any_layout(name: str) -> None:
    x, w, b = layouts(draw(3, 5, 4))[name], draw(4), draw(4)
    norms = (layer_norm, TF.layer_norm)
    agree(*(lambda x, *p, f=f: f(x, (4,), *p) for f in norms), x, w, b)
    agree(*(lambda x, *p, f=f: f(x, (4,), *p) for f in (rms_norm, TF.rms_norm)), x, w)
    agree(*(lambda x, b, f=f: f(x, (4,), bias=b) for f in norms), x, b)  # and no weight


def test_gradients_of_norms_are_the_slopes_measured() -> None:
    measured(lambda x, w, b: layer_norm(x, (2, 4), w, b), draw(3, 2, 4), draw(2, 4), draw(2, 4))
    measured(lambda x, w: rms_norm(x, (4,), w), draw(3, 2, 4), draw(4))


def test_far_from_zero_the_variance_is_still_right() -> None:
    x = draw(8, 64) + 1000
    ours = layer_norm(Tensor(x), (64,)).array
    exact = x.astype(np.float64) - x.mean(1, dtype=np.float64, keepdims=True)
    exact /= np.sqrt((exact**2).mean(1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(ours, exact, atol=3e-4)


def test_norms_say_what_they_need() -> None:
    x = Tensor(draw(2, 3))
    for norm, shape in ((layer_norm, (2,)), (rms_norm, ()), (layer_norm, (4, 2, 3))):
        with pytest.raises(RuntimeError, match="last dimensions"):
            norm(x, shape)
    with pytest.raises(RuntimeError, match="must have shape"):
        layer_norm(x, (3,), Tensor(draw(2)))


@pytest.mark.parametrize("approximate", ["none", "tanh"])
@pytest.mark.parametrize("shape", [(), (0, 3), (3, 5), (BLOCK + 3,), (2, BLOCK // 4, 3)], ids=str)
def test_gelu_is_pytorchs(shape: tuple[int, ...], approximate: str) -> None:
    agree(gelu, TF.gelu, 2 * np.asarray(draw(*shape)), approximate=approximate)


@pytest.mark.parametrize("name", layouts(draw(2, 2)))
def test_gelu_takes_any_layout(name: str) -> None:
    agree(gelu, TF.gelu, layouts(draw(3, 5, 4))[name])
    batch_innermost = draw(3, 5, 6, 2).transpose(3, 0, 1, 2)
    agree(gelu, TF.gelu, batch_innermost)
    assert gelu(Tensor(batch_innermost)).array.strides == batch_innermost.strides


def test_gelu_and_erf_are_as_exact_as_float32_can_tell() -> None:
    x = np.linspace(-8, 8, 400_001).astype(np.float32)
    exact = reference.erf(reference.tensor(x.astype(np.float64)))
    error = np.abs(erf(Tensor(x)).array - exact.numpy())
    assert (error <= 4e-7 * np.abs(exact.numpy())).all()  # relative: 3 in the last digit
    exact = TF.gelu(reference.tensor(x.astype(np.float64))).numpy()
    ours, theirs = gelu(Tensor(x)).array, TF.gelu(reference.tensor(x)).numpy()
    near = np.abs(x) < 2
    assert np.abs(ours - exact)[near].max() < 3e-7
    assert np.abs(ours - exact).max() <= np.abs(theirs - exact).max()


def test_gelu_and_erf_at_the_ends() -> None:
    x = np.float32([-1e30, -1e4, -40, 0, 40, 1e4, 1e30, np.inf, np.nan])
    np.testing.assert_array_equal(gelu(Tensor(x)).array, np.maximum(x, 0))
    np.testing.assert_array_equal(erf(Tensor(x)).array, np.sign(x))
    big = Tensor(x[:-1], requires_grad=True)
    gelu(big).sum().backward()
    np.testing.assert_array_equal(big.grad.array[:-1], [0, 0, 0, 0.5, 1, 1, 1])


def test_erf_in_float64_is_right_to_the_last_digits() -> None:
    x = np.linspace(-6, 6, 1001)
    expected = reference.erf(reference.tensor(x)).numpy()
    np.testing.assert_allclose(erf(Tensor(x)).array, expected, rtol=0, atol=3e-16)
    agree(erf, reference.erf, draw(20, 20))


def test_gradients_of_gelu_are_the_slopes_measured() -> None:
    for approximate in ("none", "tanh"):
        measured(lambda x, a=approximate: gelu(x, a), 2 * draw(4, 5))
    measured(erf, draw(4, 5))


def test_gelu_says_what_it_needs() -> None:
    with pytest.raises(RuntimeError, match="'none' or 'tanh'"):
        gelu(Tensor(draw(2)), approximate="fast")
    for call in (gelu, lambda x: layer_norm(x, (2,)), lambda x: rms_norm(x, (2,))):
        with pytest.raises(NotImplementedError, match="of int64"):
            call(Tensor(np.arange(2)))


@pytest.mark.parametrize("lead", [(), (1,), (7,), (0,), (2, 3), (0, 3), (2, 1, 3)], ids=str)
def test_linear_is_pytorchs(lead: tuple[int, ...]) -> None:
    x, w, b = draw(*lead, 5), draw(4, 5), draw(4)
    agree(linear, TF.linear, x, w, b)
    agree(linear, TF.linear, x, w)
    agree(linear, TF.linear, x, draw(5))


@pytest.mark.parametrize("name", layouts(draw(2, 2)))
def test_linear_takes_any_layout(name: str) -> None:
    x, w, b = layouts(draw(3, 6, 5))[name], layouts(draw(4, 5))[name], draw(4)
    agree(linear, TF.linear, x, w, b)
    agree(linear, TF.linear, layouts(draw(6, 5))[name], w, b)


def test_what_a_convolution_made_gets_its_gradient_as_it_lies() -> None:
    op = Linear()
    op.needs = (True, True)
    op.forward(draw(5, 8).T, draw(3, 5))  # batch innermost
    dx, _ = op.backward(draw(8, 3))
    assert dx is not None
    assert dx.flags.f_contiguous


MATRICES = [
    ((3, 4), (4, 5)),
    ((4,), (4,)),
    ((3, 4), (4,)),
    ((2, 3, 4), (4, 5)),
    ((2, 3, 4), (4,)),
    ((4,), (2, 4, 5)),
    ((3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (6, 4, 5)),
    ((1, 3, 4), (2, 4, 5)),
    ((0, 3, 4), (4, 5)),
    ((2, 3, 0), (0, 5)),
]


@pytest.mark.parametrize("shapes", MATRICES, ids=str)
def test_matmul_is_pytorchs(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    agree(matmul, reference.matmul, draw(*shapes[0]), draw(*shapes[1]))


@pytest.mark.parametrize("name", layouts(draw(2, 2)))
def test_matmul_takes_any_layout(name: str) -> None:
    agree(matmul, reference.matmul, layouts(draw(2, 3, 4))[name], layouts(draw(4, 5))[name])
    agree(matmul, reference.matmul, layouts(draw(2, 3, 4))[name], layouts(draw(2, 4, 5))[name])


def test_gradients_of_products_are_the_slopes_measured() -> None:
    measured(linear, draw(2, 3, 5), draw(4, 5), draw(4))
    measured(matmul, draw(2, 1, 3, 4), draw(2, 4, 2))


def test_products_say_what_they_need() -> None:
    with pytest.raises(RuntimeError, match="did you mean to transpose"):
        matmul(Tensor(draw(3, 4)), Tensor(draw(5, 4)))
    with pytest.raises(RuntimeError, match="last dimension is 4"):
        linear(Tensor(draw(3, 5)), Tensor(draw(2, 4)))
    with pytest.raises(RuntimeError, match="need one dtype"):
        matmul(Tensor(draw(3, 4)), Tensor(np.zeros((4, 2))))


def test_only_what_a_gradient_needs_is_kept() -> None:
    a, b = Tensor(draw(3, 4), requires_grad=True), Tensor(draw(4, 5))
    z = matmul(a, b)
    a.detach().mul_(0)  # ∂z/∂a is b: a may change
    z.sum().backward()
    np.testing.assert_allclose(a.grad.array, b.array.sum(1)[None].repeat(3, 0), rtol=1e-6)


MASK = np.tri(5, 5, 1) > 0
MASK[2] = False
TWINS: dict[str, Function] = {
    "attention": lambda t, F, x: scaled_dot_product_attention(x, x, x * 2),
    "causal": lambda t, F, x: scaled_dot_product_attention(x, x, x, is_causal=True, scale=0.3),
    "seen": lambda t, F, x: scaled_dot_product_attention(x, x, x, attn_mask=Tensor(MASK)),
    "mask": lambda t, F, x: scaled_dot_product_attention(x, x, x, attn_mask=x[:, :1, :1]),
    "groups": lambda t, F, x: scaled_dot_product_attention(
        x.unsqueeze(1).expand(-1, 4, -1, -1), x.unsqueeze(1), x.unsqueeze(1), enable_gqa=True
    ),
    "layer_norm": lambda t, F, x: layer_norm(x, (5, 4)),
    "layer_norm, weighed": lambda t, F, x: layer_norm(
        x, (4,), Tensor(np.float32([1, 2, 3, 4])), eps=0.1
    ),
    "rms_norm": lambda t, F, x: rms_norm(x, (4,), x[0, 0]),
    "gelu": lambda t, F, x: gelu(x),
    "gelu, tanh": lambda t, F, x: gelu(x, approximate="tanh"),
    "erf": lambda t, F, x: erf(x),
    "linear": lambda t, F, x: linear(x, x[0], x[0, :, 0]),
    "linear, flat": lambda t, F, x: linear(x[:, 0], x[0], x[0, :, 0]),
    "matmul": lambda t, F, x: matmul(x, x.transpose(1, 2)),
}


@pytest.mark.parametrize("name", TWINS)
def test_twins_give_the_same_in_onnx_runtime(name: str) -> None:
    exports(TWINS[name], draw(3, 5, 4))
