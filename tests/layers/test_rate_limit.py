"""How often a tool may be called, who waits how long, and in which order."""

import asyncio
import threading

import pytest

from agentguard import RateLimitConfig, RateLimitedError, TimeoutConfig, guard
from agentguard.testing import FakeRuntime, run_virtual
from tests.layers.bodies import BoomError, Crowd, Script, cancelled, errors_of, outcomes, started, values_of
from tests.matrix.ways import Way


def test_a_call_that_comes_too_soon_is_refused_without_running_the_tool(call: Way, clock: FakeRuntime):
    body = Script("ok")
    tool = guard(body, rate_limit=RateLimitConfig(calls_per_second=2))
    call(tool)
    with pytest.raises(RateLimitedError):
        call(tool)
    assert body.runs == 1


def test_retry_after_is_exact(clock: FakeRuntime):
    tool = guard(Script("ok"), rate_limit=RateLimitConfig(calls_per_minute=3))
    tool()
    clock.advance(5)
    with pytest.raises(RateLimitedError) as caught:
        tool()
    assert caught.value.retry_after == pytest.approx(15.0)
    clock.advance(caught.value.retry_after - 0.001)
    with pytest.raises(RateLimitedError):
        tool()
    clock.advance(0.001)
    assert tool() == "ok"


def test_200_a_second_with_a_burst_of_20_grants_420_in_two_seconds():
    crowd = Crowd(seconds=0)
    tool = guard(crowd, rate_limit=RateLimitConfig(calls_per_second=200, burst=20))

    async def main():
        for _ in range(2_000):
            await outcomes([tool()])
            await asyncio.sleep(0.001)

    run_virtual(main())
    assert abs(crowd.runs - 420) <= 2


def test_all_rates_hold_together(clock: FakeRuntime):
    tool = guard(Script("ok"), rate_limit=RateLimitConfig(calls_per_second=1, calls_per_minute=5))
    for _ in range(5):
        tool()
        clock.advance(1)
    with pytest.raises(RateLimitedError) as caught:
        tool()
    assert caught.value.retry_after == pytest.approx(55.0)


def test_a_call_waits_its_turn_where_it_may(call: Way, clock: FakeRuntime):
    tool = guard(Script("ok"), rate_limit=RateLimitConfig(calls_per_second=1, max_wait=10))
    for _ in range(3):
        call(tool)
    assert clock.sleeps == [1.0, 1.0]


def test_a_call_that_would_wait_too_long_is_refused_at_once(clock: FakeRuntime):
    tool = guard(Script("ok"), rate_limit=RateLimitConfig(calls_per_minute=1, max_wait=59))
    tool()
    with pytest.raises(RateLimitedError) as caught:
        tool()
    assert caught.value.retry_after == 60.0
    assert clock.sleeps == []


def test_the_queue_is_first_come_first_served():
    crowd = Crowd(seconds=0)
    tool = guard(crowd, rate_limit=RateLimitConfig(calls_per_second=10, max_wait=60))
    run_virtual(outcomes(tool(n) for n in range(50)))
    assert crowd.order == list(range(50))


def test_queued_calls_start_one_interval_apart():
    starts = []

    async def body():
        starts.append(asyncio.get_running_loop().time())

    tool = guard(body, rate_limit=RateLimitConfig(calls_per_second=2, max_wait=60))
    run_virtual(outcomes(tool() for _ in range(4)))
    assert [start - starts[0] for start in starts] == pytest.approx([0, 0.5, 1.0, 1.5])


def test_a_cancelled_waiter_gives_its_place_back():
    crowd = Crowd(seconds=0)
    tool = guard(crowd, rate_limit=RateLimitConfig(calls_per_second=1, max_wait=60))

    async def main():
        await tool("first")
        assert await cancelled(await started(tool("leaves"), 0.0))
        began = asyncio.get_running_loop().time()
        await tool("second")
        return asyncio.get_running_loop().time() - began

    assert run_virtual(main()) == pytest.approx(1.0)
    assert crowd.order == ["first", "second"]


def test_the_deadline_clips_the_wait():
    tool = guard(
        Crowd(seconds=0),
        rate_limit=RateLimitConfig(calls_per_second=0.1, max_wait=60),
        timeout_config=TimeoutConfig(total_seconds=5),
    )

    async def main():
        await tool()
        began = asyncio.get_running_loop().time()
        with pytest.raises(RateLimitedError) as caught:
            await tool()
        assert asyncio.get_running_loop().time() == began
        return caught.value.retry_after

    assert run_virtual(main()) == pytest.approx(10.0)


def test_a_call_whose_body_did_not_start_gives_its_token_back(call: Way, clock: FakeRuntime):
    tool = guard(Script("ok"), rate_limit=RateLimitConfig(calls_per_hour=1), before_call=Script(BoomError, None))
    with pytest.raises(BoomError):
        call(tool)
    assert call(tool) == "ok"


def test_a_failed_call_has_used_its_token(call: Way, clock: FakeRuntime):
    tool = guard(Script(BoomError), rate_limit=RateLimitConfig(calls_per_hour=1))
    with pytest.raises(BoomError):
        call(tool)
    with pytest.raises(RateLimitedError):
        call(tool)


def test_every_attempt_takes_a_token(clock: FakeRuntime):
    body = Script(BoomError)
    tool = guard(body, rate_limit=RateLimitConfig(calls_per_hour=2, burst=2), max_retries=5)
    with pytest.raises(BoomError):
        tool()
    assert body.runs == 2


def test_tools_with_the_same_key_share_one_limit(clock: FakeRuntime):
    config = RateLimitConfig(calls_per_hour=1, shared_key="rate limit tests: shared")
    one, other = guard(Script("ok"), rate_limit=config), guard(Script("ok"), rate_limit=config)
    one()
    with pytest.raises(RateLimitedError):
        other()


def test_twenty_threads_and_a_loop_together_get_no_more_than_the_burst(clock: FakeRuntime):
    tool = guard(Script("ok"), rate_limit=RateLimitConfig(calls_per_hour=1, burst=30))
    results = []

    def in_thread():
        for _ in range(5):
            try:
                results.append(tool())
            except RateLimitedError as error:
                results.append(error)

    threads = [threading.Thread(target=in_thread) for _ in range(20)]
    for thread in threads:
        thread.start()
    results += asyncio.run(outcomes(tool.acall() for _ in range(100)))
    for thread in threads:
        thread.join()
    assert len(values_of(results)) == 30
    assert len(errors_of(results, RateLimitedError)) == 170
