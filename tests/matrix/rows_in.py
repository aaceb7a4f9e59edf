"""Rows of the layers that may refuse a call before its body runs."""

import asyncio
from typing import Any

import pytest

from agentguard import (
    BudgetConfig,
    BudgetExceededError,
    CircuitBreakerConfig,
    CircuitOpenError,
    ConcurrencyConfig,
    ConcurrencyLimitError,
    InvalidInputError,
    LoopDetectedError,
    LoopGuardConfig,
    RateLimitConfig,
    RateLimitedError,
    Refusal,
)
from tests.matrix.case import BoomError, Case, failing_first
from tests.matrix.rows import Spy, row


@row("Validation")
def validation_casts_the_argument(case: Case) -> None:
    tool = case.guard(validate_input=True)
    assert case.call(tool, "5") == 5
    assert case.runs == [5]


@row("Validation")
def validation_casts_an_argument_given_by_name(case: Case) -> None:
    tool = case.guard(validate_input=True)
    assert case.call(tool, x="5") == 5
    assert case.runs == [5]


@row("Validation")
def validation_refuses_an_argument(case: Case) -> None:
    tool = case.guard(validate_input=True)
    with pytest.raises(InvalidInputError):
        case.call(tool, "five")
    assert case.runs == []


@row("Validation")
def a_validator_refuses(case: Case) -> None:
    _refused_by_validator(case, lambda spy: spy.sync)


@row("Validation")
def an_async_validator_refuses(case: Case) -> None:
    _refused_by_validator(case, lambda spy: spy.asynchronous)


def _refused_by_validator(case: Case, form: Any) -> None:
    spy = Spy(lambda _call: "not today")
    tool = case.guard(custom_validators=[form(spy)])
    with pytest.raises(InvalidInputError, match="not today"):
        case.call(tool, 5)
    assert len(spy.seen) == 1
    assert case.runs == []


@row("CircuitBreaker")
def breaker_counts_one_failure_and_refuses(case: Case) -> None:
    tool = case.guard(circuit_breaker=CircuitBreakerConfig(failure_threshold=2))
    case.body.act = failing_first(9)
    for _ in range(2):
        assert tool.breaker.state == "closed"
        with pytest.raises(BoomError):
            case.call(tool, 5)
    with pytest.raises(CircuitOpenError):
        case.call(tool, 5)
    assert case.runs == [5, 5]


@row("RateLimiter")
def rate_limiter_takes_one_token_and_refuses(case: Case) -> None:
    tool = case.guard(rate_limit=RateLimitConfig(calls_per_second=1, burst=2))
    assert [case.call(tool, x) for x in (1, 2)] == [1, 2]
    with pytest.raises(RateLimitedError):
        case.call(tool, 3)
    assert case.runs == [1, 2]


@row("RateLimiter")
def rate_limiter_queues(case: Case) -> None:
    tool = case.guard(rate_limit=RateLimitConfig(calls_per_second=1, max_wait=5))
    assert [case.call(tool, x) for x in (1, 2)] == [1, 2]
    assert case.clock.sleeps == [1.0]


@row("Budget")
def budget_books_one_call_and_refuses(case: Case) -> None:
    tool = case.guard(budget=BudgetConfig(max_calls_per_session=2, cost_per_call=0.5))
    assert [case.call(tool, x) for x in (1, 2)] == [1, 2]
    with pytest.raises(BudgetExceededError):
        case.call(tool, 3)
    assert case.runs == [1, 2]
    assert tool.state()["spent"] == 1.0


@row("Concurrency")
def concurrency_holds_one_slot_and_refuses(case: Case) -> None:
    tool = case.guard(concurrency=1)
    case.body.act = lambda x: case.again(tool, x + 1)
    with pytest.raises(ConcurrencyLimitError):
        case.call(tool, 1)
    assert case.runs == [1]
    assert tool.state()["running"] == 0


@row("Concurrency")
def concurrency_refuses_after_a_wait(case: Case) -> None:
    tool = case.guard(concurrency=ConcurrencyConfig(1, max_wait=0.001))
    case.body.act = lambda x: case.again(tool, x + 1)
    with pytest.raises(ConcurrencyLimitError):
        case.call(tool, 1)
    assert case.runs == [1]
    assert tool.state()["running"] == tool.state()["waiting"] == 0


@row("LoopGuard")
def loop_guard_counts_one_call_and_refuses(case: Case) -> None:
    tool = case.guard(loop_guard=LoopGuardConfig(warn_after=2, ask_after=3, block_after=3, halt_after=9))
    assert [case.call(tool, 5) for _ in range(2)] == [5, 5]
    with pytest.raises(LoopDetectedError) as caught:
        case.call(tool, 5)
    assert caught.value.count == 3
    assert case.runs == [5, 5]


@row("Hook")
def before_hook_runs_once(case: Case) -> None:
    _preceded_once(case, lambda spy: spy.sync)


@row("Hook")
def async_before_hook_runs_once(case: Case) -> None:
    _preceded_once(case, lambda spy: spy.asynchronous)


def _preceded_once(case: Case, form: Any) -> None:
    spy = Spy(lambda _call: case.runs.append("before"))
    tool = case.guard(before_call=form(spy), max_retries=3)
    assert case.call(tool, 5) == 5
    assert case.runs == ["before", 5]


@row("Hook")
def before_hook_refuses(case: Case) -> None:
    _aborted(case, lambda spy: spy.sync)


@row("Hook")
def async_before_hook_refuses(case: Case) -> None:
    _aborted(case, lambda spy: spy.asynchronous)


def _aborted(case: Case, form: Any) -> None:
    spy = Spy(lambda _call: failing_first()(0))
    tool = case.guard(before_call=form(spy), max_retries=3)
    with pytest.raises(BoomError):
        case.call(tool, 5)
    assert len(spy.seen) == 1
    assert case.runs == []


@row()
def refusal_is_a_value(case: Case) -> None:
    tool = case.guard(validate_input=True, on_refusal="result")
    refusal = case.call(tool, "five")
    assert isinstance(refusal, Refusal)
    assert refusal.code == "invalid_input"
    assert case.runs == []


def _users_own(case: Case, *middleware: Any) -> Any:
    return case.guard(middleware=middleware)


@row()
def sync_middleware_acts_once(case: Case) -> None:
    spy = Spy(lambda call, following: following(call))
    assert case.call(_users_own(case, spy.sync), 5) == 5
    assert len(spy.seen) == 1
    assert case.runs == [5]


@row()
def async_middleware_acts_once(case: Case) -> None:
    log: list[str] = []

    async def around(call: Any, following: Any) -> Any:
        log.append("before")
        await asyncio.sleep(0)
        result = await following(call)
        log.append("after")
        return result

    assert case.call(_users_own(case, around), 5) == 5
    assert log == ["before", "after"]
    assert case.runs == [5]


@row()
def sync_middleware_refuses(case: Case) -> None:
    spy = Spy(lambda *_: failing_first()(0))
    with pytest.raises(BoomError):
        case.call(_users_own(case, spy.sync), 5)
    assert len(spy.seen) == 1
    assert case.runs == []


@row()
def async_middleware_refuses(case: Case) -> None:
    spy = Spy(lambda *_: failing_first()(0))
    with pytest.raises(BoomError):
        case.call(_users_own(case, spy.asynchronous), 5)
    assert len(spy.seen) == 1
    assert case.runs == []


@row()
def middleware_changes_the_argument(case: Case) -> None:
    def add_one(call: Any, following: Any) -> Any:
        call.args = (call.args[0] + 1,)
        return following(call)

    assert case.call(_users_own(case, add_one), 5) == 6
    assert case.runs == [6]
