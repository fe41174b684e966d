"""Indexing: x[…] read and written, and by name: gather, scatter, index_add, masked_fill, …

An index is taken apart: what is basic (numbers, slices, None, …) is a view, and tensors of
places and masks pick a copy from that.
"""

from collections.abc import Sequence
from types import EllipsisType, NoneType
from typing import Any

import numpy as np

from learnt.engine.autograd import Tensor, apply, in_place, mode, note_change, wrap
from learnt.engine.op import normalize_dim
from learnt.engine.ops.arithmetic import copy, where
from learnt.engine.ops.pick import ALL, NonZero, Pick, Put, Slice, width

Number = float | int | bool
BASIC = {int, slice, NoneType, EllipsisType}  # what an index that is a view is made of


def getitem(input: Tensor, index: Any) -> Tensor:
    """input[index]: a view if there are no tensors, lists or truths in the index."""
    parts, shape = index if type(index) is tuple else (index,), input.array.shape
    try:
        if BASIC.issuperset(map(type, parts)):
            return apply(Slice(parts), input)
        basic, dims, tensors = parse(input, index)
        if not dims or any(part != ALL for part in basic):
            input = apply(Slice(basic), input)
        return apply(Pick(dims), input, *tensors) if dims else input
    except IndexError as error:  # NumPy's
        says = str(error).replace("axis", "dimension").replace("array", "tensor")
        raise IndexError(f"x[...], where x has shape {shape}: {says}") from None


def parse(input: Tensor, index: Any) -> tuple[tuple[Any, ...], list[int], list[Tensor]]:
    """An index in two: a basic one, and tensors for dimensions of what that leaves."""
    nested = isinstance(index, list) and any(not isinstance(p, int | np.number) for p in index)
    parts = [_part(p) for p in (index if isinstance(index, tuple) or nested else (index,))]
    arrays = [p.array if isinstance(p, Tensor) else p for p in parts]
    sizes = [0 if a is None or a is Ellipsis else width(a) for a in arrays]
    basic, dims, tensors = list[Any](), list[int](), list[Tensor]()
    for part, n in zip(parts, sizes, strict=True):
        if isinstance(part, Tensor):
            dims.append(sum(type(p) is not int for p in basic))
            tensors.append(part if n else part.reshape(1))
            basic += [ALL] * n or [None]  # True stands for a new dimension
        else:
            basic += [ALL] * (input.array.ndim - sum(sizes)) if part is Ellipsis else [part]
    if len(dims) > 1 and not all(t.array.ndim for t in tensors):
        raise NotImplementedError("export of x[i, j] where the input decides i, and j is a tensor")
    return tuple(basic), dims, tensors


def _part(part: Any) -> Any:
    """A part of an index: as it is, as an int, or as a tensor of whole numbers or truths."""
    if type(part) in BASIC:
        return part
    if not isinstance(part, Tensor):
        part = wrap(np.asarray(part) if np.size(part) else np.zeros(np.shape(part), np.int64))
    if (kind := part.array.dtype).kind not in "biu":
        raise IndexError(
            f"an index needs whole numbers, slices, ..., None or bool; got {kind}: .long() converts"
        )
    if part.array.dtype in (np.bool_, np.uint8):  # a mask
        return part.bool()
    return part if part.array.ndim or part.op is not None else int(part.array)


def setitem(input: Tensor, index: Any, value: Tensor | Number) -> None:
    """input[index] = value."""
    if not isinstance(value, Tensor | int | float | np.number | np.bool_):
        raise TypeError(f"a number or a tensor can be assigned; got {type(value).__name__}")
    basic, dims, tensors = parse(input, index)
    new, cut = _value(input, value, exact=bool(dims)), Slice(basic)
    target = input.array[cut.index]
    if new.base is input and new.array.__array_interface__ == target.__array_interface__:
        return  # x[index] += 1 has changed its part already
    if (mode.grad and (input.requires_grad or new.requires_grad)) or (
        mode.trace and any(t.op is not None for t in (input, new, *tensors))
    ):
        whole = dims and all(part == ALL for part in basic)
        put_(input if whole else apply(cut, input), new, dims, tensors)
        return
    if not target.flags.writeable:
        raise RuntimeError("x[index] = value needs memory of its own: call x.clone() first")
    try:
        target[Pick(dims).places([t.array for t in tensors]) or ...] = new.array
    except ValueError as error:
        raise RuntimeError(f"the value must fit into x[index]: {error}") from None
    note_change(input.array)


def _value(input: Tensor, value: Any, exact: bool = True) -> Tensor:
    """What is put into `input`, as a tensor of its type, which tensors must have if `exact`."""
    if not isinstance(value, Tensor):
        return wrap(np.asarray(value, input.array.dtype))
    if exact and value.array.dtype != input.array.dtype:
        raise RuntimeError(
            f"a value for {input.array.dtype} must have that type; got {value.array.dtype}"
        )
    return value.to(input.array.dtype)


def put(
    input: Tensor, value: Tensor, dims: Sequence[int], indices: Sequence[Tensor], add: bool = False
) -> Tensor:
    """The input with the value at (or added to) those places of `dims`; everywhere without any."""
    if not dims:
        extra = max(value.array.ndim - input.array.ndim, 0)  # ones in front
        return copy(input, value.reshape(value.array.shape[extra:]) if extra else value)
    mask = indices[0]
    if not add and mask.array.dtype.kind == "b" and len(dims) == value.array.size == 1:
        rest = input.array.ndim - dims[0] - mask.array.ndim
        wide = mask.reshape(*mask.array.shape, *[1] * rest)
        return masked_fill(input, wide, value.reshape(()))
    return apply(Put(dims, reduce="add" if add else "none"), input, value, *indices)


put_ = in_place(put)


def index_put(
    input: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: bool = False
) -> Tensor:
    """With `values` at input[indices]; added there, repeats too, if `accumulate`."""
    tensors = [t if t.array.ndim else t.reshape(1) for t in indices]
    _, dims, places = parse(input, tuple(tensors))
    return put(input, _value(input, values), dims, places, accumulate)


def axis(input: Tensor, dim: int) -> int:
    """The dimension, not negative; there must be one."""
    if not input.array.ndim:
        raise NotImplementedError("dim of a tensor that has none: use input.reshape(1)")
    return normalize_dim(dim, input.array.ndim)


def _dim(input: Tensor, dim: int, index: Tensor, error: type[Exception] = RuntimeError) -> int:
    """The dimension, if all of `index` are places in it."""
    at, places = axis(input, dim), index.array
    if places.size and places.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"an index must be of int64 or int32; got {places.dtype}")
    low, high, size = places.min(initial=0), places.max(initial=0), input.array.shape[at]
    if places.size and not 0 <= low <= high < size:
        found = low if low < 0 else high
        shape = input.array.shape
        raise error(f"an index for dim {at} of {shape} must be from 0 to {size - 1}; got {found}")
    return at


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices of `dim` that `index` (a vector) names, in its order."""
    if index.array.ndim > 1:
        raise IndexError(f"index_select needs a vector of places; got shape {index.array.shape}")
    return apply(Pick([_dim(input, dim, index, IndexError)]), input, index.reshape(-1))


def index_add(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Number = 1
) -> Tensor:
    """With alpha · `source` added to the slices of `dim` that `index` names, repeats too."""
    return _rows(input, dim, index, source if alpha == 1 else source * alpha, True, RuntimeError)


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """With `source` in place of the slices of `dim` that `index` names."""
    return _rows(input, dim, index, source, False, IndexError)


def _rows(
    input: Tensor, dim: int, index: Tensor, source: Tensor, add: bool, error: type[Exception]
) -> Tensor:
    at = _dim(input, dim, index, error)
    shape = (*input.array.shape[:at], index.array.size, *input.array.shape[at + 1 :])
    if source.array.shape != shape:
        raise error(f"source must be {shape}, a slice an index; got {source.array.shape}")
    return put(input, _value(input, source), [at], [index.reshape(-1)], add)


def index_fill(input: Tensor, dim: int, index: Tensor, value: Tensor | Number) -> Tensor:
    """With `value` in the slices of `dim` that `index` names."""
    at, shape = axis(input, dim), input.array.shape
    row = put(wrap(np.zeros(shape[at], bool)), wrap(np.array(True)), [0], [index.reshape(-1)])
    return masked_fill(input, row.reshape(-1, *[1] * (len(shape) - at - 1)), value)


def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """z[i, j] = input[i, index[i, j]] (dim=1), and so on; of the shape of `index`.

    >>> import learnt.engine as torch
    >>> torch.tensor([[1, 2], [3, 4]]).gather(1, torch.tensor([[1], [0]]))
    tensor([[2],
            [3]])
    """
    if not index.array.size:  # which then may have any shape
        return input.reshape(-1)[:0].reshape(index.array.shape)
    return apply(Pick([_along(input, dim, index)], True), input, index)


def scatter(
    input: Tensor, dim: int, index: Tensor, src: Tensor | Number | None = None, *,
    value: Number | None = None, reduce: str | None = None,
) -> Tensor:  # fmt: skip
    """z[i, index[i, j]] = src[i, j] (dim=1), and so on; "add" or "multiply" by `reduce`.

    `src` may be a number, also by the name `value`.
    """
    new, kinds = _value(input, value if src is None else src), {"add": "add", "multiply": "mul"}
    if reduce is not None and reduce not in kinds:
        raise RuntimeError(f"reduce must be 'add' or 'multiply'; got {reduce!r}")
    at = _along(input, dim, index, src)
    if new.array.ndim and new.array.shape != index.array.shape:
        new = new[tuple(map(slice, index.array.shape))]
    return apply(Put([at], True, kinds[reduce] if reduce else "none"), input, new, index)


def _along(input: Tensor, dim: int, index: Tensor, src: Any = None) -> int:
    """The dimension, if `index` fits into `input` (in all others) and into `src`."""
    at, shape = _dim(input, dim, index), index.array.shape
    for t, free in ((input, at), (src, -1)):
        sizes = t.array.shape if isinstance(t, Tensor) else shape
        fits = [n <= m or d == free for d, (n, m) in enumerate(zip(shape, sizes, strict=False))]
        if len(shape) != len(sizes) or not all(fits):
            raise RuntimeError(
                f"index must have as many dimensions as input and src, none larger (but {at} of "
                f"input); got index {shape} for {sizes}"
            )
    return at


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """z[i, index[i, j]] += src[i, j] (dim=1), and so on."""
    return scatter(input, dim, index, src, reduce="add")


def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements at places counted through all dimensions; of the shape of `index`."""
    return apply(Pick([0]), input.reshape(-1), index)


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """As `gather`, the other dimensions broadcast; without `dim`, among all elements."""
    if dim is None:
        return gather(input.reshape(-1), 0, indices.reshape(-1))
    at = normalize_dim(dim, input.array.ndim)
    wide = list(broadcast_shapes(*[(*t.array.shape[:at], 1, *t.array.shape[at + 1 :])
                                      for t in (input, indices)]))  # fmt: skip
    wide[at] = -1
    return apply(Pick([at], True), input.expand(wide), indices.expand(wide))


def masked_fill(input: Tensor, mask: Tensor, value: Tensor | Number) -> Tensor:
    """`value` (a number, or a tensor of no dimensions) where the mask is true."""
    if mask.array.dtype != np.bool_ or (isinstance(value, Tensor) and value.array.ndim):
        raise RuntimeError(
            f"masked_fill needs a mask of bool, and one number; got {mask.array.dtype} and {value}"
        )
    found: Tensor = where(mask, _value(input, value, exact=False), input)
    return found


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask is true, in a row."""
    if mask.array.dtype != np.bool_:
        raise RuntimeError(f"the mask must be of bool; got {mask.array.dtype}")
    shape = broadcast_shapes(input.array.shape, mask.array.shape)
    return getitem(input.expand(shape), mask.expand(shape))


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """The first elements of `source`, one after the other, where the mask is true."""
    mask = mask.expand(broadcast_shapes(input.array.shape, mask.array.shape))
    if np.count_nonzero(mask.array) > source.array.size:
        raise RuntimeError(f"source must fill the mask; got {source.array.size} elements")
    place = (mask.reshape(-1).cumsum(0) - 1).clamp(min=0).reshape(mask.array.shape)
    found: Tensor = where(mask, take(_value(input, source), place), input)
    return found


def broadcast_shapes(*shapes: int | Sequence[int]) -> tuple[int, ...]:
    """The shape that all of these broadcast to."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError as error:
        raise RuntimeError(f"the shapes must broadcast: {error}") from None


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The places of all elements that are not 0: (number, ndim), or a tensor a dimension."""
    found = apply(NonZero(), input if input.array.ndim else input.reshape(1))
    if as_tuple:
        return tuple([found[:, i] for i in range(found.array.shape[1])])
    return found if input.array.ndim else found[:, :0]


argwhere = nonzero
