"""What a recorded call leaves behind: one span however it ends, one more for each attempt."""

import asyncio

import pytest

from agentguard import (
    BudgetConfig,
    CallStatus,
    CircuitBreakerConfig,
    MiddlewareChain,
    RetryConfig,
    guard,
    open_store,
    record_session,
    session,
)
from agentguard.testing import FakeRuntime, run_virtual
from agentguard.tracing import tool_recorder
from tests.layers.bodies import BoomError, Crowd, Script, cancelled, outcomes, started
from tests.matrix.ways import Way


def spans_of(recorder, kind):
    return [span for span in recorder.spans() if span.kind == kind]


def test_every_attempt_is_a_span_under_the_calls(call: Way, clock: FakeRuntime):
    with record_session(backend="memory") as recorder:
        call(guard(Script(BoomError, BoomError, "ok"), max_retries=2))
    [tool] = spans_of(recorder, "tool")
    attempts = spans_of(recorder, "attempt")
    assert [span.status for span in attempts] == ["error", "error", "ok"]
    assert {span.parent_id for span in attempts} == {tool.span_id}


def test_the_pause_before_a_retry_is_recorded(clock: FakeRuntime):
    with session() as recorded:
        guard(Script(BoomError, "ok"), retry=RetryConfig(1, initial_delay=2, jitter=False))()
    [entry] = recorded.entries()
    assert entry.span.attributes["retry_delay"] == 2.0


def test_without_retries_the_attempt_is_the_call(call: Way):
    with record_session(backend="memory") as recorder:
        call(guard(Script("ok")))
    assert spans_of(recorder, "attempt") == []


def test_a_refused_call_is_recorded_with_its_reason(call: Way, clock: FakeRuntime):
    tool = guard(Script("ok"), circuit_breaker=CircuitBreakerConfig())
    tool.breaker.isolate()
    with session() as recorded, pytest.raises(Exception, match="circuit breaker"):
        call(tool)
    [entry] = recorded.entries()
    assert entry.result.status is CallStatus.CIRCUIT_OPEN
    assert entry.span.status == "denied"
    assert entry.span.attributes["refusal"] == "circuit_open"


def test_a_call_short_circuited_by_middleware_is_recorded(call: Way):
    tool = guard(Script("ok"), middleware=MiddlewareChain([lambda ctx, following: "cached"]))
    with session() as recorded:
        assert call(tool) == "cached"
    [entry] = recorded.entries()
    assert entry.result.return_value == "cached"


def test_a_cancelled_call_is_recorded_once():
    async def main():
        with session() as recorded:
            assert await cancelled(await started(guard(Crowd())()))
        return recorded.entries()

    [entry] = run_virtual(main())
    assert entry.result.status is CallStatus.CANCELLED


def test_a_stream_left_early_is_recorded_as_such():
    def body():
        yield 1
        yield 2

    with session() as recorded:
        stream = guard(body)()
        next(stream)
        stream.close()
    [entry] = recorded.entries()
    assert entry.result.status is CallStatus.STOPPED_EARLY
    assert entry.span.attributes["items"] == 1


def test_a_nested_call_is_a_child_of_the_outer_one(call: Way):
    inner = guard(Script("ok"), name="inner")
    outer = guard(lambda: inner(), name="outer")
    with session() as recorded:
        call(outer)
    spans = {entry.tool_name: entry.span for entry in recorded.entries()}
    assert spans["inner"].parent_id == spans["outer"].span_id
    assert spans["inner"].trace_id == spans["outer"].trace_id


def test_a_tool_with_record_true_records_in_a_session_too(call: Way, tmp_path):
    own = tool_recorder(tmp_path, "memory")
    tool = guard(Script("ok"), record=True, trace_dir=tmp_path, trace_backend="memory")
    call(tool)
    with session():
        call(tool)
    assert len(own.entries()) == 2


def test_a_tool_with_record_true_leaves_its_call_to_an_open_recorder(call: Way, tmp_path):
    own = tool_recorder(tmp_path, "memory")
    tool = guard(Script("ok"), record=True, trace_dir=tmp_path, trace_backend="memory")
    with record_session(backend="memory") as recorder:
        call(tool)
    assert (len(own.entries()), len(recorder.entries())) == (0, 1)


def test_a_tool_with_record_true_writes_its_own_store(call: Way, tmp_path):
    tool = guard(Script("found"), name="search", record=True, trace_dir=tmp_path)
    call(tool)
    call(tool)
    entries = [span for span in open_store(tmp_path).spans() if span.kind == "tool"]
    assert [span.name for span in entries] == ["search", "search"]


def test_without_a_recorder_a_tool_writes_nothing(call: Way, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call(guard(Script("ok")))
    with session():
        call(guard(Script("ok")))
    assert list(tmp_path.iterdir()) == []


def test_arguments_and_results_are_left_out_where_asked(call: Way):
    tool = guard(lambda secret: secret, capture_input=False, capture_output=False)
    with session() as recorded:
        call(tool, "secret")
    [entry] = recorded.entries()
    assert (entry.call.kwargs, entry.result.return_value) == ({}, None)


def test_what_the_body_does_to_its_arguments_does_not_show(call: Way):
    tool = guard(lambda items: items.clear())
    with session() as recorded:
        call(tool, [1, 2, 3])
    [entry] = recorded.entries()
    assert entry.call.kwargs == {"items": [1, 2, 3]}


def test_every_open_recorder_and_session_gets_the_call(call: Way):
    tool = guard(Script("ok"))
    with record_session(backend="memory") as outer, record_session(backend="memory") as inner, session() as recorded:
        call(tool)
    assert [len(each.entries()) for each in (outer, inner, recorded)] == [1, 1, 1]


def test_concurrent_recorders_never_see_each_others_calls():
    tool = guard(Crowd())

    async def recorded(name):
        with session(name) as its:
            await outcomes(tool(f"{name} {n}") for n in range(20))
        return its.entries()

    async def main():
        return await asyncio.gather(recorded("one"), recorded("other"))

    for name, entries in zip(("one", "other"), run_virtual(main()), strict=True):
        assert {entry.call.session_id for entry in entries} == {name}
        assert {entry.call.kwargs["name"].split()[0] for entry in entries} == {name}
        assert len(entries) == 20


def test_the_cost_is_recorded(call: Way):
    tool = guard(Script("ok"), budget=BudgetConfig(max_cost_per_call=1, cost_per_call=0.25))
    with session() as recorded:
        call(tool)
    [entry] = recorded.entries()
    assert entry.result.cost == 0.25


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_process_passes_and_is_recorded(error):
    with session() as recorded, pytest.raises(error):
        guard(Script(error()))()
    assert len(recorded.entries()) == 1
