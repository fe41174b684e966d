"""`torch.linalg`: the norms that need no decomposition."""

from typing import Any

from learnt.engine.autograd import Tensor
from learnt.engine.op import normalize_dim
from learnt.engine.ops.reduce import Dims, DType
from learnt.engine.ops.reduce import norm as vectors


def vector_norm(
    x: Tensor, ord: float = 2, dim: Dims = None, keepdim: bool = False, *, dtype: DType = None
) -> Tensor:
    """(Σ |x|ᵖ)^(1/p) over `dim`, or all, as one vector; p is `ord`."""
    return vectors(x, ord, dim, keepdim, dtype=dtype)


def norm(
    A: Tensor,  # noqa: N803
    ord: Any = None,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: DType = None,
) -> Tensor:
    """Of a matrix (or over two dimensions), "fro", ±1 or ±∞; else as `vector_norm`.

    1 is the largest sum of a column, ∞ that of a row, and −1 and −∞ are the smallest.
    """
    n = A.array.ndim
    dims = dim if dim is not None or ord is None else tuple(range(n))
    if ord is None or isinstance(dims, int) or len(dims or ()) == 1:
        return vectors(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)
    if dims is None or len(dims) != 2:
        raise RuntimeError(f"linalg.norm takes one or two dimensions; got shape {A.array.shape}")
    if ord == "fro":
        return vectors(A, 2, dims, keepdim, dtype=dtype)
    if ord not in (1, -1, float("inf"), -float("inf")):
        raise NotImplementedError(f"linalg.norm of a matrix with ord={ord!r}: no decompositions")
    rows, columns = (normalize_dim(d, n) for d in dims)
    over, of = (rows, columns) if ord in (1, -1) else (columns, rows)
    sums = vectors(A, 1, over, keepdim, dtype=dtype)
    of -= over < of and not keepdim
    found: Tensor = sums.amax(of, keepdim) if ord > 0 else sums.amin(of, keepdim)
    return found
