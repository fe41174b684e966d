"""What an operation is: forward, backward and its ONNX twin, side by side.

The files in `ops/` hold one family of operations each. An operation knows arrays and nothing of
tensors: it is made with its options, `forward` takes arrays and keeps what its `backward` will
want, and `onnx` says which standard operators compute the same thing.
"""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, ParamSpec, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Grads = tuple[Array | None, ...]
P = ParamSpec("P")
R = TypeVar("R")
SILENT = partial(np.errstate, all="ignore")  # 1/0 is ∞ and log −1 nan, unsaid, as in PyTorch

# onnx.proto3, TensorProto.DataType
ONNX_TYPES = {"float32": 1, "uint8": 2, "int32": 6, "int64": 7, "bool": 9, "float64": 11}


class GraphBuilder(Protocol):
    """What an operation may ask of the graph it is exported into."""

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Append an operator; returns the name of its (first) result."""
        ...

    def constant(self, value: Any, dtype: Any = None) -> str:
        """Numbers that are part of the graph; returns their name."""
        ...

    def traced(self, name: str) -> Array:
        """What the value of that name was when the graph was traced: its shape and type."""
        ...


class Op:
    """One operation, applied once: it lives as long as the result it computed.

    `forward` takes one array an input; `backward` takes the gradient of the loss by the
    result and returns one gradient an input (None where `needs` says it is not wanted).
    Arrays kept on `self` must not change before `backward`: a change in place is found out.
    The operations that its inputs came from are the graph that a gradient walks back.
    """

    differentiable: bool = True  # False: gradients stop here, as at a comparison
    view: bool = False  # True: the result lies in the memory of the input
    twin: str = ""  # the ONNX operator that computes the same, where there is one
    needs: tuple[bool, ...] = ()  # which inputs want a gradient, known before `forward`; () is none
    inputs: tuple[Any, ...] = ()  # where each input came from: an operation, a leaf, or None
    time: int = 0  # when it was recorded, on the clock of operations and changes in place
    hooks: dict[int, Callable[[Any], Any]] | None = None  # called with the result's gradient
    used: bool = False  # has a backward pass freed it?
    traced: Array  # the result, where a graph is traced
    retained: Callable[[], Any] | None = None  # the result, where it shall keep its gradient
    forward: Callable[..., Array]

    def backward(self, grad: Array) -> Grads:
        """Gradients of the inputs from the gradient of the result (the chain rule).

        An array returned becomes its receiver's: one that others hold goes back as a view.
        """
        raise NotImplementedError(f"{type(self).__name__} has no gradient")

    def free(self) -> None:
        """Let go of all that was kept: the gradient has passed."""
        if self.view:  # its result may still be changed in place, through it
            self.inputs = ()
        else:
            vars(self).clear()
        self.used = True

    def onnx(self, graph: GraphBuilder, *inputs: Any, **_: Any) -> str:
        """Append operators that compute the same of `inputs`; returns the name of the result."""
        if not self.twin:
            raise NotImplementedError(f"{type(self).__name__} has no ONNX twin")
        return graph.add(self.twin, *inputs)


def unbroadcast(grad: Array, shape: tuple[int, ...]) -> Array:
    """Sum `grad` back to `shape`: what was repeated forwards is added up backwards."""
    if grad.shape == shape:
        return grad
    extra = grad.ndim - len(shape)
    stretched = (i + extra for i, n in enumerate(shape) if n == 1 and grad.shape[i + extra] != 1)
    axes = (*range(extra), *stretched)
    return np.add.reduce(grad, axis=axes, keepdims=True).reshape(shape)


def normalize_dim(dim: int, ndim: int) -> int:
    """One dimension as a non-negative number; IndexError if there is no such dimension."""
    if -ndim <= dim < ndim:
        return dim % ndim
    (found,) = normalize_dims(dim, ndim) or (0,)
    return found


def normalize_dims(dims: int | tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    """Dimensions as sorted non-negative numbers; None is all of them."""
    if dims is None:
        return tuple(range(ndim))
    wanted = (dims,) if isinstance(dims, int) else tuple(dims)
    for d in wanted:
        if not -max(ndim, 1) <= d < max(ndim, 1):
            raise IndexError(
                f"dim must be between {-ndim} and {ndim - 1} for a tensor of {ndim} dimensions; "
                f"got {d}"
            )
    found = sorted(d % max(ndim, 1) for d in wanted)
    if len(set(found)) < len(found):
        raise RuntimeError(f"each dim may be given once; got {wanted}")
    return tuple(found) if ndim else ()


def numpy_names(function: Callable[P, R]) -> Callable[P, R]:
    """The function, with NumPy's names for its options, too: axis for dim, keepdims for keepdim."""

    @wraps(function)
    def named(*args: P.args, **kwargs: P.kwargs) -> R:
        for theirs, ours in (("axis", "dim"), ("keepdims", "keepdim")):
            if theirs in kwargs:
                kwargs[ours] = kwargs.pop(theirs)
        return function(*args, **kwargs)

    return named
