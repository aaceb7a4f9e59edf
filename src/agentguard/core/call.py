"""What passes through every layer: one call."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from agentguard.core.context import CURRENT, ROOT
from agentguard.core.ids import CALL_IDS

if TYPE_CHECKING:
    from agentguard.core.config import GuardConfig
    from agentguard.core.context import Scope
    from agentguard.core.port import Runtime
    from agentguard.core.target import Target


Body = Callable[["ToolCall"], Coroutine[Any, Any, Any]]
"""Runs a call's function, the innermost stage; gives the `ToolResult`."""


_UNREAD: Any = object()


class ToolCall:
    """One call of one tool, as every layer, hook and middleware sees it (the `ctx` of a middleware).

    Belongs to one call and is not shared. Changes to `args`, `kwargs` and `metadata` made by a middleware take effect.
    """

    # What a fresh call has stands on the class: making a call is the largest part of what an empty guard costs, and
    # setting these one by one in `__init__` doubled it.

    attempt: int = 1
    """Which try this is, from 1."""
    deadline: float | None = None
    """Monotonic time by which the whole call must have ended; None without a total time-out."""
    started_at: float | None = None
    """Monotonic time at which the current attempt's body started; None until then."""
    bodies: int = 0
    """How often the tool's body has started: 0 means that the tool did not run, and nothing can have happened."""
    items: int = 0
    """How many items a generator tool has handed out."""
    item_checks: tuple[Callable[[Any], Any], ...] = ()
    """What each item of a generator tool passes through before it is handed out, in order."""
    step_limit: Callable[..., Any] | None = None
    """What limits the time of each step of a generator tool; None when nothing does."""
    cost: float | None = None
    """US dollars this call has cost so far; None when nothing counts money."""
    span: Any = None
    """The open trace span of this call; None when nothing records it."""
    _call_id: str | None = None
    _session_id: Any = _UNREAD
    _metadata: dict[str, Any] | None = None
    _idempotency_key: str | None = None

    def __init__(  # noqa: PLR0917 - made once a call; keywords would cost a tenth of the whole guard
        self,
        tool_name: str,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        tool: Any = None,
        target: Target | None = None,
        body: Body | None = None,
        runtime: Runtime | None = None,
    ) -> None:
        self.tool_name = tool_name
        """The name that models, traces and errors use."""
        self.args = args
        """Positional arguments, without a method's `self`."""
        self.kwargs: dict[str, Any] = {} if kwargs is None else kwargs
        """Keyword arguments."""
        self.tool = tool
        """The guarded tool or pipeline that makes the call; None for a call made by hand."""
        self.target: Target = target  # type: ignore[assignment]  # None only in a call made by hand
        """What is called: the function, its kind, signature and schema."""
        self.body: Body = body  # type: ignore[assignment]  # as above
        """Runs the function: the innermost stage."""
        self.runtime: Runtime = runtime  # type: ignore[assignment]  # as above
        """How this call waits: on an event loop, or blocking its thread."""
        self.origin_node = CURRENT.get()
        """The innermost thing open around this call: a scope, or the call whose body makes it."""
        self._number = CALL_IDS.next_number()

    @property
    def call_id(self) -> str:
        """Unique across processes and machines, stable across this call's attempts."""
        if self._call_id is None:
            self._call_id = CALL_IDS.text(self._number)
        return self._call_id

    @property
    def idempotency_key(self) -> str:
        """One key per logical call, the same in every attempt: give it to services that deduplicate by key."""
        return self._idempotency_key or self.call_id

    @idempotency_key.setter
    def idempotency_key(self, key: str) -> None:
        self._idempotency_key = key

    @property
    def scope(self) -> Scope:
        """What is open around this call, as code inside its body sees it."""
        return self.origin_node.scope.seen_by(self.tool).inside()

    @property
    def origin(self) -> Scope:
        """What is open around this call, as its caller sees it."""
        return self.origin_node.scope.seen_by(self.tool)

    @property
    def caller(self) -> ToolCall:
        """The call that a body running inside this one belongs to: itself."""
        return self

    @property
    def parent(self) -> ToolCall | None:
        """The guarded call whose body made this one; None at the top."""
        caller: ToolCall | None = self.origin_node.caller
        return caller

    @property
    def session_id(self) -> str | None:
        """The open session's id, else the tool's own `session_id=`, else None."""
        found: str | None = self._session_id
        if found is _UNREAD:
            found = None if self.origin_node is ROOT else self.origin.session_id
            if found is None and self.tool is not None:
                found = self.tool.config.session_id
            self._session_id = found
        return found

    @session_id.setter
    def session_id(self, session_id: str | None) -> None:
        self._session_id = session_id

    @property
    def account(self) -> str | None:
        """Whose counters it adds to: its session's, else those of the agent's run around it; None outside of both."""
        session_id: str | None = self._session_id
        if session_id is _UNREAD:
            session_id = self.session_id
        return session_id if session_id is not None or self.origin_node is ROOT else self.origin.run_id

    @property
    def config(self) -> GuardConfig | None:
        """The settings of the tool; None for a call made by hand."""
        return getattr(self.tool, "config", None)

    @property
    def metadata(self) -> dict[str, Any]:
        """Free data of this call: the tool's `metadata=`, overlaid with what `call_metadata(...)` supplies."""
        if self._metadata is None:
            config = self.config
            own = {} if config is None else config.metadata
            self._metadata = {**own, **self.origin.metadata}
        return self._metadata

    @metadata.setter
    def metadata(self, metadata: dict[str, Any]) -> None:
        self._metadata = metadata

    @property
    def has_metadata(self) -> bool:
        """Whether there is any; asked without putting it together, which most calls never need."""
        if self._metadata is None and not self.origin.metadata:
            config = self.config
            return config is not None and bool(config.metadata)
        return bool(self.metadata)

    @property
    def has_run(self) -> bool:
        """Whether the tool's body has ever started, in this attempt or an earlier one, and may have had effects."""
        return self.bodies > 0

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments by parameter name, as far as they can be bound; made anew each time."""
        target: Target | None = self.target
        return dict(self.kwargs) if target is None else target.bind(self.args, self.kwargs)

    def note(self, name: str, value: Any) -> None:
        """Add an attribute to the call's trace span; does nothing when the call is not recorded."""
        if self.span is not None:
            self.span.note(name, value)

    def __repr__(self) -> str:
        return f"<ToolCall {self.tool_name} {self.call_id} attempt {self.attempt}>"


def current_call() -> ToolCall | None:
    """The guarded call whose body is running, or None outside of one.

    Gives a tool's body its own call id, idempotency key, attempt number and deadline. It follows the context: it is
    right in tasks, in `asyncio.to_thread` and in agentguard's own threads, and None in a bare `threading.Thread`.
    """
    call: ToolCall | None = CURRENT.get().caller
    return call
