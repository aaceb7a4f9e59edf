"""Answers that do not look like real ones. What counts as a sign is tested in tests/policies."""

import asyncio
import sys

import pytest

from agentguard import CallStatus, ConfigError, HallucinationError, ResponseProfile, guard, session
from agentguard.testing import FakeRuntime
from tests.layers.bodies import Script
from tests.matrix.ways import Way

ERROR_BODY = {"error": "upstream unavailable", "status": 503}


@pytest.mark.parametrize("option", ["detect_hallucination", "verify_response"])
def test_an_error_body_returned_as_success_is_refused(option, call: Way):
    body = Script(ERROR_BODY)
    with pytest.raises(HallucinationError) as caught:
        call(guard(body, **{option: True}))
    assert body.runs == 1
    assert caught.value.score >= 0.5
    assert caught.value.signals


def test_a_placeholder_is_refused(call: Way):
    with pytest.raises(HallucinationError):
        call(guard(Script("[insert answer here]"), verify_response=True))


@pytest.mark.parametrize(
    "value", [{"results": [1, 2]}, "Paris is the capital of France.", [], None, 0, "", {"error": None}]
)
def test_a_real_answer_passes_as_the_same_object(value, call: Way):
    assert call(guard(Script(value), verify_response=True)) is value


@pytest.mark.parametrize(
    ("profile", "good", "bad"),
    [
        (ResponseProfile(required_fields=["id"]), {"id": 1}, {"name": "x"}),
        (ResponseProfile(forbidden_fields=["debug"]), {"id": 1}, {"debug": True}),
        (ResponseProfile(patterns=[r"\d{4}-\d\d-\d\d"]), "on 2024-05-01", "some day"),
    ],
    ids=["required", "forbidden", "pattern"],
)
def test_a_profile_says_what_an_answer_looks_like(profile, good, bad, call: Way):
    tool = guard(Script(good, bad), response_profile=profile)
    assert call(tool) is good
    with pytest.raises(HallucinationError):
        call(tool)


def test_a_profile_may_be_a_json_schema(call: Way):
    pytest.importorskip("jsonschema")
    schema = {"type": "object", "properties": {"temperature": {"type": "number"}}, "required": ["temperature"]}
    tool = guard(
        Script({"temperature": 20.5}, {"temperature": "warm"}), response_profile=ResponseProfile(json_schema=schema)
    )
    call(tool)
    with pytest.raises(HallucinationError, match="temperature") as caught:
        call(tool)
    assert caught.value.score == 1.0


def test_a_json_schema_that_is_none_is_an_error_at_decoration():
    pytest.importorskip("jsonschema")
    with pytest.raises(ConfigError, match="JSON Schema"):
        guard(Script(1), response_profile=ResponseProfile(json_schema={"type": "nonsense"}))


def test_the_time_in_the_body_is_looked_at_where_the_profile_says_so(clock: FakeRuntime):
    pauses = iter([0.2, 0.0001])
    tool = guard(lambda: clock.advance(next(pauses)), response_profile=ResponseProfile(latency_ms=(1, 5_000)))
    tool()
    with pytest.raises(HallucinationError, match="ms"):
        tool()


def test_without_a_profile_the_time_is_never_looked_at(clock: FakeRuntime):
    guard(lambda: clock.advance(10_000), verify_response=True)()


def test_the_threshold_decides(clock: FakeRuntime):
    slow = ResponseProfile(latency_ms=(None, 1), threshold=0.9)
    guard(lambda: clock.advance(1), response_profile=slow)()


def test_each_item_of_a_stream_is_looked_at():
    def body():
        yield {"id": 1}
        yield ERROR_BODY
        yield {"id": 3}

    stream = guard(body, verify_response=True)()
    assert next(stream) == {"id": 1}
    with pytest.raises(HallucinationError):
        next(stream)


def test_the_items_of_a_stream_have_no_latency(clock: FakeRuntime):
    def body():
        yield clock.advance(10)

    assert list(guard(body, response_profile=ResponseProfile(latency_ms=(None, 1)))()) == [None]


def test_the_refused_answer_is_recorded_as_such(call: Way):
    tool = guard(Script(ERROR_BODY), verify_response=True)
    with session() as recorded, pytest.raises(HallucinationError):
        call(tool)
    [entry] = recorded.entries()
    assert entry.result.status is CallStatus.HALLUCINATED


def test_an_answer_that_cannot_be_read_does_not_break_the_check():
    class Hostile(dict):
        def keys(self):
            raise RuntimeError

    with pytest.raises(HallucinationError, match="RuntimeError"):
        guard(Script(Hostile(a=1)), verify_response=True)()


def test_answers_are_looked_at_in_parallel_calls_too():
    tool = guard(Script({"id": 1}), verify_response=True)

    async def main():
        return await asyncio.gather(*(tool.acall() for _ in range(50)))

    assert asyncio.run(main()) == [{"id": 1}] * 50


def test_an_answer_nested_too_deeply_for_its_schema_is_refused():
    pytest.importorskip("jsonschema")
    schema = {"$defs": {"node": {"properties": {"next": {"$ref": "#/$defs/node"}}}}, "$ref": "#/$defs/node"}
    deep: dict[str, object] = {}
    for _ in range(5_000):
        deep = {"next": deep}
    with pytest.raises(HallucinationError, match="too deeply"):
        guard(Script(deep), response_profile=ResponseProfile(json_schema=schema))()


def test_a_json_schema_without_the_extra_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    with pytest.raises(ConfigError, match=r"agentguard-runtime\[schema\]"):
        guard(Script(1), response_profile=ResponseProfile(json_schema={}))
