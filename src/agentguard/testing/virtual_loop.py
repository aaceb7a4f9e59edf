"""An event loop on which time passes at once."""

from __future__ import annotations

import asyncio
import math
import selectors
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from agentguard.core.pool import POOL, Job
from agentguard.core.runtime import LOOP
from agentguard.testing.clock import Clock, installed, swapped
from agentguard.testing.worker import WORKER, rest_here, virtual_blocking

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer when nothing else is ready.

    While a thread works for it (a blocking tool, `asyncio.to_thread`), the clock stands still, and the loop waits for
    the thread: so a quick blocking tool meets no time-out. A thread that blocks on something real is waited for in real
    time until the next timer; one that is `slow_by` or hangs by script is not waited for.
    """

    def __init__(self, start: float = 1_000.0) -> None:
        self._virtual_now = start
        self._in_executors = 0
        self._workers: set[_LoopWorker] = set()
        super().__init__(_JumpingSelector(self))
        # asyncio runs the timers that are due within this many seconds. Its nanosecond is lost in the rounding of a
        # clock that stands at more than 100 days, and then the loop would jump to the same timer for ever.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Virtual monotonic seconds."""
        return self._virtual_now

    def jump(self, seconds: float) -> None:
        """Let time pass."""
        self._virtual_now += seconds

    def run_in_executor(  # type: ignore[override]  # typeshed binds `func` to `args` by a TypeVarTuple
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """As ever; the clock stands still until the function has ended."""
        future = super().run_in_executor(executor, func, *args)
        self._in_executors += 1
        future.add_done_callback(self._leave_executor)
        return future

    def close(self) -> None:
        """Close the loop, and let the threads go on that only were slow."""
        for worker in self._workers:
            worker.dismiss()
        super().close()

    def _leave_executor(self, _future: asyncio.Future[Any]) -> None:
        self._in_executors -= 1

    def _waits_for_threads(self) -> bool:
        return self._in_executors > 0 or any(worker.is_at_work() for worker in self._workers)

    async def _run_in_pool(self, job: Job, running: Coroutine[Any, Any, Any]) -> Any:
        worker = _LoopWorker(self)
        self._workers.add(worker)
        try:
            return await worker.follow(job, running)
        finally:
            # A body that was given up may rest until the loop is closed.
            if job.has_ended or not job.is_started:
                self._workers.discard(worker)


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting for the loop's next timer, moves the loop's clock to it."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None or self._loop._waits_for_threads():
            # Without a timer, only another thread can go on.
            ready = super().select(timeout)
        if not ready and timeout:
            self._loop.jump(timeout)
        return ready


class _LoopWorker:
    """A thread of the pool that works for a coroutine on a virtual loop."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._is_awaited = False
        self._resting: threading.Event | None = None
        """What ends its rest, from when the loop knows of it."""
        self._lock = threading.Lock()
        self._slow: threading.Event | None = None
        """What ends its rest, if that is only a matter of time. Guarded by the lock, and so is the next one."""
        self._is_dismissed = False

    async def follow(self, job: Job, running: Coroutine[Any, Any, Any]) -> Any:
        """Await `running`, which has the pool run `job`; meanwhile the clock stands still, but for rests."""
        job.context.run(WORKER.set, self)
        self._is_awaited = True
        try:
            return await running
        finally:
            self._is_awaited = False

    def is_at_work(self) -> bool:
        """Whether somebody waits for something other than the end of its rest. One whose rest was just ended works."""
        return self._is_awaited and (self._resting is None or self._resting.is_set())

    def rest(self, seconds: float, woken: threading.Event) -> None:
        """As the protocol says. Told to the loop first, so that it does not jump before it has set the timer."""
        with self._lock:
            if self._is_dismissed and seconds < math.inf:
                return
            self._slow = woken if seconds < math.inf else None
            if not self._is_dismissed:
                self._loop.call_soon_threadsafe(self._begin_rest, seconds, woken)
        woken.wait()
        self._resting = None

    def _begin_rest(self, seconds: float, woken: threading.Event) -> None:
        self._resting = woken
        if seconds < math.inf:
            self._loop.call_later(seconds, woken.set)

    def dismiss(self) -> None:
        """The loop goes away: let a body that only was slow go on; one that hangs waits for its release."""
        with self._lock:
            self._is_dismissed = True
            if self._slow is not None:
                self._slow.set()


@contextmanager
def virtual_time() -> Iterator[VirtualLoop]:
    """A `VirtualLoop` whose clock all guarded calls use, for the time of the block.

    Run coroutines on it with `loop.run_until_complete(...)`. Tasks left over are cancelled at the end. A plain call of
    a sync tool moves the same clock with its pauses.
    """
    loop = VirtualLoop()
    clock = Clock(loop.time, loop.jump)
    run = POOL.run

    def run_in_pool(job: Job, **options: Any) -> Coroutine[Any, Any, Any]:
        running = run(job, **options)
        return loop._run_in_pool(job, running) if asyncio.get_running_loop() is loop else running

    with (
        installed(clock, loop_sleep=LOOP.sleep, thread_sleep=rest_here),
        virtual_blocking(clock),
        swapped(POOL, "run", run_in_pool),
        # Innermost, so that what the last tasks do to clean up still goes by the loop's clock.
        _ending(loop),
    ):
        yield loop


@contextmanager
def _ending(loop: VirtualLoop) -> Iterator[None]:
    """Cancel the tasks left over on `loop` at the end of the block, let them clean up, and close it."""
    try:
        yield
    finally:
        try:
            loop.run_until_complete(_end(asyncio.all_tasks(loop)))
        finally:
            loop.close()


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end on a `VirtualLoop`, as `asyncio.run` would, and give its value."""
    with virtual_time() as loop:
        return loop.run_until_complete(main)


async def _end(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
