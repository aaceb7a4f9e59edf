"""Which failures are tried again, when, and how often."""

import asyncio
import threading
from types import SimpleNamespace

import pytest

from agentguard import (
    BudgetConfig,
    CallRejected,
    CallTimedOutError,
    CircuitBreakerConfig,
    HallucinationError,
    InvalidInputError,
    ResponseProfile,
    RetryConfig,
    TimeoutConfig,
    current_call,
    guard,
    session,
)
from agentguard.testing import FakeRuntime, run_virtual
from tests.layers.bodies import BoomError, Crowd, Script, cancelled, started
from tests.matrix.ways import Way

STEADY = RetryConfig(3, initial_delay=1.0, jitter=False)


class ThrottledError(Exception):
    def __init__(self, after):
        self.response = SimpleNamespace(status_code=429, headers={"Retry-After": str(after)})


def test_retry_waits_longer_after_each_failure(call: Way, clock: FakeRuntime):
    tool = guard(Script(BoomError, BoomError, BoomError, "ok"), retry=STEADY)
    assert call(tool) == "ok"
    assert clock.sleeps == [1.0, 2.0, 4.0]


def test_a_pause_is_no_longer_than_the_longest(clock: FakeRuntime):
    tool = guard(
        Script(BoomError, BoomError, BoomError, "ok"), retry=RetryConfig(3, initial_delay=5, max_delay=8, jitter=False)
    )
    tool()
    assert clock.sleeps == [5.0, 8.0, 8.0]


def test_jitter_draws_a_pause_between_nothing_and_the_computed_one(clock: FakeRuntime):
    for _ in range(30):
        guard(Script(BoomError, "ok"), retry=RetryConfig(1, initial_delay=2))()
    assert all(0 <= pause <= 2 for pause in clock.sleeps)
    assert len(set(clock.sleeps)) > 20


def test_the_last_error_reaches_the_caller_as_the_same_object(call: Way, clock: FakeRuntime):
    errors = [BoomError(n) for n in range(4)]
    with pytest.raises(BoomError) as caught:
        call(guard(Script(*errors), retry=STEADY))
    assert caught.value is errors[-1]


def test_retry_after_of_the_server_is_honoured(call: Way, clock: FakeRuntime):
    call(guard(Script(ThrottledError(3), "ok"), retry=STEADY))
    assert clock.sleeps == [3.0]


def test_retry_after_is_clamped_to_five_seconds_more_than_the_pause(clock: FakeRuntime):
    guard(Script(ThrottledError(3600), "ok"), retry=STEADY)()
    assert clock.sleeps == [6.0]


@pytest.mark.parametrize("error", [TypeError, AttributeError, NameError, AssertionError, NotImplementedError])
def test_programming_errors_are_not_retried(error, clock: FakeRuntime):
    body = Script(error("mine"))
    with pytest.raises(error):
        guard(body, retry=STEADY)()
    assert body.runs == 1


def test_a_programming_error_is_retried_where_it_is_named(clock: FakeRuntime):
    tool = guard(Script(TypeError("odd"), "ok"), retry=RetryConfig(1, retryable_exceptions=(TypeError,)))
    assert tool() == "ok"


def test_only_named_errors_are_retried_where_some_are_named(clock: FakeRuntime):
    body = Script(BoomError)
    with pytest.raises(BoomError):
        guard(body, retry=RetryConfig(3, retryable_exceptions=(OSError,)))()
    assert body.runs == 1


def test_a_refusal_is_not_retried(call: Way, clock: FakeRuntime):
    body = Script(BoomError)
    tool = guard(body, retry=STEADY, circuit_breaker=CircuitBreakerConfig(failure_threshold=2))
    with pytest.raises(BoomError):  # the tool's own, for it has run
        call(tool)
    assert body.runs == 2
    assert len(clock.sleeps) == 2


def test_a_refusal_is_not_retried_even_where_everything_is_named(clock: FakeRuntime):
    config = RetryConfig(3, retryable_exceptions=(Exception,))
    tool = guard(Script(BoomError), retry=config, circuit_breaker=CircuitBreakerConfig(failure_threshold=1))
    with pytest.raises(BoomError):
        tool()
    assert len(clock.sleeps) == 1


def test_the_tools_own_error_is_untouched_when_a_later_attempt_is_refused(clock: FakeRuntime):
    error = BoomError("mine")
    tool = guard(Script(error), retry=STEADY, circuit_breaker=CircuitBreakerConfig(failure_threshold=1))
    with pytest.raises(BoomError) as caught:
        tool()
    assert caught.value is error
    assert (error.__cause__, error.__context__, error.__suppress_context__) == (None, None, False)


def test_a_later_attempt_that_is_refused_leaves_the_result_of_the_one_before(clock: FakeRuntime):
    retry = RetryConfig(3, retry_on_result=lambda result: result == "pending")
    tool = guard(Script("pending"), retry=retry, budget=BudgetConfig(max_calls_per_session=2))
    assert tool() == "pending"


def test_a_nested_tools_refusal_is_retried(clock: FakeRuntime):
    inner = guard(lambda x: x, validate_input=True, custom_validators=[Script(False, True)])
    body = Script("ignored")
    outer = guard(lambda: (body(), inner(1))[1], retry=STEADY)
    assert outer() == 1
    assert body.runs == 2


def test_what_failed_before_the_body_is_not_retried(call: Way, clock: FakeRuntime):
    hook = Script(BoomError)
    with pytest.raises(BoomError):
        call(guard(Script("ok"), retry=STEADY, before_call=hook))
    assert hook.runs == 1


def test_cancellation_is_not_retried():
    crowd = Crowd()
    tool = guard(crowd, retry=STEADY)

    async def main():
        assert await cancelled(await started(tool()))

    run_virtual(main())
    assert crowd.runs == 1


def test_cancelling_during_a_pause_ends_the_call():
    body = Script(BoomError)

    async def fail():
        body()

    tool = guard(fail, retry=RetryConfig(3, initial_delay=10, jitter=False))

    async def main():
        assert await cancelled(await started(tool(), 5))

    run_virtual(main())
    assert body.runs == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_process_is_not_retried(error, clock: FakeRuntime):
    body = Script(error())
    with pytest.raises(error):
        guard(body, retry=STEADY)()
    assert body.runs == 1


def test_all_attempts_have_one_idempotency_key(call: Way, clock: FakeRuntime):
    seen = []

    def body():
        current = current_call()
        seen.append((current.attempt, current.idempotency_key))
        raise BoomError

    with pytest.raises(BoomError):
        call(guard(body, retry=STEADY))
    assert [attempt for attempt, _ in seen] == [1, 2, 3, 4]
    assert len({key for _, key in seen}) == 1


def test_a_result_may_be_worth_another_try(call: Way, clock: FakeRuntime):
    tool = guard(Script(None, None, "found"), retry=RetryConfig(3, retry_on_result=lambda value: value is None))
    assert call(tool) == "found"
    assert len(clock.sleeps) == 2


def test_the_last_result_is_returned_though_it_is_worth_another_try(clock: FakeRuntime):
    tool = guard(Script(1, 2, 3), retry=RetryConfig(2, retry_on_result=lambda _value: True))
    assert tool() == 3


def test_an_async_question_about_the_result_works_everywhere(call: Way, clock: FakeRuntime):
    async def is_missing(value):
        await asyncio.sleep(0)
        return value is None

    assert call(guard(Script(None, "found"), retry=RetryConfig(1, retry_on_result=is_missing))) == "found"


def test_a_pause_that_would_pass_the_deadline_is_not_made(call: Way, clock: FakeRuntime):
    body = Script(BoomError)
    tool = guard(body, retry=STEADY, timeout_config=TimeoutConfig(total_seconds=3.5))
    with pytest.raises(BoomError):
        call(tool)
    assert clock.sleeps == [1.0, 2.0]
    assert body.runs == 3


@pytest.mark.parametrize(("effect", "runs"), [(None, 1), ("write", 1), ("idempotent", 2), ("read", 2)])
def test_an_answer_not_believed_is_asked_again_only_where_that_is_harmless(effect, runs, clock: FakeRuntime):
    body = Script({})
    profile = ResponseProfile(required_fields=["answer"])
    with pytest.raises(HallucinationError):
        guard(body, effect=effect, max_retries=1, response_profile=profile)()
    assert body.runs == runs


@pytest.mark.realtime
@pytest.mark.parametrize(("effect", "runs"), [(None, 1), ("write", 1), ("idempotent", 2), ("read", 2)])
def test_a_body_that_may_still_run_is_repeated_only_where_that_is_harmless(effect, runs):
    over, body = threading.Event(), Script("ignored")

    def hang():
        body()
        over.wait(10)

    tool = guard(hang, effect=effect, timeout=0.02, retry=RetryConfig(1, initial_delay=0))
    with pytest.raises(CallTimedOutError) as caught:
        tool()
    over.set()
    assert caught.value.may_still_run
    assert body.runs == runs


def test_a_coroutine_that_timed_out_was_stopped_and_is_retried():
    crowd = Crowd(seconds=10)
    with pytest.raises(CallTimedOutError):
        run_virtual(guard(crowd, timeout=1, max_retries=2)())
    assert crowd.runs == 3


def test_a_stream_is_retried_before_its_first_item(clock: FakeRuntime):
    script = Script(BoomError, "ok")

    def body():
        script()
        yield 1
        yield 2

    assert list(guard(body, retry=STEADY)()) == [1, 2]
    assert script.runs == 2


def test_a_stream_is_not_retried_after_its_first_item(clock: FakeRuntime):
    def body():
        yield 1
        raise BoomError

    stream = guard(body, retry=STEADY)()
    assert next(stream) == 1
    with pytest.raises(BoomError):
        next(stream)
    assert clock.sleeps == []


def test_wrong_arguments_are_not_retried(call: Way, clock: FakeRuntime):
    def body(x: int):
        raise AssertionError

    with pytest.raises(InvalidInputError):
        call(guard(body, validate_input=True, retry=STEADY), "x")
    assert clock.sleeps == []


def test_the_record_says_how_many_attempts_there_were(clock: FakeRuntime):
    tool = guard(Script(BoomError, BoomError, "ok"), retry=STEADY)
    with session() as recorded:
        tool()
    [entry] = recorded.entries()
    assert (entry.result.attempts, entry.result.retry_count) == (3, 2)


def test_others_run_during_the_pause():
    tool = guard(Crowd(error=BoomError()), retry=RetryConfig(1, initial_delay=10, jitter=False))

    async def main():
        task = await started(tool(), 5)
        assert not task.done()
        await asyncio.wait({task})

    run_virtual(main())


def test_a_body_that_refuses_its_own_call_is_not_retried(clock: FakeRuntime):
    def body():
        raise CallRejected("Not today.", tool_name="body", call_id=current_call().call_id)

    with pytest.raises(CallRejected):
        guard(body, retry=STEADY)()
    assert clock.sleeps == []


class AsyncJudge:
    async def __call__(self, result):
        return result == "not yet"


@pytest.mark.parametrize("judge", [AsyncJudge(), AsyncJudge().__call__], ids=["object", "method"])
def test_an_object_that_is_called_like_a_coroutine_function_may_judge_results_of_a_plain_call(judge):
    answers = iter(["not yet", "done"])
    tool = guard(lambda: next(answers), retry=RetryConfig(max_retries=1, initial_delay=0.0, retry_on_result=judge))
    assert tool() == "done"
