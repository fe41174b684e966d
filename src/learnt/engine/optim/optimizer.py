"""What every optimiser shares: groups of parameters, their state, and saving it."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from learnt.engine.nn.module import Parameter
from learnt.engine.op import Array
from learnt.engine.tensor import Tensor

Params = Iterable[Parameter] | Iterable[dict[str, Any]]
State = dict[str, Any]  # of one parameter: arrays and counts


class Optimizer:
    """Changes parameters by their gradients; a subclass is its update rule, in `update`.

    `param_groups` are dictionaries of `params` and options; `state` holds, by parameter,
    what the rule remembers between steps.
    """

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError("an optimiser needs a list of parameters; got one tensor: put it in []")
        listed: list[Any] = list(params)
        if not listed:
            raise ValueError("an optimiser needs at least one parameter; got an empty list")
        groups = listed if isinstance(listed[0], Mapping) else [{"params": listed}]
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = [
            {**defaults, **group, "params": _listed(group["params"])} for group in groups
        ]
        if len(set(self._params())) < len(self._params()):
            raise ValueError("an optimiser needs each parameter once; got one of them twice")
        self.state: dict[Parameter, State] = {}

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of the last step."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad.array[...] = 0

    def step(self) -> None:
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    state = self.state.get(p)
                    if state is None:
                        state = self.state[p] = {}
                    self.update(p.array, p.grad.array, state, group)

    def update(self, p: Array, grad: Array, state: State, group: dict[str, Any]) -> None:
        """Change the array `p` in place, by the rule."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """The options and the state, parameters numbered in order, as PyTorch's."""
        numbers = {p: i for i, p in enumerate(self._params())}
        return {
            "state": {numbers[p]: dict(state) for p, state in self.state.items()},
            "param_groups": [
                {**group, "params": [numbers[p] for p in group["params"]]}
                for group in self.param_groups
            ],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken; the groups must have the same sizes."""
        params, groups = self._params(), state_dict["param_groups"]
        if [len(g["params"]) for g in groups] != [len(g["params"]) for g in self.param_groups]:
            raise ValueError("the state must have as many parameters a group as this optimiser")
        for own, group in zip(self.param_groups, groups, strict=True):
            own.update({k: v for k, v in group.items() if k != "params"})
        self.state = {
            params[int(i)]: {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in s.items()}
            for i, s in state_dict["state"].items()
        }

    def _params(self) -> list[Parameter]:
        return [p for group in self.param_groups for p in group["params"]]


def _listed(params: Any) -> list[Parameter]:
    listed: list[Any] = [params] if isinstance(params, Tensor) else list(params)
    for p in listed:
        if not isinstance(p, Tensor):
            raise TypeError(f"an optimiser changes tensors; got {type(p).__name__}")
        if not p.is_leaf:
            raise ValueError("an optimiser changes leaves; got a tensor that was computed")
    return listed
