"""The guards that are measured, and proof that each of them really ran every call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from agentguard import (
    BudgetConfig,
    CircuitBreakerConfig,
    GuardConfig,
    LoopGuardConfig,
    RateLimitConfig,
    TimeoutConfig,
    guard,
)

_PLENTY = 10**9

EVERYTHING = GuardConfig(
    validate_input=True,
    validate_output=True,
    max_retries=3,
    timeout=30.0,
    budget=BudgetConfig(max_calls_per_session=_PLENTY, max_cost_per_session=1e9, cost_per_call=0.001),
    rate_limit=RateLimitConfig(calls_per_second=1e7, calls_per_minute=1e9, calls_per_hour=1e10, burst=_PLENTY),
    circuit_breaker=CircuitBreakerConfig(),
    concurrency=10,
    loop_guard=LoopGuardConfig(),
    output_limit=16_000,
    verify_response=True,
    before_call=lambda _call: None,
    after_call=lambda _call, _result: None,
)
"""Every layer that lives in memory, with limits that no call reaches."""

INLINE = EVERYTHING.merged({"timeout_config": TimeoutConfig(30.0, isolation="inline")})
"""The same for plain calls, whose time-out would otherwise run the body in a thread."""


class Counted:
    """Functions that count how often their bodies ran: a fast guard that loses calls is no guard."""

    def __init__(self) -> None:
        self.runs = 0

    def function(self, **options: Any) -> Any:
        """A guarded function."""

        @guard(**options)
        def echo(query: str, limit: int = 5) -> str:
            self.runs += 1
            return query

        return echo

    def coroutine(self, **options: Any) -> Any:
        """A guarded coroutine function."""

        @guard(**options)
        async def echo(query: str, limit: int = 5) -> str:
            self.runs += 1
            return query

        return echo

    def suspending(self, **options: Any) -> Any:
        """A guarded coroutine function that gives way to the event loop once, as one that waits for an answer does."""

        @guard(**options)
        async def echo(query: str, limit: int = 5) -> str:
            self.runs += 1
            await asyncio.sleep(0)
            return query

        return echo

    def generator(self, **options: Any) -> Any:
        """A guarded generator function that yields what it is given, and counts when it is through."""

        @guard(**options)
        def each(arguments: Sequence[str]) -> Iterator[str]:
            yield from arguments
            self.runs += len(arguments)

        return each

    def async_generator(self, **options: Any) -> Any:
        """A guarded async generator function that yields what it is given, and counts when it is through."""

        @guard(**options)
        async def each(arguments: Sequence[str]) -> AsyncIterator[str]:
            for argument in arguments:
                yield argument
            self.runs += len(arguments)

        return each


async def pass_on(call: Any, following: Any) -> Any:
    """An empty layer."""
    return await following(call)
