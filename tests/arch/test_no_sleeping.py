"""The suite never sleeps, but for tests marked `realtime`: `tests/sleeping.py` looks at each test while it runs.

Here is shown that it looks at all of them, and sees what it should.
"""

import asyncio
import subprocess
import sys
import threading
import time
from contextvars import copy_context

import pytest

from agentguard import RetryConfig, guard
from agentguard.core.pool import POOL, Job, Tally
from agentguard.testing import FakeRuntime, fail_times, run_virtual
from tests import sleeping


async def dozing():
    await asyncio.sleep(1e-6)


def test_every_test_is_looked_at(request):
    looking = [each.function for each in request.config.hook.pytest_runtest_call.get_hookimpls()]
    assert sleeping.pytest_runtest_call in looking


def test_sleeping_is_noticed_with_its_place():
    with sleeping.noticed() as slept:
        time.sleep(1e-6)
    assert [place.split(":")[0] for place in slept] == ["test_no_sleeping.py"]


def test_sleeping_on_a_real_loop_is_noticed_and_on_a_virtual_one_is_not():
    with sleeping.noticed() as slept:
        asyncio.run(dozing())
        run_virtual(asyncio.sleep(1_000))
    assert len(slept) == 1


def test_giving_the_loop_a_turn_and_setting_a_time_limit_is_no_sleep():
    async def main():
        async with asyncio.timeout(10):
            await asyncio.sleep(0)

    with sleeping.noticed() as slept:
        asyncio.run(main())
        time.sleep(0)
    assert slept == []


def test_waiting_for_a_process_is_no_sleep():
    with (
        sleeping.noticed() as slept,
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child,
    ):
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.002)
        child.communicate(b"\n", timeout=30)
    assert slept == []


def test_a_guards_real_pause_is_noticed_in_threads_and_on_the_background_loop_too():
    retry = RetryConfig(max_retries=1, initial_delay=1e-6, jitter=False)

    async def passing_on(ctx, next):
        return await next(ctx)

    with sleeping.noticed() as slept:
        guard(retry=retry)(fail_times(1, OSError)(lambda: None))()
        guard(retry=retry, middleware=[passing_on])(fail_times(1, OSError)(lambda: None))()
        asyncio.run(guard(lambda: time.sleep(1e-6), name="tool").acall())
    assert len(slept) == 3
    with sleeping.noticed() as slept, FakeRuntime():
        guard(retry=retry)(fail_times(1, OSError)(lambda: None))()
    assert slept == []


def test_a_thread_left_over_from_another_test_is_not_held_against_this_one():
    asked, answered = threading.Event(), threading.Event()

    def left_over():
        asked.wait(10.0)
        time.sleep(1e-6)
        answered.set()

    with sleeping.noticed() as earlier:
        POOL.submit(Job(copy_context(), Tally(), left_over))
    with sleeping.noticed() as slept:
        asked.set()
        assert answered.wait(10.0)
    assert (len(earlier), slept) == (1, [])
