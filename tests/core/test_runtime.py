"""How a call waits, on a loop and in a thread."""

import asyncio
import threading
import time
from contextvars import ContextVar

import pytest

from agentguard import CallTimedOutError, TimeoutConfig, guard
from agentguard.core.runtime import LoopRuntime, ThreadRuntime
from agentguard.testing import FakeRuntime, run_virtual

PLACE: ContextVar[str] = ContextVar("PLACE", default="nowhere")


def stepped(coroutine):
    """The value of a coroutine that never suspends."""
    with pytest.raises(StopIteration) as ended:
        coroutine.send(None)
    return ended.value.value


def test_both_runtimes_tell_the_time_that_never_goes_back():
    for runtime in (LoopRuntime(), ThreadRuntime()):
        before = time.monotonic()
        assert before <= runtime.now() <= time.monotonic()


@pytest.mark.realtime
def test_a_loop_sleeps_without_blocking_and_a_thread_blocks_without_suspending():
    async def main():
        await LoopRuntime().sleep(60)
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == 1_060.0
    assert stepped(ThreadRuntime().sleep(0.0)) is None


@pytest.mark.parametrize("make", [LoopRuntime, ThreadRuntime])
def test_the_users_function_may_be_sync_or_async(make):
    async def later(x):
        return x + 1

    assert stepped(make().run_user(lambda x: x + 1, 1)) == 2
    assert stepped(make().run_user(later, 2)) == 3


def test_a_thread_runs_what_is_handed_over_itself():
    seen = stepped(ThreadRuntime().offload(lambda x: (threading.current_thread(), x), 7))
    assert seen == (threading.current_thread(), 7)


@pytest.mark.realtime
def test_a_loop_hands_over_to_another_thread_with_the_callers_context():
    async def main():
        PLACE.set("here")
        return await LoopRuntime().offload(lambda x: (threading.current_thread(), PLACE.get(), x), 7)

    thread, place, x = asyncio.run(main())
    assert thread is not threading.current_thread()
    assert (place, x) == ("here", 7)


@pytest.mark.realtime
def test_what_was_handed_over_can_be_given_up():
    has_started, may_end = threading.Event(), threading.Event()

    def block():
        has_started.set()
        may_end.wait(30)

    async def main():
        task = asyncio.ensure_future(LoopRuntime().offload(block))
        while not has_started.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled()

    try:
        assert asyncio.run(main())
    finally:
        may_end.set()


# Queues


def test_whose_turn_comes_goes_on_and_who_waits_too_long_gives_up():
    async def main():
        runtime = LoopRuntime()
        early, late = runtime.make_waiter(), runtime.make_waiter()
        asyncio.get_running_loop().call_later(1.0, early.wake)
        return await runtime.acquire(early, 5.0), await runtime.acquire(late, 5.0)

    assert run_virtual(main()) == (True, False)


def test_a_turn_that_comes_at_the_very_end_of_the_wait_is_not_lost():
    async def main():
        runtime, loop = LoopRuntime(), asyncio.get_running_loop()
        waiter = runtime.make_waiter()
        loop.call_at(loop.time() + 5.0, waiter.wake)
        return await runtime.acquire(waiter, 5.0)

    assert run_virtual(main()) is True


def test_a_waiter_whose_loop_is_gone_says_so():
    async def main():
        return LoopRuntime().make_waiter()

    assert asyncio.run(main()).wake() is False


@pytest.mark.realtime
def test_a_thread_waits_for_its_turn_and_not_longer_than_it_may():
    runtime = ThreadRuntime()
    waiter = runtime.make_waiter()
    assert stepped(runtime.acquire(waiter, 0.01)) is False
    assert not waiter.has_woken()
    assert waiter.wake() is True
    assert waiter.has_woken()
    assert stepped(runtime.acquire(waiter, float("inf"))) is True


# Blocking functions that have a time limit


def test_a_timed_function_says_how_long_it_took():
    results = []
    with FakeRuntime() as clock:
        tool = guard(
            lambda: clock.advance(2.0), name="slow", timeout=60, after_call=lambda call, result: results.append(result)
        )
        tool()
    assert (results[0].execution_time, results[0].tool_name) == (2.0, "slow")


@pytest.mark.realtime
def test_a_timed_out_function_is_named():
    may_end = threading.Event()
    tool = guard(lambda: may_end.wait(30), name="slow", timeout=0.01)
    try:
        with pytest.raises(CallTimedOutError, match="'slow'") as caught:
            tool()
    finally:
        may_end.set()
    assert caught.value.tool_name == "slow"


@pytest.mark.realtime
def test_a_step_of_a_stream_has_only_what_is_left_of_the_whole_time():
    may_end = threading.Event()

    def steps():
        yield 1
        may_end.wait(30)
        yield 2

    tool = guard(steps, timeout_config=TimeoutConfig(50, total_seconds=100))
    with FakeRuntime() as clock:
        stream = tool()
        assert next(stream) == 1
        clock.advance(100)
        began = time.monotonic()
        try:
            with pytest.raises(CallTimedOutError):
                next(stream)
        finally:
            may_end.set()
        assert time.monotonic() - began < 20
