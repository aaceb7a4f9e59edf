"""Exceptions that a traced function handles itself. On Python 3.11 it has to say so."""

import asyncio
import contextlib
import sys

import pytest

from agentguard import agent, record_exception, record_session, trace
from agentguard.testing import run_virtual
from agentguard.tracing import instrument, tool

seen_by_itself = pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring came with Python 3.12")


@pytest.fixture
def handled():
    """Type and message of the exceptions on the spans of this name."""
    with record_session(backend="memory") as recorder:

        def of(name):
            [span] = [span for span in recorder.spans() if span.name == name]
            return [(event["type"], event["message"]) for event in span.events]

        yield of


def handled_in_a_library():
    try:
        return {}["missing"]
    except KeyError:
        return None


def test_an_exception_is_recorded_once_whether_said_or_seen(handled):
    @agent
    def main():
        try:
            raise ValueError("empty prompt")
        except ValueError as error:
            record_exception(error)
            return "sorry"

    assert main() == "sorry"
    assert handled("main") == [("ValueError", "empty prompt")]


@seen_by_itself
def test_swallowed_exceptions_are_seen(handled):
    @agent
    async def main():
        handled_in_a_library()
        with contextlib.suppress(LookupError):
            raise LookupError("suppressed")
        try:
            await asyncio.wait_for(asyncio.sleep(9), 1)
        except TimeoutError:
            return "late"

    assert run_virtual(main()) == "late"
    assert handled("main") == [("LookupError", "suppressed"), ("TimeoutError", "")]


@seen_by_itself
def test_how_loops_end_is_no_exception(handled):
    async def numbers():
        yield 1

    @agent
    async def main():
        async for _ in numbers():
            pass
        with contextlib.suppress(StopIteration):
            next(iter(()))

    run_virtual(main())
    assert handled("main") == []


@seen_by_itself
def test_an_exception_that_leaves_in_the_end_was_not_swallowed(handled):
    @trace
    def fail():
        try:
            raise ValueError("passes")
        finally:
            handled_in_a_library()

    @agent
    def main():
        try:
            fail()
        except ValueError:
            return "handled here"

    assert main() == "handled here"
    assert handled("fail") == []
    assert handled("main") == [("ValueError", "passes")]


@seen_by_itself
def test_concurrent_agents_see_their_own(handled):
    @agent(name="a")
    async def main(name):
        await asyncio.sleep(0)
        try:
            raise ValueError(name)
        except ValueError:
            await asyncio.sleep(0)

    async def both():
        await asyncio.gather(main("first"), agent(name="b")(main.__wrapped__)("second"))

    asyncio.run(both())
    assert (handled("a"), handled("b")) == ([("ValueError", "first")], [("ValueError", "second")])


@seen_by_itself
def test_inside_a_block_they_belong_to_the_function(handled):
    @agent
    def main():
        with instrument("block"):
            try:
                raise ValueError("inside")
            except ValueError:
                pass

    main()
    assert (handled("main"), handled("block")) == ([("ValueError", "inside")], [])


@seen_by_itself
def test_only_so_many_are_shown_and_the_rest_is_counted():
    @agent
    def main():
        for number in range(250):
            try:
                raise ValueError(number)
            except ValueError:
                pass

    with record_session(backend="memory") as recorder:
        main()
    [span] = recorder.spans()
    assert [event["message"] for event in span.events] == [str(number) for number in range(100)]
    assert span.attributes["handled_not_shown"] == 150


@seen_by_itself
@pytest.mark.parametrize("decorate", [agent(capture_handled=False), tool])
def test_who_does_not_want_to_know_is_not_told(handled, decorate):
    @decorate
    def main():
        try:
            raise ValueError("private")
        except ValueError:
            pass

    main()
    assert handled("main") == []


@seen_by_itself
def test_without_open_spans_the_interpreter_is_not_asked_for_long(handled):
    def events():
        return {sys.monitoring.get_events(tool_id) for tool_id in (3, 4) if sys.monitoring.get_tool(tool_id)}

    @agent
    def main():
        assert events() == {sys.monitoring.events.EXCEPTION_HANDLED}

    main()
    for _ in range(100):
        handled_in_a_library()
    assert events() == {0}
    agent(main.__wrapped__)()
