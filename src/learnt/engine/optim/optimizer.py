"""What every optimiser shares: groups of parameters, common options, state, and saving it."""

import copy
import inspect
import math
import warnings
from collections import defaultdict
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from learnt.engine.autograd import enable_grad, note_change
from learnt.engine.op import Array
from learnt.engine.tensor import Tensor

State = dict[str, Any]  # what is remembered of one parameter: arrays, and these numbers
NUMBERS = ("step", "mu_product")
FROM_0 = ("lr", "eps", "weight_decay", "momentum", "alpha", "rho", "lr_decay", "momentum_decay")


class Optimizer:
    """Changes parameters by their gradients; a subclass is its update rule, in `update`.

    Its options and their defaults stand in its `class` line. `param_groups` are dictionaries of
    `params` and options; `state` holds, by parameter, what the rule remembers.
    """

    options: ClassVar[dict[str, Any]] = {}
    fixed: ClassVar[tuple[str, ...]] = ()  # options that cannot be given
    decoupled = False  # does weight decay act apart from the gradient?
    __signature__: ClassVar[inspect.Signature]

    def __init_subclass__(cls, **options: Any) -> None:
        cls.options = cls.options | options
        free = {k: v for k, v in cls.options.items() if k not in cls.fixed}
        names = ["params"] if free else ["params", "defaults"]  # as PyTorch's base class
        cls.__signature__ = signature(names, free)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = self.__signature__.bind(*args, **kwargs).arguments
        params = given.pop("params")
        self.defaults = checked(self.options | given) if self.options else given["defaults"]
        self.state: defaultdict[Tensor, State] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        if isinstance(params, Tensor):
            raise TypeError("an optimiser needs a list of parameters; got one tensor: put it in []")
        listed = list(params)
        need(listed, "an optimiser needs at least one parameter; got an empty list")
        for group in listed if isinstance(listed[0], dict) else [{"params": listed}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """One more group: its `params`, and options where they are not the `defaults`."""
        if not isinstance(param_group, dict) or isinstance(param_group["params"], set):
            raise TypeError(
                "a group must be a dict, its `params` a list (a set has no fixed order)"
            )
        given = param_group["params"]
        listed: list[Any] = [given] if isinstance(given, Tensor) else list(given)
        names = [p[0] for p in listed if isinstance(p, tuple)]
        named = {bool(names), *("param_names" in group for group in self.param_groups)}
        same = len(names) in (0, len(listed)) and len(named) == 1
        need(same, "all parameters of an optimiser must have names, or none")
        if names:
            param_group["param_names"], listed = names, [p for _, p in listed]
        if wrong := [p for p in listed if not isinstance(p, Tensor)]:
            raise TypeError(f"an optimiser changes tensors; got {type(wrong[0]).__name__}")
        need(all(p.is_leaf for p in listed), "an optimiser changes leaves; got a computed tensor")
        new = set(self._params()).isdisjoint(listed)
        need(new, "a parameter must be in one group only; got one in two")
        if len(set(listed)) < len(listed):
            warnings.warn("a parameter is twice in a group: it is changed twice", stacklevel=3)
        param_group.update({**self.defaults, **param_group, "params": listed})
        for name in ("differentiable", "capturable"):  # foreach and fused change no number
            if param_group.get(name):
                raise NotImplementedError(f"an optimiser with {name}=True")
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of the last step."""
        for p in self._params():
            if set_to_none:
                p.grad = None
            elif p.grad is not None:
                p.grad.array[...] = 0

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of every parameter that has a gradient; returns what `closure` returns.

        For every rule, `maximize` turns the gradient round; `weight_decay` λ adds λ·p to it, or,
        decoupled, p ← p − lr·λ·p comes first.  (Loshchilov & Hutter 2019)
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            lr = float(number(group["lr"]))  # a NumPy number would make the arithmetic float64
            options = {**group, "lr": lr}
            for p in group["params"]:
                if p.grad is not None:
                    self.change(p, options)
        return loss

    def change(self, p: Tensor, group: dict[str, Any]) -> None:
        """One update of one parameter, which has a gradient."""
        array, decay = p.array, group.get("weight_decay", 0)
        grad = p.grad.array  # type: ignore[union-attr]
        if group.get("maximize"):
            grad = -grad
        if decay and (self.decoupled or group.get("decoupled_weight_decay")):
            array *= 1 - group["lr"] * decay
        elif decay:
            grad = grad + decay * array
        self.update(array, grad, self.state[p], group)
        note_change(array)

    def update(self, p: Array, grad: Array, state: State, group: dict[str, Any]) -> None:
        """Change the array `p` in place, by the rule; `state` is empty before the first time."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """The options and the state, parameters numbered in order, as PyTorch's."""
        number = {p: i for i, p in enumerate(dict.fromkeys(self._params()))}
        groups = [{**g, "params": [number[p] for p in g["params"]]} for g in self.param_groups]
        state = {number[p]: dict(state) for p, state in self.state.items() if state}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken; the groups must have the same sizes."""
        groups = state_dict["param_groups"]
        if [len(g["params"]) for g in groups] != [len(g["params"]) for g in self.param_groups]:
            raise ValueError("the state must have as many parameters a group as this optimiser")
        params = dict(zip([i for g in groups for i in g["params"]], self._params(), strict=True))
        for own, group in zip(self.param_groups, groups, strict=True):
            own.update(copy.deepcopy({k: v for k, v in group.items() if k != "params"}))
        self.state.clear()
        for i, saved in state_dict["state"].items():
            own = {key: self._own(key, value, params[i]) for key, value in saved.items()}
            self.state[params[i]] = own

    def _own(self, key: str, value: Any, p: Tensor) -> Any:
        """A copy of a saved value, in our form: arrays; tensors where another `step` has them."""
        if isinstance(value, Tensor) and type(self).step is Optimizer.step:
            value = value.array
        if isinstance(value, np.ndarray):
            return value.item() if key in NUMBERS else value.astype(p.array.dtype)
        return copy.deepcopy(value)

    def _params(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for i, group in enumerate(self.param_groups):
            lines = [f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params"]
            text += f"\nParameter Group {i}\n" + "".join(lines)
        return text + ")"


def signature(names: list[str], options: dict[str, Any]) -> inspect.Signature:
    """That of a class with arguments `names`, and `options` with defaults."""
    given = dict.fromkeys(names, inspect.Parameter.empty) | options
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature([inspect.Parameter(k, kind, default=v) for k, v in given.items()])


def checked(options: dict[str, Any]) -> dict[str, Any]:
    """The options, each within its limits: ValueError otherwise."""
    for name in FROM_0:
        value, most = number(options.get(name, 0)), 1 if name == "rho" else math.inf
        need(0 <= value <= most, f"Invalid {name} value: {value}; it must be in [0, {most}]")
    for i, beta in enumerate(options.get("betas", ())):
        right = not isinstance(beta, Tensor) and 0 <= beta < 1
        need(right, f"Invalid beta parameter at index {i}: {beta}; it must be a number in [0, 1)")
    if "dampening" in options and options["nesterov"]:
        right = options["momentum"] > 0 and options["dampening"] == 0
        need(right, "Nesterov momentum requires a momentum and zero dampening")
    return options


def number(value: Any) -> Any:
    """A tensor of one element as a number; numbers as they are."""
    if not isinstance(value, Tensor):
        return value
    need(value.numel() == 1, f"a tensor for a number must have 1 element; got {value.numel()}")
    return value.item()


def need(holds: Any, otherwise: str) -> None:
    """ValueError, unless it holds."""
    if not holds:
        raise ValueError(otherwise)
