"""When the next call may go."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agentguard.core.config import RateLimitConfig
from agentguard.policies.bucket import SLACK, RateLimit


def limit(**fields):
    return RateLimit(RateLimitConfig(**fields))


def grant_until(rate, end, step, now=0.0):
    """How many calls pass when one tries every `step` seconds."""
    granted, tries = 0, round((end - now) / step)
    for number in range(tries + 1):
        at = now + number * step
        while rate.wait(at) == 0.0:
            rate.take(at)
            granted += 1
    return granted


def test_the_first_call_goes_at_once():
    assert limit(calls_per_second=1).wait(0.0) == 0.0


def test_calls_are_spaced_evenly_after_the_burst():
    rate = limit(calls_per_second=2, burst=3)
    starts = [rate.take(100.0) for _ in range(6)]
    assert starts == pytest.approx([100.0, 100.0, 100.0, 100.5, 101.0, 101.5])


def test_without_a_burst_every_call_is_spaced():
    rate = limit(calls_per_minute=60)
    assert [rate.take(5.0) for _ in range(3)] == pytest.approx([5.0, 6.0, 7.0])


def test_two_hundred_a_second_with_a_burst_of_twenty_grant_420_in_two_seconds():
    assert abs(grant_until(limit(calls_per_second=200, burst=20), 2.0, 0.001) - 420) <= 2


@pytest.mark.parametrize("now", [0.0, 3.7, 1e6, 4e6])
@pytest.mark.parametrize("per_second", [0.3, 1, 7, 200])
def test_the_wait_is_exact(now, per_second):
    rate = limit(calls_per_second=per_second, burst=2)
    rate.take(now)
    rate.take(now)
    wait = rate.wait(now)
    assert wait > 0.0
    assert rate.wait(now + wait) == 0.0
    assert rate.wait(now + wait - 1e-6) > 0.0


def test_asking_for_the_wait_changes_nothing():
    rate = limit(calls_per_second=1)
    assert [rate.wait(0.0) for _ in range(5)] == [0.0] * 5


def test_a_quiet_time_gives_back_no_more_than_the_burst():
    rate = limit(calls_per_second=10, burst=3)
    for _ in range(3):
        rate.take(0.0)
    assert grant_until(rate, 1000.0, 1.0, now=1000.0) == 3


@pytest.mark.parametrize(
    ("field", "seconds"), [("calls_per_second", 1), ("calls_per_minute", 60), ("calls_per_hour", 3600)]
)
def test_a_rate_is_counted_in_its_own_window(field, seconds):
    rate = limit(**{field: 4})
    rate.take(0.0)
    assert rate.wait(0.0) == pytest.approx(seconds / 4)


def test_less_than_one_call_a_second_is_a_rate():
    rate = limit(calls_per_second=0.5)
    rate.take(0.0)
    assert rate.wait(0.0) == pytest.approx(2.0)


# Several rates


def test_the_longer_window_does_not_space_calls():
    rate = limit(calls_per_second=5, calls_per_hour=100)
    starts = [rate.take(0.0) for _ in range(100)]
    assert starts[-1] == pytest.approx(99 / 5)


def test_the_longer_window_counts_exactly():
    rate = limit(calls_per_second=5, calls_per_hour=100)
    for number in range(100):
        assert rate.take(number * 0.2) == pytest.approx(number * 0.2)
    assert rate.wait(20.0) == pytest.approx(3580.0)
    assert rate.wait(3600.0 - 1e-6) > 0.0
    assert rate.wait(3600.0) == 0.0


def test_all_three_rates_hold_together():
    rate = limit(calls_per_second=10, calls_per_minute=100, calls_per_hour=150, burst=10)
    assert grant_until(rate, 59.0, 0.05) == 100
    assert grant_until(rate, 3599.0, 0.5, now=60.0) == 50


def test_the_shortest_window_is_spaced_whatever_the_others_are():
    rate = limit(calls_per_minute=60, calls_per_hour=1000)
    assert [rate.take(0.0) for _ in range(3)] == pytest.approx([0.0, 1.0, 2.0])


@pytest.mark.parametrize(("per_hour", "most", "window"), [(2.5, 2, 3600.0), (1.5, 1, 3600.0), (0.5, 1, 7200.0)])
def test_a_fraction_of_a_call_is_rounded_to_the_safe_side(per_hour, most, window):
    rate = limit(calls_per_second=100, calls_per_hour=per_hour)
    for number in range(most):
        rate.take(number * 0.01)
    assert rate.wait(1.0) == pytest.approx(window - 1.0)


# Queueing


def test_calls_that_wait_are_served_in_order():
    rate = limit(calls_per_second=10, calls_per_minute=20, burst=5)
    starts = [rate.take(number * 0.01) for number in range(60)]
    assert starts == sorted(starts)
    assert all(later - earlier >= 60.0 - 1e-6 for earlier, later in zip(starts, starts[20:], strict=False))


# Giving back


def test_a_call_that_did_not_run_gives_its_turn_back():
    rate = limit(calls_per_second=1, calls_per_hour=2)
    for _ in range(100):
        start = rate.take(10.0)
        rate.give_back(start)
    assert rate.wait(10.0) == 0.0
    assert rate.take(10.0) == 10.0
    assert rate.wait(10.0) == 1.0


def test_giving_back_does_not_postpone_older_calls_of_the_longer_window():
    rate = limit(calls_per_second=100, calls_per_hour=2)
    rate.take(0.0)
    rate.give_back(rate.take(3000.0))
    rate.take(3000.0)
    assert rate.wait(3000.0) == pytest.approx(600.0)


def test_a_turn_in_the_middle_of_the_queue_stays_empty():
    rate = limit(calls_per_second=1)
    starts = [rate.take(0.0) for _ in range(4)]
    rate.give_back(starts[1])
    assert rate.wait(0.0) == pytest.approx(4.0)


def test_the_last_turn_of_the_queue_goes_to_the_next_caller():
    rate = limit(calls_per_second=1)
    starts = [rate.take(0.0) for _ in range(4)]
    rate.give_back(starts[3])
    assert rate.take(0.0) == starts[3]


def test_giving_back_a_turn_in_the_queue_does_not_forget_the_calls_before_it():
    rate = limit(calls_per_second=2, calls_per_minute=2)
    rate.take(0.0)
    rate.take(0.5)
    waiting = rate.take(1.0)
    assert waiting == 60.0
    rate.give_back(waiting)
    assert rate.wait(1.0) == 59.0


def test_nobody_overtakes_a_waiting_call_after_a_turn_was_given_back():
    rate = limit(calls_per_second=2, burst=3, calls_per_minute=7)
    starts = [rate.take(0.0) for _ in range(8)]
    assert starts[-1] == 60.0
    rate.give_back(starts[0])
    assert rate.take(0.0) >= 60.0


def test_giving_back_what_the_log_has_forgotten_changes_nothing():
    rate = limit(calls_per_second=1, calls_per_minute=5)
    rate.take(10.0)
    rate.give_back(5.0)
    assert rate.wait(10.0) == 1.0


def test_a_queue_that_everybody_left_delays_nobody():
    rate = limit(calls_per_second=1)
    starts = [rate.take(0.0) for _ in range(5)]
    for start in (starts[2], starts[4], starts[1], starts[3]):
        rate.give_back(start)
    assert rate.take(0.0) == 1.0


def test_an_empty_turn_in_front_of_others_stays_empty_until_they_left():
    rate = limit(calls_per_second=1)
    starts = [rate.take(0.0) for _ in range(4)]
    rate.give_back(starts[1])
    rate.give_back(starts[3])
    assert rate.wait(0.0) == pytest.approx(3.0)
    rate.give_back(starts[2])
    assert rate.wait(0.0) == pytest.approx(1.0)


def test_a_turn_from_before_a_reset_gives_back_nobody_elses():
    rate = limit(calls_per_second=1, calls_per_minute=2)
    rate.take(0.0)
    waiting = rate.take(0.0)
    rate.reset()
    rate.take(0.0)
    rate.give_back(waiting)
    assert [rate.take(0.0), rate.take(0.0)] == [1.0, 60.0]


def test_the_turn_before_the_last_is_found():
    rate = limit(calls_per_second=1)
    starts = [rate.take(0.0) for _ in range(3)]
    rate.give_back(starts[1])
    rate.give_back(starts[2])
    assert rate.take(0.0) == 1.0


def test_a_call_in_the_middle_of_the_longer_window_makes_room_in_it():
    rate = limit(calls_per_second=100, calls_per_hour=3)
    starts = [rate.take(float(second)) for second in range(3)]
    rate.give_back(starts[1])
    assert rate.wait(3.0) == 0.0


# Pausing


def test_a_pause_lets_nothing_start_before_its_end():
    rate = limit(calls_per_second=10, burst=5)
    rate.pause_until(30.0)
    assert rate.wait(0.0) == 30.0
    assert rate.wait(30.0 - 1e-6) > 0.0
    assert rate.wait(30.0) == 0.0


def test_there_is_no_burst_right_after_a_pause():
    rate = limit(calls_per_second=10, burst=5)
    rate.pause_until(30.0)
    assert [rate.take(30.0) for _ in range(3)] == pytest.approx([30.0, 30.1, 30.2])


def test_a_pause_never_shortens_a_wait():
    rate = limit(calls_per_hour=1)
    rate.take(0.0)
    rate.pause_until(5.0)
    assert rate.wait(0.0) == 3600.0


def test_giving_back_does_not_end_a_pause():
    rate = limit(calls_per_second=10)
    start = rate.take(0.0)
    rate.pause_until(30.0)
    rate.give_back(start)
    assert rate.wait(0.0) == 30.0


@pytest.mark.parametrize("end", [0.5, 1.0, 1.5])
def test_giving_back_does_not_end_a_pause_that_was_no_longer_than_the_queue(end):
    rate = limit(calls_per_second=1)
    rate.take(0.0)
    start = rate.take(0.0)
    rate.pause_until(end)
    rate.give_back(start)
    assert rate.wait(0.0) >= end


def test_reset_forgets_everything():
    rate = limit(calls_per_second=1, calls_per_minute=2)
    rate.take(0.0)
    rate.take(0.0)
    rate.pause_until(1e6)
    rate.reset()
    assert rate.wait(0.0) == 0.0
    assert [rate.take(0.0), rate.take(0.0), rate.take(0.0)] == [0.0, 1.0, 60.0]


RATES = st.fixed_dictionaries(
    {"calls_per_second": st.sampled_from([1, 5, 10]), "burst": st.sampled_from([1, 3, 10])},
    optional={"calls_per_minute": st.sampled_from([5, 20]), "calls_per_hour": st.sampled_from([10, 30])},
)


def check_rates(starts, config):
    """No window holds more starts than its rate allows."""
    for number, start in enumerate(starts):
        for window, most in ((60.0, config.get("calls_per_minute")), (3600.0, config.get("calls_per_hour"))):
            if most is not None and number >= most:
                assert start - starts[number - most] >= window - 1e-6
        for earlier in range(number):
            allowed = config["burst"] + (start - starts[earlier]) * config["calls_per_second"] + 1e-6
            assert number - earlier + 1 <= allowed


@given(RATES, st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.05, 0.2, 1.0, 30.0, 700.0]), max_size=60))
@settings(deadline=None)
def test_no_window_ever_holds_more_calls_than_its_rate_allows(config, gaps):
    rate, now, starts = limit(**config), 0.0, []
    for gap in gaps:
        now += gap
        wait = rate.wait(now)
        start = rate.take(now)
        assert start == pytest.approx(now + wait)
        starts.append(start)
    assert starts == sorted(starts)
    check_rates(starts, config)


class GivingBackNeverGivesTooMuch(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.now, self.taken = 0.0, []
        self.config = {"calls_per_second": 2, "calls_per_minute": 4, "calls_per_hour": 9, "burst": 3}
        self.rate = limit(**self.config)

    @rule(seconds=st.sampled_from([0.1, 0.5, 2.0, 20.0, 61.0]))
    def pass_time(self, seconds):
        self.now += seconds

    @rule()
    def take(self):
        start = self.rate.take(self.now)
        assert start >= max(self.taken, default=start)
        self.taken.append(start)

    @rule(data=st.data())
    def give_back(self, data):
        if self.taken:
            place = data.draw(st.integers(0, len(self.taken) - 1))
            self.rate.give_back(self.taken.pop(place))

    @rule()
    def give_back_the_latest(self):
        if self.taken:
            self.rate.give_back(self.taken.pop())

    @invariant()
    def no_rate_is_exceeded(self):
        check_rates(self.taken, self.config)


GivingBackNeverGivesTooMuch.TestCase.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
TestGivingBackNeverGivesTooMuch = GivingBackNeverGivesTooMuch.TestCase


# Taking at once


AT_ONCE = [
    {"calls_per_second": 2},
    {"calls_per_second": 1, "burst": 3},
    {"calls_per_second": 2, "burst": 2, "calls_per_minute": 5},
    {"calls_per_minute": 6, "burst": 6, "calls_per_hour": 9},
    {"calls_per_second": 1, "calls_per_minute": 3, "calls_per_hour": 4},
    {"calls_per_minute": 60, "burst": 2, "calls_per_hour": 2.5},
]


@pytest.mark.parametrize("config", AT_ONCE)
def test_taking_at_once_is_asking_for_the_wait_and_taking(config):
    rng = random.Random(7)
    for _ in range(60):
        quick, plain, now, taken = limit(**config), limit(**config), 0.0, []
        for _ in range(40):
            # Whole and half seconds, so that calls also come exactly when they are due.
            now += rng.choice((0.0, 0.0, 0.5, 0.5, 1.0, 10.0, 60.0, 3600.0))
            act = rng.random()
            if act < 0.75:
                start = quick.take_now(now)
                assert start == (plain.take(now) if plain.wait(now) == 0.0 else None)
                taken += [] if start is None else [start]
            elif act < 0.8:
                taken.append(quick.take(now))
                assert taken[-1] == plain.take(now)
            elif act < 0.97 and taken:
                back = taken.pop(rng.randrange(len(taken)))
                quick.give_back(back), plain.give_back(back)
            elif act > 0.99:
                quick.reset(), plain.reset()
                taken = []
            assert quick.wait(now) == plain.wait(now)


def test_what_was_taken_too_early_by_rounding_is_let_in():
    rate = limit(calls_per_second=1, calls_per_minute=60)
    rate.take(0.0)
    assert rate.take_now(1.0 - SLACK / 2) is not None


def test_what_may_not_start_at_once_takes_nothing():
    rate = limit(calls_per_second=1, calls_per_minute=2)
    assert rate.take_now(0.0) == 0.0
    assert [rate.take_now(0.5) for _ in range(9)] == [None] * 9
    assert rate.take_now(1.0) == 1.0
    assert [rate.take_now(2.0) for _ in range(9)] == [None] * 9
    assert rate.take_now(60.0) == 60.0
