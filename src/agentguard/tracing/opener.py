"""Opening the spans of one decorated function, or of one block."""

from __future__ import annotations

from dataclasses import replace
from types import CodeType
from typing import Any

from agentguard.core.context import CURRENT, ROOT, Collector, Enclosing
from agentguard.core.target import Target
from agentguard.tracing import handled
from agentguard.tracing.decoding import decoded
from agentguard.tracing.default_store import DEFAULT, default_collector
from agentguard.tracing.notices import warn_once
from agentguard.tracing.session_log import SessionLog
from agentguard.tracing.snapshot import clean_name, redactor_for, snapshot
from agentguard.tracing.span_plan import SpanPlan
from agentguard.tracing.stretch import Stretch, UnrecordedRun
from agentguard.tracing.traced_span import TracedSpan

_OWN_NAMES = ("self", "cls", "mcs")


class Opener:
    """Opens the spans of one decorated function. Made at decoration; shared by tasks and threads."""

    def __init__(
        self, plan: SpanPlan, name: str, target: Target | None = None, *, session_id: str | None = None
    ) -> None:
        self._cleaner = redactor_for(plan.redact)
        attributes = decoded(snapshot(dict(plan.attributes), self._cleaner)) if plan.attributes else {}
        self._plan = replace(plan, name=clean_name(name, self._cleaner), attributes=attributes)
        self._session_id = session_id
        self._bind = target.bind if target is not None and plan.capture_input else None
        self._is_run = plan.kind == "agent"
        # Costs as much as a span. Of what is inside an agent, a plain stretch is worth it least.
        self._notes_start = plan.kind != "span"
        self._holder = _holder_name(target)
        self.code: CodeType | None = handled.watched_code(target) if target and plan.capture_handled else None
        """The code whose handled exceptions are recorded; None when they are not."""

    def open(self, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Stretch | None:
        """Start the span of a call with these arguments; None when nothing records it. Never raises."""
        here = CURRENT.get()
        # One comparison and one look, for whoever has tracing switched off.
        if here is ROOT and DEFAULT.is_off:
            return UnrecordedRun(here) if self._is_run else None
        try:
            span = self.started(here)
            if span is None:
                return UnrecordedRun(here) if self._is_run and here.scope.run_id is None else None
            if self._bind is not None:
                arguments = self._bind(args, {} if kwargs is None else kwargs)
                arguments.pop(self._holder, None)
                span.take_input(arguments)
            if self._notes_start or span.parent_id is None:
                span.note_start()
            if self.code is not None:
                handled.watch(span, self.code)
        except Exception:  # noqa: BLE001 - an observer fails open
            warn_once("open", "agentguard: a span could not be opened; the call goes on")
            return None
        return span

    def started(self, here: Enclosing) -> TracedSpan | None:
        """Start a span inside `here`, without arguments."""
        collectors = here.scope.seen_by(None).collectors
        own = default_collector() if not collectors else _own(collectors)
        if own is None and not collectors:
            return None
        return TracedSpan(self._plan, self._cleaner, here, collectors, own, self._session_id)


def _own(collectors: tuple[Collector, ...]) -> Collector | None:
    """The default store, where no recorder is open; a session only remembers."""
    if all(isinstance(collector, SessionLog) for collector in collectors):
        return default_collector()
    return None


def _holder_name(target: Target | None) -> str:
    """The parameter that a method is bound to, which is no argument of its call."""
    first = next(iter(target.signature.parameters), "") if target is not None else ""
    return first if first in _OWN_NAMES else ""
