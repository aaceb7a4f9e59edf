"""A span around a block of code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from agentguard.core.context import CURRENT
from agentguard.errors import ConfigError
from agentguard.tracing.notices import warn_once
from agentguard.tracing.span_plan import plan

if TYPE_CHECKING:
    from agentguard.tracing.traced_span import TracedSpan

F = TypeVar("F")


class instrument:  # noqa: N801 - used like a function, as `contextlib.suppress` is
    """A span around a block: `with`, `async with`, or a decorator. The block gets the span; None when nothing records.

    What is called inside belongs to it. Follows the context, so concurrent blocks never mix. Inside a generator the
    block's span would stay current for the consumer between two items: decorate the generator instead.

    Args:
        name: The span's name.
        session_id: The session of what is called inside; any string. None leaves it as it is.
        user_id: Kept as an attribute.
        metadata: Kept as an attribute.
        tags: Kept as an attribute.

    Raises:
        ConfigError: The name or the session id is no string.
    """

    def __init__(
        self,
        name: str,
        session_id: str | None = None,
        user_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Iterable[str] = (),
    ) -> None:
        if session_id is not None and not isinstance(session_id, str):
            raise ConfigError(f"session_id: {session_id!r} is no string")
        self._plan = plan("span", name=name, metadata=metadata, tags=tags, further={"user_id": user_id})
        self._name = name
        self._session_id = session_id
        self._spans: list[TracedSpan | None] = []

    def __enter__(self) -> TracedSpan | None:
        """Open the span. The same object may be entered again inside its own block, but not by several tasks."""
        span = self._opened()
        self._spans.append(span)
        return None if span is None else span.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        span = self._spans.pop()
        if span is not None:
            span.__exit__(kind, error, trace)
            span.end()

    async def __aenter__(self) -> TracedSpan | None:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def __call__(self, fn: F) -> F:
        """Decorate a function: each call is a block of its own."""
        from agentguard.tracing.wrapping import traced  # noqa: PLC0415 - what it takes to record: 20 ms of every import

        decorated: F = traced(fn, self._plan, session_id=self._session_id)
        return decorated

    def _opened(self) -> TracedSpan | None:
        from agentguard.tracing.opener import Opener  # noqa: PLC0415 - as above

        try:
            return Opener(self._plan, self._name, session_id=self._session_id).started(CURRENT.get())
        except Exception:  # noqa: BLE001 - an observer fails open
            warn_once("open", "agentguard: a span could not be opened; the block goes on")
            return None
