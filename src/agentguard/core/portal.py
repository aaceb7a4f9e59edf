"""One background event loop for synchronous callers of what needs a loop."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Coroutine
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, TypeVar

from agentguard.core.forks import renew_in_children
from agentguard.errors import WouldDeadlockError

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

_logger = logging.getLogger("agentguard")


class Portal:
    """Runs coroutines on a loop in a daemon thread of its own. Starts with the first use; safe to share by threads."""

    def __init__(self) -> None:
        self.renew()
        renew_in_children(self)

    def renew(self) -> None:
        """Start without a loop."""
        # A forked child has the loop's object, but not its thread.
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, work: Coroutine[Any, Any, T], *, context: Context | None = None) -> T:
        """Run `work` to its end and give its value, blocking the calling thread.

        It sees the caller's context as it is now (or `context`). A KeyboardInterrupt in the caller cancels it. Raises
        `WouldDeadlockError` on the portal's own thread, which would wait for itself.
        """
        if threading.current_thread() is self._thread:
            work.close()
            msg = (
                "a synchronous guarded call that needs the background event loop was made on that loop; "
                "use `await tool.acall(...)` there"
            )
            raise WouldDeadlockError(msg)
        if sys.is_finalizing():
            # Daemon threads no longer run, and nobody would ever answer.
            work.close()
            msg = "the interpreter is shutting down; the background event loop no longer runs"
            raise RuntimeError(msg)
        errand = _Errand(work)
        loop = self._running_loop()
        loop.call_soon_threadsafe(errand.start, context or copy_context())
        try:
            errand.ended.wait()
        except BaseException:
            loop.call_soon_threadsafe(errand.cancel)
            raise
        value: T = errand.result()
        return value

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is not None:
            return self._loop
        import asyncio

        made = asyncio.new_event_loop()
        with self._lock:
            loop = self._loop
            if loop is None:
                loop = self._loop = made
                self._thread = threading.Thread(
                    target=_run_for_good, args=(made,), name="agentguard-portal", daemon=True
                )
        if loop is not made:
            made.close()
        else:
            self._start(self._thread)
        return loop

    def _start(self, thread: threading.Thread | None) -> None:
        # Without the lock: the new thread may collect garbage, and in it close a stream of ours, before it has started.
        try:
            if thread is not None:
                thread.start()
        except RuntimeError:
            with self._lock:
                self._loop = self._thread = None
            raise


def _run_for_good(loop: asyncio.AbstractEventLoop) -> None:
    while True:
        try:
            loop.run_forever()
        except BaseException:  # a task that somebody's tool left behind may raise SystemExit
            _logger.exception("a task on agentguard's background event loop tried to end it; it goes on")


class _Errand:
    """One coroutine on its way through the portal, and what came of it.

    Not a `concurrent.futures.Future`: that one takes an exception that is falsy (a container of errors, say) for none.
    """

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self.ended = threading.Event()
        self._work: Coroutine[Any, Any, Any] | None = work
        self._task: asyncio.Task[None] | None = None
        self._value: Any = None
        self._error: BaseException | None = None

    def start(self, context: Context) -> None:
        import asyncio

        self._task = asyncio.get_running_loop().create_task(self._carry(), context=context)

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def result(self) -> Any:
        if self._error is None:
            return self._value
        try:
            raise self._error
        finally:
            # Its traceback holds this frame, and this frame would hold it.
            self._error = None

    async def _carry(self) -> None:
        work, self._work = self._work, None
        try:
            if work is not None:
                self._value = await work
        except BaseException as error:  # noqa: BLE001 - a KeyboardInterrupt left in a task would end the portal's loop
            self._error = error
        finally:
            self.ended.set()


PORTAL = Portal()
"""The process's portal."""
