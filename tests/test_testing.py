"""`agentguard.testing`: time that passes at once, and a world left as it was found."""

import asyncio
import time

import pytest

from agentguard import CircuitBreakerConfig, RateLimitConfig, RetryConfig, TimeoutConfig, guard
from agentguard.core.runtime import LOOP, THREAD
from agentguard.errors import CallTimedOutError, CircuitOpenError, RateLimitedError
from agentguard.testing import FakeRuntime, VirtualLoop, run_virtual, virtual_time
from tests.core.ways_to_call import WAYS


def clocks():
    return LOOP.now, LOOP.sleep, THREAD.now, THREAD.sleep


@pytest.fixture(autouse=True)
def _the_world_is_left_as_it_was():
    before = clocks()
    yield
    assert clocks() == before


@pytest.mark.parametrize("way", WAYS, ids=repr)
def test_a_fake_clock_is_the_only_clock_whichever_way_a_tool_is_called(way):
    tool = way.tool(lambda: "done", rate_limit=RateLimitConfig(calls_per_minute=1))
    with FakeRuntime() as clock:
        way.call(tool)
        with pytest.raises(RateLimitedError) as caught:
            way.call(tool)
        assert caught.value.retry_after == 60.0
        clock.advance(60.0)
        way.call(tool)


def test_pauses_take_no_time_and_are_noted():
    tool = guard(lambda: 1 / 0, name="tool", retry=RetryConfig(max_retries=3, initial_delay=100.0, jitter=False))
    began = time.monotonic()
    with FakeRuntime(start=50.0) as clock:
        with pytest.raises(ZeroDivisionError):
            tool()
        assert clock.now() == 50.0 + sum(clock.sleeps)
    assert len(clock.sleeps) == 3
    assert time.monotonic() - began < 10.0


def test_a_fake_clock_opens_and_closes_a_breaker():
    outcome = OSError("down")

    @guard(circuit_breaker=CircuitBreakerConfig(failure_threshold=1, recovery_timeout=30.0))
    def tool():
        if outcome:
            raise outcome
        return "up"

    with FakeRuntime() as clock:
        with pytest.raises(OSError, match="down"):
            tool()
        with pytest.raises(CircuitOpenError) as caught:
            tool()
        assert caught.value.retry_after == 30.0
        clock.advance(30.0)
        outcome = None
        assert tool() == "up"


def test_a_fake_clock_stands_still_until_it_is_moved():
    with FakeRuntime(start=5.0) as clock:
        assert (LOOP.now(), THREAD.now()) == (5.0, 5.0)
        clock.advance(2.5)
        assert (LOOP.now(), THREAD.now()) == (7.5, 7.5)


def test_an_error_inside_leaves_the_real_clock():
    before = clocks()
    with pytest.raises(ValueError, match="plain"), FakeRuntime():
        raise ValueError("plain")
    assert clocks() == before
    with pytest.raises(ValueError, match="plain"), virtual_time():
        raise ValueError("plain")
    assert clocks() == before


def test_fake_clocks_nest():
    with FakeRuntime(start=1.0) as outer:
        with FakeRuntime(start=2.0):
            assert THREAD.now() == 2.0
        assert THREAD.now() == 1.0
        with virtual_time() as loop:
            assert THREAD.now() == loop.time()
        assert THREAD.now() == outer.now() == 1.0


def test_a_fake_clock_entered_twice_is_left_twice():
    before = clocks()
    clock = FakeRuntime()
    with clock, clock:
        pass
    assert clocks() == before


def test_a_fake_clock_can_be_used_again():
    clock = FakeRuntime(start=1.0)
    with clock:
        clock.advance(1.0)
    with clock:
        assert THREAD.now() == 2.0


def test_virtual_time_passes_at_once_and_in_order():
    async def main():
        seen = []

        async def after(seconds):
            await asyncio.sleep(seconds)
            seen.append((seconds, asyncio.get_running_loop().time()))

        await asyncio.gather(after(3_600), after(1), after(60))
        return seen

    began = time.monotonic()
    assert run_virtual(main()) == [(1, 1_001.0), (60, 1_060.0), (3_600, 4_600.0)]
    assert time.monotonic() - began < 10.0


def test_virtual_time_is_the_time_of_guarded_calls():
    tool = guard(asyncio.sleep, timeout_config=TimeoutConfig(10.0))

    async def main():
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(CallTimedOutError):
            await tool(100)
        return loop.time() - began, LOOP.now() - began

    assert run_virtual(main()) == (10.0, 10.0)


def test_virtual_time_can_be_moved_by_hand():
    with virtual_time() as loop:
        loop.jump(500.0)
        assert LOOP.now() == loop.time() == 1_500.0


def test_virtual_time_waits_for_threads():
    async def main():
        return await guard(lambda: "from a thread", name="tool").acall()

    assert run_virtual(main()) == "from a thread"


def test_tasks_left_over_are_cancelled_and_their_clean_up_is_run():
    cleaned_up, kept = [], []

    async def stay():
        try:
            await asyncio.sleep(1_000)
        finally:
            await asyncio.sleep(1)
            cleaned_up.append(True)

    async def main():
        kept.append(asyncio.ensure_future(stay()))
        await asyncio.sleep(0)

    run_virtual(main())
    assert cleaned_up == [True]


def test_async_generators_left_over_are_closed():
    cleaned_up = []

    async def items():
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            cleaned_up.append(True)

    kept = []

    async def main():
        kept.append(items())
        await anext(kept[0])

    run_virtual(main())
    assert cleaned_up == [True]


def test_the_value_and_the_error_come_out():
    async def fail():
        raise ValueError("plain")

    with pytest.raises(ValueError, match="plain"):
        run_virtual(fail())


def test_a_left_over_task_that_fails_does_not_hide_the_result():
    kept = []

    async def stay():
        try:
            await asyncio.sleep(1_000)
        except asyncio.CancelledError:
            raise ValueError("in its clean-up") from None

    async def main():
        kept.append(asyncio.ensure_future(stay()))
        await asyncio.sleep(0)
        return "the result"

    assert run_virtual(main()) == "the result"


def test_the_loop_is_closed_in_the_end():
    with virtual_time() as loop:
        assert isinstance(loop, VirtualLoop)
    assert loop.is_closed()
