"""A body that does not end is really gone: there is no such process any more."""

import asyncio
import gc
import os
import signal
import threading
import time

import pytest

from agentguard import CallTimedOutError, TimeoutConfig, WorkerLostError, guard
from agentguard.core.workers.crew import CREW
from tests.core.workers import tools
from tests.core.workers.gone import is_running, is_there, pid_in, wait_until
from tests.matrix.ways import Way, acall, plain

pytestmark = pytest.mark.realtime
TIMES = 100 if os.environ.get("AGENTGUARD_SOAK") else 10
GONE_SECONDS = 0.1


@pytest.fixture(params=[plain, acall], ids=lambda way: way.__name__)
def call(request: pytest.FixtureRequest) -> Way:
    return request.param


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def resident_kib() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024


def kill_one(tool) -> float:
    """Have a warm worker killed; the seconds from its time-out until it is gone."""
    tools.pid()  # a worker is ready, and the next call gets it
    before = set(CREW.pids)
    began = time.monotonic()
    with pytest.raises(CallTimedOutError) as caught:
        tool()
    late = time.monotonic() - began - tools.BRIEF
    assert not caught.value.may_still_run
    gone = before - set(CREW.pids)
    assert len(gone) == 1
    assert not is_there(*gone)
    return late


@pytest.mark.timeout(300)
def test_hostile_bodies_are_gone_100_ms_after_their_time_out_time_after_time():
    hostile = list(tools.HOSTILE.values())
    kill_one(hostile[0])
    gc.collect()
    descriptors, resident, threads = open_descriptors(), resident_kib(), threading.active_count()
    late = [kill_one(hostile[number % len(hostile)]) for number in range(TIMES)]
    tools.pid()
    gc.collect()
    print(f"{TIMES} times: gone at most {max(late) * 1000:.1f} ms late; {resident_kib() - resident:+} KiB")
    assert max(late) < GONE_SECONDS
    # One worker more or less may be idle at the moment, with two descriptors each.
    assert abs(open_descriptors() - descriptors) <= 4
    assert threading.active_count() == threads
    assert resident_kib() - resident < 2_000
    assert len(CREW.pids) <= 4


def test_a_hostile_body_is_killed_however_it_is_called(call: Way):
    tools.pid()
    before = set(CREW.pids)
    with pytest.raises(CallTimedOutError) as caught:
        call(tools.HOSTILE["a sleep that holds the lock"])
    assert not caught.value.may_still_run
    (killed,) = before - set(CREW.pids)
    assert not is_there(killed)
    assert tools.HOSTILE["a sleep that holds the lock"].state()["hung"] == 0


def test_what_the_body_started_dies_with_it(tmp_path):
    tools.pid()
    with pytest.raises(CallTimedOutError):
        tools.hang_with_children(str(tmp_path / "pid"))
    child = pid_in(tmp_path / "pid")
    wait_until(lambda: not is_running(child), GONE_SECONDS)


def test_cancelling_the_caller_kills_the_worker(tmp_path):
    async def main():
        task = asyncio.create_task(tools.hang_for_long.acall(str(tmp_path / "pid")))
        pid = await asyncio.to_thread(pid_in, tmp_path / "pid")
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not is_there(pid)
        return time.monotonic() - began

    assert asyncio.run(main()) < GONE_SECONDS
    assert tools.hang_for_long.state()["hung"] == 0


def test_cancelling_an_async_tool_kills_its_worker(tmp_path):
    async def main():
        task = asyncio.create_task(tools.hang_async(str(tmp_path / "pid")))
        pid = await asyncio.to_thread(pid_in, tmp_path / "pid")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not is_there(pid)

    asyncio.run(main())


def test_cancelling_twice_waits_no_longer_than_cancelling_once(tmp_path):
    async def main():
        task = asyncio.create_task(tools.hang_for_long.acall(str(tmp_path / "pid")))
        pid = await asyncio.to_thread(pid_in, tmp_path / "pid")
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return pid

    pid = asyncio.run(main())
    wait_until(lambda: not is_there(pid))
    wait_until(lambda: tools.hang_for_long.state()["hung"] == 0)


def test_an_abandoned_call_kills_the_worker(tmp_path):
    """As when its event loop is closed under it."""
    coroutine = tools.hang_for_long.acall(str(tmp_path / "pid"))
    loop = asyncio.new_event_loop()
    task = loop.create_task(coroutine)
    while not (tmp_path / "pid").exists():
        loop.run_until_complete(asyncio.sleep(0.01))
    pid = pid_in(tmp_path / "pid")
    task._log_destroy_pending = False
    loop.close()
    coroutine.close()
    wait_until(lambda: not is_there(pid))


def test_ctrl_c_in_the_waiting_thread_kills_the_worker(tmp_path):
    def interrupt():
        pids.append(pid_in(tmp_path / "pid"))
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    pids: list[int] = []
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        tools.hang_for_long(str(tmp_path / "pid"))
    thread.join()
    assert not is_there(pids[0])


@pytest.mark.parametrize(
    ("tool", "args", "why"),
    [
        (tools.leave, (0,), "the worker process of 'leave' ended with exit code 0: it ended its connection"),
        (tools.leave, (3,), "the worker process of 'leave' ended with exit code 3: it ended its connection"),
        (tools.crash, (), "the worker process of 'crash' was killed by SIGSEGV: it ended its connection"),
        (tools.write_garbage, (), r"it sent b'HTTP/1\.1'\.\.\. where a message should begin"),
        (tools.close_everything, (), "it ended its connection"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_body_that_breaks_its_worker_is_a_clear_error_and_the_next_call_gets_another(tool, args, why):
    with pytest.raises(WorkerLostError, match=why):
        tool(*args)
    assert tools.add(1) == 2


@pytest.mark.parametrize(
    "header", [{}, {"kind": "raised"}, {"kind": []}, {"kind": "value", "call": "1", "seconds": 1}, {"kind": "ready"}]
)
def test_a_forged_answer_is_a_clear_error(header):
    with pytest.raises(WorkerLostError, match=r"it sent (a message that no worker sends|an answer to another call)"):
        tools.forge(header)


def test_a_body_that_says_that_its_worker_had_left_is_not_run_for_ever():
    with pytest.raises(WorkerLostError, match="one worker process after the other said that it had ended"):
        tools.forge({"kind": "left"})


def test_a_lost_worker_is_a_clear_error_however_the_tool_is_called(call: Way):
    with pytest.raises(WorkerLostError, match="exit code 4"):
        call(tools.leave, 4)


def test_a_worker_that_is_killed_from_outside_is_a_clear_error(tmp_path):
    def kill():
        os.kill(pid_in(tmp_path / "pid"), 9)

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(WorkerLostError, match="was killed by SIGKILL"):
        tools.hang_for_long(str(tmp_path / "pid"))
    thread.join()


def test_an_idle_worker_that_is_killed_from_outside_is_replaced():
    idle = tools.pid()
    os.kill(idle, 9)
    wait_until(lambda: not is_running(idle))
    assert tools.pid() != idle
    assert idle not in CREW.pids
    assert not is_there(idle)


def test_other_calls_go_on_while_a_worker_is_lost():
    async def main():
        return await asyncio.gather(
            tools.sleep.acall(0.1), tools.leave.acall(1), tools.sleep.acall(0.1), return_exceptions=True
        )

    first, lost, second = asyncio.run(main())
    assert isinstance(first, int)
    assert isinstance(second, int)
    assert isinstance(lost, WorkerLostError)


def test_a_call_that_was_killed_may_be_tried_again():
    tool = guard(
        tools.succeed_at.fn,
        name="again",
        max_retries=1,
        timeout_config=TimeoutConfig(tools.SECONDS, isolation="process"),
    )
    tools.pid()
    attempts = []
    hanging = guard(
        tools.spin,
        max_retries=1,
        before_call=lambda call: attempts.append(call.attempt),
        timeout_config=TimeoutConfig(0.15, isolation="process"),
    )
    with pytest.raises(CallTimedOutError):
        hanging()
    # Its effect is not declared: were it still running, there would be no second attempt.
    assert attempts == [1, 2]
    assert tool(1) == 1


def test_the_total_time_kills_too(call: Way):
    tools.pid()
    tool = guard(tools.spin, timeout_config=TimeoutConfig(total_seconds=0.1, isolation="process"))
    began = time.monotonic()
    with pytest.raises(CallTimedOutError):
        call(tool)
    assert time.monotonic() - began < 0.1 + GONE_SECONDS
