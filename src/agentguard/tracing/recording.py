"""What one recorder has kept, read from its store."""

from __future__ import annotations

import os
import threading

from agentguard.errors import StorageError
from agentguard.tracing.entry import TraceEntry, entries_of
from agentguard.tracing.outlets import Outlet
from agentguard.tracing.query import Query
from agentguard.tracing.session_log import by_start
from agentguard.tracing.sinks.summary import outcomes_of
from agentguard.tracing.span import Span
from agentguard.tracing.stats import TraceStats, stats_of

WAIT_SECONDS = 2.0
"""How long a question about a recording waits for what is still being written, and a block at its end."""


class Recording:
    """A collector whose spans go to one store, and the answers about exactly these spans.

    May be shared by tasks and threads. The answers contain every span collected before the question; they wait for the
    writer, up to 2 seconds, and blocking.
    """

    def __init__(self) -> None:
        self.recorder_id = os.urandom(8).hex()
        """Tells this recorder's spans from those that others keep in the same store."""
        self._outlet: Outlet | None = None
        self._is_open = False
        self._dropped = _Tally()

    def collect(self, span: Span, /) -> None:
        """Take a finished span, without waiting."""
        outlet = self._outlet
        if outlet is not None and self._is_open and outlet.writer.put((self.recorder_id, span)):
            return
        self._dropped.add()
        if outlet is not None and not self._is_open:
            outlet.writer.forget((self.recorder_id, span))

    def note_start(self, span: Span, /) -> None:
        """Take down that the call of `span` is about to run: should its process die, it ends as `unknown`."""
        outlet = self._outlet
        if self._is_open and outlet is not None:
            outlet.writer.note_start((self.recorder_id, span))

    @property
    def dropped(self) -> int:
        """Spans that were not kept: they ended after the recorder had closed, or found no room."""
        return self._dropped.count

    def entries(self) -> list[TraceEntry]:
        """The tool calls, by start.

        Raises:
            StorageError: The store can no longer be read.
        """
        return entries_of(self._spans(Query(kind="tool", recorder=self.recorder_id)))

    def spans(self) -> list[Span]:
        """Everything, by start.

        Raises:
            StorageError: The store can no longer be read.
        """
        return self._spans(Query(recorder=self.recorder_id))

    def stats(self) -> TraceStats:
        """How the calls went, in numbers.

        Raises:
            StorageError: The store can no longer be read.
        """
        query = Query(kind="tool", recorder=self.recorder_id)
        outlet = self._outlet
        # Where everything is written, the store gives the few columns that are needed.
        outcomes = outlet.reader.outcomes(query) if outlet and self.flush() else outcomes_of(self._spans(query))
        return stats_of(outcomes, dropped=self.dropped)

    def flush(self, timeout: float = WAIT_SECONDS) -> bool:
        """Wait up to `timeout` seconds until every span collected so far is in the store; False when it is not."""
        return self._outlet is None or self._outlet.writer.flush(timeout)

    def _spans(self, query: Query) -> list[Span]:
        outlet = self._outlet
        if outlet is None:
            return []
        if self.flush():
            return outlet.reader.spans(query)
        # The store is locked, full or gone for now: what it could not take yet is still here.
        waiting = [span for recorder_id, span in outlet.writer.unwritten() if recorder_id == self.recorder_id]
        try:
            stored = outlet.reader.spans(query)
        except StorageError:
            stored = []
        found = {span.span_id: span for span in (*stored, *waiting) if query.matches(span)}
        return sorted(found.values(), key=by_start)


class _Tally:
    """An exact count of rare things, from any thread."""

    def __init__(self) -> None:
        self.count = 0

    def add(self) -> None:
        with _counting:
            self.count += 1


# One for all tallies, because nothing is counted often. Reentrant: see MemorySpool. A lock that another thread holds
# while the process forks stays locked in the child for ever, hence the hook below.
_counting = threading.RLock()


def _renew_lock() -> None:
    global _counting  # noqa: PLW0603 - the one lock of this module
    _counting = threading.RLock()


os.register_at_fork(after_in_child=_renew_lock)
