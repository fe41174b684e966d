"""Tensor: an array, and how it was computed, with PyTorch's names, defaults and answers.

Nearly every method is a function that stands beside its operation in `ops/`: the class is their
table of contents, and `torch.exp(x)` and `x.exp()` are one function.
"""

import builtins
import itertools
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from learnt.engine import autograd
from learnt.engine.autograd import Variable, apply, check_fractions, in_place, mode
from learnt.engine.op import Array, Op
from learnt.engine.ops import activation, arithmetic, linear, pointwise, reduce
from learnt.engine.ops import shape as shapes

Number = float | int | bool
_handles = itertools.count()


class Size(tuple[int, ...]):
    """The sizes of the dimensions: a tuple."""

    __slots__ = ()

    def numel(self) -> int:
        """How many numbers a tensor of this shape holds."""
        return int(np.prod(self, dtype=np.int64))


class Tensor(Variable):
    """An array of numbers (`array`), its gradient (`grad`), and the operation it came from.

    >>> import learnt.engine as torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    __array_priority__ = 100  # so that array * tensor is ours to compute
    grad: "Tensor | None"

    # --- what it is ---------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        """The size of each dimension."""
        return Size(self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its numbers."""
        return self.array.dtype

    @property
    def ndim(self) -> int:
        """How many dimensions it has."""
        return self.array.ndim

    @property
    def is_leaf(self) -> bool:
        """Made by the user, not computed by a recorded operation."""
        return self.op is None

    @property
    def grad_fn(self) -> Op | None:
        """The operation it was computed by."""
        return self.op

    @property
    def data(self) -> "Tensor":
        """The same numbers without their history: changes here are not found out."""
        return self.detach()

    @data.setter
    def data(self, value: "Tensor") -> None:
        self.array = value.array

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension."""
        return self.shape if dim is None else self.array.shape[dim]

    def dim(self) -> int:
        """How many dimensions it has."""
        return self.array.ndim

    def numel(self) -> int:
        """How many numbers it holds."""
        return self.array.size

    nelement = numel

    def is_floating_point(self) -> builtins.bool:
        """Does it hold fractions?"""
        return self.array.dtype.kind == "f"

    def __repr__(self) -> str:
        text = np.array2string(self.array, separator=", ", precision=4, prefix="tensor(")
        dtype = "" if self.dtype in (np.float32, np.int64, np.bool_) else f", dtype={self.dtype}"
        return f"tensor({text}{dtype}{', requires_grad=True' if self.requires_grad else ''})"

    # --- gradients ----------------------------------------------------------------------------

    def backward(
        self,
        gradient: "Tensor | None" = None,
        retain_graph: builtins.bool | None = None,
        create_graph: builtins.bool = False,
        inputs: Any = None,
    ) -> None:
        """Add to the `grad` of every leaf the gradient of this scalar by it (the chain rule).

        `gradient` (same shape) replaces the 1 that a scalar starts from. Without
        `retain_graph` what was saved is freed, and a second call is a RuntimeError.
        """
        autograd.backward(self, gradient, retain_graph, create_graph, inputs)

    def detach(self) -> "Tensor":
        """The same numbers (shared memory) without their history."""
        if mode.trace:
            return apply(Same(), self)
        self.shared = True
        found = Tensor(self.array)
        found.shared = True
        return found

    def detach_(self) -> Self:
        """Forget the history of this tensor."""
        self.op, self.requires_grad = None, False
        return self

    def requires_grad_(self, requires_grad: builtins.bool = True) -> Self:
        """Say whether `backward` shall leave a gradient here."""
        if requires_grad:
            check_fractions(self.array)
        elif self.op is not None:
            raise RuntimeError("requires_grad can only be set of leaves: use .detach()")
        self.requires_grad = requires_grad
        return self

    def retain_grad(self) -> None:
        """Keep the gradient of this tensor, too, though it is no leaf."""
        if not self.requires_grad:
            raise RuntimeError("retain_grad() needs a tensor with requires_grad=True")
        if self.op is not None:
            self.op.retained = weakref.ref(self)

    def register_hook(self, hook: Callable[["Tensor"], "Tensor | None"]) -> "Handle":
        """Call `hook` with the gradient of this tensor; what it returns takes its place."""
        if not self.requires_grad:
            raise RuntimeError("register_hook() needs a tensor with requires_grad=True")
        node = autograd.node_of(self)
        if node.hooks is None:
            node.hooks = {}
        return Handle(node.hooks, hook)

    # --- to Python, NumPy, and other types ----------------------------------------------------

    def numpy(self, *, force: builtins.bool = False) -> Array:
        """The array itself (shared memory); a tensor that requires grad is detached first."""
        if self.requires_grad and not force:
            raise RuntimeError("numpy() needs a tensor without gradient: call .detach().numpy()")
        self.shared = True
        return self.array

    def __array__(self, dtype: npt.DTypeLike = None, copy: builtins.bool | None = None) -> Array:
        return np.array(self.numpy(), dtype, copy=copy)

    def item(self) -> Any:
        """The one number it holds, as Python's."""
        if self.array.size != 1:
            raise RuntimeError(f"item() needs a tensor of one number; got shape {self.array.shape}")
        return self.array.item()

    def tolist(self) -> Any:
        """Its numbers as nested lists."""
        return self.array.tolist()

    def __len__(self) -> builtins.int:
        if not self.array.ndim:
            raise TypeError("len() needs a tensor of at least one dimension")
        return len(self.array)

    def __bool__(self) -> builtins.bool:
        if self.array.size != 1:
            raise RuntimeError(
                f"true or false of a tensor of shape {self.array.shape} is not clear: "
                "use .any() or .all()"
            )
        return builtins.bool(self.array)

    def __float__(self) -> builtins.float:
        return builtins.float(self.item())

    def __int__(self) -> builtins.int:
        return builtins.int(self.item())

    def __index__(self) -> builtins.int:
        if self.array.dtype.kind not in "iu":
            raise TypeError(f"an index must be a whole number; got {self.array.dtype}")
        return builtins.int(self.item())

    def __contains__(self, element: Any) -> builtins.bool:
        return builtins.bool((self == element).array.any())

    def __iter__(self) -> "Iterator[Tensor]":
        return (self[i] for i in range(len(self)))

    def to(self, *args: Any, **kwargs: Any) -> "Tensor":
        """As another type (`x.to(torch.float64)`), or as the type of another tensor.

        There is one device, the CPU.
        """
        dtype = kwargs.get("dtype")
        for given in (*args, kwargs.get("device")):
            if isinstance(given, Tensor):
                dtype = given.array.dtype
            elif not isinstance(given, builtins.bool) and is_dtype(given):
                dtype = given
            elif not isinstance(given, builtins.bool):
                check_device(given)
        found = self if dtype is None else arithmetic.cast(self, dtype)
        return found.clone() if kwargs.get("copy") and found is self else found

    def type(self, dtype: npt.DTypeLike = None) -> Any:
        """As another type; without one, its type's name."""
        return f"torch.{self.dtype}" if dtype is None else self.to(dtype)

    def type_as(self, other: "Tensor") -> "Tensor":
        """As the type of another tensor."""
        return self.to(other.array.dtype)

    def float(self) -> "Tensor":
        """The numbers as float32."""
        return self.to(np.float32)

    def double(self) -> "Tensor":
        """The numbers as float64."""
        return self.to(np.float64)

    def long(self) -> "Tensor":
        """The numbers as int64."""
        return self.to(np.int64)

    def int(self) -> "Tensor":
        """The numbers as int32."""
        return self.to(np.int32)

    def bool(self) -> "Tensor":
        """True where a number is not 0."""
        return self.to(np.bool_)

    def cpu(self) -> Self:
        """Itself: the CPU is where it is."""
        return self

    def contiguous(self) -> "Tensor":
        """The same numbers; how they lie in memory is the engine's business."""
        return self

    def clone(self) -> "Tensor":
        """A copy, through which gradients pass."""
        return apply(Copy(), self)

    # --- arithmetic and comparison ------------------------------------------------------------

    add = __add__ = __radd__ = arithmetic.add
    sub = __sub__ = arithmetic.sub
    __rsub__ = arithmetic.rsub
    mul = __mul__ = __rmul__ = arithmetic.mul
    div = __truediv__ = arithmetic.div
    __rtruediv__ = arithmetic.rdiv
    floor_divide = __floordiv__ = arithmetic.floor_divide
    remainder = __mod__ = arithmetic.remainder
    fmod = arithmetic.fmod
    pow = __pow__ = arithmetic.pow
    __rpow__ = arithmetic.rpow
    neg = __neg__ = pointwise.neg
    abs = __abs__ = pointwise.abs
    matmul = __matmul__ = linear.matmul
    maximum, minimum = arithmetic.maximum, arithmetic.minimum
    clamp = clip = arithmetic.clamp
    eq, ne = arithmetic.eq, arithmetic.ne
    lt = __lt__ = arithmetic.lt
    le = __le__ = arithmetic.le
    gt = __gt__ = arithmetic.gt
    ge = __ge__ = arithmetic.ge
    isnan, isinf, isfinite = pointwise.isnan, pointwise.isinf, pointwise.isfinite

    def __eq__(self, other: Any) -> "Tensor":  # type: ignore[override]
        return arithmetic.eq(self, other) if other is not None else NotImplemented

    def __ne__(self, other: Any) -> "Tensor":  # type: ignore[override]
        return arithmetic.ne(self, other) if other is not None else NotImplemented

    __hash__ = object.__hash__  # by identity, as PyTorch's

    # --- functions of each element ------------------------------------------------------------

    exp, exp2, expm1 = pointwise.exp, pointwise.exp2, pointwise.expm1
    log, log2, log10, log1p = pointwise.log, pointwise.log2, pointwise.log10, pointwise.log1p
    sqrt, rsqrt, square = pointwise.sqrt, pointwise.rsqrt, pointwise.square
    reciprocal, sign = pointwise.reciprocal, pointwise.sign
    floor, ceil, trunc, round = pointwise.floor, pointwise.ceil, pointwise.trunc, pointwise.round
    sin, cos, tan = pointwise.sin, pointwise.cos, pointwise.tan
    sinh, cosh, tanh = pointwise.sinh, pointwise.cosh, pointwise.tanh
    sigmoid, logical_not = pointwise.sigmoid, pointwise.logical_not
    relu = activation.relu
    softmax, log_softmax = activation.softmax, activation.log_softmax

    # --- reductions ---------------------------------------------------------------------------

    sum, mean, var = reduce.sum, reduce.mean, reduce.var
    amax, amin, argmax = reduce.amax, reduce.amin, reduce.argmax

    # --- shapes -------------------------------------------------------------------------------

    reshape = view = shapes.reshape
    flatten, squeeze, unsqueeze = shapes.flatten, shapes.squeeze, shapes.unsqueeze
    permute, transpose, expand = shapes.permute, shapes.transpose, shapes.expand
    __getitem__ = shapes.getitem

    @property
    def T(self) -> "Tensor":  # noqa: N802
        """A matrix transposed."""
        return self.permute(*reversed(range(self.array.ndim)))

    # --- in place -----------------------------------------------------------------------------

    add_ = __iadd__ = in_place(arithmetic.add)
    sub_ = __isub__ = in_place(arithmetic.sub)
    mul_ = __imul__ = in_place(arithmetic.mul)
    div_ = __itruediv__ = in_place(arithmetic.div)


class Handle:
    """What registering a hook returns: `remove()` takes the hook away again."""

    def __init__(self, hooks: dict[int, Any], hook: Callable[..., Any]) -> None:
        self.hooks, self.key = hooks, next(_handles)
        hooks[self.key] = hook

    def remove(self) -> None:
        """Call the hook no more."""
        self.hooks.pop(self.key, None)


class Same(Op):
    """z = x, without history: it stands for `detach` in a graph that is exported."""

    twin = "Identity"
    differentiable = False

    def forward(self, x: Array) -> Array:
        return x


class Copy(Op):
    """z = x, in memory of its own; ∂L/∂x = g."""

    twin = "Identity"

    def forward(self, x: Array) -> Array:
        return x.copy(order="K")

    def backward(self, grad: Array) -> tuple[Array]:
        return (grad.view(),)


def is_dtype(given: Any) -> bool:
    """Is it a type of numbers, as in `x.to(torch.float64)`?"""
    return (
        isinstance(given, np.dtype)
        or given in (float, int, bool)
        or (isinstance(given, type) and issubclass(given, np.generic))
    )


def check_device(device: Any) -> None:
    """NotImplementedError for any device but the CPU."""
    name = str(device)
    if device is not None and name != "cpu" and not name.startswith("cpu:"):
        raise NotImplementedError(f"device {name!r}: this engine runs on the CPU")


Variable.make = Tensor
