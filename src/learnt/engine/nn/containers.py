"""Modules that hold others: in a row, in a list, by name; and the same of parameters.

What they hold are attributes like any other, named by their places or keys.
"""

from collections.abc import Iterable, Iterator, MutableMapping
from itertools import groupby
from typing import Any, Self

from learnt.engine.nn.module import Members, Module, Parameter
from learnt.engine.tensor import Tensor


class _Container(Module):
    role = "module"

    def __len__(self) -> int:
        return len(Members(self, self.role))

    def _put(self, name: str, value: Any) -> None:
        if self.role == "parameter" and type(value) is Tensor:
            value = Parameter(value)
        self._add(self.role, name, value)

    def extra_repr(self) -> str:
        named = self._members("parameter") if self.role == "parameter" else []
        sizes = [(name, p.dtype, "x".join(map(str, p.array.shape))) for name, p in named]
        return "\n".join(f"  ({name}): Parameter containing: [torch.{dtype} of size {size}]"
                         for name, dtype, size in sizes)  # fmt: skip


def _by_list(name: str) -> Any:
    """A method of a list, on what a container holds; then all are numbered anew."""

    def method(self: "_List", *args: Any) -> Any:
        values = self._values()
        found = getattr(values, name)(*args)
        Members(self, self.role).clear()
        self.extend(values)
        return self if found is None else found

    return method


class _List(_Container):
    """What all that are numbered can do, as Python's list."""

    insert, pop, __delitem__ = map(_by_list, ("insert", "pop", "__delitem__"))

    def _values(self) -> list[Any]:
        return [value for _, value in self._members(self.role)]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values())

    def __getitem__(self, index: int | slice) -> Any:
        found = self._values()[index]
        return type(self)(found) if isinstance(index, slice) else found  # type: ignore[call-arg]

    def __setitem__(self, index: int, value: Any) -> None:
        self._put(list(Members(self, self.role))[index], value)

    def append(self, value: Any) -> Self:
        """Add at the end."""
        self._put(str(len(self)), value)
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add all at the end."""
        for value in list(values):
            self.append(value)
        return self

    def __add__(self, other: Iterable[Any]) -> Self:
        return type(self)().extend(self).extend(other)

    __iadd__ = extend


class Sequential(_List):
    """Modules, one after the other: the result of each is the input of the next.

    >>> from learnt.engine import nn
    >>> nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))[1:]
    Sequential(
      (1): ReLU()
      (2): Linear(in_features=8, out_features=2, bias=True)
    )
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        by_name = len(args) == 1 and isinstance(args[0], dict)
        for name, module in args[0].items() if by_name else enumerate(args):
            self._put(str(name), module)

    def forward(self, input: Any) -> Any:
        """The last module's result."""
        for _, module in self._members("module"):
            input = module(input)
        return input

    def __getitem__(self, index: int | slice) -> Any:
        found = self._members("module")[index]
        return type(self)(dict(found)) if isinstance(index, slice) else found[1]  # type: ignore[arg-type]


class ModuleList(_List):
    """Modules in a list; what is done with them is the owner's business."""

    def __init__(self, modules: Iterable[Any] | None = None) -> None:
        super().__init__()
        self.extend(modules or ())

    def _shown(self) -> list[str]:
        """Equal ones in a row are shown once, with their number."""
        lines, end = [], 0
        for text, equal in groupby(map(repr, self._values())):
            start, end = end, end + len(list(equal))
            many = f"-{end - 1}): {end - start} x " if end - start > 1 else "): "
            lines.append(f"({start}{many}{text}")
        return lines if self.role == "module" else []


class ParameterList(ModuleList):
    """Parameters in a list; a tensor becomes one."""

    role = "parameter"

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__(values)


class ModuleDict(_Container, MutableMapping[str, Any]):
    """Modules by name, in order, as Python's dict."""

    def __init__(self, modules: Any = None) -> None:
        super().__init__()
        self.update(modules or {})

    def __getitem__(self, key: str) -> Any:
        return Members(self, self.role)[key]

    def __delitem__(self, key: str) -> None:
        del Members(self, self.role)[key]

    def __iter__(self) -> Iterator[str]:
        return iter(Members(self, self.role))

    __setitem__ = _Container._put
    __eq__, __hash__ = object.__eq__, object.__hash__  # one module is not another


class ParameterDict(ModuleDict):
    """Parameters by name, in order; a tensor becomes one."""

    role = "parameter"

    def __init__(self, parameters: Any = None) -> None:
        super().__init__(parameters)
