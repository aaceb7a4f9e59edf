import asyncio

import pytest

from agentguard import ConfigError, instrument, record_exception, record_session, trace
from agentguard.testing import run_virtual
from agentguard.tracing import add_event, current_span, set_attribute


@pytest.fixture
def spans():
    with record_session(backend="memory", session_id="around") as recorder:
        yield lambda: {span.name: span for span in recorder.spans()}


@trace
def leaf():
    return current_span().session_id


def test_a_block_is_a_span_with_a_session(spans):
    with instrument("chat", session_id="s-1", user_id="u-1", metadata={"plan": "pro"}, tags=["beta"]) as span:
        assert current_span() is span
        assert leaf() == "s-1"
    assert leaf() == "around"
    chat = spans()["chat"]
    assert (chat.kind, chat.status, chat.session_id) == ("span", "ok", "s-1")
    assert chat.attributes == {"user_id": "u-1", "metadata": {"plan": "pro"}, "tags": ["beta"]}


def test_a_block_works_with_async_with(spans):
    async def main():
        async with instrument("chat"):
            await asyncio.sleep(1)
            leaf()

    run_virtual(main())
    assert spans()["leaf"].parent_id == spans()["chat"].span_id


def test_concurrent_blocks_do_not_mix(spans):
    async def one(name):
        async with instrument(name, session_id=name):
            await asyncio.sleep(1)
            return leaf()

    async def main():
        return await asyncio.gather(*(one(f"s{n}") for n in range(20)))

    assert run_virtual(main()) == [f"s{n}" for n in range(20)]


def test_a_decorated_function_is_a_block_of_its_own_each_time(spans):
    @instrument("chat", session_id="s-1")
    async def chat(question):
        await asyncio.sleep(0)
        return leaf()

    async def main():
        return await asyncio.gather(chat("a"), chat("b"))

    assert asyncio.run(main()) == ["s-1", "s-1"]
    assert spans()["chat"].output == "s-1"


def test_an_error_that_leaves_the_block_is_recorded(spans):
    with pytest.raises(ValueError, match="bad"), instrument("chat"):
        raise ValueError("bad")
    assert (spans()["chat"].status, spans()["chat"].error["message"]) == ("error", "bad")


def test_what_is_said_inside_is_on_the_innermost_span(spans):
    with instrument("outer"):
        set_attribute("a", 1)
        with instrument("inner"):
            set_attribute("b", {"deep": [1]})
            add_event("found", count=3)
            record_exception(ValueError("handled"))
    outer, inner = spans()["outer"], spans()["inner"]
    assert (outer.attributes, inner.attributes) == ({"a": 1}, {"b": {"deep": [1]}})
    assert [(event["name"], event.get("count"), event.get("message")) for event in inner.events] == [
        ("found", 3, None),
        ("exception", None, "handled"),
    ]
    assert outer.events == []


def test_without_a_span_there_is_nothing_to_say_it_to():
    assert current_span() is None
    set_attribute("a", 1)
    add_event("found")
    record_exception(ValueError("handled"))


def test_what_is_said_after_the_end_is_lost(spans):
    with instrument("chat") as span:
        pass
    span.note("late", 1)
    span.add_event("late")
    span.record_exception(ValueError("late"))
    span.end("late")
    chat = spans()["chat"]
    assert (chat.attributes, chat.events, chat.output) == ({}, [], None)


@pytest.mark.parametrize("wrong", [{"name": 5}, {"name": "x", "session_id": 5}])
def test_names_and_sessions_are_strings(wrong):
    with pytest.raises(ConfigError, match="is no string"):
        instrument(**wrong)
