"""What layers may use to wait, as a protocol: `core/runtime.py` has the two ways of doing it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

Next = Callable[[Any], Awaitable[Any]]
"""The rest of a chain: takes the `ToolCall`, gives its `ToolResult`."""


class Waiter(Protocol):
    """One caller in a queue. It is woken once, from any thread."""

    def wake(self) -> bool:
        """Let the caller go on; False when it is gone for good, because its event loop was closed."""

    def has_woken(self) -> bool:
        """Whether it was woken."""


class Runtime(Protocol):
    """What layers may use to wait. Safe to share: it holds no state of any call."""

    now: Callable[[], float]
    """Monotonic seconds."""

    sleep: Callable[[float], Awaitable[None]]
    """Wait that many seconds."""

    def limit(self, following: Next, call: Any, seconds: float, grace: float | None) -> Awaitable[Any]:
        """Run the rest of the chain, and raise `CallTimedOutError` when its body takes longer than `seconds`."""

    def make_waiter(self) -> Waiter:
        """A place in a queue for the calling task or thread."""

    def acquire(self, waiter: Any, timeout: float, /) -> Awaitable[bool]:
        """Wait until `waiter` is woken; False when `timeout` seconds passed first."""

    def run_user(self, fn: Callable[..., Any], *args: Any) -> Awaitable[Any]:
        """Call something of the user's, sync or async, and give its value."""

    def offload(self, fn: Callable[..., Any], *args: Any) -> Awaitable[Any]:
        """Call something that blocks, where it may."""
