"""The one table between our spans and the OpenTelemetry conventions for generative AI.

Names are those of https://github.com/open-telemetry/semantic-conventions-genai as of semantic-conventions 1.41; all of
them have the status "development" there, so a change of theirs is a change of this file. What has no name there keeps
ours behind "agentguard.".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agentguard.tracing.row import payloads_of
from agentguard.tracing.span import Span, SpanKind, SpanStatus


@dataclass(frozen=True, slots=True)
class Operation:
    """What a kind of span is called there; None where there is no name."""

    name: str | None = None
    """`gen_ai.operation.name`, and the first word of the span's name."""
    subject: str | None = None
    """The attribute for our span's name."""
    span_id: str | None = None
    """The attribute for our span's id."""
    input: str = "agentguard.input"
    """The attribute for what went in."""
    output: str = "agentguard.output"
    """The attribute for what came out."""
    is_client: bool = False
    """Whether the span is of the kind CLIENT: the work is done by another service."""


OPERATIONS: Final[dict[SpanKind, Operation]] = {
    "tool": Operation(
        "execute_tool",
        subject="gen_ai.tool.name",
        span_id="gen_ai.tool.call.id",
        input="gen_ai.tool.call.arguments",
        output="gen_ai.tool.call.result",
    ),
    "agent": Operation("invoke_agent", subject="gen_ai.agent.name"),
    "generation": Operation("chat", subject="gen_ai.request.model", is_client=True),
    # An attempt is no execution of its own there: tools would be counted twice.
    "attempt": Operation(),
    "span": Operation(),
    "guardrail": Operation(),
    "approval": Operation(),
}

ATTRIBUTES: Final[dict[str, str]] = {
    "model": "gen_ai.request.model",
    "provider": "gen_ai.provider.name",
    "response_model": "gen_ai.response.model",
    "response_id": "gen_ai.response.id",
    "finish_reasons": "gen_ai.response.finish_reasons",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "max_tokens": "gen_ai.request.max_tokens",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "agent_id": "gen_ai.agent.id",
    "agent_name": "gen_ai.agent.name",
    "description": "gen_ai.tool.description",
}
"""Our attributes that have a name there."""

SESSION: Final = "gen_ai.conversation.id"
"""The attribute for the session."""

FAILED: Final[frozenset[SpanStatus]] = frozenset({"error", "timeout", "cancelled", "denied", "unknown"})
"""What is an error there; anything else leaves the status unset, as the conventions ask of instrumentations."""

AttributeValue = str | int | float | bool | list[str]

_INT64: Final = 1 << 63


def genai_name(span: Span) -> str:
    """The span's name: "execute_tool search"."""
    operation = OPERATIONS[span.kind]
    subject = span.attributes.get("model", span.name) if span.kind == "generation" else span.name
    return plain_text(subject if operation.name is None else f"{operation.name} {subject}")


def genai_attributes(span: Span) -> dict[str, AttributeValue]:
    """The span's attributes, arguments, result and error, under their names there; nested ones as JSON."""
    return {name: _plain(value) for name, value in _named(span) if value is not None}


def genai_events(span: Span) -> Iterator[tuple[str, float, dict[str, AttributeValue]]]:
    """Name, seconds since the span's start, and attributes of each event; the last is the error, if there is one."""
    for event in span.events:
        named = {f"agentguard.{key}": _plain(value) for key, value in event.items() if key not in {"name", "at"}}
        at = event.get("at")
        yield plain_text(event.get("name", "event")), at if isinstance(at, (int, float)) else 0.0, named
    error = span.error
    if error is not None:
        parts = {
            "exception.type": error.get("type"),
            "exception.message": error.get("message"),
            "agentguard.exception.members": error.get("errors"),
        }
        yield "exception", span.duration, {name: _plain(part) for name, part in parts.items() if part is not None}


def error_type(span: Span) -> str | None:
    """`error.type`: the code of the refusal, the class of the error, or how it ended; None when it went well."""
    if span.status not in FAILED:
        return None
    kind = (span.error or {}).get("type")
    return str(span.attributes.get("refusal") or kind or span.status)


def _named(span: Span) -> Iterator[tuple[str, Any]]:
    operation = OPERATIONS[span.kind]
    # First what may be said more exactly below: a name that comes twice keeps the later value.
    yield operation.subject or "agentguard.name", span.name
    for name, value in span.attributes.items():
        yield _name(name), value
    yield "gen_ai.operation.name", operation.name
    yield "gen_ai.tool.type", "function" if span.kind == "tool" else None
    yield operation.span_id or "agentguard.span_id", span.span_id
    yield SESSION, span.session_id
    yield "error.type", error_type(span)
    yield "agentguard.kind", span.kind
    yield "agentguard.status", span.status
    arguments, result, *_ = payloads_of(span)
    yield operation.input, arguments
    yield operation.output, result


def _name(name: str) -> str:
    return ATTRIBUTES.get(name) or (name if name.startswith("gen_ai.") else f"agentguard.{plain_text(name)}")


def _plain(value: Any) -> AttributeValue:
    if isinstance(value, (bool, float)):
        return value
    if isinstance(value, int) and -_INT64 <= value < _INT64:
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return [plain_text(item) for item in value]
    if isinstance(value, (Mapping, list, tuple)):
        return plain_text(json.dumps(value, default=str))
    return plain_text(value)


def plain_text(value: object) -> str:
    """`value` as a text that has UTF-8: a lone surrogate would keep a whole batch from being encoded."""
    return str(value).encode("utf-8", "replace").decode()
