"""`GuardedTool`: a callable with a guard around every call."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Mapping
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from agentguard.core import entry
from agentguard.core.call import ToolCall
from agentguard.core.chain import Handler
from agentguard.core.config import GuardConfig
from agentguard.core.context import ROOT
from agentguard.core.runtime import LOOP, THREAD
from agentguard.core.stages import stage_in_thread, stage_on_loop
from agentguard.core.target import Kind, Target
from agentguard.middleware.description import StageDescription
from agentguard.middleware.onion import Onion, target_of
from agentguard.tools.controls import BreakerControl, Controls
from agentguard.tools.session import ToolSession

P = ParamSpec("P")
Q = ParamSpec("Q")
S = TypeVar("S")
C = TypeVar("C")
R = TypeVar("R")

Begin = Callable[[Handler, ToolCall], Any]

_PLAIN: dict[Kind, Begin] = {
    Kind.FUNCTION: entry.step,
    Kind.COROUTINE: entry.wait,
    Kind.GENERATOR: entry.stream,
    Kind.ASYNC_GENERATOR: entry.astream,
}
_THROUGH_PORTAL: dict[Kind, Begin] = {
    Kind.FUNCTION: entry.send_through_portal,
    Kind.COROUTINE: entry.send_through_portal,
    Kind.GENERATOR: entry.stream_through_portal,
    Kind.ASYNC_GENERATOR: entry.stream_through_portal,
}


class GuardedTool(Generic[P, C, R]):
    """A callable with a guard around every call of it. Made by `guard(...)`; safe to share by tasks, threads and loops.

    `P` are its parameters, `C` is what calling it gives (for a coroutine function: an awaitable), `R` the value in the
    end. It keeps the function's name, docstring, signature and annotations, and `inspect` answers for it as for the
    function itself. As a class attribute it binds like the function.
    """

    def __init__(self, fn: Callable[..., Any], config: GuardConfig) -> None:
        self.config = config
        """The settings."""
        self.shared: GuardedTool[..., Any, Any] = self
        """The tool that owns the counters: itself, or for a bound method the tool on its class."""
        self._onion = Onion(config)
        self._at_root = self._onion.at_root
        self._handler_for = self._onion.handler_for
        self._controls = Controls(self._onion.middleware)
        self._adopt(target_of(fn, config))
        self._onion.prepare(self._target)

    def _adopt(self, target: Target) -> None:
        """Look like the target's function, and be called like it."""
        functools.update_wrapper(self, target.fn, updated=())
        self.__wrapped__ = target.fn
        self.__name__ = self.name = target.name
        self._target = target
        through_portal = self._onion.needs_loop and not target.is_async
        self._begin = (_THROUGH_PORTAL if through_portal else _PLAIN)[target.kind]
        on_loop = target.is_async or through_portal
        self._runtime = LOOP if on_loop else THREAD
        self._body_on_loop = stage_on_loop(target)
        self._body = self._body_on_loop if on_loop else stage_in_thread(target)

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> C:
        """Call the tool as the function is called.

        A function gives its value (in the calling thread, inside a running loop too), a coroutine function an
        awaitable, a generator function a generator. Raises the tool's own exceptions unchanged, and the guard's
        `ToolExecutionError`s.
        """
        call = ToolCall(self.name, args, kwargs, self.shared, self._target, self._body, self._runtime)
        # `handler_for`, written out for a call outside of every scope.
        handler = self._at_root if call.origin_node is ROOT else self._handler_for(call)
        value: C = self._begin(handler, call)
        return value

    async def acall(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the tool from async code and await its value; a blocking function leaves the event loop free.

        A generator tool gives an async iterator. Cancelling cancels a coroutine; a blocking function in its thread runs
        on, but nobody waits for it.
        """
        call = ToolCall(self.name, args, kwargs, self.shared, self._target, self._body_on_loop, LOOP)
        handler = self._at_root if call.origin_node is ROOT else self._handler_for(call)
        value: R
        if self._target.is_stream:
            value = entry.astream(handler, call)  # type: ignore[assignment]  # R is the iterator here
        else:
            value = await entry.wait(handler, call)
        return value

    def call_sync(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the tool from sync code and give its value, also when it is async: it then runs on a background event
        loop, while this thread waits. An async generator gives a generator.
        """
        begin = _THROUGH_PORTAL[self._target.kind] if self._target.is_async else self._begin
        call = ToolCall(self.name, args, kwargs, self.shared, self._target, self._body, self._runtime)
        value: R = begin(self._handler_for(call), call)
        return value

    def session(self, session_id: str | None = None, metadata: Mapping[str, Any] | None = None) -> ToolSession[P, C, R]:
        """A session of this tool, for a `with` or `async with` block: its calls inside share one session id.

        Args:
            session_id: Any string; None for a new random one.
            metadata: Supplied to `ctx.metadata` of the calls inside.
        """
        return ToolSession(self, session_id, metadata)

    @property
    def fn(self) -> Callable[..., Any]:
        """The undecorated function; for a bound method, bound."""
        return self._target.fn

    @property
    def original(self) -> Callable[..., Any]:
        """The same as `fn`."""
        return self._target.fn

    @property
    def target(self) -> Target:
        """What is known about the function: kind, signature, effect."""
        return self._target

    @property
    def breaker(self) -> BreakerControl:
        """The circuit breaker. Raises `ConfigError` when the tool has none."""
        return self._controls.breaker

    def schema(self) -> dict[str, Any]:
        """JSON Schema (draft 2020-12) of the parameters, as model APIs take it."""
        from agentguard.policies.schema import ArgumentSchema  # noqa: PLC0415 - loads pydantic: 25 ms of every import

        return ArgumentSchema.of(self._target.signature, self._target.hints).json_schema()

    def describe(self) -> list[StageDescription]:
        """The composed onion as plain values, outermost first: what `explain` says, for programs."""
        return self._onion.describe()

    def explain(self) -> str:
        """The composed onion as text, one stage a line, outermost first, the function last."""
        return f"{self._onion.explain()}\n{self._target.kind.value} {self.name}{self._target.signature}"

    def state(self, session_id: str | None = None) -> dict[str, Any]:
        """What the tool's counters say now, as plain values: breaker state, seconds to wait, calls and dollars spent by
        one session (None: by calls outside of sessions), bodies running, waiting and hung.
        """
        return {**self._controls.state(session_id), "hung": self._target.hung.count}

    def reset(self) -> None:
        """Forget what the counters of this tool have seen; calls under way are not touched."""
        self._controls.reset()

    @overload
    def __get__(self, instance: None, owner: type, /) -> GuardedTool[P, C, R]: ...
    @overload
    def __get__(
        self: GuardedTool[Concatenate[S, Q], C, R], instance: S, owner: type | None = None, /
    ) -> GuardedTool[Q, C, R]: ...
    def __get__(self, instance: object, owner: type | None = None, /) -> Any:
        """The tool as a bound method. All instances share its counters."""
        binding = self._target.binding
        holder = owner if binding == "class" else instance
        if binding == "static" or holder is None:
            return self
        bound: GuardedTool[..., Any, Any] = object.__new__(type(self))
        bound.__dict__.update(self.__dict__)
        bound._target = self._target.bound_to(holder)
        bound.__wrapped__ = bound._target.fn
        return bound

    # What `inspect` reads of a function: with these, `iscoroutinefunction(tool)` and its siblings tell the truth.

    @property
    def __code__(self) -> types.CodeType:
        code: types.CodeType = self._target.inner.__code__
        return code

    @property
    def __defaults__(self) -> tuple[Any, ...] | None:
        defaults: tuple[Any, ...] | None = self._target.inner.__defaults__
        return defaults

    @property
    def __kwdefaults__(self) -> dict[str, Any] | None:
        defaults: dict[str, Any] | None = self._target.inner.__kwdefaults__
        return defaults

    def __reduce__(self) -> str:
        # By name, as functions are pickled: a copy would have counters of its own.
        name: str = self.__dict__["__qualname__"]
        return name

    def __repr__(self) -> str:
        return f"<GuardedTool {self.name}{self._target.signature}>"
