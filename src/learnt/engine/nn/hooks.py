"""Hooks on the way back: a module's gradients, of what went in and of what came out.

Two identities stand around the call; their backward passes see the gradients go by.
"""

from collections.abc import Callable, Sequence
from typing import Any

from learnt.engine.autograd import Function, Tensor


class Watch:
    """One call of a module whose gradients `hooks(module, grad_input, grad_output)` see."""

    def __init__(self, module: Any, hooks: Sequence[Callable[..., Any]]) -> None:
        self.module, self.hooks = module, hooks
        self.grad_output: tuple[Tensor, ...] = ()
        self.needed = False  # does anything that went in want a gradient?

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, watched; what is no tensor as it is."""
        self.places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        self.needed = any(args[i].requires_grad for i in self.places)
        if not self.needed:
            return args
        watched = dict(zip(self.places, _Enter.apply(self, *[args[i] for i in self.places]),
                           strict=True))  # fmt: skip
        return tuple([watched.get(i, a) for i, a in enumerate(args)])

    def leave(self, result: Any) -> Any:
        """The result, or a tuple of them, watched."""
        results = result if isinstance(result, tuple) else (result,)
        if not all(isinstance(r, Tensor) for r in results) or not results[0].requires_grad:
            return result
        watched = _Leave.apply(self, *results)
        return watched if isinstance(result, tuple) else watched[0]

    def call(self, grad_input: tuple[Any, ...]) -> tuple[Any, ...]:
        """The gradients of what went in, after the hooks, each of which may replace them."""
        for hook in self.hooks:
            found = hook(self.module, grad_input, self.grad_output)
            if found is not None:
                grad_input = found if isinstance(found, tuple) else (found,)
        return grad_input


class _Enter(Function):
    @staticmethod
    def forward(ctx: Any, watch: Watch, *inputs: Tensor) -> tuple[Tensor, ...]:
        ctx.watch = watch
        return inputs

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        return (None, *ctx.watch.call(grads))


class _Leave(Function):
    @staticmethod
    def forward(ctx: Any, watch: Watch, *results: Tensor) -> tuple[Tensor, ...]:
        ctx.watch = watch
        return results

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        ctx.watch.grad_output = grads
        if not ctx.watch.needed:  # nothing else will call them
            ctx.watch.call((None,) * max(len(ctx.watch.places), 1))
        return (None, *grads)
