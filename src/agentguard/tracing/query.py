"""Which spans are asked for."""

from __future__ import annotations

from dataclasses import dataclass

from agentguard.errors import ConfigError
from agentguard.tracing.span import SPAN_STATUSES, Span, SpanKind, SpanStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A filter over recorded spans; None leaves a question open. The answer is in order of start.

    Raises:
        ConfigError: `status` is no status of a span, or `limit` is negative.
    """

    session: str | None = None
    """Spans of this session."""
    trace: str | None = None
    """Spans of this trace."""
    tool: str | None = None
    """Calls of the tool of this name."""
    kind: SpanKind | None = None
    """Spans of this kind."""
    status: SpanStatus | None = None
    """Spans that ended this way."""
    since: float | None = None
    """Spans that started at or after this wall-clock time, seconds since 1970."""
    until: float | None = None
    """Spans that started before this wall-clock time."""
    recorder: str | None = None
    """Spans that this recorder kept."""
    limit: int | None = None
    """The newest so many; None means all."""

    def __post_init__(self) -> None:
        """Check what would otherwise silently find nothing."""
        if self.status is not None and self.status not in SPAN_STATUSES:
            raise ConfigError(f"status: {self.status!r} is none of {', '.join(SPAN_STATUSES)}")
        if self.limit is not None and self.limit < 0:
            raise ConfigError(f"limit: {self.limit!r} is negative")

    @property
    def equalities(self) -> dict[str, str]:
        """The questions that ask for one exact value, by the span's attribute."""
        asked = {
            "session_id": self.session,
            "trace_id": self.trace,
            "name": self.tool,
            "kind": "tool" if self.tool is not None and self.kind is None else self.kind,
            "status": self.status,
        }
        return {name: value for name, value in asked.items() if value is not None}

    def matches(self, span: Span) -> bool:
        """Whether `span` is asked for, `recorder` and `limit` aside."""
        if any(getattr(span, name) != value for name, value in self.equalities.items()):
            return False
        after = self.since is None or span.started_at >= self.since
        return after and (self.until is None or span.started_at < self.until)

    def newest(self, spans: list[Span]) -> list[Span]:
        """`spans` in order of start, as many as `limit` allows."""
        ordered = sorted(spans, key=lambda span: span.started_at)
        return ordered if self.limit is None else ordered[max(0, len(ordered) - self.limit) :]
