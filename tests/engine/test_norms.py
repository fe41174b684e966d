"""Normalisation: the same in any layout of memory and in any blocks, and one family."""

import numpy as np
import pytest

import learnt.engine as torch
from learnt.engine.nn import functional as F
from learnt.engine.ops import norm


def picture(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape) * 3 + 2


def layouts(x: np.ndarray) -> dict[str, np.ndarray]:
    """The same numbers, lying in memory in several ways."""
    order = (*range(1, x.ndim), 0)
    wide = np.empty((x.shape[0], x.shape[1] * 2, *x.shape[2:]), x.dtype)
    wide[:, ::2] = x
    return {
        "rows": x,
        "batch innermost": np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order)),
        "columns": np.asfortranarray(x),
        "with gaps": wide[:, ::2],
    }


KINDS = {
    "batch": lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
    "group": lambda x, w, b: F.group_norm(x, 2, w, b),
    "instance": lambda x, w, b: F.instance_norm(x, weight=w, bias=b),
    "running": lambda x, w, b: F.batch_norm(x, *RUNNING, w, b),
}
RUNNING = torch.tensor(picture(4)), torch.tensor(picture(4) ** 2)


def results(kind, x):
    x = torch.Tensor(x, requires_grad=True)
    w, b = (torch.tensor(picture(x.shape[1], seed=s), requires_grad=True) for s in (1, 2))
    y = KINDS[kind](x, w, b)
    y.backward(torch.tensor(picture(*x.shape, seed=3)))
    return [y.detach().numpy(), *(t.grad.numpy() for t in (x, w, b))]


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        (kind, shape)
        for kind in KINDS
        for shape in [(5, 4, 3), (3, 4, 5, 2), (6, 4, 1)]
        if (kind, shape[-1]) != ("instance", 1)  # one value has no variance
    ],
)
def test_the_layout_of_memory_does_not_matter(kind, shape):
    expected = results(kind, picture(*shape))
    for name, x in layouts(picture(*shape)).items():
        for found, right in zip(results(kind, x), expected, strict=True):
            np.testing.assert_allclose(found, right, rtol=1e-9, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("block", [1, 7, 30])
def test_nor_does_the_size_of_a_block(kind, block, monkeypatch):
    expected = results(kind, picture(3, 4, 5, 2))
    monkeypatch.setattr(norm, "BLOCK", block)
    for found, right in zip(results(kind, picture(3, 4, 5, 2)), expected, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("affine", [True, False])
def test_slopes_are_as_measured(kind, affine):
    x, w, b = (torch.tensor(picture(*s), requires_grad=True) for s in ((3, 4, 2), (4,), (4,)))
    if affine:
        assert torch.gradcheck(KINDS[kind], (x, w, b))
    elif kind != "running":
        assert torch.gradcheck(lambda x: KINDS[kind](x, None, None), (x,))


def test_the_family_meets_where_its_members_are_the_same():
    x = torch.tensor(picture(3, 4, 5))
    one_group, each = F.group_norm(x, 1), F.group_norm(x, 4)
    np.testing.assert_allclose(one_group.numpy(), F.layer_norm(x, (4, 5)).numpy(), rtol=1e-10)
    np.testing.assert_allclose(each.numpy(), F.instance_norm(x).numpy(), rtol=1e-10)
    alone = F.batch_norm(x[:1], None, None, training=True)
    np.testing.assert_allclose(alone.numpy(), F.instance_norm(x[:1]).numpy(), rtol=1e-10)
    y = F.batch_norm(x, None, None, training=True).numpy()
    np.testing.assert_allclose(y.mean((0, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(y.var((0, 2)), 1, rtol=1e-4)


def test_running_figures_may_move_between_forward_and_backward():
    mean, var = torch.zeros(4), torch.ones(4)
    w = torch.ones(4, requires_grad=True)
    for training in (True, False):
        x = torch.tensor(picture(5, 4).astype(np.float32), requires_grad=True)
        first = F.batch_norm(x, mean, var, w, training=training)
        F.batch_norm(x, mean, var, w, training=True)  # moves them
        first.sum().backward()
        assert np.isfinite(x.grad.numpy()).all()


def test_a_mean_of_a_million_values_is_exact_to_float32():
    x = np.random.default_rng(0).standard_normal((1, 2, 10**6)).astype(np.float32) + 100
    mean, var = torch.zeros(2), torch.ones(2)
    F.batch_norm(torch.tensor(x), mean, var, training=True, momentum=1.0)
    np.testing.assert_allclose(mean.numpy(), x.mean((0, 2), dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(var.numpy(), x.var((0, 2), ddof=1, dtype=np.float64), rtol=1e-4)


def test_distances_and_directions():
    a, b = torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.tensor([[4.0, 3.0], [1.0, 0.0]])
    assert F.cosine_similarity(a, b).tolist() == pytest.approx([0.96, 0])
    assert F.pairwise_distance(a, b, eps=0).tolist() == pytest.approx([2**0.5, 1])
    assert F.normalize(a).tolist() == [pytest.approx([0.6, 0.8]), [0, 0]]


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda x: F.group_norm(x, 3), RuntimeError, "3 groups"),
        (lambda x: F.instance_norm(x[..., :1]), ValueError, "more than one value"),
        (lambda x: F.batch_norm(x[:1, :, 0], None, None, training=True), ValueError, "than one"),
        (lambda x: F.batch_norm(x, None, None), RuntimeError, "needs running_mean"),
        (lambda x: F.local_response_norm(x[0], 2), ValueError, "3"),
        (lambda x: F.normalize(x, out=x), NotImplementedError, "out"),
    ],
)
def test_what_cannot_be_normalised_is_an_error_that_says_so(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong(torch.ones(2, 4, 3))
