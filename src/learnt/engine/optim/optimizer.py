"""What every optimiser shares: groups of parameters, common options, state, and saving it."""

import copy
import math
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from learnt.engine.autograd import enable_grad, note_change
from learnt.engine.base import Handle
from learnt.engine.op import Array
from learnt.engine.tensor import Tensor

Params = Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Iterable[dict[str, Any]]
Rate = float | Tensor
Flag = bool | None
State = dict[str, Any]  # of one parameter: arrays, and these numbers
NUMBERS = ("step", "mu_product")
LIMITS = dict.fromkeys(("lr", "eps", "weight_decay", "momentum", "alpha", "lr_decay", "momentum_decay", "initial_accumulator_value"), math.inf) | {"rho": 1}  # fmt: skip


class Optimizer:
    """Changes parameters by their gradients; a subclass is its update rule, in `update`.

    `param_groups` are dictionaries of `params` and options; `state` holds, by parameter,
    what the rule remembers between steps.
    """

    decoupled = False  # does weight decay act apart from the gradient?

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts; "
                "got one tensor: put it in []"
            )
        self.defaults = defaults
        self.state: defaultdict[Tensor, State] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self._before: dict[int, Callable[..., Any]] = {}  # hooks
        self._after: dict[int, Callable[..., Any]] = {}
        listed: list[Any] = list(params)
        if not listed:
            raise ValueError("an optimiser needs at least one parameter; got an empty list")
        for group in listed if isinstance(listed[0], dict) else [{"params": listed}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """One more group: its `params`, and options where they are not the `defaults`."""
        if not isinstance(param_group, dict):
            raise TypeError(f"a group must be a dict; got {type(param_group).__name__}")
        given, known = param_group["params"], self._params()
        if isinstance(given, set):
            raise TypeError("parameters need a fixed order; got a set: make it a list")
        listed: list[Any] = [given] if isinstance(given, Tensor) else list(given)
        names = [p[0] for p in listed if isinstance(p, tuple)]
        if names and len(names) < len(listed):
            raise ValueError(
                "all optimizer params should be with/without names. Some param names are missing"
            )
        listed = [p[1] for p in listed] if names else listed
        for p in listed:
            if not isinstance(p, Tensor):
                raise TypeError(f"an optimiser changes tensors; got {type(p).__name__}")
            if not p.is_leaf:
                raise ValueError("an optimiser changes leaves; got a tensor that was computed")
        if any(("param_names" in group) != bool(names) for group in self.param_groups):
            raise ValueError("all optimizer param groups should be with/without names.")
        if not set(known).isdisjoint(listed):
            raise ValueError("some parameters appear in more than one parameter group")
        if len(set(listed)) < len(listed):
            warnings.warn("a parameter group with duplicate parameters", stacklevel=3)
        param_group.update({"params": listed} | ({"param_names": names} if names else {}))
        for name, default in self.defaults.items():
            param_group.setdefault(name, default)
        _refuse(param_group)
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of the last step."""
        for p in self._params():
            if set_to_none:
                p.grad = None
            elif p.grad is not None:
                p.grad.array[...] = 0

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of every parameter that has a gradient; the result of `closure`, if given.

        Here, for every rule: `maximize` turns the gradient round; `weight_decay` λ adds λ·p to
        it or, decoupled, acts first and apart: p ← p − lr·λ·p (Loshchilov & Hutter 2019).
        """
        arguments: Any = (self, closure), {}
        for hook in self._before.values():
            arguments = hook(self, *arguments) or arguments
        loss, closure = None, arguments[0][1]
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            lr = float(number(group["lr"]))  # a NumPy number would make the arithmetic float64
            options = {**group, "lr": lr} if group["lr"] is not lr else group
            decay, maximize = number(group.get("weight_decay", 0)), group.get("maximize")
            decoupled = self.decoupled or group.get("decoupled_weight_decay")
            for p in group["params"]:
                if p.grad is None:
                    continue
                array, grad = p.array, p.grad.array
                if maximize:
                    grad = -grad
                if decay and decoupled:
                    array *= 1 - lr * decay
                elif decay:
                    grad = grad + decay * array
                self.update(array, grad, self.state[p], options)
                note_change(array)
        for hook in self._after.values():
            hook(self, *arguments)
        return loss

    def update(self, p: Array, grad: Array, state: State, group: dict[str, Any]) -> None:
        """Change the array `p` in place, by the rule; `state` is empty before the first time."""
        raise NotImplementedError

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call `hook(optimizer, args, kwargs)` before each step; it may return both changed."""
        return Handle(self._before, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return Handle(self._after, hook)

    def state_dict(self) -> dict[str, Any]:
        """The options and the state, parameters numbered in order, as PyTorch's."""
        numbers = {p: i for i, p in reversed(list(enumerate(self._params())))}
        return {
            "state": {numbers[p]: dict(state) for p, state in self.state.items() if state},
            "param_groups": [
                {**group, "params": [numbers[p] for p in group["params"]]}
                for group in self.param_groups
            ],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken; the groups must have the same sizes."""
        groups = state_dict["param_groups"]
        if [len(g["params"]) for g in groups] != [len(g["params"]) for g in self.param_groups]:
            raise ValueError("the state must have as many parameters a group as this optimiser")
        params = dict(zip([i for g in groups for i in g["params"]], self._params(), strict=True))
        for own, group in zip(self.param_groups, groups, strict=True):
            _refuse(group)
            own.update(copy.deepcopy({k: v for k, v in group.items() if k != "params"}))
        self.state = defaultdict(dict)
        for i, saved in state_dict["state"].items():
            for key, value in saved.items():
                self.state[params[i]][key] = self._restored(key, value, params[i].array.dtype)

    def _restored(self, key: str, value: Any, dtype: np.dtype[Any]) -> Any:
        """An array of our own; a tensor where others wrote `step`, and keep tensors."""
        if isinstance(value, Tensor) and type(self).step is not Optimizer.step:
            return value.clone()
        value = value.array if isinstance(value, Tensor) else value
        if isinstance(value, np.ndarray):
            return value.item() if key in NUMBERS else value.astype(dtype)
        return copy.deepcopy(value)

    def _params(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            options = sorted(key for key in group if key != "params")
            lines += [f"Parameter Group {i}", *(f"    {key}: {group[key]}" for key in options)]
        return "\n".join([*lines, ")"])


def options(arguments: dict[str, Any]) -> dict[str, Any]:
    """A constructor's arguments (its `locals()`) but for `params`, each one checked."""
    found = {k: v for k, v in arguments.items() if k not in ("self", "params", "__class__")}
    for name, most in LIMITS.items():
        if not 0 <= number(found.get(name, 0), name) <= most:
            raise ValueError(f"Invalid {name} value: {found[name]}; it must be in [0, {most}]")
    betas = found.get("betas", ())
    tensors = [isinstance(value, Tensor) for value in (found["lr"], *betas)]
    if tensors[1:] in ([True, False], [False, True]):
        raise ValueError("betas must be either both floats or both Tensors")
    if any(tensors) and found.get("foreach") and "amsgrad" in found:
        raise ValueError("lr or betas as a Tensor is not supported for foreach=True")
    for i, beta in enumerate(betas):
        if not 0 <= number(beta, "betas") < 1:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}; it must be in [0, 1)")
    return found | ({"betas": tuple(map(number, betas))} if betas else {})


def number(value: Any, name: str = "lr") -> Any:
    """A tensor of one element as a number; numbers as they are."""
    if isinstance(value, Tensor) and value.numel() != 1:
        raise ValueError(f"Tensor {name} must be 1-element; got shape {tuple(value.shape)}")
    return value.item() if isinstance(value, Tensor) else value


def average(mean: Array, beta: float, value: Array) -> None:
    """mean ← β·mean + (1 − β)·value, in place."""
    mean *= beta
    mean += (1 - beta) * value


def _refuse(group: dict[str, Any]) -> None:
    """`foreach` and `fused` only choose how the same is computed; these two do more."""
    for name in ("differentiable", "capturable"):
        if group.get("fused") and group.get("differentiable"):
            raise RuntimeError("`fused` does not support `differentiable`")
        if group.get(name):
            raise NotImplementedError(f"an optimiser with {name}=True")
    if group.get("fused") and group.get("foreach"):
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
