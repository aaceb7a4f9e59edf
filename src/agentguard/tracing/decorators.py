"""Decorators that put a span around every call of a function: `agent`, `trace`, `prompt` and `tool`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypedDict, TypeVar, Unpack, overload

from agentguard.tracing.span import SpanKind
from agentguard.tracing.span_plan import plan

F = TypeVar("F")


class TraceOptions(TypedDict, total=False):
    """What every one of these decorators takes."""

    name: str | None
    """The spans' name; None for the function's."""
    metadata: Mapping[str, Any] | None
    """Kept on every span as the attribute `metadata`."""
    tags: Iterable[str]
    """Kept on every span as the attribute `tags`."""
    redact: Iterable[str | re.Pattern[str]]
    """Further names whose values are secret, and shapes of secrets."""
    capture_input: bool
    """Whether the arguments are recorded."""
    capture_output: bool
    """Whether the result is recorded, and of a stream its first items."""
    capture_handled: bool
    """Whether exceptions that the function itself handles are recorded as events, on Python 3.12 and later. On 3.11 say
    `record_exception(error)`."""


_SEES_HANDLED: TraceOptions = {"capture_handled": True}


@overload
def agent(fn: F, /) -> F: ...
@overload
def agent(**options: Unpack[TraceOptions]) -> Callable[[F], F]: ...
def agent(fn: Any = None, /, **options: Unpack[TraceOptions]) -> Any:
    """Record every call of an agent as a span of kind `agent`. With and without parentheses.

    For functions, coroutine functions, generators and async generators, methods of all kinds, partials and callable
    objects; each stays what it is. A call inside another traced call becomes its child, whether through `gather`, tasks
    or `asyncio.to_thread`; one outside starts a trace of its own. Spans go to the recorders open around the call, else
    to the default store: see `configure_tracing`. Recording never alters, delays or breaks a call.

    The outermost agent's call is the run that loop guards and budgets count by, where no session is open.
    """
    return _decorator("agent", fn, {**_SEES_HANDLED, **options})


@overload
def trace(fn: F, /) -> F: ...
@overload
def trace(**options: Unpack[TraceOptions]) -> Callable[[F], F]: ...
def trace(fn: Any = None, /, **options: Unpack[TraceOptions]) -> Any:
    """Record every call as a span of kind `span`; otherwise as `agent`."""
    return _decorator("span", fn, {**_SEES_HANDLED, **options})


@overload
def prompt(fn: F, /) -> F: ...
@overload
def prompt(
    *, model: str | None = None, capture_tokens: bool = True, **options: Unpack[TraceOptions]
) -> Callable[[F], F]: ...
def prompt(
    fn: Any = None, /, *, model: str | None = None, capture_tokens: bool = True, **options: Unpack[TraceOptions]
) -> Any:
    """Record every call of a model as a span of kind `generation`; otherwise as `agent`.

    Args:
        fn: The function, without parentheses.
        model: Kept as the attribute `model`.
        capture_tokens: Whether the counts in the result's `usage` become attributes.
        options: As for `agent`; `capture_handled` is off.
    """
    return _decorator("generation", fn, options, further={"model": model}, counts_tokens=capture_tokens)


@overload
def tool(fn: F, /) -> F: ...
@overload
def tool(*, description: str | None = None, **options: Unpack[TraceOptions]) -> Callable[[F], F]: ...
def tool(fn: Any = None, /, *, description: str | None = None, **options: Unpack[TraceOptions]) -> Any:
    """Record every call of a tool that is not guarded as a span of kind `tool`; otherwise as `agent`.

    `description` is kept as an attribute; `capture_handled` is off.
    """
    return _decorator("tool", fn, options, further={"description": description})


def _decorator(
    kind: SpanKind, fn: Any, options: TraceOptions, *, further: Mapping[str, Any] | None = None, **switches: bool
) -> Any:
    settings = plan(kind, further=further, **options, **switches)

    def decorate(fn: Any) -> Any:
        from agentguard.tracing.wrapping import traced  # noqa: PLC0415 - what it takes to record: 20 ms of every import

        return traced(fn, settings)

    return decorate if fn is None else decorate(fn)
