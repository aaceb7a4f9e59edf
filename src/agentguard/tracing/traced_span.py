"""The span of a decorated function, of a block, or of a stream."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from agentguard.core.context import ROOT, Enclosing, span_around
from agentguard.core.ids import CALL_IDS
from agentguard.core.result import StoppedEarly
from agentguard.tracing import handled
from agentguard.tracing.handled_log import HandledLog
from agentguard.tracing.notices import warn_once
from agentguard.tracing.open_span import OpenSpan
from agentguard.tracing.snapshot import snapshot
from agentguard.tracing.span import SpanStatus
from agentguard.tracing.stream_copy import StreamCopy
from agentguard.tracing.stretch import Stretch
from agentguard.tracing.walk import outline

if TYPE_CHECKING:
    from agentguard.core.context import Collector
    from agentguard.policies.redaction import Redactor
    from agentguard.tracing.span_plan import SpanPlan

_NO_CALL: Any = object()  # stands where a guarded call's span keeps its call: no more than a mark that it is open


class TracedSpan(OpenSpan, Stretch):
    """A span that code opened around itself. It is current wherever `with span:` is; ending it hands it in, once.

    Belongs to one call. Nothing that happens to it raises into the code, which may go on using it after its end.
    """

    __slots__ = ("_collectors", "_copy", "_handled", "_plan", "_token", "above", "items", "scope")

    def __init__(  # noqa: PLR0917 - made once a call, like every span
        self,
        plan: SpanPlan,
        cleaner: Redactor,
        here: Enclosing,
        collectors: tuple[Collector, ...],
        own: Collector | None,
        session_id: str | None,
    ) -> None:
        """A span inside `here` that goes to the `collectors` open there, and to `own` with all that is inside of it."""
        span_id = CALL_IDS.text(CALL_IDS.next_number())
        scope = here.scope
        session = scope.session_id if session_id is None else session_id
        above: OpenSpan | None = span_around(here)
        if above is None:
            super().__init__(_NO_CALL, cleaner, span_id, span_id, None, session, plan.kind, plan.title)
        else:
            super().__init__(_NO_CALL, cleaner, span_id, above.trace_id, above.span_id, session, plan.kind, plan.title)
            if not above.is_open:
                self.attributes["late"] = True  # a task that outlived what started it
        if plan.attributes:
            self.attributes.update(plan.attributes)
        self.above = above
        """The span around it; None at the top, and once this one has ended."""
        self.items = 0
        """Items that came out of the stream so far."""
        self._plan = plan
        self._collectors = collectors if own is None else (*collectors, own)
        self._copy: StreamCopy | None = None
        self._handled: HandledLog | None = None
        self._token = None
        run_id = span_id if plan.kind == "agent" else None
        self.scope = scope.joined(caller=here.caller, session_id=session_id, collector=own, span=self, run_id=run_id)
        """What code inside of it runs in, until it has ended."""

    def take_input(self, arguments: dict[str, Any]) -> None:
        """Take the arguments as they are now."""
        try:
            self.input_json = snapshot(arguments, self._cleaner)
        except Exception:  # noqa: BLE001 - an observer fails open
            warn_once("input", "agentguard: the arguments of a call could not be recorded; the call goes on")

    def note_start(self) -> None:
        """Have it taken down that this has begun: should the process die, it is found as `unknown`."""
        for collector in self._collectors:
            note = getattr(collector, "note_start", None)
            if note is not None:
                note(self)

    def end(self, value: Any = None) -> None:
        """End well, with what the function returned."""
        if self._call is None:
            return
        self.status = "ok"
        try:
            if self._plan.capture_output and value is not None:
                self.output_json = snapshot(value, self._cleaner)
            if self._plan.counts_tokens:
                self._take_usage(value)
        except Exception:  # noqa: BLE001 - an observer fails open
            warn_once("span", "agentguard: the end of a call could not be recorded in full; the call goes on")
        self.close()

    def take_item(self, item: Any) -> None:
        """One more item has come out of the stream."""
        self.items += 1
        if self.items == 1:
            self.attributes["first_item_after"] = round(time.perf_counter() - self._began, 6)
            if self._plan.capture_output and self._call is not None:
                self._copy = StreamCopy(self._snapshot)
        if self._copy is not None:
            self._copy.add(item)

    def end_stream(self, value: Any = None) -> None:
        """End a stream that has handed out everything; `value` is what its generator returned."""
        if self._call is not None and value is not None:
            self.note("return_value", value)
        self.status = "ok"
        self.close()

    def record_exception(self, error: BaseException) -> None:
        """Add an event about an exception that was handled here, once for each exception."""
        if self._handled is None:
            self._handled = HandledLog()
        kept = outline(error)
        if self._handled.is_news(error, kept):
            self.add_event("exception", **kept, handled=True)
            if self.events:
                self._handled.keep(error, kept, self.events[-1])

    def close(self) -> None:
        """End with the status it has, and go to everyone who records here. Does nothing the second time."""
        if self._call is None:
            return
        handled.forget(self)
        self._take_stream()
        if self._handled is not None and self._handled.not_shown:
            self.attributes["handled_not_shown"] = self._handled.not_shown
        super().close()
        give(self, self._collectors)
        # What has ended keeps nothing alive: it may wait long for a store, and a task that outlives it may hold it.
        self._collectors = ()
        self._copy = self._handled = self.above = None
        self.scope = ROOT

    def _take_error(self, _call: Any, error: BaseException) -> None:
        self.status = status_after(error)
        if self._handled is not None:
            self._handled.take_back(error, self.events)  # it was not swallowed
        if self.status not in ("ok", "stopped_early"):
            self.error_json = snapshot(outline(error), self._cleaner)

    def _take_stream(self) -> None:
        if self.items:
            self.attributes["items"] = self.items
        copy = self._copy
        if copy is None:
            return
        try:
            self.output_json = copy.output()
        except Exception:  # noqa: BLE001 - an observer fails open
            warn_once("stream", "agentguard: the items of a stream could not be recorded; the call goes on")
        if copy.kept < self.items:
            self.attributes["items_kept"] = copy.kept

    def _take_usage(self, value: Any) -> None:
        usage = value.get("usage") if isinstance(value, dict) else getattr(value, "usage", None)
        for name in ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "total_tokens"):
            count = usage.get(name) if isinstance(usage, dict) else getattr(usage, name, None)
            if isinstance(count, int):
                self.attributes[name] = count

    def _snapshot(self, value: Any) -> bytes:
        return snapshot(value, self._cleaner)


def status_after(error: BaseException) -> SpanStatus:
    """How a span ends that `error` leaves: leaving a generator early and a program without an error are no errors."""
    if isinstance(error, StoppedEarly | GeneratorExit):
        return "stopped_early"
    if isinstance(error, SystemExit):
        return "ok" if error.code in (None, 0) else "error"
    return "error" if isinstance(error, Exception) else "cancelled"


def give(span: TracedSpan, collectors: Iterable[Collector]) -> None:
    """Hand an ended span to every collector; one that raises misses it, and only that."""
    for collector in collectors:
        try:
            collector.collect(span)
        except Exception:  # noqa: BLE001 - an observer fails open
            warn_once(type(collector), "agentguard: %s failed to take a span; the call goes on", type(collector))
