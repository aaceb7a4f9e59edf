"""Middleware that takes liberties with `next`: calls it twice, at once, or not at all."""

import asyncio

import pytest

from agentguard import (
    BudgetConfig,
    CircuitBreakerConfig,
    ConcurrencyConfig,
    GuardConfig,
    RateLimitConfig,
    RetryConfig,
    guard,
)
from agentguard.errors import BudgetExceededError, CircuitOpenError, ConcurrencyLimitError
from agentguard.middleware import MiddlewarePipeline
from agentguard.testing import run_virtual
from tests.core.ways_to_call import WAYS


@pytest.fixture(params=WAYS, ids=repr)
def way(request):
    return request.param


async def twice(ctx, next):
    try:
        return await next(ctx)
    except OSError:
        return await next(ctx)


def test_a_second_run_that_is_refused_spends_nothing():
    """A user's own retry: the first run failed in its body, the second never gets that far."""
    bodies = []

    @guard(
        middleware=[twice],
        circuit_breaker=CircuitBreakerConfig(failure_threshold=1),
        budget=BudgetConfig(max_calls_per_session=10, max_cost_per_session=10.0, cost_per_call=1.0),
    )
    async def tool():
        bodies.append(1)
        raise OSError("down")

    with pytest.raises(CircuitOpenError):
        asyncio.run(tool())
    assert (len(bodies), tool.state()["calls"], tool.state()["spent"]) == (1, 1, 1.0)


def test_a_second_run_that_is_cancelled_in_its_queue_spends_nothing():
    @guard(
        middleware=[twice],
        rate_limit=RateLimitConfig(calls_per_second=0.1, max_wait=100.0),
        budget=BudgetConfig(max_calls_per_session=10),
    )
    async def tool():
        raise OSError("down")

    async def main():
        task = asyncio.create_task(tool())
        await asyncio.sleep(1.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return tool.state()

    state = run_virtual(main())
    assert (state["calls"], state["rate_limit_wait"]) == (1, 9.0)


def test_a_second_run_whose_before_hook_refuses_is_neutral_to_the_breaker():
    runs = []

    def only_once(call):
        runs.append(1)
        if len(runs) > 1:
            raise PermissionError

    @guard(middleware=[twice], before_call=only_once, circuit_breaker=CircuitBreakerConfig(failure_threshold=2))
    async def tool():
        raise OSError("down")

    with pytest.raises(PermissionError):
        asyncio.run(tool())
    assert tool.breaker.state == "closed"


def test_a_second_run_that_is_cancelled_while_it_waits_for_a_slot_spends_nothing():
    @guard(
        middleware=[twice],
        concurrency=ConcurrencyConfig(1, max_wait=100.0),
        budget=BudgetConfig(max_calls_per_session=10),
    )
    async def tool(fails):
        await asyncio.sleep(1.0)
        if fails:
            raise OSError("down")

    async def main():
        task = asyncio.create_task(tool(True))
        await asyncio.sleep(0.5)
        other = asyncio.create_task(tool(False))  # gets the slot after the first run
        await asyncio.sleep(1.0)
        assert tool.state()["waiting"] == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await other
        return tool.state()

    state = run_virtual(main())
    assert (state["calls"], state["running"], state["waiting"]) == (2, 0, 0)


async def racing(ctx, next):
    """Hedging: two runs at once, the first result wins."""
    tasks = [asyncio.ensure_future(next(ctx)), asyncio.ensure_future(next(ctx))]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    return next_result(done)


def next_result(done):
    return done.pop().result()


def test_two_runs_of_one_call_at_once_leave_nothing_behind():
    seconds = iter([5.0, 1.0])

    @guard(middleware=[racing], concurrency=2, timeout=10.0, budget=BudgetConfig(max_calls_per_session=10))
    async def tool():
        await asyncio.sleep(next(seconds))
        return "done"

    assert run_virtual(tool()) == "done"
    assert (tool.state()["running"], tool.state()["calls"]) == (0, 2)


def test_a_middleware_that_never_calls_next_answers_in_the_tool_s_place(way):
    ran = []
    options = {"middleware": [*way.options.get("middleware", []), lambda ctx, next: "instead"], "concurrency": 1}
    tool = way.tool(lambda: ran.append(1), **options)
    assert (way.call(tool), ran, tool.state()["running"]) == ("instead", [], 0)


def test_a_middleware_that_drops_next_s_coroutine_says_so_as_python_does():
    def careless(ctx, next):
        next(ctx).close()
        return "instead"

    assert guard(lambda: "never", name="tool", middleware=[careless], concurrency=1)() == "instead"


def test_a_nested_tool_s_refusal_is_a_failure_of_the_outer_one(way):
    inner = guard(lambda: None, name="inner", circuit_breaker=CircuitBreakerConfig())
    inner.breaker.isolate()
    tool = way.tool(lambda: inner(), circuit_breaker=CircuitBreakerConfig(failure_threshold=1))
    with pytest.raises(CircuitOpenError, match="inner"):
        way.call(tool)
    assert tool.breaker.state == "open"


@pytest.mark.parametrize("way", [way for way in WAYS if not way.is_async], ids=repr)
def test_a_tool_may_call_itself_up_to_its_own_limits(way):
    tool = way.tool(lambda: tool(), concurrency=3)
    with pytest.raises(ConcurrencyLimitError):
        way.call(tool)
    assert tool.state()["running"] == 0


def test_a_call_that_ran_once_is_paid_for_although_its_second_attempt_never_began():
    """With the budget outside of the retries, it judges the call and not the attempt."""
    bodies = []

    async def body(fails):
        bodies.append(1)
        await asyncio.sleep(1.0)
        if fails:
            raise OSError("down")

    config = GuardConfig(
        budget=BudgetConfig(max_calls_per_session=2),
        retry=RetryConfig(max_retries=1, initial_delay=1.0, jitter=False),
        concurrency=ConcurrencyConfig(1, max_wait=100.0),
    )
    pipeline = MiddlewarePipeline(config, order=("Budget", "Retry", "Concurrency"))

    async def main():
        task = asyncio.create_task(pipeline.execute(body, (True,)))
        await asyncio.sleep(1.5)
        other = asyncio.create_task(pipeline.execute(body, (False,)))  # has the slot when the second attempt wants it
        await asyncio.sleep(0.8)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await other
        with pytest.raises(BudgetExceededError):
            await pipeline.execute(body, (False,))

    run_virtual(main())
    assert len(bodies) == 2
