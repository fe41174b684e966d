"""Module: a function with parameters, made of other modules.

Parameters, buffers and children are ordinary attributes; `_roles` says which attribute is which,
in the order in which they came. (Names and rules are those of PyTorch's `nn.Module`)
"""

import copy
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any, NamedTuple, NoReturn, Self, TypeVar

import numpy as np

from learnt.engine.autograd import note_change
from learnt.engine.creation import empty
from learnt.engine.nn.hooks import Hook, call_with_hooks, listed
from learnt.engine.tensor import Handle, Tensor

T = TypeVar("T")


class Parameter(Tensor):
    """A tensor that training changes, on the memory of `data`."""

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        array = np.zeros(0, np.float32) if data is None else getattr(data, "array", data)
        super().__init__(array, requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Parameter":
        found = memo[id(self)] = type(self)(self.array.copy(order="K"), self.requires_grad)
        return found

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class Buffer(Tensor):
    """A tensor that is saved with the parameters (if `persistent`), and not trained."""

    def __init__(self, data: Tensor, *, persistent: bool = True) -> None:
        super().__init__(data.array)
        self.persistent = persistent


def parameter(*size: int, device: Any = None, dtype: Any = None) -> Parameter:
    """A parameter to be filled: layers pass their `device=` and `dtype=` on to here."""
    return Parameter(empty(*size, device=device, dtype=dtype))


class LoadedKeys(NamedTuple):
    """What `load_state_dict` did not find, and what it did not know."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        matched = not (self.missing_keys or self.unexpected_keys)
        return "<All keys matched successfully>" if matched else super().__repr__()


def _absent(name: str) -> Callable[..., NoReturn]:
    def method(self: "Module", *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(f"Module.{name}: the engine has the CPU, float32 and float64")

    return method


def _no_forward(self: "Module", *args: Any) -> Any:
    raise NotImplementedError(f'{type(self).__name__} needs a method "forward"')


class Module:
    """What every network and layer is: `forward`, and the parameters it uses.

    Names in `state_dict` are PyTorch's: the path of attributes, joined with dots.

    >>> from learnt.engine import nn
    >>> class Scale(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.by = nn.Parameter(nn.init.ones_(torch.empty(1)))
    ...     def forward(self, x):
    ...         return x * self.by
    >>> import learnt.engine as torch
    >>> list(nn.Sequential(Scale(), Scale()).state_dict())
    ['0.by', '1.by']
    """

    forward: Callable[..., Any] = _no_forward
    training: bool

    def __init__(self) -> None:
        own = vars(self)
        own["training"] = True
        own["_roles"] = {}  # attribute → "parameter", "buffer" or "module"
        own["_non_persistent_buffers_set"] = set()
        own["_hooks"] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._hooks:
            return call_with_hooks(self, args, kwargs)
        return self.forward(*args, **kwargs)

    # --- what it has --------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        role = _role(value)
        roles: dict[str, str] | None = vars(self).get("_roles")
        if roles is None:
            if role:
                raise AttributeError(
                    f"cannot assign a {role} before super().__init__() of {type(self).__name__}"
                )
        elif role:
            if role == "buffer":
                self._non_persistent_buffers_set -= {name}
                self._non_persistent_buffers_set |= set() if value.persistent else {name}
            self._register(role, name, value)
            return
        elif name in roles:
            allowed = Tensor if roles[name] == "buffer" else type(None)
            if value is not None and not isinstance(value, allowed):
                raise TypeError(
                    f"cannot assign '{type(value).__name__}' as {roles[name]} '{name}': it must "
                    f"be a {roles[name]} or None (del it first, or write into its .data)"
                )
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        self._roles.pop(name, None)
        self._non_persistent_buffers_set.discard(name)
        object.__delattr__(self, name)

    def _register(self, role: str, name: str, value: Any) -> None:
        if self._roles.get(name, role) != role:
            del self._roles[name]
        self._roles[name] = role
        vars(self)[name] = value

    def _add(self, role: str, kind: type, name: str, value: Any) -> None:
        if not isinstance(value, kind | None):
            raise TypeError(f"a {role} must be a {kind.__name__} or None; got {value!r}")
        if not isinstance(name, str):
            raise TypeError(f"the name of a {role} must be a string; got {name!r}")
        if not name or "." in name or (hasattr(self, name) and self._roles.get(name) != role):
            raise KeyError(f"a {role} needs a name without '.' that is not taken; got {name!r}")
        self._register(role, name, value)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Keep `tensor` as `self.name`: saved with the parameters, but not trained."""
        self._add("buffer", Tensor, name, tensor)
        change = self._non_persistent_buffers_set
        (change.discard if persistent else change.add)(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Keep `param` as `self.name`, as an assignment does; None holds the place."""
        self._add("parameter", Parameter, name, param)

    def add_module(self, name: str, module: "Module | None") -> None:
        """Keep `module` as `self.name`, as an assignment does."""
        self._add("module", Module, name, module)

    register_module = add_module

    @property
    def _parameters(self) -> "Members":
        return Members(self, "parameter")

    @property
    def _buffers(self) -> "Members":
        return Members(self, "buffer")

    @property
    def _modules(self) -> "Members":
        return Members(self, "module")

    def _members(self, role: str) -> list[tuple[str, Any]]:
        """Name and value of what has a role and is not None."""
        own = vars(self)
        found = [(name, own[name]) for name, known in self._roles.items() if known == role]
        return [pair for pair in found if pair[1] is not None]

    # --- all below it -------------------------------------------------------------------------

    def named_modules(
        self, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, "Module"]]:
        """This module and all below it, with their paths; each once, or as often as it is there."""
        seen = set() if memo is None else memo
        if self in seen:
            return
        if remove_duplicate:
            seen.add(self)
        yield prefix, self
        for name, child in self._members("module"):
            yield from child.named_modules(seen, _join(prefix, name), remove_duplicate)

    def modules(self) -> Iterator["Module"]:
        """This module and all below it."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, "Module"]]:
        """The modules directly in this one, each once."""
        return _once(self._members("module"))

    def children(self) -> Iterator["Module"]:
        """The modules directly in this one."""
        return (child for _, child in self.named_children())

    def _named(self, role: str, prefix: str, recurse: bool, once: bool) -> Iterator[Any]:
        paths = self.named_modules(None, prefix, once) if recurse else [(prefix, self)]
        found = ((_join(path, name), v) for path, m in paths for name, v in m._members(role))
        return _once(found) if once else found

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """What training changes, with its path; what two modules share comes once."""
        return self._named("parameter", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """What training changes."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """What belongs to it but is not trained, with its path."""
        return self._named("buffer", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """What belongs to it but is not trained."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> "Module":
        """The module at a path; AttributeError if there is none."""
        found = self
        for name in target.split(".") if target else ():
            if name not in found._modules:
                raise AttributeError(f"{type(found).__name__} has no module {name!r} ({target!r})")
            found = vars(found)[name]
        return found

    def _get(self, role: str, target: str) -> Any:
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        if owner._roles.get(name) != role:
            raise AttributeError(f"{type(owner).__name__} has no {role} {name!r}")
        return vars(owner)[name]

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a path; AttributeError if there is none."""
        found: Parameter = self._get("parameter", target)
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a path; AttributeError if there is none."""
        found: Tensor = self._get("buffer", target)
        return found

    # --- saving and loading -------------------------------------------------------------------

    def _state(self) -> list[tuple[str, Tensor]]:
        """What is saved of this module itself."""
        buffers = self._members("buffer")
        kept = [pair for pair in buffers if pair[0] not in self._non_persistent_buffers_set]
        return self._members("parameter") + kept

    def state_dict(
        self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Tensor]:
        """Every parameter and persistent buffer by its path; they share memory with the module."""
        state: dict[str, Tensor] = OrderedDict() if destination is None else destination
        for name, value in self._state():
            state[prefix + name] = value if keep_vars else value.detach()
        for name, child in self._members("module"):
            child.state_dict(
                destination=state, prefix=f"{prefix}{name}.", keep_vars=keep_vars
            )
        return state

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> LoadedKeys:
        """Copy values into the parameters and buffers of the same paths (or take them: `assign`).

        With `strict`, both sides must have the same names; shapes must always agree.
        """
        found, own, errors = dict(state_dict), list[str](), list[str]()
        for path, module in self.named_modules(remove_duplicate=False):
            for name, value in module._state():
                key = _join(path, name)
                own.append(key)
                if key in found:
                    error = _load(module, name, value, found[key], assign)
                    errors += [f"size mismatch for {key}: {error}"] if error else []
        keys = LoadedKeys([k for k in own if k not in found], list(found.keys() - set(own)))
        keys.unexpected_keys.sort(key=list(found).index)
        if strict and keys.unexpected_keys:
            errors.insert(0, f"Unexpected key(s) in state_dict: {keys.unexpected_keys}")
        if strict and keys.missing_keys:
            errors.insert(0, f"Missing key(s) in state_dict: {keys.missing_keys}")
        if errors:
            what = f"Error(s) in loading state_dict for {type(self).__name__}:"
            raise RuntimeError("\n\t".join([what, *errors]))
        return keys

    # --- changing all of it -------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Training mode, for this module and all below it: dropout on, batch statistics."""
        if not isinstance(mode, bool):
            raise ValueError(f"training mode is True or False; got {mode!r}")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self) -> Self:
        """Evaluation mode: the same result for the same input, always."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Train these parameters, or leave them as they are."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients (or make them 0)."""
        for parameter in self.parameters():
            if set_to_none or parameter.grad is None:
                parameter.grad = None
            else:
                parameter.grad = Tensor(np.zeros_like(parameter.grad.array))

    def apply(self, fn: Callable[["Module"], Any]) -> Self:
        """Call `fn` on every module below this one, then on this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Parameters and buffers that are fractions as another type: `to(torch.float64)`."""
        for tensor in (*self.parameters(), *self.buffers()):
            found = tensor.detach().to(*args, **kwargs).array
            if tensor.array.dtype.kind == "f" and found.dtype.kind != "f":
                raise TypeError(f"a module can be of fractions only; got {found.dtype}")
            if tensor.array.dtype.kind == "f":
                tensor.array = found
                tensor.grad = tensor.grad and tensor.grad.to(found.dtype)
        return self

    def float(self) -> Self:
        """Parameters and buffers as float32."""
        return self.to(np.float32)

    def double(self) -> Self:
        """Parameters and buffers as float64."""
        return self.to(np.float64)

    def cpu(self) -> Self:
        """Itself: the CPU is where it is."""
        return self

    half, bfloat16, cuda = _absent("half"), _absent("bfloat16"), _absent("cuda")
