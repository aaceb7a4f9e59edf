import asyncio
import logging
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard import guard
from agentguard.tracing import record_session
from agentguard.tracing.w3c import continue_trace, traceparent, w3c_span_id, w3c_trace_id
from tests.tracing.calls import make_call

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
INCOMING = f"00-{TRACE}-{SPAN}-01"


@given(st.text())
def test_every_id_has_a_stable_one_there(text):
    assert re.fullmatch("[0-9a-f]{32}", w3c_trace_id(text))
    assert re.fullmatch("[0-9a-f]{16}", w3c_span_id(text))
    assert w3c_trace_id(text) == w3c_trace_id(text)


def test_distinct_ids_stay_distinct():
    assert len({w3c_span_id(f"{number:024x}") for number in range(5_000)}) == 5_000
    assert len({w3c_span_id(text) for text in ("a", "a.1", "a.2", "A", "")}) == 5


def test_an_id_from_there_is_kept_and_the_invalid_zero_is_not():
    assert (w3c_trace_id(TRACE), w3c_span_id(SPAN)) == (TRACE, SPAN)
    assert w3c_trace_id("0" * 32) != "0" * 32
    assert w3c_span_id("0" * 16) != "0" * 16
    assert w3c_trace_id(TRACE.upper()) != TRACE.upper()


def test_outside_of_every_span_there_is_no_header():
    assert traceparent() is None


def test_the_header_names_the_call_whose_body_runs(tmp_path):
    seen = []

    @guard
    def outer() -> None:
        seen.append(traceparent())
        inner()
        seen.append(traceparent())

    @guard
    def inner() -> None:
        seen.append(traceparent())

    with record_session(tmp_path) as recorder:
        outer()
    spans = {span.name: span for span in recorder.spans()}
    expected = {
        name: f"00-{w3c_trace_id(span.trace_id)}-{w3c_span_id(span.span_id)}-01" for name, span in spans.items()
    }
    assert seen == [expected["outer"], expected["inner"], expected["outer"]]


def test_calls_go_on_with_the_trace_that_came_in(tmp_path):
    with record_session(tmp_path) as recorder:
        with continue_trace(INCOMING):
            assert traceparent() == INCOMING
            make_call("inside")
        make_call("outside")
    inside, outside = recorder.spans()
    assert (inside.trace_id, inside.parent_id) == (TRACE, SPAN)
    assert outside.parent_id is None
    assert outside.trace_id == outside.span_id


def test_a_session_opened_inside_belongs_to_it_too(tmp_path):
    with continue_trace(INCOMING), record_session(tmp_path, session_id="s") as recorder:
        make_call()
    (call,) = recorder.spans()
    assert (call.trace_id, call.session_id) == (TRACE, "s")


def test_concurrent_requests_do_not_see_each_others_traces(tmp_path):
    traces = [f"{number:032x}" for number in range(1, 21)]

    @guard
    async def work(number: int) -> str:
        await asyncio.sleep(0)
        return str(number)

    async def serve(trace):
        with continue_trace(f"00-{trace}-{SPAN}-00"):
            await asyncio.sleep(0)
            await work(int(trace, 16))

    async def main():
        await asyncio.gather(*map(serve, traces))

    with record_session(tmp_path) as recorder:
        asyncio.run(main())
    assert {span.trace_id: span.output for span in recorder.spans()} == {each: str(int(each, 16)) for each in traces}


@pytest.mark.parametrize(
    "header",
    [
        "", "00", "00-xyz", f"ff-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01-more", f"00-{TRACE}-{SPAN}", "\ud800", "-" * 1_000,
    ],
)  # fmt: skip
def test_a_malformed_header_changes_nothing(tmp_path, header, caplog):
    with caplog.at_level(logging.WARNING), record_session(tmp_path) as recorder, continue_trace(header):
        make_call()
    assert recorder.spans()[0].parent_id is None


def test_a_missing_header_changes_nothing():
    with continue_trace(None):
        assert traceparent() is None


def test_a_later_version_of_the_header_is_understood():
    with continue_trace(f" 01-{TRACE}-{SPAN}-01-whatever "):
        assert traceparent() == INCOMING
