"""Which numbers are usual in one place."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.policies.number_range import SAMPLE, NumberRange
from agentguard.policies.surprise import FIRST_DOUBTS, STRIKES, SURE_AFTER


def learned(numbers, **options):
    usual = NumberRange(**options)
    for number in numbers:
        usual.learn(number)
    return usual


def around_twenty(count=400, seed=1):
    source = random.Random(seed)
    return [source.gauss(20, 1) for _ in range(count)]


def test_nothing_is_unusual_before_there_are_fifty():
    usual = learned(around_twenty(FIRST_DOUBTS - 1))
    assert not usual.is_unusual(1e9)
    usual.learn(20.0)
    assert usual.is_unusual(1e9)


@pytest.mark.parametrize("number", [950, 0.02, -20, 60])
def test_a_number_far_out_is_unusual(number):
    assert learned(around_twenty()).is_unusual(number)


@pytest.mark.parametrize("number", [16.5, 20, 24.5])
def test_a_number_a_little_further_out_than_ever_is_usual(number):
    assert not learned(around_twenty()).is_unusual(number)


@settings(max_examples=30)
@given(st.lists(st.integers(1, 10**12), min_size=60, max_size=150), st.integers(-(10**9), 10**9))
def test_numbers_that_only_grow_are_never_unusual(steps, start):
    usual, number = NumberRange(), start
    for step in steps:
        number += step
        assert not usual.is_unusual(number)
        usual.learn(number)


@settings(max_examples=30)
@given(st.lists(st.floats(1e-6, 1e6), min_size=60, max_size=120))
def test_numbers_that_only_fall_are_never_unusual(steps):
    usual, number = NumberRange(), 1e9
    for step in steps:
        number -= step
        assert not usual.is_unusual(number)
        usual.learn(number)


def test_what_grows_faster_and_faster_is_never_unusual():
    usual = NumberRange()
    for exponent in range(900):
        assert not usual.is_unusual(2.0**exponent)
        usual.learn(2.0**exponent)


def test_long_tails_are_usual():
    source = random.Random(3)
    usual, flagged = NumberRange(), 0
    for _ in range(20_000):
        number = source.paretovariate(1.1)
        if usual.is_unusual(number):
            flagged += 1
        else:
            usual.learn(number)
    assert flagged <= 20


def test_small_counts_may_be_a_little_larger_than_ever():
    usual = learned([0] * 390 + [1] * 10)
    assert not usual.is_unusual(7)
    assert usual.is_unusual(1_000)


def test_a_number_that_was_always_zero_may_become_anything():
    assert not learned([0.0] * 400).is_unusual(12.5)


def test_a_number_that_never_changed_may_not_change_its_unit():
    usual = learned([2.5] * 400)
    assert not usual.is_unusual(5.0)
    assert usual.is_unusual(2_500.0)


def test_a_list_that_always_had_24_items_is_short_with_5():
    lengths = learned([24] * 400, are_lengths=True)
    assert not lengths.is_unusual(20)
    assert lengths.is_unusual(5)


def test_a_single_outlier_teaches_nothing():
    usual = learned(around_twenty())
    assert not usual.doubt(950.0)
    assert usual.is_unusual(950.0)


def test_early_doubts_end_after_three():
    usual = learned(around_twenty(FIRST_DOUBTS + 5))
    for _ in range(STRIKES):
        for number in around_twenty(60):
            usual.learn(number)
        assert usual.is_unusual(950.0)
        usual.doubt(950.0)
    assert not usual.is_unusual(950.0)


def test_early_doubts_go_on_when_they_come_all_at_once():
    usual = learned(around_twenty(SURE_AFTER - 100))
    for number in (1e3, 1e6, 9e4, 1e8, 5e3, 1e5, 2e7):
        assert usual.is_unusual(number)
        usual.doubt(number)


def test_half_of_the_latest_at_a_new_level_is_a_drift():
    usual = learned(around_twenty())
    moved = [usual.doubt(100.0 + number) for number in range(8)]
    assert moved == [False] * 7 + [True]
    assert not usual.is_unusual(104.0)
    assert not usual.is_unusual(20.0)


def test_outliers_that_do_not_agree_are_no_drift():
    usual = learned(around_twenty())
    assert not any(usual.doubt(float(number)) for number in (1e3, 1e6, 9e4, 1e8, 5e3, 1e5, 2e7, 1e4, 3e8))


def test_thirty_two_in_a_row_are_a_drift_whatever_they_are():
    source, usual = random.Random(1), learned(around_twenty())
    moved = [usual.doubt(10 ** source.uniform(3, 100)) for _ in range(32)]
    assert moved == [False] * 31 + [True]


def test_outliers_among_usual_numbers_are_no_drift():
    usual = learned(around_twenty())
    for _ in range(100):
        assert not usual.doubt(950.0)
        for number in around_twenty(9):
            usual.learn(number)
    assert usual.is_unusual(950.0)


@given(st.lists(st.floats(-1e299, 1e299), max_size=150), st.floats(-1e299, 1e299))
def test_any_numbers_can_be_learned(numbers, asked):
    usual = learned(numbers)
    usual.is_unusual(asked)
    usual.doubt(asked)
    assert usual.low <= usual.high
    assert usual.quantiles() == sorted(usual.quantiles())


@settings(max_examples=30)
@given(st.lists(st.one_of(st.floats(-1e9, 1e9), st.integers(-(10**9), 10**9)), min_size=SAMPLE, max_size=100))
def test_a_number_that_was_believed_is_usual(numbers):
    usual = learned(numbers)
    assert not any(map(usual.is_unusual, numbers))


def test_memory_does_not_grow():
    source, usual = random.Random(1), NumberRange()
    for _ in range(5_000):
        usual.learn(source.random())
    assert len(usual._sample) == SAMPLE
