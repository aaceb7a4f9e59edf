"""Threads for blocking tools: handed out, abandoned, replaced, never waited for."""

import asyncio
import contextvars
import threading
from contextvars import copy_context

import pytest

from agentguard import BudgetConfig, ConcurrencyConfig, TimeoutConfig, guard
from agentguard.core.pool import Job, Tally, ThreadPool
from agentguard.errors import CallTimedOutError, ConcurrencyLimitError
from agentguard.testing import FakeRuntime

pytestmark = pytest.mark.realtime
SOON = 10.0
"""Seconds after which something that should happen at once has failed to."""


class Gate:
    """A blocking body that says when it has begun, and ends when it is let go."""

    def __init__(self):
        self.has_begun = threading.Event()
        self.may_end = threading.Event()
        self.has_ended = threading.Event()

    def __call__(self, value=None):
        self.has_begun.set()
        self.may_end.wait(SOON)
        self.has_ended.set()
        return value


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.may_end.set()


def job(fn, *args, hung=None):
    return Job(copy_context(), hung or Tally(), fn, *args)


async def until(condition):
    async with asyncio.timeout(SOON):
        while not condition():
            await asyncio.sleep(0.001)


def run_in(pool, fn, *args):
    """Have `fn` run by `pool` from another thread; an event that is set when it has ended."""
    ended = threading.Event()
    submitted = job(fn, *args)
    submitted.done = lambda _: ended.set()
    pool.submit(submitted)
    return ended


def test_it_gives_the_value_and_raises_the_very_exception():
    pool, error = ThreadPool(1), ValueError("own")

    def fail():
        raise error

    async def main():
        assert await pool.run(job(lambda: 42)) == 42
        with pytest.raises(ValueError, match="own") as caught:
            await pool.run(job(fail))
        assert caught.value is error

    asyncio.run(main())


def test_a_job_sees_the_caller_s_context_and_keeps_its_own_changes():
    place = contextvars.ContextVar("place", default="nowhere")

    def move():
        before = place.get()
        place.set("there")
        return before

    async def main():
        place.set("here")
        assert await guard(move).acall() == "here"
        assert place.get() == "here"

    asyncio.run(main())


def test_no_more_jobs_run_at_once_than_it_has_threads(gate):
    pool = ThreadPool(1)
    first = run_in(pool, gate)
    second = run_in(pool, lambda: None)
    assert gate.has_begun.wait(SOON)
    assert not second.is_set()
    gate.may_end.set()
    assert first.wait(SOON)
    assert second.wait(SOON)


def test_a_job_cancelled_while_it_waits_for_a_thread_never_starts(gate):
    pool, ran = ThreadPool(1), []

    async def main():
        run_in(pool, gate)
        task = asyncio.create_task(pool.run(job(ran.append, "never")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.may_end.set()
        assert await pool.run(job(lambda: "next")) == "next"
        assert ran == []

    asyncio.run(main())


def test_a_hung_job_that_is_given_up_is_replaced(gate):
    pool = ThreadPool(1)

    async def main():
        task = asyncio.create_task(pool.run(job(gate)))
        await until(gate.has_begun.is_set)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await pool.run(job(lambda: "next")) == "next"

    asyncio.run(main())


def test_a_job_that_already_waits_gets_the_thread_that_replaces_a_hung_one(gate):
    pool, hung = ThreadPool(1), job(gate)
    pool.submit(hung)
    assert gate.has_begun.wait(SOON)
    waiting = run_in(pool, lambda: None)
    assert pool.abandon(hung)
    assert waiting.wait(SOON)


def test_a_job_is_given_up_only_once_and_not_after_its_end(gate):
    pool, hung = ThreadPool(1), job(gate)
    pool.submit(hung)
    assert gate.has_begun.wait(SOON)
    assert (pool.abandon(hung), pool.abandon(hung)) == (True, False)
    ended = job(lambda: None)
    ended.done = lambda _: done.set()
    done = threading.Event()
    pool.submit(ended)
    assert done.wait(SOON)
    assert not pool.abandon(ended)


def test_a_hung_body_is_counted_until_it_ends_after_all(gate):
    tool = guard(gate, name="tool", timeout=0.02)

    async def main():
        with pytest.raises(CallTimedOutError) as caught:
            await tool.acall()
        assert caught.value.may_still_run
        assert tool.state()["hung"] == 1
        gate.may_end.set()
        await until(lambda: tool.state()["hung"] == 0)

    asyncio.run(main())


@pytest.mark.parametrize("is_on_loop", [True, False], ids=["acall", "plain"])
def test_too_many_hung_bodies_of_a_tool_refuse_the_next_call(gate, is_on_loop):
    tool = guard(gate, name="tool", timeout_config=TimeoutConfig(0.02, max_abandoned=2), concurrency=1)

    def call():
        return asyncio.run(tool.acall()) if is_on_loop else tool()

    for _ in range(2):
        with pytest.raises(CallTimedOutError):
            call()
    with pytest.raises(ConcurrencyLimitError):
        call()
    assert (tool.state()["hung"], tool.state()["running"]) == (2, 0)
    gate.may_end.set()


def test_a_body_that_never_started_cannot_still_run(gate):
    # All threads are taken by another tool: the time passes in the queue.
    pool = ThreadPool(1)
    run_in(pool, gate)
    assert gate.has_begun.wait(SOON)
    waiting = job(lambda: None)
    assert not pool.run_blocking(waiting, 0.02)
    assert not waiting.is_started


def test_the_loop_may_be_closed_while_a_job_runs(gate):
    async def main():
        asyncio.ensure_future(tool.acall()).add_done_callback(lambda _: None)
        await until(gate.has_begun.is_set)

    tool = guard(gate, name="tool", concurrency=1)
    asyncio.run(main())
    assert (tool.state()["running"], tool.state()["hung"]) == (0, 1)
    gate.may_end.set()
    asyncio.run(until(lambda: tool.state()["hung"] == 0))
    assert asyncio.run(tool.acall("again")) == "again"


def test_several_loops_in_several_threads_share_one_tool():
    tool = guard(lambda number: number, name="tool", concurrency=ConcurrencyConfig(3, max_wait=SOON))
    answers = []

    async def many(start):
        return await asyncio.gather(*(tool.acall(start + number) for number in range(20)))

    threads = [threading.Thread(target=lambda n=n: answers.extend(asyncio.run(many(n * 20)))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    assert sorted(answers) == list(range(160))
    assert (tool.state()["running"], tool.state()["waiting"]) == (0, 0)


def test_a_pool_that_could_start_no_thread_says_so_and_recovers():
    pool, ran = ThreadPool(1), []

    async def main(value):
        await pool.run(job(ran.append, value))

    usual = threading.stack_size(2**46)  # more than any machine has
    try:
        with pytest.raises(RuntimeError, match="can't start new thread"):
            asyncio.run(main("refused"))
    finally:
        threading.stack_size(usual)
    asyncio.run(asyncio.wait_for(main("accepted"), SOON))
    assert ran == ["accepted"]


class SlowClock(FakeRuntime):
    """Stops every thread but the main one when it looks at the time, which it does just before its body begins."""

    def __init__(self):
        super().__init__()
        self.has_stopped, self.may_go_on = threading.Event(), threading.Event()

    def now(self):
        if threading.current_thread() is not threading.main_thread():
            self.has_stopped.set()
            self.may_go_on.wait(SOON)
        return super().now()


@pytest.mark.parametrize("is_on_loop", [True, False], ids=["acall", "plain"])
def test_a_body_given_up_just_before_its_first_line_is_one_that_may_still_run(is_on_loop):
    ran = threading.Event()
    budget = BudgetConfig(max_calls_per_session=5, max_cost_per_session=5.0, cost_per_call=1.0)
    tool = guard(ran.set, name="tool", timeout=0.05, budget=budget)
    with SlowClock() as clock:
        with pytest.raises(CallTimedOutError) as caught:
            asyncio.run(tool.acall()) if is_on_loop else tool()
        assert clock.has_stopped.is_set()
        state = tool.state()
        clock.may_go_on.set()
        assert ran.wait(SOON)
    assert caught.value.may_still_run
    assert (state["hung"], state["calls"], state["spent"]) == (1, 1, 1.0)
