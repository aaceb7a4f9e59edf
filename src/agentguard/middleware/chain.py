"""A list of the user's own middleware."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator

from agentguard.core.chain import Middleware
from agentguard.errors import ConfigError


class MiddlewareChain:
    """Middleware in the order in which a call meets them, outermost first.

    Give it to `guard(middleware=...)`. A tool composes it once, when it is made; `use` afterwards raises, because it
    could not take effect.
    """

    def __init__(self, middleware: Iterable[Middleware] = ()) -> None:
        self._middleware: list[Middleware] = []
        self._is_used = False
        for each in middleware:
            self.use(each)

    def use(self, middleware: Middleware) -> MiddlewareChain:
        """Add `middleware` inside those already there; returns the chain.

        Raises `ConfigError` when it is not callable, or when a tool already uses this chain.
        """
        if self._is_used:
            msg = (
                f"{name_of(middleware)} was added to a MiddlewareChain that a tool already uses, where it could not "
                "take effect; add it before the tool is made"
            )
            raise ConfigError(msg)
        check_middleware(middleware)
        self._middleware.append(middleware)
        return self

    def freeze(self) -> tuple[Middleware, ...]:
        """The middleware, for a tool that is made now; from here on `use` raises."""
        self._is_used = True
        return tuple(self._middleware)

    def __iter__(self) -> Iterator[Middleware]:
        return iter(self._middleware)

    def __len__(self) -> int:
        return len(self._middleware)


def check_middleware(middleware: object) -> None:
    """Refuse what cannot be a middleware. Raises `ConfigError`."""
    if not callable(middleware) or isinstance(middleware, type):
        kind = "the class itself; give an instance" if isinstance(middleware, type) else type(middleware).__name__
        msg = f"a middleware must be a callable `(ctx, next)`, got {kind}"
        raise ConfigError(msg)
    try:
        inspect.signature(middleware).bind("ctx", "next")
    except TypeError as error:
        msg = f"a middleware is called with `(ctx, next)`, and {name_of(middleware)!r} cannot be: {error}"
        raise ConfigError(msg) from None
    except ValueError:
        # A builtin whose signature Python cannot tell: its first call will show.
        return


def name_of(middleware: object) -> str:
    """What to call a middleware in messages and in `explain()`."""
    return getattr(middleware, "__name__", None) or type(middleware).__name__
