"""A tool, a call and a caller, as the model has them."""

import math
from collections.abc import Callable
from typing import Any

from tests.model.reference import Circuit, Limiter, Places, Promise, Purse, Quota, RefusedError
from tests.model.schedule import Tool, Visit
from tests.model.world import Process


class CallError(Exception):
    """A call that ended with an error; `call` is the one it was made for, None if the tool made it."""

    def __init__(
        self, kind: str, call: "Call | None" = None, retry_after: float | None = None, money: Any = ()
    ) -> None:
        super().__init__(kind)
        self.kind, self.call, self.retry_after, self.money = kind, call, retry_after, money

    def refuses(self, call: "Call") -> bool:
        """Whether it says that this very call was not let in."""
        return self.call is call and self.kind != "CallTimedOutError"


class StoppedError(Exception):
    """A stream whose consumer has enough, or was cancelled between two items."""

    def __init__(self, *, was_cancelled: bool) -> None:
        self.was_cancelled = was_cancelled


class Call:
    """One call of a tool."""

    def __init__(self, visit: Visit, tool: "Guarded", session: str | None, line: "Line") -> None:
        self.visit, self.tool, self.session, self.line = visit, tool, session, line
        self.attempt = 1
        self.bodies = self.items = 0
        self.started_at = 0.0
        self.deadline = math.inf
        self.cost: float | None = None


class Line:
    """A caller, and its process."""

    process: Process

    def __init__(self, number: int) -> None:
        self.number = number


class Guarded:
    """A tool and its counters; those with a key are shared."""

    def __init__(self, number: int, tool: Tool, shared: dict[str, Any]) -> None:
        def counter(name: str, make: Callable[[Any], Any]) -> Any:
            config = tool.options.get(name)
            if config is None:
                return None
            return shared.setdefault(name, make(config)) if config.shared_key else make(config)

        self.number, self.tool = number, tool
        self.settings = tool.options.get
        self.circuit: Circuit | None = counter("circuit_breaker", Circuit)
        self.limiter: Limiter | None = counter("rate_limit", Limiter)
        self.purse: Purse | None = counter("budget", Purse)
        concurrency = tool.options.get("concurrency")
        self.places = None if concurrency is None else Places(concurrency.max_concurrent)
        self.quota = Quota()

    def reading(self, now: float, session: str | None) -> dict[str, Any]:
        """What `tool.state(session)` should say."""
        said: dict[str, Any] = {"hung": 0}
        if self.circuit is not None:
            said["circuit_breaker"] = self.circuit.seen_at(now)
            said["retry_after"] = self.circuit.retry_after(now)
        if self.limiter is not None:
            said["rate_limit_wait"] = self.limiter.wait(now)
        if self.purse is not None:
            said["calls"], said["spent"] = self.purse.calls(session), self.purse.spent(session)
        if self.places is not None:
            said["running"], said["waiting"] = self.places.running, len(self.places.queue)
        return said


def pass_circuit(call: Call, now: float) -> tuple[int, int] | None:
    """A permit; None without a breaker, and from one that only warns."""
    circuit = call.tool.circuit
    if circuit is None:
        return None
    permit = circuit.admit(now)
    if permit is None and call.tool.settings("circuit_breaker").on_open == "block":
        retry_after = circuit.retry_after(now)
        raise RefusedError("CircuitOpenError", None if retry_after == math.inf else retry_after)
    return permit


def pass_purse(call: Call) -> Promise | None:
    """What the call may spend; None without a budget."""
    purse, config = call.tool.purse, call.tool.settings("budget")
    if purse is None:
        return None
    amount = call.tool.tool.estimate if call.tool.tool.is_priced else None
    for known in (config.cost_per_call, config.max_cost_per_call):
        amount = known if amount is None else amount
    excess = purse.excess(call.session, amount)
    if excess is not None and config.on_exceed == "block":
        raise RefusedError("BudgetExceededError", money=excess)
    return purse.promise(call.session, amount)
