"""Traces that go on in other processes: the W3C `traceparent` header, out and in (https://www.w3.org/TR/trace-context/).

Ids there are 32 and 16 hexadecimal digits. Ours are not, so that each of ours has one there: the same for the same id,
in every process. An id that came in from there keeps it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from agentguard.core.context import CURRENT, enter, leave, span_around
from agentguard.tracing.notices import warn_once

if TYPE_CHECKING:
    from agentguard.tracing.open_span import OpenSpan
    from agentguard.tracing.span import Span

_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
_SPAN_ID = re.compile(r"(?!0{16})[0-9a-f]{16}")
# A later version may add parts behind; "ff" is forbidden.
_TRACEPARENT = re.compile(rf"(?!ff)([0-9a-f]{{2}})-({_TRACE_ID.pattern})-({_SPAN_ID.pattern})-[0-9a-f]{{2}}(-.*)?")
_SAMPLED = "01"
_ELSEWHERE: Any = object()  # stands where a span keeps its call: no more than a mark that it is open


def w3c_trace_id(trace_id: str) -> str:
    """The 32 hexadecimal digits that stand for this trace."""
    return trace_id if _TRACE_ID.fullmatch(trace_id) else _digest(trace_id, 16)


def w3c_span_id(span_id: str) -> str:
    """The 16 hexadecimal digits that stand for this span."""
    return span_id if _SPAN_ID.fullmatch(span_id) else _digest(span_id, 8)


def traceparent() -> str | None:
    """The `traceparent` header that makes what a server does a part of the current span; None outside of every span.

    Send it with the requests that a tool makes: `headers={"traceparent": ...}`.
    """
    span: Span | None = span_around(CURRENT.get())
    if span is None:
        return None
    return f"00-{w3c_trace_id(span.trace_id)}-{w3c_span_id(span.span_id)}-{_SAMPLED}"


@contextmanager
def continue_trace(traceparent: str | None) -> Iterator[None]:
    """Make the calls inside the block a part of the trace that came in with a request.

    A header that is missing or malformed changes nothing, as the standard asks; a malformed one is logged once. Follows
    the context, so concurrent requests do not see each other's.
    """
    remote = None if traceparent is None else _remote_span(traceparent)
    if remote is None:
        yield
        return
    here = CURRENT.get()
    inside = here.scope.joined(caller=here.caller, span=remote)
    token = enter(inside)
    try:
        yield
    finally:
        leave(token, inside)


def _remote_span(traceparent: str) -> OpenSpan | None:
    """What stands for the span on the other side. It goes on for as long as anybody looks, and is never handed in."""
    # Here and not above: importing agentguard must not load what it takes to record.
    from agentguard.tracing.open_span import OpenSpan  # noqa: PLC0415
    from agentguard.tracing.snapshot import redactor_for  # noqa: PLC0415

    match = _TRACEPARENT.fullmatch(traceparent.strip())
    # The first version has four parts, and no more.
    if match is None or (match[1] == "00" and match[4]):
        warn_once("traceparent", "agentguard: a malformed traceparent header is ignored; the trace begins here")
        return None
    return OpenSpan(_ELSEWHERE, redactor_for(()), match[3], match[2], None, None, "span", "traceparent")


def _digest(text: str, size: int) -> str:
    from hashlib import blake2b  # noqa: PLC0415 - as above

    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).hexdigest()
