"""A span as one JSON object: a line of a file, or an item of what is sent."""

from __future__ import annotations

from typing import Any

from agentguard.tracing.row import HEAD, PAYLOADS, head_of, payloads_of
from agentguard.tracing.snapshot import encoded
from agentguard.tracing.span import Span


def span_json(span: Span, **first: Any) -> bytes:
    """The span's fields by name, after `first`; a payload that is not there is left out."""
    head = encoded({**first, **dict(zip(HEAD, head_of(span), strict=True))})
    parts = [head[:-1]]
    for name, payload in zip(PAYLOADS, payloads_of(span), strict=True):
        if payload is not None:
            parts.append(b',"%s":%s' % (name.encode(), payload))
    parts.append(b"}")
    return b"".join(parts)
