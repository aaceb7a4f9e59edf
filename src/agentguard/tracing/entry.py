"""A recorded tool call, in the shape of the live one: what `entries()` of a recorder, a session or a store gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from agentguard.core.result import CallStatus
from agentguard.tracing.span import Span, SpanStatus


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call as it was recorded: attributes of `ToolCall`, arguments by parameter name."""

    tool_name: str
    """The tool's name."""
    call_id: str
    """The id of the call."""
    session_id: str | None
    """The session it belonged to; None outside of one."""
    kwargs: dict[str, Any]
    """The arguments by parameter name, positional ones too; empty when they were not captured."""
    started_at: float
    """Wall clock, seconds since 1970. (A live call has a monotonic time here.)"""
    metadata: dict[str, Any] = field(default_factory=dict)
    """What was known about the call besides its arguments."""
    args: tuple[Any, ...] = ()
    """Always empty: see `kwargs`."""

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments by parameter name."""
        return self.kwargs


@dataclass(frozen=True, slots=True)
class RecordedResult:
    """What came of a recorded call: attributes of `ToolResult`, with the error as text."""

    tool_name: str
    """The tool's name."""
    call_id: str
    """The id of the call."""
    status: CallStatus
    """How the call ended."""
    return_value: Any
    """The whole value, as JSON keeps it (tuples and sets are lists); None when it failed or was not captured."""
    exception: str | None
    """The error's text; None on success."""
    exception_type: str | None
    """The error's class name; None on success."""
    execution_time: float
    """Seconds in the tool's body, last attempt; if it raised, seconds in the whole guard; 0 if it did not run."""
    attempts: int
    """How often the tool was tried, from 1."""
    truncated: bool
    """Whether the caller got less than `return_value`."""
    cost: float | None
    """US dollars; None when nothing counted money."""
    ran: bool = True
    """Whether the tool's body had started: False for a refused call, which has had no effect."""

    @property
    def execution_time_ms(self) -> float:
        """`execution_time` in milliseconds."""
        return self.execution_time * 1000.0

    @property
    def succeeded(self) -> bool:
        """Whether the tool's own result was there."""
        return self.status is CallStatus.SUCCESS

    @property
    def failed(self) -> bool:
        """The opposite of `succeeded`."""
        return not self.succeeded

    @property
    def retry_count(self) -> int:
        """Attempts after the first."""
        return self.attempts - 1


@dataclass(frozen=True, slots=True)
class TraceEntry:
    """One recorded tool call and what came of it."""

    call: RecordedCall
    """What was called."""
    result: RecordedResult
    """What came of it."""
    span: Span = field(repr=False)
    """The span that both were read from."""

    @property
    def call_id(self) -> str:
        """The id of the call."""
        return self.call.call_id

    @property
    def tool_name(self) -> str:
        """The tool's name."""
        return self.call.tool_name


_STATUS: dict[SpanStatus, CallStatus] = {
    "ok": CallStatus.SUCCESS,
    "error": CallStatus.FAILURE,
    "cancelled": CallStatus.CANCELLED,
    "timeout": CallStatus.TIMEOUT,
    "denied": CallStatus.DENIED,
    "stopped_early": CallStatus.STOPPED_EARLY,
    "unknown": CallStatus.UNKNOWN,
}


def entry_of(span: Span) -> TraceEntry:
    """Rebuild the call and its result from the span of a tool call."""
    call_id = span.span_id
    attributes = span.attributes
    error = span.error or {}
    call = RecordedCall(
        tool_name=span.name,
        call_id=call_id,
        session_id=span.session_id,
        kwargs=_mapping(span.input),
        started_at=span.started_at,
        metadata=_mapping(attributes.get("metadata")),
    )
    result = RecordedResult(
        tool_name=span.name,
        call_id=call_id,
        status=CallStatus(attributes.get("call_status", _STATUS[span.status])),
        return_value=span.output,
        exception=_text(error.get("message")),
        exception_type=error.get("type"),
        execution_time=attributes.get("execution_time", span.duration if attributes.get("ran", True) else 0.0),
        attempts=attributes.get("attempts", 1),
        truncated=attributes.get("truncated", False),
        cost=attributes.get("cost"),
        ran=attributes.get("ran", True),
    )
    return TraceEntry(call, result, span)


def _text(message: Any) -> str | None:
    if isinstance(message, dict):  # a text that was too long: see tracing/walk.py
        return f"{message.get('head')}... ({message.get('size')} characters)"
    return None if message is None else str(message)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def entries_of(spans: list[Span]) -> list[TraceEntry]:
    """The tool calls among `spans`, in the same order."""
    return [entry_of(span) for span in spans if span.kind == "tool"]
