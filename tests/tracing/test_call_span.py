import asyncio
import logging
import types

import pytest

from agentguard.core.call import ToolCall
from agentguard.core.context import enter, leave
from agentguard.core.result import CallStatus, ToolResult
from agentguard.errors import (
    CallTimedOutError,
    CircuitOpenError,
    HallucinationError,
    InvalidInputError,
    InvalidOutputError,
    RateLimitedError,
)
from agentguard.tracing.call_span import CallSpan, deliver
from agentguard.tracing.entry import entry_of
from tests.tracing.calls import Kept, begin, finish, make_call


def tool_with(**settings):
    defaults = {
        "capture_input": True,
        "capture_output": True,
        "redact": (),
        "tags": (),
        "metadata": {},
        "session_id": None,
    }
    return types.SimpleNamespace(config=types.SimpleNamespace(**defaults | settings))


def test_a_span_says_what_was_called_and_what_came_of_it():
    span = make_call("search", {"hits": 3}, query="tea")
    assert (span.kind, span.name, span.status, span.parent_id) == ("tool", "search", "ok", None)
    assert (span.input, span.output, span.error) == ({"query": "tea"}, {"hits": 3}, None)
    assert span.trace_id == span.span_id
    assert span.attributes == {"execution_time": 0.25}
    assert span.started_at > 1_700_000_000
    assert span.duration > 0


def test_arguments_are_recorded_as_they_were_when_the_tool_began():
    query = {"words": ["tea"]}
    call, span = begin(query=query)
    query["words"].append("coffee")
    finish(call)
    assert span.input == {"query": {"words": ["tea"]}}


def test_the_result_is_recorded_as_it_was_when_the_call_ended():
    value = ["tea"]
    span = make_call(value=value)
    value.append("coffee")
    assert span.output == ["tea"]


def test_the_whole_value_is_recorded_where_the_caller_gets_less():
    call, span = begin()
    result = ToolResult(call, "a long text", 0.25)
    result.shorten("a lon...")
    span.end(result)
    assert span.output == "a long text"
    assert entry_of(span).result.truncated is True


def test_arguments_of_a_call_refused_before_it_began_are_recorded():
    call = ToolCall("pay", (), {"amount": "much"})
    call.span = CallSpan.open(call)
    call.span.fail(InvalidInputError("amount", tool_name="pay", call_id=call.call_id))
    assert call.span.input == {"amount": "much"}


def test_arguments_that_cannot_be_bound_are_recorded_as_they_came():
    class Unbindable:
        def bind(self, args, kwargs):
            raise TypeError("too many")

    call = ToolCall("pay", (1, 2), {"x": 3}, None, Unbindable())
    call.span = CallSpan.open(call)
    call.span.take_input(call)
    assert call.span.input == {"args": [1, 2], "kwargs": {"x": 3}}


def test_a_tool_may_keep_its_input_and_output_out_of_the_record():
    call = ToolCall("pay", (), {"amount": 5}, tool_with(capture_input=False, capture_output=False))
    call.span = CallSpan.open(call)
    call.span.take_input(call)
    span = finish(call, "paid")
    assert (span.input, span.output, span.status) == (None, None, "ok")
    assert entry_of(span).call.kwargs == {}


def test_tags_and_metadata_of_the_tool_are_recorded():
    call = ToolCall("pay", (), {}, tool_with(tags=("money",), metadata={"team": "a"}))
    call.span = CallSpan.open(call)
    span = finish(call)
    assert span.attributes["tags"] == ["money"]
    assert entry_of(span).call.metadata == {"team": "a"}


@pytest.mark.parametrize(
    ("make_error", "status", "call_status", "refusal"),
    [
        (lambda c: ValueError("no"), "error", CallStatus.FAILURE, None),
        (lambda c: SystemExit(1), "error", CallStatus.FAILURE, None),
        (lambda c: asyncio.CancelledError(), "cancelled", CallStatus.CANCELLED, None),
        (lambda c: KeyboardInterrupt(), "cancelled", CallStatus.CANCELLED, None),
        (lambda c: GeneratorExit(), "stopped_early", CallStatus.STOPPED_EARLY, None),
        (
            lambda c: CallTimedOutError(tool_name="t", call_id=c, timeout_seconds=1),
            "timeout",
            CallStatus.TIMEOUT,
            None,
        ),
        (
            lambda c: CircuitOpenError(tool_name="t", call_id=c, retry_after=1),
            "denied",
            CallStatus.CIRCUIT_OPEN,
            "circuit_open",
        ),
        (
            lambda c: RateLimitedError(tool_name="t", call_id=c, retry_after=1),
            "denied",
            CallStatus.RATE_LIMITED,
            "rate_limited",
        ),
        (
            lambda c: InvalidInputError("x", tool_name="t", call_id=c),
            "denied",
            CallStatus.VALIDATION_FAILED,
            "invalid_input",
        ),
        (
            lambda c: InvalidOutputError("x", tool_name="t", call_id=c),
            "error",
            CallStatus.VALIDATION_FAILED,
            None,
        ),
        (
            lambda c: HallucinationError(tool_name="t", call_id=c, score=0.9),
            "error",
            CallStatus.HALLUCINATED,
            None,
        ),
        (
            lambda c: CircuitOpenError(tool_name="other", call_id="other", retry_after=1),
            "error",
            CallStatus.FAILURE,
            None,
        ),
    ],
)
def test_every_way_to_fail_has_its_status(make_error, status, call_status, refusal):
    call, span = begin()
    finish(call, error=make_error(call.call_id))
    assert (span.status, span.attributes.get("refusal")) == (status, refusal)
    assert entry_of(span).result.status is call_status


def test_error_class_text_and_group_members_are_recorded():
    error = ExceptionGroup("two", [ValueError("a"), TypeError("b")])
    span = make_call(error=error)
    assert span.error["type"] == "ExceptionGroup"
    assert [member["type"] for member in span.error["errors"]] == ["ValueError", "TypeError"]
    assert entry_of(span).result.exception == str(error)


def test_an_error_whose_text_raises_is_recorded_without_it():
    class SilentError(Exception):
        def __str__(self):
            raise ValueError("no text")

    assert make_call(error=SilentError()).error == {
        "type": "SilentError",
        "message": "<its text cannot be read: ValueError>",
    }


def test_a_very_long_error_text_is_cut_and_says_so():
    text = entry_of(make_call(error=ValueError("no " * 100_000))).result.exception
    assert text.startswith("no no ")
    assert text.endswith("... (300000 characters)")


def test_a_call_that_did_not_run_took_no_time_in_the_body():
    call, span = begin()
    finish(call, error=RateLimitedError(tool_name="search", call_id=call.call_id, retry_after=1))
    assert entry_of(span).result.execution_time == 0


def test_a_call_made_in_a_body_is_a_child_of_the_call_around_it():
    outer, outer_span = begin("outer")
    token = enter(outer)
    inner = make_call("inner")
    leave(token, outer)
    assert (inner.parent_id, inner.trace_id) == (outer_span.span_id, outer_span.trace_id)


def test_a_call_that_is_not_recorded_does_not_break_the_tree():
    outer, outer_span = begin("outer")
    token = enter(outer)
    unrecorded = ToolCall("between")
    inner_token = enter(unrecorded)
    inner = make_call("inner")
    leave(inner_token, unrecorded)
    leave(token, outer)
    assert inner.parent_id == outer_span.span_id


def test_attempts_are_children_and_are_delivered_before_their_call():
    kept = Kept()
    call, span = begin()
    first = span.child("attempt", "attempt 1")
    first.fail(ValueError("no"))
    second = span.child("attempt", "attempt 2")
    second.end(ToolResult(call, "yes", 0.5))
    call.attempt = 2
    span.end(ToolResult(call, "yes", 0.5))
    deliver(span, (kept,))
    assert [found.name for found in kept.spans] == ["attempt 1", "attempt 2", "search"]
    assert [found.status for found in kept.spans] == ["error", "ok", "ok"]
    assert {found.parent_id for found in kept.spans[:2]} == {span.span_id}
    assert entry_of(span).result.attempts == 2


def test_an_attempt_that_nobody_ended_is_unknown():
    kept = Kept()
    call, span = begin()
    span.child("attempt", "attempt 1")
    span.end(ToolResult(call, "yes"))
    deliver(span, (kept,))
    assert kept.spans[0].status == "unknown"
    assert kept.spans[0].duration > 0


def test_notes_and_events_are_copies():
    call, span = begin()
    value = ["a"]
    call.note("cast", value)
    span.add_event("waited", reason=value)
    value.append("b")
    finish(call)
    assert span.attributes["cast"] == ["a"]
    assert (span.events[0]["name"], span.events[0]["reason"]) == ("waited", ["a"])
    assert span.events[0]["at"] >= 0


def test_an_ended_span_no_longer_changes():
    call, span = begin()
    attributes = span.attributes
    finish(call, "first")
    span.note("late", 1)
    span.add_event("late")
    attributes["late"] = 1
    span.end(ToolResult(call, "second"))
    span.fail(ValueError("late"))
    assert (span.output, span.status, span.events) == ("first", "ok", [])
    assert "late" not in span.attributes


def test_a_collector_that_raises_does_not_reach_the_call_and_is_logged_once(caplog):
    class Broken:
        def collect(self, span, /):
            raise RuntimeError("broken")

    kept = Kept()
    with caplog.at_level(logging.WARNING, "agentguard"):
        for _ in range(3):
            call, span = begin()
            span.end(ToolResult(call))
            deliver(span, (Broken(), kept))
    assert len(kept.spans) == 3
    assert sum("Broken" in record.getMessage() for record in caplog.records) == 1


def test_a_result_that_cannot_be_read_does_not_reach_the_call():
    class Hostile(ToolResult):
        __slots__ = ()

        @property
        def whole_value(self):
            raise ValueError("no value")

    call, span = begin()
    span.end(Hostile(call))
    assert (span.status, span.output) == ("ok", None)


def test_a_keyboard_interrupt_out_of_an_argument_passes():
    class Interrupted:
        def __repr__(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begin(query=Interrupted())


def test_the_id_of_a_calls_span_is_the_id_of_the_call():
    call, span = begin()
    children = [span.child("attempt", f"attempt {number}") for number in (1, 2)]
    finish(call)
    assert span.span_id == call.call_id
    assert len({span.span_id, *(child.span_id for child in children)}) == 3


def test_an_entry_reads_like_the_live_call():
    call, span = begin("search", query="tea")
    call.cost = 0.5
    finish(call, ["tea"], seconds=0.25)
    entry = entry_of(span)
    assert (entry.tool_name, entry.call_id) == ("search", call.call_id)
    assert (entry.call.args, entry.call.kwargs, entry.call.arguments) == ((), {"query": "tea"}, {"query": "tea"})
    result = entry.result
    assert (result.return_value, result.status, result.exception) == (["tea"], CallStatus.SUCCESS, None)
    assert (result.succeeded, result.failed, result.retry_count, result.attempts) == (True, False, 0, 1)
    assert (result.execution_time, result.execution_time_ms, result.cost) == (0.25, 250, 0.5)
