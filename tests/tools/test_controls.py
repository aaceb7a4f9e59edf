"""Looking at a tool, and resetting it: explain, schema, state, reset, breaker."""

import json
import math
from typing import Literal

import pytest
from pydantic import BaseModel

from agentguard import (
    BudgetConfig,
    BudgetExceededError,
    CircuitBreakerConfig,
    CircuitOpenError,
    ConfigError,
    LoopDetectedError,
    LoopGuardConfig,
    RateLimitConfig,
    RateLimitedError,
    TimeoutConfig,
    guard,
    session,
)
from agentguard.testing import FakeRuntime
from tests.layers.bodies import BoomError, Script


@pytest.fixture(autouse=True)
def clock():
    with FakeRuntime() as clock:
        yield clock


def test_explain_prints_the_onion_and_the_function():
    def search(query: str) -> str:
        return query

    def mine(ctx, next):
        return next(ctx)

    tool = guard(
        search,
        validate_input=True,
        max_retries=2,
        timeout=5,
        circuit_breaker=CircuitBreakerConfig(),
        on_refusal="result",
        output_limit=100,
        middleware=[mine],
    )
    lines = tool.explain().splitlines()
    assert [line.partition("(")[0] for line in lines] == [
        "Refusal",
        "CallSpan",
        "mine",
        "Truncation",
        "Validation",
        "Retry",
        "Trace",
        "CircuitBreaker",
        "Timeout",
        "function search",
    ]
    assert lines[-1] == "function search(query: str) -> str"
    assert "max_retries=2" in tool.explain()


def test_explain_of_a_bare_tool_has_nothing_but_its_record():
    async def search(query):
        return query

    assert guard(search).explain().splitlines()[-1] == "coroutine function search(query)"


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"output_limit": 100}, "Truncation(OutputLimitConfig(max_chars=100"),
        ({"loop_guard": True}, "LoopGuard(LoopGuardConfig(warn_after=3"),
        ({"validate_input": True, "custom_validators": [print]}, "Validation(input, 1 custom)"),
        ({"timeout_config": TimeoutConfig(total_seconds=9)}, "Deadline(total_seconds=9)"),
        ({"max_retries": 2}, "Retry(RetryConfig(max_retries=2"),
        ({"circuit_breaker": CircuitBreakerConfig()}, "CircuitBreaker(CircuitBreakerConfig(failure_threshold=5"),
        ({"rate_limit": RateLimitConfig(calls_per_second=1)}, "RateLimiter(RateLimitConfig(calls_per_second=1"),
        ({"budget": BudgetConfig(max_cost_per_call=1)}, "Budget(BudgetConfig(max_cost_per_call=1"),
        ({"concurrency": 3}, "Concurrency(ConcurrencyConfig(max_concurrent=3"),
        ({"concurrency": 3, "budget": BudgetConfig(max_cost_per_call=1)}, "Admission([BudgetConfig("),
        ({"verify_response": True}, "Hallucination(ResponseProfile("),
        ({"timeout": 5}, "Timeout(TimeoutConfig(timeout_seconds=5"),
        ({"before_call": print}, "Hook(before_call=print)"),
        ({"record": True, "trace_backend": "memory"}, "CallSpan(record=True, trace_dir='./traces')"),
        ({"on_refusal": "result"}, "Refusal(CallRejected)"),
    ],
)
def test_explain_says_what_each_stage_was_told(options, shown):
    assert any(line.startswith(shown) for line in guard(Script("ok"), **options).explain().splitlines())


class Filter(BaseModel):
    field: str


def test_schema_is_what_model_apis_take():
    def search(query: str, mode: Literal["fast", "deep"] = "fast", filters: list[Filter] | None = None) -> str:
        return query

    schema = guard(search).schema()
    json.dumps(schema)
    assert schema["type"] == "object"
    assert schema["required"] == ["query"]
    assert schema["properties"]["mode"]["enum"] == ["fast", "deep"]
    assert schema["additionalProperties"] is False


def test_the_schema_of_a_method_has_no_self():
    class Holder:
        @guard
        def tool(self, x: int):
            return x

    assert list(Holder().tool.schema()["properties"]) == ["x"]


def test_schema_does_not_need_validation_to_be_on():
    assert guard(lambda x: x).schema()["properties"].keys() == {"x"}


def test_state_of_a_bare_tool_has_only_its_hung_bodies():
    assert guard(lambda: 1).state() == {"hung": 0}


def test_state_says_what_the_counters_say():
    tool = guard(
        Script("ok"),
        circuit_breaker=CircuitBreakerConfig(),
        rate_limit=RateLimitConfig(calls_per_minute=1),
        budget=BudgetConfig(max_calls_per_session=9, cost_per_call=0.5),
        concurrency=4,
    )
    tool()
    assert tool.state() == {
        "circuit_breaker": "closed",
        "retry_after": 0.0,
        "rate_limit_wait": 60.0,
        "calls": 1,
        "spent": 0.5,
        "running": 0,
        "waiting": 0,
        "hung": 0,
    }


def test_state_of_a_session_is_that_sessions():
    tool = guard(Script("ok"), budget=BudgetConfig(max_calls_per_session=9))
    with session("mine"):
        tool(), tool()
    assert (tool.state("mine")["calls"], tool.state()["calls"], tool.state("unknown")["calls"]) == (2, 0, 0)


def test_reset_forgets_what_was_seen():
    tool = guard(
        Script(BoomError, "ok"),
        circuit_breaker=CircuitBreakerConfig(failure_threshold=1),
        rate_limit=RateLimitConfig(calls_per_hour=1),
        budget=BudgetConfig(max_calls_per_session=1),
    )
    with pytest.raises(BoomError):
        tool()
    tool.reset()
    assert tool() == "ok"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"rate_limit": RateLimitConfig(calls_per_hour=1)}, RateLimitedError),
        ({"budget": BudgetConfig(max_calls_per_session=1)}, BudgetExceededError),
        ({"loop_guard": LoopGuardConfig(warn_after=2, ask_after=2, block_after=2, halt_after=9)}, LoopDetectedError),
    ],
    ids=["rate limit", "budget", "loop guard"],
)
def test_each_counter_starts_anew_after_a_reset(options, error):
    tool = guard(Script("ok"), **options)
    tool()
    with pytest.raises(error):
        tool()
    tool.reset()
    assert tool() == "ok"


def test_reset_starts_the_retry_quota_anew():
    body = Script(BoomError)
    tool = guard(body, max_retries=100)
    for _ in range(2):
        with pytest.raises(BoomError):
            tool()
    assert body.runs == 36 + 1
    tool.reset()
    with pytest.raises(BoomError):
        tool()
    assert body.runs == 36 + 1 + 36


def test_an_isolated_breaker_stays_open_until_it_is_reset(clock):
    tool = guard(Script("ok"), circuit_breaker=CircuitBreakerConfig())
    tool.breaker.isolate()
    clock.advance(1_000_000)
    assert (tool.breaker.state, tool.breaker.retry_after) == ("isolated", math.inf)
    with pytest.raises(CircuitOpenError):
        tool()
    tool.breaker.reset()
    assert (tool.breaker.state, tool.breaker.retry_after) == ("closed", 0.0)
    assert tool() == "ok"


def test_the_breaker_says_when_it_will_let_a_call_through(clock):
    tool = guard(Script(BoomError), circuit_breaker=CircuitBreakerConfig(failure_threshold=1, recovery_timeout=60))
    with pytest.raises(BoomError):
        tool()
    assert (tool.breaker.state, tool.breaker.retry_after) == ("open", 60.0)
    clock.advance(60)
    assert (tool.breaker.state, tool.breaker.retry_after) == ("half_open", 0.0)


def test_a_tool_without_a_breaker_says_how_to_get_one():
    with pytest.raises(ConfigError, match="circuit_breaker=CircuitBreakerConfig"):
        _ = guard(Script("ok")).breaker


def test_the_breaker_of_a_bound_method_is_the_tools():
    class Holder:
        @guard(circuit_breaker=CircuitBreakerConfig())
        def tool(self):
            return 1

    Holder().tool.breaker.isolate()
    assert Holder.tool.breaker.state == "isolated"
