"""What nearly every attempt meets at its gates: a closed circuit, a free slot, a token, room in the budget.

Asking gate after gate, and settling with each, is a third of what a call with all layers costs; asking their policies
in one function saves half of that. Nothing is decided here: as soon as a policy says anything but yes, what was taken
is put back, and the gates are asked one after the other, which refuse, queue and warn.
`tests/state/test_common_case.py` holds the two ways against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from agentguard.core.call import ToolCall
from agentguard.core.port import Waiter
from agentguard.policies.budget import Account, Reservation
from agentguard.policies.slots import Slots
from agentguard.state.breaker_gate import BreakerGate
from agentguard.state.budget_gate import BudgetGate
from agentguard.state.gate import Gate
from agentguard.state.lock import LOCK, TURN
from agentguard.state.rate_gate import RateGate
from agentguard.state.slot_gate import SlotGate

G = TypeVar("G", bound=Gate)

Taken = tuple[int | None, Slots[Waiter] | None, float | None, Account | None]
"""What an attempt was given: a permit, the slots that one is of, a token, the account that promised."""


class CommonCase:
    """Lets an attempt through all gates at once, when none of them has anything to say about it."""

    __slots__ = ("_amount", "_breaker", "_budget", "_counts_money", "_gates", "_ledger", "_limit", "_slot_gate")

    def __init__(self, gates: Sequence[Gate]) -> None:
        self._gates = gates
        breaker, rate = _only(gates, BreakerGate), _only(gates, RateGate)
        self._breaker = None if breaker is None else breaker.breaker
        self._limit = None if rate is None else rate.limit
        self._slot_gate = _only(gates, SlotGate)
        self._budget = _only(gates, BudgetGate)
        self._ledger = None if self._budget is None else self._budget.ledger
        self._amount = 0.0 if self._budget is None else self._budget.price_per_call or 0.0
        self._counts_money = self._budget is not None and self._budget.has_money

    @staticmethod
    def serves(gates: Sequence[Gate]) -> bool:
        """Whether these gates can be asked like this: not when there are two of a kind, when one only warns, or when
        the user's own function must be asked what a call costs.
        """
        kinds = {type(gate) for gate in gates}
        is_known = len(kinds) == len(gates) and kinds <= {BreakerGate, RateGate, BudgetGate, SlotGate}
        return is_known and not any(gate.only_warns for gate in gates) and _has_fixed_price(_only(gates, BudgetGate))

    def take(self, call: ToolCall) -> Taken | None:  # noqa: C901 - one function on purpose, as the module says
        """What all gates give, or None, and then nothing was taken."""
        permit = slots = start = account = None
        try:
            # `with TURN`, written out as in `Admission`.
            LOCK.acquire()
            TURN.depth += 1
            try:
                if self._breaker is not None:
                    if not self._breaker.closed:
                        return None
                    permit = self._breaker.permit
                if self._slot_gate is not None:
                    if not self._slot_gate.slots.take():
                        return None
                    slots = self._slot_gate.slots
                if self._limit is not None:
                    start = self._limit.take_now(call.runtime.now())
                    if start is None:
                        self._put_back(slots, start, account)
                        return None
                if self._ledger is not None:
                    account = self._ledger.promise(call.account, self._amount)
                    if account is None:
                        self._put_back(slots, start, account)
                        return None
            finally:
                TURN.depth -= 1
                if TURN.deferred and not TURN.depth:
                    TURN.catch_up()
                LOCK.release()
        except BaseException:
            # Ctrl-C, or a session id that cannot be hashed.
            self._put_back(slots, start, account)
            raise
        return permit, slots, start, account

    def keep(self, call: ToolCall, taken: Taken) -> bool:  # noqa: C901 - as above
        """Settle for a success. False, and nothing is settled, when that must wait for the end of a decision."""
        permit, slots, _, account = taken
        waiter, has_crossed = None, False
        LOCK.acquire()
        if TURN.depth:
            LOCK.release()
            return False
        TURN.depth = 1
        try:
            if permit is not None and self._breaker is not None and self._breaker.heeds_success:
                now = call.runtime.now()
                self._breaker.record(permit, "success", now, now - (call.started_at or now))
            if account is not None and self._ledger is not None:
                has_crossed = self._ledger.keep(account, self._amount)
            if slots is not None and self._slot_gate is not None and slots is self._slot_gate.slots:
                waiter = slots.release()
        finally:
            TURN.depth = 0
            if TURN.deferred:
                TURN.catch_up()
            LOCK.release()
        if self._counts_money:
            call.cost = (call.cost or 0.0) + self._amount
        if waiter is not None and self._slot_gate is not None:
            self._slot_gate.wake(waiter)
        if has_crossed and self._budget is not None:
            self._budget.alert(call)
        return True

    def as_grants(self, taken: Taken) -> list[object]:
        """The same as the gates would have given it one by one, in their order."""
        permit, slots, start, account = taken
        reservation = None if account is None else Reservation(account, self._amount)
        given = {BreakerGate: permit, SlotGate: slots, RateGate: start, BudgetGate: reservation}
        return [given[type(gate)] for gate in self._gates]

    def _put_back(self, slots: Slots[Waiter] | None, start: float | None, account: Account | None) -> None:
        waiter = None
        with TURN:
            if account is not None and self._ledger is not None:
                self._ledger.release(Reservation(account, self._amount))
            if start is not None and self._limit is not None:
                self._limit.give_back(start)
            if slots is not None:
                waiter = slots.release()
        if waiter is not None and self._slot_gate is not None:
            self._slot_gate.wake(waiter)


def _only(gates: Sequence[Gate], kind: type[G]) -> G | None:
    return next((gate for gate in gates if type(gate) is kind), None)


def _has_fixed_price(budget: BudgetGate | None) -> bool:
    """Whether every call reserves the same, and that is what it costs; also when money is not counted at all."""
    if budget is None:
        return True
    return not budget.has_price and (budget.price_per_call is not None or budget.settings.max_cost_per_session is None)
