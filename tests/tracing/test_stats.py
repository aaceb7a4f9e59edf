import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard.tracing.quantiles import MOST_EXACT, Durations
from agentguard.tracing.sinks.port import Outcome
from agentguard.tracing.stats import stats_of
from tests.tracing.spans import refused, span, stored


@pytest.fixture(params=["sqlite", "jsonl"])
def backend(request):
    return request.param


def test_statistics_tell_apart_how_calls_ended(tmp_path, backend):
    stats = stored(
        tmp_path,
        backend,
        span("a", duration=0.5),
        span("a", status="stopped_early"),
        refused("circuit_open", "circuit_open", "a", duration=99),
        refused("circuit_open", "circuit_open", "a", duration=99),
        refused("rate_limited", "rate_limited", "a", duration=99),
        span("a", status="error", error={"type": "ValueError", "message": "no"}, attempts=3),
        span("a", status="timeout"),
        span("b", status="cancelled"),
        span("attempt 1", kind="attempt"),
    ).stats()
    a = stats.by_tool["a"]
    assert (stats.calls, a.calls, a.succeeded, a.timeouts, stats.by_tool["b"].cancelled) == (8, 7, 2, 1, 1)
    assert a.refused == {"circuit_open": 2, "rate_limited": 1}
    assert a.errors == {"ValueError": 1}
    assert (a.attempts, a.retried) == (6, 1)
    assert a.longest == 1.0, "a refused call is over before it began, and its duration says nothing"
    assert list(stats.by_tool) == ["a", "b"]


def test_a_refused_call_runs_beside_nothing(tmp_path, backend):
    stats = stored(tmp_path, backend, span("a"), refused("circuit_open", "circuit_open", "a")).stats()
    assert (stats.calls, stats.peak, stats.by_tool["a"].peak) == (2, 1, 1)


def test_statistics_say_which_time_they_are_about(tmp_path, backend):
    stats = stored(tmp_path, backend, span(started_at=30, duration=1), span(started_at=10, duration=50)).stats()
    assert (stats.first, stats.last, stats.peak, stats.peak_at) == (10, 60, 2, 30)


def test_statistics_of_nothing_are_empty(tmp_path, backend):
    stats = stored(tmp_path, backend, span()).stats(tool="other")
    assert (stats.calls, stats.p50, stats.longest, stats.first, stats.last, stats.peak) == (
        0,
        None,
        None,
        None,
        None,
        0,
    )


def peak(*calls):
    """Most at once of (start, end) or (start, end, id, parent)."""
    made = [Outcome("t", "ok", end - start, start, *rest) for start, end, *rest in calls]
    return stats_of(Outcome(*each[:4], each.span_id or str(n), each.parent_id) for n, each in enumerate(made)).peak


def test_calls_one_after_the_other_are_one_at_a_time():
    assert peak((0, 1), (1, 2), (2, 3)) == 1


def test_calls_that_overlap_are_counted_together():
    assert peak((0, 10), (1, 3), (2, 4), (3, 5)) == 3


def test_a_call_that_waits_for_calls_inside_it_does_not_count():
    assert peak((0, 10, "outer", None), (1, 2, "x", "outer"), (3, 4, "y", "outer")) == 1
    assert peak((0, 10, "outer", None), (1, 4, "x", "outer"), (2, 4, "y", "outer"), (3, 9, "z", None)) == 3


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), max_size=30))
def test_the_peak_is_what_counting_each_moment_gives(calls):
    calls = sorted(calls)
    moments = [sum(start <= moment < start + length for start, length in calls) for moment in range(41)]
    assert peak(*((start, start + length) for start, length in calls)) == max(moments)


def test_few_durations_have_exact_quantiles():
    durations = Durations()
    for number in random.Random(1).sample(range(1, 101), 100):
        durations.add(number / 10)
    assert durations.quantiles(0.5, 0.95, 0.99, 1) == [5.0, 9.5, 9.9, 10.0]


def test_quantiles_of_many_durations_are_off_by_at_most_half_a_percent():
    random_durations = random.Random(2)
    known = [random_durations.lognormvariate(-4, 2) for _ in range(3 * MOST_EXACT)]
    durations = Durations()
    for each in known:
        durations.add(each)
    ordered = sorted(known)
    for share, found in zip((0.5, 0.95, 0.99, 1), durations.quantiles(0.5, 0.95, 0.99, 1), strict=True):
        exact = ordered[max(0, -(-int(share * 1_000) * len(ordered) // 1_000) - 1)]
        assert found == pytest.approx(exact, rel=0.0051)
    assert durations.longest == ordered[-1]


def test_no_duration_has_no_quantile():
    assert Durations().quantiles(0.5, 0.99) == [None, None]


def test_durations_of_zero_are_durations():
    durations = Durations()
    for _ in range(MOST_EXACT + 1):
        durations.add(0.0)
    assert durations.quantiles(0.5) == [0.0]
