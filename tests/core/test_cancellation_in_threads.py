"""A blocking tool struck at any await of its `acall` leaves nothing behind but its thread, and that for as long as the
body takes."""

import asyncio
import itertools
import threading

import pytest

from agentguard import RateLimitConfig, RetryConfig, TimeoutConfig, guard, session
from tests.core.cancelling import cancel, cancel_with_the_result, struck_at, throw
from tests.core.everything_on import everything

pytestmark = pytest.mark.realtime

OPTIONS = {
    "retry": RetryConfig(max_retries=1, initial_delay=0.001, jitter=False),
    "rate_limit": RateLimitConfig(calls_per_second=500, max_wait=10.0),
    "custom_validators": [],
    "before_call": None,
    "after_call": None,
}


async def short_middleware(ctx, next):
    await asyncio.sleep(0)
    return await next(ctx)


class Blocking:
    """A blocking tool, as a function and as a generator."""

    def __init__(self, **options):
        self.bodies = 0
        self.pause = threading.Event()
        options = everything(middleware=[short_middleware], **OPTIONS, **options)
        self.function = guard(self._function, name="tool", **options)
        self.items = guard(self._items, name="tool", **options)

    def _function(self, text: str) -> str:
        self.bodies += 1
        self.pause.wait(0.004)
        if self.bodies == 1 and text == "tea":
            raise OSError("first")
        return text.upper()

    def _items(self, text: str):
        self.bodies += 1
        for letter in text:
            self.pause.wait(0.002)
            yield letter


async def until_nothing_hangs(tool):
    async with asyncio.timeout(10):
        while tool.state()["hung"]:
            await asyncio.sleep(0.001)


async def collect(tool, text):
    return [item async for item in await tool.acall(text)]


async def check(tool, work, fresh, strike, number):
    with session() as opened:
        struck = await struck_at(work, number, strike)
    state = tool.state(opened.session_id)
    assert (state["running"], state["waiting"]) == (0, 0)
    await until_nothing_hangs(tool)
    assert len(opened.entries()) == 1
    if struck.was_struck and struck.thrown is None:
        assert type(struck.error) is asyncio.CancelledError
    elif struck.was_struck and not isinstance(struck.thrown, Exception):
        assert struck.error is struck.thrown
    await fresh()
    assert tool.breaker.state == "closed"
    return struck.was_struck


STRIKES = {
    "cancel": cancel,
    "cancel with the result": cancel_with_the_result,
    "OSError": throw(lambda: OSError("struck")),
    "KeyboardInterrupt": throw(KeyboardInterrupt),
}


@pytest.fixture(params=STRIKES.values(), ids=STRIKES)
def strike(request):
    return request.param


@pytest.fixture(
    params=[TimeoutConfig(5.0), TimeoutConfig(5.0, grace_seconds=1.0), None], ids=["soft", "grace", "untimed"]
)
def timing(request):
    return request.param


def test_a_blocking_function_struck_anywhere_leaves_nothing_behind(strike, timing):
    async def main():
        for number in itertools.count():
            tool = Blocking(timeout_config=timing)
            fresh = lambda tool=tool: tool.function.acall("fresh")
            if not await check(tool.function, tool.function.acall("tea"), fresh, strike, number):
                return number
        raise AssertionError

    assert asyncio.run(main()) >= 3


def test_a_blocking_generator_struck_anywhere_leaves_nothing_behind(strike, timing):
    async def main():
        for number in itertools.count():
            tool = Blocking(timeout_config=timing)
            fresh = lambda tool=tool: collect(tool.items, "fresh")
            if not await check(tool.items, collect(tool.items, "tea"), fresh, strike, number):
                return number
        raise AssertionError

    assert asyncio.run(main()) >= 3
