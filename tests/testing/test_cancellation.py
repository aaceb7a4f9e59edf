"""`cancel_everywhere`: a coroutine cancelled at each of its awaits, and what it leaves behind."""

import asyncio

import pytest

from agentguard import ConcurrencyConfig, RetryConfig, guard, session
from agentguard.core.runtime import LOOP
from agentguard.testing import cancel_everywhere, fail_times


async def three_awaits():
    await asyncio.sleep(1)
    await asyncio.sleep(0)
    await asyncio.sleep(60)
    return "done"


def test_a_coroutine_is_cancelled_at_each_of_its_awaits_and_then_let_through():
    report = cancel_everywhere(three_awaits)
    assert (len(report), report.value) == (3, "done")
    assert [point.outcome for point in report.points] == ["cancelled"] * 3
    assert [point.number for point in report.points] == [1, 2, 3]


def test_the_report_says_where_each_await_is():
    report = cancel_everywhere(three_awaits)
    assert [point.where.split(": ")[1] for point in report.points] == [
        "await asyncio.sleep(1)",
        "await asyncio.sleep(0)",
        "await asyncio.sleep(60)",
    ]
    assert str(report).splitlines()[0] == "3 await points"
    assert "1. test_cancellation.py:" in str(report)
    assert "in three_awaits: await asyncio.sleep(1): cancelled" in str(report)


def test_a_wait_inside_of_the_guard_is_named_with_the_line_of_the_call():
    async def main():
        tool = guard(retry=RetryConfig(max_retries=1, jitter=False))(fail_times(1, OSError)(three_awaits))
        return await tool()

    places = [point.where for point in cancel_everywhere(main).points]
    assert "in main: return await tool() (inside agentguard.layers.retry)" in places[0]
    assert places[1].endswith("in three_awaits: await asyncio.sleep(1)")


def test_a_coroutine_without_awaits_has_no_points():
    async def quick():
        return 3

    assert (cancel_everywhere(quick).points, cancel_everywhere(quick).value) == ((), 3)


def test_the_check_runs_after_each_cancellation_and_not_after_the_last_run():
    seen = []
    cancel_everywhere(three_awaits, check=lambda point: seen.append(point.number))
    assert seen == [1, 2, 3]


def test_the_check_may_be_async_and_uses_the_same_clock():
    seen = []

    async def check(point):
        await asyncio.sleep(5)
        seen.append(LOOP.now() == asyncio.get_running_loop().time())

    cancel_everywhere(three_awaits, check=check)
    assert seen == [True] * 3


def test_time_goes_on_from_run_to_run():
    times = []

    async def timed():
        times.append(LOOP.now())
        await three_awaits()

    cancel_everywhere(timed)
    assert times == sorted(times)
    assert times[-1] > times[0]


def test_a_slot_that_is_not_given_back_is_found_and_the_place_is_named():
    free = []

    async def leaky():
        free.append("slot")
        await asyncio.sleep(1)
        free.pop()

    def check(_point):
        assert not free, "a slot is still taken"

    with pytest.raises(AssertionError, match="a slot is still taken") as caught:
        cancel_everywhere(leaky, check=check)
    assert "in leaky: await asyncio.sleep(1)" in caught.value.__notes__[0]


def test_a_swallowed_cancellation_is_found():
    async def stubborn():
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            return "anyway"

    with pytest.raises(AssertionError, match="1 of 1 cancellations did not end well") as caught:
        cancel_everywhere(stubborn)
    assert "await asyncio.sleep(1): returned 'anyway'" in str(caught.value)


def test_a_cancellation_turned_into_another_error_is_found():
    async def translating():
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            raise ValueError("translated") from None

    with pytest.raises(AssertionError, match=r"raised ValueError\('translated'\)"):
        cancel_everywhere(translating)


def test_a_task_left_running_is_found_by_name_and_ended():
    ended = []

    async def forgotten():
        try:
            await asyncio.sleep(1_000)
        finally:
            ended.append(True)

    kept = []

    async def forgetful():
        kept.append(asyncio.ensure_future(forgotten()))
        await asyncio.sleep(1)
        kept[-1].cancel()

    with pytest.raises(AssertionError, match=r"cancelled, and left running: .*forgotten"):
        cancel_everywhere(forgetful)
    assert ended == [True, True]


def test_without_strictness_the_report_says_what_went_wrong():
    async def stubborn():
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            return "anyway"
        return "well"

    report = cancel_everywhere(stubborn, strict=False)
    assert (report.points[0].outcome, report.points[0].value, report.value) == ("returned", "anyway", "well")


def test_what_the_coroutine_raises_by_itself_is_raised_after_all_points_were_tried():
    runs = []

    async def failing():
        runs.append(True)
        await asyncio.sleep(1)
        await asyncio.sleep(1)
        raise KeyError("its own")

    with pytest.raises(KeyError, match="its own"):
        cancel_everywhere(failing)
    assert len(runs) == 3


def test_ctrl_c_ends_it_at_once():
    runs = []

    async def interrupted():
        runs.append(True)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cancel_everywhere(interrupted)
    assert runs == [True]


def test_a_coroutine_that_never_ends_is_reported_instead_of_running_for_ever():
    async def polling():
        while True:
            await asyncio.sleep(1)

    with pytest.raises(AssertionError, match=r"did not end after 20 await points; the next one is .*polling"):
        cancel_everywhere(polling, max_points=20)


def test_a_coroutine_that_waits_for_what_never_comes_is_reported_instead_of_hanging():
    async def deadlocked():
        await asyncio.sleep(1)
        await asyncio.Event().wait()

    with pytest.raises(AssertionError, match=r"never comes, at .*await asyncio.Event\(\).wait\(\)"):
        cancel_everywhere(deadlocked)


def test_runs_that_do_not_start_from_the_same_state_are_found():
    tool = guard(retry=RetryConfig(max_retries=1, jitter=False))(fail_times(1, OSError)(three_awaits))
    with pytest.raises(AssertionError, match="run 2 went another way") as caught:
        cancel_everywhere(lambda: tool())
    assert "was test_cancellation.py:" in str(caught.value)
    assert "before, it was inside agentguard.layers.retry" in str(caught.value)


def test_a_run_that_ends_early_is_found():
    lengths = iter([2, 2, 1])

    async def shrinking():
        for _ in range(next(lengths)):
            await asyncio.sleep(1)

    with pytest.raises(AssertionError, match=r"run 3 .* await point 2 was nothing more: it was at its end"):
        cancel_everywhere(shrinking)


def test_a_guarded_call_cancelled_anywhere_gives_its_slot_back():
    tools = []

    async def scenario():
        tool = guard(concurrency=ConcurrencyConfig(1, max_wait=10.0), timeout=100.0, max_retries=2)(
            fail_times(1, OSError)(three_awaits)
        )
        tools.append(tool)
        with session():
            return await tool()

    def check(_point):
        assert tools[-1].state()["running"] == 0

    report = cancel_everywhere(scenario, check=check)
    assert (len(report), report.value) == (4, "done")


def test_a_blocking_tool_is_cancelled_at_its_await():
    report = cancel_everywhere(guard(lambda: "from a thread", name="tool", timeout=10.0).acall)
    assert report.value == "from a thread"
    assert len(report) >= 1
