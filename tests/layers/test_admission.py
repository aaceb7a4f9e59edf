"""Neighbouring gates decide together, all or nothing, whichever of them says no."""

import asyncio

import pytest

from agentguard import (
    BudgetConfig,
    BudgetExceededError,
    CircuitBreakerConfig,
    CircuitOpenError,
    ConcurrencyConfig,
    ConcurrencyLimitError,
    GuardConfig,
    MiddlewarePipeline,
    RateLimitConfig,
    RateLimitedError,
    guard,
)
from agentguard.middleware import (
    AdmissionMiddleware,
    BudgetMiddleware,
    CircuitBreakerMiddleware,
    ConcurrencyMiddleware,
    RateLimiterMiddleware,
)
from agentguard.testing import FakeRuntime, run_virtual
from tests.layers.bodies import BoomError, Crowd, Script, cancelled, outcomes, started

BREAKER = CircuitBreakerConfig(failure_threshold=1, recovery_timeout=60)


def test_neighbours_are_one_stage():
    tool = guard(Script("ok"), circuit_breaker=BREAKER, budget=BudgetConfig(max_calls_per_session=1), concurrency=1)
    stages = [line.partition("(")[0] for line in tool.explain().splitlines()]
    assert stages.count("Admission") == 1
    assert {"CircuitBreaker", "Budget", "Concurrency"} & set(stages) == set()


def test_a_stage_alone_keeps_its_name():
    assert "Budget(" in guard(Script("ok"), budget=BudgetConfig(max_calls_per_session=1)).explain()


@pytest.mark.parametrize(
    ("later", "error"),
    [
        ({"rate_limit": RateLimitConfig(calls_per_hour=1)}, RateLimitedError),
        ({"budget": BudgetConfig(max_calls_per_session=1)}, BudgetExceededError),
    ],
    ids=["rate limiter", "budget"],
)
def test_a_refused_probe_gives_its_half_open_permit_back(later, error, clock: FakeRuntime):
    tool = guard(Script(BoomError, "ok"), circuit_breaker=BREAKER, **later)
    with pytest.raises(BoomError):
        tool()
    clock.advance(60)
    for _ in range(2):
        with pytest.raises(error):
            tool()
    assert tool.breaker.state == "half_open"
    assert tool.breaker.retry_after == 0.0


def test_an_open_circuit_takes_no_token_and_no_money(clock: FakeRuntime):
    tool = guard(
        Script(BoomError, "ok"),
        circuit_breaker=BREAKER,
        rate_limit=RateLimitConfig(calls_per_hour=2, burst=2),
        budget=BudgetConfig(max_calls_per_session=2),
    )
    with pytest.raises(BoomError):
        tool()
    for _ in range(10):
        with pytest.raises(CircuitOpenError):
            tool()
    clock.advance(60)
    assert tool() == "ok"


def test_a_spent_budget_takes_no_token(clock: FakeRuntime):
    cost = {"next": 9.0}
    tool = guard(
        Script("ok"),
        rate_limit=RateLimitConfig(calls_per_hour=1),
        budget=BudgetConfig(max_cost_per_call=1.0, cost=lambda call, result: cost["next"]),
    )
    with pytest.raises(BudgetExceededError):
        tool()
    cost["next"] = 0.5
    assert tool() == "ok"


def test_a_full_house_takes_no_token_and_no_money():
    tool = guard(
        Crowd(seconds=10),
        rate_limit=RateLimitConfig(calls_per_hour=2, burst=2),
        budget=BudgetConfig(max_calls_per_session=2),
        concurrency=1,
    )

    async def main():
        first = await started(tool())
        for _ in range(5):
            with pytest.raises(ConcurrencyLimitError):
                await tool()
        await first
        await tool()

    run_virtual(main())


def test_a_call_cancelled_while_it_queues_gives_everything_back():
    tool = guard(
        Crowd(seconds=10),
        circuit_breaker=BREAKER,
        rate_limit=RateLimitConfig(calls_per_hour=2, burst=2),
        budget=BudgetConfig(max_calls_per_session=2),
        concurrency=ConcurrencyConfig(1, max_wait=60),
    )

    async def main():
        first = await started(tool())
        for _ in range(5):
            assert await cancelled(await started(tool()))
        await first
        await tool()

    run_virtual(main())
    assert tool.state()["calls"] == 2


def test_a_probe_cancelled_while_it_queues_gives_its_permit_back():
    crowd = Crowd(error=BoomError())
    tool = guard(crowd, circuit_breaker=BREAKER, rate_limit=RateLimitConfig(calls_per_minute=0.5, max_wait=600))

    async def main():
        with pytest.raises(BoomError):
            await tool()
        await asyncio.sleep(60)
        crowd.error = None
        assert await cancelled(await started(tool()))
        assert await tool("probe") == "probe"

    run_virtual(main())
    assert tool.breaker.state == "closed"


def test_a_probes_lease_counts_from_the_end_of_the_queue():
    crowd = Crowd(error=BoomError())
    tool = guard(crowd, circuit_breaker=BREAKER, rate_limit=RateLimitConfig(calls_per_hour=10, max_wait=600))

    async def main():
        with pytest.raises(BoomError):
            await tool()
        await asyncio.sleep(60)
        crowd.error, crowd.seconds = None, 30
        probe = await started(tool(), 320)
        with pytest.raises(CircuitOpenError):
            await tool()
        await probe

    run_virtual(main())
    assert crowd.runs == 2
    assert tool.breaker.state == "closed"


def test_a_budget_behind_a_queue_is_asked_when_the_queue_is_over():
    tool = guard(
        Crowd(),
        rate_limit=RateLimitConfig(calls_per_second=1, max_wait=60),
        budget=BudgetConfig(max_calls_per_session=2),
    )

    async def main():
        return await outcomes(tool(n) for n in range(4))

    results = run_virtual(main())
    assert results[:2] == [0, 1]
    assert [type(result) for result in results[2:]] == [BudgetExceededError] * 2


def test_a_budget_that_only_warns_warns_behind_a_queue_too(caplog):
    tool = guard(
        Crowd(),
        rate_limit=RateLimitConfig(calls_per_second=1, max_wait=60),
        budget=BudgetConfig(max_calls_per_session=1, on_exceed="warn"),
    )

    async def main():
        return await outcomes(tool(n) for n in range(3))

    assert run_virtual(main()) == [0, 1, 2]
    assert caplog.text.count("is exceeded") == 2


def test_the_users_cost_function_may_call_another_guarded_tool_while_the_call_queues(clock: FakeRuntime):
    price = guard(lambda: 0.1, budget=BudgetConfig(max_calls_per_session=100))
    tool = guard(
        Script("ok"),
        rate_limit=RateLimitConfig(calls_per_second=1, max_wait=60),
        budget=BudgetConfig(max_cost_per_session=10, cost=lambda call, result: price()),
    )
    assert [tool() for _ in range(3)] == ["ok"] * 3


def test_the_gates_work_alone_as_middleware_of_a_pipeline(clock: FakeRuntime):
    one = {
        CircuitBreakerMiddleware(BREAKER): None,
        RateLimiterMiddleware(RateLimitConfig(calls_per_hour=1)): RateLimitedError,
        BudgetMiddleware(BudgetConfig(max_calls_per_session=1)): BudgetExceededError,
        ConcurrencyMiddleware(ConcurrencyConfig(1)): None,
    }
    for middleware, error in one.items():
        pipeline = MiddlewarePipeline(GuardConfig(), extra_middleware=[middleware])
        asyncio.run(pipeline.execute(Script("ok")))
        if error is not None:
            with pytest.raises(error):
                asyncio.run(pipeline.execute(Script("ok")))


def test_gates_may_be_joined_by_hand(clock: FakeRuntime):
    joined = AdmissionMiddleware(
        RateLimiterMiddleware(RateLimitConfig(calls_per_hour=1)),
        BudgetMiddleware(BudgetConfig(max_calls_per_session=5)),
    )
    tool = guard(Script("ok"), middleware=[joined])
    tool()
    with pytest.raises(RateLimitedError):
        tool()


def test_waiting_at_two_queues_keeps_the_order():
    crowd = Crowd(seconds=3)
    tool = guard(
        crowd,
        rate_limit=RateLimitConfig(calls_per_second=2, max_wait=600),
        concurrency=ConcurrencyConfig(2, max_wait=600),
    )
    run_virtual(outcomes(tool(n) for n in range(12)))
    assert crowd.order == list(range(12))
    assert crowd.most == 2


@pytest.mark.parametrize("queues", [False, True])
def test_a_cost_function_that_raises_before_the_call_leaves_nothing_held(queues, clock: FakeRuntime):
    body, costs = Script("ok"), Script(0.1, BoomError, 0.1)
    tool = guard(
        body,
        rate_limit=RateLimitConfig(calls_per_second=1, max_wait=60) if queues else None,
        budget=BudgetConfig(max_cost_per_session=10, cost=lambda call, result: costs() if result is None else None),
        concurrency=1,
    )
    tool()
    with pytest.raises(BoomError):
        tool()
    assert tool() == "ok"
    assert body.runs == 2
    assert tool.state()["running"] == 0


def test_an_alert_and_a_waiting_call_are_both_told_when_a_body_ends():
    alerts = []
    tool = guard(
        Crowd(),
        budget=BudgetConfig(
            max_cost_per_session=2,
            cost_per_call=1,
            alert_threshold=0.5,
            on_alert=lambda call, spent: alerts.append(spent),
        ),
        concurrency=ConcurrencyConfig(1, max_wait=60),
        circuit_breaker=BREAKER,
    )

    async def main():
        return await outcomes(tool(n) for n in range(2))

    assert run_virtual(main()) == [0, 1]
    assert alerts == [1.0]


def test_a_call_that_is_warned_about_and_then_queues_is_warned_about_once(caplog):
    tool = guard(
        Crowd(),
        budget=BudgetConfig(max_calls_per_session=1, on_exceed="warn"),
        concurrency=ConcurrencyConfig(1, max_wait=60),
    )

    async def main():
        return await outcomes(tool(n) for n in range(2))

    assert run_virtual(main()) == [0, 1]
    assert caplog.text.count("is exceeded") == 1
