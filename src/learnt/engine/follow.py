"""Sizes that stay free: what differs between traces at several sizes is computed from the sizes.

A whole number of a graph (a place where a slice ends, a size of a shape) is taken to be
Σ c·Π sizes over the subsets of the free sizes, so with a batch B and a length L it is
a + b·B + c·L + d·B·L. As many traces give the coefficients, and one more trace must agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from learnt.engine.op import Array

if TYPE_CHECKING:
    from learnt.engine.onnx import Graph, Node

STEPS = 0, 1, 2  # above the smallest size: two that are solved for, one that is checked


def points(smallest: Sequence[int]) -> list[tuple[int, ...]]:
    """The sizes to trace at: every mixture of two sizes, and one that must agree with them."""
    low, high, check = ([size + step for size in smallest] for step in STEPS)
    return [*product(*zip(low, high, strict=True)), tuple(check)]


@dataclass(frozen=True)
class Sizes:
    """The free sizes of a graph: their names, and the points at which it was traced."""

    names: tuple[str, ...]
    points: list[tuple[int, ...]]
    entries: tuple[str, ...]  # a value of the graph, for each size, whose dimension it is
    tables: dict[str, Array]  # parameters and buffers: a constant may be a part of one

    def __str__(self) -> str:
        return " or ".join(self.names)

    def subsets(self) -> list[tuple[int, ...]]:
        """The free sizes, by number, that are multiplied in each term of a sum."""
        numbers = range(len(self.names))
        return [s for n in range(len(self.names) + 1) for s in combinations(numbers, n)]

    def solve(self, found: Sequence[Array]) -> Array | None:
        """The coefficient of each subset, or None where no such sum fits all that was found."""
        terms = np.array([[prod(p[i] for i in s) for s in self.subsets()] for p in self.points])
        wanted = np.array([np.ravel(f) for f in found], np.int64)
        solution = np.rint(np.linalg.lstsq(terms, wanted)[0]).astype(np.int64)
        return solution if (terms @ solution == wanted).all() else None

    def expression(self, found: Sequence[Any]) -> int | str:
        """A size of a result in words, such as batch or 2*batch*length+1."""
        solution = self.solve([np.asarray(n) for n in found])
        if solution is None:
            return "unknown"
        parts = []
        for subset, (factor,) in zip(self.subsets(), solution.tolist(), strict=True):
            names = [self.names[i] for i in subset]
            if factor and names:
                parts.append("*".join(names if factor == 1 else [str(factor), *names]))
        fixed = int(solution[0, 0])
        return "+".join([*parts, str(fixed)] if fixed else parts) if parts else fixed


def follow_sizes(graphs: "Sequence[Graph]", begin: int, sizes: Sizes) -> dict[str, str]:
    """Replace, in the last of the graphs, what differs between them by what computes it.

    Returns the names of what replaces constants.
    """
    last = graphs[-1]
    added = last.nodes[begin:]
    operators = [[(n.kind, n.inputs, n.attributes) for n in g.nodes[begin:]] for g in graphs]
    if any(other != operators[-1] for other in operators):
        raise NotImplementedError(
            f"export of a module that computes otherwise for another size of the {sizes}"
        )
    del last.nodes[begin:]
    users = {name: n for n in added for name in n.inputs}
    renamed = dict[str, str]()
    for name in list(last.initializers):
        found = [g.initializers[name] for g in graphs]
        if not all(_equal(one, found[0]) for one in found) and not (
            name in users and _free_reshape(graphs, name, users[name])
        ):
            renamed[name] = _computed(last, found, sizes)
    for node in added:
        node.inputs = [renamed.get(name, name) for name in node.inputs]
    last.nodes += added
    return renamed


def _equal(one: Array, other: Array) -> bool:
    return one is other or (
        one.shape == other.shape and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    )


def _free_reshape(graphs: "Sequence[Graph]", name: str, user: "Node") -> bool:
    """The shape of a Reshape may copy sizes of its input (0), and leave one size open (−1)."""
    found = [g.initializers[name] for g in graphs]
    if user.kind != "Reshape" or user.attributes or len({f.shape for f in found}) > 1:
        return False
    if any(-1 in f for f in found):
        return False
    wanted, source = np.array(found), user.inputs[0]
    varies = (wanted != wanted[0]).any(0)
    # What an operation makes on its way has no value of its own in the trace.
    if varies.sum() > 1 and (source in graphs[0].values or source in graphs[0].initializers):
        before = np.array([g.traced(source).shape for g in graphs])
        for i in np.flatnonzero(varies):
            if i < before.shape[1] and (wanted[:, i] == before[:, i]).all():
                wanted[:, i], varies[i] = 0, False
    if varies.sum() > 1:
        return False
    graphs[-1].initializers[name] = np.where(varies, -1, wanted[-1])
    return True


def _computed(graph: "Graph", found: Sequence[Array], sizes: Sizes) -> str:
    """The name of a value that is what was `found` at the sizes of each trace, and so on."""
    same, last = len({f.shape for f in found}) == 1, found[-1]
    if same and last.dtype.kind in "iu":
        solution = sizes.solve(found)
        if solution is not None:
            vector = _sum(graph, solution, sizes)
            return vector if last.ndim == 1 else _reshaped(graph, vector, last.shape)
    elif not same and len({f.ndim for f in found}) == 1:
        for rule in (_rows, _steps, _triangle, _part):
            name = rule(graph, found, sizes)
            if name:
                return name
    raise NotImplementedError(
        f"export of a value that depends on the size of the {sizes} (of shape {found[0].shape} "
        f"and {last.shape} for {sizes.points[0]} and {sizes.points[-1]}): compute it by operations "
        "on the input, for example x.mean(0), zeros_like(x), and not from x.shape"
    )


def _sum(graph: "Graph", solution: Array, sizes: Sizes) -> str:
    """A vector of whole numbers, by the coefficients of its terms."""
    total = ""
    for subset, factors in zip(sizes.subsets(), solution, strict=True):
        if factors.any() or (not subset and not solution.any()):
            term = graph.constant(factors, "int64")
            for i in subset:
                term = graph.add("Mul", _size(graph, sizes.entries[i], i), term)
            total = graph.add("Add", total, term) if total else term
    return total


def _size(graph: "Graph", entry: str, dim: int) -> str:
    """The size of a dimension of a value, as a vector of one number."""
    wanted = {"start": dim, "end": dim + 1}
    for node in graph.nodes:
        if node.kind == "Shape" and node.inputs == [entry] and node.attributes == wanted:
            return node.outputs[0]
    return graph.add("Shape", entry, **wanted)


def _reshaped(graph: "Graph", vector: str, shape: Sequence[int]) -> str:
    return graph.add("Reshape", vector, graph.constant(shape, "int64"))


def _shape(graph: "Graph", found: Sequence[Array], sizes: Sizes) -> str:
    """The shape of what was found, as a vector."""
    return _computed(graph, [np.array(f.shape) for f in found], sizes)


def _rows(graph: "Graph", found: Sequence[Array], sizes: Sizes) -> str | None:
    """The same numbers again and again along the dimensions that vary."""
    shapes = np.array([f.shape for f in found])
    varies = (shapes != shapes[0]).any(0)
    row = found[-1][tuple(slice(0, 1) if v else slice(None) for v in varies)]
    if not all(_equal(np.broadcast_to(row, f.shape), f) for f in found):
        return None
    return graph.add("Expand", graph.constant(row), _shape(graph, found, sizes))


def _steps(graph: "Graph", found: Sequence[Array], sizes: Sizes) -> str | None:
    """Whole numbers at equal steps, as many as a size says: arange."""
    last = found[-1]
    if last.ndim != 1 or len(last) < 2 or last.dtype not in (np.int64, np.int32):
        return None
    start, step = int(last[0]), int(last[1] - last[0])
    if not all((f == start + step * np.arange(len(f))).all() for f in found):
        return None
    count = _count(graph, [len(f) for f in found], sizes)
    scaled = graph.add("Mul", count, graph.constant(step, "int64"))
    steps = graph.add("Add", scaled, graph.constant(start, "int64"))
    return steps if last.dtype == np.int64 else graph.add("Cast", steps, to=6)


def _count(graph: "Graph", ends: Sequence[int], sizes: Sizes) -> str:
    """0, 1, 2 …: as many as each trace had, and so on."""
    stop = graph.add("Squeeze", _computed(graph, [np.array([n]) for n in ends], sizes))
    start, step = (graph.constant(n, "int64") for n in (0, 1))
    return graph.add("Range", start, stop, step)


def _lower(like: Array, k: int) -> Array:
    """True up to the diagonal k."""
    rows, columns = like.shape
    return np.tri(rows, columns, k, np.bool_)


def _triangle(graph: "Graph", found: Sequence[Array], sizes: Sizes) -> str | None:
    """One number up to a diagonal and another above it: who comes before whom."""
    flat = [f.reshape(f.shape[-2:]) for f in found if set(f.shape[:-2]) <= {1}]
    if len(flat) < len(found) or flat[-1].ndim != 2:
        return None
    last = flat[-1]
    low, high = last[-1, 0], last[0, -1]
    k = int((last[0] == low).sum() or 1 - (last[:, 0] == high).sum()) - 1
    if not all(_equal(np.where(_lower(f, k), low, high), f) for f in flat):
        return None
    column, row = (_count(graph, [f.shape[d] for f in flat], sizes) for d in (0, 1))
    column = graph.add("Unsqueeze", column, graph.constant([1], "int64"))  # (rows, 1)
    below = graph.add("LessOrEqual", row, graph.add("Add", column, graph.constant(k, "int64")))
    if last.dtype == np.bool_:
        result = below if low else graph.add("Not", below)
    else:
        sides = (graph.constant(side, last.dtype) for side in (low, high))
        result = graph.add("Where", below, *sides)
    return _with_ones(graph, result, found[-1].ndim - 2)


def _part(graph: "Graph", found: Sequence[Array], sizes: Sizes) -> str | None:
    """The first rows of a table, such as that of learnt positions."""
    ones = next((i for i, n in enumerate(found[-1].shape) if n != 1), 0)
    flat = [f.reshape(f.shape[ones:]) for f in found if set(f.shape[:ones]) <= {1}]
    if len(flat) < len(found):
        return None
    for key, table in sizes.tables.items():
        if table.ndim == flat[0].ndim and all(
            _equal(table[tuple(map(slice, f.shape))], f) for f in flat
        ):
            graph.initializers[key] = table
            starts, stops = graph.constant([0] * table.ndim, "int64"), _shape(graph, flat, sizes)
            return _with_ones(graph, graph.add("Slice", key, starts, stops), ones)
    return None


def _with_ones(graph: "Graph", name: str, ones: int) -> str:
    """With new dimensions of size 1 in front."""
    return graph.add("Unsqueeze", name, graph.constant([*range(ones)], "int64")) if ones else name
