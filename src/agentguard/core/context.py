"""Where a call happens: the one ContextVar that says which call or session encloses the running code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import MappingProxyType
from typing import Any, Protocol

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Collector(Protocol):
    """Takes the finished spans of the calls made while it is open: a recorder, or a session's memory.

    It must never raise and never block: it is called between a tool's result and its caller.
    """

    def collect(self, span: Any, /) -> None:
        """Take one finished span."""


class Enclosing(Protocol):
    """What may enclose running code: a scope, or a call whose body runs (a `ToolCall`)."""

    @property
    def scope(self) -> Scope:
        """What is open inside of it."""

    @property
    def caller(self) -> Any:
        """The call whose body runs inside of it; None outside of every body."""


class Scope:
    """What the calls made in one stretch of code have in common. Immutable; opening something makes a new one."""

    __slots__ = ("caller", "collectors", "metadata", "only_tool", "outer", "run_id", "scope", "session_id", "span")

    def __init__(
        self,
        *,
        session_id: str | None = None,
        collectors: tuple[Collector, ...] = (),
        metadata: Mapping[str, Any] = _NOTHING,
        caller: Any = None,
        only_tool: object | None = None,
        outer: Scope | None = None,
        span: Any = None,
        run_id: str | None = None,
    ) -> None:
        self.scope = self
        """Itself, so that a scope and a call answer `.scope` alike."""
        self.session_id = session_id
        """The innermost open session's id; None when no session is open."""
        self.collectors = collectors
        """Every open recorder and session, outermost first."""
        self.metadata = metadata
        """What `call_metadata(...)` supplies to the calls inside."""
        self.caller = caller
        """The guarded call whose body is running here; None outside every body."""
        self.only_tool = only_tool
        """The one tool that this scope is for (and what that tool calls); None means every tool."""
        self.outer = outer
        """The scope that holds for the tools that `only_tool` leaves out."""
        self.span = span
        """The innermost span opened by code inside the body of `caller`; None where that is the caller's own."""
        self.run_id = run_id
        """The outermost agent run around; None outside of one."""

    def seen_by(self, tool: object) -> Scope:
        """The innermost scope that is meant for `tool`."""
        scope = self
        while scope.only_tool is not None and scope.only_tool is not tool and scope.outer is not None:
            scope = scope.outer
        return scope

    def joined(
        self,
        *,
        caller: Any,
        session_id: str | None = None,
        collector: Collector | None = None,
        metadata: Mapping[str, Any] = _NOTHING,
        span: Any = None,
        run_id: str | None = None,
    ) -> Scope:
        """This scope with something more open in it: for the tool it is for, and for all the others.

        The outermost run stays: `run_id` only counts where there is none.
        """
        if span is None and caller is self.caller:
            span = self.span  # the body of another call is further in than any span around that call
        return Scope(
            session_id=self.session_id if session_id is None else session_id,
            collectors=self.collectors if collector is None else (*self.collectors, collector),
            metadata={**self.metadata, **metadata} if metadata else self.metadata,
            caller=caller,
            only_tool=self.only_tool,
            outer=None
            if self.outer is None
            else self.outer.joined(
                caller=caller,
                session_id=session_id,
                collector=collector,
                metadata=metadata,
                span=span,
                run_id=run_id,
            ),
            span=span,
            run_id=run_id if self.run_id is None else self.run_id,
        )

    def inside(self) -> Scope:
        """This scope as the body of a call in it sees it: what the body calls belongs to the session too."""
        if self.only_tool is None:
            return self
        return Scope(
            session_id=self.session_id,
            collectors=self.collectors,
            metadata=self.metadata,
            caller=self.caller,
            span=self.span,
            run_id=self.run_id,
        )


ROOT = Scope()
"""Where nothing is open."""

CURRENT: ContextVar[Enclosing] = ContextVar("agentguard", default=ROOT)
"""The innermost thing that encloses the running code: a call, or a scope. One variable, so that a call that uses none
of it pays for one read."""


def enter(scope: Scope) -> Token[Enclosing]:
    """Make `scope` the current one; give the token to `leave`."""
    return CURRENT.set(scope)


def leave(token: Token[Enclosing], entered: Enclosing) -> None:
    """Go back to what was current before `entered` was made current with `token`.

    A suspended coroutine may be closed, and a fixture's block be left, in another context than the one that was
    entered. There the token is foreign; what is current there is only touched if it is what was entered.
    """
    try:
        CURRENT.reset(token)
    except ValueError:
        if CURRENT.get() is entered:
            CURRENT.set(ROOT if token.old_value is Token.MISSING else token.old_value)


def span_around(node: Any) -> Any:
    """The innermost span around what runs in `node`: of a recorded call or of a decorated function; None without one.

    It may have ended: a task may outlive what started it.
    """
    while node is not None:
        if node.span is not None:
            return node.span
        # An unrecorded call's own surroundings come next; a scope's are those of the body that it was opened in.
        node = node.caller if isinstance(node, Scope) else node.origin_node
    return None


@contextmanager
def call_metadata(**metadata: Any) -> Iterator[None]:
    """Supply `ctx.metadata` to the guarded calls made inside the block.

    Blocks nest: an inner value replaces an outer one of the same name. Follows the context, so concurrent tasks never
    see each other's.
    """
    here = CURRENT.get()
    inside = here.scope.joined(caller=here.caller, metadata=metadata)
    token = enter(inside)
    try:
        yield
    finally:
        leave(token, inside)
