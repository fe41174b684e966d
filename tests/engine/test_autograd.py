"""Back-propagation: what reaches the leaves, how often, and what it costs to walk the graph."""

import gc

import numpy as np
import pytest
import torch as reference  # noqa: TID251

import learnt.engine as torch
from learnt.engine import nn


def leaf(*numbers: float) -> torch.Tensor:
    return torch.tensor(list(numbers), requires_grad=True)


def test_a_tensor_used_twice_gets_the_sum_of_both_gradients():
    x = leaf(3.0)
    (x * x + 2 * x).backward()
    assert x.grad.tolist() == [8.0]  # 2x + 2


def test_both_arms_of_a_diamond_are_followed_and_added():
    x = leaf(2.0)
    y = x * 3
    ((y * y) * (y + 1)).backward()  # y³ + y², y = 3x: 3(3y² + 2y) at y = 6
    assert x.grad.tolist() == [360.0]


def test_doubling_twice_gives_four():
    a = leaf(1.0, 5.0)
    b = a + a
    c = b + b
    c.sum().backward()
    assert a.grad.tolist() == [4.0, 4.0]


def test_a_result_used_again_after_its_own_use_waits_for_all_of_its_gradient():
    results = []
    for library in (torch, reference):
        x = library.tensor([0.5, -1.0], requires_grad=True)
        a = x * 2
        b = a.exp()
        c = a * b + b
        d = c * a + b * x
        (d * d).sum().backward()
        results.append(x.grad.tolist())
    np.testing.assert_allclose(results[0], results[1], rtol=1e-6)


def test_two_backward_calls_add_their_gradients():
    x = leaf(1.0, 2.0)
    for _ in range(2):
        (x * x).sum().backward()
    assert x.grad.tolist() == [4.0, 8.0]


def test_a_second_backward_through_one_graph_is_an_error_that_names_retain_graph():
    x = leaf(3.0)
    y = x * x
    y.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward()
    assert x.grad.tolist() == [6.0]


def test_with_retain_graph_a_second_backward_adds_the_same_again():
    x = leaf(3.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [12.0]


def test_a_part_that_a_backward_has_freed_cannot_be_gone_through_from_another_result():
    x = leaf(3.0)
    y = x * x
    first, second = y * 2, y * 3
    first.backward()
    with pytest.raises(RuntimeError, match="already used"):
        second.backward()


def test_only_leaves_keep_a_gradient():
    x = leaf(3.0)
    y = x * 2
    y.backward()
    assert x.is_leaf
    assert not y.is_leaf
    assert y.grad is None


def test_a_leaf_that_is_a_number_is_its_own_gradient_one():
    x = torch.tensor(5.0, requires_grad=True)
    x.backward()
    assert x.grad.item() == 1.0


def test_a_chain_of_ten_thousand_operations_needs_no_recursion():
    x = leaf(1.0)
    y = x
    for _ in range(10_000):
        y = y + 1
    y.backward()
    assert x.grad.tolist() == [1.0]


def test_a_long_graph_that_is_never_used_is_freed_without_recursion():
    y = leaf(1.0)
    for _ in range(100_000):
        y = y * 1
    del y


def test_within_no_grad_nothing_is_recorded():
    x = leaf(1.0)
    with torch.no_grad():
        assert not torch.is_grad_enabled()
        y = x * 2
    assert torch.is_grad_enabled()
    assert not y.requires_grad
    assert y.is_leaf
    with pytest.raises(RuntimeError, match="requires_grad=True"):
        y.backward()


def test_no_grad_is_a_decorator_that_can_be_called_again_and_leaves_with_an_error():
    x = leaf(1.0)

    @torch.no_grad()
    def twice(fail: bool) -> torch.Tensor:
        if fail:
            raise KeyError
        return x * 2

    assert not twice(False).requires_grad
    with pytest.raises(KeyError):
        twice(True)
    assert not twice(False).requires_grad
    assert torch.is_grad_enabled()


def test_what_is_detached_is_a_constant():
    x = leaf(3.0)
    (x * x.detach()).backward()
    assert x.grad.tolist() == [3.0]


def test_backward_from_several_numbers_is_an_error_that_says_what_to_do():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match=r"\.sum\(\), \.mean\(\)\), or pass gradient="):
        (x * 2).backward()


def test_backward_takes_the_gradient_to_start_from_and_checks_its_shape():
    x = leaf(1.0, 2.0)
    (x * x).backward(torch.tensor([1.0, 10.0]))
    assert x.grad.tolist() == [2.0, 40.0]
    with pytest.raises(RuntimeError, match=r"\(2,\); got \(3,\)"):
        (x * x).backward(torch.ones(3))


@pytest.mark.parametrize(
    ("a", "b"), [((2, 3), (3,)), ((3, 1), (1, 4)), ((), (2, 2)), ((2, 1, 3), (4, 1))], ids=str
)
def test_a_broadcast_operand_gets_a_gradient_of_its_own_shape(a, b):
    for operation in ("__add__", "__sub__", "__mul__", "__truediv__", "__pow__"):
        x = torch.full(a, 2.0).requires_grad_()
        y = torch.full(b, 3.0).requires_grad_()
        getattr(x, operation)(y).sum().backward()
        assert x.grad.shape == a
        assert y.grad.shape == b


@pytest.mark.parametrize(
    "result",
    [
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: torch.cat([a, b]),
        lambda a, b: a.reshape(2) + b.view(2),
        lambda a, b: (a + b) + (b + a),
        lambda a, b: a.clone() + b.expand(2),
    ],
)
def test_two_leaves_never_share_one_gradient(result):
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    total = result(a, b)
    start = torch.ones(*total.shape)
    total.backward(start)
    kept = b.grad.tolist()
    a.grad.array *= 100
    start.array *= 100
    assert b.grad.tolist() == kept


def test_a_tensor_of_whole_numbers_cannot_require_a_gradient_as_in_pytorch():
    for library in (torch, reference):
        with pytest.raises(RuntimeError, match="require gradients"):
            library.tensor([1, 2], requires_grad=True)
        with pytest.raises(RuntimeError):
            library.tensor([1, 2]).requires_grad_()


def test_gradients_pass_whole_numbers_by():
    x, n = leaf(1.0, 2.0), torch.tensor([3, 4])
    (x * n).sum().backward()
    assert x.grad.tolist() == [3.0, 4.0]
    assert n.grad is None
    assert not x.long().requires_grad


def test_a_gradient_has_the_type_of_its_leaf():
    for library in (torch, reference):
        x = library.tensor([1.0, 2.0], requires_grad=True)
        y = library.tensor([1.0, 2.0], dtype=library.float64, requires_grad=True)
        (x * y).sum().backward()
        assert "float32" in str(x.grad.dtype)
        assert "float64" in str(y.grad.dtype)


def test_a_gradient_of_a_single_number_can_be_changed_in_place():
    p = nn.Parameter(torch.tensor(3.0) * 2)
    optimizer = torch.optim.SGD([p], lr=0.5)
    (p * p).backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)
    assert p.item() == 0.0  # 6 - 0.5 · 12
    assert p.grad.item() == 0.0


def test_memory_does_not_grow_over_a_thousand_steps_of_training():
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    optimizer = torch.optim.Adam(model.parameters())
    x, y = torch.randn(8, 4), torch.arange(8) > 3

    def train(steps: int) -> int:
        for _ in range(steps):
            loss = nn.functional.cross_entropy(model(x), y.long())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        gc.collect()
        return len(gc.get_objects())

    before = train(10)
    assert train(1_000) <= before + 20


def test_a_step_leaves_nothing_for_the_collector_of_cycles():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2))
    x = torch.randn(2, 1, 4, 4)
    for _ in range(2):  # gradients are there, and have been added to
        model(x).sum().backward()
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(50):
            model(x).sum().backward()
        assert len(gc.get_objects()) <= before + 20
    finally:
        gc.enable()
