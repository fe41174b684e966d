"""Training: from the same weights, PyTorch's losses, rates and weights, step by step."""

import copy
import json

import numpy as np
import pytest
import torch as reference  # noqa: TID251

import learnt.engine as torch
from learnt.engine import nn
from tests.conformance.compare import close, draw

STEPS = 50
NETWORKS = {
    "mlp": (lambda nn: nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3)), (6,)),
    "convnet": (
        lambda nn: nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(36, 3),
        ),
        (1, 6, 6),
    ),
}
OPTIMIZERS = {
    "SGD": lambda optim, p: optim.SGD(p, lr=0.1),
    "momentum": lambda optim, p: optim.SGD(p, lr=0.05, momentum=0.9),
    "Nesterov": lambda optim, p: optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "decay": lambda optim, p: optim.SGD(p, lr=0.05, momentum=0.8, weight_decay=0.05),
    "dampening": lambda optim, p: optim.SGD(p, lr=0.05, momentum=0.9, dampening=0.3),
    "Adam": lambda optim, p: optim.Adam(p),
    "Adam with all options": lambda optim, p: optim.Adam(p, 1e-2, (0.8, 0.99), 1e-6, 0.05),
    "AdamW": lambda optim, p: optim.AdamW(p, lr=1e-2),
    "SGD in groups": lambda optim, p: optim.SGD(
        [{"params": p[:1], "lr": 0.01, "nesterov": True}, {"params": p[1:], "weight_decay": 0.1}],
        lr=0.05,
        momentum=0.9,
    ),
    "AdamW in groups": lambda optim, p: optim.AdamW(
        [{"params": p[1:]}, {"params": p[0], "weight_decay": 0.3, "betas": (0.5, 0.9)}], lr=1e-2
    ),
}


def networks(name: str):
    """The network in the engine and in PyTorch with the same weights, and its data."""
    make, shape = NETWORKS[name]
    reference.manual_seed(0)
    theirs, ours = make(reference.nn), make(nn)
    ours.load_state_dict({k: torch.from_numpy(v.numpy()) for k, v in theirs.state_dict().items()})
    x = draw(STEPS, 16, *shape)
    return ours, theirs, x, (x.reshape(STEPS, 16, -1)[..., :3].argmax(-1)).astype(np.int64)


def train(library, model, optimizer, x, y, schedule=None) -> list[float]:
    losses = []
    for inputs, target in zip(x, y, strict=True):
        loss = library.nn.functional.cross_entropy(
            model(library.from_numpy(inputs)), library.from_numpy(target)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if schedule:
            schedule.step()
    return losses


@pytest.mark.parametrize("rule", OPTIMIZERS)
@pytest.mark.parametrize("name", NETWORKS)
def test_fifty_steps_of_training_have_pytorchs_losses_and_end_in_its_weights(name, rule):
    ours, theirs, x, y = networks(name)
    our_rule = OPTIMIZERS[rule](torch.optim, list(ours.parameters()))
    their_rule = OPTIMIZERS[rule](reference.optim, list(theirs.parameters()))
    losses = train(torch, ours, our_rule, x, y)
    assert losses == pytest.approx(train(reference, theirs, their_rule, x, y), abs=1e-4)
    assert losses[-1] < losses[0]
    for key, value in theirs.state_dict().items():
        close(ours.state_dict()[key].array, value.numpy(), 1e-3)


@pytest.mark.parametrize("rule", OPTIMIZERS)
def test_an_optimiser_goes_on_from_its_state_exactly_as_it_would_have(rule):
    ours, _, x, y = networks("mlp")
    optimizer = OPTIMIZERS[rule](torch.optim, list(ours.parameters()))
    train(torch, ours, optimizer, x[:20], y[:20])
    weights = {k: torch.tensor(t) for k, t in ours.state_dict().items()}
    state = copy.deepcopy(optimizer.state_dict())
    expected = train(torch, ours, optimizer, x[20:], y[20:])
    again, _, _, _ = networks("mlp")
    again.load_state_dict(weights)
    other = OPTIMIZERS[rule](torch.optim, list(again.parameters()))
    other.load_state_dict(state)
    assert train(torch, again, other, x[20:], y[20:]) == expected


def test_a_loaded_state_is_the_optimisers_own_copy():
    p = nn.Parameter(torch.ones(2))
    first, second = torch.optim.Adam([p]), torch.optim.Adam([p])
    (p * p).sum().backward()
    first.step()
    state = first.state_dict()
    kept = state["state"][0]["exp_avg"].tolist()
    second.load_state_dict(state)
    second.step()
    assert state["state"][0]["exp_avg"].tolist() == kept


def test_groups_in_a_state_are_numbered_and_named_as_pytorchs():
    ours, theirs, _, _ = networks("mlp")
    for rule in ("SGD in groups", "AdamW in groups"):
        mine = OPTIMIZERS[rule](torch.optim, list(ours.parameters())).state_dict()["param_groups"]
        other = OPTIMIZERS[rule](reference.optim, list(theirs.parameters()))
        for group, expected in zip(mine, other.state_dict()["param_groups"], strict=True):
            for key, value in group.items():
                assert value == expected[key], key
    json.dumps(mine)


CYCLES = [
    {"max_lr": 0.1, "total_steps": 20},
    {"max_lr": 0.1, "total_steps": 7, "cycle_momentum": False},
    {"max_lr": [0.1, 0.5], "total_steps": 100, "pct_start": 0.1, "div_factor": 10.0},
    {"max_lr": 0.3, "total_steps": 13, "pct_start": 0.45, "final_div_factor": 50.0},
    {"max_lr": 0.3, "total_steps": 9, "base_momentum": 0.5, "max_momentum": 0.7},
    {"max_lr": 0.3, "total_steps": 5, "pct_start": 0.0},
    {"max_lr": 0.3, "total_steps": 1},
    {"max_lr": 0.3, "total_steps": 2},
    {"max_lr": 0.3, "total_steps": 3},
]


@pytest.mark.parametrize("rule", ["SGD in groups", "AdamW in groups", "plain SGD in groups"])
@pytest.mark.parametrize("options", CYCLES, ids=str)
def test_one_cycle_has_pytorchs_rates_and_momenta_at_every_step(options, rule):
    def history(library, model):
        params = list(model.parameters())
        groups = [{"params": params[:2]}, {"params": params[2:]}]
        if rule == "plain SGD in groups":
            optimizer = library.optim.SGD(groups)
        else:
            optimizer = OPTIMIZERS[rule](library.optim, params)
        schedule = library.optim.lr_scheduler.OneCycleLR(optimizer, **options)
        seen = []
        for _ in range(options["total_steps"]):
            for group in optimizer.param_groups:
                seen += [group["lr"], group.get("momentum", 0), *group.get("betas", ())]
            assert schedule.get_last_lr() == [g["lr"] for g in optimizer.param_groups]
            optimizer.step()
            schedule.step()
        with pytest.raises(ValueError, match="total steps"):
            schedule.step()
        return seen

    ours, theirs, _, _ = networks("mlp")
    assert history(torch, ours) == pytest.approx(history(reference, theirs), rel=1e-9, abs=1e-12)


def test_training_with_one_cycle_has_pytorchs_losses():
    ours, theirs, x, y = networks("convnet")
    curves = []
    for library, model in ((torch, ours), (reference, theirs)):
        optimizer = library.optim.AdamW(model.parameters())
        schedule = library.optim.lr_scheduler.OneCycleLR(optimizer, 0.02, total_steps=STEPS)
        curves.append(train(library, model, optimizer, x, y, schedule))
    assert curves[0] == pytest.approx(curves[1], abs=1e-4)


def test_a_schedule_goes_on_from_its_state():
    def new():
        optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], momentum=0.9)
        return torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10)

    first, second = new(), new()
    for _ in range(4):
        first.step()
    second.load_state_dict(first.state_dict())
    assert second.get_last_lr() == first.get_last_lr()
    first.step()
    second.step()
    assert (
        second.optimizer.param_groups[0]["momentum"] == first.optimizer.param_groups[0]["momentum"]
    )


@pytest.mark.parametrize(
    ("params", "error"),
    [
        (lambda t, p: [], ValueError),
        (lambda t, p: p, TypeError),
        (lambda t, p: ["weight"], TypeError),
        (lambda t, p: [p * 2], ValueError),
        (lambda t, p: [{"params": [p]}, {"params": [p]}], ValueError),
    ],
)
def test_parameters_that_cannot_be_optimised_are_the_errors_that_pytorch_raises(params, error):
    for library in (torch, reference):
        p = library.ones(2, requires_grad=True)
        with pytest.raises(error):
            library.optim.SGD(params(library, p))


def test_a_parameter_without_a_gradient_stays_as_it_is():
    p, q = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))
    optimizer = torch.optim.AdamW([p, q], lr=0.1, weight_decay=0.5)
    (p * 2).sum().backward()
    optimizer.step()
    assert p.item() != 1
    assert q.item() == 1
