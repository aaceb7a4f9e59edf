"""`FakeRuntime`: a clock that is moved by hand, and a world left as it was found."""

import threading
import time

import pytest

from agentguard import CircuitBreakerConfig, RateLimitConfig, RetryConfig, guard
from agentguard.core.pool import POOL
from agentguard.core.runtime import LOOP, THREAD
from agentguard.errors import CallTimedOutError, CircuitOpenError, RateLimitedError
from agentguard.testing import FakeRuntime, fail_times, hang, slow_by, virtual_time
from tests.core.ways_to_call import WAYS


def clocks():
    return LOOP.now, LOOP.sleep, THREAD.now, THREAD.sleep, POOL.run, POOL.run_blocking


@pytest.fixture(autouse=True)
def _the_world_is_left_as_it_was():
    before = clocks()
    yield
    assert clocks() == before


@pytest.mark.parametrize("way", WAYS, ids=repr)
def test_a_fake_clock_is_the_only_clock_whichever_way_a_tool_is_called(way):
    tool = way.tool(lambda: "done", rate_limit=RateLimitConfig(calls_per_minute=1))
    with FakeRuntime() as clock:
        way.call(tool)
        with pytest.raises(RateLimitedError) as caught:
            way.call(tool)
        assert caught.value.retry_after == 60.0
        clock.advance(60.0)
        way.call(tool)


def test_pauses_take_no_time_and_are_noted():
    tool = guard(lambda: 1 / 0, name="tool", retry=RetryConfig(max_retries=3, initial_delay=100.0, jitter=False))
    began = time.monotonic()
    with FakeRuntime(start=50.0) as clock:
        with pytest.raises(ZeroDivisionError):
            tool()
        assert clock.now() == 50.0 + sum(clock.sleeps)
    assert len(clock.sleeps) == 3
    assert time.monotonic() - began < 10.0


def test_a_fake_clock_opens_and_closes_a_breaker():
    outcome = OSError("down")

    @guard(circuit_breaker=CircuitBreakerConfig(failure_threshold=1, recovery_timeout=30.0))
    def tool():
        if outcome:
            raise outcome
        return "up"

    with FakeRuntime() as clock:
        with pytest.raises(OSError, match="down"):
            tool()
        with pytest.raises(CircuitOpenError) as caught:
            tool()
        assert caught.value.retry_after == 30.0
        clock.advance(30.0)
        outcome = None
        assert tool() == "up"


def test_a_fake_clock_stands_still_until_it_is_moved():
    with FakeRuntime(start=5.0) as clock:
        assert (LOOP.now(), THREAD.now()) == (5.0, 5.0)
        clock.advance(2.5)
        assert (LOOP.now(), THREAD.now()) == (7.5, 7.5)


def test_an_error_inside_leaves_the_real_clock():
    before = clocks()
    with pytest.raises(ValueError, match="plain"), FakeRuntime():
        raise ValueError("plain")
    assert clocks() == before
    with pytest.raises(ValueError, match="plain"), virtual_time():
        raise ValueError("plain")
    assert clocks() == before


def test_fake_clocks_nest():
    with FakeRuntime(start=1.0) as outer:
        with FakeRuntime(start=2.0):
            assert THREAD.now() == 2.0
        assert THREAD.now() == 1.0
        with virtual_time() as loop:
            assert THREAD.now() == loop.time()
        assert THREAD.now() == outer.now() == 1.0


def test_a_fake_clock_entered_twice_is_left_twice():
    before = clocks()
    clock = FakeRuntime()
    with clock, clock:
        pass
    assert clocks() == before


def test_a_fake_clock_can_be_used_again():
    clock = FakeRuntime(start=1.0)
    with clock:
        clock.advance(1.0)
    with clock:
        assert THREAD.now() == 2.0


class Search:
    """A blocking tool that counts its bodies."""

    def __init__(self):
        self.bodies = 0

    def __call__(self, query):
        self.bodies += 1
        return f"found {query}"


def test_a_slow_blocking_tool_meets_its_time_out_at_once():
    search = Search()
    tool = guard(slow_by(30.0)(search), name="search", timeout=10.0)
    with FakeRuntime(start=0.0) as clock:
        with pytest.raises(CallTimedOutError) as caught:
            tool("tea")
        assert (caught.value.timeout_seconds, caught.value.may_still_run) == (10.0, True)
        assert clock.now() == 10.0
        assert tool.state()["hung"] == 1


def test_a_blocking_tool_that_is_slow_but_in_time_takes_its_seconds():
    tool = guard(slow_by(30.0)(Search()), name="search", timeout=60.0)
    with FakeRuntime(start=0.0) as clock:
        assert tool("tea") == "found tea"
        assert clock.now() == 30.0


def test_a_blocking_tool_that_rests_twice_takes_both():
    tool = guard(slow_by(4.0)(slow_by(5.0)(Search())), name="search", timeout=10.0)
    with FakeRuntime(start=0.0) as clock:
        assert tool("tea") == "found tea"
        assert clock.now() == 9.0


def test_a_blocking_generator_may_be_slow_too():
    @slow_by(8.0)
    def items():
        yield 1
        yield 2

    tool = guard(items, timeout=10.0)
    with FakeRuntime(start=0.0) as clock:
        assert list(tool()) == [1, 2]
        assert clock.now() == 8.0


def test_a_hung_blocking_tool_meets_its_time_out_at_once_and_its_thread_can_be_let_go():
    search, hung = Search(), hang()
    tool = guard(hung(search), name="search", timeout=10.0)
    with FakeRuntime(start=0.0) as clock:
        with pytest.raises(CallTimedOutError):
            tool("tea")
        assert clock.now() == 10.0
        assert (tool.state()["hung"], search.bodies) == (1, 0)
        hung.release()
        assert tool("tea") == "found tea"


def test_a_thread_that_only_was_slow_goes_on_when_the_clock_goes_away():
    ended = threading.Event()
    tool = guard(slow_by(30.0)(lambda: ended.set()), name="tool", timeout=10.0)
    with FakeRuntime(), pytest.raises(CallTimedOutError):
        tool()
    assert ended.wait(10.0)


def test_a_slow_tool_without_a_time_out_moves_the_clock_in_its_callers_thread():
    tool = guard(slow_by(30.0)(Search()), name="search")
    with FakeRuntime(start=0.0) as clock:
        assert tool("tea") == "found tea"
        assert (clock.now(), clock.sleeps) == (30.0, [])


def test_time_outs_and_pauses_of_a_retried_blocking_tool_add_up():
    hung = hang()
    flaky = fail_times(1, OSError, then=hung)
    retry = RetryConfig(max_retries=2, initial_delay=3.0, jitter=False)
    tool = guard(flaky(Search()), name="search", retry=retry, timeout=10.0, effect="read")
    with FakeRuntime(start=0.0) as clock:
        with pytest.raises(CallTimedOutError):
            tool("tea")
        assert clock.now() == 3.0 + 10.0 + 6.0 + 10.0
    assert flaky.starts == 3
    hung.release()


def test_an_error_in_a_thread_of_its_own_is_the_tools_own():
    error = OSError("down")
    tool = guard(fail_times(1, error)(Search()), name="search", timeout=10.0)
    with FakeRuntime():
        with pytest.raises(OSError, match="down") as caught:
            tool("tea")
        assert caught.value is error
