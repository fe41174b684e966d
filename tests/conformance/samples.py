"""PyTorch's own sample inputs, run by PyTorch and by the engine, and compared.

The samples come from the databases inside the installed torch (`op_db`). For each operation that
the engine has, every sample must match in value and gradient, and its exported graph in ONNX
Runtime too, or the engine must say, by NotImplementedError, what it does not do.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import onnx as onnx_library
import onnxruntime
import torch as reference  # noqa: TID251 - the reference

import learnt.engine as torch
from learnt.engine.nn import functional as F

RANDOM = {  # no two libraries draw the same: shape and type are compared
    "bernoulli", "dropout", "dropout2d", "dropout1d", "dropout3d", "alpha_dropout", "empty",
    "empty_like",
    "multinomial", "normal", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like",
    "randperm", "new_empty", "empty_permuted", "feature_alpha_dropout", "rrelu",
}  # fmt: skip
REORDERED: dict[str, Callable[..., Any]] = {  # the database's own order of arguments
    "normal": lambda self, *args, **options: (
        self.clone().normal_(*args)
        if len(args) == 2 and isinstance(self, torch.Tensor)
        else torch.normal(self, *args, **options)
    ),
    "where": lambda self, condition, other: torch.where(condition, self, other),
    "einsum": lambda tensors, equation: torch.einsum(equation, tensors),
    "zero_": lambda self: self.clone().zero_(),
    "nn.functional.embedding": lambda weight, index, **o: F.embedding(index, weight, **o),
    "nn.functional.embedding_bag": lambda weight, index, **o: F.embedding_bag(index, weight, **o),
}
NO_VALUE = {"allclose", "equal", "item"}  # results are Python's own: nothing to export


@dataclass
class Row:
    """What became of the samples of one operation."""

    samples: int = 0
    matching: int = 0  # value and gradient
    declined: int = 0  # NotImplementedError, which says what
    exported: int = 0  # of the matching: also in ONNX Runtime
    reasons: dict[str, int] = field(default_factory=dict)  # why not


@cache
def database() -> dict[str, list[Any]]:
    """PyTorch's operations by name, each with its variants."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db  # noqa: TID251
    found: dict[str, list[Any]] = {}
    for op in op_db:
        found.setdefault(op.name, []).append(op)
    return found


def ours(name: str) -> Callable[..., Any] | None:
    """The engine's function (or method) of that name, if it has one."""
    if name in REORDERED:
        return REORDERED[name]
    if name.startswith("nn.functional."):
        return getattr(F, name.removeprefix("nn.functional."), None)
    if name.startswith("linalg."):
        return getattr(getattr(torch, "linalg", None), name.removeprefix("linalg."), None)
    if "." in name or name in ("bool", "float", "int", "long", "double"):
        return getattr(torch.Tensor, name, None) if "." not in name else None
    found = getattr(torch, name, None)
    return found if callable(found) else _method(name)


def _method(name: str) -> Callable[..., Any] | None:
    found = vars(torch.Tensor).get(name)
    if isinstance(found, property):
        return found.fget
    return found if callable(found) else None


def names() -> list[str]:
    """The operations of PyTorch's database that the engine has."""
    return sorted(name for name in database() if ours(name) is not None)


def samples_of(name: str) -> Iterator[tuple[Any, Any]]:
    """Every sample of every variant; float32, or whole numbers where it takes nothing else."""
    for op in database()[name]:
        kinds = op.supported_dtypes("cpu")
        for kind in (reference.float32, reference.int64, reference.bool):
            if kind in kinds:
                break
        else:
            continue
        differentiable = kind == reference.float32 and op.supports_autograd
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for sample in op.sample_inputs("cpu", kind, requires_grad=differentiable):
                yield op, sample


def convert(value: Any, tensor: Callable[[Any], Any]) -> Any:
    """The same arguments for the engine; `tensor` makes its tensors."""
    if isinstance(value, reference.Tensor):
        return tensor(value)
    if isinstance(value, reference.dtype):
        return getattr(torch, str(value).removeprefix("torch."), value)
    if isinstance(value, reference.device):
        return str(value)
    if isinstance(value, dict):
        own = {k: v for k, v in value.items() if k != "memory_format"}  # ours to choose
        return {k: convert(v, tensor) for k, v in own.items()}
    if isinstance(value, list | tuple):
        kind = list if isinstance(value, list) else tuple
        return kind(convert(v, tensor) for v in value)
    if isinstance(value, slice):
        return slice(*(convert(v, tensor) for v in (value.start, value.stop, value.step)))
    return value


def engine_tensor(t: Any) -> torch.Tensor:
    """A torch tensor as the engine's, in memory of its own, laid out alike."""
    found = torch.Tensor(np.array(t.detach().numpy(), copy=True, order="K"))
    found.requires_grad = t.requires_grad
    return found


def leaves(value: Any, kind: type) -> list[Any]:
    """All tensors in nested arguments or results."""
    if isinstance(value, kind):
        return [value]
    if isinstance(value, dict):
        return [t for v in value.values() for t in leaves(v, kind)]
    if isinstance(value, list | tuple):
        return [t for v in value for t in leaves(v, kind)]
    return []


def close(got: Any, expected: Any, what: str, tol: float = 1e-5) -> None:
    """Equal in shape and type, and within `tol` of the largest expected number."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape, f"{what}: shape {got.shape}, not {expected.shape}"
    assert got.dtype == expected.dtype, f"{what}: {got.dtype}, not {expected.dtype}"
    if got.dtype.kind != "f":
        assert np.array_equal(got, expected), f"{what}: {got} is not {expected}"
        return
    finite = np.abs(expected[np.isfinite(expected)])
    scale = max(1.0, float(finite.max(initial=0.0)))
    np.testing.assert_allclose(got, expected, rtol=10 * tol, atol=tol * scale, err_msg=what)


def measure(name: str) -> Row:
    """Run every sample of an operation; AssertionError where one differs."""
    function, row = ours(name), Row()
    assert function is not None
    for op, sample in samples_of(name):
        row.samples += 1
        arguments = (sample.input, *sample.args)
        given = convert((arguments, sample.kwargs), engine_tensor)
        told = f"{name}{_told(arguments, sample.kwargs)}"
        try:
            random = name.rpartition(".")[2] in RANDOM or sample.kwargs.get("dropout_p")
            agreed = _run(op, function, sample, given, bool(random))
        except NotImplementedError as error:
            if not str(error).strip():
                raise AssertionError(f"{told}: an error must say what is not there") from None
            row.declined += 1
            _count(row, f"{error}")
            continue
        except AssertionError as error:
            raise AssertionError(f"{told}\n{error}") from None
        except Exception as error:
            raise AssertionError(f"{told}\n{type(error).__name__}: {error}") from error
        row.matching += 1
        if agreed is None or name in NO_VALUE:
            continue
        try:
            _exported(function, given, agreed, told)
            row.exported += 1
        except NotImplementedError as error:
            _count(row, f"no graph: {error}")
    return row


def _count(row: Row, reason: str) -> None:
    row.reasons[reason] = row.reasons.get(reason, 0) + 1


def _told(arguments: Any, options: Any) -> str:
    def shown(t: Any) -> str:
        return f"{tuple(t.shape)}:{str(t.dtype).removeprefix('torch.')}"

    return f"({str(convert((arguments, options), shown))[:400]})"


def _run(op: Any, function: Any, sample: Any, given: Any, random: bool) -> Any:
    """Both libraries on one sample; the expected results, unless they were drawn."""
    args, options = given
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = op(sample.input, *sample.args, **sample.kwargs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # as PyTorch's, of shapes that are broadcast
        result = function(*args, **options)
    theirs, mine = leaves(expected, reference.Tensor), leaves(result, torch.Tensor)
    assert len(theirs) == len(mine), f"{len(mine)} tensors, not {len(theirs)}"
    if random:
        for t, m in zip(theirs, mine, strict=True):
            assert m.array.shape == tuple(t.shape)
            assert str(m.array.dtype) == str(t.dtype).removeprefix("torch.")
        return None
    if not theirs:
        assert result == expected, f"{result} is not {expected}"
    for t, m in zip(theirs, mine, strict=True):
        close(m.array, t.detach().numpy(), "value")
    _gradients(sample, given, theirs, mine)
    return [t.detach().numpy() for t in theirs]


def _gradients(sample: Any, given: Any, theirs: list[Any], mine: list[Any]) -> None:
    """What reaches the inputs from results weighed by fixed numbers; and the inputs themselves."""
    inputs = leaves((sample.input, sample.args, sample.kwargs), reference.Tensor)
    own = leaves(given, torch.Tensor)
    for t, m in zip(inputs, own, strict=True):
        if not t.requires_grad or t.is_leaf:  # also what an operation may change, as statistics
            close(m.array, t.detach().numpy(), "input after the call")
    follow = [i for i, t in enumerate(theirs) if t.requires_grad]
    assert follow == [i for i, m in enumerate(mine) if m.requires_grad], "which results have grads"
    wanted = [i for i, t in enumerate(inputs) if t.requires_grad]
    if not follow or not wanted:
        return
    weights = [np.random.default_rng(i).standard_normal(mine[i].array.shape) for i in follow]
    seeds = [w.astype(mine[i].array.dtype) for i, w in zip(follow, weights, strict=True)]
    expected = reference.autograd.grad(
        [theirs[i] for i in follow],
        [inputs[i] for i in wanted],
        [reference.from_numpy(np.asarray(s)) for s in seeds],
        allow_unused=True,
    )
    found = torch.autograd.grad(
        [mine[i] for i in follow],
        [own[i] for i in wanted],
        [torch.Tensor(s) for s in seeds],
        allow_unused=True,
    )
    for i, e, g in zip(wanted, expected, found, strict=True):
        zeros = np.zeros(tuple(inputs[i].shape), np.float32)  # None is no gradient
        close(
            zeros if g is None else g.array,
            zeros if e is None else e.numpy(),
            f"gradient of input {i}",
            5e-5,
        )


def _exported(function: Any, given: Any, expected: list[Any], told: str) -> None:
    """The graph of this very sample, checked, run in ONNX Runtime, and compared."""
    tensors = leaves(given, torch.Tensor)
    if not tensors:
        raise NotImplementedError("no tensor goes in")
    examples = tuple(torch.Tensor(t.array.copy()) for t in tensors)

    def call(*inputs: torch.Tensor) -> Any:
        fresh = iter(inputs)
        args, options = _swap(given, fresh)
        return tuple(leaves(function(*args, **options), torch.Tensor))

    try:
        model = torch.onnx.export(call, examples, any_batch=False)
        onnx_library.checker.check_model(model, full_check=True)
        settings = onnxruntime.SessionOptions()
        settings.log_severity_level = 4
        settings.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
        )
        feed = {i.name: e.array for i, e in zip(model.graph.input, examples, strict=True)}
        got = session.run(None, feed)
    except NotImplementedError:
        raise
    except Exception as error:
        raise AssertionError(f"{told}\nin ONNX Runtime: {error}") from error
    for g, e in zip(got, expected, strict=True):
        try:
            close(g, e, "value in ONNX Runtime", 5e-5)
        except AssertionError as error:
            raise AssertionError(f"{told}\n{error}") from None


def _swap(value: Any, fresh: Iterator[Any]) -> Any:
    """The same arguments with the next tensors in the places of theirs."""
    if isinstance(value, torch.Tensor):
        return next(fresh)
    if isinstance(value, dict):
        return {k: _swap(v, fresh) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_swap(v, fresh) for v in value)
    if isinstance(value, slice):
        return slice(*(_swap(v, fresh) for v in (value.start, value.stop, value.step)))
    return value
