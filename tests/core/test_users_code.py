"""The user's own code inside the guard: whatever it raises, wherever, nothing is left behind and nothing is hidden."""

import asyncio
import threading

import pytest

from agentguard import (
    BudgetConfig,
    CircuitBreakerConfig,
    ConcurrencyConfig,
    LoopGuardConfig,
    RateLimitConfig,
    RetryConfig,
    guard,
    session,
)
from agentguard.testing import run_virtual
from tests.core.ways_to_call import WAYS


@pytest.fixture(params=WAYS, ids=repr)
def way(request):
    return request.param


class Struck(Exception):  # noqa: N818 - an event of these tests
    """What the user's code raises."""


def strike(*_):
    raise Struck


def strike_after(ctx, next):
    async def passed_on():
        await next(ctx)
        raise Struck

    return passed_on()


async def strike_before_async(ctx, next):
    raise Struck


async def strike_after_async(ctx, next):
    await next(ctx)
    raise Struck


def cost_only_before(call, result):
    if result is None:
        raise Struck
    return 0.1


ABORTING = {
    "middleware before": ({"middleware": [strike]}, 0),
    "middleware after": ({"middleware": [strike_after]}, 1),
    "async middleware before": ({"middleware": [strike_before_async]}, 0),
    "async middleware after": ({"middleware": [strike_after_async]}, 1),
    "validator": ({"custom_validators": [strike]}, 0),
    "before_call": ({"before_call": strike}, 0),
    "retry_on_result": ({"retry": RetryConfig(max_retries=1, retry_on_result=strike)}, 1),
    "loop_key": ({"loop_guard": LoopGuardConfig(loop_key=strike)}, 0),
    "cost before": ({"budget": BudgetConfig(max_cost_per_session=5.0, cost=cost_only_before)}, 0),
}


@pytest.mark.parametrize(("options", "bodies"), ABORTING.values(), ids=ABORTING)
def test_an_error_in_the_user_s_own_code_reaches_the_caller_and_leaves_nothing_behind(way, options, bodies):
    ran = []
    options = {"concurrency": 1, "circuit_breaker": CircuitBreakerConfig(failure_threshold=1), **options}
    if "middleware" in way.options:
        options["middleware"] = [*way.options["middleware"], *options.get("middleware", [])]
    tool = way.tool(lambda: ran.append(1), **options)
    with session() as opened:
        for _ in range(2):
            with pytest.raises(Struck):
                way.call(tool)
    assert len(ran) == 2 * bodies
    assert (tool.state()["running"], tool.breaker.state) == (0, "closed")
    assert len(opened.entries()) == 2


def cost_only_after(call, result):
    return 0.1 if result is None else strike()


OBSERVING = {
    "after_call": {"after_call": strike},
    "on_alert": {
        "budget": BudgetConfig(max_cost_per_session=10.0, cost_per_call=9.0, on_alert=strike, on_exceed="warn"),
    },
    "cost after": {"budget": BudgetConfig(max_cost_per_session=5.0, cost=cost_only_after)},
}


@pytest.mark.parametrize("options", OBSERVING.values(), ids=OBSERVING)
def test_an_observer_that_fails_changes_nothing(way, options):
    tool = way.tool(lambda: "fine", concurrency=1, **options)
    assert (way.call(tool), way.call(tool)) == ("fine", "fine")
    assert tool.state()["running"] == 0


def test_a_base_exception_of_an_observer_gives_the_slot_back(way):
    def leave(*_):
        raise KeyboardInterrupt

    tool = way.tool(lambda: "fine", concurrency=1, after_call=leave)
    with pytest.raises(KeyboardInterrupt):
        way.call(tool)
    assert tool.state()["running"] == 0


def test_a_base_exception_of_a_cost_gives_the_slot_back(way):
    def cost(call, result):
        if result is not None:
            raise KeyboardInterrupt
        return 0.1

    tool = way.tool(lambda: "fine", concurrency=1, budget=BudgetConfig(max_cost_per_session=5.0, cost=cost))
    with pytest.raises(KeyboardInterrupt):
        way.call(tool)
    assert tool.state()["running"] == 0


def test_the_user_s_code_never_runs_while_the_counters_are_locked():
    def look(*_):
        # From another thread, because a lock that the same thread holds may let it in again.
        reader = threading.Thread(target=tool.state)
        reader.start()
        reader.join(10.0)
        assert not reader.is_alive()
        return 0.1

    async def body():
        await asyncio.sleep(1.0)

    tool = guard(
        body,
        concurrency=ConcurrencyConfig(1, max_wait=100.0),
        rate_limit=RateLimitConfig(calls_per_second=0.5, max_wait=100.0),
        budget=BudgetConfig(max_cost_per_session=50.0, cost=look, on_alert=look, alert_threshold=0.01),
        before_call=look,
        after_call=look,
        loop_guard=LoopGuardConfig(
            loop_key=look, poll=False, block_after=100, halt_after=200, ask_after=90, warn_after=80
        ),
        custom_validators=[look],
    )

    async def main():
        await asyncio.gather(*(tool() for _ in range(4)))

    run_virtual(main())
    assert tool.state()["calls"] == 4
