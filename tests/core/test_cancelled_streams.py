"""A stream struck at any suspension, of its own or of its consumer, gives back what it holds and is recorded once."""

import asyncio
import gc
from contextlib import aclosing

import pytest

from agentguard import CallStatus, CircuitBreakerConfig, TimeoutConfig, session
from agentguard.errors import CallTimedOutError
from tests.core.cancelling import cancel, cancel_with_the_result, strike_everywhere, throw
from tests.core.everything_on import Stream, everything


async def closed_by_its_consumer(stream):
    items = []
    async with aclosing(stream):
        async for item in stream:
            items.append(item)
            await asyncio.sleep(0.01)
    return items


async def dropped_by_its_consumer(stream):
    items = []
    async for item in stream:
        items.append(item)
        await asyncio.sleep(0.01)
    return items


async def alone(strike, consume, **options):
    tool = Stream(seconds=1.0, failures=1, **everything(**options))
    tool.failures = 1
    await check(tool, strike, consume)


async def queueing(strike, consume, **options):
    tool = Stream(seconds=1.0, **everything(rate_limit=None, **options))
    holder = asyncio.ensure_future(closed_by_its_consumer(tool.guarded("ab")))
    await asyncio.sleep(1.5)
    tool.bodies = 0
    await check(tool, strike, consume)
    assert await holder == ["a", "b"]


async def probing(strike, consume, **options):
    options = {
        "retry": None,
        "circuit_breaker": CircuitBreakerConfig(failure_threshold=1, recovery_timeout=60),
        **options,
    }
    tool = Stream(failures=1, **everything(rate_limit=None, **options))
    with pytest.raises(OSError, match="failure 1"):
        await closed_by_its_consumer(tool.guarded("ab"))
    await asyncio.sleep(60.0)
    tool.bodies, tool.failures = 0, 0
    await check(tool, strike, consume)


async def check(tool, strike, consume):
    guarded = tool.guarded
    with session() as opened:
        struck = await strike(consume(guarded("tea")))
    struck_without_traceback = type(struck.error)
    if struck.error is not None:
        struck.error.__traceback__ = None  # whose frames keep a dropped generator alive
    gc.collect()
    await asyncio.sleep(1.0)

    if not struck.was_struck:
        assert struck.value == ["t", "e", "a"]
    elif struck.thrown is None:
        assert struck_without_traceback is asyncio.CancelledError
    state = guarded.state(opened.session_id)
    assert (state["waiting"], state["hung"], state["calls"]) == (0, 0, tool.bodies)
    assert len(opened.entries()) == 1
    status = opened.entries()[0].result.status
    if not struck.was_struck:
        assert status is CallStatus.SUCCESS
    elif struck.thrown is None:
        assert status in {CallStatus.CANCELLED, CallStatus.STOPPED_EARLY}
    tool.seconds, tool.failures = 0.1, 0
    if struck.thrown is not None and guarded.breaker.state == "open":
        await asyncio.sleep(guarded.breaker.retry_after)
    assert await closed_by_its_consumer(guarded("ab")) == ["a", "b"]
    state = guarded.state()
    assert (state["running"], state["waiting"], state["hung"]) == (0, 0, 0)
    assert guarded.breaker.state == "closed"


pytestmark = pytest.mark.usefixtures("small_heap")

STRIKES = {
    "cancel": cancel,
    "cancel with the result": cancel_with_the_result,
    "OSError": throw(lambda: OSError("struck")),
    "KeyboardInterrupt": throw(KeyboardInterrupt),
}


@pytest.fixture(params=STRIKES.values(), ids=STRIKES)
def strike(request):
    return request.param


@pytest.fixture(params=[closed_by_its_consumer, dropped_by_its_consumer])
def consume(request):
    return request.param


@pytest.mark.parametrize("options", [{}, {"timeout_config": None}], ids=["timed", "untimed"])
@pytest.mark.parametrize("scenario", [alone, queueing, probing])
def test_a_stream_struck_anywhere_leaves_nothing_behind(scenario, options, strike, consume):
    suspensions = strike_everywhere(lambda striker: scenario(striker, consume, **options), strike)
    assert suspensions >= 6


def test_a_stream_struck_while_a_step_times_out_leaves_nothing_behind(strike, consume):
    async def scenario(striker):
        tool = Stream(seconds=3.0, **everything(rate_limit=None, retry=None, timeout_config=TimeoutConfig(0.5)))
        tool.failures = 0
        with session() as opened:
            struck = await striker(consume(tool.guarded("tea")))
        assert struck.value is None
        assert struck.was_struck or type(struck.error) is CallTimedOutError
        assert len(opened.entries()) == 1
        tool.seconds = 0.1
        assert await closed_by_its_consumer(tool.guarded("ab")) == ["a", "b"]
        assert tool.guarded.state()["running"] == 0

    assert strike_everywhere(scenario, strike) >= 3
