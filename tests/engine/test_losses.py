"""Losses against their definitions, and at their edges: classes left out, certainty, blocks."""

import inspect
import itertools
import math

import numpy as np
import pytest

import learnt.engine as torch
from learnt.engine.nn import functional as F
from learnt.engine.ops import loss

TARGET = np.array([2, 0, 1, 2, 1])
WEIGHT = np.array([0.5, 2.0, 1.5])
PAIRS = [  # losses of an input and a target of the same shape
    "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div", "soft_margin_loss",
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "hinge_embedding_loss",
    "poisson_nll_loss",
]  # fmt: skip


def scores(rows: int = 5, classes: int = 3) -> torch.Tensor:
    numbers = np.random.default_rng(0).standard_normal((rows, classes)) * 2
    return torch.tensor(numbers, requires_grad=True)


def written_out(x, target, weight, ignored, smoothing, reduction):
    """Cross-entropy as its definition says, one row after the other."""
    losses, total = [], 0.0
    q = np.ones(x.shape[1]) if weight is None else weight
    for row, t in zip(x, target, strict=True):
        if t == ignored:
            losses.append(0.0)
            continue
        log_p = row - math.log(np.exp(row).sum())
        smooth = -(q * log_p).sum() / len(row)
        losses.append((1 - smoothing) * -q[t] * log_p[t] + smoothing * smooth)
        total += q[t]
    found = np.array(losses)
    return {"none": found, "sum": found.sum(), "mean": found.sum() / total}[reduction]


@pytest.mark.parametrize(
    ("weight", "ignored", "smoothing", "reduction"),
    list(itertools.product([None, WEIGHT], [-100, 1], [0.0, 0.2], ["none", "sum", "mean"])),
)
def test_cross_entropy_is_its_definition_with_all_options(weight, ignored, smoothing, reduction):
    options = {"ignore_index": ignored, "label_smoothing": smoothing, "reduction": reduction}
    weights = None if weight is None else torch.tensor(weight)

    def f(x):
        return F.cross_entropy(x, torch.tensor(TARGET), weights, **options)

    x = scores()
    expected = written_out(x.detach().numpy(), TARGET, weight, ignored, smoothing, reduction)
    np.testing.assert_allclose(f(x).detach().numpy(), expected, rtol=1e-12)
    assert torch.gradcheck(f, (x,))


def test_cross_entropy_of_probabilities_is_that_of_classes_where_they_are_certain():
    x, options = scores(), {"weight": torch.tensor(WEIGHT), "label_smoothing": 0.1}
    certain = torch.tensor(np.eye(3)[TARGET], requires_grad=True)
    for reduction in ("none", "sum"):
        classes = F.cross_entropy(x, torch.tensor(TARGET), reduction=reduction, **options)
        spread = F.cross_entropy(x, certain, reduction=reduction, **options)
        assert (classes - spread).abs().max().item() < 0.3  # smoothing weighs otherwise
    plain = F.cross_entropy(x, certain)
    assert plain.item() == pytest.approx(F.cross_entropy(x, torch.tensor(TARGET)).item())
    assert torch.gradcheck(F.cross_entropy, (x, certain))


@pytest.mark.parametrize("shape", [(3,), (5, 3), (2, 3, 4), (2, 3, 2, 2)])
def test_places_are_rows_whatever_the_shape(shape):
    x = torch.tensor(np.random.default_rng(1).standard_normal(shape), requires_grad=True)
    dim = min(len(shape) - 1, 1)
    places = shape[:dim] + shape[dim + 1 :]
    t = torch.tensor(np.random.default_rng(2).integers(0, 3, places))
    log_p = x.log_softmax(dim)
    for reduction in ("none", "sum", "mean"):
        fused = F.cross_entropy(x, t, reduction=reduction)
        in_two = F.nll_loss(log_p, t, reduction=reduction)
        np.testing.assert_allclose(fused.detach().numpy(), in_two.detach().numpy(), rtol=1e-12)
    assert torch.gradcheck(lambda x: F.cross_entropy(x, t, reduction="none"), (x,))
    assert torch.gradcheck(lambda x: F.nll_loss(x, t), (x,))


def test_many_classes_are_worked_on_in_blocks_that_give_the_same():
    x = torch.tensor(np.random.default_rng(0).standard_normal((50, 5000)), requires_grad=True)
    t = np.random.default_rng(1).integers(0, 5000, 50)  # 13 rows fit into a block
    found = F.cross_entropy(x, torch.tensor(t), label_smoothing=0.1)
    expected = written_out(x.detach().numpy(), t, None, -100, 0.1, "mean")
    assert found.item() == pytest.approx(expected, rel=1e-12)
    found.backward()
    np.testing.assert_allclose(x.grad.numpy().sum(1), 0, atol=1e-15)


def test_a_row_left_out_may_hold_anything():
    x = torch.tensor([[1.0, 2.0], [np.nan, -np.inf]], requires_grad=True)
    for f in (F.cross_entropy, F.nll_loss):
        x.grad = None
        value = f(x, torch.tensor([0, 7]), ignore_index=7)
        value.backward()
        assert math.isfinite(value.item())
        assert x.grad.tolist()[1] == [0, 0]
    assert math.isnan(F.cross_entropy(x, torch.tensor([7, 7]), ignore_index=7).item())


def test_large_scores_do_not_overflow():
    x = torch.tensor([[1000.0, -1000.0], [-1000.0, 1000.0]], requires_grad=True)
    value = F.cross_entropy(x, torch.tensor([0, 0]), reduction="none")
    value.sum().backward()
    assert value.tolist() == [0, 2000]
    assert x.grad.tolist() == [[0, 0], [-1, 1]]


def test_certainty_has_a_finite_loss_and_slope_by_probabilities_and_by_scores():
    p = torch.tensor([0.0, 1.0], requires_grad=True)
    F.binary_cross_entropy(p, torch.tensor([1.0, 0.0])).backward()
    assert np.isfinite(p.grad.numpy()).all()
    assert F.binary_cross_entropy(p, torch.tensor([1.0, 0.0])).item() == 100
    x = torch.tensor([-200.0, 200.0], requires_grad=True)
    value = F.binary_cross_entropy_with_logits(x, torch.tensor([1.0, 0.0]))
    value.backward()
    assert value.item() == 200
    assert x.grad.tolist() == [-0.5, 0.5]


@pytest.mark.parametrize("name", PAIRS)
def test_a_loss_is_reduced_as_its_option_says_also_by_the_old_names(name):
    f = getattr(F, name)
    x = torch.tensor([[0.2, 0.7], [0.4, 0.9]], requires_grad=True)
    t = torch.tensor([[1.0, 0.3], [0.6, 1.0]])
    each = f(x, t, reduction="none")
    assert each.shape == (2, 2)
    assert f(x, t).item() == pytest.approx(each.mean().item())
    assert f(x, t, reduction="sum").item() == pytest.approx(each.sum().item())
    if "reduce" in inspect.signature(f).parameters:
        assert f(x, t, reduce=False).tolist() == each.tolist()
        assert f(x, t, size_average=False).item() == pytest.approx(each.sum().item())
    with pytest.raises(ValueError, match="median"):
        f(x, t, reduction="median")
    with pytest.raises(TypeError, match="takes input, target"):
        f(x)
    with pytest.raises(TypeError, match="takes input, target"):
        f(x, t, power=3)


def test_kl_divergence_per_example_divides_by_the_batch():
    x, t = torch.tensor([[0.5, 0.5]] * 3).log(), torch.tensor([[0.25, 0.75]] * 3)
    expected = 0.25 * math.log(0.5) + 0.75 * math.log(1.5)
    assert F.kl_div(x, t, reduction="batchmean").item() == pytest.approx(expected)
    assert F.kl_div(x, t.log(), reduction="sum", log_target=True).item() == pytest.approx(
        3 * expected
    )


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda x, t: F.cross_entropy(x, t[:2]), ValueError, r"\(2,\) and \(5, 3\)"),
        (lambda x, t: F.cross_entropy(x, t + 1), IndexError, "from 0 to 2; got 1 to 3"),
        (lambda x, t: F.cross_entropy(x, t.float()), RuntimeError, "whole numbers"),
        (lambda x, t: F.binary_cross_entropy(x * 9, x), RuntimeError, "from 0 to 1"),
        (F.binary_cross_entropy, ValueError, "shape"),
        (lambda x, t: F.mse_loss(x, x, weight=x[0]), ValueError, "shape"),
        (lambda x, t: F.triplet_margin_loss(x, x, x, margin=0), ValueError, "greater than 0"),
        (lambda x, t: F.gaussian_nll_loss(x, x, x * 0 - 1), ValueError, "negative"),
    ],
)
def test_what_a_loss_cannot_take_is_an_error_that_says_so(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong(scores(), torch.tensor(TARGET))


def test_every_loss_of_the_table_has_pytorchs_order_of_options():
    for name in PAIRS:
        options = list(inspect.signature(getattr(loss, name)).parameters)
        assert options[:2] == ["input", "target"]
        assert "reduction" in options
