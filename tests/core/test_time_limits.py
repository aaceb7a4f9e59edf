"""Time-outs on a loop: in the caller's own task, or with grace; races between the result, the time and the caller."""

import asyncio
import gc
import sys

import pytest

from agentguard import BudgetConfig, TimeoutConfig, guard, session
from agentguard.errors import CallTimedOutError
from agentguard.testing import run_virtual

SOFT = TimeoutConfig(1.0)
GRACE = TimeoutConfig(1.0, grace_seconds=2.0)


@pytest.fixture(params=[SOFT, GRACE], ids=["soft", "grace"])
def timing(request):
    return request.param


def test_a_time_out_leaves_no_cancellation_pending(timing):
    tool = guard(asyncio.sleep, timeout_config=timing)

    async def main():
        with pytest.raises(CallTimedOutError):
            await tool(10)
        assert asyncio.current_task().cancelling() == 0
        await asyncio.sleep(1)  # would raise if one were pending

    run_virtual(main())


def test_a_body_that_swallows_its_cancellation_has_timed_out_all_the_same(timing):
    @guard(timeout_config=timing)
    async def stubborn():
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            return "too late"

    with pytest.raises(CallTimedOutError):
        run_virtual(stubborn())


def test_a_body_that_ends_in_the_very_moment_of_its_time_out_has_one_outcome(timing):
    for seconds in (0.999999, 1.0, 1.000001):
        tool = guard(asyncio.sleep, timeout_config=timing, budget=BudgetConfig(max_calls_per_session=5))

        async def main(tool=tool, seconds=seconds):
            with session() as opened:
                await asyncio.gather(tool(seconds, "done"), return_exceptions=True)
            assert len(opened.entries()) == 1

        run_virtual(main())


def test_a_caller_cancelled_in_the_very_moment_of_the_time_out_is_cancelled(timing):
    tool = guard(asyncio.sleep, timeout_config=timing, concurrency=1)

    async def main():
        task = asyncio.create_task(tool(10))
        asyncio.get_running_loop().call_later(1.0, task.cancel)
        await asyncio.wait({task})
        assert task.cancelled() or isinstance(task.exception(), CallTimedOutError)
        assert tool.state()["running"] == 0

    run_virtual(main())


def test_a_time_out_of_the_caller_s_own_at_the_same_moment_is_the_caller_s(timing):
    tool = guard(asyncio.sleep, timeout_config=timing)

    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await tool(10)
        assert asyncio.current_task().cancelling() == 0
        await asyncio.sleep(1)

    run_virtual(main())


def test_time_outs_nest(timing):
    inner = guard(asyncio.sleep, timeout_config=TimeoutConfig(5.0))

    @guard(timeout_config=timing)
    async def outer():
        await inner(10)

    async def main():
        with pytest.raises(CallTimedOutError, match="outer"):
            await outer()
        assert asyncio.current_task().cancelling() == 0

    run_virtual(main())


def test_the_tool_s_own_time_out_error_is_its_own(timing):
    error = TimeoutError("of the tool's own")

    @guard(timeout_config=timing)
    async def tool():
        await asyncio.sleep(0.5)
        raise error

    async def main():
        with pytest.raises(TimeoutError) as caught:
            await tool()
        return caught.value

    assert run_virtual(main()) is error


def test_a_body_that_fails_while_it_is_cancelled_has_timed_out_because_of_that(timing):
    @guard(timeout_config=timing)
    async def tool():
        try:
            await asyncio.sleep(10)
        finally:
            raise ValueError("in the clean-up")

    async def main():
        with pytest.raises(CallTimedOutError):
            await tool()

    run_virtual(main())


def test_a_soft_time_out_waits_for_the_clean_up_and_grace_does_not():
    async def slow_to_leave():
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(50)

    async def seconds_until_released(timing):
        tool = guard(slow_to_leave, timeout_config=timing)
        began = asyncio.get_running_loop().time()
        with pytest.raises(CallTimedOutError) as caught:
            await tool()
        return asyncio.get_running_loop().time() - began, caught.value.may_still_run, tool.state()["hung"]

    assert run_virtual(seconds_until_released(SOFT)) == (51.0, False, 0)
    assert run_virtual(seconds_until_released(GRACE)) == (3.0, True, 1)


def test_a_body_that_ends_within_its_grace_does_not_count_as_hung():
    tool = guard(asyncio.sleep, timeout_config=TimeoutConfig(1.0, grace_seconds=2.0, max_abandoned=1))

    async def main():
        for _ in range(3):
            with pytest.raises(CallTimedOutError) as caught:
                await tool(10)
            assert (caught.value.may_still_run, tool.state()["hung"]) == (False, 0)

    run_virtual(main())


def test_what_an_abandoned_body_raises_later_is_nobody_s_news():
    @guard(timeout_config=GRACE)
    async def tool():
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(50)
            raise ValueError("long after")

    async def main():
        complaints = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        with pytest.raises(CallTimedOutError):
            await tool()
        assert tool.state()["hung"] == 1
        await asyncio.sleep(100)
        gc.collect()
        return tool.state()["hung"], complaints

    assert run_virtual(main()) == (0, [])


def test_a_cancelled_caller_is_released_after_the_grace_too():
    @guard(timeout_config=GRACE, concurrency=1)
    async def tool():
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(50)

    async def main():
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(tool())
        await asyncio.sleep(0.5)
        task.cancel()
        began = loop.time()
        with pytest.raises(asyncio.CancelledError):
            await task
        return loop.time() - began, tool.state()["running"]

    assert run_virtual(main()) == (2.0, 0)


def test_a_closed_call_with_grace_cancels_its_body():
    ended = []

    @guard(timeout_config=GRACE)
    async def tool():
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        ended.append("ran to its end")

    async def main():
        work = tool()
        work.send(None)
        await asyncio.sleep(0.5)
        work.close()
        await asyncio.sleep(200)

    run_virtual(main())
    assert ended == ["cancelled"]


def test_an_async_time_out_inside_the_body_belongs_to_the_body(timing):
    @guard(timeout_config=timing)
    async def tool():
        try:
            async with asyncio.timeout(0.5):
                await asyncio.sleep(10)
        except TimeoutError:
            return "handled"

    assert run_virtual(tool()) == "handled"


def test_a_body_that_never_waits_is_never_timed(timing):
    @guard(timeout_config=timing)
    async def tool():
        return asyncio.get_running_loop().time()

    async def main():
        return await tool()

    assert run_virtual(main()) == 1_000.0


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")
def test_eager_tasks_change_nothing(timing):
    tool = guard(asyncio.sleep, timeout_config=timing, concurrency=1)

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        assert await tool(0.5, "in time") == "in time"
        with pytest.raises(CallTimedOutError):
            await tool(10)
        task = asyncio.create_task(tool(10))
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return tool.state()["running"]

    assert run_virtual(main()) == 0
