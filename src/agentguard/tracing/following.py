"""Streams that a traced function returns: its span goes on until they end."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Self

from agentguard.core.result import StoppedEarly
from agentguard.tracing.notices import warn_once
from agentguard.tracing.stretch import Stretch

_PLAIN = frozenset({str, int, float, bool, type(None), dict, list, tuple, bytes})
"""Types of most results, known to be no streams."""


def finished(span: Stretch, value: Any) -> Any:
    """End `span` with the function's `value`, or have it end with the stream that the value is or carries.

    Gives what the caller gets: the value, or what stands in its place and is used like it.
    """
    if type(value) not in _PLAIN:
        try:
            stream = _stream_in(span, value)
        except Exception:  # noqa: BLE001 - an observer fails open, and what it asks is the value's own code
            warn_once("follow", "agentguard: a stream could not be followed; the call goes on")
            stream = None
        if stream is not None:
            return stream
    span.end(value)
    return value


def _stream_in(span: Stretch, value: Any) -> Any:
    if inspect.iscoroutine(value):
        return _awaited(span, value)
    if inspect.isgenerator(value):
        return FollowedGenerator(span, value)
    if _is_async_iterator(value):
        return FollowedStream(span, value)
    # The body of Starlette's and FastAPI's StreamingResponse, and of whatever is made like it.
    body = getattr(value, "__dict__", {}).get("body_iterator")
    if body is None or not _is_async_iterator(body):
        return None
    value.body_iterator = FollowedStream(span, body)
    return value


def _is_async_iterator(value: Any) -> bool:
    kind = type(value)
    return hasattr(kind, "__anext__") and hasattr(kind, "__aiter__")


async def _awaited(span: Stretch, coroutine: Coroutine[Any, Any, Any]) -> Any:
    with span:
        value = await coroutine
    return finished(span, value)


class _Followed:
    """Stands in the place of a stream, and is used like it; each step of it runs inside the span."""

    _steps: dict[str, Callable[..., Any]] = {}  # noqa: RUF012 - never changed

    def __init__(self, span: Stretch, stream: Any) -> None:
        # Past `__setattr__`, which writes to the stream.
        self.__dict__.update(_span=span, _stream=stream)

    @property
    def __class__(self) -> Any:
        """The stream's own class, for whoever asks with `isinstance`."""
        return type(self._stream)

    @__class__.setter
    def __class__(self, _: Any) -> None:
        raise TypeError("a followed stream keeps its class")

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.__dict__["_stream"], name)
        step = self._steps.get(name)
        return attribute if step is None else partial(step, self.__dict__["_span"], attribute)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._stream, name, value)

    def __repr__(self) -> str:
        return repr(self._stream)

    def __del__(self) -> None:
        # Dropped half-way, or before its first step. A stream that was used up has ended its span already, and at the
        # end of the program nobody takes spans any more.
        if not sys.is_finalizing():
            self._span.fail(StoppedEarly())


def _closing(span: Stretch, close: Callable[..., Any], *args: Any) -> Any:
    # Whether it has to be awaited is between the stream and its consumer.
    span.fail(StoppedEarly())
    return close(*args)


class FollowedGenerator(_Followed):
    """A sync generator."""

    _steps = {"send": Stretch.step, "throw": Stretch.step, "close": Stretch.stop}  # noqa: RUF012 - as above

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        return self._span.step(self._stream.__next__)


class FollowedStream(_Followed):
    """An async generator, or another async iterator."""

    _steps = {  # noqa: RUF012 - as above
        "asend": Stretch.astep,
        "athrow": Stretch.astep,
        "aclose": Stretch.astop,
        "close": _closing,
    }

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Coroutine[Any, Any, Any]:
        step: Coroutine[Any, Any, Any] = self._span.astep(self._stream.__anext__)
        return step

    async def __aenter__(self) -> Any:
        entered = await self._stream.__aenter__()
        return self if entered is self._stream else entered

    async def __aexit__(self, *error: object) -> Any:
        try:
            return await self._stream.__aexit__(*error)
        finally:
            self._span.fail(StoppedEarly())
