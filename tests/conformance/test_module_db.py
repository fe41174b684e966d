"""PyTorch's own samples of its modules: the same layer here, with its weights, is the same.

The samples come from the database inside the installed torch (`module_db`). A module of the same
name must be shown alike, take the same state, and give the same results, gradients and buffers,
in training and in evaluation; and its exported graph the same results in ONNX Runtime.
"""

import warnings
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch as reference  # noqa: TID251 - the reference

import learnt.engine as torch
from learnt.engine import nn
from learnt.engine.nn import functional as F
from tests.conformance import samples
from tests.conformance.page import committed, line
from tests.conformance.samples import Row, close, engine_tensor, leaves


@cache
def database() -> dict[str, Any]:
    """PyTorch's modules by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_modules import module_db  # noqa: TID251
    return {info.module_cls.__name__: info for info in module_db}


def names() -> list[str]:
    """The modules of PyTorch's database that the engine has."""
    return sorted(name for name in database() if hasattr(nn, name))


def convert(value: Any) -> Any:
    """The same arguments for the engine: tensors, functions, and the layers of a Transformer."""
    if isinstance(value, dict):
        return {k: convert(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(convert, value))
    if isinstance(value, reference.nn.TransformerEncoderLayer):
        return nn.TransformerEncoderLayer(
            value.self_attn.embed_dim, value.self_attn.num_heads, value.linear1.out_features,
            value.dropout.p, convert(value.activation), value.norm1.eps,
            value.self_attn.batch_first, value.norm_first, value.linear1.bias is not None,
        )  # fmt: skip
    if callable(value) and not isinstance(value, type | reference.Tensor):
        return getattr(F, value.__name__)
    return samples.convert(value, engine_tensor)


def measure(name: str) -> Row:
    """Run every sample of a module; AssertionError where one differs."""
    info, row = database()[name], Row()
    for training in (True, False):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reference.manual_seed(0)
            found = info.module_inputs_func(
                info, device="cpu", dtype=reference.float32, requires_grad=True, training=training
            )
            for sample in found:
                row.samples += 1
                made, called = _told(sample.constructor_input), _told(sample.forward_input)
                try:
                    _sample(info.module_cls, getattr(nn, name), sample, training, row)
                except NotImplementedError as error:
                    row.declined += 1
                    row.reasons[str(error)] = row.reasons.get(str(error), 0) + 1
                except Exception as error:
                    said = f"{name}{made}, called with {called}, training={training}"
                    raise AssertionError(f"{said}: {type(error).__name__}: {error}") from error
    return row


def _told(given: Any) -> str:
    return samples._told(given.args, given.kwargs)


def _sample(their_class: Any, our_class: Any, sample: Any, training: bool, row: Row) -> None:
    options, call = sample.constructor_input, sample.forward_input
    theirs = their_class(*options.args, **options.kwargs)
    ours = our_class(*convert(list(options.args)), **convert(options.kwargs))
    for either in (theirs, ours):
        either.train(training)
        for module in either.modules():
            if hasattr(module, "dropout") and isinstance(module.dropout, float):
                module.dropout = 0.0
            if type(module).__name__.endswith("Dropout"):
                module.p = 0.0
    hand_over(theirs, ours)
    given = samples.convert((call.args, call.kwargs), cache(engine_tensor))  # one stays one
    expected = theirs(*call.args, **call.kwargs)
    result = ours(*given[0], **given[1])
    there, here = leaves(expected, reference.Tensor), leaves(result, torch.Tensor)
    assert len(there) == len(here)
    for t, m in zip(there, here, strict=True):
        close(m.array, t.detach().numpy(), "value")
    _gradients(theirs, ours, leaves((call.args, call.kwargs), reference.Tensor),
               leaves(given, torch.Tensor), there, here)  # fmt: skip
    for name, buffer in theirs.named_buffers():
        close(ours.get_buffer(name).array, buffer.numpy(), f"{name} after the call")
    row.matching += 1
    if not training:
        try:
            samples._exported(ours, given, [t.detach().numpy() for t in there], repr(ours))
            row.exported += 1
        except NotImplementedError as error:
            reason = f"no graph: {error}"
            row.reasons[reason] = row.reasons.get(reason, 0) + 1


def hand_over(theirs: Any, ours: Any) -> None:
    """Both are shown alike, and have the same state from now on: the same names in one order."""
    assert repr(ours) == repr(theirs)
    state = theirs.state_dict()
    assert list(ours.state_dict()) == list(state)
    keys = ours.load_state_dict({name: engine_tensor(t) for name, t in state.items()})
    assert str(keys) == "<All keys matched successfully>"
    for listed in ("named_parameters", "named_buffers", "named_modules"):
        expected = [name for name, _ in getattr(theirs, listed)()]
        assert [name for name, _ in getattr(ours, listed)()] == expected


def _gradients(theirs: Any, ours: Any, inputs: Any, own: Any, there: Any, here: Any) -> None:
    """What reaches inputs and parameters from results weighed by fixed numbers."""
    follow = [i for i, t in enumerate(there) if t.requires_grad]
    assert follow == [i for i, m in enumerate(here) if m.requires_grad], "which results have grads"
    if not follow:
        return
    pairs = [(f"input {i}", t, m) for i, (t, m) in enumerate(zip(inputs, own, strict=True))]
    pairs += [(name, p, ours.get_parameter(name)) for name, p in theirs.named_parameters()]
    wanted = [(what, t, m) for what, t, m in pairs if t.requires_grad]
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal(tuple(there[i].shape)).astype(np.float32) for i in follow]
    options: dict[str, Any] = {"allow_unused": True, "materialize_grads": True}
    found = [
        lib.autograd.grad(
            [r[i] for i in follow], sources, list(map(lib.tensor, weights)), **options
        )
        for lib, r, sources in (
            (reference, there, [t for _, t, _ in wanted]),
            (torch, here, [m for _, _, m in wanted]),
        )
    ]
    for (what, _, _), expected, got in zip(wanted, *found, strict=True):
        close(got.array, expected.numpy(), f"gradient of {what}", 5e-5)


@pytest.mark.parametrize("name", names())
def test_every_sample_of_pytorchs_module_matches_or_is_declined_in_words(name):
    row = measure(name)
    assert row.matching + row.declined == row.samples > 0
    assert all(row.reasons), "an error must say what is not there"
    assert committed().get(name) == line(name, row), "the page is of another day: run make docs"


def test_every_module_on_the_page_is_still_there():
    assert {n for n in committed() if n not in samples.database()} == set(names())
