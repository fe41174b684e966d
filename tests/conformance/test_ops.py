"""Every operation gives PyTorch's value and gradient, and exports to the same in ONNX Runtime."""

import numpy as np
import pytest

from tests.conformance.compare import agree, draw


def in_place(x):
    y = x * 2
    y += x
    y /= 3
    y *= x + 1
    y -= 1
    return y


def more_in_place(x):
    y = x * 2
    y.pow_(2).clamp_(0.1, 3).neg_().exp_()
    z = (y * x).copy_(y + x[:, :1])
    z %= 0.7
    return z.add_(y * x, alpha=2).sub_((x * 2).fill_(0.5)).div_((x * 2).zero_() + 1)


UNARY = {
    "exp": lambda t, F, x: x.exp(),
    "neg": lambda t, F, x: -x,
    "abs": lambda t, F, x: x.abs(),
    "log of positive numbers": lambda t, F, x: (x.abs() + 0.1).log(),
    "sqrt of positive numbers": lambda t, F, x: (x.abs() + 0.1).sqrt(),
    "square": lambda t, F, x: x**2,
    "cube by pow": lambda t, F, x: x.pow(3),
    "pow -1.5 of positive numbers": lambda t, F, x: (x.abs() + 0.5) ** -1.5,
    "pow 0": lambda t, F, x: x**0,
    "number plus": lambda t, F, x: 1 + x + 2.5,
    "number minus": lambda t, F, x: 1 - x - 2.5,
    "number times": lambda t, F, x: 3 * x * 0.5,
    "number over": lambda t, F, x: 1 / (x.abs() + 1) / 2,
    "clamp": lambda t, F, x: x.clamp(-0.5, 0.5),
    "clamp from below": lambda t, F, x: x.clamp(min=0.1),
    "relu": lambda t, F, x: F.relu(x),
    "relu6": lambda t, F, x: F.relu6(x * 5),
    "sigmoid": lambda t, F, x: (x * 20).sigmoid(),
    "tanh": lambda t, F, x: x.tanh(),
    "softmax last": lambda t, F, x: F.softmax(x * 30, -1),
    "softmax 1": lambda t, F, x: x.softmax(1),
    "log_softmax": lambda t, F, x: F.log_softmax(x * 30, 1),
    "sum": lambda t, F, x: x.sum((1, 2)),
    "sum keepdim": lambda t, F, x: x.sum(-1, keepdim=True),
    "mean": lambda t, F, x: x.mean((1, -1)),
    "var": lambda t, F, x: x.var((1, 2)),
    "var without correction": lambda t, F, x: x.var(1, correction=0, keepdim=True),
    "amax": lambda t, F, x: x.amax(1),
    "amin of two": lambda t, F, x: x.amin((1, 2), keepdim=True),
    "reshape": lambda t, F, x: x.reshape(-1, 4, 3),
    "view": lambda t, F, x: x.view(x.shape[0], 2, 6),
    "reshape that merges the batch": lambda t, F, x: x.reshape(x.shape[0] * 3, 4),
    "flatten": lambda t, F, x: x.flatten(1),
    "permute": lambda t, F, x: x.permute(0, 2, 1),
    "transpose": lambda t, F, x: x.transpose(1, -1),
    "squeeze unsqueeze": lambda t, F, x: x.unsqueeze(1).unsqueeze(-1).squeeze(1),
    "slice": lambda t, F, x: x[:, 1:, ::2],
    "index": lambda t, F, x: x[:, -1],
    "ellipsis": lambda t, F, x: x[..., 1:3],
    "negative slice": lambda t, F, x: x[:, :-1, -3:-1],
    "compare with a number": lambda t, F, x: x * (x > 0.5).float() + (x <= 0).float(),
    "compare with a tensor": lambda t, F, x: (x == x.amax(1, keepdim=True)).float() + x,
    "detach": lambda t, F, x: x * x.detach() - x.data,
    "argmax": lambda t, F, x: x + x.argmax(1).unsqueeze(1).float(),
    "var of the batch": lambda t, F, x: x - x.var(0, correction=0),
    "expand": lambda t, F, x: x.unsqueeze(1).expand(-1, 5, 3, 4),
    "in place": lambda t, F, x: in_place(x),
    "cat": lambda t, F, x: t.cat([x, x * 2, x], dim=-1),
    "stack": lambda t, F, x: t.stack([x, x.exp()], dim=1),
    "pad": lambda t, F, x: F.pad(x, (1, 2, 0, 1), value=0.5),
    "used twice": lambda t, F, x: (x * x + x) * x.exp(),
    "in place of every kind": lambda t, F, x: more_in_place(x),
    "remainder and fmod": lambda t, F, x: x % 0.7 + x.fmod(-0.7) + 3 % (x.detach().abs() + 1),
    "division rounded": lambda t, F, x: (
        x.detach() // 0.3 + t.div(x, 0.3, rounding_mode="trunc") * x
    ),
    "rounded to decimals": lambda t, F, x: x.round(decimals=1) + x,
    "inverse functions": lambda t, F, x: (x * 0.2).asin() + (x * 0.2).acos() + x.atan(),
    "clamp by tensors": lambda t, F, x: x.clamp(x.mean(1, keepdim=True), (x * x).sum()),
    "clamp of whole numbers": lambda t, F, x: (x * 5).long().clamp(-1, 2).float() + x,
    "whole numbers": lambda t, F, x: ((x * 9).int() // 2 % 3 + (x > 0) ** 2).float() * x,
    "where with numbers": lambda t, F, x: t.where(x > 0.1, x * x, -1) + x.where(x < 0, 0),
    "logic": lambda t, F, x: ((x > 0) & (x < 1) | ~(x > -0.3) ^ (x != 0)).float() + x,
    "bits": lambda t, F, x: ((x * 9).int() & 6 | 1 ^ ~(x * 3).int()).float() + x,
    "xlogy": lambda t, F, x: t.xlogy(x, x.abs()) + t.xlogy(x.clamp(min=0), x.abs()),
    "lerp, addcmul, addcdiv": lambda t, F, x: t.addcdiv(
        t.addcmul(x.lerp(x.exp(), 0.3), x, x, value=0.5), x, x.exp(), value=-2
    ),
    "mean and sum of all": lambda t, F, x: (x - x.mean()) / x.sum(dtype=t.float64).exp().float(),
    "deviation of the batch": lambda t, F, x: (x - x.mean(0)) / (x.std(0) + 1),
    "variance and mean": lambda t, F, x: sum(t.var_mean(x, (0, 2), keepdim=True)) * x,
    "max and min along": lambda t, F, x: (
        x.max(1, keepdim=True)[0] * x - x.min(-1).values[..., None]
    ),
    "max of the batch": lambda t, F, x: x.max(0).values * x - x.min(),
    "lengths": lambda t, F, x: (
        x / x.norm(dim=-1, keepdim=True) + x.norm(1) + x.norm(np.inf, 1, True)
    ),
    "norm of power 3": lambda t, F, x: (
        x / x.norm(3, (1, 2), True) + t.linalg.vector_norm(x, 0, 2, True)
    ),
    "logsumexp": lambda t, F, x: x - x.logsumexp((1, 2), True) + x.logsumexp(0),
    "running": lambda t, F, x: x.cumsum(1) * x.cumprod(-1) + x.cumsum(0),
    "prod": lambda t, F, x: x.prod(2, keepdim=True) + x.prod(1, keepdim=True),
    "any, all, count": lambda t, F, x: (
        ((x > 1).any(1, keepdim=True) | (x < 1).all(2, keepdim=True)).float() * x
        + (x > 0).count_nonzero((1, 2)).float()[:, None, None]
    ),
    "argmin": lambda t, F, x: x.argmin(-1, keepdim=True) + x,
    "einsum": lambda t, F, x: t.einsum("bij,bkj,bil->bkl", x, x, x.exp()),
    "einsum of sums": lambda t, F, x: (
        t.einsum("bij->bj", x) * t.einsum("b...j,b->bj", x, x[:, 0, 0])
    ),
    "bmm and baddbmm": lambda t, F, x: t.baddbmm(x.bmm(x.mT), x, x.mT, beta=0.5, alpha=2),
    "addmm and mv": lambda t, F, x: t.addmm(x[0, :, 0], x[:, 0] @ x[0].T, x[0, :, :3]).mv(
        x[0, 0, :3]
    ),
    "inner and tensordot": lambda t, F, x: (
        x.inner(x[0]) + t.tensordot(x, x[0, :2], ([2], [1])).sum()
    ),
}
BINARY = {
    "add": lambda t, F, a, b: a + b,
    "sub": lambda t, F, a, b: a - b,
    "mul": lambda t, F, a, b: a * b,
    "div": lambda t, F, a, b: a / (b * b + 1),
    "pow": lambda t, F, a, b: (a.abs() + 0.1) ** b,
    "maximum": lambda t, F, a, b: a.maximum(b) * t.minimum(a, b * 2),
    "remainder": lambda t, F, a, b: a % (b * b + 0.1) + a.fmod(b * b + 0.1),
    "clamp": lambda t, F, a, b: a.clamp(b, b + 0.5) + a.clamp(max=b),
    "where": lambda t, F, a, b: t.where(a > b, a * b, b),
    "logaddexp": lambda t, F, a, b: t.logaddexp(a * 50, b),
}
SHAPES = [((2, 3, 4), (2, 3, 4)), ((2, 3, 4), (4,)), ((2, 3, 4), (3, 1)), ((2, 1, 4), (1, 3, 1))]


@pytest.mark.parametrize("name", UNARY)
def test_an_operation_on_one_tensor_is_pytorchs(name):
    agree(UNARY[name], draw(2, 3, 4))


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_an_operation_on_two_tensors_broadcasts_as_pytorch_does(name, shapes):
    a, b = draw(*shapes[0]), draw(*shapes[1], seed=2)
    agree(BINARY[name], a, b, onnx=a.shape[0] != b.shape[0] or b.ndim < 3)
    agree(BINARY[name], b, a, onnx=False)


@pytest.mark.parametrize(
    ("a", "b"),
    [((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((5, 2, 3), (5, 3, 4)), ((3,), (3, 4)), ((2, 3), (3,))],
)
def test_matmul_is_pytorchs(a, b):
    agree(lambda t, F, a, b: a @ b, draw(*a), draw(*b, seed=2), onnx=len(a) > 1 and len(b) == 2)


@pytest.mark.parametrize("shape", [(6, 5), (2, 3, 5)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_is_pytorchs(shape, bias):
    more = [draw(7, seed=3)] if bias else []
    agree(lambda t, F, x, w, *b: F.linear(x, w, *b), draw(*shape), draw(7, 5), *more)


CONVOLUTIONS = [  # input, weight, options
    ((2, 3, 8, 9), (4, 3, 3, 3), {}),
    ((2, 3, 8, 9), (4, 3, 3, 3), {"padding": 1}),
    ((2, 3, 9, 8), (4, 3, 5, 5), {"padding": 2, "stride": 2}),
    ((2, 3, 9, 8), (4, 3, 3, 2), {"padding": (0, 1), "stride": (2, 1)}),
    ((2, 3, 9, 9), (4, 3, 3, 3), {"dilation": 2, "padding": 2}),
    ((2, 4, 7, 7), (6, 2, 3, 3), {"groups": 2, "padding": 1}),
    ((2, 4, 7, 7), (4, 1, 3, 3), {"groups": 4, "padding": 1, "stride": 2}),
    ((2, 4, 7, 7), (8, 1, 3, 3), {"groups": 4}),
    ((2, 3, 6, 6), (5, 3, 1, 1), {}),
    ((2, 3, 6, 6), (5, 3, 1, 1), {"stride": 2}),
    ((2, 3, 6, 6), (5, 3, 1, 1), {"padding": 1}),
    ((1, 64, 5, 5), (384, 64, 3, 3), {"padding": 1}),
    ((9, 3, 8, 7), (4, 3, 3, 3), {"padding": 1, "stride": 2}),  # more examples than columns
    ((9, 4, 8, 7), (6, 2, 3, 2), {"groups": 2, "dilation": (2, 1)}),
    ((9, 4, 7, 7), (4, 1, 3, 3), {"groups": 4, "padding": 1}),
    ((9, 3, 6, 6), (5, 3, 1, 1), {"padding": 1}),
]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("x", "w", "options"), CONVOLUTIONS, ids=str)
def test_conv2d_is_pytorchs(x, w, options, bias):
    more = [draw(w[0], seed=3)] if bias else []
    agree(lambda t, F, x, w, *b: F.conv2d(x, w, *b, **options), draw(*x), draw(*w), *more)


@pytest.mark.parametrize("kind", ["max_pool2d", "avg_pool2d"])
@pytest.mark.parametrize("options", [(2,), (3, 2), (3, 2, 1), ((2, 3), (1, 2)), (3, 1, (1, 0))])
def test_pooling_is_pytorchs(kind, options):
    agree(lambda t, F, x: getattr(F, kind)(x, *options), draw(2, 3, 8, 9))


def test_max_pooling_gives_the_gradient_to_the_first_of_equals_as_pytorch_does():
    ties = np.random.default_rng(0).integers(0, 2, (2, 3, 8, 8)).astype(np.float32)
    agree(lambda t, F, x: F.max_pool2d(x, 2), ties)
    agree(lambda t, F, x: F.max_pool2d(x, 3, 2, 1), ties)


@pytest.mark.parametrize("size", [1, 2, (4, 2)])
def test_adaptive_average_pooling_is_pytorchs(size):
    agree(lambda t, F, x: F.adaptive_avg_pool2d(x, size), draw(2, 3, 8, 6))


@pytest.mark.parametrize("shape", [(6, 5), (4, 5, 3), (4, 5, 3, 2)])
def test_batch_norm_is_pytorchs_in_training_and_outside(shape):
    weight, bias = draw(5, seed=1), draw(5, seed=2)
    mean, var = draw(5, seed=3), np.abs(draw(5, seed=4)) + 0.5

    def training(t, F, x, w, b):
        return F.batch_norm(x, None, None, w, b, training=True)

    def outside(t, F, x, w, b):
        running = [t.from_numpy(mean.copy()), t.from_numpy(var.copy())]
        return F.batch_norm(x, *running, w, b, eps=1e-3)

    agree(training, draw(*shape), weight, bias, onnx=False)
    agree(outside, draw(*shape), weight, bias)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_pytorchs_even_for_huge_scores(reduction, smoothing):
    target = np.array([0, 3, 1, 1, 2, 4])

    def loss(t, F, x, y):
        return F.cross_entropy(x, y, reduction=reduction, label_smoothing=smoothing)

    agree(loss, draw(6, 5), target, onnx=False)
    agree(loss, draw(6, 5) * 1000, target, onnx=False)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_mse_loss_is_pytorchs(reduction):
    agree(
        lambda t, F, x, y: F.mse_loss(x, y, reduction=reduction),
        draw(6, 5),
        draw(6, 5, seed=1),
        onnx=False,
    )


def test_indexing_with_whole_numbers_adds_the_gradients_of_repeats():
    rows = np.array([0, 2, 2, 1])
    agree(lambda t, F, x: x[t.from_numpy(rows)], draw(3, 4), onnx=False)
    agree(lambda t, F, x: x[1], draw(3, 4), onnx=False)
    agree(lambda t, F, x: x[:, None, t.from_numpy(rows)], draw(2, 3), onnx=False)


@pytest.mark.parametrize("name", ["sum", "mean", "var", "amax"])
def test_a_reduction_of_everything_is_pytorchs(name):
    agree(lambda t, F, x: getattr(x, name)(), draw(3, 4), onnx=False)


def test_expand_adds_the_gradients_of_the_repeats():
    agree(lambda t, F, x: x.expand(5, -1, 4), draw(3, 1), onnx=False)
