"""Not spending too much."""

from __future__ import annotations

from typing import ClassVar

from agentguard.core.config import BudgetConfig
from agentguard.state.admission import Admission
from agentguard.state.budget_gate import BudgetGate


class BudgetMiddleware(Admission):
    """Refuses with `BudgetExceededError` what the calls or the money left do not cover.

    Calls are exact under any concurrency; money is, too, when a cost can be reserved before the call
    (`cost(call, None)`, `cost_per_call` or `max_cost_per_call`). An attempt that never started costs nothing.
    """

    name: ClassVar[str] = "Budget"

    def __init__(self, config: BudgetConfig) -> None:
        super().__init__(BudgetGate(config))
