"""A call struck anywhere, by any means, leaves nothing behind: no slot, token, permit, reservation or open record."""

import asyncio

import pytest

from agentguard import BudgetConfig, CallStatus, CircuitBreakerConfig, RetryConfig, TimeoutConfig, session
from agentguard.errors import CallTimedOutError
from agentguard.testing import run_virtual
from tests.core.cancelling import cancel, cancel_with_the_result, close, strike_everywhere, throw
from tests.core.everything_on import SPACING, Tool, everything

GRACE = TimeoutConfig(5.0, total_seconds=1_000.0, grace_seconds=1.0)
SHORT = TimeoutConfig(0.5)
SHORT_WITH_GRACE = TimeoutConfig(0.5, grace_seconds=0.5)


async def alone(strike, **options):
    """One call after another one: it waits for the rate limiter, fails once, pauses, and succeeds."""
    tool = Tool(**everything(**options))
    await tool.guarded("first")
    tool.bodies, tool.failures = 0, 1
    return await check(tool, strike)


async def queueing(strike, **options):
    """A call that has to wait until another one gives up its slot."""
    tool = Tool(seconds=3.0, **everything(rate_limit=None, **options))
    holder = asyncio.ensure_future(tool.guarded("holder"))
    await asyncio.sleep(2.0)
    tool.bodies = 0
    await check(tool, strike)
    assert await holder == "HOLDER"


async def probing(strike, **options):
    """The call with which a tool that failed is tried again."""
    options = {
        "retry": None,
        "circuit_breaker": CircuitBreakerConfig(failure_threshold=1, recovery_timeout=60),
        **options,
    }
    tool = Tool(failures=1, **everything(rate_limit=None, **options))
    with pytest.raises(OSError, match="failure 1"):
        await tool.guarded("first")
    await asyncio.sleep(60.0)
    assert tool.guarded.breaker.state == "half_open"
    tool.bodies, tool.failures = 0, 0
    await check(tool, strike)


async def timing_out(strike, **options):
    """A call whose body takes too long, in both attempts."""
    tool = Tool(seconds=0.1, **everything(rate_limit=None, **{"timeout_config": SHORT, **options}))
    tool.seconds = 3.0
    await check(tool, strike, errors=(CallTimedOutError,))


async def check(tool, strike, errors=()):
    guarded = tool.guarded
    asked_at = asyncio.get_running_loop().time()
    with session() as opened:
        struck = await strike(guarded("tea"))
    await asyncio.sleep(0)  # a task that was let go of says so one turn later

    check_the_caller(struck, errors)
    state = guarded.state(opened.session_id)
    assert (state["waiting"], state["hung"]) == (0, 0)
    assert (state["calls"], state["spent"]) == (tool.bodies, float(tool.bodies))
    assert [entry.call.kwargs for entry in opened.entries()] == [{"text": "tea"}]
    assert opened.entries()[0].result.status is expected_status(struck)
    if tool.bodies == 0 and "rate_limit_wait" in state:
        waited = asyncio.get_running_loop().time() - asked_at
        assert state["rate_limit_wait"] <= SPACING - waited
    tool.seconds, tool.failures = 0.1, 0
    if isinstance(struck.thrown, Exception) and guarded.breaker.state == "open":
        await asyncio.sleep(guarded.breaker.retry_after)  # thrown into its body, it was an honest failure of the probe
    assert await guarded("afterwards") == "AFTERWARDS"
    state = guarded.state()
    assert (state["running"], state["waiting"], state["hung"]) == (0, 0, 0)
    assert guarded.breaker.state == "closed"


def check_the_caller(struck, errors):
    if not struck.was_struck:
        assert struck.value == "TEA" or isinstance(struck.error, errors)
    elif struck.thrown is None:
        assert type(struck.error) in {asyncio.CancelledError, GeneratorExit}
    elif not isinstance(struck.thrown, Exception):
        assert struck.error is struck.thrown
    else:
        # Thrown into a body it is an ordinary failure, which is retried; into an after-hook it is logged.
        assert struck.value == "TEA" or struck.error is struck.thrown or isinstance(struck.error, errors)


def expected_status(struck):
    match struck.error:
        case None:
            return CallStatus.SUCCESS
        case CallTimedOutError():
            return CallStatus.TIMEOUT
        case GeneratorExit():
            return CallStatus.STOPPED_EARLY
        case asyncio.CancelledError() | KeyboardInterrupt():
            return CallStatus.CANCELLED
        case _:
            return CallStatus.FAILURE


STRIKES = {
    "cancel": cancel,
    "cancel with the result": cancel_with_the_result,
    "close": close,
    "OSError": throw(lambda: OSError("struck")),
    "KeyboardInterrupt": throw(KeyboardInterrupt),
    "SystemExit": throw(lambda: SystemExit(3)),
}


@pytest.fixture(params=STRIKES.values(), ids=STRIKES)
def strike(request):
    return request.param


@pytest.mark.parametrize(
    "options", [{}, {"timeout_config": GRACE}, {"timeout_config": None}], ids=["soft", "grace", "untimed"]
)
@pytest.mark.parametrize("scenario", [alone, queueing, probing])
def test_a_call_struck_anywhere_leaves_nothing_behind(scenario, options, strike):
    suspensions = strike_everywhere(lambda striker: scenario(striker, **options), strike)
    assert suspensions >= 4


@pytest.mark.parametrize("timing", [SHORT, SHORT_WITH_GRACE], ids=["soft", "grace"])
def test_a_call_struck_while_it_times_out_leaves_nothing_behind(timing, strike):
    suspensions = strike_everywhere(lambda striker: timing_out(striker, timeout_config=timing), strike)
    assert suspensions >= 4


def test_a_cancelled_pause_gives_back_what_the_retry_would_have_cost():
    # The quota of 500 pays for 35 retries in a row; forty cancelled pauses must not use it up.
    async def main():
        tool = Tool(seconds=0.0, failures=1_000, retry=RetryConfig(max_retries=1, initial_delay=1.0, jitter=False))
        for _ in range(40):
            task = asyncio.ensure_future(tool.guarded("tea"))
            await asyncio.sleep(0.5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        tool.bodies = 0
        with pytest.raises(OSError, match="failure"):
            await tool.guarded("tea")
        return tool.bodies

    assert run_virtual(main()) == 2


def test_a_reservation_of_money_is_given_back_by_a_call_cancelled_in_its_queue(strike):
    async def scenario(striker):
        tool = Tool(
            seconds=1.0,
            concurrency=everything()["concurrency"],
            budget=BudgetConfig(max_cost_per_session=2.0, cost_per_call=1.0),
        )
        holder = asyncio.ensure_future(tool.guarded("holder"))
        await asyncio.sleep(0.5)
        struck = await striker(tool.guarded("tea"))
        await holder
        paid = 2.0 if tool.bodies == 2 else 1.0
        assert tool.guarded.state()["spent"] == paid, struck

    assert strike_everywhere(scenario, strike) >= 2
