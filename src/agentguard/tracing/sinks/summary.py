"""Sums over spans, for readers that have no SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from agentguard.tracing.sinks.port import Outcome, SessionSummary
from agentguard.tracing.span import Span

ENDED_WELL = ("ok", "stopped_early")
"""What a tool call has as status when it ended with the tool's own result."""


def outcomes_of(spans: Iterable[Span]) -> list[Outcome]:
    """The tool calls among `spans`, as statistics need them."""
    return [outcome_of(span) for span in spans if span.kind == "tool"]


def outcome_of(span: Span) -> Outcome:
    """A tool call, as statistics need it."""
    outcome = Outcome(span.name, span.status, span.duration, span.started_at, span.span_id, span.parent_id)
    if span.status != "ok" or "attempts" in span.attributes:
        return detailed(outcome, span.attributes, span.error)
    return outcome


def detailed(outcome: Outcome, attributes: Mapping[str, Any], error: Mapping[str, Any] | None) -> Outcome:
    """`outcome` with what the call's attributes and error say. A store is a file: nothing in it is certain."""
    attempts, refusal = attributes.get("attempts", 1), attributes.get("refusal")
    kind = None if error is None else error.get("type")
    return outcome._replace(
        refusal=str(refusal or "rejected") if outcome.status == "denied" else None,
        attempts=attempts if isinstance(attempts, int) else 1,
        ran=attributes.get("ran") is not False,
        error_type=kind if isinstance(kind, str) else None,
    )


def sessions_of(spans: Iterable[Span]) -> list[SessionSummary]:
    """Every session that `spans` belong to, by start. Looks at one span at a time."""
    return merged(map(_alone, spans))


def _alone(span: Span) -> SessionSummary:
    """A session of this one span."""
    is_call, was_refused = span.kind == "tool", span.status == "denied"
    return SessionSummary(
        session_id=span.session_id,
        started_at=span.started_at,
        last=span.started_at + span.duration,
        calls=int(is_call),
        errors=int(is_call and not was_refused and span.status not in ENDED_WELL),
        refused=int(is_call and was_refused),
    )


def merged(sessions: Iterable[SessionSummary]) -> list[SessionSummary]:
    """`sessions` of several stores, by start: parts of one session become one."""
    whole: dict[str | None, SessionSummary] = {}
    for part in sessions:
        known = whole.get(part.session_id)
        whole[part.session_id] = part if known is None else _joined(known, part)
    return sorted(whole.values(), key=lambda session: session.started_at)


def _joined(one: SessionSummary, other: SessionSummary) -> SessionSummary:
    return SessionSummary(
        session_id=one.session_id,
        started_at=min(one.started_at, other.started_at),
        last=max(one.last, other.last),
        calls=one.calls + other.calls,
        errors=one.errors + other.errors,
        refused=one.refused + other.refused,
    )
