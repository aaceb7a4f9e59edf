"""`guard`: the decorator."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator, Iterator
from typing import Any, ParamSpec, Protocol, TypeVar, Unpack, overload

from agentguard.core.config import GuardConfig, GuardOptions
from agentguard.errors import ConfigError
from agentguard.tools.guarded import GuardedTool

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S")
V = TypeVar("V")


class Guard(Protocol):
    """`guard(...)` with its options, waiting for the function."""

    @overload
    def __call__(self, func: Callable[P, Coroutine[Any, Any, T]], /) -> GuardedTool[P, Coroutine[Any, Any, T], T]: ...
    @overload
    def __call__(
        self, func: Callable[P, AsyncGenerator[T, S]], /
    ) -> GuardedTool[P, AsyncGenerator[T, S], AsyncGenerator[T, S]]: ...
    @overload
    def __call__(
        self, func: Callable[P, AsyncIterator[T]], /
    ) -> GuardedTool[P, AsyncIterator[T], AsyncIterator[T]]: ...
    @overload
    def __call__(
        self, func: Callable[P, Generator[T, S, V]], /
    ) -> GuardedTool[P, Generator[T, S, V], AsyncGenerator[T, S]]: ...
    @overload
    def __call__(self, func: Callable[P, Iterator[T]], /) -> GuardedTool[P, Iterator[T], AsyncIterator[T]]: ...
    @overload
    def __call__(self, func: Callable[P, T], /) -> GuardedTool[P, T, T]: ...


@overload
def guard(
    func: Callable[P, Coroutine[Any, Any, T]], /, *, config: GuardConfig | None = None, **options: Unpack[GuardOptions]
) -> GuardedTool[P, Coroutine[Any, Any, T], T]: ...
@overload
def guard(
    func: Callable[P, AsyncGenerator[T, S]], /, *, config: GuardConfig | None = None, **options: Unpack[GuardOptions]
) -> GuardedTool[P, AsyncGenerator[T, S], AsyncGenerator[T, S]]: ...
@overload
def guard(
    func: Callable[P, AsyncIterator[T]], /, *, config: GuardConfig | None = None, **options: Unpack[GuardOptions]
) -> GuardedTool[P, AsyncIterator[T], AsyncIterator[T]]: ...
@overload
def guard(
    func: Callable[P, Generator[T, S, V]], /, *, config: GuardConfig | None = None, **options: Unpack[GuardOptions]
) -> GuardedTool[P, Generator[T, S, V], AsyncGenerator[T, S]]: ...
@overload
def guard(
    func: Callable[P, Iterator[T]], /, *, config: GuardConfig | None = None, **options: Unpack[GuardOptions]
) -> GuardedTool[P, Iterator[T], AsyncIterator[T]]: ...
@overload
def guard(
    func: Callable[P, T], /, *, config: GuardConfig | None = None, **options: Unpack[GuardOptions]
) -> GuardedTool[P, T, T]: ...
@overload
def guard(func: None = None, /, *, config: GuardConfig | None = None, **options: Unpack[GuardOptions]) -> Guard: ...
def guard(func: Any = None, /, *, config: GuardConfig | None = None, **options: Unpack[GuardOptions]) -> Any:
    """Put a guard around every call of a function.

    Use it bare (`@guard`), with options (`@guard(max_retries=3)`), or as a function (`guard(fn, timeout=5)`). Any
    callable will do: functions, coroutine functions, generators of both kinds, methods (outermost, over
    `@staticmethod` and `@classmethod` too), partials and callable objects.

    Args:
        func: What to guard.
        config: Settings to start from; None for the defaults, with which nothing is on.
        **options: The fields of `GuardConfig`, by the same names. They override `config` only where they are given.

    Returns:
        The `GuardedTool`; without `func`, a decorator that makes it.

    Raises:
        ConfigError: An option does not exist (with the nearest name), or has a value that cannot be; `func` is not
            callable, or is guarded already.
    """
    settings = (GuardConfig() if config is None else config).merged(options)

    def decorate(func: Any) -> GuardedTool[..., Any, Any]:
        if isinstance(func, GuardedTool):
            msg = f"{func.name!r} is guarded already; guard its function (`{func.name}.fn`) to change the settings"
            raise ConfigError(msg)
        return GuardedTool(func, settings)

    return decorate if func is None else decorate(func)
