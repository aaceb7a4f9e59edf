"""A pipeline that runs any function once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from agentguard.core.bodies import Stopped
from agentguard.core.call import ToolCall
from agentguard.core.chain import Middleware
from agentguard.core.config import GuardConfig
from agentguard.core.entry import astream
from agentguard.core.result import ToolResult
from agentguard.core.runtime import LOOP
from agentguard.core.stages import stage_on_loop
from agentguard.core.target import Target
from agentguard.middleware.onion import Onion, target_of
from agentguard.middleware.order import ORDER, Stage


class MiddlewarePipeline:
    """The onion by itself: give it a function and arguments, and get the whole `ToolResult`.

    It is composed once; its breaker, limits and budget belong to the pipeline, whichever functions it runs. Safe to
    share by tasks, threads and loops.
    """

    def __init__(
        self,
        config: GuardConfig | None = None,
        extra_middleware: Iterable[Middleware] = (),
        order: Iterable[Stage] = ORDER,
    ) -> None:
        """Compose the onion.

        Args:
            config: The settings; None for the defaults, with which nothing is on.
            extra_middleware: Your own middleware, outside the built-in stages and inside `config.middleware`.
            order: Built-in stages by name or class, outermost first, each once; a stage left out keeps its default
                neighbour. `ORDER` is the default and `CLASSIC_ORDER` the one of the classic documentation.

        Raises:
            ConfigError: A stage is unknown or named twice, or the order would ask a person too early or too late.
        """
        self.config = GuardConfig() if config is None else config
        """The settings."""
        self._onion = Onion(self.config, extra=extra_middleware, order=order)
        # Bounded, because lambdas made on the fly would otherwise stay for ever.
        self._target_of = lru_cache(maxsize=256)(self._make_target)

    async def execute(
        self, fn: Callable[..., Any], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> ToolResult:
        """Run `fn(*args, **kwargs)` through the onion. A blocking function leaves the event loop free.

        Raises exactly what the guarded tool would raise. For a generator function the result's `return_value` is an
        async iterator of its items, and nothing has run yet.
        """
        try:
            target = self._target_of(fn)
        except TypeError:
            # A callable object need not be hashable.
            target = self._make_target(fn)
        call = ToolCall(target.name, tuple(args), dict(kwargs or {}), self, target, stage_on_loop(target), LOOP)
        if target.is_stream:
            return ToolResult(call, astream(self._onion.handler_for(call), call))
        try:
            return await self._onion.handler_for(call)(call)
        except Stopped as stopped:
            # Python makes a RuntimeError of it: no coroutine can raise a StopIteration (PEP 479).
            raise stopped.error from None

    def explain(self) -> str:
        """The composed onion as text, one stage a line, outermost first."""
        return self._onion.explain()

    def _make_target(self, fn: Callable[..., Any]) -> Target:
        target = target_of(fn, self.config)
        self._onion.prepare(target)
        return target
