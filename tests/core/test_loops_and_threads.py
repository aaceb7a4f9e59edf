"""One tool shared by threads and event loops: counts stay exact, and nobody waits for ever."""

import asyncio
import contextlib
import sys
import threading
from itertools import chain

import pytest

from agentguard import BudgetConfig, CircuitBreakerConfig, ConcurrencyConfig, RateLimitConfig, guard
from agentguard.errors import BudgetExceededError, CircuitOpenError, ConcurrencyLimitError
from agentguard.testing import VirtualLoop, run_virtual

pytestmark = pytest.mark.realtime
SOON = 20.0


class Bodies:
    """Counts the bodies that run at once."""

    def __init__(self):
        self.lock = threading.Lock()
        self.now = self.most = self.total = 0

    def __enter__(self):
        with self.lock:
            self.now += 1
            self.total += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_):
        with self.lock:
            self.now -= 1


def in_threads(number, fn):
    """Run `fn(index)` in so many threads at once; what each gave or raised."""
    start, outcomes = threading.Barrier(number), []

    def run(index):
        start.wait()
        try:
            outcomes.append(fn(index))
        except BaseException as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run, args=(index,), daemon=True) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    assert not any(thread.is_alive() for thread in threads), "somebody waits for ever"
    return outcomes


def test_eight_loops_in_eight_threads_queue_for_one_tool():
    bodies = Bodies()

    @guard(concurrency=ConcurrencyConfig(3, max_wait=SOON), circuit_breaker=CircuitBreakerConfig())
    async def tool(number):
        with bodies:
            await asyncio.sleep(0)
        return number

    async def many(index):
        return await asyncio.gather(*(tool(index * 50 + number) for number in range(50)))

    outcomes = in_threads(8, lambda index: asyncio.run(many(index)))
    assert sorted(chain.from_iterable(outcomes)) == list(range(400))
    assert (bodies.most, bodies.total) == (3, 400)
    assert (tool.state()["running"], tool.state()["waiting"]) == (0, 0)


def test_plain_calls_and_loops_queue_for_one_tool_together():
    bodies = Bodies()

    @guard(concurrency=ConcurrencyConfig(2, max_wait=SOON))
    def tool(number):
        with bodies:
            return number

    async def many(index):
        return await asyncio.gather(*(tool.acall(number) for number in range(20)))

    outcomes = in_threads(8, lambda i: asyncio.run(many(i)) if i % 2 else [tool(number) for number in range(20)])
    assert outcomes == [list(range(20))] * 8
    assert bodies.most <= 2
    assert (tool.state()["running"], tool.state()["waiting"]) == (0, 0)


def test_a_slot_handed_to_a_loop_that_was_closed_goes_to_the_next_in_the_queue():
    entered, may_end = threading.Event(), threading.Event()

    @guard(concurrency=ConcurrencyConfig(1, max_wait=SOON))
    def tool(holds):
        if holds:
            entered.set()
            may_end.wait(SOON)
        return "done"

    holder = threading.Thread(target=tool, args=(True,))
    holder.start()
    assert entered.wait(SOON)
    loop = asyncio.new_event_loop()
    left_behind = loop.create_task(tool.acall(False))
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()  # without cancelling its task, as happens to a program that is torn down in the wrong order
    outcomes = []
    last = threading.Thread(target=lambda: outcomes.append(tool(False)))
    last.start()
    while tool.state()["waiting"] < 2:
        assert last.is_alive()
    may_end.set()
    last.join(SOON)
    holder.join(SOON)
    assert (outcomes, left_behind.done()) == (["done"], False)


@pytest.fixture
def _restless_threads():
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads take turns so often that they meet everywhere
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("_restless_threads")
def test_a_slot_handed_over_just_as_its_waiter_gives_up_is_not_lost():
    # With waits as short as the bodies, the two meet again and again.
    tool = guard(lambda: None, name="tool", concurrency=ConcurrencyConfig(1, max_wait=0.00005))

    def hurry(_):
        for _ in range(300):
            with contextlib.suppress(ConcurrencyLimitError):
                tool()

    in_threads(6, hurry)
    assert (tool.state()["running"], tool.state()["waiting"]) == (0, 0)
    tool()


def test_twenty_threads_and_two_hundred_tasks_run_exactly_as_many_bodies_as_are_paid_for():
    bodies = Bodies()

    @guard(budget=BudgetConfig(max_calls_per_session=50, max_cost_per_session=50.0, cost_per_call=1.0))
    def tool():
        with bodies:
            pass

    async def ten_tasks():
        return await asyncio.gather(*(tool.acall() for _ in range(10)), return_exceptions=True)

    outcomes = list(chain.from_iterable(in_threads(20, lambda _: asyncio.run(ten_tasks()))))
    refused = [outcome for outcome in outcomes if isinstance(outcome, BudgetExceededError)]
    assert (bodies.total, len(refused), tool.state()["calls"]) == (50, 150, 50)


def test_a_refusal_at_one_gate_takes_nothing_from_the_others_under_contention():
    @guard(
        budget=BudgetConfig(max_calls_per_session=1_000_000),
        rate_limit=RateLimitConfig(calls_per_hour=1_000_000, burst=1_000_000),
        concurrency=1,
    )
    def tool(number):
        return number

    outcomes = in_threads(8, lambda _: sum(_ran(tool, number) for number in range(300)))
    assert tool.state()["calls"] == sum(outcomes)
    assert tool.state()["running"] == 0


def _ran(tool, number):
    try:
        tool(number)
    except ConcurrencyLimitError:
        return 0
    return 1


def test_a_thousand_calls_at_a_breaker_s_recovery_run_one_body():
    bodies = []

    @guard(circuit_breaker=CircuitBreakerConfig(failure_threshold=1, recovery_timeout=10.0))
    async def tool(fails):
        bodies.append(1)
        await asyncio.sleep(1.0)
        if fails:
            raise OSError("down")

    async def main():
        await asyncio.gather(tool(True), return_exceptions=True)
        bodies.clear()
        await asyncio.sleep(10.0)
        return await asyncio.gather(*(tool(False) for _ in range(1_000)), return_exceptions=True)

    outcomes = run_virtual(main())
    assert len(bodies) == outcomes.count(None) == 1
    assert sum(isinstance(outcome, CircuitOpenError) for outcome in outcomes) == 999


def test_ten_thousand_calls_at_once_are_all_counted():
    @guard(concurrency=ConcurrencyConfig(100, max_wait=1_000.0), budget=BudgetConfig(max_calls_per_session=20_000))
    async def tool(number):
        await asyncio.sleep(0.1)
        return number

    async def main():
        return await asyncio.gather(*(tool(number) for number in range(10_000)))

    assert run_virtual(main()) == list(range(10_000))
    state = tool.state()
    assert (state["calls"], state["running"], state["waiting"]) == (10_000, 0, 0)


def test_a_tool_outlives_its_loops():
    tool = guard(asyncio.sleep, concurrency=ConcurrencyConfig(1, max_wait=SOON), timeout=5.0)

    async def two():
        await asyncio.gather(tool(0), tool(0))

    for _ in range(3):
        asyncio.run(two())
        loop = VirtualLoop()
        loop.run_until_complete(two())
        loop.close()
    assert tool.state()["running"] == 0
