import pytest

from agentguard.tracing import record_session
from agentguard.tracing.address import address_of
from agentguard.tracing.genai import OPERATIONS
from agentguard.tracing.location import locate, open_ends
from agentguard.tracing.sinks.port import TryLater
from agentguard.tracing.span import SpanKind
from agentguard.tracing.w3c import continue_trace
from tests.services import required
from tests.tracing.calls import make_call
from tests.tracing.collecting import collecting
from tests.tracing.spans import refused, span

required("httpx")
required("opentelemetry.exporter.otlp.proto.common")

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest  # noqa: E402
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan  # noqa: E402
from opentelemetry.proto.trace.v1.trace_pb2 import Status  # noqa: E402
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes  # noqa: E402

VARIABLES = (
    "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_SERVICE_NAME", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY",
)  # fmt: skip


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # where journals are
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server():
    with collecting(is_counted=False) as server:
        yield server


def received(server):
    """Every span that arrived, by name, with its attributes as a dict."""
    found = {}
    for request in server.requests:
        for resource in ExportTraceServiceRequest.FromString(request.body).resource_spans:
            for scope in resource.scope_spans:
                found |= {each.name: (each, plain(each.attributes)) for each in scope.spans}
    return found


def plain(attributes):
    return {each.key: value_of(each.value) for each in attributes}


def value_of(value):
    kind = value.WhichOneof("value")
    return [value_of(item) for item in value.array_value.values] if kind == "array_value" else getattr(value, kind)


def send(server, *spans):
    sink, _ = open_ends(locate(server.url, "otlp"))
    sink.write([("r", each) for each in spans])
    sink.close()
    return received(server)


def test_a_tool_call_arrives_under_its_genai_names(server):
    call = span(
        "search", trace_id="root", parent_id="root", session_id="chat 7", started_at=1_000.5, duration=0.25,
        input={"query": "tea"}, output=["green"], attempts=2, tags=["a", "b"], metadata={"user": "ann"}, cost=0.5,
    )  # fmt: skip
    sent, attributes = send(server, call)["execute_tool search"]
    assert attributes == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "search",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": call.span_id,
        "gen_ai.tool.call.arguments": '{"query":"tea"}',
        "gen_ai.tool.call.result": '["green"]',
        "gen_ai.conversation.id": "chat 7",
        "agentguard.kind": "tool",
        "agentguard.status": "ok",
        "agentguard.attempts": 2,
        "agentguard.tags": ["a", "b"],
        "agentguard.metadata": '{"user": "ann"}',
        "agentguard.cost": 0.5,
    }
    assert (sent.start_time_unix_nano, sent.end_time_unix_nano) == (1_000_500_000_000, 1_000_750_000_000)
    assert sent.kind == OtlpSpan.SPAN_KIND_INTERNAL
    assert sent.status.code == Status.STATUS_CODE_UNSET


@pytest.mark.parametrize(
    ("kind", "name", "subject"),
    [("agent", "invoke_agent planner", "gen_ai.agent.name"), ("generation", "chat planner", "gen_ai.request.model")],
)
def test_agents_and_generations_have_their_names_too(server, kind, name, subject):
    sent, attributes = send(server, span("planner", kind=kind))[name]
    assert attributes[subject] == "planner"
    assert attributes["gen_ai.operation.name"] == name.split()[0]
    assert (sent.kind == OtlpSpan.SPAN_KIND_CLIENT) is (kind == "generation")


def test_a_generation_is_named_after_its_model(server):
    one = span("ask", kind="generation", model="m-1", input_tokens=12, output_tokens=3, **{"gen_ai.request.seed": 7})
    _, attributes = send(server, one)["chat m-1"]
    assert attributes["gen_ai.request.model"] == "m-1"
    assert attributes["gen_ai.usage.input_tokens"] == 12
    assert attributes["gen_ai.usage.output_tokens"] == 3
    assert attributes["gen_ai.request.seed"] == 7


def test_every_kind_of_span_has_an_operation():
    assert set(OPERATIONS) == set(SpanKind.__args__)


def test_our_names_are_names_of_the_conventions(server):
    one = {
        kind: span("x", kind=kind, session_id="s", input={}, output=1, model="m", provider="p") for kind in OPERATIONS
    }
    known = {value for name, value in vars(gen_ai_attributes).items() if name.startswith("GEN_AI_")}
    operations = {each.value for each in gen_ai_attributes.GenAiOperationNameValues}
    for _, attributes in send(server, *one.values()).values():
        assert {name for name in attributes if name.startswith("gen_ai.")} <= known
        assert attributes.get("gen_ai.operation.name", "chat") in operations


@pytest.mark.parametrize("status", ["error", "timeout", "cancelled", "unknown"])
def test_what_went_wrong_is_an_error_with_its_type(server, status):
    failed = span(status=status, error={"type": "ValueError", "message": "no tea"}, duration=2)
    sent, attributes = send(server, failed)["execute_tool search"]
    assert sent.status.code == Status.STATUS_CODE_ERROR
    assert attributes["error.type"] == "ValueError"
    (event,) = sent.events
    assert (event.name, event.time_unix_nano) == ("exception", 2_000_000_000)
    assert plain(event.attributes) == {"exception.type": "ValueError", "exception.message": "no tea"}


def test_a_refusal_is_an_error_named_by_its_code(server):
    sent, attributes = send(server, refused("rate_limit", "denied"))["execute_tool search"]
    assert (sent.status.code, attributes["error.type"]) == (Status.STATUS_CODE_ERROR, "rate_limit")


def test_members_of_a_group_and_events_arrive(server):
    group = {"type": "ExceptionGroup", "message": "two", "errors": [{"type": "KeyError", "message": "k"}]}
    failed = span(status="error", error=group)
    failed.events = [{"name": "sent", "at": 0.5, "size": 3}]
    sent, _ = send(server, failed)["execute_tool search"]
    own, exception = sent.events
    assert (own.name, own.time_unix_nano, plain(own.attributes)) == ("sent", 500_000_000, {"agentguard.size": 3})
    assert "KeyError" in plain(exception.attributes)["agentguard.exception.members"]


def test_a_call_and_what_happens_inside_it_are_one_trace(server):
    with record_session(server.url, "otlp"):
        call = make_call("outer")
        call.child("attempt", "attempt 1")
    outer = received(server)["execute_tool outer"][0]
    assert len(outer.trace_id) == 16
    assert len(outer.span_id) == 8
    assert outer.parent_span_id == b""


def test_a_trace_that_came_in_goes_on_in_the_collector(server):
    with record_session(server.url, "otlp"), continue_trace(f"00-{'ab' * 16}-{'cd' * 8}-01"):
        make_call("served")
    sent, _ = received(server)["execute_tool served"]
    assert (sent.trace_id.hex(), sent.parent_span_id.hex()) == ("ab" * 16, "cd" * 8)


def test_odd_values_do_not_keep_a_batch_from_arriving(server):
    odd = span(
        "\ud800", session_id="\udfff", attempts=1 << 80, cost=float("nan"), nothing=None, started_at=float("nan"),
        duration=float("inf"), deep=[{"a": "\ud800"}],
    )  # fmt: skip
    found = send(server, odd, span("sound", started_at=-5))
    assert set(found) == {"execute_tool ?", "execute_tool sound"}
    assert found["execute_tool ?"][1]["agentguard.attempts"] == str(1 << 80)


def test_two_recorders_of_one_span_make_one_span(server):
    one = span()
    sink, _ = open_ends(locate(server.url, "otlp"))
    sink.write([("first", one), ("second", one)])
    sink.close()
    (scope,) = ExportTraceServiceRequest.FromString(server.requests[0].body).resource_spans[0].scope_spans
    assert len(scope.spans) == 1


def test_a_collector_that_is_down_gets_the_same_spans_later(server):
    server.answers.extend([503, 413])
    sink, _ = open_ends(locate(server.url, "otlp"))
    batch = [("r", span(str(number))) for number in range(9)]
    with pytest.raises(TryLater):
        sink.write(batch)
    sink.write(batch)
    sink.close()
    assert len(received(server)) == 9
    assert sink.rejected == 0


def test_the_path_of_collectors_is_added_where_there_is_none(server):
    server.url = server.url.removesuffix("/spans")
    send(server, span())
    assert [request.path for request in server.requests] == ["/v1/traces"]
    assert server.requests[0].headers["Content-Type"] == "application/x-protobuf"


@pytest.mark.parametrize(
    ("variable", "suffix", "path"),
    [("OTEL_EXPORTER_OTLP_ENDPOINT", "/v1/traces", "/x/v1/traces"), ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "", "/x")],
)
def test_the_usual_variables_are_understood(monkeypatch, variable, suffix, path):
    monkeypatch.setenv(variable, "http://collector:4318/x")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=k%20y")
    address = address_of("otlp", "./traces")
    assert address.url == f"http://collector:4318{path}"
    assert ("OTEL_EXPORTER_OTLP_ENDPOINT" in variable) == bool(suffix)
    assert address.headers == (("api-key", "k y"),)


def test_the_service_is_named_as_usual(server, monkeypatch):
    monkeypatch.setenv("OTEL_SERVICE_NAME", "tea shop")
    send(server, span())
    (resource,) = ExportTraceServiceRequest.FromString(server.requests[0].body).resource_spans
    assert plain(resource.resource.attributes)["service.name"] == "tea shop"


def test_without_an_address_nothing_is_sent(tmp_path):
    sink, _ = open_ends(locate(tmp_path, "otlp"))
    sink.open()
    with pytest.raises(TryLater) as said:
        sink.write([("r", span())])
    assert said.value.is_said
    sink.abandon()
    sink.close()
