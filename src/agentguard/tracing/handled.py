"""Exceptions that a traced function handles itself, noticed through `sys.monitoring` (Python 3.12 and later).

The interpreter tells of every exception that is handled anywhere; all but those handled in the frames of traced
functions are dismissed after one look. It is asked from the first span on that wants to know. Switching that on or off
makes the interpreter look at all running code anew, so it is switched off only after it has told in vain for a while:
then, and while nothing is raised, it costs nothing.
"""

from __future__ import annotations

import inspect
import sys
from types import CodeType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from agentguard.core.context import CURRENT, span_around
from agentguard.tracing.notices import warn_once

if TYPE_CHECKING:
    from agentguard.core.target import Target
    from agentguard.tracing.open_span import OpenSpan

IS_AVAILABLE = sys.version_info >= (3, 12)
"""Whether this Python can tell."""
IN_VAIN = 64
"""After how many handled exceptions outside of every watched span the interpreter is no longer asked."""

_TOOL_IDS = (4, 3)  # free for anyone, by the documentation of sys.monitoring
_NO_EVENTS = (StopIteration, StopAsyncIteration)  # how loops end, not errors


class _Watch:
    def __init__(self) -> None:
        self.codes: set[CodeType] = set()
        self.spans: dict[OpenSpan, CodeType] = {}  # open ones; single operations on it are atomic
        self.tool_id: int | None = None
        self.is_on = False
        self.in_vain = 0


_watch = _Watch()


def watched_code(target: Target) -> CodeType | None:
    """The code of the function that `target` will run, to be given to `watch`; None when this Python cannot tell."""
    if not IS_AVAILABLE:
        return None
    inner = inspect.unwrap(target.inner)
    fn = inner.__func__ if isinstance(inner, MethodType) else inner
    if not isinstance(fn, FunctionType):
        return None
    _watch.codes.add(fn.__code__)
    return fn.__code__


def watch(span: OpenSpan, code: CodeType) -> None:
    """Record on `span` what is handled in `code` from now on, until `forget`."""
    _watch.spans[span] = code
    _watch.in_vain = 0
    if not _watch.is_on:
        _switch_on()


def forget(span: OpenSpan) -> None:
    """`span` has ended."""
    _watch.spans.pop(span, None)


def _switch_on() -> None:
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined]  # 3.12
    if _watch.tool_id is None and not _take_tool(monitoring):
        return
    _watch.is_on = True
    _watch.in_vain = 0
    monitoring.set_events(_watch.tool_id, monitoring.events.EXCEPTION_HANDLED)


def _take_tool(monitoring: Any) -> bool:
    for tool_id in _TOOL_IDS:
        if monitoring.get_tool(tool_id) is None:
            monitoring.use_tool_id(tool_id, "agentguard")
            monitoring.register_callback(tool_id, monitoring.events.EXCEPTION_HANDLED, _on_handled)
            _watch.tool_id = tool_id
            return True
    warn_once("monitoring", "agentguard: sys.monitoring is taken; handled exceptions need record_exception(error)")
    return False


def _on_handled(code: CodeType, _offset: int, error: BaseException) -> None:
    # Runs in the user's code, wherever that handles an exception: whatever it raised, the user would get.
    if code not in _watch.codes:
        if not _watch.spans:
            _count_in_vain()
        return
    if not isinstance(error, Exception) or isinstance(error, _NO_EVENTS):
        return
    try:
        span = span_around(CURRENT.get())
        while span is not None and _watch.spans.get(span) is not code:
            span = getattr(span, "above", None)  # handled inside a block that the function has opened
        if span is not None:
            span.record_exception(error)
    except Exception:  # noqa: BLE001 - an observer fails open
        warn_once("handled", "agentguard: a handled exception could not be recorded; the call goes on")


def _count_in_vain() -> None:
    _watch.in_vain += 1
    if _watch.in_vain >= IN_VAIN and _watch.is_on:
        _watch.is_on = False
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined]  # 3.12
        monitoring.set_events(_watch.tool_id, 0)
