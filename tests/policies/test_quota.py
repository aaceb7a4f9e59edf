"""How many retries an outage may cost."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard.policies.quota import CAPACITY, THROTTLED_COST, TRANSIENT_COST, RetryQuota


class NoQuota:
    def take(self, *, throttled):
        return 0

    def give_back(self, cost):
        pass

    def first_try_succeeded(self):
        pass


def simulate(quota, failure_rate, *, calls=6000, max_retries=3, seed=7):
    """Calls one after the other against a tool that fails at the given rate: (attempts, calls lost)."""
    draw = random.Random(seed).random
    attempts = lost = 0
    for _ in range(calls):
        cost = 0
        for attempt in range(max_retries + 1):
            attempts += 1
            if draw() >= failure_rate:
                if attempt:
                    quota.give_back(cost)
                else:
                    quota.first_try_succeeded()
                break
            cost = quota.take(throttled=False) if attempt < max_retries else None
            if cost is None:
                lost += 1
                break
    return attempts, lost


def test_the_documented_numbers():
    assert (CAPACITY, TRANSIENT_COST, THROTTLED_COST) == (500, 14, 5)


def test_an_outage_costs_at_most_35_extra_attempts():
    attempts, lost = simulate(RetryQuota(), 1.0)
    assert attempts - 6000 == 35
    assert lost == 6000


def test_without_a_quota_the_same_outage_costs_four_times_the_load():
    attempts, _ = simulate(NoQuota(), 1.0)
    assert attempts == 24_000


@pytest.mark.parametrize("seed", range(5))
def test_at_ten_percent_failures_no_more_calls_are_lost_than_without_a_quota(seed):
    _, with_quota = simulate(RetryQuota(), 0.1, seed=seed)
    _, without = simulate(NoQuota(), 0.1, seed=seed)
    assert with_quota == without


def test_a_retry_that_the_server_asked_for_is_cheaper():
    quota = RetryQuota()
    assert quota.take(throttled=True) == 5
    assert quota.take(throttled=False) == 14
    assert quota.tokens == 481


def test_an_empty_bucket_allows_no_retry():
    quota = RetryQuota()
    taken = 0
    while quota.take(throttled=False) is not None:
        taken += 1
    assert taken == 35
    assert quota.tokens == 10
    assert [quota.take(throttled=True) for _ in range(3)] == [5, 5, None]


def test_a_retry_that_succeeds_returns_its_cost():
    quota = RetryQuota()
    quota.give_back(quota.take(throttled=False))
    assert quota.tokens == CAPACITY


def test_a_first_try_success_earns_one_token():
    quota = RetryQuota()
    quota.take(throttled=True)
    quota.first_try_succeeded()
    assert quota.tokens == 496


def test_recovery_brings_the_retries_back():
    quota = RetryQuota()
    simulate(quota, 1.0)
    assert quota.take(throttled=False) is None
    simulate(quota, 0.0, calls=500)
    assert quota.tokens == CAPACITY


def test_reset_fills_the_bucket():
    quota = RetryQuota()
    quota.take(throttled=False)
    quota.reset()
    assert quota.tokens == CAPACITY


@given(st.lists(st.sampled_from(["transient", "throttled", "won", "first"]), max_size=200))
def test_the_bucket_never_overflows_and_never_goes_below_zero(steps):
    quota, paid = RetryQuota(), []
    for step in steps:
        if step == "won" and paid:
            quota.give_back(paid.pop())
        elif step == "first":
            quota.first_try_succeeded()
        elif step in ("transient", "throttled"):
            cost = quota.take(throttled=step == "throttled")
            if cost is not None:
                paid.append(cost)
        assert 0 <= quota.tokens <= CAPACITY
