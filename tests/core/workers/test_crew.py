"""The crew: who gets which worker, and when."""

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from agentguard import CallTimedOutError, WorkerUnavailableError
from agentguard.core.call import ToolCall
from agentguard.core.runtime import THREAD
from agentguard.core.workers.crew import Crew
from agentguard.core.workers.errand import Errand
from tests.core.workers import tools
from tests.core.workers.gone import is_running, is_there, pid_in, wait_until

pytestmark = pytest.mark.realtime


@pytest.fixture(scope="module")
def crew():
    """Two workers, for all tests that need none of their own: each takes a while to start."""
    crew = Crew(size=2)
    yield crew
    pids = crew.pids
    crew.close()
    assert [pid for pid in pids if is_there(pid)] == []


@pytest.fixture
def single():
    crew = Crew(size=1)
    yield crew
    crew.close()


def call_of(tool, *args):
    return ToolCall(tool.name, args, {}, tool, tool.target, None, THREAD)


def run(crew: Crew, tool, *args, seconds: float = 30.0):
    return Errand(call_of(tool, *args), seconds, crew).run()[0]


def test_many_calls_share_few_workers(crew):
    with ThreadPoolExecutor(50) as threads:
        pids = list(threads.map(lambda number: run(crew, tools.sleep, number / 10_000), range(50)))
    assert len(set(pids)) == 2
    assert set(pids) == set(crew.pids)


def test_fifty_calls_at_once_from_one_loop_are_all_answered():
    async def main():
        return await asyncio.gather(*(tools.add.acall(number) for number in range(50)))

    assert asyncio.run(main()) == [number + 1 for number in range(50)]


def test_who_waits_longest_is_served_first(single):
    served: list[int] = []
    run(single, tools.pid)
    with ThreadPoolExecutor(10) as threads:
        threads.submit(run, single, tools.sleep, 0.2)
        for number in range(5):
            began = time.monotonic()
            threads.submit(lambda number=number: (run(single, tools.add, number), served.append(number)))
            wait_until(lambda began=began: time.monotonic() - began > 0.01)
    assert served == [0, 1, 2, 3, 4]


def test_who_waits_for_a_worker_in_vain_has_not_run(crew, tmp_path):
    with ThreadPoolExecutor(3) as threads:
        errands = [Errand(call_of(tools.hang_for_long, str(tmp_path / str(n))), 30, crew) for n in range(2)]
        running = [threads.submit(errand.run) for errand in errands]
        pids = [pid_in(tmp_path / str(number)) for number in range(2)]
        late = call_of(tools.add, 1)
        with pytest.raises(CallTimedOutError) as caught:
            Errand(late, 0.02, crew).run()
        assert (late.has_run, caught.value.may_still_run) == (False, False)
        waiting = Errand(call_of(tools.add, 1), 30, crew)
        waits = threads.submit(waiting.run)
        waiting.give_up()
        with pytest.raises(CallTimedOutError):
            waits.result(5)
        for errand in errands:
            errand.give_up()
        for each in running:
            with pytest.raises(CallTimedOutError):
                each.result(5)
    assert not any(map(is_there, pids))


def test_giving_up_before_it_begins_starts_nothing(crew):
    call = call_of(tools.add, 1)
    errand = Errand(call, 30, crew)
    errand.give_up()
    with pytest.raises(CallTimedOutError):
        errand.run()
    assert not call.has_run


def test_a_worker_that_is_not_ready_in_time_is_kept_for_the_next_call(single):
    call = call_of(tools.pid)
    call.deadline = THREAD.now() + 0.01
    with pytest.raises(CallTimedOutError):
        Errand(call, 30, single).run()
    assert not call.has_run
    (started,) = single.pids
    assert run(single, tools.pid) == started


def test_the_start_of_a_worker_is_not_the_tools_time(single):
    assert run(single, tools.add, 1, seconds=0.1) == 2


def test_a_spare_is_made_ready_while_a_call_runs(crew):
    first = run(crew, tools.pid)
    wait_until(lambda: len(crew.pids) == 2)
    os.kill(first, 9)
    wait_until(lambda: not is_running(first))
    assert run(crew, tools.pid) != first
    wait_until(lambda: len(crew.pids) == 2)


def test_a_worker_is_replaced_after_so_many_calls():
    crew = Crew(size=1, max_calls=2)
    try:
        pids = [run(crew, tools.pid) for _ in range(4)]
        assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [2, 2]
        wait_until(lambda: run(crew, tools.pid) and not is_there(pids[0]))
    finally:
        crew.close()


def test_no_handle_is_left_of_a_crew_that_is_closed():
    before = len(os.listdir("/proc/self/fd"))
    crew = Crew(size=1)
    run(crew, tools.add, 1)
    pids = crew.pids
    crew.close()
    assert crew.pids == []
    assert not any(map(is_there, pids))
    assert len(os.listdir("/proc/self/fd")) == before


def test_closing_kills_what_still_runs(single, tmp_path):
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(run, single, tools.hang_for_long, str(tmp_path / "pid"))
        pid = pid_in(tmp_path / "pid")
        began = time.monotonic()
        single.close()
        assert time.monotonic() - began < 1.0
        assert not is_there(pid)
        with pytest.raises(Exception, match="SIGKILL"):
            running.result(5)


def test_what_a_worker_left_running_ends_with_it(single):
    child = run(single, tools.leave_a_child)
    assert is_running(child)
    single.close()
    wait_until(lambda: not is_running(child))


def test_a_call_after_the_end_still_works_and_leaves_no_worker(single):
    single.close()
    assert not is_there(run(single, tools.pid))


def test_a_program_that_cannot_be_started_again_is_a_clear_error(single, monkeypatch):
    monkeypatch.setattr("sys.executable", "")
    call = call_of(tools.add, 1)
    with pytest.raises(
        WorkerUnavailableError, match="'add' did not run: no worker process can be started: this program"
    ):
        Errand(call, 30, single).run()
    assert not call.has_run
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(WorkerUnavailableError, match="No such file or directory"):
        Errand(call, 30, single).run()
    monkeypatch.undo()
    assert run(single, tools.add, 1) == 2


def test_an_idle_worker_ends_by_itself_and_the_next_call_gets_another():
    crew = Crew(size=1, idle_seconds=0.02)
    try:
        first = run(crew, tools.pid)
        wait_until(lambda: not is_running(first))
        assert run(crew, tools.pid) != first
        assert first not in crew.pids
    finally:
        crew.close()


def test_a_call_that_comes_just_when_its_worker_ends_runs_exactly_once():
    crew = Crew(size=1, idle_seconds=0.001)
    try:
        calls = [call_of(tools.pid) for _ in range(8)]
        for call in calls:
            Errand(call, 30, crew).run()
            began = time.monotonic()
            wait_until(lambda began=began: time.monotonic() - began > 0.001)
        assert [call.bodies for call in calls] == [1] * 8
    finally:
        crew.close()


def test_a_time_without_end_is_no_mistake(crew):
    assert run(crew, tools.add, 1, seconds=float("inf")) == 2
    assert run(crew, tools.add, 1, seconds=1e15) == 2
