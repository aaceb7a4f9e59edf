"""Refusals as values, for loops that hand them to the model."""

import asyncio

import pytest

from agentguard import (
    BudgetConfig,
    CallStatus,
    CircuitBreakerConfig,
    CircuitOpenError,
    GuardConfig,
    InvalidOutputError,
    MiddlewarePipeline,
    RateLimitConfig,
    Refusal,
    guard,
    session,
)
from agentguard.testing import FakeRuntime
from tests.layers.bodies import BoomError, Script
from tests.matrix.ways import Way

SETTINGS = {
    "rate_limited": {"rate_limit": RateLimitConfig(calls_per_minute=1)},
    "budget_exceeded": {"budget": BudgetConfig(max_calls_per_session=1)},
}


@pytest.mark.parametrize("code", ["rate_limited", "budget_exceeded"])
def test_a_refusal_is_returned_instead_of_raised(code, call: Way, clock: FakeRuntime):
    body = Script("ok")
    tool = guard(body, name="search", on_refusal="result", **SETTINGS[code])
    assert call(tool) == "ok"
    refusal = call(tool)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.tool) == (code, "search")
    assert body.runs == 1


def test_a_refusal_says_when_to_come_back_and_what_to_do(clock: FakeRuntime):
    tool = guard(Script("ok"), on_refusal="result", rate_limit=RateLimitConfig(calls_per_minute=1))
    tool()
    refusal = tool()
    assert (refusal.retryable, refusal.retry_after) == (True, 60.0)
    assert "60 s" in refusal.reason


def test_a_refusal_that_time_does_not_heal_has_a_hint(clock: FakeRuntime):
    refusal = guard(Script("ok"), on_refusal="result", budget=BudgetConfig(max_calls_per_session=0))()
    assert (refusal.retryable, refusal.retry_after) == (False, None)
    assert refusal.hint


def test_the_tools_own_error_is_still_raised(call: Way):
    with pytest.raises(BoomError):
        call(guard(Script(BoomError), on_refusal="result"))


def test_a_rejected_answer_is_still_raised(call: Way):
    def body() -> int:
        return "wrong"

    with pytest.raises(InvalidOutputError):
        call(guard(body, on_refusal="result", validate_output=True))


def test_a_nested_tools_refusal_is_still_raised(call: Way, clock: FakeRuntime):
    inner = guard(Script("ok"), circuit_breaker=CircuitBreakerConfig())
    inner.breaker.isolate()
    with pytest.raises(CircuitOpenError):
        call(guard(lambda: inner(), on_refusal="result"))


def test_a_stream_hands_the_refusal_out_as_its_item():
    def body(x: int):
        yield x

    [refusal] = guard(body, on_refusal="result", validate_input=True)("x")
    assert refusal.code == "invalid_input"


def test_the_record_says_that_the_call_was_refused(call: Way, clock: FakeRuntime):
    tool = guard(Script("ok"), on_refusal="result", budget=BudgetConfig(max_calls_per_session=0))
    with session() as recorded:
        call(tool)
    [entry] = recorded.entries()
    assert entry.result.status is CallStatus.BUDGET_EXCEEDED
    assert entry.result.exception_type == "BudgetExceededError"


def test_a_pipelines_result_carries_the_refusal(clock: FakeRuntime):
    config = GuardConfig(on_refusal="result", budget=BudgetConfig(max_calls_per_session=0))
    result = asyncio.run(MiddlewarePipeline(config).execute(lambda: "ok"))
    assert isinstance(result.return_value, Refusal)
    assert result.status is CallStatus.BUDGET_EXCEEDED
    assert result.failed
