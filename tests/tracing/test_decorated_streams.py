import asyncio
import gc
import inspect

import pytest

from agentguard import agent, record_session, trace
from agentguard.testing import run_virtual
from agentguard.tracing import current_span


@pytest.fixture
def spans():
    """What was recorded in the test, by name; the last one of each name."""
    with record_session(backend="memory") as recorder:
        yield lambda: {span.name: span for span in recorder.spans()}


@trace
async def child():
    return current_span().parent_id


@trace(name="stream")
async def astream(n, clean_up=lambda: None):
    try:
        for number in range(n):
            await child()
            yield f"token {number} "
    finally:
        clean_up()


@trace(name="stream")
def stream(n, clean_up=lambda: None):
    try:
        for number in range(n):
            yield f"token {number} "
        return "done"
    finally:
        clean_up()


async def items_of(iterator):
    return [item async for item in iterator]


def outcome(span):
    return span.status, span.attributes.get("items", 0), span.output


ALL = "token 0 token 1 token 2 "


def test_a_stream_used_up_is_one_span_with_its_items(spans):
    assert run_virtual(items_of(astream(3))) == ["token 0 ", "token 1 ", "token 2 "]
    span = spans()["stream"]
    assert outcome(span) == ("ok", 3, ALL)
    assert 0 < span.attributes["first_item_after"] < span.duration
    assert spans()["child"].parent_id == span.span_id


def test_a_sync_stream_used_up_keeps_its_return_value(spans):
    def outer():
        return (yield from stream(3))

    steps = outer()
    assert [next(steps) for _ in range(3)] == ["token 0 ", "token 1 ", "token 2 "]
    with pytest.raises(StopIteration) as stop:
        next(steps)
    assert stop.value.value == "done"
    assert outcome(spans()["stream"]) == ("ok", 3, ALL)
    assert spans()["stream"].attributes["return_value"] == "done"


def test_the_consumers_own_spans_are_not_the_streams(spans):
    @trace
    async def consumers():
        return current_span().parent_id

    @agent
    async def main():
        span_id = current_span().span_id
        async for _ in astream(2):
            assert await consumers() == span_id
            assert current_span().span_id == span_id

    run_virtual(main())
    assert spans()["stream"].parent_id == spans()["consumers"].parent_id == spans()["main"].span_id


def test_a_consumer_that_stops_is_no_error(spans):
    closed = []

    async def main():
        steps = astream(9, lambda: closed.append(current_span().name))
        await anext(steps)
        await steps.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(steps)

    run_virtual(main())
    assert outcome(spans()["stream"]) == ("stopped_early", 1, "token 0 ")
    assert spans()["stream"].error is None
    assert closed == ["stream"]


def test_a_sync_consumer_that_stops_is_no_error(spans):
    closed = []
    steps = stream(9, lambda: closed.append(current_span().name))
    next(steps)
    steps.close()
    assert outcome(spans()["stream"]) == ("stopped_early", 1, "token 0 ")
    assert closed == ["stream"]


def test_a_dropped_stream_ends_its_span(spans):
    async def main():
        steps = astream(9)
        await anext(steps)
        del steps
        gc.collect()
        await asyncio.sleep(1)

    run_virtual(main())
    assert outcome(spans()["stream"]) == ("stopped_early", 1, "token 0 ")


@pytest.mark.parametrize("way", ["in a cycle", "at the loop's end"])
def test_an_abandoned_stream_is_closed_once_and_cleans_up(spans, caplog, way):
    cleaned = []

    @trace
    async def slow_to_leave():
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            cleaned.append(current_span().name)

    kept = []

    async def main():
        steps = slow_to_leave()
        await anext(steps)
        if way == "in a cycle":
            circle = [steps]
            circle.append(circle)
            del steps, circle
            gc.collect()
            await asyncio.sleep(1)
        else:
            kept.append(steps)

    run_virtual(main())
    assert cleaned == ["slow_to_leave"]
    assert outcome(spans()["slow_to_leave"]) == ("stopped_early", 1, [1])
    assert caplog.messages == []


def test_a_dropped_sync_stream_ends_its_span(spans):
    steps = stream(9)
    next(steps)
    del steps
    gc.collect()
    assert outcome(spans()["stream"]) == ("stopped_early", 1, "token 0 ")


def test_a_stream_that_nobody_asks_has_no_span(spans):
    stream(9)
    astream(9)
    gc.collect()
    assert spans() == {}


def test_an_error_in_the_stream_passes_and_is_recorded(spans):
    @trace
    async def broken():
        yield 1
        yield {"two": 2}
        raise ValueError("broken pipe")

    with pytest.raises(ValueError, match="broken pipe"):
        run_virtual(items_of(broken()))
    span = spans()["broken"]
    assert outcome(span) == ("error", 2, [1, {"two": 2}])
    assert span.error == {"type": "ValueError", "message": "broken pipe"}


def test_a_stream_cancelled_in_a_step_is_cancelled(spans):
    @trace
    async def slow():
        yield 1
        await asyncio.sleep(10)

    async def main():
        task = asyncio.create_task(items_of(slow()))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_virtual(main())
    assert outcome(spans()["slow"]) == ("cancelled", 1, [1])


def test_a_time_out_around_a_step_fires(spans):
    @trace
    async def slow():
        try:
            async with asyncio.timeout(1):
                await asyncio.sleep(10)
        except TimeoutError:
            yield "timed out"
        await asyncio.sleep(10)

    async def main():
        steps = slow()
        assert await anext(steps) == "timed out"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await anext(steps)

    run_virtual(main())
    assert spans()["slow"].status == "cancelled"


def test_every_step_runs_in_the_task_that_asks(spans):
    @trace
    async def who():
        while True:
            yield asyncio.current_task()

    async def main():
        steps = who()
        assert await anext(steps) is asyncio.current_task()
        other = asyncio.create_task(anext(steps))
        assert await other is other
        await asyncio.create_task(steps.aclose())

    run_virtual(main())
    assert spans()["who"].status == "stopped_early"


def test_values_and_errors_can_be_sent_in(spans):
    @trace
    async def echo():
        said = None
        while said != "end":
            try:
                said = yield said
            except KeyError as error:
                said = f"caught {error}"

    @trace
    def echo_sync():
        said = None
        while True:
            try:
                said = yield said
            except KeyError as error:
                said = f"caught {error}"

    async def main():
        steps = echo()
        assert await steps.asend(None) is None
        assert await steps.asend("a") == "a"
        assert await steps.athrow(KeyError("k")) == "caught 'k'"
        with pytest.raises(ValueError, match="mine"):
            await steps.athrow(ValueError("mine"))

    run_virtual(main())
    steps = echo_sync()
    assert [next(steps), steps.send("a"), steps.throw(KeyError("k"))] == [None, "a", "caught 'k'"]
    with pytest.raises(ValueError, match="mine"):
        steps.throw(ValueError("mine"))
    assert [spans()[name].status for name in ("echo", "echo_sync")] == ["error", "error"]


def test_an_endless_stream_is_kept_in_part(spans):
    @trace
    def numbers():
        yield from range(5000)

    assert sum(numbers()) == sum(range(5000))
    span = spans()["numbers"]
    assert span.output == list(range(1000))
    assert (span.attributes["items"], span.attributes["items_kept"]) == (5000, 1000)


def test_a_secret_cut_into_tokens_is_not_recorded(spans):
    @trace
    def tokens():
        yield from ("my key is ", "sk-proj-", "Ab3dEf6hIj9kLm2n", "Op5qRs8tUv1wXy4z")

    list(tokens())
    assert "Op5qRs8tUv1wXy4z" not in spans()["tokens"].output
    assert spans()["tokens"].output.startswith("my key is")


def test_what_is_not_to_be_captured_of_a_stream_is_not(spans):
    list(trace(capture_output=False)(lambda: (n for n in "abc"))())
    [span] = spans().values()
    assert (span.output, span.attributes["items"]) == (None, 3)


# ---------------------------------------------------------------------------------------------------- returned streams


def test_a_returned_generator_is_followed_to_its_end(spans):
    @trace
    async def inner():
        for letter in "abc":
            await child()
            yield letter

    @agent
    async def main():
        return inner()

    async def use():
        letters = await main()
        assert inspect.isasyncgen(letters)
        assert await items_of(letters) == ["a", "b", "c"]

    run_virtual(use())
    found = spans()
    assert outcome(found["main"]) == ("ok", 3, "abc")
    assert found["inner"].parent_id == found["main"].span_id
    assert found["child"].parent_id == found["inner"].span_id


class Feed:
    """An async iterator as model clients have it: with attributes, a `close`, and used with `async with`."""

    def __init__(self):
        self.left, self.request_id, self.closed = 3, "r-1", False

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.left:
            raise StopAsyncIteration
        self.left -= 1
        return self.left

    async def close(self):
        self.closed = True

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        await self.close()


def test_a_returned_async_iterator_is_used_as_before(spans):
    feed = Feed()

    @agent
    async def main():
        return feed

    async def use():
        followed = await main()
        assert isinstance(followed, Feed)
        assert followed.request_id == "r-1"
        followed.left = 2
        async with followed as entered:
            assert await items_of(entered) == [1, 0]

    run_virtual(use())
    assert feed.closed
    assert outcome(spans()["main"]) == ("ok", 2, [1, 0])


@pytest.mark.parametrize("way", ["close", "leave", "drop"])
def test_a_returned_async_iterator_that_is_left_half_way_is_stopped_early(spans, way):
    @agent
    def main():
        return Feed()

    async def use():
        followed = main()
        if way == "leave":
            async with followed:
                assert await anext(followed) == 2
        else:
            assert await anext(followed) == 2
        if way == "close":
            await followed.close()

    run_virtual(use())
    gc.collect()
    assert outcome(spans()["main"]) == ("stopped_early", 1, [2])


def test_a_returned_sync_generator_is_followed_to_its_end(spans):
    @agent
    def main():
        return stream(3)

    assert inspect.isgenerator(main())
    assert "".join(main()) == ALL
    found = spans()
    assert outcome(found["main"]) == ("ok", 3, ALL)
    assert found["stream"].parent_id == found["main"].span_id


def test_a_function_that_returns_a_coroutine_is_followed_to_its_value(spans):
    @agent
    def main():
        return child()

    run_virtual(main())
    found = spans()
    assert found["child"].parent_id == found["main"].span_id == found["main"].output
