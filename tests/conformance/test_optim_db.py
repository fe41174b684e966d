"""Every configuration of PyTorch's own optimiser database: the same numbers, step by step.

`optim_db` is the list by which PyTorch tests its optimisers (`torch/testing/_internal`).
"""

import copy
import io
import math
import warnings

import numpy as np
import pytest
import torch as reference  # noqa: TID251
from torch.testing._internal.common_optimizers import (  # noqa: TID251
    OptimizerErrorEnum,
    optim_db,
)

import learnt.engine as torch
from tests.conformance.compare import draw

STEPS = 20
NAMES = ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "NAdam", "RAdam", "Muon")
KNOWN = {info.name: info for info in optim_db if info.name in NAMES}
SHAPES = ((3, 4), (5,), (2, 3, 2, 2), (), (1, 7), (30, 20))
MATRICES = ((3, 4), (8, 3), (1, 7), (30, 20), (5, 5))
CASES = [
    pytest.param(name, given.kwargs, id=f"{name}: {given.desc}")
    for name, info in KNOWN.items()
    for given in info.optim_inputs_func(device="cpu")
]
MORE = {  # options, and pairs of them, that the database leaves out
    "SGD": [
        {"momentum": 0.9, "nesterov": True, "maximize": True},
        {"momentum": 0.9, "dampening": 0.1, "weight_decay": 0.2, "maximize": True},
    ],
    "Adam": [
        {"amsgrad": True, "maximize": True, "betas": (0.5, 0.7), "eps": 1e-3},
        {"weight_decay": 0.3, "decoupled_weight_decay": True},
        {"lr": reference.tensor(0.01)},
    ],
    "AdamW": [{"amsgrad": True, "weight_decay": 0.5, "lr": 0.1}, {"betas": (0.0, 0.0)}],
    "RMSprop": [{"alpha": 0.5, "eps": 1e-2, "momentum": 0.9}, {"centered": True}],
    "Adagrad": [{"maximize": True, "eps": 1e-2, "initial_accumulator_value": 2.0}],
    "Adadelta": [{"eps": 0.1, "lr": 0.3, "rho": 0.0}, {"rho": 1.0}],
    "NAdam": [{"betas": (0.5, 0.5), "decoupled_weight_decay": True, "eps": 0.1}],
    "RAdam": [{"betas": (0.5, 0.9), "maximize": True, "decoupled_weight_decay": True}],
    "Muon": [{"nesterov": False}, {"adjust_lr_fn": "match_rms_adamw", "lr": 0.02}],
}
CASES += [pytest.param(k, kw, id=f"{k}: {kw}") for k, several in MORE.items() for kw in several]


@pytest.fixture(autouse=True)
def muon_without_bfloat16(request, monkeypatch):
    """PyTorch's Muon rounds to bfloat16 within; here it is let to compute in float32, as ours."""
    if "bfloat16" not in request.node.name:
        monkeypatch.setattr(reference.Tensor, "bfloat16", lambda t: t.clone())


def ours(value):
    """A tensor of PyTorch's, within anything, as one of the engine's."""
    if isinstance(value, reference.Tensor):
        return torch.tensor(value.detach().numpy().copy())
    if isinstance(value, dict):
        return {key: ours(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(ours(v) for v in value)
    return value


class Pair:
    """The same parameters and optimiser, in the engine and in PyTorch, fed the same gradients."""

    def __init__(self, name, kwargs, dtype="float32", groups=None):
        shapes = MATRICES if name == "Muon" else SHAPES
        starts = [draw(*shape, seed=i).astype(dtype) for i, shape in enumerate(shapes)]
        self.mine = [torch.nn.Parameter(torch.tensor(x)) for x in starts]
        self.theirs = [reference.nn.Parameter(reference.tensor(x)) for x in starts]
        arrange = groups or (lambda params: params)
        self.optimizers = (
            getattr(torch.optim, name)(arrange(self.mine), **ours(kwargs)),
            getattr(reference.optim, name)(arrange(self.theirs), **copy.deepcopy(kwargs)),
        )

    def step(self, number, skip=()):
        """One step with the gradients of that number; some parameters have none."""
        for i, (p, q) in enumerate(zip(self.mine, self.theirs, strict=True)):
            grad = draw(*q.shape, seed=100 + 10 * number + i).astype(p.array.dtype)
            grad *= 0 if number == 4 else 1
            p.grad = None if i in skip else torch.tensor(grad)
            q.grad = None if i in skip else reference.tensor(grad)
        for optimizer in self.optimizers:
            optimizer.step()

    def agree(self, tolerance=2e-6):
        for p, q in zip(self.mine, self.theirs, strict=True):
            expected = q.detach().numpy()
            scale = max(1.0, float(np.abs(expected).max(initial=0)))
            np.testing.assert_allclose(p.array, expected, rtol=0, atol=tolerance * scale)
            assert p.array.dtype == expected.dtype


@pytest.mark.parametrize(("name", "kwargs"), CASES)
def test_twenty_steps_have_pytorchs_parameters_after_each(name, kwargs):
    pair = Pair(name, kwargs)
    for number in range(STEPS):
        pair.step(number, skip=(1,) if number % 5 == 2 else ())
        pair.agree(2e-6 if name != "Muon" else 1e-5)


@pytest.mark.parametrize(("name", "kwargs"), CASES)
def test_in_float64_twenty_steps_are_pytorchs_to_twelve_digits(name, kwargs):
    pair = Pair(name, kwargs, "float64")
    # PyTorch keeps NAdam's product of μ, and a rate that is a tensor, in float32.
    rough = 1e-6 if name == "NAdam" or "lr" in kwargs else 1e-11
    for number in range(STEPS):
        pair.step(number)
        pair.agree(rough)


@pytest.mark.parametrize(("name", "kwargs"), CASES)
def test_the_state_has_pytorchs_layout_and_goes_on_identically(name, kwargs):
    pair = Pair(name, kwargs)
    for number in range(5):
        pair.step(number, skip=(1,))
    mine, theirs = (optimizer.state_dict() for optimizer in pair.optimizers)
    assert mine.keys() == theirs.keys()
    assert mine["state"].keys() == {k for k, v in theirs["state"].items() if numbers(v)}
    for i, state in mine["state"].items():
        assert set(state) == {k for k, v in theirs["state"][i].items() if v is not None}
    for group, expected in zip(mine["param_groups"], theirs["param_groups"], strict=True):
        assert group.keys() == expected.keys()
        for key in group:
            value, known = group[key], expected[key]
            assert value == (ours(known).item() if isinstance(value, torch.Tensor) else known), key
    for state in (copy.deepcopy(mine), through_a_file(mine), ours(theirs)):
        again = Pair(name, kwargs)
        for p, q in zip(again.mine + again.theirs, pair.mine + pair.theirs, strict=True):
            p.data = q.detach().clone()
        again.optimizers[0].load_state_dict(state)
        again.optimizers[1].load_state_dict(copy.deepcopy(theirs))
        for number in range(5, 12):
            again.step(number)
            again.agree(5e-6)


def numbers(state):
    """Has PyTorch counted a step here? (Adagrad has a state before the first.)"""
    return bool(state) and float(state.get("step", 1)) > 0


def through_a_file(state):
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file)


@pytest.mark.parametrize("name", NAMES)
def test_a_state_of_ours_can_be_loaded_by_pytorch(name):
    pair = Pair(name, {})
    for number in range(3):
        pair.step(number)
    state = pair.optimizers[0].state_dict()
    for saved in state["state"].values():
        saved.update({k: reference.tensor(v, dtype=reference.float32) for k, v in saved.items()})
    pair.optimizers[1].load_state_dict(state)
    pair.step(3)
    pair.agree(1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_groups_with_options_of_their_own_are_pytorchs(name):
    def groups(params):
        return [{"params": params[:2], "lr": 0.03}, {"params": params[2:], "weight_decay": 0.2}]

    pair = Pair(name, {}, groups=groups)
    for number in range(6):
        pair.step(number)
    for optimizer, p in zip(pair.optimizers, (pair.mine, pair.theirs), strict=True):
        q = copy.deepcopy(p[0])
        p.append(q)
        optimizer.add_param_group({"params": q, "lr": 0.1})
        assert len(optimizer.param_groups) == 3
    for number in range(6, 12):
        pair.step(number)
        pair.agree(1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_signatures_have_pytorchs_names_and_defaults_in_pytorchs_order(name):
    import inspect

    def listed(cls):
        given = inspect.signature(cls).parameters.values()
        by_place = [p for p in given if p.kind != inspect.Parameter.KEYWORD_ONLY]
        return {p.name: p.default for p in given}, [p.name for p in by_place]

    mine, order = listed(getattr(torch.optim, name))
    theirs, expected = listed(getattr(reference.optim, name))
    extra = {"decoupled_weight_decay"} if name == "AdamW" else set()
    assert {k: v for k, v in mine.items() if k not in extra} == theirs
    assert order[: len(expected)] == expected


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("flag", ["capturable", "differentiable", "foreach", "fused"])
def test_flags_are_accepted_or_named_as_not_implemented(name, flag):
    cls = getattr(torch.optim, name)
    parameter = torch.nn.Parameter(torch.ones(2, 2))
    if flag not in cls.options:
        with pytest.raises(TypeError, match=flag):
            cls([parameter], **{flag: True})
    elif flag in ("capturable", "differentiable"):
        with pytest.raises(NotImplementedError, match=flag):
            cls([parameter], **{flag: True})
    else:
        cls([parameter], **{flag: True})


LENIENT = (  # PyTorch refuses what its fast path cannot do; there is no such path here
    "lr as Tensor doesn't work with foreach & not capturable",
)
ERRORS = [
    pytest.param(name, case, id=f"{name}: {case.optimizer_error_input.desc}")
    for name, info in KNOWN.items()
    for case in info.optim_error_inputs_func(device="cpu", dtype=reference.float32)
    if "complex" not in case.optimizer_error_input.desc  # the engine has no such tensors
]


@pytest.mark.parametrize(("name", "case"), ERRORS)
def test_what_pytorch_refuses_is_refused_with_the_same_kind_of_error(name, case):
    assert case.error_on == OptimizerErrorEnum.CONSTRUCTION_ERROR
    given = case.optimizer_error_input
    known = {}

    def translated(value):  # keeps one parameter that is given twice one parameter
        if isinstance(value, reference.Tensor):
            return known.setdefault(id(value), torch.nn.Parameter(ours(value)))
        if isinstance(value, dict):
            return {k: translated(v) for k, v in value.items()}
        return type(value)(map(translated, value)) if isinstance(value, list | tuple) else value

    params = [torch.nn.Parameter(torch.ones(2, 2))]
    params = params if given.params is None else translated(given.params)
    make = lambda: getattr(torch.optim, name)(params, **ours(given.kwargs))  # noqa: E731
    if given.desc in LENIENT:
        make()
    elif issubclass(case.error_type, Warning):
        with pytest.warns(case.error_type, match="twice"):
            make()
    else:
        with pytest.raises(case.error_type):
            make()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("wrong", ["lr", "weight_decay", "eps", "momentum"])
@pytest.mark.parametrize("value", [-0.1, math.nan])
def test_options_below_0_or_not_numbers_are_errors(name, wrong, value):
    cls = getattr(torch.optim, name)
    if wrong in cls.options and (name, wrong) != ("Muon", "eps"):
        with pytest.raises(ValueError, match=wrong):
            cls([torch.nn.Parameter(torch.ones(2, 2))], **{wrong: value})


def test_muon_is_within_a_few_percent_of_a_step_of_pytorchs_in_bfloat16():
    pair = Pair("Muon", {"lr": 0.01, "weight_decay": 0.1})
    for number in range(4):
        before = [p.array.copy() for p in pair.mine]
        pair.step(number)
        for p, q, old in zip(pair.mine, pair.theirs, before, strict=True):
            size = np.sqrt(np.mean((p.array - old) ** 2))
            assert np.sqrt(np.mean((p.array - q.detach().numpy()) ** 2)) < 0.05 * size
            q.data = reference.tensor(p.array)


def test_muons_step_has_singular_values_near_1():
    p = torch.nn.Parameter(torch.zeros(40, 25))
    optimizer = torch.optim.Muon([p], lr=1.0, weight_decay=0)
    p.grad = torch.tensor(draw(40, 25))
    optimizer.step()
    values = np.linalg.svd(p.array, compute_uv=False) / math.sqrt(40 / 25)
    assert 0.6 < values.min() <= values.max() < 1.3


def test_a_step_calls_its_closure_with_gradients_on_and_returns_its_loss():
    for library in (torch, reference):
        p = library.nn.Parameter(library.ones(2))
        optimizer = library.optim.SGD([p], lr=0.5)

        def closure(p=p, optimizer=optimizer):
            optimizer.zero_grad()
            loss = (p * p).sum()
            loss.backward()
            return loss

        with library.no_grad():
            assert optimizer.step(closure).item() == 2
        assert p.tolist() == [0, 0]


def test_zero_grad_forgets_the_gradients_or_makes_them_zero():
    for library in (torch, reference):
        p = library.nn.Parameter(library.ones(2))
        optimizer = library.optim.SGD([p])
        (p * 2).sum().backward()
        grad = p.grad
        optimizer.zero_grad(set_to_none=False)
        assert p.grad.tolist() == grad.tolist() == [0, 0]
        optimizer.zero_grad()
        assert p.grad is None


def test_named_parameters_keep_their_names_in_the_groups():
    for library in (torch, reference):
        layer = library.nn.Linear(2, 3)
        optimizer = library.optim.SGD(layer.named_parameters(), lr=0.1)
        assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]
        assert optimizer.param_groups[0]["params"][0] is layer.weight


def test_it_is_shown_as_pytorchs():
    shown = []
    for library in (torch, reference):
        layer = library.nn.Linear(2, 3)
        shown.append(
            repr(library.optim.SGD([{"params": [layer.weight]}, {"params": [layer.bias]}]))
        )
    assert shown[0] == shown[1]


def test_an_optimiser_that_others_wrote_for_pytorch_works():
    def rule(library):
        class Sign(library.optim.Optimizer):
            def __init__(self, params, lr=0.1):
                super().__init__(params, {"lr": lr})

            def step(self, closure=None):
                for group in self.param_groups:
                    for p in group["params"]:
                        state = self.state[p]
                        if len(state) == 0:
                            state["step"], state["mean"] = 0, library.zeros_like(p.data)
                        state["step"] += 1
                        with library.no_grad():
                            state["mean"] += p.grad
                            p.add_(state["mean"], alpha=-group["lr"])

        p = library.nn.Parameter(library.ones(3))
        optimizer = Sign([p])
        for _ in range(3):
            optimizer.zero_grad()
            (p * p).sum().backward()
            optimizer.step()
            optimizer.load_state_dict(optimizer.state_dict())
        return p.tolist()

    assert rule(torch) == pytest.approx(rule(reference))


def test_a_numpy_number_as_a_rate_leaves_float32_alone():
    p = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.Adam([p], lr=np.float64(0.1))
    (p * p).sum().backward()
    optimizer.step()
    assert p.dtype == torch.float32
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()


def test_a_change_by_an_optimiser_is_noticed_by_backward():
    p = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.SGD([p], lr=0.1)
    loss = (p * p).sum()
    p.grad = torch.ones(3)
    optimizer.step()
    with pytest.raises(RuntimeError, match="in place"):
        loss.backward()
