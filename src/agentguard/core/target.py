"""What is called: a callable's kind, signature and the facts that every call of it shares."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Literal

from agentguard.core.pool import Tally
from agentguard.errors import ConfigError

_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_ANY_SIGNATURE = inspect.Signature(
    [
        inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL),
        inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
    ]
)


Effect = Literal["read", "idempotent", "write"]
"""What a tool does to the world: looks only; may be repeated; must not be repeated blindly."""


class Kind(Enum):
    """The four kinds of callable, by what a plain call of them returns."""

    FUNCTION = "function"
    COROUTINE = "coroutine function"
    GENERATOR = "generator function"
    ASYNC_GENERATOR = "async generator function"


_TESTS: tuple[tuple[Callable[[Any], bool], Kind], ...] = (
    (inspect.isasyncgenfunction, Kind.ASYNC_GENERATOR),
    (inspect.iscoroutinefunction, Kind.COROUTINE),
    (inspect.isgeneratorfunction, Kind.GENERATOR),
)


class Target:
    """One callable and the facts about it that every call shares."""

    def __init__(
        self,
        fn: Any,
        *,
        name: str | None = None,
        effect: Effect | None = None,
        is_inline: bool = False,
        is_remote: bool = False,
        memory_limit_mb: int | None = None,
    ) -> None:
        self.binding: Literal["method", "class", "static"] = "method"
        """How attribute access on a class binds it: like a function, a class method or a static method."""
        if isinstance(fn, staticmethod | classmethod):
            self.binding = "static" if isinstance(fn, staticmethod) else "class"
            fn = fn.__func__
        if not callable(fn):
            msg = f"guard() needs something callable, got {type(fn).__name__}"
            raise ConfigError(msg)
        self.fn: Callable[..., Any] = fn
        """The callable itself."""
        self.inner = _innermost(fn)
        """The function whose code will run: a partial's function, an object's `__call__`."""
        self.name = name or _name_of(fn)
        """The name that models, traces and errors use."""
        self.effect = effect
        """What a call does to the world; None is undeclared, and read as `write` wherever that is safer."""
        self.kind = _kind_of(fn, self.inner)
        """Which of the four kinds it is."""
        self.is_async = self.kind in (Kind.COROUTINE, Kind.ASYNC_GENERATOR)
        """Whether the body needs an event loop."""
        self.is_stream = self.kind in (Kind.GENERATOR, Kind.ASYNC_GENERATOR)
        """Whether a call hands out items one by one."""
        self.signature = _signature_of(fn)
        """The parameters; `(*args, **kwargs)` where Python cannot tell."""
        self._read_names()
        self.is_inline = is_inline
        """Whether a blocking function is declared quick enough to run on an event loop's own thread."""
        self.is_remote = is_remote
        """Whether the body runs in a worker process, where it can be killed."""
        self.memory_limit_mb = memory_limit_mb
        """Of a remote body: how many more MiB the worker may take for it; None sets no limit."""
        self.hung = Tally()
        """Bodies that were given up and still run."""
        self.compiled: dict[str, Any] = {}
        """What layers compiled for this target's signature, by layer; shared by a method's bound targets."""

    @property
    def doc(self) -> str | None:
        """The docstring; None when there is none."""
        return inspect.getdoc(self.fn if self.inner is self.fn else self.inner)

    @property
    def may_repeat(self) -> bool:
        """Whether running the body twice is declared harmless."""
        return self.effect in ("read", "idempotent")

    @functools.cached_property
    def hints(self) -> Mapping[str, Any]:
        """Type hints by parameter name, `return` included. Raises NameError while a forward reference is unresolved."""
        if not inspect.isclass(self.inner):
            return typing.get_type_hints(self.inner, include_extras=True)
        # Calling a class takes what its constructor takes, and gives an instance.
        made_by = self.inner.__new__ if self.inner.__init__ is object.__init__ else self.inner.__init__
        return {**typing.get_type_hints(made_by, include_extras=True), "return": self.inner}

    def bound_to(self, holder: object) -> Target:
        """The same target as a method of `holder`: bound, and without its first parameter."""
        bound = object.__new__(Target)
        bound.__dict__.update(self._without_self.__dict__)
        bound.fn = types.MethodType(self.fn, holder)
        return bound

    @functools.cached_property
    def _without_self(self) -> Target:
        bound = object.__new__(Target)
        bound.__dict__.update(self.__dict__)
        bound.compiled = {}
        parameters = list(self.signature.parameters.values())
        if parameters and parameters[0].kind in _BY_POSITION:
            bound.signature = self.signature.replace(parameters=parameters[1:])
            bound._read_names()
        return bound

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments by parameter name, in the signature's order for positional ones. Never raises: what does not
        fit is kept under the name it came with, or under `*args`; and under `**name` where one was given by position
        and another of that name besides, as `def f(a, /, **rest)` allows.
        """
        positional = self._positional
        # Without `strict=`, which takes a built-in call off CPython's fast path: 0.2 us of every recorded call.
        bound = dict(zip(positional, args))  # noqa: B905
        if len(args) > len(positional):
            bound[self._rest] = args[len(positional) :]
        if kwargs:
            given = len(bound) + len(kwargs)
            bound.update(kwargs)
            if len(bound) < given:
                return _with_namesakes(self.bind(args, {}), kwargs)
        return bound

    def in_order(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...] | None:
        """The arguments by position, those given by name in their places: the same however the call was written.

        None when that cannot be told at once: a name is not of the next parameter, or may not be given by position.
        """
        if not kwargs:
            return args
        given = len(args)
        names = self._either_way[given : given + len(kwargs)]
        if len(names) != len(kwargs):
            return None
        try:
            return (*args, *[kwargs[name] for name in names])
        except KeyError:
            return None

    def _read_names(self) -> None:
        parameters = self.signature.parameters.values()
        kinds = {p.kind for p in parameters}
        # A name may also mean a positional-only parameter's namesake in `**kwargs`.
        self._either_way = (
            ()
            if inspect.Parameter.POSITIONAL_ONLY in kinds
            else tuple(p.name for p in parameters if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD)
        )
        self._positional = tuple(p.name for p in parameters if p.kind in _BY_POSITION)
        self._rest = next((p.name for p in parameters if p.kind is inspect.Parameter.VAR_POSITIONAL), "*args")


def _with_namesakes(bound: dict[str, Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    return {**bound, **{f"**{name}" if name in bound else name: value for name, value in kwargs.items()}}


def is_async(fn: object) -> bool:
    """Whether calling `fn` gives a coroutine: it is an `async def`, a partial of one, or an object called like one."""
    called = getattr(type(fn), "__call__", None)  # noqa: B004 - the method itself is wanted
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(called)


def _innermost(fn: Any) -> Any:
    while isinstance(fn, functools.partial):
        fn = fn.func
    if inspect.isroutine(fn) or inspect.isclass(fn):
        return fn
    return getattr(fn, "__call__", fn)  # noqa: B004 - the method itself is wanted, not whether there is one


def _name_of(fn: Any) -> str:
    while isinstance(fn, functools.partial):
        fn = fn.func
    return getattr(fn, "__name__", None) or type(fn).__name__


def _kind_of(*ways_to_ask: Any) -> Kind:
    """The kind by the callable itself, which may be marked (an AsyncMock is), else by the function inside of it."""
    for is_kind, kind in _TESTS:
        if any(map(is_kind, ways_to_ask)):
            return kind
    return Kind.FUNCTION


def _signature_of(fn: Any) -> inspect.Signature:
    try:
        return inspect.signature(fn)
    except (TypeError, ValueError):
        # Some builtins have no signature that Python can read.
        return _ANY_SIGNATURE
