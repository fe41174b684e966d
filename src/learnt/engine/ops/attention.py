"""Scaled dot-product attention: each query takes a mean of the values whose keys are like it.

(Vaswani et al. 2017, section 3.2.1; backwards without a normalised P: Dao et al. 2022)
"""

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from learnt.engine.autograd import Tensor, apply, wrap
from learnt.engine.op import SILENT, Array, Grads, GraphBuilder, Op, unbroadcast
from learnt.engine.ops.activation import dropout
from learnt.engine.ops.arithmetic import where
from learnt.engine.ops.linear import row_sums
from learnt.engine.ops.shape import expand, flatten, unsqueeze

ROWS = 64  # queries a block: keys that none of them may see are not even compared


@lru_cache(maxsize=16)
def _later(queries: int, keys: int, kind: str) -> Array:
    """−∞ where the key comes after the query, else 0."""
    return np.triu(np.full((queries, keys), -np.inf, kind), 1)


class Attention(Op):
    """O = softmax(s·QKᵀ + M) V, as R·(P V) with P = e^(s·QKᵀ + M − max) and R = 1/ΣP, by row.

    With G = R·g and D = Σ G·O, one number a row: dS = P·(G Vᵀ − D), ∂L/∂Q = s·dS K,
    ∂L/∂K = s·dSᵀ Q, ∂L/∂V = Pᵀ G, ∂L/∂M = dS.  `causal`: query i sees keys 0 to i.
    Shapes: Q (…, L, E), K (…, S, E), V (…, S, F), M (…, L, S), O (…, L, F); `dropout`
    (…, L, S) multiplies the probabilities.
    """

    def __init__(self, scale: float, causal: bool = False, dropout: Array | None = None) -> None:
        self.scale, self.causal, self.dropout = scale, causal, dropout

    def forward(self, q: Array, k: Array, v: Array, mask: Array | None = None) -> Array:
        self.shapes = [x.shape for x in (q, k, v, mask) if x is not None]
        lead = np.broadcast_shapes(*(shape[:-2] for shape in self.shapes))
        self.size = (*lead, q.shape[-2], k.shape[-2])  # (…, L, S)
        self.q, self.k, self.v, self.parts = q * self.scale, k, v, list[Array]()
        self.r = np.empty((*self.size[:-1], 1), q.dtype)
        self.out: Array = np.empty_like(q, shape=(*self.size[:-1], v.shape[-1]))
        bias = None if mask is None else np.broadcast_to(mask, self.size)
        for rows, keys in self._blocks():
            s = np.matmul(self.q[..., rows, :], k[..., keys, :].swapaxes(-1, -2))
            if bias is not None:
                s = s + bias[..., rows, keys]
            p = self._exponentials(s, rows.start)
            total = row_sums(p)
            self.r[..., rows, :] = 1 / np.where(total == 0, 1, total)  # nothing seen: 0
            o = self.out[..., rows, :]
            np.matmul(self._drop(p, rows, keys), v[..., keys, :], out=o)
            o *= self.r[..., rows, :]
            if self.needs:
                self.parts.append(p)
        return self.out

    def _blocks(self) -> Iterator[tuple[slice, slice]]:
        length, keys = self.size[-2:]
        step = ROWS if self.causal else max(length, 1)
        for start in range(0, length, step):
            stop = min(start + step, length)
            yield slice(start, stop), slice(0, min(stop, keys) if self.causal else keys)

    def _exponentials(self, s: Array, start: int) -> Array:
        if self.causal and start < s.shape[-1]:
            s[..., start:] += _later(s.shape[-2], s.shape[-1] - start, s.dtype.char)
        top = np.maximum.reduce(s, axis=-1, keepdims=True, initial=-np.inf)
        with SILENT():
            s -= np.where(top == -np.inf, 0, top)
            return np.exp(s, out=s)

    def _drop(self, p: Array, rows: slice, keys: slice) -> Array:
        return p if self.dropout is None else p * self.dropout[..., rows, keys]

    def backward(self, grad: Array) -> Grads:
        g, lead = grad * self.r, self.size[:-2]
        d = row_sums(g * self.out)
        dq, dk, dv = (np.zeros_like(x, shape=lead + x.shape[-2:]) for x in (self.q, self.k, self.v))
        dm = np.zeros(self.size, grad.dtype) if self.needs[3:] == (True,) else None
        for (rows, keys), p in zip(self._blocks(), self.parts, strict=True):
            g_rows, v_keys = g[..., rows, :], self.v[..., keys, :]
            ds = self._drop(np.matmul(g_rows, v_keys.swapaxes(-1, -2)), rows, keys)
            ds -= d[..., rows, :]
            ds *= p
            np.matmul(ds, self.k[..., keys, :], out=dq[..., rows, :])
            dk[..., keys, :] += np.matmul(ds.swapaxes(-1, -2), self.q[..., rows, :])
            dv[..., keys, :] += np.matmul(self._drop(p, rows, keys).swapaxes(-1, -2), g_rows)
            if dm is not None:
                dm[..., rows, keys] = ds
        dq *= self.scale
        dq, dk, dv = map(unbroadcast, (dq, dk, dv), self.shapes)
        if len(self.needs) == 3:
            return dq, dk, dv
        return dq, dk, dv, None if dm is None else unbroadcast(dm, self.shapes[3])

    def onnx(self, graph: GraphBuilder, q: str, k: str, v: str, mask: str | None = None) -> str:
        if self.dropout is not None:
            raise NotImplementedError("dropout belongs to training: export after model.eval()")
        n, like = graph.traced(k).ndim, graph.traced(q).dtype
        turned = graph.add("Transpose", k, perm=[*range(n - 2), n - 1, n - 2])
        s = graph.add("MatMul", graph.add("Mul", q, graph.constant(self.scale, like)), turned)
        if self.causal:
            s = graph.add("Add", s, graph.constant(_later(*self.size[-2:], like.char)))
        p = graph.add("Softmax", s if mask is None else graph.add("Add", s, mask), axis=-1)
        if mask is not None:  # nothing seen: 0
            p = graph.add("Where", graph.add("IsNaN", p), graph.constant(0, like), p)
        return graph.add("MatMul", p, v)


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query keyᵀ · scale + attn_mask) value, `scale` being 1/√E by default.

    query (…, L, E), key (…, S, E), value (…, S, F) → (…, L, F). `attn_mask` (…, L, S) holds True
    where a key takes part, or numbers to add. With `enable_gqa` groups of heads share a key.
    """
    if attn_mask is not None and is_causal:
        raise RuntimeError("attention takes attn_mask or is_causal=True; got both")
    kinds = [x.array.dtype for x in (query, key, value, attn_mask) if x is not None]
    kind = kinds[0]
    if kind.kind != "f" or {*kinds[:3]} != {kind} or not {*kinds[3:]} <= {kind, np.dtype(bool)}:
        raise RuntimeError(
            "query, key and value must be fractions of one dtype, and the mask that or bool; got "
            + ", ".join(map(str, kinds))
        )
    if enable_gqa:
        key, value = (_shared(x, query.shape[-3]) for x in (key, value))
    drop = None
    if dropout_p:
        lead = np.broadcast_shapes(*(x.shape[:-2] for x in (query, key, value)))
        every = np.ones((*lead, query.shape[-2], key.shape[-2]), kind)
        drop = dropout(wrap(every), dropout_p).array
    op = Attention(1 / math.sqrt(query.shape[-1]) if scale is None else scale, is_causal, drop)
    if attn_mask is None:
        return apply(op, query, key, value)
    if attn_mask.array.dtype == np.bool_:
        seen, hidden = (wrap(np.asarray(x, kind)) for x in (0, -np.inf))
        attn_mask = where(attn_mask, seen, hidden)
    return apply(op, query, key, value, attn_mask)


def _shared(x: Tensor, heads: int) -> Tensor:
    """(…, heads/n, S, E) as (…, heads, S, E): each of them n times."""
    n, rest = divmod(heads, x.shape[-3])
    if rest:
        raise RuntimeError(f"heads of key and value must divide {heads}; got {x.shape[-3]}")
    return flatten(expand(unsqueeze(x, -3), *x.shape[:-2], n, *x.shape[-2:]), -4, -3)
