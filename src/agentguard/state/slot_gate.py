"""The gate that lets so many bodies run at once."""

from __future__ import annotations

from typing import Any

from agentguard.core.call import ToolCall
from agentguard.core.config import ConcurrencyConfig
from agentguard.core.forks import renew_in_children
from agentguard.core.port import Waiter
from agentguard.errors import ConcurrencyLimitError
from agentguard.policies.slots import Slots
from agentguard.state.gate import WAIT, Afterwards, Gate, Outcome, time_left
from agentguard.state.lock import TURN


class SlotGate(Gate):
    """Gives out slots, in order of arrival."""

    def __init__(self, config: ConcurrencyConfig) -> None:
        self.settings = config
        self._max_wait = config.max_wait
        self.renew()
        renew_in_children(self)

    def renew(self) -> None:
        """Start with every slot free, as in a forked child, where the threads that held some are not."""
        self.slots: Slots[Waiter] = Slots(self.settings.max_concurrent)

    def admit_locked(self, call: ToolCall, _now: float, _estimate: float | None, /) -> Any:
        """A slot, which is of these slots and no others: a child may inherit one of its parent's."""
        if self.slots.take():
            return self.slots
        if self._max_wait <= 0.0:
            raise self._full(call)
        return WAIT

    async def queue(self, call: ToolCall, /) -> Any:
        """Wait for a slot, in order."""
        waiter = call.runtime.make_waiter()
        with TURN:
            if self.slots.take():
                return self.slots
            self.slots.enqueue(waiter)
        timeout = time_left(call, self._max_wait, call.runtime.now())
        try:
            has_slot = await call.runtime.acquire(waiter, timeout)
        except BaseException:
            self._leave(waiter)
            raise
        if not has_slot:
            with TURN:
                # It may have been handed a slot since the wait ended.
                has_slot = not self.slots.withdraw(waiter)
        if not has_slot:
            raise self._full(call)
        return self.slots

    def settle_locked(
        self, grant: Any, _call: ToolCall, _outcome: Outcome, _now: float, _cost: float | None, /
    ) -> Afterwards | None:
        """Hand the slot to whoever waits longest."""
        waiter = grant.release() if grant is self.slots else None
        return None if waiter is None else lambda: self.wake(waiter)

    def reading_locked(self, _session_id: str | None, _now: float, /) -> dict[str, Any]:
        """Bodies running, and calls waiting for a slot."""
        return {"running": self.slots.in_use, "waiting": self.slots.waiting}

    def reset_locked(self) -> None:
        """Nothing to forget: slots are taken by calls under way."""

    def wake(self, waiter: Waiter | None) -> None:
        """Tell whoever was handed a slot; without the lock."""
        while waiter is not None and not waiter.wake():
            # Its event loop is gone, and the slot would be lost with it.
            with TURN:
                waiter = self.slots.release()

    def _leave(self, waiter: Waiter) -> None:
        with TURN:
            following = None if self.slots.withdraw(waiter) else self.slots.release()
        self.wake(following)

    def _full(self, call: ToolCall) -> ConcurrencyLimitError:
        return ConcurrencyLimitError(tool_name=call.tool_name, call_id=call.call_id, limit=self.slots.limit)
