"""Rows of the layers that act on a body that runs, or on what came of it."""

from typing import Any

import pytest

from agentguard import (
    CallStatus,
    CallTimedOutError,
    HallucinationError,
    InvalidInputError,
    InvalidOutputError,
    Refusal,
    ResponseProfile,
    RetryConfig,
    TimeoutConfig,
    record_session,
    session,
)
from agentguard.middleware import TelemetryMiddleware
from tests.layers.tracers import NotingTracer
from tests.matrix.case import BoomError, Case, failing_first
from tests.matrix.rows import Spy, row

ONE_RETRY = RetryConfig(1, initial_delay=2.0, jitter=False)


@row("Truncation")
def truncation_shortens(case: Case) -> None:
    tool = case.guard(output_limit=100)
    case.body.act = lambda _x: "a" * 1000
    value = case.call(tool, 5)
    assert len(value) <= 100
    assert value.startswith("aaa")
    assert case.runs == [5]


@row("Validation")
def validation_refuses_the_result(case: Case) -> None:
    tool = case.guard(validate_output=True)
    case.body.act = lambda _x: "five"
    with pytest.raises(InvalidOutputError):
        case.call(tool, 5)
    assert case.runs == [5]


@row("Validation")
def validation_lets_a_right_result_through(case: Case) -> None:
    tool = case.guard(validate_output=True)
    assert case.call(tool, 5) == 5
    assert case.runs == [5]


@row("Deadline")
def deadline_ends_the_retries(case: Case) -> None:
    tool = case.guard(retry=ONE_RETRY, timeout_config=TimeoutConfig(total_seconds=1.5))
    case.body.act = failing_first()
    with pytest.raises(BoomError):
        case.call(tool, 5)
    assert case.runs == [5]
    assert case.clock.sleeps == []


@row("Retry")
def retry_runs_the_body_again(case: Case) -> None:
    tool = case.guard(retry=ONE_RETRY)
    case.body.act = failing_first()
    assert case.call(tool, 5) == 5
    assert case.runs == [5, 5]
    assert case.clock.sleeps == [2.0]


@row("Retry")
def retry_gives_up_with_the_tools_own_error(case: Case) -> None:
    tool = case.guard(retry=ONE_RETRY)
    error = BoomError()
    case.body.act = lambda _x: raise_(error)
    with pytest.raises(BoomError) as caught:
        case.call(tool, 5)
    assert caught.value is error
    assert case.runs == [5, 5]


@row("Hallucination")
def hallucination_refuses_the_answer(case: Case) -> None:
    tool = case.guard(response_profile=ResponseProfile(required_fields=["answer"]))
    case.body.act = lambda _x: {"something": "else"}
    with pytest.raises(HallucinationError):
        case.call(tool, 5)
    assert case.runs == [5]


@row("Hallucination")
def hallucination_lets_a_real_answer_through(case: Case) -> None:
    tool = case.guard(detect_hallucination=True)
    case.body.act = lambda _x: {"answer": 42}
    assert case.call(tool, 5) == {"answer": 42}


@row("Timeout", pytest.mark.realtime)
def timeout_ends_the_attempt(case: Case) -> None:
    tool = case.guard(timeout=0.02)
    case.body.act = lambda _x: case.hang(tool)
    with pytest.raises(CallTimedOutError):
        case.call(tool, 5)
    assert case.runs == [5]


@row("Timeout")
def timeout_lets_a_quick_body_through(case: Case) -> None:
    tool = case.guard(timeout=30)
    assert case.call(tool, 5) == 5
    assert case.runs == [5]


@row("Timeout", pytest.mark.realtime)
def timeout_is_a_value(case: Case) -> None:
    tool = case.guard(timeout_config=TimeoutConfig(0.02, on_timeout="result"))
    case.body.act = lambda _x: case.hang(tool)
    refusal = case.call(tool, 5)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "timeout"


@row("Hook")
def after_hook_sees_the_result(case: Case) -> None:
    _followed_once(case, lambda spy: spy.sync)


@row("Hook")
def async_after_hook_sees_the_result(case: Case) -> None:
    _followed_once(case, lambda spy: spy.asynchronous)


def _followed_once(case: Case, form: Any) -> None:
    spy = Spy()
    tool = case.guard(after_call=form(spy))
    assert case.call(tool, 5) == 5
    [(_, result)] = spy.seen
    assert result.status is CallStatus.SUCCESS


@row("Hook")
def after_hook_sees_the_failure(case: Case) -> None:
    _followed_after_failure(case, lambda spy: spy.sync)


@row("Hook")
def async_after_hook_sees_the_failure(case: Case) -> None:
    _followed_after_failure(case, lambda spy: spy.asynchronous)


def _followed_after_failure(case: Case, form: Any) -> None:
    spy = Spy()
    tool = case.guard(after_call=form(spy))
    case.body.act = failing_first()
    with pytest.raises(BoomError):
        case.call(tool, 5)
    [(_, result)] = spy.seen
    assert result.status is CallStatus.FAILURE
    assert isinstance(result.error, BoomError)


@row("Trace")
def trace_records_each_attempt(case: Case) -> None:
    tool = case.guard(retry=ONE_RETRY, validate_input=True)
    case.body.act = failing_first()
    with record_session(backend="memory") as recorder:
        assert case.call(tool, "5") == 5
    attempts = [span for span in recorder.spans() if span.kind == "attempt"]
    assert [span.status for span in attempts] == ["error", "ok"]
    [entry] = recorder.entries()
    assert entry.call.kwargs == {"x": 5}
    assert entry.result.attempts == 2


@row()
def session_records_the_call(case: Case) -> None:
    tool = case.guard()
    with session("of-this-call") as recorded:
        assert case.call(tool, 5) == 5
    [entry] = recorded.entries()
    assert entry.call.session_id == "of-this-call"
    assert entry.call.kwargs == {"x": 5}
    assert entry.result.status is CallStatus.SUCCESS


@row()
def session_records_the_refusal(case: Case) -> None:
    tool = case.guard(validate_input=True)
    with session() as recorded, pytest.raises(InvalidInputError):
        case.call(tool, "five")
    [entry] = recorded.entries()
    assert entry.result.status is CallStatus.VALIDATION_FAILED
    assert case.runs == []


@row()
def session_records_the_failure(case: Case) -> None:
    tool = case.guard()
    case.body.act = failing_first()
    with session() as recorded, pytest.raises(BoomError):
        case.call(tool, 5)
    [entry] = recorded.entries()
    assert entry.result.status is CallStatus.FAILURE
    assert entry.result.exception_type == "BoomError"


@row()
def telemetry_opens_one_span(case: Case) -> None:
    tracer = NotingTracer()
    tool = case.guard(middleware=[TelemetryMiddleware(tracer)], name="search")
    assert case.call(tool, 5) == 5
    [span] = tracer.spans
    assert span.name == "execute_tool search"
    assert span.has_ended
    assert case.runs == [5]


def raise_(error: BaseException) -> Any:
    raise error
