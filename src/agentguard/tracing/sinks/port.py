"""What every sink and every reader of its files offers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from agentguard.errors import StorageError
from agentguard.tracing.query import Query
from agentguard.tracing.span import Span, SpanStatus
from agentguard.tracing.spool import Record


class TryLater(StorageError):  # noqa: N818 - an answer to the writer, and no error of anybody
    """What `write` raises when the store takes nothing for now: the records stay where they wait, and come again."""

    def __init__(self, reason: str, *, seconds: float = 0.0, is_said: bool = False) -> None:
        super().__init__(reason)
        self.seconds = seconds
        """Not before so many seconds have passed, because the store said so; 0 leaves it to the writer."""
        self.is_said = is_said
        """Whether the user has been told already, so that the writer need not."""


class Sink(Protocol):
    """Takes batches of records. Owned by one writer thread, which calls everything here but `abandon`."""

    def open(self) -> None:
        """Make ready now what the first `write` would otherwise make ready. A store that is merely busy is no error.

        Raises:
            StorageError: It cannot be written as things are; the message names the path and says what to do.
        """

    def write(self, records: Sequence[Record], /) -> None:
        """Store all of `records`, or raise; what is stored already is not stored twice. May be called after `close`."""

    def close(self) -> None:
        """Let go of files; the next `write` opens them again."""

    def abandon(self) -> None:
        """Forget open files without touching them: in a forked child they belong to the parent."""


class Outcome(NamedTuple):
    """What statistics need of one tool call."""

    tool: str
    """The tool's name."""
    status: SpanStatus
    """How it ended."""
    duration: float
    """Seconds, the whole guard included."""
    started_at: float = 0.0
    """Wall clock, seconds since 1970."""
    span_id: str = ""
    """The call's id."""
    parent_id: str | None = None
    """The span around it; None at the top."""
    refusal: str | None = None
    """The code of the refusal; None when it was not refused."""
    attempts: int = 1
    """How often it was tried, from 1."""
    ran: bool = True
    """Whether the tool's body had started."""
    error_type: str | None = None
    """Class of the error it ended with; None without one."""


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """One recorded session."""

    session_id: str | None
    """Its id; None gathers what was recorded outside of every session."""
    started_at: float
    """Start of its first span, wall clock."""
    last: float
    """End of its last span, wall clock."""
    calls: int
    """Tool calls in it."""
    errors: int
    """Tool calls that ended neither with the tool's own result nor with a refusal."""
    refused: int = 0
    """Tool calls that were refused: their tool did not run."""


class Reader(Protocol):
    """Answers questions about what a sink has stored, also while some process goes on writing. Changes nothing."""

    skipped: int
    """Rows that could not be read, in the latest answer."""

    def spans(self, query: Query, /) -> list[Span]:
        """The spans asked for, each once, by start."""

    def outcomes(self, query: Query, /) -> Iterable[Outcome]:
        """The tool calls asked for, by start."""

    def sessions(self) -> list[SessionSummary]:
        """Every session, by start."""
