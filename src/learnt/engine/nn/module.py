"""Module: a function with parameters, made of other modules, by the rules of PyTorch's.

Parameters, buffers and children are ordinary attributes, found without any detour; `_roles` says
which attribute is which, in the order in which they came.
"""

from collections import OrderedDict, namedtuple
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import partialmethod
from typing import Any, NoReturn, Self

import numpy as np

from learnt.engine.autograd import note_change
from learnt.engine.base import Handle
from learnt.engine.creation import empty
from learnt.engine.nn.hooks import Watch
from learnt.engine.tensor import Tensor

Named = Iterator[tuple[str, Any]]


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
    """A tensor that is not trained but belongs to a module; saved with it if `persistent`."""

    def __init__(self, data: Any = None, *, persistent: bool = True) -> None:
        super().__init__(np.zeros(0, np.float32) if data is None else data.array)
        self.persistent = persistent


def parameter(*size: int, device: Any = None, dtype: Any = None) -> Parameter:
    """A parameter to be filled: layers pass their `device=` and `dtype=` on to here."""
    return Parameter(empty(*size, device=device, dtype=dtype))


class Members(MutableMapping[str, Any]):
    """The attributes of a module that have one role, by name; to change it changes the module."""

    def __init__(self, module: "Module", role: str) -> None:
        self.module, self.role = module, role

    def __getitem__(self, name: str) -> Any:
        if self.module._roles.get(name) != self.role:
            raise KeyError(name)
        return vars(self.module)[name]

    def __setitem__(self, name: str, value: Any) -> None:
        if self.module._roles.get(name, self.role) != self.role:
            delattr(self.module, name)
        self.module._roles[name], vars(self.module)[name] = self.role, value

    def __delitem__(self, name: str) -> None:
        del self.module._roles[name], vars(self.module)[name]

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, role in self.module._roles.items() if role == self.role])

    def __len__(self) -> int:
        return list(self.module._roles.values()).count(self.role)


class IncompatibleKeys(namedtuple("IncompatibleKeys", "missing_keys unexpected_keys")):
    """What `load_state_dict` did not find, and what it did not know: lists of names."""

    def __repr__(self) -> str:
        return super().__repr__() if any(self) else "<All keys matched successfully>"


def absent(name: str) -> Callable[..., NoReturn]:
    """A method that says that it is not there."""

    def method(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(f"{type(self).__name__}.{name}")

    return method


class Module:
    """What every network and layer is: `forward`, and the parameters it uses.

    Names in `state_dict` are the paths of attributes: `layers.0.weight`.
    """

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the network computes: to be written."""
        raise NotImplementedError(f"{type(self).__name__} needs a method forward(self, ...)")

    training: bool
    _roles: dict[str, str]  # attribute → "parameter", "buffer" or "module"

    def __init__(self) -> None:
        self.training = True
        self._roles = {}
        self._non_persistent_buffers_set: set[str] = set()
        self._hooks: dict[int, Any] = {}  # (before? None: backward, function, with kwargs?)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._hooked(args, kwargs) if self._hooks else self.forward(*args, **kwargs)

    def _hooked(self, args: Any, kwargs: Any) -> Any:
        hooks = list(self._hooks.values())
        for _, function, with_kwargs in [hook for hook in hooks if hook[0]]:
            found = function(self, args, kwargs) if with_kwargs else function(self, args)
            if found is not None and with_kwargs:
                args, kwargs = found
            elif found is not None:
                args = found if isinstance(found, tuple) else (found,)
        back = [function for before, function, _ in hooks if before is None]
        watch = Watch(self, back)
        result = self.forward(*(watch.enter(args) if back else args), **kwargs)
        for _, function, with_kwargs in [hook for hook in hooks if hook[0] is False]:
            found = function(self, args, *([kwargs] if with_kwargs else []), result)
            result = result if found is None else found
        return watch.leave(result) if back else result

    def _hook(
        self, before: bool | None, hook: Any, prepend: bool = False, *, with_kwargs: bool = False
    ) -> Handle:
        """Call `hook(module, args)` before, `hook(module, args, result)` after each `forward`.

        What it returns takes the place of args or result; kwargs follow args if asked for.
        On the way back it is `hook(module, grad_input, grad_output)`, and may return grad_input.
        """
        others = dict(self._hooks) if prepend else {}
        for key in others:
            del self._hooks[key]
        handle = Handle(self._hooks, (before, hook, with_kwargs))  # type: ignore[arg-type]
        self._hooks.update(others)
        return handle

    register_forward_pre_hook = partialmethod(_hook, True)
    register_forward_hook = partialmethod(_hook, False)
    register_full_backward_hook = partialmethod(_hook, None)

    _parameters = property(lambda self: Members(self, "parameter"))
    _buffers = property(lambda self: Members(self, "buffer"))
    _modules = property(lambda self: Members(self, "module"))

    def __setattr__(self, name: str, value: Any) -> None:
        roles = vars(self).get("_roles", {})
        known = roles.get(name)
        role = next((role for role, kind in OWN.items() if isinstance(value, kind)), None)
        if role and "_roles" not in vars(self):
            raise AttributeError(f"call super().__init__() before {name} is assigned")
        if role == "parameter" or (role and known in (None, role, "buffer")):
            Members(self, role)[name] = value
            if role == "buffer":
                self.register_buffer(name, value, value.persistent)
        elif known and not (value is None or (known == "buffer" and isinstance(value, Tensor))):
            raise TypeError(
                f"cannot assign '{type(value).__name__}' as {known} '{name}': it must be a "
                f"{known} or None (.data changes only the numbers)"
            )
        else:
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self._roles.pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def _add(self, role: str, name: str, value: Any) -> None:
        """Keep `value` as an attribute, as an assignment does; None holds the place."""
        if not isinstance(name, str) or not isinstance(value, ROLES[role] | None):
            raise TypeError(
                f"a {role} needs a string for its name, and to be a {ROLES[role].__name__} or "
                f"None; got {name!r} and {value if isinstance(value, type) else type(value)}"
            )
        if not name or "." in name or (hasattr(self, name) and self._roles.get(name) != role):
            raise KeyError(f"a {role} needs a name without '.' that is not taken; got {name!r}")
        Members(self, role)[name] = value

    register_parameter = partialmethod(_add, "parameter")
    register_module = add_module = partialmethod(_add, "module")

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Keep `tensor` as `self.name`: saved with the parameters, but not trained."""
        self._add("buffer", name, tensor)
        self._non_persistent_buffers_set -= {name}
        self._non_persistent_buffers_set |= set() if persistent else {name}

    def _members(self, role: str) -> list[tuple[str, Any]]:
        own = vars(self)
        found = [(name, own[name]) for name, known in self._roles.items() if known == role]
        return [pair for pair in found if pair[1] is not None]

    def _named(
        self, role: str, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Named:
        """What has a role, here and below, with its path; what is shared comes once."""
        below = self.named_modules(None, prefix, remove_duplicate) if recurse else [(prefix, self)]
        found = ((_join(path, name), v) for path, m in below for name, v in m._members(role))
        return _once(found) if remove_duplicate else found

    named_parameters = partialmethod(_named, "parameter")
    named_buffers = partialmethod(_named, "buffer")

    def named_modules(
        self, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Named:
        """This module and all below it, with their paths; each once, or wherever it is."""
        seen = set() if memo is None else memo
        if self not in seen:
            seen |= {self} if remove_duplicate else set()
            yield prefix, self
            for name, child in self._members("module"):
                yield from child.named_modules(seen, _join(prefix, name), remove_duplicate)

    def named_children(self) -> Named:
        """The modules directly in this one, each once."""
        return _once(self._members("module"))

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """What training changes."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """What belongs to it but is not trained."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def modules(self, remove_duplicate: bool = True) -> Iterator["Module"]:
        """This module and all below it."""
        return (m for _, m in self.named_modules(remove_duplicate=remove_duplicate))

    def children(self) -> Iterator["Module"]:
        """The modules directly in this one."""
        return (child for _, child in self.named_children())

    def _get(self, role: str, target: str) -> Any:
        """What stands at a path; AttributeError if there is nothing."""
        path, _, name = target.rpartition(".")
        owner = self._get("module", path) if path else self
        if owner._roles.get(name) != role:
            raise AttributeError(f"{type(owner).__name__} has no {role} {name!r}")
        return vars(owner)[name]

    get_parameter, get_buffer = partialmethod(_get, "parameter"), partialmethod(_get, "buffer")

    def get_submodule(self, target: str) -> Any:
        """The module at a path; AttributeError if there is none."""
        return self._get("module", target) if target else self

    def _state(self) -> list[tuple[str, Tensor]]:
        gone = self._non_persistent_buffers_set
        buffers = [(name, value) for name, value in self._members("buffer") if name not in gone]
        return self._members("parameter") + buffers

    def state_dict(
        self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Tensor]:
        """Every parameter and persistent buffer by its path; they share memory with the module."""
        state: dict[str, Tensor] = OrderedDict() if destination is None else destination
        for name, value in self._state():
            state[prefix + name] = value if keep_vars else value.detach()
        for name, child in self._members("module"):
            child.state_dict(destination=state, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        return state

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy values into the parameters and buffers of the same paths (or take them: `assign`).

        With `strict`, both sides must have the same names; shapes must always agree.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"state_dict must be a dict of tensors; got {type(state_dict).__name__}"
            )
        given, keys, errors = dict(state_dict), IncompatibleKeys([], []), list[str]()
        for path, module in self.named_modules(remove_duplicate=False):
            prefix, local = f"{path}." if path else "", {"assign_to_params_buffers": assign}
            module._load_from_state_dict(given, prefix, local, strict, *keys, errors)
        known = self.state_dict()
        keys.unexpected_keys.extend(key for key in given if key not in known)
        for name, found in keys._asdict().items() if strict else ():
            what = f"{name.split('_')[0].capitalize()} key(s) in state_dict: {found}"
            errors += [what] if found else []
        if errors:
            start = f"Error(s) in loading state_dict for {type(self).__name__}:"
            raise RuntimeError("\n\t".join([start, *errors]))
        return keys

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool,
        missing_keys: list[str], unexpected_keys: list[str], error_msgs: list[str],
    ) -> None:  # fmt: skip
        """Load what is this module's own: the place to rename what was saved otherwise."""
        for name, own in self._state():
            given, key = state_dict.get(prefix + name), prefix + name
            if given is None:
                missing_keys.append(key)
            elif not isinstance(given, Tensor):
                error_msgs.append(f"{key} must be a tensor; got {type(given).__name__}")
            elif own.array.shape != given.array.shape:
                shapes = f"it must have shape {own.array.shape}; got {given.array.shape}"
                error_msgs.append(f"size mismatch for {key}: {shapes}")
            elif local_metadata["assign_to_params_buffers"]:
                trained = isinstance(own, Parameter) and not isinstance(given, Parameter)
                setattr(self, name, Parameter(given, own.requires_grad) if trained else given)
            else:
                np.copyto(own.array, given.array, casting="unsafe")
                note_change(own.array)

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
            known = None if set_to_none else parameter.grad
            parameter.grad = None if known is None else Tensor(np.zeros_like(known.array))

    def apply(self, fn: Callable[["Module"], Any]) -> Self:
        """Call `fn` on every module below this one, then on this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Parameters and buffers that are fractions as another type: `to(torch.float64)`."""
        for tensor in (Tensor(np.zeros(0, np.float32)), *self.parameters(), *self.buffers()):
            if tensor.array.dtype.kind == "f":
                found = tensor.detach().to(*args, **kwargs).array
                if found.dtype.kind != "f":
                    raise TypeError(f"a module can be of fractions only; got {found.dtype}")
                tensor.array = found
                tensor.grad = None if tensor.grad is None else tensor.grad.to(found.dtype)
        return self

    float, double = partialmethod(to, np.float32), partialmethod(to, np.float64)
    cpu = partialmethod(to, "cpu")
    half, bfloat16, cuda = absent("half"), absent("bfloat16"), absent("cuda")

    def extra_repr(self) -> str:
        """The options shown in `repr`."""
        return ""

    def _shown(self) -> list[str]:
        return [f"({name}): {child!r}" for name, child in self._modules.items()]

    def __repr__(self) -> str:
        own, lines = self.extra_repr(), self._shown()
        if lines or "\n" in own:
            own = "\n  " + "\n".join([*own.splitlines(), *lines]).replace("\n", "\n  ") + "\n"
        return f"{type(self).__name__}({own})"


OWN: dict[str, Any] = {"parameter": Parameter, "module": Module, "buffer": Buffer}
ROLES: dict[str, Any] = {**OWN, "buffer": Tensor}  # what may be registered


def _once(named: Any) -> Named:
    """Each thing under the first of its names."""
    seen: set[int] = set()
    for name, value in named:
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
