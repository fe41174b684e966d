"""The split: complete, without overlap, by class, and the same for the same seed."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnt.data.split import (
    FRACTIONS,
    SIDES,
    Split,
    loosely_stratified,
    own_split,
    stratified,
)
from learnt.errors import DataError

SEED = 7
counts = st.lists(st.integers(3, 40), min_size=1, max_size=6)


def examples(sizes: list[int]) -> tuple[list[str], list[str]]:
    """Labels and groups: class c0 has sizes[0] examples, each a group of its own, and so on."""
    labels = [f"c{number}" for number, size in enumerate(sizes) for _ in range(size)]
    return labels, [f"{number:04}" for number in range(len(labels))]


@given(counts, st.integers(0, 2**32))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_every_example_is_on_exactly_one_side(sizes: list[int], seed: int) -> None:
    labels, groups = examples(sizes)
    sides = stratified(labels, groups, seed)
    assert sorted(np.concatenate(sides)) == list(range(len(labels)))


@given(counts, st.integers(0, 2**32))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_every_class_is_shared_out_70_15_15_and_has_one_example_on_each_side(
    sizes: list[int], seed: int
) -> None:
    labels, groups = examples(sizes)
    sides = stratified(labels, groups, seed)
    for number, size in enumerate(sizes):
        for side, share in zip(sides, FRACTIONS, strict=True):
            count = sum(labels[i] == f"c{number}" for i in side)
            assert count >= 1
            assert abs(count - size * share) < 1.2  # one of three is 0.33


def test_a_hundred_of_a_class_are_70_15_and_15() -> None:
    labels, groups = examples([100, 200])
    sides = stratified(labels, groups, SEED)
    assert [[labels[i] for i in side].count("c0") for side in sides] == [70, 15, 15]
    assert [[labels[i] for i in side].count("c1") for side in sides] == [140, 30, 30]


def test_three_examples_of_a_class_are_one_on_each_side() -> None:
    labels, groups = examples([3, 3])
    assert [len(side) for side in stratified(labels, groups, SEED)] == [2, 2, 2]


@given(counts, st.randoms(use_true_random=False))
@settings(derandomize=True, deadline=None, max_examples=40)
def test_one_seed_gives_one_split_whatever_the_order_of_the_examples(
    sizes: list[int], order: random.Random
) -> None:
    labels, groups = examples(sizes)
    shuffled = list(range(len(labels)))
    order.shuffle(shuffled)
    straight = stratified(labels, groups, SEED)
    other = stratified([labels[i] for i in shuffled], [groups[i] for i in shuffled], SEED)
    for one, two in zip(straight, other, strict=True):
        assert {groups[i] for i in one} == {groups[shuffled[i]] for i in two}


def test_another_seed_gives_another_split() -> None:
    labels, groups = examples([50, 50])
    tests = {tuple(stratified(labels, groups, seed)[2]) for seed in range(5)}
    assert len(tests) == 5


def test_the_split_of_a_class_does_not_depend_on_the_other_classes() -> None:
    labels, groups = examples([30, 30])
    alone = stratified(labels[:30], groups[:30], SEED)
    together = stratified(labels, groups, SEED)
    for one, two in zip(alone, together, strict=True):
        assert set(one) == {i for i in two if i < 30}


@given(st.lists(st.integers(0, 12), min_size=3, max_size=80), st.integers(0, 99))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_examples_of_one_group_are_never_on_two_sides(drawn: list[int], seed: int) -> None:
    groups = [str(number) for number in [*drawn, 100, 101, 102]]
    sides = stratified(["only"] * len(groups), groups, seed)
    held = [{groups[i] for i in side} for side in sides]
    assert not held[0] & held[1] | held[0] & held[2] | held[1] & held[2]
    assert sorted(np.concatenate(sides)) == list(range(len(groups)))


@pytest.mark.parametrize(("size", "words"), [(1, "1 different example:"), (2, "2 different ex")])
def test_too_few_examples_of_a_class_are_an_error_that_says_how_many_are_needed(
    size: int, words: str
) -> None:
    labels, groups = examples([9, size])
    with pytest.raises(DataError, match=f"class 'c1' has {words}.* at least 3 are needed"):
        stratified(labels, groups, SEED)


def test_copies_of_one_file_count_as_one_example() -> None:
    with pytest.raises(DataError, match="1 different example"):
        stratified(["a"] * 5, ["same"] * 5, SEED)


def test_splitting_train_alone_speaks_of_train_and_valid() -> None:
    labels, groups = examples([1])
    with pytest.raises(DataError, match=r"at least 2 are needed, one each for train, valid$"):
        stratified(labels, groups, SEED, (0.85, 0.15))


def test_a_label_of_any_bytes_can_be_split() -> None:
    labels = ["caf\udce9", "\ud800", "日本", ""] * 5
    assert sum(map(len, stratified(labels, [str(i) for i in range(20)], SEED))) == 20


def test_labels_are_on_every_side_where_few_examples_have_one_and_few_have_none() -> None:
    for seed in range(30):
        several = [[label] for label in "abcd"] + [[]] * 4
        parts = loosely_stratified(several, [str(n) for n in range(8)], seed)
        assert all(any(several[number] for number in part) for part in parts)


def test_a_side_is_asked_for_by_its_name() -> None:
    one = np.array([1])
    split = Split(one, one + 1, one + 2)
    assert [int(split[side][0]) for side in ("train", "valid", "test")] == [1, 2, 3]
    with pytest.raises(DataError, match=r"train, valid, test; got 'dev'"):
        split["dev"]


def test_what_has_an_equal_key_is_on_the_last_side_of_its_own_only():
    def deal(numbers, fractions):
        return [numbers[:-2], numbers[-2:]]

    sides = ["train"] * 6 + ["test"] * 2
    digests, groups = list("abcdefag"), [None, "one", None, "two", None, None, None, "one"]
    split, lost = own_split(sides, deal, digests, groups)
    assert [split[side].tolist() for side in SIDES] == [[2, 3], [4, 5], [6, 7]]
    assert lost == {"train": 2}
    split, lost = own_split(["valid", "train", "train"], deal)  # one held-out side is test
    assert [split[side].tolist() for side in SIDES] == [[], [1, 2], [0]]
    with pytest.raises(DataError, match="there must be examples to train on"):
        own_split(["train", "valid", "test"], deal, ["a", "b", "a"])
