"""What a tensor is, apart from its operations: shape, type, history; to Python, to NumPy and back.

`tensor.py` adds the operations.
"""

import builtins
import itertools
import weakref
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from learnt.engine import autograd
from learnt.engine.autograd import Tensor, check_fractions, mode
from learnt.engine.autograd.variable import Variable
from learnt.engine.device import CPU, check_device, device
from learnt.engine.op import Array, Op, normalize_dim
from learnt.engine.ops.shape import unpack

_handles = itertools.count()


class Size(tuple[int, ...]):
    """The sizes of the dimensions: a tuple."""

    __slots__ = ()

    def numel(self) -> int:
        """How many numbers a tensor of this shape holds."""
        return int(np.prod(self, dtype=np.int64))

    def __getitem__(self, index: Any) -> Any:
        found = tuple.__getitem__(self, index)
        return Size(found) if isinstance(index, slice) else found

    def __add__(self, other: Any) -> Any:
        return Size(tuple.__add__(self, other))


class TensorBase(Variable):
    """A tensor without its operations."""

    __array_priority__ = 100  # so that array * tensor is ours to compute

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
    def device(self) -> device:
        """Where it is: the CPU."""
        return CPU

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension."""
        shape = self.array.shape
        return Size(shape) if dim is None else shape[normalize_dim(dim, len(shape))]

    def dim(self) -> int:
        """How many dimensions it has."""
        return self.array.ndim

    def numel(self) -> int:
        """How many numbers it holds."""
        return self.array.size

    nelement = numel

    is_cuda = False

    def is_floating_point(self) -> builtins.bool:
        """Does it hold fractions?"""
        return self.array.dtype.kind == "f"

    def __repr__(self) -> str:
        array, kind = self.array, self.array.dtype
        sizes = np.abs(array[np.isfinite(array) & (array != 0)])
        places = sizes.size and ((sizes % 1).any() or sizes.max() > min(1000 * sizes.min(), 1e8))
        mode: Any = "fixed" if places and kind.kind == "f" else "maxprec"  # 4 places, or none
        text = np.array2string(array, separator=", ", precision=4, prefix="tensor(", floatmode=mode)
        size = f", size={array.shape}" if not array.size and array.ndim > 1 else ""
        known = kind in (np.float32, np.int64, np.bool_)
        grad = f"grad_fn=<{type(self.op).__name__}>" if self.op else "requires_grad=True"
        rest = ("" if known else f", dtype=torch.{kind}") + f", {grad}" * self.requires_grad
        return f"tensor({text}{size}{rest})"

    def __format__(self, spec: str) -> str:
        if self.array.ndim == 0:
            return format(self.item(), spec)
        return object.__format__(self, spec)

    def is_contiguous(self) -> builtins.bool:
        """Do its numbers lie in memory in the order of its dimensions?"""
        return builtins.bool(self.array.flags.c_contiguous)

    def stride(self, dim: builtins.int | None = None) -> Any:
        """How many numbers apart neighbours along each dimension lie in memory."""
        steps = tuple([n // self.array.itemsize for n in self.array.strides])
        return steps if dim is None else steps[dim]

    def element_size(self) -> builtins.int:
        """Bytes of one number."""
        return self.array.itemsize

    # --- gradients ----------------------------------------------------------------------------

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: builtins.bool | None = None,
        create_graph: builtins.bool = False,
        inputs: Any = None,
    ) -> None:
        """Add to the `grad` of every leaf the gradient of this scalar by it (the chain rule).

        `gradient` (same shape) replaces the 1 that a scalar starts from. Without
        `retain_graph` what was saved is freed, and a second call is a RuntimeError.
        """
        tensor: Any = self
        autograd.backward(tensor, gradient, retain_graph, create_graph, inputs=inputs)

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

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> "Handle":
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
        return self.read()

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: builtins.bool | None = None
    ) -> Array:
        return np.array(self.numpy(), dtype, copy=copy)

    def item(self) -> Any:
        """The one number it holds, as Python's."""
        if self.array.size != 1:
            raise RuntimeError(f"item() needs a tensor of one number; got shape {self.array.shape}")
        return self.read().item()

    def read(self) -> Array:
        """The array, for use outside the graph: not where that is traced for export."""
        if mode.trace and self.op is not None:
            raise NotImplementedError(
                "export of a value of the input that leaves the tensors (.item(), if, .numpy()): "
                "compute with tensors, as in torch.where, instead"
            )
        return self.array

    def tolist(self) -> Any:
        """Its numbers as nested lists."""
        return self.read().tolist()

    def __len__(self) -> builtins.int:
        if not self.array.ndim:
            raise TypeError("len() and iteration need a tensor of at least one dimension")
        return len(self.array)

    def __bool__(self) -> builtins.bool:
        if self.array.size != 1:
            raise RuntimeError(
                f"true or false of a tensor of shape {self.array.shape} is not clear: "
                "use .any() or .all()"
            )
        return builtins.bool(self.read())

    def __float__(self) -> builtins.float:
        return builtins.float(self.item())

    def __int__(self) -> builtins.int:
        return builtins.int(self.item())

    def __index__(self) -> builtins.int:
        if self.array.dtype.kind not in "iu":
            raise TypeError(f"an index must be a whole number; got {self.array.dtype}")
        return builtins.int(self.item())

    def cpu(self) -> Self:
        """Itself: the CPU is where it is."""
        return self

    def new_full(self, size: Any, fill_value: Any, *, dtype: Any = None, **options: Any) -> Tensor:
        """All `fill_value`, of this tensor's type."""
        wanted = (size,) if isinstance(size, builtins.int) else tuple(size)
        kind = dtype or self.array.dtype
        return self.new_tensor(np.full(wanted, fill_value, kind), dtype=kind, **options)

    def new_zeros(self, *size: Any, **options: Any) -> Tensor:
        """All 0, of this tensor's type."""
        return self.new_full(unpack(size), 0, **options)

    def new_ones(self, *size: Any, **options: Any) -> Tensor:
        """All 1, of this tensor's type."""
        return self.new_full(unpack(size), 1, **options)

    new_empty = new_zeros

    def new_tensor(
        self, data: Any, *, dtype: Any = None, device: Any = None,
        requires_grad: builtins.bool = False, layout: Any = None, pin_memory: Any = False,
    ) -> Tensor:  # fmt: skip
        """A new tensor from numbers or nested lists, of this tensor's type."""
        check_device(device)
        array = np.array(getattr(data, "array", data), dtype or self.array.dtype)
        found: Tensor = Variable.make(array)
        return found.requires_grad_(requires_grad)


class Handle:
    """What registering a hook returns: `remove()` takes the hook away again."""

    def __init__(self, hooks: dict[int, Any], hook: Callable[..., Any]) -> None:
        self.hooks, self.key = hooks, next(_handles)
        hooks[self.key] = hook

    def remove(self) -> None:
        """Call the hook no more."""
        self.hooks.pop(self.key, None)
