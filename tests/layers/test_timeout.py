"""How long an attempt of an async tool may take. Time is virtual."""

import asyncio

import pytest

from agentguard import (
    CallStatus,
    CallTimedOutError,
    ConcurrencyLimitError,
    Refusal,
    RetryConfig,
    TimeoutConfig,
    guard,
    session,
)
from agentguard.testing import run_virtual
from tests.layers.bodies import BoomError, Crowd, Script, cancelled, elapsed, outcomes, started

SOFT = TimeoutConfig(1)
WITH_GRACE = TimeoutConfig(1, grace_seconds=3)
BOTH = pytest.mark.parametrize("config", [SOFT, WITH_GRACE], ids=["soft", "with grace"])


async def stubborn(seconds=5.0):
    """Swallows its first cancellation and goes on."""
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        await asyncio.sleep(seconds)
    return "late"


@BOTH
def test_a_body_that_takes_too_long_is_cancelled(config):
    crowd = Crowd(seconds=10)
    with pytest.raises(CallTimedOutError) as caught:
        run_virtual(guard(crowd, timeout_config=config)())
    assert caught.value.timeout_seconds == 1
    assert not caught.value.may_still_run
    assert crowd.running == 0


@BOTH
def test_the_caller_is_released_at_the_time_out(config):
    assert run_virtual(elapsed(guard(Crowd(seconds=10), timeout_config=config)())) == pytest.approx(1.0)


@BOTH
def test_a_body_that_ends_in_time_is_not_touched(config):
    assert run_virtual(guard(Crowd(seconds=0.9), timeout_config=config)("in time")) == "in time"


@BOTH
def test_a_body_that_never_waits_is_not_touched(config):
    async def body():
        return "at once"

    assert run_virtual(guard(body, timeout_config=config)()) == "at once"


@BOTH
def test_it_is_a_time_out_for_those_who_catch_any(config):
    with pytest.raises(TimeoutError):
        run_virtual(guard(Crowd(seconds=10), timeout_config=config)())


@BOTH
def test_the_tools_own_error_passes_unchanged(config):
    error = BoomError("mine")
    with pytest.raises(BoomError) as caught:
        run_virtual(guard(Crowd(seconds=0.5, error=error), timeout_config=config)())
    assert caught.value is error


@BOTH
def test_the_tools_own_time_out_passes_unchanged(config):
    error = TimeoutError("mine")
    with pytest.raises(TimeoutError) as caught:
        run_virtual(guard(Crowd(seconds=0.5, error=error), timeout_config=config)())
    assert caught.value is error


@BOTH
def test_a_time_out_that_the_tool_sets_itself_stays_its_own(config):
    async def body():
        async with asyncio.timeout(0.5):
            await asyncio.sleep(10)

    with pytest.raises(TimeoutError) as caught:
        run_virtual(guard(body, timeout_config=config)())
    assert not isinstance(caught.value, CallTimedOutError)


def test_a_swallowed_cancellation_is_still_a_time_out():
    async def main():
        call = guard(stubborn, timeout_config=SOFT)
        with pytest.raises(CallTimedOutError):
            await call()

    assert run_virtual(elapsed(main())) == pytest.approx(6.0)


def test_with_grace_the_caller_does_not_wait_for_a_body_that_swallows_its_cancellation():
    tool = guard(stubborn, timeout_config=WITH_GRACE)

    async def main():
        with pytest.raises(CallTimedOutError) as caught:
            await tool()
        assert caught.value.may_still_run
        assert tool.state()["hung"] == 1
        await asyncio.sleep(10)
        assert tool.state()["hung"] == 0

    run_virtual(main())


def test_with_grace_the_caller_is_released_when_the_grace_ends():
    assert run_virtual(elapsed(guard(stubborn, timeout_config=WITH_GRACE)())) == pytest.approx(4.0)


def test_a_clean_up_within_the_grace_is_awaited():
    tool = guard(stubborn, timeout_config=WITH_GRACE)
    with pytest.raises(CallTimedOutError) as caught:
        run_virtual(tool(seconds=2.0))
    assert not caught.value.may_still_run


def test_the_error_of_an_abandoned_body_is_nobodys_news():
    async def body():
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            await asyncio.sleep(10)
            raise BoomError from None

    async def main():
        complaints = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
        with pytest.raises(CallTimedOutError):
            await guard(body, timeout_config=WITH_GRACE)()
        await asyncio.sleep(30)
        return complaints

    assert run_virtual(main()) == []


@BOTH
def test_the_callers_cancellation_is_no_time_out(config):
    async def main():
        return await cancelled(await started(guard(Crowd(seconds=10), timeout_config=config)()))

    assert run_virtual(main())


@BOTH
def test_the_callers_cancellation_in_the_very_tick_of_the_time_out_wins(config):
    tool = guard(Crowd(seconds=10), timeout_config=config)

    async def main():
        task = asyncio.ensure_future(tool())
        asyncio.get_running_loop().call_later(1.0, task.cancel)
        await asyncio.wait({task})
        assert task.cancelled() or isinstance(task.exception(), CallTimedOutError)
        assert tool.fn.running == 0

    run_virtual(main())


def test_cancelling_the_caller_cancels_a_body_with_grace():
    crowd = Crowd(seconds=100)
    tool = guard(crowd, timeout_config=TimeoutConfig(50, grace_seconds=1))

    async def main():
        assert await cancelled(await started(tool()))

    run_virtual(main())
    assert crowd.running == 0


@BOTH
def test_each_attempt_has_the_full_time(config):
    crowd = Crowd(seconds=10)
    tool = guard(crowd, timeout_config=config, retry=RetryConfig(2, initial_delay=0))
    assert run_virtual(elapsed(tool())) == pytest.approx(3.0)
    assert crowd.runs == 3


@BOTH
def test_one_time_out_does_not_leak_into_the_next_call(config):
    tool = guard(Crowd(seconds=10), timeout_config=config)

    async def main():
        for _ in range(2):
            with pytest.raises(CallTimedOutError):
                await tool()
        assert asyncio.current_task().cancelling() == 0
        await asyncio.sleep(5)

    run_virtual(main())


def test_max_abandoned_bodies_may_hang():
    config = TimeoutConfig(1, grace_seconds=0, max_abandoned=2)
    tool = guard(stubborn, timeout_config=config)

    async def main():
        for _ in range(2):
            with pytest.raises(CallTimedOutError):
                await tool(seconds=100)
        with pytest.raises(ConcurrencyLimitError) as caught:
            await tool()
        assert caught.value.limit == 2
        await asyncio.sleep(100)
        with pytest.raises(CallTimedOutError):
            await tool(seconds=0)

    run_virtual(main())


def test_a_time_out_is_a_value_where_that_is_asked_for():
    tool = guard(Crowd(seconds=10), name="slow", timeout_config=TimeoutConfig(1, on_timeout="result"))
    refusal = run_virtual(tool())
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.tool, refusal.retryable) == ("timeout", "slow", True)


def test_a_nested_tools_time_out_is_not_the_outer_ones_value():
    inner = guard(Crowd(seconds=10), timeout=1, name="inner")

    async def body():
        return await inner()

    outer = guard(body, timeout_config=TimeoutConfig(60, on_timeout="result"))
    with pytest.raises(CallTimedOutError) as caught:
        run_virtual(outer())
    assert caught.value.tool_name == "inner"


@BOTH
def test_a_time_out_is_recorded_as_one(config):
    tool = guard(Crowd(seconds=10), timeout_config=config)
    with session() as recorded, pytest.raises(CallTimedOutError):
        run_virtual(tool())
    [entry] = recorded.entries()
    assert entry.result.status is CallStatus.TIMEOUT


@BOTH
def test_a_thousand_calls_time_out_together(config):
    tool = guard(Crowd(seconds=10), timeout_config=config)
    results = run_virtual(outcomes(tool() for _ in range(1_000)))
    assert all(isinstance(result, CallTimedOutError) for result in results)


def test_a_failure_in_the_clean_up_is_the_reason_of_the_time_out():
    async def body():
        try:
            await asyncio.sleep(10)
        finally:
            Script(BoomError("in the clean-up"))()

    with pytest.raises(CallTimedOutError) as caught:
        run_virtual(guard(body, timeout_config=SOFT)())
    assert isinstance(caught.value.__cause__, BoomError)
