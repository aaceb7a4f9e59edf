"""What a circuit breaker lets through, sees as a failure, and does at recovery, one call at a time."""

import math

import pytest

from agentguard import (
    BudgetConfig,
    BudgetExceededError,
    CircuitBreakerConfig,
    CircuitOpenError,
    ConfigError,
    HallucinationError,
    InvalidInputError,
    InvalidOutputError,
    MiddlewarePipeline,
    ResponseProfile,
    guard,
)
from agentguard.middleware import CLASSIC_ORDER
from agentguard.testing import FakeRuntime
from tests.layers.bodies import BoomError, Script
from tests.matrix.ways import Way, acall

ONE = CircuitBreakerConfig(failure_threshold=1, recovery_timeout=60)


def fail(tool, times=1):
    for _ in range(times):
        with pytest.raises(BoomError):
            tool()


def test_open_circuit_rejects_without_running_the_tool(call: Way, clock: FakeRuntime):
    body = Script(BoomError)
    tool = guard(body, circuit_breaker=CircuitBreakerConfig(failure_threshold=2))
    for _ in range(2):
        with pytest.raises(BoomError):
            call(tool)
    with pytest.raises(CircuitOpenError, match="circuit breaker"):
        call(tool)
    assert body.runs == 2


def test_open_circuit_says_when_to_come_back(clock: FakeRuntime):
    tool = guard(Script(BoomError), circuit_breaker=ONE)
    fail(tool)
    clock.advance(20)
    with pytest.raises(CircuitOpenError) as caught:
        tool()
    assert caught.value.retry_after == 40.0


def test_a_success_in_between_starts_the_count_anew(clock: FakeRuntime):
    tool = guard(Script(BoomError, "ok", BoomError, "ok"), circuit_breaker=CircuitBreakerConfig(failure_threshold=2))
    fail(tool)
    assert tool() == "ok"
    fail(tool)
    assert tool.breaker.state == "closed"


def test_the_tools_own_error_passes_unchanged(call: Way, clock: FakeRuntime):
    error = BoomError("mine")
    tool = guard(Script(error), circuit_breaker=ONE)
    with pytest.raises(BoomError) as caught:
        call(tool)
    assert caught.value is error


def test_a_successful_probe_closes_the_circuit(call: Way, clock: FakeRuntime):
    tool = guard(Script(BoomError, "ok"), circuit_breaker=ONE)
    fail(tool)
    clock.advance(60)
    assert tool.breaker.state == "half_open"
    assert call(tool) == "ok"
    assert tool.breaker.state == "closed"


def test_a_failed_probe_opens_the_circuit_again(clock: FakeRuntime):
    tool = guard(Script(BoomError), circuit_breaker=ONE)
    fail(tool)
    clock.advance(60)
    fail(tool)
    assert tool.breaker.state == "open"
    assert tool.breaker.retry_after == 60.0


def test_as_many_probes_as_asked_for_must_succeed(clock: FakeRuntime):
    config = CircuitBreakerConfig(failure_threshold=1, success_threshold=2)
    tool = guard(Script(BoomError, "ok"), circuit_breaker=config)
    fail(tool)
    clock.advance(60)
    tool()
    assert tool.breaker.state == "half_open"
    tool()
    assert tool.breaker.state == "closed"


def test_a_share_of_failures_opens_the_circuit_once_there_are_enough_calls(clock: FakeRuntime):
    config = CircuitBreakerConfig(failure_threshold=99, failure_rate=0.5, min_calls=4)
    tool = guard(Script(BoomError, "ok", "ok", BoomError), circuit_breaker=config)
    fail(tool)
    tool(), tool()
    assert tool.breaker.state == "closed"
    fail(tool)
    assert tool.breaker.state == "open"


def test_failures_older_than_the_window_do_not_count(clock: FakeRuntime):
    config = CircuitBreakerConfig(failure_threshold=99, failure_rate=0.5, min_calls=2, window_seconds=10)
    tool = guard(Script(BoomError, "ok", "ok", BoomError), circuit_breaker=config)
    fail(tool)
    clock.advance(30)
    tool(), tool()
    fail(tool)
    assert tool.breaker.state == "closed"


def test_slow_calls_open_the_circuit_though_they_succeed(clock: FakeRuntime):
    config = CircuitBreakerConfig(slow_call_seconds=2, slow_call_rate=1.0, min_calls=2)
    tool = guard(lambda: clock.advance(2), circuit_breaker=config)
    tool()
    assert tool.breaker.state == "closed"
    tool()
    assert tool.breaker.state == "open"


def test_every_attempt_of_a_call_counts(clock: FakeRuntime):
    tool = guard(Script(BoomError), circuit_breaker=CircuitBreakerConfig(failure_threshold=3), max_retries=2)
    fail(tool)
    assert tool.breaker.state == "open"


def test_a_refusal_further_in_is_neutral(call: Way, clock: FakeRuntime):
    tool = guard(Script("ok"), circuit_breaker=ONE, budget=BudgetConfig(max_calls_per_session=0))
    with pytest.raises(BudgetExceededError):
        call(tool)
    assert tool.breaker.state == "closed"


def test_an_aborting_before_hook_is_neutral(call: Way, clock: FakeRuntime):
    tool = guard(Script("ok"), circuit_breaker=ONE, before_call=Script(BoomError))
    with pytest.raises(BoomError):
        call(tool)
    assert tool.breaker.state == "closed"


def test_an_answer_that_is_not_believed_is_neutral(clock: FakeRuntime):
    tool = guard(Script({}), circuit_breaker=ONE, response_profile=ResponseProfile(required_fields=["answer"]))
    with pytest.raises(HallucinationError):
        tool()
    assert tool.breaker.state == "closed"


@pytest.mark.parametrize(("kwargs", "error"), [({"x": "no"}, InvalidInputError), ({"x": 1}, InvalidOutputError)])
def test_wrong_input_and_output_are_neutral_where_the_breaker_stands_outside_validation(kwargs, error):
    def body(x: int) -> int:
        return "wrong"

    config = guard(body, validate_input=True, validate_output=True, circuit_breaker=ONE).config
    pipeline = MiddlewarePipeline(config, order=CLASSIC_ORDER)
    for _ in range(2):
        with pytest.raises(error):
            acall(Piped(pipeline, body), **kwargs)


class Piped:
    """A pipeline and its function, called like a tool."""

    def __init__(self, pipeline, fn):
        self._pipeline, self._fn = pipeline, fn

    async def acall(self, **kwargs):
        return (await self._pipeline.execute(self._fn, kwargs=kwargs)).return_value


def test_a_nested_tools_refusal_is_a_failure_of_the_outer_tool(call: Way, clock: FakeRuntime):
    inner = guard(Script(BoomError), circuit_breaker=ONE, name="inner")
    outer = guard(lambda: inner(), circuit_breaker=CircuitBreakerConfig(failure_threshold=2), name="outer")
    fail(inner)
    for _ in range(2):
        with pytest.raises(CircuitOpenError) as caught:
            call(outer)
        assert caught.value.tool_name == "inner"
    with pytest.raises(CircuitOpenError) as caught:
        call(outer)
    assert caught.value.tool_name == "outer"


def test_a_stream_that_breaks_is_a_failure(clock: FakeRuntime):
    def body():
        yield 1
        raise BoomError

    tool = guard(body, circuit_breaker=ONE)
    with pytest.raises(BoomError):
        list(tool())
    assert tool.breaker.state == "open"


def test_a_stream_that_its_consumer_leaves_is_neutral(clock: FakeRuntime):
    def body():
        yield 1
        yield 2

    tool = guard(body, circuit_breaker=ONE)
    stream = tool()
    next(stream)
    stream.close()
    assert tool.breaker.state == "closed"


def test_tools_with_the_same_key_share_one_circuit(clock: FakeRuntime):
    config = CircuitBreakerConfig(failure_threshold=1, shared_key="breaker tests: one provider")
    failing, healthy = guard(Script(BoomError), circuit_breaker=config), guard(Script("ok"), circuit_breaker=config)
    fail(failing)
    with pytest.raises(CircuitOpenError):
        healthy()


def test_one_key_cannot_have_two_limits():
    guard(Script("ok"), circuit_breaker=CircuitBreakerConfig(failure_threshold=1, shared_key="breaker tests: two"))
    with pytest.raises(ConfigError, match="breaker tests: two"):
        guard(Script("ok"), circuit_breaker=CircuitBreakerConfig(failure_threshold=2, shared_key="breaker tests: two"))


def test_a_breaker_that_only_warns_lets_the_call_through_and_says_so(caplog, clock: FakeRuntime):
    tool = guard(Script(BoomError, "ok"), circuit_breaker=CircuitBreakerConfig(failure_threshold=1, on_open="warn"))
    fail(tool)
    assert tool() == "ok"
    assert "is open" in caplog.text


def test_an_isolated_circuit_never_says_when_to_come_back(clock: FakeRuntime):
    tool = guard(Script("ok"), circuit_breaker=ONE)
    tool.breaker.isolate()
    clock.advance(10_000)
    with pytest.raises(CircuitOpenError) as caught:
        tool()
    assert caught.value.retry_after in {None, math.inf}
    assert "inf" not in str(caught.value)
