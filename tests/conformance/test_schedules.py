"""Schedules of the learning rate: PyTorch's rates over hundreds of steps, alone and together."""

import copy
import inspect
import io
import warnings

import numpy as np
import pytest
import torch as reference  # noqa: TID251

import learnt.engine as torch

STEPS = 120
NAMES = (
    "StepLR", "MultiStepLR", "ConstantLR", "LinearLR", "ExponentialLR", "PolynomialLR",
    "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "LambdaLR", "OneCycleLR",
    "ReduceLROnPlateau", "SequentialLR",
)  # fmt: skip
SCHEDULES = {
    "StepLR": [{"step_size": 7}, {"step_size": 1, "gamma": 0.97}, {"step_size": 30, "gamma": 1.5}],
    "MultiStepLR": [
        {"milestones": [3, 8, 50]},
        {"milestones": [50, 3, 3, 90], "gamma": 0.5},
        {"milestones": [0, 1, 400]},
        {"milestones": range(5, 100, 9), "gamma": 0.9},
    ],
    "ConstantLR": [{}, {"factor": 0.2, "total_iters": 40}, {"factor": 1.0}, {"total_iters": 1}],
    "LinearLR": [
        {},
        {"start_factor": 0.01, "end_factor": 0.7, "total_iters": 33},
        {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 100},
        {"start_factor": 1.0, "end_factor": 0.05, "total_iters": 1},
    ],
    "ExponentialLR": [{"gamma": 0.9}, {"gamma": 1.0}, {"gamma": 0.0}, {"gamma": 1.02}],
    "PolynomialLR": [{}, {"total_iters": 50, "power": 2.0}, {"total_iters": 119, "power": 0.5}],
    "CosineAnnealingLR": [
        {"T_max": 10},
        {"T_max": 17, "eta_min": 0.003},
        {"T_max": 120, "eta_min": 0.5},
        {"T_max": 1},
    ],
    "CosineAnnealingWarmRestarts": [
        {"T_0": 10},
        {"T_0": 3, "T_mult": 2, "eta_min": 0.01},
        {"T_0": 1},
        {"T_0": 1, "T_mult": 3},
    ],
    "LambdaLR": [
        {"lr_lambda": lambda t: 0.95**t},
        {"lr_lambda": [lambda t: 1 / (1 + t), lambda t: float(t % 3)]},
    ],
    "OneCycleLR": [
        {"max_lr": 0.1, "total_steps": STEPS},
        {"max_lr": [0.1, 0.4], "epochs": 12, "steps_per_epoch": 10, "pct_start": 0.17},
        {"max_lr": 0.2, "total_steps": 150, "anneal_strategy": "linear"},
        {"max_lr": 0.2, "total_steps": 121, "three_phase": True, "pct_start": 0.4},
        {"max_lr": 0.2, "total_steps": STEPS, "cycle_momentum": False, "div_factor": 3.0},
        {"max_lr": 0.2, "total_steps": STEPS, "base_momentum": [0.1, 0.2], "max_momentum": 0.5},
        {"max_lr": 0.2, "total_steps": STEPS, "pct_start": 0.0, "final_div_factor": 7.0},
    ],
}
CASES = [pytest.param(k, kw, id=f"{k}: {kw}") for k, several in SCHEDULES.items() for kw in several]


def optimizer_of(library, kind="SGD", **options):
    params = [library.nn.Parameter(library.ones(2)) for _ in range(3)]
    groups = [{"params": params[:1]}, {"params": params[1:], "lr": 0.02}]
    options |= {"momentum": 0.9} if kind == "SGD" else {}
    return getattr(library.optim, kind)(groups, lr=0.3, **options)


def follow(optimizer, schedules, steps):
    """The rates and momenta of each step, in each group."""
    seen = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's, about an optimiser that has not stepped
        for _ in range(steps):
            for group in optimizer.param_groups:
                seen += [float(group["lr"]), group.get("momentum", 0), *group.get("betas", ())]
            for schedule in schedules:
                schedule.step()
                rates = [float(group["lr"]) for group in optimizer.param_groups]
                assert [float(rate) for rate in schedule.get_last_lr()] == rates
    return seen


def make(library, optimizer, name, options):
    return getattr(library.optim.lr_scheduler, name)(optimizer, **copy.deepcopy(options))


@pytest.mark.parametrize("kind", ["SGD", "AdamW"])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_a_schedule_has_pytorchs_rates_and_momenta_at_every_step(name, options, kind):
    curves = []
    for library in (torch, reference):
        optimizer = optimizer_of(library, kind)
        curves.append(follow(optimizer, [make(library, optimizer, name, options)], STEPS))
    np.testing.assert_allclose(*curves, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_a_schedule_goes_on_from_its_saved_state_as_if_nothing_had_been(name, options):
    def halves(library, through):
        optimizer = optimizer_of(library)
        schedule = make(library, optimizer, name, options)
        follow(optimizer, [schedule], 41)
        saved = through({"s": schedule.state_dict(), "o": optimizer.state_dict()})
        expected = follow(optimizer, [schedule], 60)
        again = optimizer_of(library)
        other = make(library, again, name, options)
        other.load_state_dict(saved["s"])
        again.load_state_dict(saved["o"])
        return follow(again, [other], 60), expected

    def file(state):
        kept = io.BytesIO()
        torch.save(state, kept)
        kept.seek(0)
        return torch.load(kept)

    goes_on, expected = halves(torch, file)
    assert goes_on == expected
    theirs, _ = halves(reference, copy.deepcopy)
    np.testing.assert_allclose(goes_on, theirs, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(
    ("name", "options"),  # with T_mult PyTorch's goes on in the first period, whatever the step
    [case for case in CASES if case.values[1].get("T_mult", 1) == 1],
)
def test_a_schedule_begun_at_a_later_step_has_pytorchs_rates(name, options):
    curves = []
    for library in (torch, reference):
        optimizer = optimizer_of(library)
        follow(optimizer, [make(library, optimizer, name, options)], 14)
        again = make(library, optimizer, name, {**options, "last_epoch": 13})
        curves.append(follow(optimizer, [again], 60))
    np.testing.assert_allclose(*curves, rtol=1e-9, atol=1e-15)


PAIRS = [
    (("LinearLR", {"total_iters": 9}), ("ExponentialLR", {"gamma": 0.98})),
    (("ConstantLR", {"factor": 0.4, "total_iters": 4}), ("ExponentialLR", {"gamma": 0.9})),
    (("CosineAnnealingLR", {"T_max": 20}), ("StepLR", {"step_size": 15, "gamma": 0.7})),
    (("MultiStepLR", {"milestones": [3, 20]}), ("PolynomialLR", {"total_iters": 70})),
    (
        ("StepLR", {"step_size": 10, "gamma": 0.9}),
        ("CosineAnnealingLR", {"T_max": 9, "eta_min": 0.1}),
    ),
]


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_two_schedules_on_one_optimiser_have_pytorchs_rates(pair):
    curves = []
    for library in (torch, reference):
        optimizer = optimizer_of(library)
        schedules = [make(library, optimizer, *one) for one in pair]
        curves.append(follow(optimizer, schedules, 90))
    np.testing.assert_allclose(*curves, rtol=1e-9, atol=1e-15)


ROWS = [
    (PAIRS[0], [10]),
    (PAIRS[1], [1]),
    (PAIRS[2], [33]),
    (PAIRS[3], [20]),
    ((("LinearLR", {"start_factor": 0.1}), ("CosineAnnealingLR", {"T_max": 50})), [5]),
    ((("ConstantLR", {}), ("CosineAnnealingWarmRestarts", {"T_0": 7, "T_mult": 2})), [11]),
    (
        (
            ("CosineAnnealingWarmRestarts", {"T_0": 7}),
            ("LambdaLR", {"lr_lambda": lambda t: 1 / (1 + t)}),
        ),
        [9],
    ),
    ((*PAIRS[0], *PAIRS[4]), [5, 6, 40]),
    ((("ExponentialLR", {"gamma": 0.9}), ("StepLR", {"step_size": 3})), [0]),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_schedules_in_a_row_have_pytorchs_rates_also_after_being_saved(row):
    curves = []
    for library in (torch, reference):
        scheduler = library.optim.lr_scheduler

        def begin(library=library, scheduler=scheduler):
            optimizer = optimizer_of(library)
            parts = [make(library, optimizer, *one) for one in row[0]]
            return optimizer, scheduler.SequentialLR(optimizer, parts, milestones=row[1])

        optimizer, schedule = begin()
        seen = follow(optimizer, [schedule], 25)
        again, other = begin()
        other.load_state_dict(copy.deepcopy(schedule.state_dict()))
        again.load_state_dict(optimizer.state_dict())
        curves.append(seen + follow(again, [other], 60))
    np.testing.assert_allclose(*curves, rtol=1e-9, atol=1e-15)


PLATEAUS = [
    {},
    {"patience": 3, "factor": 0.5},
    {"mode": "max", "patience": 2, "cooldown": 4, "threshold": 0.1},
    {"mode": "max", "patience": 0, "threshold_mode": "abs", "threshold": 0.01},
    {"patience": 1, "threshold_mode": "abs", "threshold": 0.5, "min_lr": [0.1, 0.001]},
    {"patience": 1, "min_lr": 0.01, "eps": 0.002, "factor": 0.3},
]


@pytest.mark.parametrize("options", PLATEAUS, ids=str)
def test_a_plateau_is_found_where_pytorch_finds_it_also_after_being_saved(options):
    metrics = np.random.default_rng(0).normal(size=STEPS).cumsum()
    curves = []
    for library in (torch, reference):
        optimizer = optimizer_of(library)
        schedule = library.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
        seen = []
        for t, metric in enumerate(metrics):
            schedule.step(library.tensor(metric) if t % 2 else float(metric))
            seen.append([schedule.best, schedule.num_bad_epochs, *schedule.get_last_lr()])
            if t == 60:
                other = library.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
                other.load_state_dict(copy.deepcopy(schedule.state_dict()))
                schedule = other
        curves.append(seen)
    np.testing.assert_allclose(*curves, rtol=1e-9)
    assert curves[0][-1][2] < 0.3


@pytest.mark.parametrize("name", NAMES)
def test_signatures_have_pytorchs_names_and_defaults_in_pytorchs_order(name):
    mine, theirs = (
        {p.name: p.default for p in inspect.signature(cls).parameters.values()}
        for cls in (getattr(lib.optim.lr_scheduler, name) for lib in (torch, reference))
    )
    assert list(mine.items()) == list(theirs.items())


@pytest.mark.parametrize("name", NAMES[:-2])
def test_states_have_pytorchs_names(name):
    states = []
    for library in (torch, reference):
        optimizer = optimizer_of(library)
        states.append(make(library, optimizer, name, SCHEDULES[name][0]).state_dict())
    shared = states[1].keys() - {"lr_lambdas", "_get_lr_called_within_step", "T_i", "T_cur"}
    shared = {key for key in shared if "_anneal" not in key and "phases" not in key}
    assert shared - {"cycle_momentum", "use_beta1"} <= states[0].keys()


WRONG = [
    (TypeError, "StepLR", {"step_size": 3, "optimizer": "none"}),
    (TypeError, "StepLR", {}),
    (TypeError, "StepLR", {"step_size": 3, "gama": 0.1}),
    (ValueError, "ConstantLR", {"factor": 1.5}),
    (ValueError, "LinearLR", {"start_factor": 0.0}),
    (ValueError, "LinearLR", {"end_factor": -0.1}),
    (ValueError, "LambdaLR", {"lr_lambda": [len]}),
    (ValueError, "CosineAnnealingWarmRestarts", {"T_0": 0}),
    (ValueError, "CosineAnnealingWarmRestarts", {"T_0": 5, "T_mult": 0}),
    (ValueError, "OneCycleLR", {"max_lr": 0.1}),
    (ValueError, "OneCycleLR", {"max_lr": 0.1, "total_steps": 0}),
    (ValueError, "OneCycleLR", {"max_lr": 0.1, "total_steps": 9.5}),
    (ValueError, "OneCycleLR", {"max_lr": 0.1, "epochs": 3}),
    (ValueError, "OneCycleLR", {"max_lr": 0.1, "total_steps": 9, "pct_start": 1.5}),
    (ValueError, "OneCycleLR", {"max_lr": 0.1, "total_steps": 9, "anneal_strategy": "exp"}),
    (ValueError, "OneCycleLR", {"max_lr": [0.1] * 3, "total_steps": 9}),
    (ValueError, "ReduceLROnPlateau", {"factor": 1.0}),
    (ValueError, "ReduceLROnPlateau", {"mode": "best"}),
    (ValueError, "ReduceLROnPlateau", {"threshold_mode": "none"}),
    (ValueError, "ReduceLROnPlateau", {"min_lr": [0.1]}),
    (ValueError, "SequentialLR", {"schedulers": [], "milestones": []}),
    (KeyError, "StepLR", {"step_size": 3, "last_epoch": 4}),
]


@pytest.mark.parametrize(("error", "name", "options"), WRONG, ids=str)
def test_what_pytorch_refuses_is_refused_with_the_same_kind_of_error(error, name, options):
    for library in (torch, reference):
        given = {"optimizer": optimizer_of(library), **options}
        with pytest.raises(error):
            getattr(library.optim.lr_scheduler, name)(**given)


def test_schedules_in_a_row_need_one_optimiser_and_one_milestone_less():
    for library in (torch, reference):
        scheduler = library.optim.lr_scheduler
        first, second = optimizer_of(library), optimizer_of(library)
        parts = [scheduler.ExponentialLR(first, 0.9), scheduler.ExponentialLR(second, 0.9)]
        with pytest.raises(ValueError):  # noqa: PT011
            scheduler.SequentialLR(first, parts, milestones=[3])
        with pytest.raises(ValueError):  # noqa: PT011
            scheduler.SequentialLR(first, parts[:1], milestones=[3])
        with pytest.raises(ValueError):  # noqa: PT011
            scheduler.SequentialLR(first, [scheduler.ReduceLROnPlateau(first)], milestones=[])


def test_one_cycle_needs_an_optimiser_with_momentum():
    for library in (torch, reference):
        p = library.nn.Parameter(library.ones(1))
        optimizer = library.optim.Adagrad([p])
        with pytest.raises(ValueError, match="momentum"):
            library.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=9)
        library.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=9, cycle_momentum=False)


def test_a_schedule_that_others_wrote_for_pytorch_works():
    def rates(library):
        class WarmUp(library.optim.lr_scheduler.LRScheduler):
            def __init__(self, optimizer, steps, last_epoch=-1):
                self.steps = steps
                super().__init__(optimizer, last_epoch)

            def get_lr(self):
                part = min(1.0, (self.last_epoch + 1) / self.steps)
                return [base * part for base in self.base_lrs]

        optimizer = optimizer_of(library)
        schedule = WarmUp(optimizer, 10)
        return follow(optimizer, [schedule], 20), schedule.state_dict()["steps"]

    assert rates(torch) == rates(reference)


def test_a_step_can_be_told_its_epoch():
    seen = []
    for library in (torch, reference):
        optimizer = optimizer_of(library)
        schedule = library.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 4, 2)
        for i in range(60):
            schedule.step(i / 3)
            seen.append(schedule.get_last_lr())
    np.testing.assert_allclose(seen[:60], seen[60:], rtol=1e-9, atol=1e-15)
    optimizer = optimizer_of(torch)
    torch.optim.lr_scheduler.StepLR(optimizer, 3).step(7)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.003)
