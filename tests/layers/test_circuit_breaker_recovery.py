"""A circuit breaker with many calls at once: who probes, who gives the permit back, whose outcome counts."""

import asyncio

import pytest

from agentguard import (
    CallTimedOutError,
    CircuitBreakerConfig,
    CircuitOpenError,
    ConcurrencyConfig,
    RateLimitConfig,
    RateLimitedError,
    guard,
)
from agentguard.testing import run_virtual
from tests.layers.bodies import BoomError, Crowd, cancelled, errors_of, outcomes, started, values_of


def tripped(crowd, **options):
    """A tool whose circuit is open, and for which 60 s later a probe may run."""
    options.setdefault("circuit_breaker", CircuitBreakerConfig(failure_threshold=1, recovery_timeout=60))
    tool = guard(crowd, **options)

    async def trip():
        seconds, crowd.seconds, crowd.error = crowd.seconds, 0, BoomError()
        with pytest.raises(BoomError):
            await tool()
        crowd.seconds, crowd.error, crowd.runs = seconds, None, 0
        assert tool.breaker.state == "open"
        await asyncio.sleep(60)

    return tool, trip


def test_a_thousand_calls_at_recovery_run_one_body():
    crowd = Crowd()
    tool, trip = tripped(crowd)

    async def main():
        await trip()
        return await outcomes(tool(n) for n in range(1_000))

    results = run_virtual(main())
    assert crowd.runs == 1
    assert len(values_of(results)) == 1
    assert len(errors_of(results, CircuitOpenError)) == 999


def test_as_many_probes_run_at_once_as_are_permitted():
    crowd = Crowd()
    tool, trip = tripped(crowd, circuit_breaker=CircuitBreakerConfig(failure_threshold=1, half_open_permits=3))

    async def main():
        await trip()
        await outcomes(tool(n) for n in range(100))

    run_virtual(main())
    assert crowd.runs == 3


def test_a_cancelled_probe_gives_its_permit_back():
    tool, trip = tripped(Crowd())

    async def main():
        await trip()
        probe = await started(tool("probe"))
        with pytest.raises(CircuitOpenError):
            await tool("too early")
        assert await cancelled(probe)
        return await tool("next probe")

    assert run_virtual(main()) == "next probe"
    assert tool.breaker.state == "closed"


def test_a_probe_that_never_ends_loses_its_permit_after_the_recovery_time():
    tool, trip = tripped(Crowd(seconds=10_000))

    async def main():
        await trip()
        await started(tool("hangs"))
        with pytest.raises(CircuitOpenError) as caught:
            await tool("too early")
        assert caught.value.retry_after == pytest.approx(59.9)
        await asyncio.sleep(60)
        second = await started(tool("second"))
        assert not second.done()

    run_virtual(main())


def test_a_probe_refused_further_in_gives_its_permit_back():
    crowd = Crowd(seconds=0)
    tool, trip = tripped(crowd, rate_limit=RateLimitConfig(calls_per_second=0.01))

    async def main():
        await trip()
        with pytest.raises(RateLimitedError):
            await tool("refused")
        await asyncio.sleep(60)
        return await tool("probe")

    assert run_virtual(main()) == "probe"


@pytest.mark.parametrize("error", [None, BoomError()], ids=["success", "failure"])
def test_an_outcome_from_before_the_trip_changes_nothing(error):
    crowd = Crowd()
    tool, trip = tripped(crowd)

    async def main():
        crowd.seconds, crowd.error = 61, error
        early = await started(tool("early"))
        await trip()
        assert tool.breaker.state == "half_open"
        await outcomes([early])
        assert tool.breaker.state == "half_open"

    run_virtual(main())


def test_a_failure_from_before_the_trip_does_not_spoil_the_recovered_circuit():
    config = CircuitBreakerConfig(failure_threshold=1, recovery_timeout=60)

    async def body(seconds, *, fails):
        await asyncio.sleep(seconds)
        if fails:
            raise BoomError

    tool = guard(body, circuit_breaker=config)

    async def main():
        early = await started(tool(100, fails=True))
        with pytest.raises(BoomError):
            await tool(0, fails=True)
        await asyncio.sleep(60)
        await tool(0, fails=False)
        with pytest.raises(BoomError):
            await early
        assert tool.breaker.state == "closed"

    run_virtual(main())


def test_cancellation_is_neutral():
    tool = guard(Crowd(), circuit_breaker=CircuitBreakerConfig(failure_threshold=1))

    async def main():
        assert await cancelled(await started(tool()))

    run_virtual(main())
    assert tool.breaker.state == "closed"


def test_a_time_out_is_a_failure():
    tool = guard(Crowd(seconds=10), timeout=1, circuit_breaker=CircuitBreakerConfig(failure_threshold=1))

    async def main():
        with pytest.raises(CallTimedOutError):
            await tool()

    run_virtual(main())
    with pytest.raises(CircuitOpenError):
        run_virtual(tool())


def test_a_slow_call_is_measured_from_the_start_of_its_body():
    config = CircuitBreakerConfig(slow_call_seconds=2, slow_call_rate=1.0, min_calls=1)
    tool = guard(Crowd(seconds=1.5), circuit_breaker=config, concurrency=ConcurrencyConfig(1, max_wait=60))

    async def main():
        await outcomes(tool() for _ in range(5))

    run_virtual(main())
    assert tool.breaker.state == "closed"
