"""Passing all gates at once is the same as passing them one by one.

A budget that asks the user's own function has to be passed one by one. So two tools that differ in nothing but how they
say the same price go the two ways, and must agree after every step of a random schedule.
"""

import random
from collections.abc import Callable
from typing import Any

import pytest

from agentguard import (
    BudgetConfig,
    CircuitBreakerConfig,
    ConcurrencyConfig,
    GuardedTool,
    RateLimitConfig,
    ToolExecutionError,
    guard,
    session,
)
from agentguard.testing import FakeRuntime

PRICE = 0.25


class Pair:
    """Two tools with the same limits: one that says its price, one whose price must be asked for."""

    def __init__(self, seed: int) -> None:
        draw = random.Random(seed)
        options: dict[str, Any] = {}
        if draw.random() < 0.8:
            options["circuit_breaker"] = CircuitBreakerConfig(
                failure_threshold=draw.randint(1, 3),
                recovery_timeout=2.0,
                success_threshold=draw.randint(1, 2),
                failure_rate=draw.choice([None, 0.5]),
                min_calls=4,
            )
        if draw.random() < 0.8:
            options["rate_limit"] = RateLimitConfig(
                calls_per_second=draw.choice([None, 2.0]), calls_per_minute=6.0, calls_per_hour=9.0, burst=3
            )
        if draw.random() < 0.8:
            options["concurrency"] = ConcurrencyConfig(draw.randint(1, 3))
        limits: dict[str, Any] = {
            "max_calls_per_session": draw.choice([None, 5]),
            "max_cost_per_session": draw.choice([100.0, 1.6]),
        }
        self.alerts: tuple[list[float], list[float]] = ([], [])
        self.next_steps: list[Callable[[GuardedTool[..., Any, Any]], object]] = []
        by_price = BudgetConfig(cost_per_call=PRICE, on_alert=lambda _, spent: self.alerts[0].append(spent), **limits)
        by_asking = BudgetConfig(
            cost=lambda _call, _result: PRICE, on_alert=lambda _, spent: self.alerts[1].append(spent), **limits
        )
        self.tools = tuple(guard(budget=budget, **options)(self.body) for budget in (by_price, by_asking))

    def body(self, depth: int, fails: bool) -> str:
        if depth:
            self.called.append(outcome(lambda: self.current(depth - 1, fails)))
        if fails:
            raise ConnectionError
        return "done"

    def call(self, session_id: str | None, depth: int, fails: bool) -> list[object]:
        """What the call, the calls in its body, the counters and the alerts of each of the two come to."""
        found: list[object] = []
        for tool, alerts in zip(self.tools, self.alerts, strict=True):
            self.current, self.called = tool, []
            if session_id is None:
                result = outcome(lambda: self.current(depth, fails))
            else:
                with session(session_id=session_id):
                    result = outcome(lambda: self.current(depth, fails))
            found.append((result, self.called, tool.state(session_id), list(alerts)))
        return found


def outcome(call: Callable[[], object]) -> object:
    try:
        return call()
    except ToolExecutionError as error:
        return type(error), getattr(error, "retry_after", None), getattr(error, "spent", None)
    except ConnectionError as error:
        return type(error)


@pytest.mark.parametrize("seed", range(60))
def test_gates_passed_at_once_count_as_gates_passed_one_by_one(seed: int) -> None:
    pair, draw = Pair(seed), random.Random(-seed)
    with FakeRuntime() as clock:
        for _ in range(40):
            clock.advance(draw.choice([0.0, 0.1, 0.5, 2.0, 40.0, 1_000.0]))
            at_once, one_by_one = pair.call(
                draw.choice([None, "one", "two"]), depth=draw.choice([0, 0, 0, 1, 3]), fails=draw.random() < 0.3
            )
            assert at_once == one_by_one


class Interrupted(FakeRuntime):
    """A clock during whose reading Ctrl-C is pressed, once."""

    is_pressed = False

    def now(self) -> float:
        if self.is_pressed:
            self.is_pressed = False
            raise KeyboardInterrupt
        return super().now()


def test_an_interrupt_between_two_gates_gives_back_what_the_first_gave() -> None:
    tool = guard(lambda: "ran", concurrency=1, rate_limit=RateLimitConfig(calls_per_second=5))
    with Interrupted() as clock:
        clock.is_pressed = True
        with pytest.raises(KeyboardInterrupt):
            tool()
        assert tool.state()["running"] == 0
        assert tool() == "ran"


def test_a_session_that_cannot_be_counted_costs_neither_slot_nor_token() -> None:
    async def confuse(ctx, next):
        ctx.session_id = ["no", "hash"] if not ctx.args else None
        return await next(ctx)

    tool = guard(
        lambda *_: "ran",
        middleware=[confuse],
        concurrency=1,
        rate_limit=RateLimitConfig(calls_per_second=1),
        budget=BudgetConfig(max_calls_per_session=5),
    )
    with pytest.raises(TypeError):
        tool.call_sync()
    assert tool.state()["running"] == 0
    assert tool.call_sync("fine") == "ran"
