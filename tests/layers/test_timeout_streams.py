"""Time-outs of generator tools: each step has the full time, and the consumer's own time is not counted."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator

import pytest

from agentguard import CallTimedOutError, TimeoutConfig, guard
from agentguard.testing import run_virtual
from tests.layers.bodies import items_of


def slow_steps(*seconds):
    async def body():
        for n, pause in enumerate(seconds):
            await asyncio.sleep(pause)
            yield n

    return guard(body, timeout=1)


def test_each_step_has_the_full_time():
    assert run_virtual(items_of(slow_steps(0.9, 0.9, 0.9)())) == [0, 1, 2]


def test_a_step_that_takes_too_long_ends_the_stream():
    *items, error = run_virtual(items_of(slow_steps(0.9, 5, 0.9)()))
    assert items == [0]
    assert isinstance(error, CallTimedOutError)


def test_the_consumers_own_time_is_not_counted():
    async def main():
        return [(item, await asyncio.sleep(30))[0] async for item in slow_steps(0.9, 0.9)()]

    assert run_virtual(main()) == [0, 1]


def test_the_body_is_cancelled_where_it_waits():
    seen = []

    async def body():
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        yield 1

    with pytest.raises(CallTimedOutError):
        run_virtual(anext(aiter(guard(body, timeout=1)())))
    assert seen == ["cancelled"]


def test_a_body_that_ends_on_its_cancellation_is_still_a_time_out():
    async def body():
        yield 1
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            return

    *items, error = run_virtual(items_of(guard(body, timeout=1)()))
    assert items == [1]
    assert isinstance(error, CallTimedOutError)


def test_leaving_the_stream_early_is_no_time_out():
    async def main():
        stream = slow_steps(0.1, 0.1)()
        assert await anext(stream) == 0
        await stream.aclose()

    run_virtual(main())


@pytest.mark.realtime
def test_a_blocking_step_is_given_up_in_its_thread():
    over = threading.Event()

    def body():
        yield 1
        over.wait(10)
        yield 2

    stream = guard(body, timeout=0.02)()
    assert next(stream) == 1
    with pytest.raises(CallTimedOutError) as caught:
        next(stream)
    over.set()
    assert caught.value.may_still_run


async def slow_to_clean_up() -> AsyncIterator[int]:
    try:
        yield 1
        yield "not a number"
    finally:
        await asyncio.sleep(100)


def test_closing_a_stream_has_the_time_of_a_step():
    async def main():
        stream = guard(slow_to_clean_up, timeout=1)()
        await anext(stream)
        began = asyncio.get_running_loop().time()
        with pytest.raises(CallTimedOutError):
            await stream.aclose()
        return asyncio.get_running_loop().time() - began

    assert run_virtual(main()) == pytest.approx(1)


def test_the_clean_up_after_a_refused_item_has_the_time_of_a_step():
    async def main():
        began = asyncio.get_running_loop().time()
        *items, error = await items_of(guard(slow_to_clean_up, timeout=1, validate_output=True)())
        return items, type(error), asyncio.get_running_loop().time() - began

    items, kind, seconds = run_virtual(main())
    assert (items, kind) == ([1], CallTimedOutError)
    assert seconds == pytest.approx(1)


def test_what_the_clean_up_of_a_late_step_raises_does_not_hide_the_time_out():
    async def body():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(10)
        try:
            yield 1
        finally:
            raise LookupError("in the clean-up")

    with pytest.raises(CallTimedOutError) as caught:
        run_virtual(anext(aiter(guard(body, timeout=1)())))
    assert isinstance(caught.value.__cause__, LookupError)


def test_no_item_comes_after_the_total_time_even_if_it_is_there_at_once():
    closed = []

    async def body():
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    async def main():
        stream = guard(body, timeout_config=TimeoutConfig(total_seconds=1))()
        assert await anext(stream) == 1
        await asyncio.sleep(2)
        with pytest.raises(CallTimedOutError, match="after 0 s"):
            await anext(stream)

    run_virtual(main())
    assert closed == [True]
