"""Labelled examples on three sides: nothing on two of them."""

import numpy as np
import pytest

from learnt.data.sides import Facts, settle
from learnt.data.split import SIDES
from learnt.errors import DataError


def settled(facts: list[Facts], seed: int = 0) -> tuple[dict[str, list[Facts]], list[str]]:
    """The examples of each side, and the notes."""
    notes: list[str] = []
    kept, split = settle(facts, seed, "sounds", notes.append)
    return {side: [facts[kept[i]] for i in split[side]] for side in SIDES}, notes


def test_identical_examples_with_one_label_stay_together_and_others_are_left_out() -> None:
    facts = [Facts("ab"[i % 2], str(i // 4 * 2 + i % 2)) for i in range(200)]
    sides, notes = settled([*facts, Facts("a", "both"), Facts("b", "both")])
    assert [len(sides[side]) for side in SIDES] == [136, 32, 32]
    digests = [{fact.digest for fact in sides[side]} for side in SIDES]
    assert sum(map(len, digests)) == len(set.union(*digests))
    assert notes == ["passed over 2 identical sounds that have different labels"]


def test_a_group_stays_on_one_side_though_it_has_examples_of_every_class() -> None:
    facts = [Facts("abc"[i % 3], str(i), group=f"word {i // 3}") for i in range(300)]
    sides, notes = settled(facts)
    groups = [{fact.group for fact in sides[side]} for side in SIDES]
    assert list(map(len, groups)) == [70, 15, 15]
    assert sum(map(len, groups)) == len(set.union(*groups))
    assert not notes
    twice, notes = settled([*facts, Facts("a", "0", group="word 50")])
    assert notes == ["passed over 1 sounds that are also in another group"]
    assert twice == sides


def test_a_sources_own_sides_are_kept_and_what_is_tested_is_not_trained_on() -> None:
    facts = [Facts("ab"[i % 2], str(i), "train") for i in range(40)]
    tests = [Facts("ab"[i % 2], str(i), "test") for i in range(30, 60)]
    sides, notes = settled([*facts, *tests])
    assert sides["test"] == tests
    assert len(sides["train"]) + len(sides["valid"]) == 30
    assert {f.label for f in sides["valid"]} == {"a", "b"}
    assert notes == ["took 10 sounds out of the side train that are also on a later side"]


def test_one_held_out_side_is_what_figures_are_measured_on() -> None:
    facts = [Facts("ab"[i % 2], str(i), "train" if i < 40 else "valid") for i in range(60)]
    sides, _ = settled(facts)
    assert sides["test"] == facts[40:]


def test_the_same_seed_gives_the_same_sides_and_another_other_ones() -> None:
    facts = [Facts("ab"[i % 2], str(i)) for i in range(100)]
    assert settled(facts) == settled(facts)
    assert settled(facts) != settled(facts, seed=1)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ([Facts("a", str(i)) for i in range(9)], "sounds of at least 2 classes"),
        ([Facts("ab"[i % 2], str(i), "test") for i in range(9)], "a side train"),
        (
            [Facts("ab"[i % 2], str(i), "train" if i else None) for i in range(9)],
            "filled in on every line, or on none",
        ),
        ([*(Facts("a", str(i)) for i in range(9)), Facts("b", "b")], "'b' has 1 different example"),
        (
            [Facts("ab"[i > 4], str(i), "test" if i > 4 else "train") for i in range(9)],
            "there are none of b",
        ),
    ],
)
def test_sides_that_cannot_be_are_errors(facts: list[Facts], words: str) -> None:
    with pytest.raises(DataError, match=words):
        settled(facts)


def test_numbers_are_those_of_what_is_kept() -> None:
    facts = [Facts("a", "x"), Facts("b", "x"), *(Facts("ab"[i % 2], str(i)) for i in range(40))]
    kept, split = settle(facts, 0, "sounds", lambda text: None)
    assert kept == list(range(2, 42))
    np.testing.assert_array_equal(
        np.sort(np.concatenate([split[side] for side in SIDES])), np.arange(40)
    )
