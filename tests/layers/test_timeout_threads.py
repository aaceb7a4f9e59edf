"""Time-outs of blocking tools: real threads and a real clock, because a thread cannot be made to wait virtually."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from agentguard import (
    CallStatus,
    CallTimedOutError,
    ConcurrencyConfig,
    ConcurrencyLimitError,
    TimeoutConfig,
    current_call,
    guard,
    session,
)
from tests.layers.bodies import BoomError, Script, outcomes
from tests.matrix.ways import Way

pytestmark = pytest.mark.realtime
BRIEF = 0.02


class Hanging:
    """A body that blocks its thread until the test is over."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.runs = 0

    def __call__(self):
        self.runs += 1
        self.over.wait(10)


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    body = Hanging()
    yield body
    body.over.set()


def wait_until(condition) -> None:
    ends = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.001)


def test_a_blocking_body_is_abandoned_in_its_thread(call: Way, hanging):
    tool = guard(hanging, timeout=BRIEF)
    with pytest.raises(CallTimedOutError, match="may still be running") as caught:
        call(tool)
    assert caught.value.may_still_run
    assert not caught.value.retryable
    assert tool.state()["hung"] == 1


def test_an_abandoned_body_that_ends_is_no_longer_counted(call: Way, hanging):
    tool = guard(hanging, timeout=BRIEF)
    with pytest.raises(CallTimedOutError):
        call(tool)
    hanging.over.set()
    wait_until(lambda: tool.state()["hung"] == 0)


def test_a_body_that_ends_in_time_gives_its_value(call: Way):
    assert call(guard(Script("ok"), timeout=30)) == "ok"


def test_the_tools_own_time_out_passes_unchanged(call: Way):
    error = TimeoutError("mine")
    with pytest.raises(TimeoutError) as caught:
        call(guard(Script(error), timeout=30))
    assert caught.value is error


def test_the_tools_own_error_passes_unchanged(call: Way):
    error = BoomError("mine")
    with pytest.raises(BoomError) as caught:
        call(guard(Script(error), timeout=30))
    assert caught.value is error


def test_the_body_in_its_thread_knows_its_call(call: Way):
    assert call(guard(lambda: current_call().tool_name, name="thread", timeout=30)) == "thread"


def test_too_many_hung_bodies_refuse_the_next_call(call: Way, hanging):
    tool = guard(hanging, timeout_config=TimeoutConfig(BRIEF, max_abandoned=2))
    for _ in range(2):
        with pytest.raises(CallTimedOutError):
            call(tool)
    with pytest.raises(ConcurrencyLimitError):
        call(tool)
    assert hanging.runs == 2


def test_the_slot_comes_back_at_the_time_out(call: Way, hanging):
    tool = guard(hanging, timeout=BRIEF, concurrency=1)
    for _ in range(2):
        with pytest.raises(CallTimedOutError):
            call(tool)
    assert tool.state()["running"] == 0


def test_the_time_in_a_queue_is_not_the_attempts(hanging):
    tool = guard(hanging, timeout=BRIEF, concurrency=ConcurrencyConfig(1, max_wait=30))
    results = asyncio.run(outcomes(tool.acall() for _ in range(4)))
    assert all(isinstance(result, CallTimedOutError) for result in results)


def test_the_loop_stays_free_while_a_body_blocks(hanging):
    async def main():
        waiting = asyncio.ensure_future(guard(hanging).acall())
        began = time.monotonic()
        await asyncio.sleep(0)
        assert time.monotonic() - began < 1
        assert not waiting.done()
        hanging.over.set()
        await waiting

    asyncio.run(main())


def test_inline_runs_in_the_callers_own_thread_and_is_not_timed(call: Way):
    tool = guard(lambda: threading.get_ident(), timeout_config=TimeoutConfig(0.001, isolation="inline"))
    assert call(tool) == threading.get_ident()


def test_a_timed_body_runs_in_a_daemon_thread(call: Way):
    assert call(guard(lambda: threading.current_thread().daemon, timeout=30))


def test_cancelling_the_caller_stops_the_wait(hanging):
    tool = guard(hanging, timeout=30)

    async def main():
        task = asyncio.ensure_future(tool.acall())
        await asyncio.to_thread(wait_until, lambda: hanging.runs)
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled()

    assert asyncio.run(main())
    assert tool.state()["hung"] == 1


def test_a_body_that_has_not_started_when_its_caller_leaves_never_does():
    runs = []
    tool = guard(lambda: runs.append(1))

    async def main():
        task = asyncio.ensure_future(tool.acall())
        task.cancel()
        await asyncio.wait({task})

    asyncio.run(main())
    assert runs == []


def test_ten_hung_tools_delay_neither_others_nor_dns_nor_time_outs(hanging):
    hung = [guard(hanging, timeout=BRIEF) for _ in range(10)]

    async def main():
        calls = [asyncio.ensure_future(tool.acall()) for tool in hung]
        await asyncio.to_thread(wait_until, lambda: hanging.runs == 10)
        began = time.monotonic()
        assert await guard(Script("ok")).acall() == "ok"
        await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80)
        results = await outcomes(calls)
        assert all(isinstance(result, CallTimedOutError) for result in results)
        return time.monotonic() - began

    assert asyncio.run(main()) < 2


def test_a_hung_tool_does_not_delay_the_processs_exit():
    program = (
        "import time; from agentguard import guard\n"
        "try: guard(lambda: time.sleep(60), timeout=0.05)()\n"
        "except TimeoutError: print('timed out')"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True)
    assert ended.stdout == "timed out\n"


def test_a_time_out_in_a_thread_is_recorded_as_one(call: Way, hanging):
    with session() as recorded, pytest.raises(CallTimedOutError):
        call(guard(hanging, timeout=BRIEF))
    [entry] = recorded.entries()
    assert entry.result.status is CallStatus.TIMEOUT
