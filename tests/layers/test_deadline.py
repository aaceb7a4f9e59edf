"""The total time of a call: attempts, pauses and queues together. Time is virtual."""

import asyncio

import pytest

from agentguard import CallTimedOutError, RateLimitConfig, RetryConfig, TimeoutConfig, current_call, guard
from agentguard.testing import FakeRuntime, run_virtual
from tests.layers.bodies import BoomError, Crowd, Script, elapsed, items_of


def test_the_total_time_ends_an_attempt_that_has_time_left():
    tool = guard(Crowd(seconds=10), timeout_config=TimeoutConfig(5, total_seconds=2))
    assert run_virtual(elapsed(tool())) == pytest.approx(2.0)


def test_the_attempts_time_ends_it_where_it_is_shorter():
    tool = guard(Crowd(seconds=10), timeout_config=TimeoutConfig(2, total_seconds=5))
    assert run_virtual(elapsed(tool())) == pytest.approx(2.0)


def test_the_total_time_alone_is_a_limit_too():
    tool = guard(Crowd(seconds=10), timeout_config=TimeoutConfig(total_seconds=3))
    with pytest.raises(CallTimedOutError) as caught:
        run_virtual(tool())
    assert caught.value.timeout_seconds == pytest.approx(3.0)


def test_all_attempts_share_the_total_time():
    crowd = Crowd(seconds=10)
    tool = guard(
        crowd,
        timeout_config=TimeoutConfig(2, total_seconds=5),
        retry=RetryConfig(9, initial_delay=0),
    )
    assert run_virtual(elapsed(tool())) == pytest.approx(5.0)
    assert crowd.runs == 3


def test_a_body_sees_its_deadline(clock: FakeRuntime):
    tool = guard(lambda: current_call().deadline - clock.now(), timeout_config=TimeoutConfig(total_seconds=4))
    assert tool() == pytest.approx(4.0)


def test_the_deadline_of_a_retry_is_that_of_the_call(clock: FakeRuntime):
    seen = []
    script = Script(BoomError, "ok")

    def body():
        seen.append(current_call().deadline)
        return script()

    guard(body, max_retries=1, timeout_config=TimeoutConfig(total_seconds=100))()
    assert seen[0] == seen[1]


def test_the_time_of_validators_is_not_counted(clock: FakeRuntime):
    tool = guard(
        lambda: current_call().deadline - clock.now(),
        custom_validators=[lambda call: clock.advance(100)],
        timeout_config=TimeoutConfig(total_seconds=4),
    )
    assert tool() == pytest.approx(4.0)


def test_each_call_has_a_clock_of_its_own():
    tool = guard(Crowd(seconds=1.5), timeout_config=TimeoutConfig(total_seconds=2))

    async def main():
        for n in range(3):
            assert await tool(n) == n

    assert run_virtual(elapsed(main())) == pytest.approx(4.5)


def test_a_stream_has_the_total_time_for_all_its_items():
    async def body():
        for n in range(10):
            await asyncio.sleep(1)
            yield n

    tool = guard(body, timeout_config=TimeoutConfig(5, total_seconds=3.5))

    *items, error = run_virtual(items_of(tool()))
    assert items == [0, 1, 2]
    assert isinstance(error, CallTimedOutError)


@pytest.mark.parametrize("is_async", [True, False])
def test_a_queue_that_ends_with_the_deadline_leaves_no_time_for_the_body(is_async, clock: FakeRuntime):
    body = Script("ok")

    async def abody():
        return body()

    tool = guard(
        abody if is_async else body,
        rate_limit=RateLimitConfig(calls_per_second=0.5, max_wait=60),
        timeout_config=TimeoutConfig(5, total_seconds=2),
    )
    tool.call_sync()
    with pytest.raises(CallTimedOutError) as caught:
        tool.call_sync()
    assert body.runs == 1
    assert not caught.value.may_still_run
