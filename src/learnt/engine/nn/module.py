"""Module: a function with parameters, made of other modules; and the modules that hold others.

Parameters, buffers and children are ordinary attributes: what a module has is what it lists.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self, TypeVar

import numpy as np

from learnt.engine.op import Array
from learnt.engine.tensor import Tensor

T = TypeVar("T")


class Parameter(Tensor):
    """A tensor that training changes."""

    __slots__ = ()

    def __init__(self, data: Tensor | Array, requires_grad: bool = True) -> None:
        super().__init__(data.array if isinstance(data, Tensor) else data, requires_grad)


class Module:
    """What every network and layer is: `forward`, and the parameters it uses.

    Names in `state_dict` are PyTorch's: the path of attributes, joined with dots.
    """

    forward: Callable[..., Any]

    def __init__(self) -> None:
        self.training = True
        self._buffers: dict[str, None] = {}  # which attributes are buffers, in order

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    def register_buffer(self, name: str, tensor: Tensor) -> None:
        """Keep `tensor` as `self.name`: saved with the parameters, but not trained."""
        self._buffers[name] = None
        setattr(self, name, tensor)

    def named_children(self) -> Iterator[tuple[str, "Module"]]:
        """The modules directly in this one."""
        return ((k, v) for k, v in vars(self).items() if isinstance(v, Module))

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, "Module"]]:
        """This module and all below it, each once, with its path."""
        return _once(self._paths(prefix))

    def _paths(self, prefix: str = "") -> Iterator[tuple[str, "Module"]]:
        """As `named_modules`, but a module that is in two places comes twice."""
        yield prefix, self
        for name, child in self.named_children():
            yield from child._paths(_join(prefix, name))

    def modules(self) -> Iterator["Module"]:
        """This module and all below it."""
        return (module for _, module in self.named_modules())

    def children(self) -> Iterator["Module"]:
        """The modules directly in this one."""
        return (child for _, child in self.named_children())

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """What training changes, each once (also what two modules share), with its path."""
        return _once(
            (_join(path, name), value)
            for path, module in self.named_modules()
            for name, value in vars(module).items()
            if isinstance(value, Parameter)
        )

    def parameters(self) -> Iterator[Parameter]:
        """What training changes."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """What is saved but not trained, each with its path."""
        for path, module in self.named_modules():
            for name in module._buffers:
                yield _join(path, name), getattr(module, name)

    def state_dict(self) -> dict[str, Tensor]:
        """Every parameter and buffer by its path; they share memory with the module."""
        state: dict[str, Tensor] = {}
        for path, module in self._paths():
            for name, value in vars(module).items():
                if isinstance(value, Parameter):
                    state[_join(path, name)] = value.detach()
            for name in module._buffers:
                state[_join(path, name)] = getattr(module, name).detach()
        return state

    def load_state_dict(self, state_dict: Mapping[str, Tensor], strict: bool = True) -> None:
        """Copy values into the parameters and buffers of the same paths.

        With `strict`, both sides must have the same names; shapes must always agree.
        """
        own = self.state_dict()
        missing, extra = own.keys() - state_dict.keys(), state_dict.keys() - own.keys()
        if strict and (missing or extra):
            raise RuntimeError(
                f"the state must have exactly this module's names; missing: {sorted(missing)}, "
                f"not known: {sorted(extra)} (strict=False takes what fits)"
            )
        both = [(name, own[name], state_dict[name]) for name in own if name in state_dict]
        for name, here, there in both:
            if here.shape != there.shape:
                raise RuntimeError(f"{name} must have shape {here.shape}; got {there.shape}")
        for _, here, there in both:
            np.copyto(here.array, there.array, casting="same_kind")

    def train(self, mode: bool = True) -> Self:
        """Training mode, for this module and all below it: dropout on, batch statistics."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Evaluation mode: the same result for the same input, always."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Train these parameters, or leave them as they are."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def apply(self, fn: Callable[["Module"], Any]) -> Self:
        """Call `fn` on every module below this one, then on this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def extra_repr(self) -> str:
        """The options shown in `repr`."""
        return ""

    def __repr__(self) -> str:
        lines = [
            f"  ({name}): " + repr(child).replace("\n", "\n  ")
            for name, child in self.named_children()
        ]
        inside = "\n" + "\n".join(lines) + "\n" if lines else self.extra_repr()
        return f"{type(self).__name__}({inside})"


class Sequential(Module):
    """Modules, one after the other: the result of each is the input of the next.

    >>> from learnt.engine import nn
    >>> nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    Sequential(
      (0): Linear(in_features=4, out_features=8, bias=True)
      (1): ReLU()
      (2): Linear(in_features=8, out_features=2, bias=True)
    )
    """

    def __init__(self, *args: Module | Mapping[str, Module]) -> None:
        super().__init__()
        only = args[0] if len(args) == 1 else None
        named = only.items() if isinstance(only, Mapping) else enumerate(args)
        for name, module in named:
            setattr(self, str(name), module)

    def forward(self, x: Any) -> Any:
        for module in self.children():
            x = module(x)
        return x

    def __getitem__(self, index: int) -> Module:
        return list(self.children())[index]

    def __len__(self) -> int:
        return len(list(self.children()))

    def __iter__(self) -> Iterator[Module]:
        return self.children()


class ModuleList(Module):
    """Modules in a list; what is done with them is the owner's business."""

    def __init__(self, modules: list[Module] | None = None) -> None:
        super().__init__()
        for module in modules or []:
            self.append(module)

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        setattr(self, str(len(self)), module)
        return self

    def __getitem__(self, index: int) -> Module:
        return list(self.children())[index]

    def __len__(self) -> int:
        return len(list(self.children()))

    def __iter__(self) -> Iterator[Module]:
        return self.children()


def _once(named: Iterable[tuple[str, T]]) -> Iterator[tuple[str, T]]:
    """Each thing under the first of its names."""
    seen: set[int] = set()
    for name, thing in named:
        if id(thing) not in seen:
            seen.add(id(thing))
            yield name, thing


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
