"""`Ledger`: what each session has spent, has promised, and may still spend.

Reserve before the call, settle or release after it. Checking first and booking afterwards lets every call through that
runs in between: of 100 concurrent one-dollar calls under a one-dollar limit, all 100 (seen in the wild).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Literal, NamedTuple

from agentguard.core.config import BudgetConfig

MAX_SESSIONS: Final = 100_000
"""Sessions remembered. Beyond it the one idle longest is forgotten, never one with a call in flight. Ours: about 25 MB,
and a session older than 100,000 others has ended."""

TOLERANCE: Final = 1e-9
"""Relative slack of money limits, because ten times 0.1 dollars is 0.9999999999999999 or 1.0000000000000002."""


class BadCost(ValueError):  # noqa: N818 - reads as what it is in `except BadCost`
    """A cost that is no amount of money: negative, NaN, infinite, a boolean, or not a number."""


class Excess(NamedTuple):
    """Which limit a call would exceed."""

    reason: Literal["calls", "session", "call"]
    """"calls" or money of the "session", or money of this one "call"."""

    spent: float
    """US dollars (or calls) spent and reserved so far; for "call", what the call would cost."""

    limit: float
    """US dollars (or calls) allowed."""


class Account:
    """What one session has spent and promised. Only its `Ledger` changes it."""

    __slots__ = ("alerted", "calls", "in_flight", "reserved", "spent")

    def __init__(self) -> None:
        self.calls = 0
        self.in_flight = 0
        self.spent = 0.0
        self.reserved = 0.0
        self.alerted = False


class Reservation:
    """One call and some money, promised to a call in flight. Belongs to one call."""

    __slots__ = ("_account", "amount")

    def __init__(self, account: Account, amount: float) -> None:
        self._account: Account | None = account
        self.amount = amount
        """US dollars reserved; 0.0 when the price is not known beforehand."""


class Ledger:
    """Accounts by session (any hashable key; None is the one of calls without a session).

    What is reserved and spent together never exceeds `max_cost_per_session`, unless a call costs more than it reserved,
    and `max_calls_per_session` is exact under any interleaving. Not safe to share: the caller holds the lock.
    """

    __slots__ = (
        "_accounts",
        "_alert_calls",
        "_alert_money",
        "_config",
        "_latest",
        "_max_call",
        "_max_calls",
        "_max_money",
        "_price",
        "_quiet_calls",
        "_spent_up",
    )

    def __init__(self, config: BudgetConfig) -> None:
        self._config = config
        self._price = config.max_cost_per_call if config.cost_per_call is None else config.cost_per_call
        self._max_call = _with_slack(config.max_cost_per_call)
        self._max_money = _with_slack(config.max_cost_per_session)
        # Without a price there is nothing to add up, but once the money is gone, it is gone.
        money = config.max_cost_per_session
        self._spent_up = math.inf if money is None else money * (1 - TOLERANCE)
        self._max_calls = math.inf if config.max_calls_per_session is None else config.max_calls_per_session
        self._alert_money = _alert_at(config.max_cost_per_session, config.alert_threshold)
        self._alert_calls = _alert_at(config.max_calls_per_session, config.alert_threshold)
        # Calls before the first one that a limit or an alert may concern.
        self._quiet_calls = min(self._max_calls, self._alert_calls - 1)
        self._accounts: OrderedDict[Hashable, Account] = OrderedDict()
        self._latest: Account | None = None  # the last in that order

    @property
    def limit(self) -> float | None:
        """US dollars per session; None when money is not limited by session."""
        return self._config.max_cost_per_session

    def spent(self, key: Hashable) -> float:
        """US dollars the session has spent, without what is reserved."""
        account = self._accounts.get(key)
        return 0.0 if account is None else account.spent

    def calls(self, key: Hashable) -> int:
        """Calls the session has made, those in flight included."""
        account = self._accounts.get(key)
        return 0 if account is None else account.calls

    def excess(self, key: Hashable, estimate: float | None) -> Excess | None:
        """The limit that a call with this estimate would exceed; None when it fits. Changes nothing.

        `estimate` is `cost(call, None)` in US dollars; None takes `cost_per_call`, else `max_cost_per_call`. If all of
        them are None the price is unknown: the call fits as long as any money is left.

        Raises:
            BadCost: The estimate is no amount of money.
        """
        amount = self._price if estimate is None else _checked(estimate)
        return self._excess(self._accounts.get(key) or _EMPTY, amount)

    def reserve(self, key: Hashable, estimate: float | None) -> Reservation | None:
        """Promise one call and its estimated cost; None when it does not fit (`excess` says why).

        Settle or release it afterwards, exactly once, also when the call is cancelled.

        Raises:
            BadCost: The estimate is no amount of money; nothing is reserved.
        """
        amount = self._price if estimate is None else _checked(estimate)
        account = self._accounts.get(key)
        if account is None:
            # Not opened for a refused call, so that refusals under new keys cannot crowd out sessions.
            return self._book(self._open(key), amount) if self._excess(_EMPTY, amount) is None else None
        if amount is not None and account.calls < self._max_calls and amount <= self._max_call:
            # What nearly every call goes through: `_excess`, written out, because each further call costs 0.05 us.
            if account.spent + account.reserved + amount > self._max_money:
                return None
        elif self._excess(account, amount) is not None:
            return None
        self._accounts.move_to_end(key)
        self._latest = account
        return self._book(account, amount)

    def promise(self, key: Hashable, amount: float) -> Account | None:
        """What `reserve` does for nearly every call, without a reservation. None, and nothing is promised, for the
        first call of a session and when a limit or an alert is near: then ask `reserve`.

        End it, exactly once, with `keep`, or with what ends the `reservation` made from it. `amount` is in US dollars.
        """
        account = self._accounts.get(key)
        if (
            account is None
            or account.calls >= self._quiet_calls
            or account.spent + account.reserved + amount > self._max_money
            or amount > self._max_call
        ):
            return None
        if account is not self._latest:
            self._accounts.move_to_end(key)
            self._latest = account
        account.calls += 1
        account.in_flight += 1
        account.reserved += amount
        return account

    def keep(self, account: Account, amount: float) -> bool:
        """Book what was promised as spent. True when this crossed the alert threshold, as in `settle`."""
        account.in_flight -= 1
        # As in `release`.
        account.reserved = account.reserved - amount if account.in_flight else 0.0
        account.spent += amount
        if account.spent < self._alert_money or account.alerted:
            return False
        account.alerted = True
        return True

    def overdraw(self, key: Hashable, estimate: float | None) -> Reservation:
        """Promise one call and its cost whatever the limits say: for `on_exceed="warn"`.

        Raises:
            BadCost: The estimate is no amount of money; nothing is reserved.
        """
        amount = self._price if estimate is None else _checked(estimate)
        return self._book(self._accounts.get(key) or self._open(key), amount)

    def settle(self, reservation: Reservation, cost: float | None) -> bool:
        """Book what the call cost, in US dollars; None: it is not known, so what was reserved counts as spent.

        True when this crossed the alert threshold, once per session: run `on_alert`. Does nothing the second time.

        Raises:
            BadCost: `cost` is no amount of money. The reservation stays open: settle it with None.
        """
        amount = reservation.amount
        spent = amount if cost is None else _checked(cost)
        account = reservation._account
        if account is None:
            return False
        reservation._account = None
        account.in_flight -= 1
        # As in `release`.
        account.reserved = account.reserved - amount if account.in_flight else 0.0
        account.spent += spent
        # Calls are looked at here too, and not when they are booked: one that is released again must not use up the
        # session's alert.
        if account.alerted or (account.spent < self._alert_money and account.calls < self._alert_calls):
            return False
        account.alerted = True
        return True

    def release(self, reservation: Reservation) -> None:
        """Give back the call and the money, because the tool did not run. Does nothing the second time."""
        account = reservation._account
        if account is not None:
            reservation._account = None
            account.in_flight -= 1
            # With nothing in flight nothing is reserved; set, not subtracted, so that rounding cannot add up.
            account.reserved = account.reserved - reservation.amount if account.in_flight else 0.0
            account.calls -= 1

    def reset(self) -> None:
        """Forget every session; reservations in flight settle into nothing."""
        for account in self._accounts.values():
            # What is in flight still settles with it, and must not alert about what is forgotten.
            account.alerted = True
        self._accounts.clear()
        self._latest = None

    def _excess(self, account: Account, amount: float | None) -> Excess | None:
        committed = account.spent + account.reserved
        if account.calls < self._max_calls:
            # The one path that every call takes that is let through.
            if amount is None:
                if committed < self._spent_up:
                    return None
            elif amount <= self._max_call and committed + amount <= self._max_money:
                return None
        return self._explain(account.calls, committed, amount)

    def _explain(self, calls: int, committed: float, amount: float | None) -> Excess:
        """The limit that stands in the way of a call that does not fit."""
        config = self._config
        if config.max_calls_per_session is not None and calls >= config.max_calls_per_session:
            return Excess("calls", calls, config.max_calls_per_session)
        if amount is not None and config.max_cost_per_call is not None and amount > self._max_call:
            return Excess("call", amount, config.max_cost_per_call)
        return Excess("session", committed, config.max_cost_per_session or 0.0)

    def _book(self, account: Account, amount: float | None) -> Reservation:
        reserved = amount or 0.0
        account.calls += 1
        account.in_flight += 1
        account.reserved += reserved
        return Reservation(account, reserved)

    def _open(self, key: Hashable) -> Account:
        accounts = self._accounts
        if len(accounts) >= MAX_SESSIONS:
            self._forget_idle()
        account = accounts[key] = self._latest = Account()
        return account

    def _forget_idle(self) -> None:
        for _ in range(len(self._accounts)):
            key, account = self._accounts.popitem(last=False)
            if not account.in_flight:
                return
            # In use: to the end of the line, so that the next search starts elsewhere.
            self._accounts[key] = self._latest = account


_EMPTY: Final = Account()  # stands for a session not seen yet; never written to


def _with_slack(limit: float | None) -> float:
    return math.inf if limit is None else limit * (1 + TOLERANCE)


def _alert_at(limit: float | None, threshold: float) -> float:
    # A limit of 0 has nothing to be warned of before it is reached.
    return limit * threshold * (1 - TOLERANCE) if limit else math.inf


def _checked(cost: object) -> float:
    if isinstance(cost, (int, float)) and not isinstance(cost, bool) and 0 <= cost < math.inf:
        return float(cost)
    raise BadCost(f"a cost must be a finite number of US dollars >= 0, got {cost!r}")
