"""GELU and erf, which NumPy lacks: tanh of a polynomial, in blocks that stay in the cache."""

import math
from collections.abc import Iterator

import numpy as np

from learnt.engine.autograd import Tensor, apply
from learnt.engine.op import SILENT, Array, Grads, GraphBuilder, Op
from learnt.engine.ops.pointwise import constant, unary

BLOCK = 2**16  # numbers

# erf(x/√2) = tanh(x·P(x²)); the coefficients of P, the highest power first. TANH is GELU's own
# approximation; EXACT was fitted to a relative error of 10⁻⁷, what float32 can tell (weighted
# least squares on artanh(erf(x/√2))/x, the weights moved to the largest errors: Lawson 1961).
TANH = (0.044715 * math.sqrt(2 / math.pi), math.sqrt(2 / math.pi))
EXACT = (
    *(1.5677178979289773e-09, -1.252689927243673e-07, 3.87317177425696e-06),
    *(-5.4782179514621326e-05, -3.3910516079842556e-05, 0.03633434775059373, 0.7978846366459402),
)
_erf64 = np.frompyfunc(math.erf, 1, 1)  # right to the last digit, and slow


def _curve(x: Array, squares: Array, terms: tuple[float, ...]) -> Array:
    """erf(x/√2), or its approximation; `squares` is x²."""
    if terms is EXACT and x.dtype == np.float64:
        return np.asarray(_erf64(x * math.sqrt(0.5))).astype(x.dtype)
    u = np.asarray(squares * terms[0])
    u += terms[1]
    for term in terms[2:]:  # Horner's rule
        u *= squares
        u += term
    u *= x
    return np.tanh(u, out=u)


def _blocks(*arrays: Array) -> Iterator[list[Array]]:
    """The same pieces of arrays that lie in memory alike, one after the other."""
    flat = [a.ravel(order="K") for a in arrays]
    for start in range(0, flat[0].size, BLOCK):
        yield [a[start : start + BLOCK] for a in flat]


class GELU(Op):
    """y = x·Φ(x), Φ(x) = ½(1 + erf(x/√2)); ∂y/∂x = Φ + x·φ, φ(x) = e^(−x²/2)/√(2π).

    As erf(x/√2) ≈ tanh(x(a + b·x²)), φ is 2Φ(1 − Φ)(a + 3b·x²).  (Hendrycks & Gimpel 2016)
    """

    def __init__(self, terms: tuple[float, ...]) -> None:
        self.terms = terms

    def forward(self, x: Array) -> Array:
        y = np.empty_like(x)
        x = x if x.strides == y.strides else x.copy(order="K")
        slope = self.slope = np.empty_like(x) if self.needs else y
        with SILENT():
            for xs, ys, slopes in _blocks(x, y, slope):
                squares = xs * xs
                below = _curve(xs, squares, self.terms)
                below += 1
                below *= 0.5  # Φ
                np.multiply(xs, below, out=ys)
                if self.needs:
                    np.add(below, self._rise(xs, squares, below), out=slopes)
        return y

    def _rise(self, x: Array, squares: Array, below: Array) -> Array:
        """x·φ(x)"""
        if self.terms is EXACT:
            squares *= -0.5
            rise = np.exp(squares, out=squares)
            rise *= 1 / math.sqrt(2 * math.pi)
        else:
            rise = squares
            rise *= 6 * self.terms[0]
            rise += 2 * self.terms[1]
            rise *= below
            rise *= 1 - below
        rise *= x
        return rise

    def backward(self, grad: Array) -> Grads:
        return (grad * self.slope,)

    def onnx(self, graph: GraphBuilder, x: str) -> str:
        if self.terms is EXACT:  # in the words that ONNX Runtime knows, and makes one operator of
            curve = graph.add("Erf", graph.add("Div", x, constant(graph, x, math.sqrt(2))))
        else:
            b, a = (constant(graph, x, term) for term in self.terms)
            inner = graph.add("Add", a, graph.add("Mul", b, graph.add("Mul", x, x)))
            curve = graph.add("Tanh", graph.add("Mul", x, inner))
        twice = graph.add("Mul", x, graph.add("Add", curve, constant(graph, x, 1)))
        return graph.add("Mul", twice, constant(graph, x, 0.5))


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x·Φ(x), x times the probability of less under the normal curve; "tanh": nearly that."""
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"gelu's approximate must be 'none' or 'tanh'; got {approximate!r}")
    if input.array.dtype.kind != "f":
        raise NotImplementedError(f"gelu of {input.array.dtype}")
    return apply(GELU(EXACT if approximate == "none" else TANH), input)


def _erf(x: Array) -> Array:
    scaled = np.asarray(x * math.sqrt(2))
    return _curve(scaled, scaled * scaled, EXACT)


def _bell(x: Array) -> Array:
    return np.asarray(np.exp(-x * x) * (2 / math.sqrt(math.pi)))


erf = unary("erf", _erf, _bell, "Erf", "2/√π ∫₀ˣ e^(−t²) dt")
