"""`record_calls`: assertions on what was called, and what they say when they fail."""

import asyncio
from dataclasses import dataclass
from unittest.mock import ANY

import pytest

from agentguard import BudgetConfig, CallStatus, ConfigError, RetryConfig, guard, session
from agentguard.errors import BudgetExceededError, InvalidInputError
from agentguard.testing import FakeRuntime, fail_times, record_calls, run_virtual


@guard(validate_input=True)
def search(query: str, limit: int = 5) -> list[str]:
    return [query] * limit


@guard
def order(product: str, times: int = 1) -> str:
    return f"{times} {product}"


@guard
def shop(product: str) -> str:
    search(product, limit=1)
    return order(product)


@pytest.fixture
def calls():
    """Three calls: two that succeed, and one that was refused."""
    with record_calls() as recorded:
        search("tea")
        search("coffee", limit=2)
        with pytest.raises(InvalidInputError):
            search("milk", limit="many")
    return recorded


def failure(assertion, *args, **kwargs):
    with pytest.raises(AssertionError) as caught:
        assertion(*args, **kwargs)
    return str(caught.value)


# ------------------------------------------------------------------------------------------------------------- reading


def test_calls_are_read_in_the_order_in_which_they_began(calls):
    assert [entry.tool_name for entry in calls] == ["search"] * 3
    assert calls.arguments == [{"query": "tea"}, {"query": "coffee", "limit": 2}, {"query": "milk", "limit": "many"}]
    assert calls.statuses == [CallStatus.SUCCESS, CallStatus.SUCCESS, CallStatus.VALIDATION_FAILED]
    assert calls.return_values == [["tea"] * 5, ["coffee"] * 2, None]
    assert (len(calls), calls[1].call.arguments["query"], calls.runs) == (3, "coffee", 2)


def test_calls_of_one_tool_and_with_given_arguments_can_be_picked():
    with record_calls() as calls:
        shop("tea")
        shop("coffee")
    assert len(calls.of("search")) == 2
    assert calls.of("search", query="tea").arguments == [{"query": "tea", "limit": 1}]
    assert calls.one("order", product="coffee").result.return_value == "1 coffee"
    assert calls.of("order", times=1).arguments == []


def test_the_one_call_must_be_there_and_be_the_only_one(calls):
    assert failure(calls.one, "search").startswith("search was called 3 times; expected: once\n")
    assert failure(calls.one, "order").startswith("order was not called; expected: once\n")


def test_inside_the_block_the_calls_grow_and_a_choice_of_them_does_not():
    with record_calls() as calls:
        search("tea")
        chosen = calls.of("search")
        search("coffee")
        assert (len(calls), len(chosen)) == (2, 1)


def test_calls_of_tasks_and_from_threads_of_the_loop_are_recorded():
    async def main():
        with record_calls() as calls:
            await asyncio.gather(search.acall("tea"), asyncio.to_thread(search, "coffee"))
        return calls

    assert len(run_virtual(main())) == 2


def test_concurrent_recordings_do_not_mix():
    async def one(query):
        with record_calls() as calls:
            await asyncio.sleep(1)
            search(query)
            await asyncio.sleep(1)
        return calls.arguments

    async def main():
        return await asyncio.gather(one("tea"), one("coffee"))

    assert run_virtual(main()) == [[{"query": "tea"}], [{"query": "coffee"}]]


def test_recording_changes_no_session_and_no_budget():
    tool = guard(lambda: "done", name="tool", budget=BudgetConfig(max_calls_per_session=1))
    with session("mine"):
        tool()
        with record_calls() as calls, pytest.raises(BudgetExceededError):
            tool()
    assert calls[0].call.session_id == "mine"


def test_attempts_count_as_runs():
    tool = guard(retry=RetryConfig(max_retries=2, jitter=False))(fail_times(2, OSError)(search.fn))
    with FakeRuntime(), record_calls() as calls:
        tool("tea")
    assert (len(calls), calls.runs) == (1, 3)


def test_a_call_that_a_middleware_answers_is_no_run():
    tool = guard(search.fn, middleware=[lambda ctx, next: ["from the cache"]])
    with record_calls() as calls:
        assert tool("tea") == ["from the cache"]
    assert calls.statuses == [CallStatus.SUCCESS]
    calls.assert_not_run("search")
    assert "-> ['from the cache'] (did not run)" in failure(calls.assert_not_called, "search")


# ----------------------------------------------------------------------------------------------------------- asserting


def test_what_was_called_is_asserted_in_silence(calls):
    calls.assert_called("search")
    calls.assert_called("search", times=3)
    calls.assert_called("search", query="coffee", limit=2)
    calls.assert_called("search", times=1, status="validation_failed")
    calls.assert_called("search", times=2, status=CallStatus.SUCCESS)
    calls.assert_not_called("order")
    calls.assert_not_called("search", query="beer")
    calls.assert_not_run("search", query="milk")
    calls.assert_not_run("order")


def test_a_condition_may_stand_for_a_value(calls):
    calls.assert_called("search", query=lambda query: query.startswith("cof"))
    calls.assert_called("search", times=3, query=ANY)
    calls.assert_not_called("search", query=str.isupper)


def test_a_condition_that_cannot_be_asked_about_a_value_does_not_hold(calls):
    calls.assert_called("search", times=1, limit=lambda limit: limit > 1)
    with pytest.raises(NameError):
        calls.assert_called("search", limit=lambda limit: mistyped)  # noqa: F821


def test_values_are_compared_as_they_were_recorded():
    @dataclass
    class Address:
        street: str

    @guard
    def send(address: Address, goods: tuple[str, ...], password: str) -> None:
        """Send something."""

    with record_calls() as calls:
        send(Address("Elm Street"), ("tea", "milk"), "hunter2")
    calls.assert_called("send", address=Address("Elm Street"), goods=("tea", "milk"), password="hunter2")
    calls.assert_not_called("send", address=Address("Oak Street"))
    assert "hunter2" not in failure(calls.assert_not_called, "send")


def test_order_is_asserted_with_others_in_between():
    with record_calls() as calls:
        shop("tea")
        search("milk")
    calls.assert_order("shop", "search", "order")
    calls.assert_order("shop", "order")
    calls.assert_order("search", "search")
    assert failure(calls.assert_order, "order", "shop").startswith(
        "expected the order order > shop, but there is no call of 'shop' after order\nrecorded:\n"
    )
    assert "but there is no call of 'pay'\n" in failure(calls.assert_order, "pay")
    with pytest.raises(AssertionError):
        calls.assert_order("search", "search", "search")


def test_an_unknown_status_is_refused(calls):
    with pytest.raises(ConfigError, match="'ok' is no status of a call; there are success, failure"):
        calls.assert_called("search", status="ok")


# ------------------------------------------------------------------------------------------------- what a failure says


def test_a_failure_says_what_differs_and_shows_what_was_recorded(calls):
    lines = failure(calls.assert_called, "search", times=2, query="tea").splitlines()
    assert lines[:-1] == [
        "search(query='tea') was called once; expected: twice",
        "another call of search had query='coffee' instead of 'tea'",
        "another call of search had query='milk' instead of 'tea'",
        "recorded:",
        "> search(query='tea') -> ['tea', 'tea', 'tea', 'tea', 'tea']",
        "  search(query='coffee', limit=2) -> ['coffee', 'coffee']",
    ]
    assert lines[-1].startswith("  search(query='milk', limit='many') -> validation_failed: InvalidInputError: ")
    assert lines[-1].endswith("(did not run)")


def test_a_failure_names_a_missing_argument_and_another_status(calls):
    text = failure(calls.assert_called, "search", status="timeout", limit=1)
    assert "search(limit=1) with the status timeout was not called\n" in text
    assert "had no argument 'limit', the status success instead of timeout\n" in text


def test_a_failure_shows_nested_calls_as_a_tree():
    with record_calls() as calls:
        shop("tea")
    assert failure(calls.assert_not_called, "order") == (
        "order was called once; expected: never\n"
        "recorded:\n"
        "  shop(product='tea') -> '1 tea'\n"
        "    search(query='tea', limit=1) -> ['tea']\n"
        ">   order(product='tea') -> '1 tea'"
    )


def test_a_failure_guesses_the_name_that_was_meant(calls):
    assert "\ndid you mean 'search'?\n" in failure(calls.assert_called, "serach")


def test_a_failure_says_how_often_a_body_ran():
    tool = guard(retry=RetryConfig(max_retries=2, jitter=False))(fail_times(2, OSError)(search.fn))
    with FakeRuntime(), record_calls() as calls:
        tool("tea", limit=1)
    assert failure(calls.assert_not_run, "search") == (
        "search should not have run, but its body started 3 times\n"
        "recorded:\n"
        "> search(query='tea', limit=1) -> ['tea'] (ran 3 times)"
    )


def test_a_failure_without_any_call_says_so():
    with record_calls() as calls:
        pass
    assert failure(calls.assert_called, "search") == "search was not called\nno guarded call was recorded"


def test_a_failure_stays_short_however_much_was_recorded():
    with record_calls() as calls:
        for number in range(100):
            order("x" * 1_000, times=number)
    text = failure(calls.assert_called, "order", product="tea")
    lines = text.splitlines()
    assert len(lines) < 70
    assert max(map(len, lines)) < 200
    assert lines[-1] == "  ... and 40 more"
