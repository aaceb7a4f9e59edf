"""Admission: several gates passed together, or none of them."""

from __future__ import annotations

import logging
import math
from typing import Any

from agentguard.core.call import ToolCall
from agentguard.core.chain import Handler, Layer
from agentguard.core.result import ToolResult
from agentguard.errors import CallRejected, OutputRejected
from agentguard.state.budget_gate import BudgetGate
from agentguard.state.common_case import CommonCase
from agentguard.state.gate import WAIT, Afterwards, Gate, Outcome, Overruled
from agentguard.state.lock import LOCK, TURN

_logger = logging.getLogger("agentguard")


class Admission(Layer):
    """Passes an attempt through its gates in order, under one lock: if one refuses, the others take nothing.

    A call that has to queue at a gate holds what the earlier gates gave it, and gives it back if it is refused later,
    cancelled, or ends before its body started.
    """

    def __init__(self, *gates: Gate) -> None:
        self.gates = gates
        """In the order in which they are asked."""
        self.settings = gates[0].settings if len(gates) == 1 else [gate.settings for gate in gates]
        self._budget = next((gate for gate in gates if isinstance(gate, BudgetGate) and gate.has_price), None)
        self._may_warn = any(gate.only_warns for gate in gates)
        # Bound once: looking a method up and binding it is a third of what a gate costs.
        self._admits = tuple(gate.admit_locked for gate in gates)
        self._settles = tuple(gate.settle_locked for gate in gates)

    def link(self, inner: Handler, /) -> Handler:
        """Admit, run, and settle with what became of it."""
        one_by_one = self._asking_one_by_one(inner)
        return self._asking_all_at_once(inner, one_by_one) if CommonCase.serves(self.gates) else one_by_one

    def _asking_all_at_once(self, inner: Handler, one_by_one: Handler) -> Handler:
        common_case = CommonCase(self.gates)
        take, keep = common_case.take, common_case.keep

        async def admitted(call: ToolCall) -> ToolResult:
            # As below.
            bodies_before = call.bodies
            taken = take(call)
            if taken is None:
                return await one_by_one(call)
            try:
                result = await inner(call)
            except BaseException as error:
                outcome = _outcome_of(error, call) if call.bodies > bodies_before else "unused"
                self._give_back(call, common_case.as_grants(taken), outcome, None)
                raise
            if call.bodies == bodies_before:
                self._give_back(call, common_case.as_grants(taken), "unused", None)
            elif not keep(call, taken):
                self._give_back(call, common_case.as_grants(taken), "success", None)
            return result

        return admitted

    def _asking_one_by_one(self, inner: Handler) -> Handler:
        count = len(self.gates)
        admit, give_back = self._admit, self._give_back
        is_priced = self._budget is not None

        async def admitted(call: ToolCall) -> ToolResult:
            # Counted from here, because an order may put retries further in, and the user's own middleware may run the
            # rest twice: what was granted is spent if a body has started since.
            bodies_before = call.bodies
            grants = admit(call)
            if len(grants) < count:
                await self._queue(call, grants)
            try:
                result = await inner(call)
            except BaseException as error:
                outcome = _outcome_of(error, call) if call.bodies > bodies_before else "unused"
                give_back(call, grants, outcome, None)
                raise
            if call.bodies == bodies_before:
                give_back(call, grants, "unused", None)
            elif is_priced:
                self._settle(call, grants, result)
            else:
                give_back(call, grants, "success", None)
            return result

        return admitted

    def _admit(self, call: ToolCall) -> list[Any]:
        """What the gates gave, up to the first that makes the call wait. Nothing is kept when one refuses."""
        # The user's own code runs before the lock is taken.
        estimate = None if self._budget is None else self._budget.estimate(call)
        grants: list[Any] = []
        try:
            # `with TURN`, written out here and below: it would be a tenth of what a call with all layers costs.
            LOCK.acquire()
            TURN.depth += 1
            try:
                now = call.runtime.now()
                for admit in self._admits:
                    grant = admit(call, now, estimate)
                    if grant is WAIT:
                        break
                    grants.append(grant)
            finally:
                TURN.depth -= 1
                if TURN.deferred and not TURN.depth:
                    TURN.catch_up()
                LOCK.release()
        except BaseException:
            self._give_back(call, grants, "unused", None)
            raise
        if self._may_warn and len(grants) == len(self.gates):
            _warn(call, grants)
        return grants

    async def _queue(self, call: ToolCall, grants: list[Any]) -> None:
        """Wait at every gate that is left, in order."""
        with TURN:
            # What was granted so far begins when the wait is over: a probe's lease must not run out in a queue.
            for gate, grant in zip(self.gates, grants):  # noqa: B905 - shorter than the gates, as they wait at the rest
                gate.begin_locked(grant, math.inf)
        try:
            for gate in self.gates[len(grants) :]:
                grants.append(await self._wait_at(gate, call))  # noqa: PERF401 - what was granted must be known if it fails
        except BaseException:
            self._give_back(call, grants, "unused", None)
            raise
        with TURN:
            for gate, grant in zip(self.gates, grants, strict=True):
                gate.begin_locked(grant, call.runtime.now())
        if self._may_warn:
            _warn(call, grants)

    async def _wait_at(self, gate: Gate, call: ToolCall) -> Any:
        estimate = None if self._budget is None else self._budget.estimate(call)
        with TURN:
            grant = gate.admit_locked(call, call.runtime.now(), estimate)
        return await gate.queue(call) if grant is WAIT else grant

    def _settle(self, call: ToolCall, grants: list[Any], result: ToolResult) -> None:
        """Ask what the call did cost, and settle with that."""
        cost = None
        try:
            if self._budget is not None:
                cost = self._budget.price(call, result)
        finally:
            # Whatever the user's function did: Ctrl-C in it must not keep the slot.
            self._give_back(call, grants, "success", cost)

    def _give_back(self, call: ToolCall, grants: list[Any], outcome: Outcome, cost: float | None) -> None:
        afterwards: Afterwards | None = None
        LOCK.acquire()
        if TURN.depth:
            TURN.deferred.append(lambda: self._give_back(call, grants, outcome, cost))
            LOCK.release()
            return
        TURN.depth = 1
        try:
            now = call.runtime.now()
            # Shorter than the gates when the call was refused on the way.
            for settle, grant in zip(self._settles, grants):  # noqa: B905 - `strict=` doubles what the loop costs
                later = settle(grant, call, outcome, now, cost)
                if later is not None:
                    afterwards = later if afterwards is None else _both(afterwards, later)
        finally:
            TURN.depth = 0
            if TURN.deferred:
                TURN.catch_up()
            LOCK.release()
        if afterwards is not None:
            afterwards()


def _outcome_of(error: BaseException, call: ToolCall) -> Outcome:
    """What an attempt that ran and raised says about the tool."""
    if not isinstance(error, Exception):
        # Cancelled, or stopped early by its consumer.
        return "neutral"
    if isinstance(error, OutputRejected | CallRejected) and error.call_id == call.call_id:
        # The tool answered, and is not believed; or an earlier attempt ran, and this one was refused further in.
        return "neutral"
    return "failure"


def _warn(call: ToolCall, grants: list[Any]) -> None:
    for grant in grants:
        if type(grant) is Overruled:
            call.note("overruled", grant.warning)
            _logger.warning("%s; the call goes on, because the limit only warns", grant.warning)


def _both(first: Afterwards, second: Afterwards) -> Afterwards:
    def both() -> None:
        first()
        second()

    return both
