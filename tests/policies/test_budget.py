"""What a session has spent, and may still spend."""

import math
import random
from fractions import Fraction

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agentguard.core.config import BudgetConfig
from agentguard.policies import budget
from agentguard.policies.budget import BadCost, Excess, Ledger

NO_MONEY = [math.nan, math.inf, -math.inf, -0.01, True, False, "1", 1j]


def ledger(**fields):
    return Ledger(BudgetConfig(**fields))


def spend(book, key, estimate=None, cost=None):
    reservation = book.reserve(key, estimate)
    assert reservation is not None
    return book.settle(reservation, cost)


# Calls


def test_calls_are_counted_when_they_are_reserved():
    book = ledger(max_calls_per_session=2)
    assert book.reserve("s", None) is not None
    assert book.reserve("s", None) is not None
    assert book.calls("s") == 2
    assert book.reserve("s", None) is None


def test_a_refused_call_says_how_many_calls_were_made_and_allowed():
    book = ledger(max_calls_per_session=1)
    spend(book, "s")
    assert book.excess("s", None) == Excess("calls", 1, 1)


def test_a_released_call_is_given_back():
    book = ledger(max_calls_per_session=1)
    book.release(book.reserve("s", None))
    assert book.calls("s") == 0
    assert book.reserve("s", None) is not None


def test_a_settled_call_stays_counted():
    book = ledger(max_calls_per_session=1)
    spend(book, "s")
    assert book.calls("s") == 1
    assert book.reserve("s", None) is None


def test_no_calls_allowed_means_none():
    assert ledger(max_calls_per_session=0).reserve("s", None) is None


def test_sessions_do_not_share_a_budget():
    book = ledger(max_calls_per_session=1, max_cost_per_session=1.0)
    spend(book, "a", cost=0.5)
    spend(book, "b", cost=0.25)
    spend(book, None, cost=0.125)
    assert (book.spent("a"), book.spent("b"), book.spent(None), book.spent("c")) == (0.5, 0.25, 0.125, 0.0)


# Money


def test_of_a_hundred_concurrent_dollars_one_fits_into_one_dollar():
    book = ledger(max_cost_per_session=1.0, cost_per_call=1.0)
    assert sum(book.reserve("s", None) is not None for _ in range(100)) == 1


def test_ten_dimes_fit_into_a_dollar():
    book = ledger(max_cost_per_session=1.0, cost_per_call=0.1)
    for _ in range(10):
        spend(book, "s", cost=0.1)
    assert book.reserve("s", None) is None
    assert book.spent("s") == pytest.approx(1.0)


def test_three_dimes_fit_into_thirty_cents():
    book = ledger(max_cost_per_session=0.3, cost_per_call=0.1)
    assert sum(book.reserve("s", None) is not None for _ in range(5)) == 3


def test_a_refusal_says_what_is_spent_and_what_is_allowed():
    book = ledger(max_cost_per_session=1.0)
    spend(book, "s", 0.25, 0.25)
    book.reserve("s", 0.5)
    assert book.excess("s", 0.5) == Excess("session", 0.75, 1.0)
    assert book.excess("s", 0.25) is None


def test_one_call_may_not_cost_more_than_its_own_limit():
    book = ledger(max_cost_per_call=0.1)
    assert book.reserve("s", 0.11) is None
    assert book.excess("s", 0.11) == Excess("call", 0.11, 0.1)
    assert book.reserve("s", 0.1) is not None


def test_the_estimate_comes_before_the_price_and_the_price_before_the_limit():
    priced = ledger(max_cost_per_session=9.0, max_cost_per_call=3.0, cost_per_call=2.0)
    assert priced.reserve("s", 1.0).amount == 1.0
    assert priced.reserve("s", None).amount == 2.0
    assert ledger(max_cost_per_session=9.0, max_cost_per_call=3.0).reserve("s", None).amount == 3.0
    assert ledger(max_cost_per_session=9.0).reserve("s", None).amount == 0.0


def test_an_unknown_cost_counts_as_what_was_reserved():
    book = ledger(max_cost_per_session=1.0, max_cost_per_call=0.4)
    spend(book, "s", cost=None)
    assert book.spent("s") == 0.4


def test_a_cheaper_call_leaves_the_rest_to_others():
    book = ledger(max_cost_per_session=1.0)
    spend(book, "s", estimate=1.0, cost=0.25)
    assert book.reserve("s", 0.75) is not None


def test_a_released_reservation_gives_its_money_back():
    book = ledger(max_cost_per_session=1.0)
    reservation = book.reserve("s", 1.0)
    assert book.reserve("s", 0.5) is None
    book.release(reservation)
    assert book.spent("s") == 0.0
    assert book.reserve("s", 1.0) is not None


def test_a_reservation_is_not_spent_money():
    book = ledger(max_cost_per_session=1.0)
    book.reserve("s", 0.5)
    assert book.spent("s") == 0.0


def test_calls_of_unknown_price_are_refused_once_the_money_is_gone():
    book = ledger(max_cost_per_session=1.0)
    spend(book, "s", cost=0.6)
    spend(book, "s", cost=0.6)
    assert book.spent("s") == pytest.approx(1.2)
    assert book.reserve("s", None) is None
    assert book.excess("s", None).reason == "session"


def test_calls_of_unknown_price_are_refused_when_exactly_all_money_is_spent():
    book = ledger(max_cost_per_session=0.3)
    for _ in range(3):
        spend(book, "s", cost=0.1)
    assert book.reserve("s", None) is None


def test_a_free_call_fits_into_an_empty_budget():
    book = ledger(max_cost_per_session=0.0)
    assert book.reserve("s", 0.0) is not None
    assert book.reserve("s", 0.01) is None


def test_settling_or_releasing_twice_changes_nothing():
    book = ledger(max_cost_per_session=1.0)
    reservation = book.reserve("s", 0.5)
    book.settle(reservation, 0.5)
    assert book.settle(reservation, 0.5) is False
    book.release(reservation)
    assert (book.spent("s"), book.calls("s")) == (0.5, 1)


def test_rounding_errors_of_reservations_do_not_add_up():
    book = ledger(max_cost_per_session=1.0)
    for _ in range(1000):
        first, second = book.reserve("s", 0.1), book.reserve("s", 0.2)
        book.release(first)
        book.release(second)
    assert book.reserve("s", 1.0) is not None


def test_a_budget_that_only_warns_counts_all_the_same():
    book = ledger(max_cost_per_session=1.0, max_calls_per_session=1)
    for _ in range(3):
        book.settle(book.overdraw("s", 1.0), 1.0)
    assert (book.spent("s"), book.calls("s")) == (3.0, 3)


def test_the_limit_of_a_session_is_told():
    assert ledger(max_cost_per_session=2.5).limit == 2.5
    assert ledger(max_calls_per_session=2).limit is None


@pytest.mark.parametrize("wrong", NO_MONEY)
def test_an_estimate_that_is_no_money_is_refused_and_reserves_nothing(wrong):
    book = ledger(max_cost_per_session=1.0)
    for ask in (book.reserve, book.excess, book.overdraw):
        with pytest.raises(BadCost, match="a cost must be a finite number of US dollars >= 0, got "):
            ask("s", wrong)
    assert book.calls("s") == 0


@pytest.mark.parametrize("wrong", NO_MONEY)
def test_a_cost_that_is_no_money_leaves_the_reservation_open(wrong):
    book = ledger(max_cost_per_session=1.0)
    reservation = book.reserve("s", 0.5)
    with pytest.raises(BadCost):
        book.settle(reservation, wrong)
    assert book.spent("s") == 0.0
    assert book.reserve("s", 0.6) is None
    book.settle(reservation, None)
    assert book.spent("s") == 0.5


def test_a_bad_cost_is_a_value_error_that_names_the_value():
    with pytest.raises(ValueError, match=r"got -3"):
        ledger(max_cost_per_session=1.0).reserve("s", -3)


# Alerts


def test_money_is_alerted_once_when_the_threshold_is_reached():
    book = ledger(max_cost_per_session=1.0, alert_threshold=0.5)
    assert [spend(book, "s", cost=0.2) for _ in range(4)] == [False, False, True, False]


def test_money_is_alerted_exactly_at_the_threshold():
    assert spend(ledger(max_cost_per_session=1.0, alert_threshold=0.3), "s", cost=0.1 + 0.2) is True
    assert spend(ledger(max_cost_per_session=1.0), "s", cost=0.8) is True
    assert spend(ledger(max_cost_per_session=1.0), "s", cost=0.79) is False


def test_calls_are_alerted_once_when_the_threshold_is_reached():
    book = ledger(max_calls_per_session=5)
    assert [book.settle(book.reserve("s", None), None) for _ in range(5)] == [False, False, False, True, False]


def test_a_call_that_did_not_run_does_not_use_up_the_alert():
    book = ledger(max_calls_per_session=5)
    running = [book.reserve("s", None) for _ in range(3)]
    book.release(book.reserve("s", None))
    assert [book.settle(reservation, None) for reservation in running] == [False] * 3
    assert book.settle(book.reserve("s", None), None) is True


def test_nobody_is_alerted_about_a_session_that_was_forgotten_meanwhile():
    book = ledger(max_cost_per_session=1.0)
    reservation = book.reserve("s", 1.0)
    book.reset()
    assert book.settle(reservation, 1.0) is False


def test_every_session_has_its_own_alert():
    book = ledger(max_cost_per_session=1.0)
    assert spend(book, "a", cost=0.9) is True
    assert spend(book, "b", cost=0.9) is True


def test_calls_and_money_share_one_alert():
    book = ledger(max_cost_per_session=1.0, max_calls_per_session=1)
    assert book.settle(book.reserve("s", None), 1.0) is True
    assert book.settle(book.overdraw("s", None), 1.0) is False


def test_nothing_to_alert_without_a_limit_per_session():
    book = ledger(max_cost_per_call=1.0)
    assert book.settle(book.reserve("s", 1.0), 1.0) is False


# Sessions


def test_reset_forgets_every_session_and_calls_in_flight_settle_into_nothing():
    book = ledger(max_cost_per_session=1.0, cost_per_call=1.0)
    reservation = book.reserve("s", None)
    book.reset()
    assert book.calls("s") == 0
    book.settle(reservation, 1.0)
    assert book.spent("s") == 0.0


def test_a_hundred_thousand_sessions_are_remembered():
    assert budget.MAX_SESSIONS == 100_000


@pytest.fixture
def three_sessions(monkeypatch):
    monkeypatch.setattr(budget, "MAX_SESSIONS", 3)
    return ledger(max_cost_per_session=9.0)


def test_the_session_idle_longest_is_forgotten_first(three_sessions):
    for key in ("a", "b", "c", "a", "d"):
        spend(three_sessions, key, cost=1.0)
    assert [three_sessions.calls(key) for key in "abcd"] == [2, 0, 1, 1]


def test_a_session_with_a_call_in_flight_is_never_forgotten(three_sessions):
    reservation = three_sessions.reserve("a", 1.0)
    for key in ("b", "c", "d", "e", "f"):
        spend(three_sessions, key, cost=1.0)
    assert three_sessions.calls("a") == 1
    three_sessions.settle(reservation, 1.0)
    assert three_sessions.spent("a") == 1.0


def test_more_sessions_may_be_in_flight_than_are_remembered_idle(three_sessions):
    for key in "abcdef":
        three_sessions.reserve(key, 1.0)
    assert [three_sessions.calls(key) for key in "abcdef"] == [1] * 6


def test_refused_calls_under_new_keys_do_not_crowd_out_sessions(three_sessions):
    spend(three_sessions, "a", cost=1.0)
    for number in range(10):
        assert three_sessions.reserve(number, 99.0) is None
    assert three_sessions.calls("a") == 1


class MoneyIsNeverOverspent(RuleBasedStateMachine):
    """Against exact fractions of a dollar; costs never exceed their estimates."""

    def __init__(self):
        super().__init__()
        self.book = ledger(max_cost_per_session=1.0, max_calls_per_session=8)
        self.spent = {"a": Fraction(0), "b": Fraction(0)}
        self.calls = {"a": 0, "b": 0}
        self.open = []

    def reserved(self, key):
        return sum((cents for owner, cents, _ in self.open if owner == key), Fraction(0))

    @rule(key=st.sampled_from(["a", "b"]), cents=st.integers(0, 60))
    def reserve(self, key, cents):
        amount = Fraction(cents, 100)
        fits = self.calls[key] < 8 and self.spent[key] + self.reserved(key) + amount <= 1
        assert (self.book.excess(key, cents / 100) is None) == fits
        reservation = self.book.reserve(key, cents / 100)
        assert (reservation is not None) == fits
        if reservation is not None:
            self.calls[key] += 1
            self.open.append((key, amount, reservation))

    @rule(data=st.data(), share=st.sampled_from([None, 0, Fraction(1, 3), 1]))
    def settle(self, data, share):
        if self.open:
            key, amount, reservation = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
            cost = amount if share is None else amount * share
            self.book.settle(reservation, None if share is None else float(cost))
            self.spent[key] += cost

    @rule(data=st.data())
    def release(self, data):
        if self.open:
            key, _, reservation = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
            self.book.release(reservation)
            self.calls[key] -= 1

    @invariant()
    def books_agree(self):
        for key in ("a", "b"):
            assert self.book.calls(key) == self.calls[key] <= 8
            assert self.book.spent(key) == pytest.approx(float(self.spent[key]))
            assert self.spent[key] + self.reserved(key) <= 1


MoneyIsNeverOverspent.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestMoneyIsNeverOverspent = MoneyIsNeverOverspent.TestCase


# Promises: reservations of nearly every call


def run_call(book, key, amount, *, quickly):
    """One call that costs what was expected, and whether it crossed the threshold; None when it was refused."""
    account = book.promise(key, amount) if quickly else None
    if account is not None:
        return book.keep(account, amount)
    reservation = book.reserve(key, amount)
    return None if reservation is None else book.settle(reservation, None)


@pytest.mark.parametrize(
    "limits",
    [
        {"max_cost_per_session": 4.0},
        {"max_cost_per_session": 4.0, "max_cost_per_call": 0.5},
        {"max_calls_per_session": 6},
        {"max_calls_per_session": 6, "max_cost_per_session": 2.0, "alert_threshold": 0.5},
    ],
)
def test_a_promise_that_is_kept_is_a_reservation_that_is_settled(limits):
    rng = random.Random(3)
    for _ in range(100):
        quick, plain = ledger(**limits), ledger(**limits)
        for _ in range(20):
            key, amount = rng.choice("ab"), rng.choice((0.0, 0.25, 0.5, 0.75))
            assert run_call(quick, key, amount, quickly=True) == run_call(plain, key, amount, quickly=False)
            assert (quick.calls(key), quick.spent(key)) == (plain.calls(key), plain.spent(key))


def test_what_is_promised_is_spoken_for_until_it_is_kept():
    book = ledger(max_cost_per_session=2.0)
    book.settle(book.reserve("s", 0.25), None)
    first, second = book.promise("s", 0.5), book.promise("s", 0.75)
    assert book.calls("s") == 3
    assert book.excess("s", 1.0) == ("session", 1.5, 2.0)
    assert book.excess("s", 0.5) is None
    book.keep(first, 0.5)
    assert book.spent("s") == 0.75
    assert book.excess("s", 1.0) == ("session", 1.5, 2.0)
    book.keep(second, 0.75)
    assert book.excess("s", 1.0) == ("session", 1.5, 2.0)


def test_nothing_is_promised_to_a_session_without_a_call_nor_near_a_limit():
    book = ledger(max_calls_per_session=5, max_cost_per_session=2.0, max_cost_per_call=1.0)
    assert book.promise("new", 0.0) is None
    book.settle(book.reserve("s", 0.5), None)
    assert book.promise("s", 1.5) is None
    assert book.promise("s", 1.0) is not None
    assert book.promise("s", 1.0) is None
    assert [book.promise("s", 0.0) is not None for _ in range(3)] == [True, False, False]


def test_a_session_with_a_promise_under_way_is_not_forgotten(monkeypatch):
    monkeypatch.setattr("agentguard.policies.budget.MAX_SESSIONS", 3)
    book = ledger(max_cost_per_session=9.0)
    for key in ("kept", "under way", "idle"):
        book.settle(book.reserve(key, 1.0), None)
    for _ in range(2):
        book.keep(book.promise("kept", 1.0), 1.0)
    book.promise("under way", 1.0)
    for key in ("x", "y", "z"):
        book.settle(book.reserve(key, 1.0), None)
    assert [book.spent(key) for key in ("kept", "under way", "idle")] == [0.0, 1.0, 0.0]


def test_a_promise_makes_a_session_the_one_used_latest(monkeypatch):
    monkeypatch.setattr("agentguard.policies.budget.MAX_SESSIONS", 3)
    book = ledger(max_cost_per_session=9.0)
    for key in ("a", "b", "c"):
        book.settle(book.reserve(key, 1.0), None)
    for key in ("a", "b", "a"):
        book.keep(book.promise(key, 1.0), 1.0)
    book.reserve("new", 1.0)
    assert [book.spent(key) for key in "abc"] == [3.0, 2.0, 0.0]
    book.reserve("newer", 1.0)
    assert [book.spent(key) for key in "ab"] == [3.0, 0.0]


def test_a_session_whose_call_did_not_run_may_be_forgotten(monkeypatch):
    monkeypatch.setattr("agentguard.policies.budget.MAX_SESSIONS", 2)
    book = ledger(max_cost_per_session=9.0)
    book.settle(book.reserve("s", 1.0), None)
    book.release(book.reserve("s", 1.0))
    for key in ("x", "y"):
        book.reserve(key, 1.0)
    assert book.spent("s") == 0.0


def test_a_promise_that_crosses_the_threshold_alerts_once():
    book = ledger(max_cost_per_session=2.0, alert_threshold=0.5)
    book.settle(book.reserve("s", 0.25), None)
    promises = [book.promise("s", 0.5) for _ in range(3)]
    assert [book.keep(promise, 0.5) for promise in promises] == [False, True, False]


# Edges


def test_giving_back_twice_gives_back_once():
    book = ledger(max_calls_per_session=9)
    book.reserve("s", None)
    reservation = book.reserve("s", None)
    book.release(reservation)
    book.release(reservation)
    assert book.calls("s") == 1


def test_what_only_warns_reserves_its_money_too():
    book = ledger(max_cost_per_session=1.0)
    book.overdraw("s", 0.75)
    assert book.excess("s", 0.5) == ("session", 0.75, 1.0)


def test_a_budget_of_nothing_is_reported_as_one():
    assert ledger(max_cost_per_session=0.0).excess("s", 1.0) == ("session", 0.0, 0.0)


def test_calls_are_limited_also_where_every_call_has_a_price():
    book = ledger(max_calls_per_session=2, cost_per_call=0.1)
    assert [book.reserve("s", None) is None for _ in range(3)] == [False, False, True]


def test_a_later_call_of_a_session_may_not_be_too_expensive_either():
    book = ledger(max_cost_per_call=1.0)
    book.reserve("s", 0.5)
    assert book.reserve("s", 2.0) is None
