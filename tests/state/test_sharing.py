"""Counters that several tools share under one key."""

import threading

import pytest

from agentguard import (
    BudgetConfig,
    BudgetExceededError,
    CircuitBreakerConfig,
    ConfigError,
    LoopGuardConfig,
    RateLimitConfig,
    RateLimitedError,
    guard,
)
from agentguard.state.histories import MAX_SESSIONS, session_history_locked, thresholds_of
from agentguard.state.lock import LOCK
from agentguard.state.sharing import forget_shared, shared
from agentguard.testing import FakeRuntime
from tests.layers.bodies import Script


@pytest.fixture(autouse=True)
def nothing_is_shared_yet():
    forget_shared()


def test_without_a_key_everybody_has_their_own():
    assert shared("budget", None, 1, object) is not shared("budget", None, 1, object)


def test_with_a_key_all_have_the_same():
    assert shared("budget", "key", 1, object) is shared("budget", "key", 1, object)


def test_the_same_key_means_nothing_to_another_kind_of_counter():
    assert shared("budget", "key", 1, object) is not shared("rate limit", "key", 1, object)


def test_two_limits_under_one_key_are_an_error_that_names_the_key_and_both():
    shared("budget", "provider", "five", object)
    with pytest.raises(ConfigError, match=r"'provider'.*budget.*five.*six"):
        shared("budget", "provider", "six", object)


def test_what_was_forgotten_may_have_other_limits():
    shared("budget", "key", 1, object)
    forget_shared()
    shared("budget", "key", 2, object)


def test_a_tool_keeps_the_counter_it_has_when_it_is_forgotten():
    tool = guard(Script("ok"), budget=BudgetConfig(max_calls_per_session=1, shared_key="key"))
    tool()
    forget_shared()
    with pytest.raises(BudgetExceededError):
        tool()


def test_threads_that_ask_at_once_get_the_same():
    found, barrier = [], threading.Barrier(20)

    def ask():
        barrier.wait()
        found.append(shared("budget", "key", 1, object))

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1


@pytest.mark.parametrize(
    ("option", "one", "other"),
    [
        (
            "circuit_breaker",
            CircuitBreakerConfig(shared_key="k"),
            CircuitBreakerConfig(failure_threshold=1, shared_key="k"),
        ),
        (
            "rate_limit",
            RateLimitConfig(calls_per_hour=1, shared_key="k"),
            RateLimitConfig(calls_per_hour=2, shared_key="k"),
        ),
        (
            "budget",
            BudgetConfig(max_calls_per_session=1, shared_key="k"),
            BudgetConfig(max_calls_per_session=2, shared_key="k"),
        ),
    ],
    ids=["circuit breaker", "rate limit", "budget"],
)
def test_tools_cannot_share_a_key_with_different_limits(option, one, other):
    guard(Script("ok"), **{option: one})
    with pytest.raises(ConfigError, match="'k'"):
        guard(Script("ok"), **{option: other})


def test_tools_of_one_budget_may_have_different_prices():
    cheap = guard(Script("ok"), budget=BudgetConfig(max_cost_per_session=1, cost_per_call=0.1, shared_key="k"))
    dear = guard(Script("ok"), budget=BudgetConfig(max_cost_per_session=1, cost_per_call=0.8, shared_key="k"))
    dear(), cheap()
    assert cheap.state()["spent"] == dear.state()["spent"] == pytest.approx(0.9)
    with pytest.raises(BudgetExceededError):
        dear()
    assert cheap() == "ok"


def test_resetting_one_tool_resets_what_it_shares():
    with FakeRuntime():
        config = RateLimitConfig(calls_per_hour=1, shared_key="k")
        one, other = guard(Script("ok"), rate_limit=config), guard(Script("ok"), rate_limit=config)
        one()
        with pytest.raises(RateLimitedError):
            other()
        one.reset()
        assert other() == "ok"


def test_the_session_unused_longest_is_forgotten_when_there_are_too_many():
    thresholds = LoopGuardConfig(warn_after=4)

    def history_of(n):
        with LOCK:
            return session_history_locked(f"sharing tests {n}", thresholds)

    first, second = history_of(0), history_of(1)
    assert history_of(0) is first
    for n in range(2, MAX_SESSIONS + 1):
        history_of(n)
    assert history_of(0) is first
    assert history_of(1) is not second


def test_tools_with_other_thresholds_do_not_share_a_sessions_history():
    with LOCK:
        one = session_history_locked("sharing tests", LoopGuardConfig(warn_after=2))
        other = session_history_locked("sharing tests", LoopGuardConfig(warn_after=3))
    assert one is not other


def test_what_makes_two_calls_the_same_does_not_part_a_sessions_history():
    assert thresholds_of(LoopGuardConfig(loop_key=repr)) == thresholds_of(LoopGuardConfig())
