"""When a failing tool is left alone, and when it is tried again."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agentguard.core.config import CircuitBreakerConfig
from agentguard.policies.breaker import Breaker
from agentguard.policies.window import BUCKETS, Window


def opened(now=0.0, **fields):
    """A breaker that opened at `now`."""
    breaker = Breaker(CircuitBreakerConfig(**{"failure_threshold": 1, "recovery_timeout": 10.0, **fields}))
    breaker.record(breaker.admit(now), "failure", now, 0.1)
    assert breaker.state(now) == "open"
    return breaker


def run(breaker, now, outcome="success", duration=0.1):
    """One whole call."""
    permit = breaker.admit(now)
    if permit is not None:
        breaker.begin(permit, now)
        breaker.record(permit, outcome, now, duration)
    return permit


def test_a_new_circuit_is_closed_and_admits():
    breaker = Breaker(CircuitBreakerConfig())
    assert breaker.state(0.0) == "closed"
    assert breaker.closed
    assert breaker.admit(0.0) >= 1
    assert breaker.retry_after(0.0) == 0.0


def test_it_opens_after_the_documented_five_failures_in_a_row():
    breaker = Breaker(CircuitBreakerConfig())
    for _ in range(4):
        run(breaker, 1.0, "failure")
    assert breaker.state(1.0) == "closed"
    run(breaker, 1.0, "failure")
    assert breaker.state(1.0) == "open"
    assert not breaker.closed
    assert breaker.admit(1.0) is None


def test_a_success_starts_the_count_of_failures_again():
    breaker = Breaker(CircuitBreakerConfig(failure_threshold=2))
    for outcome in ("failure", "success", "failure"):
        run(breaker, 0.0, outcome)
    assert breaker.state(0.0) == "closed"


def test_neutral_outcomes_neither_count_nor_start_the_count_again():
    breaker = Breaker(CircuitBreakerConfig(failure_threshold=2))
    for outcome in ("failure", "neutral", "neutral", "failure"):
        run(breaker, 0.0, outcome)
    assert breaker.state(0.0) == "open"


def test_an_open_circuit_says_how_long_it_stays_open():
    breaker = opened(now=100.0)
    assert breaker.retry_after(100.0) == 10.0
    assert breaker.retry_after(107.5) == 2.5
    assert breaker.retry_after(110.0) == 0.0


def test_it_is_half_open_exactly_when_the_recovery_time_is_over():
    breaker = opened()
    assert breaker.state(9.999) == "open"
    assert breaker.admit(9.999) is None
    assert breaker.state(10.0) == "half_open"
    assert breaker.admit(10.0) is not None
    assert breaker.state(10.0) == "half_open"


@pytest.mark.parametrize("permits", [1, 3])
def test_of_a_thousand_calls_at_recovery_exactly_the_permitted_ones_pass(permits):
    breaker = opened(half_open_permits=permits, success_threshold=9)
    assert sum(breaker.admit(10.0) is not None for _ in range(1000)) == permits


def test_a_successful_probe_closes_the_circuit():
    breaker = opened()
    run(breaker, 10.0)
    assert breaker.state(10.0) == "closed"


def test_it_closes_after_as_many_successful_probes_as_asked_for():
    breaker = opened(success_threshold=3)
    run(breaker, 10.0)
    run(breaker, 10.0)
    assert breaker.state(10.0) == "half_open"
    run(breaker, 10.0)
    assert breaker.state(10.0) == "closed"


def test_one_failed_probe_opens_it_again_for_the_whole_time():
    breaker = opened(success_threshold=3)
    run(breaker, 10.0)
    run(breaker, 12.0, "failure")
    assert breaker.state(21.9) == "open"
    assert breaker.state(22.0) == "half_open"


def test_probes_start_counting_successes_anew_in_each_half_open_state():
    breaker = opened(success_threshold=2)
    run(breaker, 10.0)
    run(breaker, 10.0, "failure")
    run(breaker, 20.0)
    assert breaker.state(20.0) == "half_open"


def test_a_cancelled_probe_gives_its_place_back():
    breaker = opened()
    run(breaker, 10.0, "neutral")
    assert breaker.state(10.0) == "half_open"
    assert breaker.admit(10.0) is not None


def test_a_probe_that_never_ends_loses_its_place_after_the_lease():
    breaker = opened()
    probe = breaker.admit(10.0)
    breaker.begin(probe, 11.0)
    assert breaker.admit(20.9) is None
    assert breaker.retry_after(20.0) == 1.0
    assert breaker.retry_after(25.0) == 0.0
    assert breaker.admit(21.0) is not None


def test_the_lease_starts_with_the_body_and_not_with_the_permit():
    breaker = opened()
    probe = breaker.admit(10.0)
    assert breaker.admit(1000.0) is None
    assert breaker.retry_after(1000.0) == 10.0
    breaker.begin(probe, 1000.0)
    assert breaker.admit(1009.0) is None
    assert breaker.admit(1010.0) is not None


def test_a_late_probe_does_not_give_back_the_place_of_the_one_that_took_over():
    breaker = opened()
    late = breaker.admit(10.0)
    breaker.begin(late, 10.0)
    successor = breaker.admit(20.0)
    breaker.begin(successor, 20.0)
    breaker.record(late, "neutral", 21.0, 11.0)
    assert breaker.admit(21.0) is None


def test_a_late_probe_still_says_that_the_tool_works():
    breaker = opened()
    probe = breaker.admit(10.0)
    breaker.begin(probe, 10.0)
    breaker.record(probe, "success", 99.0, 89.0)
    assert breaker.state(99.0) == "closed"


@pytest.mark.parametrize("outcome", ["success", "failure", "neutral"])
def test_outcomes_from_before_the_trip_change_nothing_in_half_open(outcome):
    breaker = Breaker(CircuitBreakerConfig(failure_threshold=1, recovery_timeout=10.0))
    stale = breaker.admit(0.0)
    run(breaker, 0.0, "failure")
    probe = breaker.admit(10.0)
    breaker.record(stale, outcome, 10.0, 10.0)
    assert breaker.state(10.0) == "half_open"
    assert breaker.admit(10.0) is None
    breaker.record(probe, "success", 10.0, 0.1)
    assert breaker.state(10.0) == "closed"


def test_a_failure_from_before_the_trip_does_not_count_after_recovery():
    breaker = Breaker(CircuitBreakerConfig(failure_threshold=1, recovery_timeout=10.0))
    stale = breaker.admit(0.0)
    run(breaker, 0.0, "failure")
    run(breaker, 10.0)
    breaker.record(stale, "failure", 11.0, 11.0)
    assert breaker.state(11.0) == "closed"


def test_the_other_probes_are_stale_once_the_circuit_has_closed():
    breaker = opened(half_open_permits=2)
    first, second = breaker.admit(10.0), breaker.admit(10.0)
    breaker.record(first, "success", 10.0, 0.1)
    breaker.record(second, "failure", 10.0, 0.1)
    assert breaker.state(10.0) == "closed"


def test_a_free_place_in_half_open_means_no_wait():
    breaker = opened(half_open_permits=2)
    breaker.admit(10.0)
    assert breaker.retry_after(10.0) == 0.0


def test_an_isolated_circuit_admits_nobody_until_it_is_reset():
    breaker = Breaker(CircuitBreakerConfig(recovery_timeout=1.0))
    breaker.isolate()
    assert breaker.state(1e9) == "isolated"
    assert breaker.admit(1e9) is None
    assert breaker.retry_after(1e9) == math.inf
    breaker.reset()
    assert breaker.state(0.0) == "closed"
    assert breaker.admit(0.0) is not None


def test_outcomes_of_running_calls_do_not_end_isolation():
    breaker = Breaker(CircuitBreakerConfig())
    permit = breaker.admit(0.0)
    breaker.isolate()
    breaker.record(permit, "success", 1.0, 1.0)
    assert breaker.state(1.0) == "isolated"


def test_reset_forgets_failures():
    breaker = Breaker(CircuitBreakerConfig(failure_threshold=2))
    run(breaker, 0.0, "failure")
    breaker.reset()
    run(breaker, 0.0, "failure")
    assert breaker.state(0.0) == "closed"


# Rates over a window


def rated(**fields):
    return Breaker(CircuitBreakerConfig(**{"failure_threshold": 1000, "min_calls": 10, **fields}))


def test_a_failure_rate_opens_it_once_there_are_enough_calls():
    breaker = rated(failure_rate=0.5)
    for number in range(9):
        run(breaker, number * 0.1, "failure" if number % 2 else "success")
    assert breaker.state(1.0) == "closed"
    run(breaker, 1.0, "failure")
    assert breaker.state(1.0) == "open"


def test_a_success_can_complete_the_calls_that_a_rate_needs():
    breaker = rated(failure_rate=0.5)
    for number in range(9):
        run(breaker, 0.0, "failure" if number < 6 else "success")
    run(breaker, 0.0, "success")
    assert breaker.state(0.0) == "open"


def test_seven_of_ten_reach_a_rate_of_seven_tenths():
    # 0.7 * 10 is a little more than 7 in floating point.
    breaker = rated(failure_rate=0.7)
    for number in range(10):
        run(breaker, 0.0, "success" if number < 3 else "failure")
    assert breaker.state(0.0) == "open"


def test_a_rate_just_below_the_limit_keeps_it_closed():
    breaker = rated(failure_rate=0.5, min_calls=1)
    for _ in range(50):
        run(breaker, 0.0, "success")
        run(breaker, 0.0, "success")
        run(breaker, 0.0, "failure")
    assert breaker.state(0.0) == "closed"


def test_slow_successes_open_it_by_the_slow_call_rate():
    breaker = rated(slow_call_rate=0.5, slow_call_seconds=2.0)
    for number in range(10):
        run(breaker, 0.0, "success", duration=2.0 if number % 2 else 1.99)
    assert breaker.state(0.0) == "open"


def test_a_few_slow_calls_keep_it_closed():
    breaker = rated(slow_call_rate=0.5, slow_call_seconds=2.0)
    for number in range(30):
        run(breaker, 0.0, "success", duration=1.0 if number % 5 else 3.0)
    assert breaker.state(0.0) == "closed"


def test_calls_below_the_slow_limit_are_not_slow():
    breaker = rated(slow_call_rate=0.1, slow_call_seconds=2.0)
    for _ in range(50):
        run(breaker, 0.0, "success", duration=1.99)
    assert breaker.state(0.0) == "closed"


def test_slow_failures_count_as_slow_too():
    breaker = rated(slow_call_rate=1.0, slow_call_seconds=2.0)
    for _ in range(10):
        run(breaker, 0.0, "failure", duration=3.0)
    assert breaker.state(0.0) == "open"


def test_failures_older_than_the_window_are_forgotten():
    breaker = rated(failure_rate=0.5, window_seconds=10.0)
    for _ in range(9):
        run(breaker, 0.0, "failure")
    for _ in range(20):
        run(breaker, 10.0, "success")
    run(breaker, 10.0, "failure")
    assert breaker.state(10.0) == "closed"


def test_a_closed_circuit_forgets_the_window_of_the_outage():
    breaker = rated(failure_rate=0.5, recovery_timeout=1.0)
    for _ in range(10):
        run(breaker, 0.0, "failure")
    run(breaker, 1.0)
    assert breaker.state(1.0) == "closed"
    for _ in range(9):
        run(breaker, 1.0, "success")
    assert breaker.state(1.0) == "closed"


def test_failures_in_a_row_count_beside_the_rates():
    breaker = rated(failure_rate=1.0, failure_threshold=3, min_calls=100)
    for _ in range(3):
        run(breaker, 0.0, "failure")
    assert breaker.state(0.0) == "open"


def test_a_window_is_kept_in_ten_parts():
    assert BUCKETS == 10


@given(
    st.lists(st.tuples(st.floats(0, 5), st.booleans(), st.booleans()), max_size=60),
    st.sampled_from([0.1, 1.0, 10.0, 60.0]),
)
def test_a_window_counts_what_is_younger_than_nine_tenths_and_nothing_older_than_itself(steps, seconds):
    window, now, calls = Window(seconds), 1000.0, []
    for gap, failed, slow in steps:
        now += gap
        calls.append((now, failed, slow))
        window.add(now, failed=failed, slow=slow)
        edge = 1e-6 * seconds
        for count, picked in (
            (window.calls, lambda call: True),
            (window.failures, lambda call: call[1]),
            (window.slow, lambda call: call[2]),
        ):
            young = sum(1 for call in calls if picked(call) and call[0] > now - 0.9 * seconds + edge)
            within = sum(1 for call in calls if picked(call) and call[0] > now - seconds - edge)
            assert young <= count <= within


class Reference:
    """The consecutive-failure breaker of the documents, written down as plainly as possible."""

    def __init__(self, threshold, recovery, successes, permits):
        self.threshold, self.recovery, self.needed, self.permits = threshold, recovery, successes, permits
        self.enter("closed", 0.0)
        self.period = 0

    def enter(self, state, now):
        self.state, self.entered, self.failures, self.successes = state, now, 0, 0
        self.running = {}
        self.period = getattr(self, "period", 0) + 1

    def admit(self, now, name):
        if self.state == "open" and now >= self.entered + self.recovery:
            self.enter("half_open", now)
        if self.state == "closed":
            return self.period
        if self.state == "half_open":
            holding = [begun for begun in self.running.values() if begun is None or begun + self.recovery > now]
            if len(holding) < self.permits:
                # Places are only counted again when somebody asks for one that is not free.
                if len(self.running) >= self.permits:
                    self.running = {
                        key: begun
                        for key, begun in self.running.items()
                        if begun is None or begun + self.recovery > now
                    }
                self.running[name] = None
                return self.period
        return None

    def begin(self, now, name, period):
        if period == self.period and name in self.running:
            self.running[name] = now

    def record(self, now, name, period, outcome):
        if period != self.period:
            return
        if self.state == "closed" and outcome != "neutral":
            self.failures = self.failures + 1 if outcome == "failure" else 0
            if self.failures >= self.threshold:
                self.enter("open", now)
        elif self.state == "half_open":
            self.running.pop(name, None)
            if outcome == "failure":
                self.enter("open", now)
            elif outcome == "success":
                self.successes += 1
                if self.successes >= self.needed:
                    self.enter("closed", now)


class BreakerFollowsTheReference(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.now, self.name, self.calls = 0.0, 0, {}
        config = CircuitBreakerConfig(
            failure_threshold=2, recovery_timeout=10.0, success_threshold=2, half_open_permits=2
        )
        self.breaker, self.reference = Breaker(config), Reference(2, 10.0, 2, 2)

    @rule(seconds=st.sampled_from([0.5, 3.0, 9.5, 10.0, 25.0]))
    def pass_time(self, seconds):
        self.now += seconds

    @rule()
    def admit(self):
        self.name += 1
        permit = self.breaker.admit(self.now)
        period = self.reference.admit(self.now, self.name)
        assert (permit is None) == (period is None)
        if permit is not None:
            assert permit >= 1
            self.calls[self.name] = (permit, period)

    @rule(data=st.data())
    def begin(self, data):
        if self.calls:
            name = data.draw(st.sampled_from(sorted(self.calls)))
            permit, period = self.calls[name]
            self.breaker.begin(permit, self.now)
            self.reference.begin(self.now, name, period)

    @rule(data=st.data(), outcome=st.sampled_from(["success", "failure", "failure", "neutral"]))
    def record(self, data, outcome):
        if self.calls:
            name = data.draw(st.sampled_from(sorted(self.calls)))
            permit, period = self.calls.pop(name)
            self.breaker.record(permit, outcome, self.now, 0.1)
            self.reference.record(self.now, name, period, outcome)

    @rule()
    def reset(self):
        self.breaker.reset()
        self.reference.enter("closed", self.now)

    @invariant()
    def in_the_same_state(self):
        expected = self.reference.state
        if expected == "open" and self.now >= self.reference.entered + 10.0:
            expected = "half_open"
        assert self.breaker.state(self.now) == expected
        assert self.breaker.closed == (expected == "closed")
        assert self.breaker.retry_after(self.now) >= 0.0


BreakerFollowsTheReference.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestBreakerFollowsTheReference = BreakerFollowsTheReference.TestCase


# What a success changes


def test_a_success_need_not_be_recorded_as_long_as_nothing_failed():
    breaker = Breaker(CircuitBreakerConfig(failure_threshold=2))
    assert breaker.heeds_success is False
    run(breaker, 1.0, "failure")
    assert breaker.heeds_success is True
    run(breaker, 2.0)
    assert breaker.heeds_success is False


def test_a_success_must_be_recorded_while_probes_run():
    breaker = opened(failure_threshold=1)
    assert breaker.heeds_success is True
    breaker.reset()
    assert breaker.heeds_success is False


@pytest.mark.parametrize("rate", [{"failure_rate": 0.5}, {"slow_call_rate": 0.5, "slow_call_seconds": 1.0}])
def test_every_success_is_recorded_where_a_share_of_the_calls_counts(rate):
    breaker = Breaker(CircuitBreakerConfig(**rate))
    assert breaker.heeds_success is True
    run(breaker, 1.0)
    assert breaker.heeds_success is True
