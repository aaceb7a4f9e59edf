"""A span that is still going on: what may be written to it, and how it ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from agentguard.core.result import CallStatus, is_refusal_of, status_of
from agentguard.tracing.decoding import decoded
from agentguard.tracing.notices import warn_once
from agentguard.tracing.snapshot import snapshot
from agentguard.tracing.span import Span, SpanKind, SpanStatus
from agentguard.tracing.walk import outline

if TYPE_CHECKING:
    from agentguard.core.call import ToolCall
    from agentguard.policies.redaction import Redactor

STATUS_OF_CALL: dict[CallStatus, SpanStatus] = {
    CallStatus.SUCCESS: "ok",
    CallStatus.TIMEOUT: "timeout",
    CallStatus.CANCELLED: "cancelled",
    CallStatus.STOPPED_EARLY: "stopped_early",
    CallStatus.UNKNOWN: "unknown",
}
"""How a span ends for what becomes of its call; anything else is an error."""


class OpenSpan(Span):
    """A span that is still going on in a call. Nothing that happens to it raises into the call."""

    __slots__ = ("_began", "_call", "_cleaner")

    def __init__(  # noqa: PLR0917 - as for Span
        self,
        call: ToolCall | None,
        cleaner: Redactor,
        span_id: str,
        trace_id: str,
        parent_id: str | None,
        session_id: str | None,
        kind: SpanKind,
        name: str,
    ) -> None:
        super().__init__(span_id, trace_id, parent_id, session_id, kind, name, time.time())
        self._call = call  # None once the span has ended: a span must not keep a call's values alive
        self._cleaner = cleaner
        self._began = time.perf_counter()

    @property
    def is_open(self) -> bool:
        """Whether it is still going on."""
        return self._call is not None

    def note(self, name: str, value: Any) -> None:
        """Add an attribute; `value` is copied, bounded and redacted. Does nothing once the span has ended."""
        if self._call is None:
            return
        try:
            self.attributes.update(self._plain({name: value}))
        except Exception:  # noqa: BLE001 - an observer fails open
            warn_once("note", "agentguard: an attribute could not be recorded; the call goes on")

    def add_event(self, name: str, /, **attributes: Any) -> None:
        """Add an event that happens now; it is copied, bounded and redacted. Does nothing once the span has ended."""
        if self._call is None:
            return
        try:
            at = round(time.perf_counter() - self._began, 6)
            self.events.append(self._plain({**attributes, "name": name, "at": at}))
        except Exception:  # noqa: BLE001 - an observer fails open
            warn_once("event", "agentguard: an event could not be recorded; the call goes on")

    def record_exception(self, error: BaseException) -> None:
        """Add an event about an exception that was handled here. Does nothing once the span has ended."""
        self.add_event("exception", **outline(error))

    def fail(self, error: BaseException) -> None:
        """End with the exception that leaves the call, or this attempt of it."""
        call = self._call
        if call is None:
            return
        try:
            self._take_error(call, error)
        except Exception:  # noqa: BLE001 - an observer fails open
            warn_once("span", "agentguard: the end of a call could not be recorded in full; the call goes on")
        self.close()

    def close(self) -> None:
        """End with the status it has: `unknown`, when nobody said how it went."""
        self.duration = time.perf_counter() - self._began
        self._call = None
        # An abandoned body may be in the middle of `note`: it goes on with containers that nobody looks at.
        self.attributes = self.attributes.copy()
        self.events = self.events.copy() if self.events else []

    def _take_error(self, call: ToolCall, error: BaseException) -> None:
        status = status_of(error, call)
        self.attributes["call_status"] = status.value
        if is_refusal_of(error, call):
            self.status = "denied"
            self.attributes["refusal"] = getattr(error, "code", "rejected")
        else:
            self.status = STATUS_OF_CALL.get(status, "error")
        if status is not CallStatus.STOPPED_EARLY:
            self.error_json = snapshot(outline(error), self._cleaner)

    def _plain(self, value: Any) -> Any:
        return decoded(snapshot(value, self._cleaner))
