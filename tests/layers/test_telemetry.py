"""Spans on somebody else's tracer: OpenTelemetry's own, and broken ones."""

import asyncio

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from agentguard import InvalidInputError, MiddlewareChain, MiddlewarePipeline, guard
from agentguard.middleware import TelemetryMiddleware
from tests.layers.bodies import BoomError, Script
from tests.layers.tracers import NotingTracer
from tests.matrix.ways import Way


class Telemetry:
    """An OpenTelemetry tracer that keeps what it exports."""

    def __init__(self):
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = provider.get_tracer("tests")
        self.chain = [TelemetryMiddleware(self.tracer)]

    @property
    def spans(self):
        return {span.name: span for span in self._exporter.get_finished_spans()}


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


def test_a_call_is_a_span_of_the_genai_conventions(call: Way, telemetry):
    call(guard(Script("ok"), name="search", middleware=telemetry.chain))
    span = telemetry.spans["execute_tool search"]
    assert span.attributes["gen_ai.operation.name"] == "execute_tool"
    assert span.attributes["gen_ai.tool.name"] == "search"
    assert span.attributes["gen_ai.tool.call.id"]


def test_spans_of_the_body_are_children(call: Way, telemetry):
    def body():
        with telemetry.tracer.start_as_current_span("inside"):
            pass

    call(guard(body, name="outside", middleware=telemetry.chain))
    inside, outside = telemetry.spans["inside"], telemetry.spans["execute_tool outside"]
    assert inside.parent.span_id == outside.context.span_id


def test_the_call_is_a_child_of_the_current_span(call: Way, telemetry):
    tool = guard(Script("ok"), name="tool", middleware=telemetry.chain)
    with telemetry.tracer.start_as_current_span("agent"):
        call(tool)
    assert telemetry.spans["execute_tool tool"].parent.span_id == telemetry.spans["agent"].context.span_id


def test_a_failure_is_recorded_and_reaches_the_caller_unchanged(call: Way, telemetry):
    error = BoomError("mine")
    with pytest.raises(BoomError) as caught:
        call(guard(Script(error), name="tool", middleware=telemetry.chain))
    span = telemetry.spans["execute_tool tool"]
    assert caught.value is error
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "BoomError"


def test_a_refused_call_is_a_span_too(call: Way, telemetry):
    def body(x: int):
        raise AssertionError

    with pytest.raises(InvalidInputError):
        call(guard(body, name="tool", middleware=telemetry.chain, validate_input=True), "x")
    assert telemetry.spans["execute_tool tool"].attributes["error.type"] == "InvalidInputError"


def test_a_stream_is_one_span_to_its_end(telemetry):
    def body():
        yield 1
        yield 2

    stream = guard(body, name="stream", middleware=telemetry.chain)()
    next(stream)
    assert telemetry.spans == {}
    list(stream)
    assert telemetry.spans["execute_tool stream"].end_time is not None


def test_the_consumers_spans_are_not_the_streams_children(telemetry):
    async def body():
        yield 1
        yield 2

    async def main():
        with telemetry.tracer.start_as_current_span("agent"):
            async for _ in guard(body, name="stream", middleware=telemetry.chain)():
                with telemetry.tracer.start_as_current_span("consumer"):
                    pass

    asyncio.run(main())
    assert telemetry.spans["consumer"].parent.span_id == telemetry.spans["agent"].context.span_id


def test_a_stream_left_early_ends_its_span(telemetry):
    def body():
        yield 1
        yield 2

    stream = guard(body, name="stream", middleware=telemetry.chain)()
    next(stream)
    stream.close()
    assert "error.type" not in telemetry.spans["execute_tool stream"].attributes


def test_it_stands_in_a_chain_and_in_a_pipeline(telemetry):
    chain = MiddlewareChain(telemetry.chain)
    guard(Script("ok"), name="in a chain", middleware=chain)()

    def in_a_pipeline():
        return "ok"

    pipeline = MiddlewarePipeline(extra_middleware=telemetry.chain)
    asyncio.run(pipeline.execute(in_a_pipeline))
    assert set(telemetry.spans) == {"execute_tool in a chain", "execute_tool in_a_pipeline"}


class BrokenTracer:
    def start_span(self, name):
        raise BoomError

    start_as_current_span = start_span


class BrokenSpan:
    def __enter__(self):
        return self

    def __exit__(self, *_args):
        raise BoomError

    def set_attribute(self, name, value):
        raise BoomError

    end = __exit__


class TracerOfBrokenSpans:
    def start_span(self, name):
        return BrokenSpan()

    start_as_current_span = start_span


@pytest.mark.parametrize("tracer", [BrokenTracer(), TracerOfBrokenSpans()], ids=["tracer", "span"])
def test_a_tracer_that_raises_never_breaks_a_call_and_is_logged_once(tracer, call: Way, caplog):
    tool = guard(Script("ok"), middleware=[TelemetryMiddleware(tracer)])
    assert [call(tool) for _ in range(3)] == ["ok"] * 3
    assert caplog.text.count("the tracer of TelemetryMiddleware raised") == 1


@pytest.mark.parametrize("tracer", [BrokenTracer(), TracerOfBrokenSpans()], ids=["tracer", "span"])
def test_a_tracer_that_raises_does_not_hide_the_bodys_error(tracer):
    error = BoomError("mine")
    with pytest.raises(BoomError) as caught:
        guard(Script(error), middleware=[TelemetryMiddleware(tracer)])()
    assert caught.value is error


@pytest.mark.parametrize("tracer", [BrokenTracer(), TracerOfBrokenSpans()], ids=["tracer", "span"])
def test_a_tracer_that_raises_never_breaks_a_stream(tracer):
    def body():
        yield 1

    assert list(guard(body, middleware=[TelemetryMiddleware(tracer)])()) == [1]


def test_any_tracer_of_that_shape_will_do():
    tracer = NotingTracer()
    guard(Script("ok"), name="tool", middleware=[TelemetryMiddleware(tracer)])()
    [span] = tracer.spans
    assert span.attributes["gen_ai.tool.name"] == "tool"
