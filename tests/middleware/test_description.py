"""What a tool is, for programs."""

import json
import re
from pathlib import Path

from agentguard import (
    BudgetConfig,
    CircuitBreakerConfig,
    RateLimitConfig,
    ResponseProfile,
    RetryConfig,
    TimeoutConfig,
    guard,
)
from agentguard.middleware import GuardMiddleware


def price(call):
    return 0.1


def stamp(call, next):
    return next(call)


class Mine(GuardMiddleware):
    async def __call__(self, call, next):
        return await next(call)


def search(query: str) -> str:
    return query


def everything():
    return guard(
        search,
        validate_input=True,
        custom_validators=[price],
        retry=RetryConfig(max_retries=2, retryable_exceptions=(ConnectionError,)),
        timeout_config=TimeoutConfig(timeout_seconds=1, total_seconds=9),
        circuit_breaker=CircuitBreakerConfig(),
        rate_limit=RateLimitConfig(calls_per_second=2),
        budget=BudgetConfig(cost=price, max_cost_per_session=1),
        concurrency=3,
        loop_guard=True,
        response_profile=ResponseProfile(patterns=(re.compile("^ok"),)),
        output_limit=100,
        before_call=price,
        middleware=[Mine(), stamp],
        redact=[re.compile("secret-.*")],
        trace_dir=Path("elsewhere"),
        on_refusal="result",
    )


def described(tool):
    return {stage.name: stage for stage in tool.describe()}


def test_every_stage_of_explain_is_described_in_the_same_order():
    tool = everything()
    explained = [line.partition("(")[0] for line in tool.explain().splitlines()[:-1]]
    assert [stage.name for stage in tool.describe()] == explained


def test_a_description_is_plain_values():
    rows = [stage.as_row() for stage in everything().describe()]
    assert json.loads(json.dumps(rows)) == rows
    assert " object at 0x" not in json.dumps(rows)


def test_settings_that_are_not_the_default_are_named():
    stages = described(everything())
    assert stages["Retry"].changed == {"max_retries", "retryable_exceptions"}
    assert stages["Retry"].settings["retryable_exceptions"] == ["ConnectionError"]
    assert stages["Timeout"].changed == {"timeout_seconds", "total_seconds"}
    assert stages["Validation"].changed == {"validate_input", "custom_validators"}
    assert stages["CallSpan"].settings["trace_dir"] == "elsewhere"
    assert stages["Deadline"].settings == {"total_seconds": 9}
    assert stages["Refusal"].settings["on_refusal"] == "result"
    assert stages["Hook"].settings["before_call"] == f"{__name__}.price"


def test_stages_that_decide_together_are_told_apart():
    (admission,) = [stage for stage in everything().describe() if stage.parts]
    assert [part.name for part in admission.parts] == ["CircuitBreaker", "RateLimiter", "Budget", "Concurrency"]
    assert admission.parts[0].changed == frozenset()
    assert admission.parts[3].settings["max_concurrent"] == 3


def test_own_middleware_says_where_it_was_defined():
    stages = described(everything())
    assert stages["Mine"].is_own
    assert stages["Mine"].settings == {"defined_in": f"{__name__}.Mine"}
    assert stages["stamp"].settings == {"defined_in": f"{__name__}.stamp"}
