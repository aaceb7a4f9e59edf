"""Spans as JSON to a server of the user's; docs/tracing.md describes the body."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agentguard.tracing.address import Address
from agentguard.tracing.sinks.delivery import Delivery
from agentguard.tracing.sinks.sender import Sender, batch_id
from agentguard.tracing.span_json import span_json
from agentguard.tracing.spool import Record

FORMAT: Final = "agentguard.spans/1"
"""Name and version of the body."""


class HttpSink(Sender):
    """Posts batches to one address; without one, it opens, says so once, and sends nothing."""

    def __init__(self, address: Address | None, *, delivery: Delivery | None = None) -> None:
        if delivery is None and address is not None:
            delivery = Delivery(address, {"Content-Type": "application/json", "User-Agent": "agentguard"})
        super().__init__(delivery, _body, "http")


def _body(part: Sequence[Record]) -> bytes:
    recorders: dict[str, list[str]] = {}
    for recorder_id, span in part:
        recorders.setdefault(span.span_id, []).append(recorder_id)
    spans = {span.span_id: span for _, span in part}
    items = b",".join(span_json(span, recorders=recorders[span_id]) for span_id, span in spans.items())
    return b'{"format":"%s","batch_id":"%s","spans":[%s]}' % (FORMAT.encode(), batch_id(part).encode(), items)
