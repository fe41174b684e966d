"""Products of matrices, vectors and more dimensions: each is a matrix product in disguise.

`einsum` takes in one tensor after the other: letters of both that are needed later are a batch,
the other letters of both are summed over, as a matrix product does.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from learnt.engine.autograd import Tensor, wrap
from learnt.engine.op import normalize_dim
from learnt.engine.ops.arithmetic import Number, add, mul, scaled, where, zero
from learnt.engine.ops.linear import matmul

Labels = Sequence[Any]  # the letter (or number) of each dimension


def product(name: str, first: int, second: int) -> Callable[[Tensor, Tensor], Tensor]:
    """`matmul` of tensors of so many dimensions, and no others."""

    def function(input: Tensor, other: Tensor) -> Tensor:
        a, b = input.array.shape, other.array.shape
        if (len(a), len(b)) != (first, second) or (first == 3 and a[0] != b[0]):
            raise RuntimeError(
                f"{name} needs {first} and {second} dimensions that fit; got {a}, {b}"
            )
        return matmul(input, other)

    function.__doc__ = f"`matmul` of {first} and {second} dimensions."
    return function


mm, bmm = product("mm", 2, 2), product("bmm", 3, 3)
mv, dot = product("mv", 2, 1), product("dot", 1, 1)


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """(n), (m) → (n, m): the products of one number of each."""
    if not input.array.ndim == vec2.array.ndim == 1:
        raise RuntimeError(f"outer takes two vectors; got {input.array.shape}, {vec2.array.shape}")
    return mul(input.unsqueeze(1), vec2)


def inner(input: Tensor, other: Tensor) -> Tensor:
    """Products summed over the last dimension of both."""
    if not (input.array.ndim and other.array.ndim):
        return mul(input, other)
    return tensordot(input, other, ([-1], [-1]))


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Products summed over `dims`: the last ones of a and first of b, or two lists of them."""
    n, shapes = a.array.ndim, (a.array.shape, b.array.shape)
    over = (range(n - dims, n), range(dims)) if isinstance(dims, int) else dims
    x, y = ([normalize_dim(d, len(s)) for d in ds] for ds, s in zip(over, shapes, strict=True))
    names = [x[y.index(d)] if d in y else n + d for d in range(len(shapes[1]))]
    return einsum(a, range(n), b, names, [d for d in (*range(n), *names) if d not in x])


def added(name: str, function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """beta · input + alpha · a product; with beta = 0 the input is not even looked at."""

    def plus(
        input: Tensor, first: Tensor, second: Tensor, *, beta: Number = 1, alpha: Number = 1
    ) -> Tensor:
        z = scaled(function(first, second), alpha)
        return add(scaled(input, beta) if beta else zero(input), z)

    plus.__doc__ = f"beta · input + alpha · {name} of the other two."
    return plus


addmm, addmv, baddbmm = added("mm", mm), added("mv", mv), added("bmm", bmm)
addbmm = added("the sum of bmm", lambda a, b: tensordot(a, b, ([0, 2], [0, 1])))


def einsum(*args: Any) -> Tensor:
    """Sums of products, by letters: "bij,bjk->bik" is `bmm`; "..." stands for any dimensions.

    Letters that the result lacks are summed over; without "->" it has those that occur once.

    >>> import learnt.engine as torch
    >>> torch.einsum("ij->j", torch.ones(2, 3))
    tensor([2., 2., 2.])
    """
    tensors, terms, result = _parse(args)
    sizes: dict[Any, int] = {}
    for t, labels in zip(tensors, terms, strict=True):
        for label, n in zip(labels, t.array.shape, strict=True):
            if n != 1 and sizes.get(label, 1) not in (1, n):
                shapes = [t.array.shape for t in tensors]
                raise RuntimeError(f"einsum: {label!r} must be of one size; got shapes {shapes}")
            sizes[label] = n if n != 1 else sizes.get(label, 1)
    z, known = wrap(np.ones((), tensors[0].array.dtype)), list[Any]()
    for i, t in enumerate(tensors):
        later = {label for rest in (*terms[i + 1 :], result) for label in rest}
        part = _once(t, list(terms[i]), sizes)
        z, known = _contract(z, known, *part, later) if i else _sum(*part, later)
    return _turned(z, known, result)


def _turned(x: Tensor, labels: Labels, wanted: Labels) -> Tensor:
    same = list(labels) == list(wanted)
    return x if same else x.permute(*(labels.index(label) for label in wanted))


def _once(x: Tensor, labels: list[Any], sizes: dict[Any, int]) -> tuple[Tensor, list[Any]]:
    """Each letter once: of two equal ones, the diagonal; a size of 1 is only there to broadcast."""
    for d in reversed(range(len(labels))):
        n, at = x.array.shape[d], labels.index(labels[d])
        if n != sizes[labels[d]]:
            x = x.squeeze(d)
        elif at < d:
            mask = np.eye(n, dtype=bool).reshape([n if i in (at, d) else 1 for i in range(x.ndim)])
            x = where(wrap(mask), x, 0).sum(d)
        else:
            continue
        del labels[d]
    return x, labels


def _sum(x: Tensor, labels: list[Any], keep: set[Any]) -> tuple[Tensor, list[Any]]:
    gone = [d for d, label in enumerate(labels) if label not in keep]
    return x.sum(gone) if gone else x, [label for label in labels if label in keep]


def _contract(
    x: Tensor, xs: list[Any], y: Tensor, ys: list[Any], keep: set[Any]
) -> tuple[Tensor, list[Any]]:
    """(batch, left, inner) times (batch, inner, right) → (batch, left, right)."""
    (x, xs), (y, ys) = _sum(x, xs, keep | set(ys)), _sum(y, ys, keep | set(xs))
    sizes = dict(zip(xs + ys, x.array.shape + y.array.shape, strict=True))
    batch, inner = ([n for n in xs if n in ys and (n in keep) == kept] for kept in (True, False))
    left, right = [n for n in xs if n not in ys], [n for n in ys if n not in xs]
    lead, (rows, depth, columns) = [sizes[n] for n in batch], (
        math.prod([sizes[n] for n in names]) for names in (left, inner, right)
    )  # fmt: skip
    a = _turned(x, xs, batch + left + inner).reshape(*lead, rows, depth)
    b = _turned(y, ys, batch + inner + right).reshape(*lead, depth, columns)
    names = batch + left + right
    z = matmul(a, b) if inner else mul(a, b)
    return z.reshape([sizes[n] for n in names]), names


def _parse(args: Sequence[Any]) -> tuple[list[Tensor], list[Labels], Labels]:
    """Tensors, the labels of each, and those of the result, from either form of the call."""
    if isinstance(args[0], str):
        left, arrow, right = args[0].replace(" ", "").replace("...", ".").partition("->")
        tensors = list(args[1] if isinstance(args[1], list | tuple) else args[1:])
        terms, result = [list(t) for t in left.split(",")], list(right) if arrow else None
        if not left.replace(",", "").replace(".", "a").isalpha() and left:
            raise RuntimeError(f"einsum takes letters, commas, '...' and '->'; got {args[0]!r}")
    else:
        tensors, n = list(args[: len(args) // 2 * 2 : 2]), len(args) // 2
        terms = [["." if label is ... else label for label in t] for t in args[1 : 2 * n : 2]]
        result = ["." if i is ... else i for i in args[-1]] if len(args) % 2 else None
    dots = [f".{i}" for i in range(64)][::-1]  # aligned on the right, as broadcasting does
    free = [t.array.ndim - len(labels) + 1 for t, labels in zip(tensors, terms, strict=False)]
    if len(tensors) != len(terms) or any(
        n < 0 or (n != 1 and "." not in t) for n, t in zip(free, terms, strict=True)
    ):
        raise RuntimeError(f"einsum: the letters {terms} must fit the dimensions of the tensors; "
                           f"got shapes {[t.array.shape for t in tensors]}")  # fmt: skip
    widest = max([n for n, t in zip(free, terms, strict=True) if "." in t], default=0)
    if result is None:
        flat = [label for t in terms for label in t if label != "."]
        result = [".", *sorted(n for n in flat if flat.count(n) == 1)]
    elif len(set(result)) < len(result) or not set(result) <= {".", *(n for t in terms for n in t)}:
        raise RuntimeError(f"einsum: the result has letters of the tensors, once; got {result}")

    def spelt(labels: Labels, n: int) -> Labels:
        return [part for name in labels for part in (dots[64 - n :] if name == "." else [name])]

    return tensors, [spelt(t, n) for t, n in zip(terms, free, strict=True)], spelt(result, widest)
