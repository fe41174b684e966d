"""Random numbers: a seed repeats them, a state goes on with them, and they are spread as said."""

import json

import numpy as np
import pytest

import learnt.engine as torch
from learnt.engine import nn


def drawn() -> list[float]:
    numbers = [torch.rand(3), torch.randn(2, 2), torch.randperm(5)]
    numbers += [nn.Linear(3, 2).weight.detach(), nn.functional.dropout(torch.ones(9))]
    return [float(x) for t in numbers for x in t.array.ravel()]


def test_one_seed_gives_the_same_numbers_again_and_another_seed_others():
    torch.manual_seed(3)
    first = drawn()
    assert drawn() != first
    torch.manual_seed(3)
    assert drawn() == first
    torch.manual_seed(4)
    assert drawn() != first


def test_a_state_that_went_through_json_goes_on_with_the_same_numbers():
    torch.manual_seed(0)
    torch.rand(1)  # an odd number of halves of the generator's words
    state = json.loads(json.dumps(torch.get_rng_state()))
    expected = drawn()
    torch.manual_seed(9)
    torch.set_rng_state(state)
    assert drawn() == expected


def test_a_state_is_a_copy_that_drawing_does_not_change():
    state = torch.get_rng_state()
    kept = json.dumps(state)
    drawn()
    assert json.dumps(state) == kept


def test_numpys_own_random_numbers_are_not_touched():
    np.random.seed(0)
    expected = np.random.rand()
    np.random.seed(0)
    torch.manual_seed(5)
    drawn()
    assert np.random.rand() == expected


def test_uniform_numbers_are_in_range_and_even():
    torch.manual_seed(0)
    x = torch.rand(100_000).array
    assert x.dtype == np.float32
    assert x.min() >= 0
    assert x.max() < 1
    assert np.histogram(x, 10)[0] == pytest.approx(10_000, rel=0.05)


def test_normal_numbers_have_mean_0_deviation_1_and_a_normal_tail():
    torch.manual_seed(0)
    x = torch.randn(1_000, 100).array
    assert x.mean() == pytest.approx(0, abs=0.02)
    assert x.std() == pytest.approx(1, abs=0.02)
    assert (np.abs(x) > 1.96).mean() == pytest.approx(0.05, abs=0.005)


def test_a_permutation_holds_each_number_once():
    x = torch.randperm(100)
    assert x.dtype == torch.int64
    assert sorted(x.tolist()) == list(range(100))
    assert x.tolist() != list(range(100))
