"""What is recorded: everything that needs a gradient, nothing, or (for export) everything."""

import functools
import threading
from collections.abc import Callable
from typing import Any, ClassVar, Self


class _Mode(threading.local):
    """What `apply` records in this thread."""

    grad = True
    trace = False


mode = _Mode()


class _Setting:
    """Sets one part of the mode: a context, and a decorator with or without brackets."""

    name: ClassVar[str] = "grad"
    value: bool

    def __init__(self, value: bool) -> None:
        self.value = value
        self.before: list[bool] = []  # a list, as one object may be entered again within itself

    def __enter__(self) -> Self:
        self.before.append(getattr(mode, self.name))
        setattr(mode, self.name, self.value)
        return self

    def __exit__(self, *error: object) -> None:
        setattr(mode, self.name, self.before.pop())

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def within(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return within


class no_grad(_Setting):  # noqa: N801 - PyTorch's name
    """Within this, nothing is recorded for `backward`: for evaluation.  Also a decorator.

    >>> import learnt.engine as torch
    >>> w = torch.ones(2, requires_grad=True)
    >>> with torch.no_grad():
    ...     (w * 2).requires_grad
    False
    """

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        setting = super().__new__(cls)
        if function is None:
            return setting
        setting.__init__()  # type: ignore[misc]
        return setting(function)

    def __init__(self) -> None:
        super().__init__(False)


class inference_mode(_Setting):  # noqa: N801
    """As `no_grad`."""

    def __new__(cls, mode: Any = True) -> Any:
        setting = super().__new__(cls)
        if not callable(mode):
            return setting
        setting.__init__()  # type: ignore[misc]
        return setting(mode)

    def __init__(self, mode: bool = True) -> None:
        super().__init__(not mode)


class enable_grad(no_grad):  # noqa: N801
    """Within this, what needs a gradient is recorded, also inside `no_grad`."""

    def __init__(self) -> None:
        _Setting.__init__(self, True)


class set_grad_enabled(_Setting):  # noqa: N801
    """Record what needs a gradient, or do not: from now on, and as a context until its end."""

    def __init__(self, mode: bool) -> None:
        super().__init__(mode)
        self.outside = is_grad_enabled()
        _set(mode)

    def __exit__(self, *error: object) -> None:
        self.before.pop()
        _set(self.outside)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        _set(self.outside)  # as a decorator it changes nothing outside the function
        return super().__call__(function)


class trace(_Setting):  # noqa: N801
    """Within this, every operation is recorded, so that the result can be exported."""

    name = "trace"

    def __init__(self) -> None:
        super().__init__(True)


def _set(value: bool) -> None:
    mode.grad = value


def is_grad_enabled() -> bool:
    """Is what needs a gradient recorded just now?"""
    return mode.grad
