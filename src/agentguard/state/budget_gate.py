"""The gate that keeps a tool within its budget."""

from __future__ import annotations

import logging
from typing import Any

from agentguard.core.call import ToolCall
from agentguard.core.config import BudgetConfig
from agentguard.core.result import ToolResult
from agentguard.core.target import is_async
from agentguard.errors import BudgetExceededError, ConfigError
from agentguard.policies.budget import BadCost, Ledger, Reservation
from agentguard.state.gate import Afterwards, Gate, Outcome, Overruled
from agentguard.state.sharing import shared

_logger = logging.getLogger("agentguard")


class BudgetGate(Gate):
    """Reserves a call and its likely cost before the attempt, and settles the real cost after it.

    Counted per session, else for the tool (or its `shared_key`) over the life of the process. An attempt whose body
    started costs what was reserved when its real cost is unknown, because it failed or was cancelled.
    """

    settings: BudgetConfig

    def __init__(self, config: BudgetConfig) -> None:
        if is_async(config.cost):
            msg = "BudgetConfig.cost must be a plain function: it is asked while the call waits to start"
            raise ConfigError(msg)
        self.settings = config
        limits = (config.max_cost_per_call, config.max_cost_per_session, config.max_calls_per_session)
        self.ledger = shared("budget", config.shared_key, limits, lambda: Ledger(config))
        self.has_price = config.cost is not None
        """Whether the user's own function tells what a call costs."""
        self.only_warns = config.on_exceed == "warn"
        self.price_per_call = config.max_cost_per_call if config.cost_per_call is None else config.cost_per_call
        """US dollars reserved for each call; None when nobody has said."""
        self.has_money = self.has_price or self.price_per_call is not None
        """Whether what a call costs is counted on `call.cost`."""
        # A ledger of its own knows the price; tools that share one may have different prices.
        self._assumed = None if config.shared_key is None else self.price_per_call

    def estimate(self, call: ToolCall) -> float | None:
        """US dollars that the call will probably cost, by the user's own function; None when it cannot say."""
        return None if self.settings.cost is None else self.settings.cost(call, None)

    def price(self, call: ToolCall, result: ToolResult) -> float | None:
        """US dollars that the call did cost; None when the user's own function does not know, or raises: the tool has
        run, and its result must reach the caller.
        """
        if self.settings.cost is None:
            return None
        try:
            return self.settings.cost(call, result)
        except Exception:  # as the docstring says
            _logger.exception("BudgetConfig.cost of %r raised after the call; its estimate is booked", call.tool_name)
            return None

    def admit_locked(self, call: ToolCall, _now: float, estimate: float | None, /) -> Any:
        """A reservation."""
        key = call.account
        amount = self._assumed if estimate is None else estimate
        try:
            reservation = self.ledger.reserve(key, amount)
        except BadCost as error:
            raise ConfigError(f"BudgetConfig.cost of {call.tool_name!r} gave no amount of money: {error}") from error
        if reservation is not None:
            return reservation
        excess = self.ledger.excess(key, amount)
        if self.only_warns:
            return Overruled(f"the budget of {call.tool_name!r} is exceeded", self.ledger.overdraw(key, amount))
        raise BudgetExceededError(
            tool_name=call.tool_name,
            call_id=call.call_id,
            spent=0.0 if excess is None else excess.spent,
            limit=0.0 if excess is None else excess.limit,
            unit="calls" if excess is not None and excess.reason == "calls" else "USD",
        )

    def settle_locked(
        self, grant: Any, call: ToolCall, outcome: Outcome, _now: float, cost: float | None, /
    ) -> Afterwards | None:
        """Book the cost of an attempt whose body started; give the rest back."""
        reservation: Reservation = grant.grant if type(grant) is Overruled else grant
        if outcome == "unused":
            self.ledger.release(reservation)
            return None
        try:
            crossed = self.ledger.settle(reservation, cost)
        except BadCost as error:
            # The tool has run: what it said it would cost is booked, and the result goes on to the caller.
            call.note("bad_cost", str(error))
            crossed, cost = self.ledger.settle(reservation, None), None
        if self.has_money:
            call.cost = (call.cost or 0.0) + (reservation.amount if cost is None else cost)
        if crossed and self.settings.on_alert is not None:
            return lambda: self.alert(call)
        return None

    def reading_locked(self, session_id: str | None, _now: float, /) -> dict[str, Any]:
        """Calls made and US dollars spent by a session (None: by calls outside of sessions)."""
        return {"calls": self.ledger.calls(session_id), "spent": self.ledger.spent(session_id)}

    def reset_locked(self) -> None:
        """Forget every session's spending."""
        self.ledger.reset()

    def alert(self, call: ToolCall) -> None:
        """Tell the user's function that the session's budget is nearly spent. Without the lock."""
        key = call.account
        try:
            if self.settings.on_alert is not None:
                self.settings.on_alert(call, self.ledger.spent(key))
        except Exception:  # an observer fails open
            _logger.exception("BudgetConfig.on_alert of %r raised", call.tool_name)
