"""Reductions: many numbers to fewer, over chosen dimensions."""

from collections.abc import Sequence

import numpy as np

from learnt.engine.autograd import Tensor, apply
from learnt.engine.op import Array, Grads, GraphBuilder, Op, normalize_dim, normalize_dims

Dims = int | Sequence[int] | None


class Reduce(Op):
    """Over `dims` (sorted, non-negative), keeping them as size 1 with `keepdim`."""

    def __init__(self, dims: tuple[int, ...], keepdim: bool) -> None:
        self.dims, self.keepdim = dims, keepdim

    def widen(self, reduced: Array) -> Array:
        """The reduced array with its lost dimensions back as 1, so that it broadcasts."""
        if self.keepdim or not self.dims:
            return reduced
        return np.expand_dims(reduced, self.dims)

    def export(self, graph: GraphBuilder, kind: str, x: str) -> str:
        axes = graph.constant(list(self.dims), "int64")
        return graph.add(kind, x, axes, keepdims=int(self.keepdim), noop_with_empty_axes=1)


class Sum(Reduce):
    """z = Σ x; ∂z/∂x = 1."""

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        kind = x.dtype if x.dtype.kind == "f" else np.int64
        return np.asarray(np.sum(x, axis=self.dims, keepdims=self.keepdim, dtype=kind))

    def backward(self, grad: Array) -> Grads:
        return (np.broadcast_to(self.widen(grad), self.shape),)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        return self.export(graph, "ReduceSum", x)


class Mean(Reduce):
    """z = Σ x / n; ∂z/∂x = 1/n."""

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        return np.asarray(np.mean(x, axis=self.dims, keepdims=self.keepdim))

    def backward(self, grad: Array) -> Grads:
        n = int(np.prod([self.shape[d] for d in self.dims]))
        return (np.broadcast_to(self.widen(grad) / n, self.shape),)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        return self.export(graph, "ReduceMean", x)


class Var(Reduce):
    """z = Σ (x − x̄)² / (n − c); ∂z/∂x = 2(x − x̄)/(n − c); c = 1 is Bessel's correction."""

    def __init__(self, dims: tuple[int, ...], keepdim: bool, correction: int) -> None:
        super().__init__(dims, keepdim)
        self.correction = correction

    def forward(self, x: Array) -> Array:
        self.away = x - np.mean(x, axis=self.dims, keepdims=True)
        self.n = int(np.prod([x.shape[d] for d in self.dims])) - self.correction
        total = np.sum(self.away * self.away, axis=self.dims, keepdims=self.keepdim)
        with np.errstate(divide="ignore", invalid="ignore"):  # one value: nan, as in PyTorch
            return np.asarray(total / np.asarray(self.n, x.dtype))

    def backward(self, grad: Array) -> Grads:
        return (self.widen(grad) * self.away * (2 / self.n),)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        axes = graph.constant(list(self.dims), "int64")
        away = graph.add("Sub", x, graph.add("ReduceMean", x, axes))
        if self.correction == 0:
            return self.export(graph, "ReduceMean", graph.add("Mul", away, away))
        if 0 in self.dims:
            raise NotImplementedError(
                "export of var over the batch, whose size is not known: use correction=0"
            )
        total = self.export(graph, "ReduceSum", graph.add("Mul", away, away))
        return graph.add("Div", total, graph.constant(float(self.n), "float32"))


class Extreme(Reduce):
    """z = max x or min x; the gradient is shared among equals, as PyTorch's amax shares it."""

    def __init__(self, dims: tuple[int, ...], keepdim: bool, largest: bool) -> None:
        super().__init__(dims, keepdim)
        self.largest = largest

    def forward(self, x: Array) -> Array:
        best = np.max if self.largest else np.min
        self.x = x
        self.z = np.asarray(best(x, axis=self.dims, keepdims=self.keepdim))
        return self.z

    def backward(self, grad: Array) -> Grads:
        chosen = self.x == self.widen(self.z)
        share = np.sum(chosen, axis=self.dims, keepdims=True).astype(grad.dtype)
        return (chosen * (self.widen(grad) / share),)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        return self.export(graph, "ReduceMax" if self.largest else "ReduceMin", x)


class ArgMax(Op):
    """z = where the largest element of each row along `dim` is (int64): no gradient."""

    differentiable = False

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Array) -> Array:
        return np.asarray(x.argmax(self.dim))

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        return graph.add("ArgMax", x, axis=self.dim, keepdims=0)


def dims_of(dim: Dims, input: Tensor) -> tuple[int, ...]:
    """The dimensions meant, sorted; None and () are all."""
    wanted = tuple(dim) if isinstance(dim, Sequence) else dim
    return normalize_dims(None if wanted == () else wanted, input.array.ndim)


def sum(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The sum over `dim` (all by default)."""
    return apply(Sum(dims_of(dim, input), keepdim), input)


def mean(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The mean over `dim` (all by default)."""
    return apply(Mean(dims_of(dim, input), keepdim), input)


def var(input: Tensor, dim: Dims = None, *, correction: int = 1, keepdim: bool = False) -> Tensor:
    """The variance over `dim`, with Bessel's correction unless `correction=0`."""
    return apply(Var(dims_of(dim, input), keepdim, correction), input)


def amax(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The largest over `dim`; equals share the gradient."""
    return apply(Extreme(dims_of(dim, input), keepdim, True), input)


def amin(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The smallest over `dim`; equals share the gradient."""
    return apply(Extreme(dims_of(dim, input), keepdim, False), input)


def argmax(input: Tensor, dim: int | None = None) -> Tensor:
    """Where the largest element is, along `dim` or in all (int64; no gradient)."""
    if dim is None:
        return argmax(input.flatten(), 0)
    return apply(ArgMax(normalize_dim(dim, input.array.ndim)), input)
