"""The plan: a pure function of the data, the budget and the machine, that says its reasons."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnt.data.images import Summary
from learnt.errors import UsageError
from learnt.training.plan import Budget, Machine, Plan, measure_machine
from learnt.training.tasks.pictures import MODELS
from learnt.training.tasks.pictures import plan_pictures as plan

DIGITS = Summary(train=3500, valid=750, test=750, classes=10, side=28, channels=1)
PHOTOS = Summary(train=1000, valid=213, test=214, classes=8, side=500, channels=3)
MACHINE = Machine(gflops=80, cores=2)

sizes = st.integers(1, 10**6)
classes, sides, channels = st.integers(2, 1000), st.integers(1, 10_000), st.sampled_from([1, 3])
summaries = st.builds(Summary, sizes, sizes, sizes, classes, sides, channels)
machines = st.builds(Machine, st.floats(1, 10_000), st.integers(1, 256))
models = st.sampled_from([None, *MODELS])
minutes = st.floats(0.01, 10_000)
often = settings(max_examples=150, derandomize=True, deadline=None)


@often
@given(summaries, machines, models, st.none() | minutes)
def test_the_same_question_gets_the_same_plan(summary, machine, model, limit):
    first = plan(summary, Budget(minutes=limit), machine, model)
    assert plan(replace(summary), Budget(minutes=limit), machine, model) == first


@pytest.mark.parametrize("side", [8, 28, 32, 40])
def test_thousands_of_small_pictures_are_learnt_from_scratch(side):
    made = plan(replace(DIGITS, side=side), Budget(), MACHINE)
    assert (made.model, made.options["views"]) == ("convnet", [])
    assert made.options["size"] == min(side, 32)


@pytest.mark.parametrize("change", [{"train": 100}, {"train": 999}, {"side": 41}, {"side": 4000}])
def test_few_or_large_pictures_get_a_pretrained_body(change):
    made = plan(replace(DIGITS, **change), Budget(), MACHINE)
    assert made.model == "efficientnet-lite0"
    assert made.options["views"][0] == "whole"
    assert (made.options["size"], made.options["channels"]) == (224, 3)


@often
@given(summaries, machines, models, st.integers(1, 100_000))
def test_epochs_that_were_asked_for_are_what_is_planned(summary, machine, model, epochs):
    made = plan(summary, Budget(epochs=epochs), machine, model)
    assert made.epochs == epochs
    assert f"you asked for {epochs} epochs" in made.reasons


@often
@given(summaries, machines, models, minutes, minutes)
def test_more_minutes_are_never_fewer_epochs(summary, machine, model, one, other):
    fewer, more = (
        plan(summary, Budget(minutes=limit), machine, model) for limit in sorted((one, other))
    )
    assert 1 <= fewer.epochs <= more.epochs


@often
@given(summaries, machines, models, minutes)
def test_minutes_bound_the_expected_time_where_more_than_one_epoch_fits(
    summary, machine, model, limit
):
    made = plan(summary, Budget(minutes=limit), machine, model)
    assert made.epochs == 1 or made.seconds <= limit * 60 + 2


@often
@given(summaries, models, st.floats(1, 1000), st.floats(1.01, 10))
def test_a_faster_machine_is_expected_to_take_less_time(summary, model, gflops, times):
    slow = plan(summary, Budget(), Machine(gflops), model)
    fast = plan(summary, Budget(), Machine(gflops * times), model)
    assert fast.seconds < slow.seconds
    assert replace(fast, seconds=0, feature_seconds=0) == replace(
        slow, seconds=0, feature_seconds=0
    )


@often
@given(summaries, machines, models, minutes)
def test_a_plan_survives_being_written_as_json(summary, machine, model, limit):
    made = plan(summary, Budget(minutes=limit), machine, model)
    assert Plan.from_dict(json.loads(json.dumps(made.as_dict()))) == made


@pytest.mark.parametrize("summary", [DIGITS, PHOTOS, replace(DIGITS, train=300)])
def test_the_reasons_are_words_about_this_data(summary):
    made = plan(summary, Budget(), MACHINE)
    assert all(len(reason.split()) > 5 for reason in made.reasons)
    assert str(summary.side) in made.reasons[0] or f"{summary.train}" in made.reasons[0]
    text = made.describe()
    for word in (made.model, f"{made.epochs} epochs", "because", made.reasons[0], "about"):
        assert word in text


def test_a_model_that_was_asked_for_is_planned_and_that_is_the_reason():
    for model in MODELS:
        made = plan(PHOTOS, Budget(), MACHINE, model)
        assert made.model == model
        assert made.reasons == (f"you asked for {model}",)


def test_an_unknown_model_is_answered_with_the_known_ones():
    with pytest.raises(UsageError, match="convnet, efficientnet-lite0; got 'resnet9000'"):
        plan(PHOTOS, Budget(), MACHINE, "resnet9000")


@pytest.mark.parametrize(
    ("budget", "because"),
    [
        ({"epochs": 0}, "epochs must be from 1"),
        ({"epochs": -3}, "got -3"),
        ({"epochs": 100_001}, "to 100,000"),
        ({"minutes": 0}, "more than 0; got 0"),
        ({"minutes": -1.5}, "got -1.5"),
        ({"minutes": float("nan")}, "got nan"),
        ({"minutes": float("inf")}, "got inf"),
        ({"epochs": 1, "minutes": 1}, "not both"),
    ],
)
def test_a_budget_that_cannot_be_is_refused(budget, because):
    with pytest.raises(UsageError, match=because):
        Budget(**budget)


def test_this_machine_multiplies_matrices_at_some_speed():
    machine = measure_machine()
    assert machine.gflops > 0.1
    assert machine.cores >= 1


def test_few_photos_are_seen_in_several_views_and_many_or_small_ones_in_one():
    few = plan(replace(PHOTOS, train=100), Budget(), Machine())
    assert few.options["views"][:2] == ["whole", "flip"]
    assert len(few.options["views"]) == 5
    assert any("5 views" in reason for reason in few.reasons)
    for more in (replace(PHOTOS, train=1000), replace(PHOTOS, train=100, side=28)):
        assert plan(more, Budget(), Machine()).options["views"] == ["whole"]
