"""The same numbers as another type, in other memory, or without their history."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from learnt.engine.autograd import Tensor, apply, mode, wrap
from learnt.engine.device import check_device
from learnt.engine.op import ONNX_TYPES, SILENT, Array, Grads, GraphBuilder, Op


class Cast(Op):
    """The same numbers as another type; the gradient goes back in the type they had."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype, self.differentiable = dtype, dtype.kind == "f"

    def forward(self, x: Array) -> Array:
        self.before = x.dtype
        with SILENT():
            return x.astype(self.dtype)

    def backward(self, grad: Array) -> Grads:
        return (grad.astype(self.before),)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        return graph.add("Cast", x, to=ONNX_TYPES[self.dtype.name])


class Copy(Op):
    """z = x, in memory of its own; ∂L/∂x = g."""

    twin = "Identity"

    def forward(self, x: Array) -> Array:
        return x.copy(order="K")

    def backward(self, grad: Array) -> Grads:
        return (grad.view(),)


class Same(Op):
    """z = x, without history: it stands for `detach` in a graph that is exported."""

    twin, differentiable = "Identity", False

    def forward(self, x: Array) -> Array:
        return x


def to(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """As another type (`x.to(torch.float64)`), or as the type of another tensor.

    Gradients come back in the type they left. There is one device, the CPU.
    """
    wanted = kwargs.get("dtype")
    for given in (*args, kwargs.get("device"), kwargs.get("other")):
        if isinstance(given, Tensor):
            wanted = given.array.dtype
        elif isinstance(given, np.dtype) or given in (float, int, bool, np.float32, np.float64):
            wanted = given
        elif not isinstance(given, bool):
            check_device(given)
    if wanted is None or input.array.dtype == (kind := np.dtype(wanted)):
        return clone(input) if kwargs.get("copy") else input
    return apply(Cast(kind), input)


def as_type(name: str, dtype: npt.DTypeLike) -> Callable[[Tensor], Tensor]:
    """The method that gives the numbers as `dtype`: `x.float()`."""

    def function(input: Tensor) -> Tensor:
        return to(input, np.dtype(dtype))

    function.__name__, function.__doc__ = name, f"The numbers as {np.dtype(dtype)}."
    return function


to_float, to_double = as_type("float", np.float32), as_type("double", np.float64)
to_long, to_int = as_type("long", np.int64), as_type("int", np.int32)
to_bool, to_byte = as_type("bool", np.bool_), as_type("byte", np.uint8)


NAMES = {"float32": "Float", "float64": "Double", "int64": "Long", "int32": "Int", "uint8": "Byte",
         "bool": "Bool"}  # fmt: skip


def type(input: Tensor, dtype: npt.DTypeLike | None = None) -> Any:
    """As another type; without one, the name of its type, "torch.FloatTensor"."""
    if dtype is None:
        return f"torch.{NAMES[input.array.dtype.name]}Tensor"
    named = {f"torch.{name}Tensor": kind for kind, name in NAMES.items()}
    return to(input, np.dtype(named.get(dtype, dtype) if isinstance(dtype, str) else dtype))


def type_as(input: Tensor, other: Tensor) -> Tensor:
    """As the type of another tensor."""
    return to(input, other.array.dtype)


def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy, through which gradients pass."""
    return apply(Copy(), input)


def detach(input: Tensor) -> Tensor:
    """The same numbers (shared memory) without their history."""
    if mode.trace:
        return apply(Same(), input)
    found = wrap(input.array)
    input.shared = found.shared = True
    return found
