"""Functions with a span around every call, one wrapper for each kind of callable.

Each is of the kind that it wraps, so that `inspect`, FastAPI and event loops treat it alike.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any

from agentguard.core.target import Kind, Target
from agentguard.errors import ConfigError
from agentguard.tracing.following import FollowedGenerator, finished
from agentguard.tracing.opener import Opener
from agentguard.tracing.span_plan import SpanPlan
from agentguard.tracing.stretch import Stretch

Open = Callable[[tuple[Any, ...], dict[str, Any]], Stretch | None]


def traced(fn: Any, plan: SpanPlan, *, session_id: str | None = None) -> Any:
    """`fn` with a span around every call; the decorator of a static or class method gives one again.

    Raises:
        ConfigError: `fn` is a class, or nothing that can be called.
    """
    if isinstance(fn, staticmethod | classmethod):
        return type(fn)(traced(fn.__func__, plan, session_id=session_id))
    if inspect.isclass(fn) or not callable(fn):
        raise ConfigError(f"a span goes around calls of a function or method, got {_described(fn)}")
    target = Target(fn, name=plan.name)
    wrapper = _WRAPPERS[target.kind](fn, Opener(plan, target.name, target, session_id=session_id).open)
    functools.update_wrapper(wrapper, fn, updated=("__dict__",) if inspect.isroutine(fn) else ())
    wrapper.__wrapped__ = fn
    return wrapper


def _described(fn: Any) -> str:
    return f"the class {fn.__name__}: decorate its methods" if inspect.isclass(fn) else type(fn).__name__


def _function(fn: Callable[..., Any], open_span: Open) -> Any:
    def function(*args: Any, **kwargs: Any) -> Any:
        span = open_span(args, kwargs)
        if span is None:
            return fn(*args, **kwargs)
        with span:
            value = fn(*args, **kwargs)
        return finished(span, value)

    return function


def _coroutine(fn: Callable[..., Awaitable[Any]], open_span: Open) -> Any:
    async def coroutine(*args: Any, **kwargs: Any) -> Any:
        span = open_span(args, kwargs)
        if span is None:
            return await fn(*args, **kwargs)
        with span:
            value = await fn(*args, **kwargs)
        return finished(span, value)

    return coroutine


def _generator(fn: Callable[..., Generator[Any, Any, Any]], open_span: Open) -> Any:
    def generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        steps = fn(*args, **kwargs)
        span = open_span(args, kwargs)
        return (yield from steps if span is None else FollowedGenerator(span, steps))

    return generator


def _async_generator(fn: Callable[..., AsyncGenerator[Any, Any]], open_span: Open) -> Any:
    async def async_generator(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        steps = fn(*args, **kwargs)
        span = open_span(args, kwargs)
        advance: Callable[[Any], Awaitable[Any]] = functools.partial(_first_step, steps)
        argument: Any = None
        try:
            while True:
                item = await (advance(argument) if span is None else span.astep(advance, argument))
                try:
                    argument = yield item
                    advance = steps.asend
                except GeneratorExit:
                    await (steps.aclose() if span is None else span.astop(steps.aclose))
                    raise
                except BaseException as error:  # noqa: BLE001 - what the consumer throws in belongs to the function
                    advance, argument = steps.athrow, error
        except StopAsyncIteration:
            return
        finally:
            del argument  # an exception whose traceback holds this frame would be held by it

    return async_generator


def _first_step(steps: AsyncGenerator[Any, Any], argument: Any) -> Awaitable[Any]:
    # At its first step an async generator registers with the event loop, which closes it when it is dropped, or at the
    # loop's end. The loop has the wrapper already, and the wrapper closes what is inside: two that close the same
    # generator at once get a RuntimeError.
    firstiter, finalizer = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, _leave_it_to_the_wrapper)
    try:
        return steps.asend(argument)
    finally:
        sys.set_asyncgen_hooks(firstiter, finalizer)


def _leave_it_to_the_wrapper(_steps: AsyncGenerator[Any, Any]) -> None:
    """Without any finalizer, the collector would close it where it stands, and its clean-up could not await."""


_WRAPPERS: dict[Kind, Callable[..., Any]] = {
    Kind.FUNCTION: _function,
    Kind.COROUTINE: _coroutine,
    Kind.GENERATOR: _generator,
    Kind.ASYNC_GENERATOR: _async_generator,
}
