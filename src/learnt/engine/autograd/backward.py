"""Back-propagation: the chain rule, walked backwards through what was computed.

Every ancestor is visited once, results before inputs, and each operation is asked for the
gradients of its inputs.  (Rumelhart, Hinton & Williams 1986; Baydin et al. 2018 for the general
algorithm)
"""

from collections.abc import Callable, Container, Iterable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from learnt.engine.autograd.changes import Clock, check_usable, note_change
from learnt.engine.autograd.variable import Tensor, Variable, wrap
from learnt.engine.memory import keep_memory
from learnt.engine.op import SILENT, Array, Op

Tensors = Tensor | Sequence[Tensor]
Node = Op | Variable  # of the graph: an operation, or a leaf
Grads = dict[int, Array]  # by the id of their node
Keep = Callable[[Node, Array], Array]
Ids = Container[int]
_time = attrgetter("time")


def propagate(grads: Grads, nodes: list[Node], keep: Keep, watched: Ids, retain: bool) -> None:
    """The chain rule: back from `nodes`, whose gradients are in `grads` by id.

    `keep` is told the gradient of each leaf, of the `watched`, and where there are hooks.
    """
    for node in reversed(topological_order(nodes)):
        if (grad := grads.pop(id(node), None)) is None:
            continue
        if not isinstance(node, Op):
            keep(node, grad)
            continue
        if node.hooks or node.retained or id(node) in watched:
            grad = keep(node, grad)
        for source, part in _parts(node, grad):
            if source is not None and part is not None:
                known = grads.get(id(source))
                grads[id(source)] = part if known is None else known + part
        if not retain:
            node.free()


def _parts(node: Op, grad: Array) -> Iterable[tuple[Node | None, Array | None]]:
    """Where the inputs of an operation came from, each with its gradient."""
    if node.used or node.time < Clock.changed:
        check_usable(node)
    return zip(node.inputs, node.backward(grad), strict=True)


def topological_order(nodes: list[Node]) -> list[Node]:
    """Every operation and leaf that `nodes` were computed from, inputs before results.

    An operation is recorded after its inputs, so the order of recording is one; and without
    recursion, so that a chain may be as long as it likes.
    """
    found = {id(node): node for node in nodes}
    stack = list(nodes)
    while stack:
        for source in stack.pop().inputs:
            if source is not None and id(source) not in found:
                found[id(source)] = source
                stack.append(source)
    return sorted(found.values(), key=_time)


def node_of(tensor: Variable) -> Node:
    """Where a tensor stands in the graph: the operation it came from, or itself, a leaf."""
    return tensor.op or tensor


def backward(
    tensors: Tensors,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Tensors | None = None,
) -> None:
    """Add to the `grad` of every leaf the gradient of `tensors` by it (the chain rule).

    `grad_tensors` (same shapes) replace the 1 that a single number starts from. `inputs`
    are the only leaves that get one, if given. Without `retain_graph` what was saved is freed,
    and a second call is a RuntimeError.
    """
    only = None if inputs is None else {id(node_of(t)): t for t in _listed(inputs)}

    def keep(node: Node, grad: Array) -> Array:
        grad = _hooked(node, grad) if node.hooks else grad
        if isinstance(node, Variable):
            if only is None or id(node) in only:
                _accumulate(node, grad)
        elif only and id(node) in only:
            _accumulate(only[id(node)], grad)
        elif node.retained is not None and (tensor := node.retained()) is not None:
            _accumulate(tensor, grad.view())
        return grad

    keep_memory()
    roots = _listed(tensors)
    seeds = _seeds(roots, grad_variables if grad_tensors is None else grad_tensors)
    nodes = [node_of(t) for t in roots]
    retain = _retain(retain_graph, create_graph)
    with SILENT():
        propagate(seeds, nodes, keep, only or (), retain)


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """The gradients of `outputs` by `inputs`, returned; no `grad` changes.

    An input that the outputs do not depend on is a RuntimeError, unless `allow_unused` (None in
    its place) or `materialize_grads` (zeros).

    >>> import learnt.engine as torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> torch.autograd.grad((x ** 3).sum(), x)
    (tensor([ 3., 12.]),)
    """
    if is_grads_batched:
        raise NotImplementedError("is_grads_batched=True: one gradient at a time")
    roots, wanted = _listed(outputs), _listed(inputs)
    found: dict[int, Array | None] = {id(node_of(t)): None for t in wanted}
    if not all(t.requires_grad for t in wanted):
        raise RuntimeError("grad() needs inputs with requires_grad=True; got one without")

    def keep(node: Node, grad: Array) -> Array:
        grad = _hooked(node, grad) if node.hooks else grad
        if id(node) in found:
            found[id(node)] = grad
        return grad

    seeds = _seeds(roots, grad_outputs)
    nodes = [node_of(t) for t in roots]
    retain = _retain(retain_graph, create_graph)
    with SILENT():
        propagate(seeds, nodes, keep, found, retain)
    parts = [found[id(node_of(t))] for t in wanted]
    if materialize_grads:
        parts = [np.zeros_like(t.array) if g is None else g
                 for t, g in zip(wanted, parts, strict=True)]  # fmt: skip
    if not allow_unused and any(g is None for g in parts):
        raise RuntimeError(
            "grad() needs outputs that were computed from every input; one of them was not used: "
            "leave it out, or pass allow_unused=True to get None for it"
        )
    return tuple([None if g is None else wrap(g.copy()) for g in parts])  # type: ignore[misc]


def _listed(tensors: Tensors) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Variable) else list(tensors)


def _retain(retain_graph: bool | None, create_graph: bool) -> bool:
    if create_graph:
        raise NotImplementedError("create_graph=True: gradients of gradients are not recorded")
    return bool(retain_graph)


def _seeds(roots: list[Tensor], gradients: Any) -> dict[int, Array]:
    """The gradients that the walk starts from, by the id of their tensor."""
    if gradients is None or isinstance(gradients, Variable):
        gradients = [gradients] * len(roots)
    grads: dict[int, Array] = {}
    for root, gradient in zip(roots, gradients, strict=True):
        seed = _seed(root, gradient)
        key = id(node_of(root))
        known = grads.get(key)
        grads[key] = seed if known is None else known + seed
    return grads


def _seed(root: Variable, gradient: Variable | None) -> Array:
    if not root.requires_grad:
        raise RuntimeError("backward() needs a tensor computed from one with requires_grad=True")
    if gradient is None:
        if root.array.size != 1:
            raise RuntimeError(
                f"backward() starts from one number; got shape {root.array.shape}: "
                "reduce it first (.sum(), .mean()), or pass gradient="
            )
        return np.ones(root.array.shape, root.array.dtype)
    if gradient.array.shape != root.array.shape:
        raise RuntimeError(
            f"gradient must have shape {root.array.shape}; got {gradient.array.shape}"
        )
    return np.array(gradient.array, root.array.dtype)


def _hooked(node: Node, grad: Array) -> Array:
    """The gradient after the hooks of the tensor, each of which may replace it."""
    for hook in list((node.hooks or {}).values()):
        replaced = hook(wrap(grad))
        if replaced is not None:
            grad = replaced.array
    return grad


def _accumulate(node: Variable, grad: Array) -> None:
    if node.grad is not None:
        node.grad.array += grad
        note_change(node.grad.array)
    else:  # a view belongs to somebody else (see Op.backward)
        node.grad = wrap(grad if grad.base is None else grad.copy())
