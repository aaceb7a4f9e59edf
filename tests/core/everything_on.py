"""A tool with every layer turned on, each of which waits somewhere."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from agentguard import (
    BudgetConfig,
    CircuitBreakerConfig,
    ConcurrencyConfig,
    GuardedTool,
    RateLimitConfig,
    RetryConfig,
    TimeoutConfig,
    guard,
)

SPACING = 10.0
"""Seconds between two calls that the rate limiter lets through."""


async def waiting_middleware(ctx, next):
    await asyncio.sleep(0.01)
    result = await next(ctx)
    await asyncio.sleep(0.01)
    return result


async def waiting_validator(call):
    await asyncio.sleep(0.01)


async def waiting_before(call):
    await asyncio.sleep(0.01)


async def waiting_after(call, result):
    await asyncio.sleep(0.01)


def everything(**changes: Any) -> dict[str, Any]:
    """Options for `guard` that turn every layer on: one body at a time, one call in ten seconds, two retries."""
    options: dict[str, Any] = {
        "validate_input": True,
        "validate_output": True,
        "custom_validators": [waiting_validator],
        "verify_response": True,
        "retry": RetryConfig(max_retries=2, initial_delay=1.0, jitter=False),
        "timeout_config": TimeoutConfig(5.0, total_seconds=1_000.0),
        "budget": BudgetConfig(max_calls_per_session=100, max_cost_per_session=100.0, cost_per_call=1.0),
        "rate_limit": RateLimitConfig(calls_per_second=1 / SPACING, max_wait=1_000.0),
        "circuit_breaker": CircuitBreakerConfig(failure_threshold=9, recovery_timeout=5.0),
        "concurrency": ConcurrencyConfig(1, max_wait=1_000.0),
        "loop_guard": True,
        "output_limit": 1_000,
        "before_call": waiting_before,
        "after_call": waiting_after,
        "middleware": [waiting_middleware],
    }
    return {**options, **changes}


class Tool:
    """A coroutine function that counts its bodies, fails as often as told, and takes its time."""

    def __init__(self, *, failures: int = 0, seconds: float = 1.0, **options: Any) -> None:
        self.bodies = 0
        self.failures = failures
        self.seconds = seconds
        self.guarded: GuardedTool[..., Any, Any] = guard(self._run, name="tool", **options)

    async def _run(self, text: str) -> str:
        self.bodies += 1
        number = self.bodies
        await asyncio.sleep(self.seconds)
        await asyncio.sleep(0)
        if number <= self.failures:
            raise OSError(f"failure {number}")
        return text.upper()


class Stream(Tool):
    """An async generator that counts its bodies, fails before its first item as often as told, and takes its time."""

    async def _run(self, text: str) -> AsyncGenerator[str, None]:  # type: ignore[override]
        self.bodies += 1
        if self.bodies <= self.failures:
            await asyncio.sleep(self.seconds)
            raise OSError(f"failure {self.bodies}")
        for letter in text:
            await asyncio.sleep(self.seconds)
            yield letter
        await asyncio.sleep(self.seconds)
