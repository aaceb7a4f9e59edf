"""`virtual_time`: an event loop whose time passes at once, and a world left as it was found."""

import asyncio
import threading
import time

import pytest

from agentguard import RetryConfig, TimeoutConfig, guard
from agentguard.core.pool import POOL
from agentguard.core.runtime import LOOP, THREAD
from agentguard.errors import CallTimedOutError
from agentguard.testing import VirtualLoop, hang, run_virtual, slow_by, virtual_time

YEAR = 365 * 86_400.0


@pytest.fixture(autouse=True)
def _the_world_is_left_as_it_was():
    before = LOOP.now, LOOP.sleep, THREAD.now, THREAD.sleep, POOL.run, POOL.run_blocking
    yield
    assert (LOOP.now, LOOP.sleep, THREAD.now, THREAD.sleep, POOL.run, POOL.run_blocking) == before


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


def test_what_is_left_over_cleans_up_by_the_same_clock():
    seen, kept = [], []

    async def stay():
        try:
            await asyncio.sleep(1_000)
        finally:
            seen.append(LOOP.now())

    async def main():
        kept.append(asyncio.ensure_future(stay()))
        await asyncio.sleep(0)

    run_virtual(main())
    assert seen == [1_000.0]


def test_virtual_time_passes_for_a_century_too():
    async def main():
        async with asyncio.timeout(200 * YEAR):
            await asyncio.sleep(100 * YEAR)
            await asyncio.sleep(0.5)
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == pytest.approx(1_000.5 + 100 * YEAR)


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


def blocking(query="tea"):
    return f"found {query}"


def timed(work):
    """What `work` gives, or the class of what it raises, and the virtual seconds that it took."""

    async def main():
        began = LOOP.now()
        try:
            outcome = await work()
        except Exception as error:
            outcome = type(error)
        return outcome, LOOP.now() - began

    return run_virtual(main())


def test_a_quick_blocking_tool_meets_no_time_out_although_a_timer_is_set():
    assert timed(guard(blocking, timeout=10.0).acall) == ("found tea", 0.0)


def test_a_blocking_tool_may_block_on_something_real_for_a_moment():
    ended = threading.Event()

    async def release():
        await asyncio.sleep(0)
        ended.set()

    async def main():
        tool = guard(lambda: ended.wait(5.0), name="tool", timeout=10.0)
        return (await asyncio.gather(tool.acall(), release()))[0], LOOP.now()

    assert run_virtual(main()) == (True, 1_000.0)


@pytest.mark.realtime
def test_a_blocking_tool_that_really_hangs_meets_its_time_out_in_real_time():
    ended = threading.Event()
    tool = guard(lambda: ended.wait(30.0), name="tool", timeout=0.05)
    assert timed(tool.acall) == (CallTimedOutError, pytest.approx(0.05))
    ended.set()


def test_a_slow_blocking_tool_takes_virtual_time():
    assert timed(guard(slow_by(30.0)(blocking), timeout=60.0).acall) == ("found tea", 30.0)


def test_a_blocking_tool_that_is_too_slow_meets_its_time_out_at_once():
    assert timed(guard(slow_by(30.0)(blocking), timeout=10.0).acall) == (CallTimedOutError, 10.0)


def test_slow_blocking_tools_rest_side_by_side():
    tools = [guard(slow_by(seconds)(blocking), timeout=60.0) for seconds in (10.0, 30.0, 20.0)]

    async def work():
        return await asyncio.gather(*(tool.acall() for tool in tools))

    assert timed(work) == (["found tea"] * 3, 30.0)


def test_a_slow_blocking_generator_takes_virtual_time_once():
    @slow_by(8.0)
    def items():
        yield 1
        yield 2

    async def work():
        return [item async for item in await guard(items, timeout=10.0).acall()]

    assert timed(work) == ([1, 2], 8.0)


def test_a_hung_blocking_tool_meets_its_time_out_at_once():
    hung = hang()
    tool = guard(hung(blocking), timeout=10.0)
    assert timed(tool.acall) == (CallTimedOutError, 10.0)
    assert tool.state()["hung"] == 1
    hung.release()


def test_a_hung_blocking_tool_that_is_released_is_waited_for():
    hung = hang()
    tool = guard(hung(blocking), timeout=10.0)

    async def release():
        await asyncio.sleep(9.0)
        hung.release()

    async def work():
        return (await asyncio.gather(tool.acall(), release()))[0]

    assert timed(work) == ("found tea", 9.0)


def test_a_thread_that_only_was_slow_goes_on_when_the_loop_is_closed():
    ended = threading.Event()
    tool = guard(slow_by(1e6)(ended.set), name="tool", timeout=10.0)
    assert timed(tool.acall) == (CallTimedOutError, 10.0)
    assert ended.wait(10.0)


def test_a_plain_call_of_a_sync_tool_pauses_in_virtual_time():
    tool = guard(lambda: 1 / 0, name="tool", retry=RetryConfig(max_retries=1, initial_delay=50.0, jitter=False))

    async def work():
        return tool()

    assert timed(work) == (ZeroDivisionError, 50.0)


def test_a_plain_call_of_a_slow_sync_tool_meets_its_time_out_in_virtual_time():
    async def work():
        return guard(slow_by(30.0)(blocking), timeout=10.0)()

    assert timed(work) == (CallTimedOutError, 10.0)


def test_the_clock_waits_for_threads_of_asyncio_too():
    async def work():
        async with asyncio.timeout(10.0):
            return await asyncio.to_thread(blocking)

    assert timed(work) == ("found tea", 0.0)
