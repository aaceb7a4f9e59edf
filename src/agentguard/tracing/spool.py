"""Where ended spans wait until the sink has them: between the callers, who must never wait, and one writer."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Literal, Protocol

from agentguard.tracing.span import Span

MAX_WAITING = 50_000
"""Spans: some seconds of a very busy process, and some 100 MB of ordinary ones."""
MAX_BYTES = 128_000_000
"""What waiting spans may hold in memory."""

Durability = Literal["buffered", "durable", "fsync"]
"""What a record survives: nothing, the death of its process, a power cut."""

Record = tuple[str, Span]
"""A recorder's id and one span for it. A span that two recorders keep is two records."""


class Spool(Protocol):
    """The seam between "a span has ended" and "the sink has it". `put` is called by callers, the rest by one writer."""

    put_count: int
    """Records accepted so far."""
    dropped: int
    """Records refused so far, for want of room."""
    many: int
    """So many waiting records are written, quiet or not."""
    patience_seconds: float
    """Nothing waits longer, quiet or not."""

    def put(self, record: Record, /) -> bool:
        """Take one record without waiting; False, and counted, when there is no room."""

    def note_start(self, record: Record, /) -> None:
        """A call is about to run. Only what outlives the process has a use for that."""

    def forget(self, record: Record, /) -> None:
        """Nobody wants the end of a call that was started."""

    def next_batch(self, limit: int, /) -> Sequence[Record]:
        """The oldest records that are not confirmed, at most `limit`; they stay."""

    def confirm(self, records: Sequence[Record], /) -> None:
        """Say that the sink has the oldest records, `records`: they may go."""

    def waiting(self) -> int:
        """How many records are accepted and not confirmed."""

    def unconfirmed(self) -> Sequence[Record]:
        """What is accepted and not confirmed, oldest first."""

    def rest(self) -> None:
        """Let go of files: nothing waits for now."""


class MemorySpool:
    """A spool in memory: what waits here dies with the process. Bounded in records and in bytes."""

    many = 2_000
    patience_seconds = 0.5

    def __init__(self, *, max_waiting: int = MAX_WAITING, max_bytes: int = MAX_BYTES) -> None:
        self.put_count = 0
        self.dropped = 0
        self._max_waiting = max_waiting
        self._max_bytes = max_bytes
        self._records: deque[Record] = deque()
        self._bytes = 0
        # Held for microseconds. Reentrant, because a signal handler or a finalizer that runs in between may itself make
        # a guarded call in this thread.
        self._lock = threading.RLock()

    def put(self, record: Record, /) -> bool:
        """Take one record without waiting; False, and counted, when there is no room."""
        weight = record[1].weight
        with self._lock:
            if len(self._records) >= self._max_waiting or self._bytes >= self._max_bytes:
                self.dropped += 1
                return False
            self._records.append(record)
            self._bytes += weight
            self.put_count += 1
            return True

    def note_start(self, record: Record, /) -> None:
        """Nothing to do: it would die together with the call."""

    def forget(self, record: Record, /) -> None:
        """Nothing was noted."""

    def next_batch(self, limit: int, /) -> Sequence[Record]:
        """The oldest records, at most `limit`; they stay."""
        with self._lock:
            return list(islice(self._records, limit))

    def confirm(self, records: Sequence[Record], /) -> None:
        """Let go of the oldest records."""
        with self._lock:
            for _, span in records:
                self._records.popleft()
                self._bytes -= span.weight

    def waiting(self) -> int:
        """How many records wait."""
        return len(self._records)

    def unconfirmed(self) -> Sequence[Record]:
        """What waits, oldest first."""
        with self._lock:
            return list(self._records)

    def rest(self) -> None:
        """There are no files."""
