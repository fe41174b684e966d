"""Tensors: types, comparisons, changes in place and errors, beside PyTorch's own."""

import itertools
import warnings

import numpy as np
import pytest
import torch as reference  # noqa: TID251

import learnt.engine as torch

TYPES = ["bool", "uint8", "int32", "int64", "float32", "float64"]


def both(array: np.ndarray) -> tuple[torch.Tensor, reference.Tensor]:
    return torch.from_numpy(array.copy()), reference.from_numpy(np.array(array))


def same(ours: torch.Tensor, theirs: reference.Tensor) -> None:
    assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch.")
    assert ours.shape == tuple(theirs.shape)
    np.testing.assert_allclose(ours.array, theirs.numpy(), rtol=1e-6)


@pytest.mark.parametrize("shapes", [((3,), (3,)), ((3,), ()), ((), (3,)), ((), ())], ids=str)
@pytest.mark.parametrize(("a", "b"), list(itertools.product(TYPES, TYPES)))
def test_two_types_meet_in_the_type_that_pytorch_gives(a, b, shapes):
    x, x_ = both(np.ones(shapes[0], a))
    y, y_ = both(np.ones(shapes[1], b))
    same(x + y, x_ + y_)
    same(x * y, x_ * y_)
    same(x / y, x_ / y_)
    same(x == y, x_ == y_)


@pytest.mark.parametrize("number", [True, 2, 0.5], ids=repr)
@pytest.mark.parametrize("kind", TYPES)
def test_a_python_number_meets_a_tensor_as_in_pytorch(kind, number):
    x, x_ = both(np.array([0, 1, 3], kind))
    same(x + number, x_ + number)
    same(number * x, number * x_)
    same(x / number, x_ / number)
    same(x < number, x_ < number)


@pytest.mark.parametrize("name", ["exp", "sqrt", "tanh", "sigmoid", "sum", "argmax"])
@pytest.mark.parametrize("kind", TYPES[1:])
def test_a_function_of_whole_numbers_has_pytorchs_type(kind, name):
    x, x_ = both(np.array([1, 2, 3], kind))
    same(getattr(x, name)(), getattr(x_, name)())


@pytest.mark.parametrize("name", ["__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"])
def test_comparisons_are_pytorchs(name):
    x, x_ = both(np.array([1.0, 2.0, np.nan], np.float32))
    y, y_ = both(np.array([1.0, 3.0, np.nan], np.float32))
    same(getattr(x, name)(y), getattr(x_, name)(y_))
    same(getattr(x, name)(1), getattr(x_, name)(1))


def test_accuracy_is_written_as_in_pytorch():
    scores, target = torch.tensor([[1.0, 2.0], [3.0, 0.0]]), torch.tensor([1, 1])
    assert (scores.argmax(1) == target).float().mean().item() == 0.5


def test_tensors_are_told_apart_by_identity_where_they_are_keys():
    a, b = torch.ones(2), torch.ones(2)
    assert {a: 1, b: 2}[a] == 1
    assert (a == None) is False  # noqa: E711


def test_a_leaf_changes_in_place_within_no_grad_and_only_there():
    for library in (torch, reference):
        p = library.tensor([1.0, 2.0], requires_grad=True)
        same_one = p
        with library.no_grad():
            p -= 0.5
            p *= 2
        assert same_one.tolist() == [1.0, 3.0]
        with pytest.raises(RuntimeError, match="leaf"):
            p += 1


def test_what_was_computed_and_is_added_to_in_place_keeps_its_gradient():
    for library in (torch, reference):
        x = library.tensor([1.0, 2.0], requires_grad=True)
        y = x * 1
        y += x
        y *= 3
        y.sum().backward()
        assert x.grad.tolist() == [6.0, 6.0]


def test_a_change_in_place_keeps_type_and_shape():
    for library in (torch, reference):
        x = library.ones(2)
        x += library.ones(2, dtype=library.float64)
        assert "float32" in str(x.dtype)
        with pytest.raises(RuntimeError):
            x += library.ones(3, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda t, x: x.sum(2),
        lambda t, x: x.softmax(3),
        lambda t, x: x.flatten(5),
        lambda t, x: x.permute(0, 4),
        lambda t, x: x.transpose(0, 7),
        lambda t, x: x.squeeze(9),
        lambda t, x: x.unsqueeze(4),
        lambda t, x: x.argmax(2),
        lambda t, x: t.cat([x, x], 2),
        lambda t, x: t.stack([x, x], 4),
        lambda t, x: x[5],
    ],
)
def test_a_dimension_or_place_that_is_not_there_is_an_index_error_as_in_pytorch(wrong):
    for library in (torch, reference):
        with pytest.raises(IndexError):
            wrong(library, library.ones(2, 3))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda x, y: x + y, r"add .*\(2, 3\) and \(4, 5\)"),
        (lambda x, y: x * y, r"mul .*\(2, 3\) and \(4, 5\)"),
        (lambda x, y: x @ y, r"matmul .*\(2, 3\) @ \(4, 5\)"),
        (lambda x, y: x.reshape(4, 2), r"reshape .*\(2, 3\).*got \(4, 2\)"),
        (lambda x, y: x.expand(2, 4), r"expand .*\(2, 3\)"),
        (lambda x, y: torch.cat([x, y]), r"cat .*\(2, 3\) and \(4, 5\)"),
        (torch.nn.functional.linear, r"linear .*\(4, 5\)\); got .*\(2, 3\)"),
        (torch.nn.functional.mse_loss, r"mse_loss .*\(2, 3\) and \(4, 5\)"),
        (torch.nn.functional.conv2d, r"conv2d .*\(2, 3\) and \(4, 5\)"),
        (lambda x, y: torch.nn.functional.max_pool2d(x, 2), r"pooling .*\(2, 3\)"),
    ],
)
def test_shapes_that_do_not_fit_are_an_error_that_says_both_and_the_operation(wrong, message):
    with pytest.raises(RuntimeError, match=message):
        wrong(torch.ones(2, 3), torch.ones(4, 5))


def test_an_operand_that_is_no_number_is_a_type_error():
    for other in (None, "1", [1.0]):
        with pytest.raises(TypeError):
            torch.ones(1) + other


def test_the_sigmoid_of_very_negative_numbers_keeps_its_digits():
    x = np.array([-80, -30, -10, 0, 30, 200, -200], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = torch.from_numpy(x).sigmoid()
    np.testing.assert_allclose(ours.array, reference.from_numpy(x).sigmoid(), rtol=1e-5, atol=1e-37)


def test_a_slice_backwards_is_an_error_as_in_pytorch():
    for library in (torch, reference):
        with pytest.raises(ValueError, match="step"):
            library.ones(4)[::-1]


def test_a_tensor_converts_to_python_and_to_numpy():
    x = torch.tensor([[1.5]])
    assert (float(x), int(x), bool(x), x.item(), x.tolist()) == (1.5, 1, True, 1.5, [[1.5]])
    assert torch.tensor(2.0).shape == (torch.tensor(2.0) * 2).shape == ()
    assert isinstance((torch.tensor(2.0) * 2).numpy(), np.ndarray)
    with pytest.raises(RuntimeError, match=r"\.detach\(\)\.numpy\(\)"):
        torch.tensor([1.0], requires_grad=True).numpy()


def test_new_tensors_have_pytorchs_types():
    for make in (
        lambda t: t.tensor([1, 2]),
        lambda t: t.tensor([1.0, 2]),
        lambda t: t.tensor(True),
        lambda t: t.tensor(np.ones(2)),
        lambda t: t.arange(5),
        lambda t: t.arange(1, 2, 0.25),
        lambda t: t.zeros(2, 3),
        lambda t: t.zeros((2, 3)),
        lambda t: t.ones(2, dtype=t.int64),
        lambda t: t.full((2,), 0.5),
    ):
        same(make(torch), make(reference))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: 1 / x,
        lambda x: x / x,
        lambda x: (x * 100).exp(),
        lambda x: x.log(),
        lambda x: x.sqrt(),
        lambda x: x**-1,
        lambda x: x**0.5,
        lambda x: x**40,
        lambda x: (x * 1000).sigmoid(),
        lambda x: (x * 1000).tanh(),
        lambda x: (x * 1000).softmax(0),
    ],
    ids=range(11),
)
def test_at_the_edges_results_and_gradients_are_pytorchs_and_nothing_is_warned_of(f):
    edges = [0.0, -1.0, 2.0, 1e30, -1e30]
    x, x_ = (library.tensor(edges, requires_grad=True) for library in (torch, reference))
    f(x).backward(torch.ones(5))
    f(x_).backward(reference.ones(5))
    np.testing.assert_allclose(f(x).array, f(x_).detach().numpy(), rtol=1e-5, atol=1e-30)
    np.testing.assert_allclose(x.grad.array, x_.grad.numpy(), rtol=1e-5, atol=1e-30)
