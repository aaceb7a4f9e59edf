"""Tests of a guarded tool, to copy: `pytest examples/test_my_tool.py`. They need no plugin, and never wait."""

import asyncio

import pytest

from agentguard import CallTimedOutError, InvalidInputError, RetryConfig, guard
from agentguard.testing import FakeRuntime, cancel_everywhere, fail_times, hang, record_calls, run_virtual


# Your tool: an ordinary function. Put it into a file of your own, and import it here.
async def fetch_price(product: str, currency: str = "EUR") -> float:
    """Ask the shop what a product costs."""
    await asyncio.sleep(0.2)
    return {"tea": 4.5, "coffee": 7.0}[product]


# Its guard, as a function, so that each test can put another body under the same guard.
guarded = guard(validate_input=True, timeout=5, retry=RetryConfig(max_retries=2, initial_delay=1.0, jitter=False))


def test_it_gives_the_price():
    price = run_virtual(guarded(fetch_price)("tea"))
    assert price == 4.5


def test_a_shop_that_fails_twice_is_asked_three_times():
    flaky = fail_times(2, ConnectionError("reset"))
    assert run_virtual(guarded(flaky(fetch_price))("tea")) == 4.5
    assert flaky.starts == 3


def test_a_shop_that_never_answers_is_given_up_after_five_seconds():
    with pytest.raises(CallTimedOutError) as caught:
        run_virtual(guarded(hang()(fetch_price))("tea"))
    assert caught.value.timeout_seconds == 5


def test_what_a_model_got_wrong_never_reaches_the_shop():
    tool = guarded(fetch_price)
    with record_calls() as calls, pytest.raises(InvalidInputError):
        run_virtual(tool(product=["tea", "coffee"]))
    calls.assert_called("fetch_price", times=1, status="validation_failed")
    calls.assert_not_run("fetch_price")


def test_an_agent_asks_for_both_products():
    tool = guarded(fetch_price)

    async def agent():
        return sum(await asyncio.gather(tool("tea"), tool("coffee", currency="USD")))

    with record_calls() as calls:
        assert run_virtual(agent()) == 11.5
    calls.assert_called("fetch_price", times=2, status="success")
    calls.assert_called("fetch_price", product="coffee", currency="USD")


def test_a_cancelled_call_leaves_nothing_behind():
    async def scenario():
        flaky = fail_times(1, OSError("busy"))
        return await guarded(flaky(fetch_price))("tea")

    report = cancel_everywhere(scenario)
    assert (len(report), report.value) == (2, 4.5)  # it waits in the pause before the retry, and for the shop


def test_a_blocking_tool_pauses_without_waiting():
    @guard(retry=RetryConfig(max_retries=2, initial_delay=60.0, jitter=False))
    @fail_times(1, ConnectionError("reset"))
    def stock(product: str) -> int:
        return 12

    with FakeRuntime() as clock:
        assert stock("tea") == 12
    assert clock.sleeps == [60.0]
