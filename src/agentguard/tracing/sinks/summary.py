"""Sums over spans, for readers that have no SQL."""

from __future__ import annotations

from collections.abc import Iterable

from agentguard.tracing.sinks.port import Outcome, SessionSummary
from agentguard.tracing.span import Span

ENDED_WELL = ("ok", "stopped_early")
"""What a tool call has as status when it ended with the tool's own result."""


def outcomes_of(spans: Iterable[Span]) -> list[Outcome]:
    """The tool calls among `spans`, as statistics need them."""
    return [Outcome(span.name, span.status, span.duration) for span in spans if span.kind == "tool"]


def sessions_of(spans: Iterable[Span]) -> list[SessionSummary]:
    """Every session that `spans` belong to, by start."""
    members: dict[str | None, list[Span]] = {}
    for span in spans:
        members.setdefault(span.session_id, []).append(span)
    return sorted((_summary(*item) for item in members.items()), key=lambda session: session.started_at)


def _summary(session_id: str | None, spans: list[Span]) -> SessionSummary:
    calls = [span for span in spans if span.kind == "tool"]
    return SessionSummary(
        session_id=session_id,
        started_at=min(span.started_at for span in spans),
        last=max(span.started_at + span.duration for span in spans),
        calls=len(calls),
        errors=sum(span.status not in ENDED_WELL for span in calls),
    )


def merged(sessions: Iterable[SessionSummary]) -> list[SessionSummary]:
    """`sessions` of several stores, by start: parts of one session become one."""
    whole: dict[str | None, SessionSummary] = {}
    for part in sessions:
        known = whole.get(part.session_id, part)
        whole[part.session_id] = part if known is part else _joined(known, part)
    return sorted(whole.values(), key=lambda session: session.started_at)


def _joined(one: SessionSummary, other: SessionSummary) -> SessionSummary:
    return SessionSummary(
        session_id=one.session_id,
        started_at=min(one.started_at, other.started_at),
        last=max(one.last, other.last),
        calls=one.calls + other.calls,
        errors=one.errors + other.errors,
    )
