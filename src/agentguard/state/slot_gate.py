"""The gate that lets so many bodies run at once."""

from __future__ import annotations

from typing import Any

from agentguard.core.call import ToolCall
from agentguard.core.config import ConcurrencyConfig
from agentguard.core.port import Waiter
from agentguard.errors import ConcurrencyLimitError
from agentguard.policies.slots import Slots
from agentguard.state.gate import WAIT, Afterwards, Gate, Outcome, time_left
from agentguard.state.lock import LOCK


class SlotGate(Gate):
    """Gives out slots, in order of arrival."""

    def __init__(self, config: ConcurrencyConfig) -> None:
        self.settings = config
        self.slots: Slots[Waiter] = Slots(config.max_concurrent)
        self._max_wait = config.max_wait

    def admit_locked(self, call: ToolCall, _now: float, _estimate: float | None, /) -> Any:
        """A slot."""
        if self.slots.take():
            return True
        if self._max_wait <= 0.0:
            raise self._full(call)
        return WAIT

    async def queue(self, call: ToolCall, /) -> Any:
        """Wait for a slot, in order."""
        waiter = call.runtime.make_waiter()
        with LOCK:
            if self.slots.take():
                return True
            self.slots.enqueue(waiter)
        timeout = time_left(call, self._max_wait, call.runtime.now())
        try:
            has_slot = await call.runtime.acquire(waiter, timeout)
        except BaseException:
            self._leave(waiter)
            raise
        if not has_slot:
            with LOCK:
                # It may have been handed a slot since the wait ended.
                has_slot = not self.slots.withdraw(waiter)
        if not has_slot:
            raise self._full(call)
        return True

    def settle_locked(
        self, _grant: Any, _call: ToolCall, _outcome: Outcome, _now: float, _cost: float | None, /
    ) -> Afterwards | None:
        """Hand the slot to whoever waits longest."""
        waiter = self.slots.release()
        return None if waiter is None else lambda: self._wake(waiter)

    def reading_locked(self, _session_id: str | None, _now: float, /) -> dict[str, Any]:
        """Bodies running, and calls waiting for a slot."""
        return {"running": self.slots.in_use, "waiting": self.slots.waiting}

    def reset_locked(self) -> None:
        """Nothing to forget: slots are taken by calls under way."""

    def _wake(self, waiter: Waiter | None) -> None:
        while waiter is not None and not waiter.wake():
            # Its event loop is gone, and the slot would be lost with it.
            with LOCK:
                waiter = self.slots.release()

    def _leave(self, waiter: Waiter) -> None:
        with LOCK:
            following = None if self.slots.withdraw(waiter) else self.slots.release()
        self._wake(following)

    def _full(self, call: ToolCall) -> ConcurrencyLimitError:
        return ConcurrencyLimitError(tool_name=call.tool_name, call_id=call.call_id, limit=self.slots.limit)
