"""The gate that spaces calls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agentguard.core.call import ToolCall
from agentguard.core.config import RateLimitConfig
from agentguard.errors import RateLimitedError
from agentguard.policies.bucket import RateLimit
from agentguard.state.gate import WAIT, Gate, Outcome, time_left
from agentguard.state.lock import TURN
from agentguard.state.sharing import shared


class RateGate(Gate):
    """Refuses, or delays, what comes too fast."""

    def __init__(self, config: RateLimitConfig) -> None:
        self.settings = config
        self.limit = shared("rate limit", config.shared_key, replace(config, max_wait=0.0), lambda: RateLimit(config))
        self._max_wait = config.max_wait

    def admit_locked(self, call: ToolCall, now: float, _estimate: float | None, /) -> Any:
        """A token: the time for which it was taken."""
        start = self.limit.take_now(now)
        if start is None:
            self._check_wait(call, self.limit.wait(now), now)
            return WAIT
        return start

    async def queue(self, call: ToolCall, /) -> Any:
        """Reserve the next token and sleep until it is there: first come, first served, and nobody wakes in vain."""
        now = call.runtime.now()
        with TURN:
            wait = self.limit.wait(now)
            self._check_wait(call, wait, now)
            start = self.limit.take(now)
        try:
            await call.runtime.sleep(wait)
        except BaseException:
            with TURN:
                self.limit.give_back(start)
            raise
        call.note("rate_limit_wait", wait)
        return start

    def settle_locked(self, grant: Any, call: ToolCall, outcome: Outcome, _now: float, _cost: float | None, /) -> None:
        """A token is spent once the body has started; else it goes back."""
        if outcome == "unused":
            self.limit.give_back(grant)

    def reading_locked(self, _session_id: str | None, now: float, /) -> dict[str, Any]:
        """Seconds until the next call may start."""
        return {"rate_limit_wait": self.limit.wait(now)}

    def reset_locked(self) -> None:
        """Forget every call."""
        self.limit.reset()

    def _check_wait(self, call: ToolCall, wait: float, now: float) -> None:
        if wait > time_left(call, self._max_wait, now):
            raise RateLimitedError(tool_name=call.tool_name, call_id=call.call_id, retry_after=wait)
