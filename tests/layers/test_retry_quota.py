"""What the retry quota costs while all is well, and saves while nothing is."""

import asyncio
import random

import pytest

from agentguard import RetryConfig, guard
from agentguard.testing import FakeRuntime, run_virtual
from tests.layers.bodies import BoomError, Script, cancelled, errors_of, outcomes, started

CALLS = 6_000
OUTAGE_SECONDS = 30.0
CALLS_PER_SECOND = CALLS / OUTAGE_SECONDS


def test_an_outage_of_thirty_seconds_costs_at_most_35_extra_attempts():
    body = Script(BoomError)

    async def fail():
        body()

    tool = guard(fail, retry=RetryConfig(3, initial_delay=1.0))

    async def one(n: int):
        await asyncio.sleep(n / CALLS_PER_SECOND)
        await tool()

    results = run_virtual(outcomes(one(n) for n in range(CALLS)))
    assert len(errors_of(results, BoomError)) == CALLS
    assert CALLS < body.runs <= CALLS + 35


def test_without_the_quota_the_outage_is_four_times_the_load():
    body = Script(BoomError)

    async def fail():
        body()

    tool = guard(fail, retry=RetryConfig(3, quota=False))
    run_virtual(outcomes(tool() for _ in range(100)))
    assert body.runs == 400


def lost_calls(*, quota: bool) -> int:
    """Calls that fail for good while a tenth of all attempts fails, each call and attempt with the same luck."""

    async def body(n: int):
        attempt = attempts[n] = attempts.get(n, 0) + 1
        if random.Random(n * 10 + attempt).random() < 0.1:
            raise BoomError

    attempts: dict[int, int] = {}
    tool = guard(body, retry=RetryConfig(3, initial_delay=0.5, quota=quota))

    async def one(n: int):
        await asyncio.sleep(n / CALLS_PER_SECOND)
        await tool(n)

    return len(errors_of(run_virtual(outcomes(one(n) for n in range(CALLS))), BoomError))


def test_at_ten_percent_failures_the_quota_loses_no_call_that_retrying_saves():
    assert lost_calls(quota=True) == lost_calls(quota=False)


@pytest.mark.parametrize(("successes", "is_retried"), [(3, False), (4, True)])
def test_the_quota_comes_back_with_success(successes, is_retried, clock: FakeRuntime):
    body = Script(*[BoomError] * 36, *["ok"] * successes, BoomError, "ok")
    tool = guard(body, retry=RetryConfig(40, initial_delay=0))
    with pytest.raises(BoomError):
        tool()
    for _ in range(successes):
        tool()
    if is_retried:
        assert tool() == "ok"
    else:
        with pytest.raises(BoomError):
            tool()


def test_a_server_that_says_when_is_asked_more_often(clock: FakeRuntime):
    class ThrottledError(Exception):
        retry_after = 1

    body = Script(ThrottledError)
    with pytest.raises(ThrottledError):
        guard(body, retry=RetryConfig(200, initial_delay=0))()
    assert body.runs == 101


def test_each_tool_has_a_quota_of_its_own(clock: FakeRuntime):
    broken, healthy = guard(Script(BoomError), max_retries=99), guard(Script(BoomError, "ok"), max_retries=1)
    with pytest.raises(BoomError):
        broken()
    assert healthy() == "ok"


def test_a_call_cancelled_in_its_pauses_costs_nothing_of_the_quota():
    script = Script(BoomError)

    async def fail():
        script()

    tool = guard(fail, retry=RetryConfig(1, initial_delay=10, jitter=False))

    async def main():
        for _ in range(100):
            assert await cancelled(await started(tool()))
        await outcomes([tool()])

    run_virtual(main())
    assert script.runs == 102


def test_a_result_worth_another_try_costs_as_much_as_a_failure(clock: FakeRuntime):
    body = Script("not yet")
    guard(body, retry=RetryConfig(100, initial_delay=0, retry_on_result=lambda value: True))()
    assert body.runs == 36
