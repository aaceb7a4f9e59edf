"""Which spans are asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agentguard.core.result import CallStatus
from agentguard.errors import ConfigError, ToolExecutionError
from agentguard.tracing.span import SPAN_STATUSES, Span, SpanKind

SAME_STATUS = {"success": "ok"}
"""Words for a status of a span that a call's status spells differently."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A filter over recorded spans; None leaves a question open. The answer is in order of start.

    Raises:
        ConfigError: `status` is no status of a span or a call and no kind of refusal, or `limit` is negative.
    """

    session: str | None = None
    """Spans of this session."""
    trace: str | None = None
    """Spans of this trace."""
    span: str | None = None
    """The span with this id."""
    tool: str | None = None
    """Calls of the tool of this name."""
    kind: SpanKind | None = None
    """Spans of this kind."""
    status: str | None = None
    """Spans that ended this way: a status of a span ("denied"), of a call ("circuit_open"), or the code of a refusal
    ("concurrency_limit")."""
    since: float | None = None
    """Spans that started at or after this wall-clock time, seconds since 1970."""
    until: float | None = None
    """Spans that started before this wall-clock time."""
    text: str | None = None
    """Spans in whose name, arguments, result or error this text occurs, in any case of letters."""
    recorder: str | None = None
    """Spans that this recorder kept."""
    limit: int | None = None
    """The newest so many; None means all."""

    def __post_init__(self) -> None:
        """Check what would otherwise silently find nothing."""
        if self.status is not None and self.status not in SPAN_STATUSES and self.status not in statuses():
            raise ConfigError(f"status: {self.status!r} is none of {', '.join(statuses())}")
        if self.limit is not None and self.limit < 0:
            raise ConfigError(f"limit: {self.limit!r} is negative")

    @property
    def equalities(self) -> dict[str, str]:
        """The questions that ask for one exact value, by the span's attribute."""
        status = SAME_STATUS.get(self.status or "", self.status)
        asked = {
            "session_id": self.session,
            "trace_id": self.trace,
            "span_id": self.span,
            "name": self.tool,
            "kind": "tool" if self.tool is not None and self.kind is None else self.kind,
            "status": status if status in SPAN_STATUSES else None,
        }
        return {name: value for name, value in asked.items() if value is not None}

    @property
    def detail(self) -> str | None:
        """The status asked for, when it is none of a span: see `has_detail`."""
        return None if self.status in SAME_STATUS or self.status in SPAN_STATUSES else self.status

    def matches(self, span: Span) -> bool:
        """Whether `span` is asked for, `recorder` and `limit` aside."""
        if any(getattr(span, name) != value for name, value in self.equalities.items()):
            return False
        if self.detail is not None and not has_detail(span.attributes, self.detail):
            return False
        after = self.since is None or span.started_at >= self.since
        in_time = after and (self.until is None or span.started_at < self.until)
        return in_time and (self.text is None or search_for(self.text)(span.name, *_payloads(span)))

    def newest(self, spans: list[Span]) -> list[Span]:
        """`spans` in order of start, as many as `limit` allows."""
        ordered = sorted(spans, key=lambda span: span.started_at)
        return ordered if self.limit is None else ordered[max(0, len(ordered) - self.limit) :]


def statuses() -> tuple[str, ...]:
    """Every word that `Query.status` takes: statuses of spans, then of calls, then codes of refusals and errors."""
    words = [*SPAN_STATUSES, *CallStatus, *_codes(ToolExecutionError)]
    return tuple(dict.fromkeys(str(word) for word in words))


def _codes(error: type[ToolExecutionError]) -> Iterator[str]:
    # Asked anew each time: a user's own kinds of refusal count too.
    for kind in error.__subclasses__():
        yield kind.code
        yield from _codes(kind)


def has_detail(attributes: object, detail: str) -> bool:
    """Whether a span with these attributes ended in `detail`: a call's status, or the code of a refusal."""
    return isinstance(attributes, dict) and detail in {attributes.get("call_status"), attributes.get("refusal")}


def search_for(text: str) -> Callable[..., bool]:
    """What says whether `text` occurs in a name or, spelled as JSON spells it, in one of some payloads of JSON."""
    plain = text.casefold()
    spelled = json.dumps(text, ensure_ascii=False)[1:-1].casefold()

    def occurs(name: str, *payloads: bytes | None) -> bool:
        if plain in name.casefold():
            return True
        return any(payload and spelled in payload.decode("utf-8", "replace").casefold() for payload in payloads)

    return occurs


def _payloads(span: Span) -> tuple[bytes | None, ...]:
    return span.input_json, span.output_json, span.error_json
