"""The background event loop that serves synchronous callers of what needs one."""

import asyncio
import contextvars
import signal
import threading

import pytest

from agentguard import current_call, guard
from agentguard.core.portal import PORTAL, Portal
from agentguard.errors import WouldDeadlockError
from tests.core.ways_to_call import nothing_special

place = contextvars.ContextVar("place", default="nowhere")


async def where():
    return place.get()


def test_it_gives_the_value_of_what_it_runs():
    async def answer():
        await asyncio.sleep(0)
        return 42

    assert PORTAL.run(answer()) == 42


def test_it_sees_the_caller_s_context():
    token = place.set("here")
    try:
        assert PORTAL.run(where()) == "here"
    finally:
        place.reset(token)


def test_what_it_sets_stays_in_its_own_copy():
    async def move():
        place.set("elsewhere")

    PORTAL.run(move())
    assert place.get() == "nowhere"


def test_it_can_be_given_a_context():
    context = contextvars.copy_context()
    context.run(place.set, "given")
    assert PORTAL.run(where(), context=context) == "given"


def test_every_caller_shares_one_loop():
    async def loop():
        return asyncio.get_running_loop()

    assert PORTAL.run(loop()) is PORTAL.run(loop())


def test_a_call_from_its_own_thread_is_refused_and_not_waited_for():
    ran = []

    async def inner():
        ran.append("inner")

    async def outer():
        PORTAL.run(inner())

    with pytest.raises(WouldDeadlockError, match="acall"):
        PORTAL.run(outer())
    assert ran == []


@pytest.mark.parametrize("is_stream", [False, True], ids=["function", "generator"])
def test_a_tool_that_needs_it_called_on_it_is_refused_before_it_runs(is_stream):
    ran = []

    def function():
        ran.append(1)

    def items():
        ran.append(1)
        yield 1

    inner = guard(items if is_stream else function, middleware=[nothing_special], concurrency=1)

    async def calls_another_tool(ctx, next):
        return list(inner()) if is_stream else inner()

    outer = guard(function, middleware=[calls_another_tool])
    with pytest.raises(WouldDeadlockError, match="acall"):
        outer()
    assert (ran, inner.state()["running"]) == ([], 0)


def test_bodies_run_in_the_pool_so_that_they_may_use_it_again():
    inner = guard(lambda: "inner", name="inner", middleware=[nothing_special])
    outer = guard(lambda: inner() + " of outer", name="outer", middleware=[nothing_special])
    assert outer() == "inner of outer"


def test_a_tool_called_in_a_running_loop_does_not_need_that_loop():
    tool = guard(lambda: "fine", name="tool", middleware=[nothing_special])

    async def main():
        return tool()

    assert asyncio.run(main()) == "fine"


@pytest.mark.parametrize(
    "error", [ValueError("a"), KeyboardInterrupt(), SystemExit(3), asyncio.CancelledError()], ids=repr
)
def test_what_is_raised_reaches_the_caller_and_does_not_end_its_loop(error):
    portal = Portal()

    async def fail():
        raise error

    with pytest.raises(type(error)) as caught:
        portal.run(fail())
    assert caught.value is error
    assert portal.run(where()) == "nowhere"


def test_a_task_left_behind_that_raises_system_exit_does_not_end_its_loop():
    portal = Portal()
    kept = []

    async def leave_a_task():
        async def exit_later():
            raise SystemExit(3)

        kept.append(asyncio.create_task(exit_later()))

    portal.run(leave_a_task())
    assert portal.run(where()) == "nowhere"
    with pytest.raises(SystemExit):
        kept.pop().result()


def test_many_threads_use_it_at_once():
    tool = guard(lambda number: number * 2, name="double", middleware=[nothing_special], concurrency=100)
    answers = {}

    def call(number):
        answers[number] = tool(number)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert answers == {number: number * 2 for number in range(30)}


def test_the_call_is_the_current_one_in_a_body_that_came_through_it():
    assert guard(lambda: current_call().tool_name, name="tool", middleware=[nothing_special])() == "tool"


@pytest.mark.realtime
def test_an_interrupted_caller_cancels_what_it_waited_for():
    cancelled = threading.Event()

    async def wait_for_ever():
        # The signal comes when the main thread waits.
        asyncio.get_running_loop().call_later(0.05, signal.pthread_kill, threading.main_thread().ident, signal.SIGINT)
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(KeyboardInterrupt):
        PORTAL.run(wait_for_ever())
    assert cancelled.wait(5)


@pytest.mark.realtime
def test_an_interrupted_caller_of_a_tool_leaves_no_slot_behind():
    entered = threading.Event()

    @guard(concurrency=1)
    async def tool(is_waiting):
        if is_waiting:
            entered.set()
            asyncio.get_running_loop().call_later(
                0.05, signal.pthread_kill, threading.main_thread().ident, signal.SIGINT
            )
            await asyncio.sleep(30)
        return "done"

    with pytest.raises(KeyboardInterrupt):
        tool.call_sync(True)
    for _ in range(1_000):
        if not tool.state()["running"]:
            break
        entered.wait(0.005) and threading.Event().wait(0.005)
    assert tool.call_sync(False) == "done"
