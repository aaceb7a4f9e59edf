"""The thread that moves spans from a spool to a sink, in quiet time."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import NamedTuple

from agentguard.tracing.notices import warn_once
from agentguard.tracing.sinks.port import Sink, TryLater
from agentguard.tracing.spool import MemorySpool, Record, Spool

QUIET_SECONDS = 0.05
"""Without a new span for this long, what waits is written: a busy writer would slow the calls down."""
_BATCH = 500
_BREATH_SECONDS = 0.001  # between full batches, or a process with a lot to write would keep all others from the store
_FIRST_PAUSE_SECONDS = 0.05  # before a store that failed is tried again
_DOUBLINGS = 7  # of that pause, which so ends at 6.4 s
_ASKED_SECONDS = 0.25  # the longest pause while somebody waits


class _Request(NamedTuple):
    """What the thread is asked to do once `target` records are written."""

    target: int
    action: Callable[[], None]
    answer: Future[None]


class Writer:
    """One daemon thread for one sink. The first span starts it; it leaves when nothing is left and `may_retire` agrees.

    What the sink refuses stays in the spool and is tried again, with growing pauses: the spool's bound is the bound of
    all that waits.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        name: str,
        on_start: Callable[[], None] = lambda: None,
        before_work: Callable[[], None] = lambda: None,
        may_retire: Callable[[], bool] = lambda: False,
        make_spool: Callable[[], Spool] = MemorySpool,
        quiet_seconds: float = QUIET_SECONDS,
    ) -> None:
        self._sink = sink
        self._name = name
        self._on_start = on_start
        self._before_work = before_work  # first thing the thread does, and not again while it lives
        self._may_retire = may_retire
        self._make_spool = make_spool
        self._quiet_seconds = quiet_seconds
        self._begin()

    def _begin(self) -> None:
        self._spool = self._make_spool()
        self._requests: list[_Request] = []
        self._failures = 0
        self._failed_at = 0.0
        self._not_before = 0.0  # because the store said so
        self._seen = 0  # how many records there were at the last look
        self._waits_since: float | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        # Its `put` is reentrant: a signal handler or finalizer that makes a guarded call cannot lock itself out, as it
        # could with an Event.
        self._doorbell: SimpleQueue[_Request | None] = SimpleQueue()
        self._is_resting = True

    # What callers use.

    def put(self, record: Record) -> bool:
        """Take one record without waiting; False, and counted in `dropped`, when too many wait."""
        accepted = self._spool.put(record)
        # A thread that is at work looks by itself; waking it for every span would cost the caller a thread switch.
        if self._is_resting:
            self._ring(None)
        return accepted

    def note_start(self, record: Record) -> None:
        """Take down that a call is about to run, if that is of any use."""
        self._spool.note_start(record)

    def forget(self, record: Record) -> None:
        """Take down that nobody wants the end of a call that was started."""
        self._spool.forget(record)

    @property
    def dropped(self) -> int:
        """Records refused so far, for want of room."""
        return self._spool.dropped

    @property
    def is_running(self) -> bool:
        """Whether there is a thread: one is started by the first span or question, in a forked child too."""
        return self._thread is not None

    def ask(self, action: Callable[[], None], *, at_once: bool = False) -> Future[None]:
        """Have the thread run `action` when everything put so far is written, or `at_once`; it must not take long."""
        request = _Request(0 if at_once else self._spool.put_count, action, Future())
        self._ring(request)
        return request.answer

    def flush(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds until everything put so far is written; False when it is not."""
        return not self._spool.waiting() or answered(self.ask(_nothing), timeout)

    def settle(self) -> Future[None]:
        """Have everything written and the files closed; a later record opens them again."""
        return self.ask(self._rest)

    def unwritten(self) -> list[Record]:
        """What is put and not yet written, oldest first."""
        return list(self._spool.unconfirmed())

    def begin_anew_in_child(self) -> None:
        """Start over in a forked child: what waits is the parent's to write, and its thread stayed behind."""
        self._begin()
        self._sink.abandon()

    def _ring(self, request: _Request | None) -> None:
        self._doorbell.put(request)
        # Never waited for: the new thread may itself collect garbage, and end a span in a finalizer, before it says
        # that it has started. Whoever comes in between leaves its span to the one who starts.
        if self._thread is None and self._starting.acquire(blocking=False):
            try:
                if self._thread is None:
                    self._start()
            finally:
                self._starting.release()

    def _start(self) -> None:
        thread = threading.Thread(target=self._live, name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # No threads left, or the interpreter is going down: what waits stays, and the next span tries again.
            warn_once((self._name, "thread"), "agentguard: the thread that writes %s cannot be started", self._name)
        else:
            self._thread = thread
            self._on_start()

    # What the thread does.

    def _live(self) -> None:
        _run(_Request(0, self._before_work, Future()))
        while not self._leaves():
            self._listen()
            if self._is_time():
                self._write()
            self._answer()

    def _listen(self) -> None:
        self._is_resting = not (self._spool.waiting() or self._requests)
        # Looked at again, because a record put just before that line has rung for nobody.
        rests = self._is_resting and not self._spool.waiting()
        with contextlib.suppress(Empty):
            self._hear(self._doorbell.get(timeout=None if rests else self._quiet_seconds))
            while True:
                self._hear(self._doorbell.get_nowait())
        self._is_resting = False

    def _hear(self, request: _Request | None) -> None:
        if request is not None:
            self._requests.append(request)

    def _is_time(self) -> bool:
        spool = self._spool
        waiting = spool.waiting()
        now = time.monotonic()
        if not waiting or now < self._retry_at():
            return False
        if self._failures or self._requests:
            return True
        is_quiet = self._seen == spool.put_count
        self._seen = spool.put_count
        if self._waits_since is None:
            self._waits_since = now
        return is_quiet or waiting >= spool.many or now - self._waits_since >= spool.patience_seconds

    def _retry_at(self) -> float:
        """When a store that failed is tried again: sooner while somebody waits for it, but never without a pause."""
        if not self._failures:
            return 0.0
        pause: float = _FIRST_PAUSE_SECONDS * 2 ** min(self._failures, _DOUBLINGS)
        return max(self._not_before, self._failed_at + (min(pause, _ASKED_SECONDS) if self._requests else pause))

    def _write(self) -> None:
        try:
            while batch := self._spool.next_batch(_BATCH):
                self._sink.write(batch)
                self._spool.confirm(batch)
                if len(batch) == _BATCH:
                    time.sleep(_BREATH_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever a store does, the calls go on and what waits is kept
            self._failures += 1
            later = error if isinstance(error, TryLater) else TryLater("")
            self._failed_at = time.monotonic()
            self._not_before = self._failed_at + later.seconds
            message = "agentguard: traces cannot be written by %s; they are kept and tried again"
            if not later.is_said:
                warn_once(self._name, message, self._name)
        else:
            self._failures = 0
            self._waits_since = None
        if self._spool.dropped:
            warn_once((self._name, "full"), "agentguard: %s has no room for more traces and drops them", self._name)

    def _answer(self) -> None:
        # In this order: a record that is put in between makes it less, never more.
        put_count = self._spool.put_count
        done = put_count - self._spool.waiting()
        waiting, self._requests = self._requests, []
        for request in waiting:
            if done < request.target:
                if not request.answer.cancelled():
                    self._requests.append(request)
            elif request.answer.set_running_or_notify_cancel():
                _run(request)

    def _rest(self) -> None:
        self._sink.close()
        self._spool.rest()

    def _leaves(self) -> bool:
        if self._spool.waiting() or self._requests or not self._may_retire():
            return False
        _run(_Request(0, self._rest, Future()))
        with self._starting:
            # In this order: whoever puts a record from here on starts a new thread, and what was put before is seen.
            self._is_resting = True
            self._thread = None
            if not self._spool.waiting() and self._doorbell.empty():
                return True
            self._thread = threading.current_thread()
            return False


def answered(answer: Future[None], timeout: float) -> bool:
    """Wait up to `timeout` seconds for the thread's answer; False, and the request is withdrawn, without one."""
    try:
        answer.result(timeout)
    except TimeoutError:
        answer.cancel()
        return False
    return True


def _nothing() -> None:
    """Done when reached."""


def _run(request: _Request) -> None:
    try:
        request.action()
    except Exception as error:  # noqa: BLE001 - it is the asker's, and is raised there
        request.answer.set_exception(error)
    else:
        request.answer.set_result(None)
