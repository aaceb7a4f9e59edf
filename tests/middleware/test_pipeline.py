"""`MiddlewarePipeline`: the onion by itself, around any function, with the whole result."""

import asyncio
import contextlib
import threading

import pytest

from agentguard import (
    CallStatus,
    CallTimedOutError,
    CircuitBreakerConfig,
    CircuitOpenError,
    ConcurrencyLimitError,
    ConfigError,
    GuardConfig,
    GuardMiddleware,
    MiddlewareChain,
    MiddlewarePipeline,
    RateLimitConfig,
    RateLimitedError,
    RetryConfig,
    TimeoutConfig,
    current_call,
    session,
)
from agentguard.middleware import CLASSIC_ORDER
from agentguard.testing import FakeRuntime, run_virtual
from tests.layers.bodies import BoomError, Script
from tests.matrix import kinds
from tests.matrix.kinds import KINDS, Body


def execute(pipeline, fn, *args, **kwargs):
    return asyncio.run(pipeline.execute(fn, args=args, kwargs=kwargs))


def test_execute_gives_the_whole_result():
    def search(query):
        return query.upper()

    result = execute(MiddlewarePipeline(), search, query="test")
    assert (result.return_value, result.tool_name, result.status) == ("TEST", "search", CallStatus.SUCCESS)
    assert (result.succeeded, result.failed, result.error, result.exception, result.exception_type) == (
        True,
        False,
        None,
        None,
        None,
    )
    assert (result.attempts, result.retry_count, result.truncated, result.cost) == (1, 0, False, None)
    assert result.call_id


def test_execution_time_is_that_of_the_last_attempts_body():
    with FakeRuntime() as clock:
        script = Script(BoomError, "ok")

        def body():
            clock.advance(0.25)
            return script()

        pipeline = MiddlewarePipeline(GuardConfig(retry=RetryConfig(1, initial_delay=5, jitter=False)))
        result = execute(pipeline, body)
    assert result.execution_time_ms == pytest.approx(250)
    assert (result.attempts, result.retry_count) == (2, 1)


# Undecorated, these two are descriptors that only a class can bind.
CALLABLE = [make for make in KINDS if make not in {kinds.static_method, kinds.class_method}]


@pytest.mark.parametrize("make", CALLABLE, ids=lambda make: make.__name__)
def test_every_kind_of_callable_can_be_executed(make):
    body = Body()

    async def main():
        fn = make(lambda fn: fn, body)
        result = await MiddlewarePipeline(GuardConfig(validate_input=True)).execute(fn, args=("5",))
        if hasattr(result.return_value, "__aiter__"):
            return await anext(result.return_value)
        return result.return_value

    assert asyncio.run(main()) == 5
    assert body.runs == [5]


def test_it_raises_what_the_guarded_tool_would_raise():
    pipeline = MiddlewarePipeline(GuardConfig(circuit_breaker=CircuitBreakerConfig(failure_threshold=1)))
    error = BoomError("mine")
    with pytest.raises(BoomError) as caught:
        execute(pipeline, Script(error))
    assert caught.value is error
    with pytest.raises(CircuitOpenError):
        execute(pipeline, Script("ok"))


def test_counters_belong_to_the_pipeline_whatever_it_runs():
    pipeline = MiddlewarePipeline(GuardConfig(rate_limit=RateLimitConfig(calls_per_hour=1)))
    execute(pipeline, lambda: "one")
    with pytest.raises(RateLimitedError):
        execute(pipeline, lambda: "other")


def test_a_blocking_function_leaves_the_loop_free():
    gate = threading.Event()

    async def main():
        task = asyncio.ensure_future(MiddlewarePipeline().execute(lambda: gate.wait(5)))
        await asyncio.sleep(0)
        gate.set()
        return (await task).return_value

    assert asyncio.run(main()) is True


def test_extra_middleware_stands_inside_the_configs_and_outside_the_built_in():
    log: list[str] = []

    def noting(name):
        def middleware(ctx, next):
            log.append(name)
            return next(ctx)

        return middleware

    config = GuardConfig(
        middleware=MiddlewareChain([noting("config's")]), custom_validators=[lambda call: log.append("validation")]
    )
    execute(MiddlewarePipeline(config, extra_middleware=[noting("extra")]), lambda: log.append("body"))
    assert log == ["config's", "extra", "validation", "body"]


def test_a_class_sees_the_result_and_the_error():
    class Audit(GuardMiddleware):
        def __init__(self):
            self.log = []

        async def __call__(self, call, next):
            try:
                result = await next(call)
            except Exception as error:
                self.log.append(repr(error))
                raise
            self.log.append(result.return_value)
            return result

    audit = Audit()
    pipeline = MiddlewarePipeline(extra_middleware=[audit])
    execute(pipeline, lambda: "value")
    with pytest.raises(BoomError):
        execute(pipeline, Script(BoomError("no")))
    assert audit.log == ["value", "BoomError('no')"]


def test_what_is_no_middleware_is_refused():
    with pytest.raises(ConfigError, match="callable"):
        MiddlewarePipeline(extra_middleware=["audit"])


def test_the_configs_name_and_session_are_the_calls():
    config = GuardConfig(name="search", session_id="mine")
    result = execute(MiddlewarePipeline(config), lambda: (current_call().tool_name, current_call().session_id))
    assert result.return_value == ("search", "mine")


def test_a_pipelines_calls_are_recorded():
    with session() as recorded:
        execute(MiddlewarePipeline(GuardConfig(name="search")), lambda query: query, query="test")
    [entry] = recorded.entries()
    assert (entry.tool_name, entry.call.kwargs, entry.result.return_value) == ("search", {"query": "test"}, "test")


def test_a_stream_has_not_run_when_execute_returns():
    runs: list[int] = []

    def body():
        runs.append(1)
        yield "item"

    async def main():
        result = await MiddlewarePipeline().execute(body)
        assert runs == []
        return [item async for item in result.return_value]

    assert asyncio.run(main()) == ["item"]


def test_the_callers_arguments_are_not_changed():
    def edit(ctx, next):
        ctx.kwargs["x"] = 2
        return next(ctx)

    mine = {"x": 1}
    pipeline = MiddlewarePipeline(extra_middleware=[edit])
    assert asyncio.run(pipeline.execute(lambda x: x, kwargs=mine)).return_value == 2
    assert mine == {"x": 1}


def test_an_object_that_cannot_be_hashed_can_be_executed():
    class Unhashable:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self):
            return "ok"

    assert execute(MiddlewarePipeline(), Unhashable()).return_value == "ok"


@pytest.mark.parametrize("wrong", [None, "search", 5])
def test_what_cannot_be_called_is_a_clear_error(wrong):
    with pytest.raises(ConfigError, match="callable"):
        execute(MiddlewarePipeline(), wrong)


def test_in_the_classic_order_a_call_is_one_sample_for_the_breaker_whatever_its_attempts():
    with FakeRuntime():
        config = GuardConfig(max_retries=3, circuit_breaker=CircuitBreakerConfig(failure_threshold=2))
        body = Script(BoomError)
        pipeline = MiddlewarePipeline(config, order=CLASSIC_ORDER)
        for _ in range(2):
            with pytest.raises(BoomError):
                execute(pipeline, body)
        with pytest.raises(CircuitOpenError):
            execute(pipeline, body)
    assert body.runs == 8


def test_explain_lists_the_stages_outermost_first():
    config = GuardConfig(validate_input=True, max_retries=2, timeout=5)
    lines = [line.partition("(")[0] for line in MiddlewarePipeline(config).explain().splitlines()]
    assert [line for line in lines if line in {"Validation", "Retry", "Timeout"}] == ["Validation", "Retry", "Timeout"]


def test_hung_bodies_of_a_function_are_counted_over_all_its_calls():
    async def stubborn():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(10)
        await asyncio.sleep(10)

    async def main():
        config = GuardConfig(timeout_config=TimeoutConfig(1, grace_seconds=0, max_abandoned=1))
        pipeline = MiddlewarePipeline(config)
        with pytest.raises(CallTimedOutError):
            await pipeline.execute(stubborn)
        with pytest.raises(ConcurrencyLimitError):
            await pipeline.execute(stubborn)

    run_virtual(main())
