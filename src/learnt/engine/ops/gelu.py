"""GELU and erf, which NumPy lacks; in blocks that stay in the processor's cache.

GELU weighs x by the probability that a normal variable is below it.  (Hendrycks & Gimpel 2016)
"""

import math
from collections.abc import Iterator

import numpy as np

from learnt.engine.autograd import Tensor, apply
from learnt.engine.op import SILENT, Array, Grads, GraphBuilder, Op
from learnt.engine.ops.pointwise import constant, unary

BLOCK = 2**16  # numbers: a few arrays of so many lie in a cache of 1 MB

# erf(x/√2) = tanh(x·P(x²)): P's coefficients, the last first. TANH is the approximation of the
# paper; EXACT is fitted (Lawson's algorithm, on atanh(erf(x/√2))/x) to a relative error of 10⁻⁷
TANH = (0.044715 * math.sqrt(2 / math.pi), math.sqrt(2 / math.pi))
EXACT = (
    1.5677178979289773e-09,
    -1.252689927243673e-07,
    3.87317177425696e-06,
    -5.4782179514621326e-05,
    -3.3910516079842556e-05,
    0.03633434775059373,
    0.7978846366459402,
)
_erf64 = np.frompyfunc(math.erf, 1, 1)  # slow, and right to the last bit or two


def _erf(x: Array, squares: Array, out: Array, terms: tuple[float, ...] = EXACT) -> None:
    """out = erf(x/√2), or its approximation; `squares` is x²."""
    if terms is EXACT and x.dtype == np.float64:
        out[...] = _erf64(x * math.sqrt(0.5))
        return
    np.multiply(squares, terms[0], out)
    np.add(out, terms[1], out)
    for term in terms[2:]:  # Horner's rule
        np.multiply(out, squares, out)
        np.add(out, term, out)
    np.multiply(out, x, out)
    np.tanh(out, out)


def blocks(*arrays: Array) -> Iterator[list[Array]]:
    """The same pieces of arrays that lie in memory alike, one after the other."""
    flat = [a.ravel(order="K") for a in arrays]
    for start in range(0, flat[0].size, BLOCK):
        yield [a[start : start + BLOCK] for a in flat]


class GELU(Op):
    """y = x·Φ(x), Φ(x) = ½(1 + erf(x/√2)); ∂y/∂x = Φ(x) + x·φ(x), φ(x) = e^(−x²/2)/√(2π).

    With erf(x/√2) ≈ tanh u, u = x(a + b·x²): φ(x) ≈ 2Φ(1 − Φ)·∂u/∂x.
    """

    def __init__(self, terms: tuple[float, ...]) -> None:
        self.terms = terms

    def forward(self, x: Array) -> Array:
        y = np.empty_like(x)
        if x.strides != y.strides:  # not in one piece
            x = np.add(x, 0, out=np.empty_like(x))
        slope = np.empty_like(x) if self.needs else y
        scratch = np.empty((2, min(BLOCK, x.size)), x.dtype)
        with SILENT():
            for xs, ys, slopes in blocks(x, y, slope):
                squares, below = scratch[:, : xs.size]
                np.multiply(xs, xs, squares)
                _erf(xs, squares, below, self.terms)
                np.multiply(below, 0.5, below)
                np.add(below, 0.5, below)  # Φ
                np.multiply(xs, below, ys)
                if self.needs:
                    self._slope(xs, squares, below, slopes)
        self.slope = slope
        return y

    def _slope(self, x: Array, squares: Array, below: Array, out: Array) -> None:
        if self.terms is EXACT:
            np.multiply(squares, -0.5, out)
            np.exp(out, out)
            np.multiply(out, 1 / math.sqrt(2 * math.pi), out)
        else:
            b, a = self.terms
            np.multiply(squares, 6 * b, squares)
            np.add(squares, 2 * a, squares)
            np.subtract(1, below, out)
            np.multiply(out, below, out)
            np.multiply(out, squares, out)
        np.multiply(out, x, out)
        np.add(out, below, out)

    def backward(self, grad: Array) -> Grads:
        return (grad * self.slope,)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        if self.terms is EXACT:
            curve = graph.add("Erf", graph.add("Mul", x, constant(graph, x, math.sqrt(0.5))))
        else:
            b, a = (constant(graph, x, term) for term in self.terms)
            inner = graph.add("Add", a, graph.add("Mul", b, graph.add("Mul", x, x)))
            curve = graph.add("Tanh", graph.add("Mul", x, inner))
        below = graph.add("Mul", x, constant(graph, x, 0.5))
        return graph.add("Add", below, graph.add("Mul", below, curve))


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x·Φ(x): x times the probability of less under the normal curve; or with "tanh", nearly."""
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"gelu's approximate must be 'none' or 'tanh'; got {approximate!r}")
    return apply(GELU(EXACT if approximate == "none" else TANH), input)


def _erf_of(x: Array) -> Array:
    scaled = x * math.sqrt(2)
    z = np.empty_like(scaled)
    _erf(scaled, scaled * scaled, z)
    return z


erf = unary(
    "erf", _erf_of, lambda x: 2 / math.sqrt(math.pi) * np.exp(-x * x), "Erf", "The error function"
)
