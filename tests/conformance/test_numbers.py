"""Arithmetic and reductions on every type, on single numbers, on nan, ∞ and 0: as PyTorch's."""

import itertools

import numpy as np
import pytest
import torch as reference  # noqa: TID251

import learnt.engine as torch

pytestmark = pytest.mark.filterwarnings("ignore:.*degrees of freedom:UserWarning")
KINDS = [("bool", [True, False]), ("int64", [3, -4]), ("float32", [1.5, -2.5]), ("uint8", [3, 44]),
         ("int32", [3, -4]), ("float64", [1.5, 2.5])]  # fmt: skip
NUMBERS = [2, 2.5, True, -3]
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-30, 2.5, -0.5, 1.0, -1.0, 0.5, 1.5, -1.5, 88, -88]
OPERATORS = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b,
    "/": lambda a, b: a / b, "//": lambda a, b: a // b, "%": lambda a, b: a % b,
    "**": lambda a, b: a**b, "&": lambda a, b: a & b, "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}  # fmt: skip
BOOLS_ONLY_THERE = {("**", "bool", True)}  # PyTorch has True ** True for tensors


def tensors(t):
    """One of each type, of two numbers and of no dimensions."""
    rows = [(name, t.tensor(v, dtype=getattr(t, name))) for name, v in KINDS]
    return [*rows, *((f"{name} of no dimensions", row[0]) for name, row in rows)]


def outcome(function, *args):
    """The result, its type and whether it has a history; or the kind of error."""
    try:
        found = function(*args)
    except Exception as error:
        return "RuntimeError" if isinstance(error, RuntimeError) else type(error).__name__
    if isinstance(found, tuple):
        return [outcome(lambda part=part: part) for part in found]
    if not hasattr(found, "detach"):
        return found
    array = found.detach().numpy()
    return str(array.dtype), array.shape, array


def same(ours, theirs, what):
    if isinstance(theirs, list):
        assert len(ours) == len(theirs), what
        for a, b in zip(ours, theirs, strict=True):
            same(a, b, what)
    elif isinstance(theirs, tuple):
        assert isinstance(ours, tuple), f"{what}: {ours}, not {theirs}"
        assert ours[:2] == theirs[:2], f"{what}: {ours}, not {theirs}"
        np.testing.assert_allclose(ours[2], theirs[2], rtol=1e-5, atol=1e-6, err_msg=what)
    else:
        assert ours == theirs, what


@pytest.mark.parametrize("sign", OPERATORS)
def test_two_operands_of_any_types_give_pytorchs_number_and_type_or_error(sign):
    function = OPERATORS[sign]
    for (name, ours), (_, theirs) in zip(tensors(torch), tensors(reference), strict=True):
        for (other, b), (_, c) in zip(tensors(torch), tensors(reference), strict=True):
            same(outcome(function, ours, b), outcome(function, theirs, c), f"{name} {sign} {other}")
        for n in NUMBERS:
            if (sign, name.split()[0], n) not in BOOLS_ONLY_THERE:
                told = f"{name} {sign} {n}"
                same(outcome(function, ours, n), outcome(function, theirs, n), told)
                same(outcome(function, n, ours), outcome(function, n, theirs), f"{told}, swapped")


UNARY = ["neg", "abs", "floor", "ceil", "trunc", "round", "reciprocal", "exp", "sqrt", "sigmoid",
         "isnan", "isinf", "isfinite", "logical_not", "bitwise_not"]  # fmt: skip
REDUCTIONS = ["sum", "mean", "prod", "var", "std", "amax", "amin", "max", "min", "argmax", "argmin",
              "any", "all", "count_nonzero", "norm"]  # fmt: skip


@pytest.mark.parametrize("name", UNARY + REDUCTIONS)
def test_a_function_of_any_type_gives_pytorchs_number_and_type_or_error(name):
    for (kind, ours), (_, theirs) in zip(tensors(torch), tensors(reference), strict=True):
        same(outcome(getattr(torch, name), ours), outcome(getattr(reference, name), theirs), kind)


@pytest.mark.parametrize("name", [*REDUCTIONS, "cumsum", "cumprod", "logsumexp"])
@pytest.mark.parametrize("dim", [0, -1, 1])
def test_a_reduction_along_a_dimension_is_pytorchs_for_any_type_and_for_none_at_all(name, dim):
    inputs = [("bool", [[True, False], [True, True]]), ("int64", [[3, -4], [5, 5]]),
              ("float32", [[1.5, -2.5], [2, 2]]), ("uint8", [[0, 4], [3, 0]]),
              ("float32", [[1, np.nan], [np.inf, 2]]), ("float32", np.ones((2, 0))),
              ("float32", 2.5), ("int64", 3)]  # fmt: skip
    for kind, values in inputs:
        if np.size(values) == 0 and (name == "logsumexp" or dim):
            continue
        found = [
            outcome(lambda t=t, kind=kind, values=values: getattr(t, name)(
                t.tensor(values, dtype=getattr(t, kind)), dim=dim))
            for t in (torch, reference)
        ]  # fmt: skip
        if name == "norm" and isinstance(found[1], str):
            found = [isinstance(f, str) for f in found]
        same(*found, f"{name} of {values} over {dim}")


@pytest.mark.parametrize("name", ["sum", "prod", "cumsum", "cumprod", "mean"])
@pytest.mark.parametrize("kind", ["int32", "uint8", "float64", "float32", "bool"])
def test_the_type_asked_for_is_the_type_of_the_result(name, kind):
    found = [
        outcome(lambda t=t: getattr(t.tensor([[1, 2], [3, 4]]), name)(0, dtype=getattr(t, kind)))
        for t in (torch, reference)
    ]
    if found[1] != "RuntimeError":  # PyTorch has no running sums of bools
        same(*found, f"{name} as {kind}")


BINARY = {
    **{sign: OPERATORS[sign] for sign in ("+", "-", "*", "/", "%", "**")},
    "fmod": lambda a, b: a.fmod(b),
    "maximum": lambda a, b: a.maximum(b),
    "minimum": lambda a, b: a.minimum(b),
    "logaddexp": lambda a, b: a.logaddexp(b),
    "clamp from below": lambda a, b: a.clamp(b),
    "where": lambda a, b: a.where(a > b, b),
    "powers": lambda a, b: a**2 * b**0.5,
    "more powers": lambda a, b: a**3 * b**-1,
}


@pytest.mark.parametrize("name", BINARY)
def test_nan_infinities_zeros_and_ties_give_pytorchs_numbers_and_gradients(name):
    columns, rows = zip(*itertools.product(SPECIAL, SPECIAL), strict=True)
    found = []
    for t in (torch, reference):
        a, b = (t.tensor(v, dtype=t.float64, requires_grad=True) for v in (columns, rows))
        z = BINARY[name](a, b)
        z.backward(t.ones_like(z))
        found.append([v.detach().numpy() for v in (z, a.grad, b.grad)])
    for ours, theirs in zip(*found, strict=True):
        finite = ~np.isinf(b.detach().numpy()) if name.startswith("clamp") else slice(None)
        np.testing.assert_allclose(ours[finite], theirs[finite], rtol=1e-9)


@pytest.mark.parametrize("options", [{}, {"p": 1}, {"p": 3}, {"p": 0.5}, {"p": -1}, {"p": np.inf},
                                     {"p": -np.inf}, {"p": 0}], ids=str)  # fmt: skip
def test_a_norm_has_no_slope_at_zero_as_in_pytorch(options):
    for values in ([0.0, 0, 0], [0.0, 2, -2], [1.0, 2, 3]):
        grads = []
        for t in (torch, reference):
            x = t.tensor(values, requires_grad=True)
            x.norm(**options).backward()
            grads.append(np.zeros(3) if x.grad is None else x.grad.numpy())
        np.testing.assert_allclose(*grads, rtol=1e-5)


def test_the_maximum_of_all_shares_its_gradient_and_along_a_dimension_the_first_takes_it():
    for function in (lambda x: x.max(), lambda x: x.amax(), lambda x: x.max(0).values,
                     lambda x: x.min(), lambda x: x.std(), lambda x: (x - x).std()):  # fmt: skip
        grads = []
        for t in (torch, reference):
            x = t.tensor([2.0, 1, 2, 1], requires_grad=True)
            function(x).backward()
            grads.append(x.grad.numpy())
        np.testing.assert_allclose(*grads, rtol=1e-5)


@pytest.mark.parametrize("shape", [(200_000, 3), (3, 200_000), (1000, 1000), (50, 7, 900)])
@pytest.mark.parametrize("dim", [0, -1, (0, 1), None])
def test_long_sums_of_float32_are_as_exact_as_pytorchs(shape, dim):
    x = np.random.default_rng(0).random(shape, np.float32)
    exact = x.astype(np.float64).sum(dim)
    errors = [
        np.abs(t.sum(t.from_numpy(x), dim).numpy() / exact - 1).max() for t in (torch, reference)
    ]
    assert errors[0] <= max(4 * errors[1], 1e-6)
