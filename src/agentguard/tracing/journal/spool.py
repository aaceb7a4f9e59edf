"""A spool whose records survive the process: in a file as soon as they are accepted, and in memory for the writer."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

from agentguard.tracing.journal.backlog import Backlog
from agentguard.tracing.journal.segments import FILE_BYTES, Segments
from agentguard.tracing.notices import warn_once
from agentguard.tracing.span import Span
from agentguard.tracing.spool import Record

MAX_IN_MEMORY = 20_000
"""Records kept for the writer; with the store away for longer, the rest is read back from the files."""
MAX_MEMORY_BYTES = 64_000_000
"""What they may hold in memory."""
MAX_FILE_BYTES = 512_000_000
"""Of all files of a journal: more than a million spans of ordinary size."""
PAUSE_SECONDS = 1.0
"""After a file could not be written, no other attempt is made for so long: each costs the caller time."""


class JournalSpool:
    """Accepts a record by writing it to a file of this process: no death of the process takes it away again.

    When the file cannot be written, records are kept in memory as in a `MemorySpool`, and a warning says so. Refused,
    and counted, is what finds room in neither.
    """

    many = 5_000
    patience_seconds = 2.0

    def __init__(
        self,
        place: str,
        *,
        max_waiting: int = MAX_IN_MEMORY,
        max_bytes: int = MAX_MEMORY_BYTES,
        max_file_bytes: int = MAX_FILE_BYTES,
        file_bytes: int = FILE_BYTES,
        is_synced: bool = False,
    ) -> None:
        self.put_count = 0
        self.dropped = 0
        self._place = place
        self._max_waiting = max_waiting
        self._max_bytes = max_bytes
        self._max_file_bytes = max_file_bytes
        self._records: deque[Record] = deque()
        self._positions: deque[int] = deque()  # where each of them ends in the journal; 0 for one that is not there
        self._confirmed = 0  # where the newest record ends that was in memory and is there no more
        self._segments = Segments(place, file_bytes=file_bytes, is_synced=is_synced)
        self._loose_bytes = 0  # of the records that are in memory only
        self._backlog = Backlog(self._segments)
        self._retry_at = 0.0
        # Reentrant, because a signal handler or a finalizer that runs in between may itself make a guarded call in this
        # thread. Its records wait until the one at hand is done, so that files and memory have the same order.
        self._lock = threading.RLock()
        self._is_busy = False
        self._deferred: deque[Record] = deque()

    def put(self, record: Record, /) -> bool:
        """Take one record, with a single write to a file; False, and counted, when there is no room."""
        with self._lock:
            if self._is_busy:
                self._deferred.append(record)
                return True
            self._is_busy = True
            try:
                return self._keep(record)
            finally:
                self._is_busy = False
                if self._deferred:
                    self._keep_deferred()

    def note_start(self, record: Record, /) -> None:
        """Write down that a call is about to run; should its end never come, it will be shown as `unknown`."""
        with self._lock:
            if self._is_busy or (self._retry_at and not self._may_retry()):
                return
            self._is_busy = True
            try:
                self._segments.append_start(record)
            except Exception as error:  # noqa: BLE001 - an observer fails open
                self._failed(error)
            finally:
                self._is_busy = False
                if self._deferred:
                    self._keep_deferred()

    def forget(self, record: Record, /) -> None:
        """Say that nobody wants the end of a call that was started."""
        with self._undisturbed() as is_first, contextlib.suppress(OSError):
            if is_first:  # else: at worst, a call is shown as `unknown` after the process has been killed
                self._segments.forget(record)
                if not self.waiting():
                    self._segments.retire()
        self._clear_away()

    def next_batch(self, limit: int, /) -> Sequence[Record]:
        """The oldest records, at most `limit`; they stay."""
        with self._undisturbed():
            if self._records or not self._backlog.count:
                return list(islice(self._records, limit))
        # Until the backlog is confirmed to its end, nothing is added to memory: this is the oldest. Read without the
        # lock, for which callers wait.
        batch = self._backlog.next_batch(limit)
        if not batch:
            with self._undisturbed():
                self.dropped += self._backlog.give_up()
        return batch

    def confirm(self, records: Sequence[Record], /) -> None:
        """Let go of the oldest records, and of files that nobody needs any more."""
        with self._undisturbed():
            if self._records:
                self._forget_oldest(len(records))
            else:
                self._confirmed = self._backlog.confirm()
            if not self.waiting():
                self._confirmed = self._segments.position
            # A full disk: the sink has the records, and after a death of the process it gets some of them once more.
            with contextlib.suppress(OSError):
                self._segments.confirm(self._confirmed)
        self._clear_away()

    def waiting(self) -> int:
        """How many records wait."""
        return len(self._records) + self._backlog.count

    def unconfirmed(self) -> Sequence[Record]:
        """What waits, oldest first."""
        with self._undisturbed():
            return [*self._records, *self._backlog.rest()]

    def rest(self) -> None:
        """Delete the files when nothing waits and no call is open; what is put later goes into a new one."""
        with self._undisturbed(), contextlib.suppress(OSError):
            if not self.waiting():
                self._segments.retire()
        self._clear_away()

    def _clear_away(self) -> None:
        # What cannot be deleted is confirmed, and so brings nothing in when somebody adopts it.
        with contextlib.suppress(OSError):
            self._segments.clear_away()

    def _keep(self, record: Record) -> bool:
        segments = self._segments
        before, position = segments.position, 0
        # What the files hold of the records in memory is a good measure of their size, and costs nothing.
        has_room = (
            len(self._records) < self._max_waiting
            and before - self._confirmed < self._max_bytes
            and not self._backlog.count
        )
        if before - segments.beginning < self._max_file_bytes and (not self._retry_at or self._may_retry()):
            try:
                # What will be read back from the file must stand there as a whole.
                position = segments.append_end(record, has_room)
            except Exception as error:  # noqa: BLE001 - an observer fails open
                self._failed(error)
        if has_room and (position or self._is_kept_loose(record[1])):
            self._records.append(record)
            self._positions.append(position)
        elif position:
            self._backlog.add(before)
        else:
            self.dropped += 1
            return False
        self.put_count += 1
        return True

    def _is_kept_loose(self, span: Span) -> bool:
        """Whether there is room for a record that could not be written."""
        if self._loose_bytes >= self._max_bytes:
            return False
        self._loose_bytes += span.weight
        return True

    def _keep_deferred(self) -> None:
        with self._undisturbed() as is_first:
            while is_first and self._deferred:
                self._keep(self._deferred.popleft())

    @contextmanager
    def _undisturbed(self) -> Iterator[bool]:
        """With the lock held; whether nothing else of this thread is in the middle of something here."""
        with self._lock:
            is_first, self._is_busy = not self._is_busy, True
            try:
                yield is_first
            finally:
                self._is_busy = not is_first
                if is_first and self._deferred:
                    self._keep_deferred()

    def _forget_oldest(self, count: int) -> None:
        for _ in range(count):
            _, span = self._records.popleft()
            position = self._positions.popleft()
            if position:
                self._confirmed = position
            else:
                self._loose_bytes -= span.weight

    def _may_retry(self) -> bool:
        if time.monotonic() < self._retry_at:
            return False
        self._retry_at = 0.0
        return True

    def _failed(self, error: Exception) -> None:
        # In the middle of `except`, so that the warning shows the error.
        if isinstance(error, OSError):
            self._retry_at = time.monotonic() + PAUSE_SECONDS
            self._segments.start_anew()
        message = "agentguard: the journal %s cannot be written; its records are in memory, and die with the process"
        warn_once((self._place, type(error)), message, self._place)


class SyncedJournalSpool(JournalSpool):
    """Accepts a record once it would survive a power cut as well: after the disk has said that it has it.

    The waiting is done without the lock, so that the disk takes what several threads have written at once.
    """

    def __init__(self, place: str) -> None:
        super().__init__(place, is_synced=True)

    def put(self, record: Record, /) -> bool:
        """Take one record, and wait until the disk has it; False, and counted, when there is no room."""
        accepted = super().put(record)
        self._sync()
        return accepted

    def note_start(self, record: Record, /) -> None:
        """Write down that a call is about to run, and wait until the disk has it."""
        super().note_start(record)
        self._sync()

    def _sync(self) -> None:
        try:
            self._segments.sync()
        except Exception as error:  # noqa: BLE001 - an observer fails open
            self._failed(error)
