"""What happened in one stretch of work: one tool call, one attempt, and later one agent run or one guardrail."""

from __future__ import annotations

from typing import Any, Literal, get_args

from agentguard.tracing.decoding import decoded

SpanStatus = Literal["ok", "error", "cancelled", "timeout", "denied", "stopped_early", "unknown"]
"""How a span ended. `denied` is every refusal; the attribute `refusal` says which."""

SpanKind = Literal["agent", "tool", "attempt", "span", "generation", "guardrail", "approval"]
"""What a span is about."""

SPAN_STATUSES: tuple[SpanStatus, ...] = get_args(SpanStatus)


class Span:
    """One span. Complete and no longer changing once it has ended; an unfinished one has the status `unknown`.

    What went in and what came out is kept as JSON, encoded once when it happened; `input`, `output` and `error` decode
    it anew each time.
    """

    __slots__ = (
        "attributes",
        "duration",
        "error_json",
        "events",
        "input_json",
        "kind",
        "name",
        "output_json",
        "parent_id",
        "session_id",
        "span_id",
        "started_at",
        "status",
        "trace_id",
    )

    def __init__(  # noqa: PLR0917 - made once a call; keywords would cost a tenth of the span
        self,
        span_id: str,
        trace_id: str,
        parent_id: str | None,
        session_id: str | None,
        kind: SpanKind,
        name: str,
        started_at: float,
    ) -> None:
        self.span_id = span_id
        """Unique across processes and machines. A tool call's is its `call_id`."""
        self.trace_id = trace_id
        """The `span_id` of the outermost span around this one."""
        self.parent_id = parent_id
        """The `span_id` of the span around this one; None at the top."""
        self.session_id = session_id
        """The session it belongs to, any string; None outside of one."""
        self.kind: SpanKind = kind
        """What it is about."""
        self.name = name
        """The tool's name, or another short name."""
        self.started_at = started_at
        """Wall clock, seconds since 1970."""
        self.duration = 0.0
        """Seconds on a monotonic clock; 0 until it has ended."""
        self.status: SpanStatus = "unknown"
        """How it ended."""
        self.input_json: bytes | None = None
        """JSON of the arguments by parameter name; None when they were not captured."""
        self.output_json: bytes | None = None
        """JSON of the result; None when there is none, or it was not captured."""
        self.error_json: bytes | None = None
        """JSON of the error: `type`, `message`, and the members of a group as `errors`; None without one."""
        self.attributes: dict[str, Any] = {}
        """Further plain values by name."""
        self.events: list[dict[str, Any]] = []
        """What happened inside, in order: `name`, `at` (seconds since the start) and further plain values."""

    @property
    def input(self) -> dict[str, Any] | None:
        """The arguments by parameter name, as they were when the call ran; None when they were not captured."""
        arguments: dict[str, Any] | None = decoded(self.input_json)
        return arguments

    @property
    def output(self) -> Any:
        """The result; None when there is none, or it was not captured."""
        return decoded(self.output_json)

    @property
    def error(self) -> dict[str, Any] | None:
        """`type`, `message`, and the members of a group as `errors`; None without an error."""
        error: dict[str, Any] | None = decoded(self.error_json)
        return error

    @property
    def weight(self) -> int:
        """Roughly the bytes that it holds in memory."""
        # Written out, because it is asked on the caller: half the time of a sum over a generator.
        weight = _BARE + len(self.input_json or b"") + len(self.output_json or b"")
        return weight if self.error_json is None else weight + len(self.error_json)

    def __repr__(self) -> str:
        return f"<Span {self.kind} {self.name} {self.status}>"


_BARE = 1_000  # of a span without payloads: object, ids, two clocks, two containers (measured: 950)
