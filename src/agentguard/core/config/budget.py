"""`BudgetConfig`: how much a session may spend, in calls and in US dollars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from agentguard.core.config.fields import (
    check_callable,
    check_choice,
    check_integer,
    check_key,
    check_number,
    check_share,
)
from agentguard.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetConfig:
    """Cap calls and money per call and per session; at least one limit must be set.

    Money is reserved before the call and settled after it, so calls that run at the same time cannot overspend
    together. What is reserved is `cost(call, None)`, else `cost_per_call`, else `max_cost_per_call`; with none of them
    nothing can be reserved, and a session may exceed its limit by the calls in flight.

    Raises:
        ConfigError: A field is out of its range, or no limit is set.
    """

    max_cost_per_call: float | None = None
    """Most US dollars one call may be expected to cost, at least 0. None: no such limit."""

    max_cost_per_session: float | None = None
    """Most US dollars per session, at least 0; without a session per run, else per tool. None: no such limit."""

    max_calls_per_session: int | None = None
    """Most calls per session, at least 0 (0 allows none); every attempt is one. None: no such limit."""

    cost_per_call: float | None = None
    """US dollars one call costs, at least 0. None: `cost` tells, or the price is not known beforehand."""

    cost: Callable[..., float | None] | None = None
    """`cost(call, result)` in US dollars; `result` is None before the call, when an estimate is wanted (None: no idea).
    Negative, NaN and infinite costs are errors. None: every call costs `cost_per_call`."""

    alert_threshold: float = 0.8
    """Share of the session's money or calls at which `on_alert` is called, above 0 and at most 1."""

    on_alert: Callable[..., object] | None = None
    """`on_alert(call, spent)`, spent in US dollars, called once per session when `alert_threshold` is crossed; what it
    raises is logged. None: nobody is told."""

    on_exceed: Literal["block", "warn"] = "block"
    """"block" refuses with `BudgetExceededError`; "warn" lets the call through and marks it."""

    shared_key: str | None = None
    """Tools with the same key share one budget. None: this tool has its own."""

    def __post_init__(self) -> None:
        """Check every field."""
        check_number(self, "max_cost_per_call", least=0, optional=True)
        check_number(self, "max_cost_per_session", least=0, optional=True)
        check_integer(self, "max_calls_per_session", least=0, optional=True)
        check_number(self, "cost_per_call", least=0, optional=True)
        check_callable(self, "cost")
        check_share(self, "alert_threshold")
        check_callable(self, "on_alert")
        check_choice(self, "on_exceed", ("block", "warn"))
        check_key(self, "shared_key")
        if self.max_cost_per_call is None and self.max_cost_per_session is None and self.max_calls_per_session is None:
            raise ConfigError(
                "BudgetConfig needs max_cost_per_call, max_cost_per_session or max_calls_per_session, got none of them"
            )
