"""How many bodies run at once, who is next, and what gives a slot back."""

import asyncio
import threading

import pytest

from agentguard import ConcurrencyConfig, ConcurrencyLimitError, RetryConfig, TimeoutConfig, guard
from agentguard.testing import run_virtual
from tests.layers.bodies import BoomError, Crowd, Script, cancelled, errors_of, outcomes, started


def test_no_more_bodies_run_at_once_than_allowed():
    crowd = Crowd()
    tool = guard(crowd, concurrency=ConcurrencyConfig(3, max_wait=600))
    run_virtual(outcomes(tool(n) for n in range(50)))
    assert crowd.runs == 50
    assert crowd.most == 3


def test_calls_beyond_the_limit_are_refused_without_running_the_tool():
    crowd = Crowd()
    tool = guard(crowd, concurrency=2)
    results = run_virtual(outcomes(tool(n) for n in range(10)))
    assert results[:2] == [0, 1]
    assert {error.limit for error in errors_of(results, ConcurrencyLimitError)} == {2}
    assert crowd.runs == 2


def test_calls_wait_in_order_of_arrival():
    crowd = Crowd()
    tool = guard(crowd, concurrency=ConcurrencyConfig(2, max_wait=600))
    run_virtual(outcomes(tool(n) for n in range(20)))
    assert crowd.order == list(range(20))


def test_a_newcomer_does_not_overtake_those_who_wait():
    crowd = Crowd()
    tool = guard(crowd, concurrency=ConcurrencyConfig(1, max_wait=600))

    async def main():
        calls = [await started(tool("first")), await started(tool("second"))]
        await calls[0]
        await outcomes([tool("third"), *calls])

    run_virtual(main())
    assert crowd.order == ["first", "second", "third"]


def test_a_call_waits_no_longer_than_it_may():
    tool = guard(Crowd(seconds=10), concurrency=ConcurrencyConfig(1, max_wait=2))

    async def main():
        first = await started(tool())
        began = asyncio.get_running_loop().time()
        with pytest.raises(ConcurrencyLimitError):
            await tool()
        first.cancel()
        return asyncio.get_running_loop().time() - began

    assert run_virtual(main()) == pytest.approx(2.0)
    assert tool.state()["waiting"] == 0


def test_the_deadline_clips_the_wait():
    timing = TimeoutConfig(total_seconds=20)
    tool = guard(Crowd(seconds=15), concurrency=ConcurrencyConfig(1, max_wait=600), timeout_config=timing)

    async def main():
        calls = [await started(tool(), 0) for _ in range(3)]
        began = asyncio.get_running_loop().time()
        await asyncio.wait({calls[2]})
        assert isinstance(calls[2].exception(), ConcurrencyLimitError)
        return asyncio.get_running_loop().time() - began

    assert run_virtual(main()) == pytest.approx(20.0)


def test_a_call_cancelled_while_it_waits_leaves_the_queue():
    crowd = Crowd()
    tool = guard(crowd, concurrency=ConcurrencyConfig(1, max_wait=600))

    async def main():
        first, leaves = await started(tool("first")), await started(tool("leaves"))
        last = await started(tool("last"))
        assert await cancelled(leaves)
        await outcomes([first, last])

    run_virtual(main())
    assert crowd.order == ["first", "last"]
    assert tool.state()["running"] == tool.state()["waiting"] == 0


def test_a_call_cancelled_just_as_it_is_handed_a_slot_passes_it_on():
    crowd = Crowd()
    tool = guard(crowd, concurrency=ConcurrencyConfig(1, max_wait=600))

    async def main():
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: waiting.extend(asyncio.ensure_future(tool(name)) for name in ("second", "third")))
        await tool("first")
        # The first has just handed its slot to the second, which has not gone on yet.
        waiting[0].cancel()
        await outcomes(waiting)

    waiting: list[asyncio.Task[object]] = []
    run_virtual(main())
    assert crowd.order == ["first", "third"]
    assert tool.state()["running"] == tool.state()["waiting"] == 0


@pytest.mark.parametrize("ending", [BoomError(), asyncio.CancelledError()], ids=["failure", "cancellation"])
def test_a_call_that_ends_badly_gives_its_slot_back(ending):
    tool = guard(Crowd(error=ending), concurrency=1)

    async def main():
        for _ in range(3):
            with pytest.raises(type(ending)):
                await asyncio.ensure_future(tool())

    run_virtual(main())
    assert tool.state()["running"] == 0


def test_the_slot_is_not_held_during_the_pause_before_a_retry():
    script = Script(BoomError, "retried", "other")

    async def body():
        await asyncio.sleep(1)
        return script()

    tool = guard(body, concurrency=1, retry=RetryConfig(1, initial_delay=10, jitter=False))

    async def main():
        retried = await started(tool(), 2)
        assert tool.state()["running"] == 0
        await tool()
        await outcomes([retried])

    run_virtual(main())


def test_a_stream_holds_its_slot_to_its_end():
    def body():
        yield 1
        yield 2

    tool = guard(body, concurrency=1)
    stream = tool()
    next(stream)
    with pytest.raises(ConcurrencyLimitError):
        next(tool())
    stream.close()
    assert list(tool()) == [1, 2]


def test_a_stream_that_nobody_has_asked_for_an_item_holds_no_slot():
    tool = guard(lambda: (yield 1), concurrency=1)
    streams = [tool(), tool()]
    assert tool.state()["running"] == 0
    assert [list(stream) for stream in streams] == [[1], [1]]


@pytest.mark.realtime
def test_threads_and_tasks_share_the_slots():
    lock, gate = threading.Lock(), threading.Event()
    running, most = [0], [0]

    def body():
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        gate.wait(0.002)
        with lock:
            running[0] -= 1

    tool = guard(body, concurrency=ConcurrencyConfig(4, max_wait=30))
    threads = [threading.Thread(target=tool) for _ in range(20)]
    for thread in threads:
        thread.start()
    results = asyncio.run(outcomes(tool.acall() for _ in range(20)))
    for thread in threads:
        thread.join()
    assert results == [None] * 20
    assert most[0] == 4
    assert tool.state()["running"] == 0


@pytest.mark.realtime
def test_a_waiter_whose_loop_was_closed_does_not_swallow_the_slot():
    gate, entered = threading.Event(), threading.Event()

    def body():
        entered.set()
        gate.wait(5)

    tool = guard(body, concurrency=ConcurrencyConfig(1, max_wait=30))
    thread = threading.Thread(target=tool)
    thread.start()
    entered.wait(5)
    loop = asyncio.new_event_loop()
    # The loop is closed with a task pending, as a crashed worker leaves it; asyncio would complain about the task.
    loop.set_exception_handler(lambda _loop, _context: None)
    tasks = [loop.create_task(tool.acall())]
    loop.run_until_complete(asyncio.sleep(0))
    assert tool.state()["waiting"] == 1
    loop.close()
    gate.set()
    thread.join()
    assert tool.state()["running"] == 0
    tasks.clear()


def test_a_call_that_would_wait_for_its_own_callers_slot_is_refused():
    async def body(depth):
        return depth if depth == 0 else await tool(depth - 1)

    tool = guard(body, concurrency=ConcurrencyConfig(1, max_wait=5))
    with pytest.raises(ConcurrencyLimitError):
        run_virtual(tool(1))
    assert tool.state()["running"] == 0
