"""How long to wait before a retry."""

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard.core.config import RetryConfig
from agentguard.policies.backoff import RETRY_AFTER_MARGIN, Backoff, is_throttle, retry_after_of


def backoff(drawn=1.0, **fields):
    return Backoff(RetryConfig(**fields), lambda: drawn)


class Response:
    def __init__(self, headers=None, status_code=None):
        self.headers = {} if headers is None else headers
        if status_code is not None:
            self.status_code = status_code


class FailedError(Exception):
    def __init__(self, **attributes):
        super().__init__("failed")
        self.__dict__.update(attributes)


class HostileError(Exception):
    @property
    def retry_after(self):
        raise RuntimeError("no")

    @property
    def response(self):
        raise RuntimeError("no")

    @property
    def status_code(self):
        raise RuntimeError("no")


# Pauses


def test_without_jitter_each_pause_is_the_last_one_times_the_factor():
    pauses = backoff(jitter=False, initial_delay=0.5, backoff_factor=3.0)
    assert [pauses.delay(attempt) for attempt in (1, 2, 3)] == [0.5, 1.5, 4.5]


def test_a_pause_never_exceeds_the_longest():
    assert backoff(jitter=False, initial_delay=1.0, max_delay=5.0).delay(4) == 5.0
    assert backoff(jitter=False, initial_delay=9.0, max_delay=5.0).delay(1) == 5.0


def test_a_factor_of_one_keeps_the_pause_constant():
    pauses = backoff(jitter=False, backoff_factor=1)
    assert [pauses.delay(attempt) for attempt in (1, 2, 10_000)] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("attempt", [1100, 10_000, 10**9])
def test_late_attempts_do_not_overflow(attempt):
    assert backoff(jitter=False).delay(attempt) == 60.0
    assert backoff(jitter=False, initial_delay=1, backoff_factor=2, max_delay=7).delay(attempt) == 7.0


def test_no_initial_delay_means_no_pauses():
    assert [backoff(initial_delay=0).delay(attempt) for attempt in (1, 5, 10_000)] == [0.0, 0.0, 0.0]


def test_jitter_draws_between_nothing_and_the_whole_pause():
    assert backoff(0.0).delay(3) == 0.0
    assert backoff(0.25).delay(3) == 1.0
    assert backoff(0.999).delay(3) == pytest.approx(4.0, rel=0.01)


def test_the_server_may_lengthen_a_pause():
    assert backoff(jitter=False).delay(1, retry_after=3.0) == 3.0


def test_the_server_may_not_shorten_a_pause():
    assert backoff(jitter=False).delay(3, retry_after=0.5) == 4.0


def test_the_server_may_add_no_more_than_five_seconds():
    assert RETRY_AFTER_MARGIN == 5.0
    assert backoff(jitter=False).delay(3, retry_after=3600.0) == 9.0


@given(
    st.fixed_dictionaries(
        {
            "initial_delay": st.floats(0, 1e6),
            "max_delay": st.floats(0, 1e6),
            "backoff_factor": st.floats(1, 100),
        }
    ),
    st.integers(1, 10_000),
    st.floats(0, 1, exclude_max=True),
    st.none() | st.floats(0, 1e300),
)
def test_a_pause_is_finite_and_within_its_bounds(config, attempt, drawn, retry_after):
    pause = backoff(drawn, **config).delay(attempt, retry_after)
    assert 0.0 <= pause <= config["max_delay"] + (0.0 if retry_after is None else RETRY_AFTER_MARGIN)


# What servers say


@pytest.mark.parametrize("seconds", [0, 2, 2.5])
def test_an_error_may_say_when_to_come_back(seconds):
    assert retry_after_of(FailedError(retry_after=seconds)) == seconds


@pytest.mark.parametrize("value", [-1, math.nan, math.inf, True, "5", [], 10**400])
def test_senseless_values_say_nothing(value):
    assert retry_after_of(FailedError(retry_after=value)) is None


@pytest.mark.parametrize(
    ("header", "seconds"), [("120", 120.0), (" 1.5 ", 1.5), ("0", 0.0), (b"7", 7.0), (9, 9.0), (2.5, 2.5)]
)
def test_a_response_may_carry_the_header(header, seconds):
    assert retry_after_of(FailedError(response=Response({"Retry-After": header}))) == seconds
    assert retry_after_of(FailedError(response=Response({"retry-after": header}))) == seconds


@pytest.mark.parametrize("header", ["soon", "", "-5", "nan", "inf", "1e3", "1_0", "9" * 50, "0x10", None, [], True])
def test_senseless_headers_say_nothing(header):
    assert retry_after_of(FailedError(response=Response({"Retry-After": header})), wall_now=0.0) is None


def test_an_error_may_carry_the_headers_itself():
    assert retry_after_of(FailedError(headers={"Retry-After": "3"})) == 3.0
    assert is_throttle(FailedError(headers={"Retry-After": "3"}))


def test_a_date_needs_the_time_of_day():
    error = FailedError(response=Response({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}))
    assert retry_after_of(error) is None
    assert retry_after_of(error, wall_now=1445412480.0 - 90.0) == 90.0
    assert retry_after_of(error, wall_now=1445412480.0 + 90.0) == 0.0


def test_a_date_may_be_in_another_zone():
    error = FailedError(response=Response({"Retry-After": "Wed, 21 Oct 2015 09:28:00 +0200"}))
    assert retry_after_of(error, wall_now=1445412480.0 - 5.0) == 5.0


@pytest.mark.parametrize("zone", ["UTC", "EST5EDT"])
def test_a_date_without_a_zone_is_universal_time_wherever_we_are(zone, monkeypatch):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        error = FailedError(response=Response({"Retry-After": "Wed, 21 Oct 2015 07:28:00 -0000"}))
        assert retry_after_of(error, wall_now=1445412480.0 - 5.0) == 5.0
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "error", [ValueError("x"), FailedError(response=None), FailedError(response=Response()), HostileError()]
)
def test_most_errors_say_nothing(error):
    assert retry_after_of(error, wall_now=0.0) is None
    assert not is_throttle(error)


def test_headers_that_are_no_mapping_say_nothing():
    assert retry_after_of(FailedError(response=Response(headers=[("Retry-After", "5")]))) is None


@pytest.mark.parametrize(
    "error",
    [
        FailedError(status_code=429),
        FailedError(status=429),
        FailedError(response=Response(status_code=429)),
        FailedError(retry_after=1.0),
        FailedError(response=Response({"Retry-After": "5"}, status_code=503)),
        FailedError(response=Response({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})),
    ],
)
def test_a_server_that_asks_to_slow_down_is_recognised(error):
    assert is_throttle(error)


@pytest.mark.parametrize("error", [FailedError(status_code=500), FailedError(status="429"), FailedError(code=429)])
def test_other_statuses_are_no_throttle(error):
    assert not is_throttle(error)
