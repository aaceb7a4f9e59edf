"""Generator tools: lazy, nested, from every door, each step with its own time."""

import asyncio
import inspect
import sys
from collections.abc import AsyncGenerator, Generator

import pytest

from agentguard import CallStatus, TimeoutConfig, guard, session
from agentguard.errors import CallTimedOutError
from agentguard.testing import run_virtual


async def nothing_special(ctx, next):
    return await next(ctx)


LAYERS = {
    "nothing on": {},
    "in threads": {"timeout": 5.0},
    "through the portal": {"middleware": [nothing_special]},
    "layers": {"concurrency": 1, "max_retries": 1, "validate_output": True, "loop_guard": True, "output_limit": 1_000},
}


@pytest.fixture(params=LAYERS.values(), ids=LAYERS)
def options(request):
    return request.param


def echoing():
    sent = yield "first"
    while sent != "stop":
        sent = yield ("got", sent)
    return "the end"


async def counting():
    for number in range(3):
        await asyncio.sleep(0)
        yield number


@pytest.mark.skipif(sys.version_info < (3, 13), reason="close() has had a value since 3.13")
def test_close_gives_the_value_that_the_generator_returns_then(options):
    def counting():
        taken = 0
        try:
            while True:
                yield taken
                taken += 1
        except GeneratorExit:
            return taken

    stream = guard(counting, **options)()
    next(stream)
    next(stream)
    assert stream.close() == 1


def test_a_guarded_generator_is_a_generator(options):
    assert isinstance(guard(echoing, **options)(), Generator)
    assert isinstance(guard(counting, **options)(), AsyncGenerator)
    assert inspect.isgeneratorfunction(guard(echoing, **options))
    assert inspect.isasyncgenfunction(guard(counting, **options))


def test_nothing_runs_before_the_first_item_is_asked_for(options):
    ran = []

    def letters():
        ran.append("body")
        yield "a"
        ran.append("more")
        yield "b"

    stream = guard(letters, before_call=lambda call: ran.append("hook"), **options)()
    assert ran == []
    assert next(stream) == "a"
    assert ran == ["hook", "body"]
    stream.close()


def test_yield_from_a_guarded_generator_gives_its_return_value(options):
    def nothing():
        return "nothing"
        yield

    def outer():
        yield (yield from guard(nothing, **options)())

    assert list(outer()) == ["nothing"]


@pytest.mark.parametrize("inner_options", LAYERS.values(), ids=LAYERS)
def test_guarded_generators_nest(options, inner_options):
    inner = guard(echoing, **inner_options)

    @guard(**options)
    def outer():
        return (yield from inner())

    stream = outer()
    assert [next(stream), stream.send("a")] == ["first", ("got", "a")]
    with pytest.raises(StopIteration, match="the end"):
        stream.send("stop")


@pytest.mark.parametrize("inner_options", LAYERS.values(), ids=LAYERS)
def test_guarded_async_generators_nest(options, inner_options):
    inner = guard(counting, **inner_options)

    @guard(**options)
    async def outer():
        async for item in inner():
            yield item

    async def main():
        return [item async for item in outer()]

    assert run_virtual(main()) == [0, 1, 2]


def test_a_generator_by_acall_gives_its_items(options):
    async def main():
        stream = await guard(echoing, **options).acall()
        return [await anext(stream) for _ in range(3)]

    assert asyncio.run(main()) == ["first", ("got", None), ("got", None)]


def test_an_async_generator_by_call_sync_gives_a_generator(options):
    assert list(guard(counting, **options).call_sync()) == [0, 1, 2]


def test_the_total_time_of_a_stream_holds_over_all_its_steps():
    @guard(timeout_config=TimeoutConfig(1.0, total_seconds=2.5))
    async def slow():
        for number in range(10):
            await asyncio.sleep(0.9)
            yield number

    async def main():
        items = []
        with pytest.raises(TimeoutError):
            async for item in slow():
                items.append(item)  # noqa: PERF401 - what came before the error counts
        return items

    assert run_virtual(main()) == [0, 1]


def test_each_step_of_a_stream_has_the_full_time():
    @guard(timeout=1.0)
    async def slow():
        for number in range(3):
            await asyncio.sleep(0.9)
            yield number

    async def main():
        items = []
        async for item in slow():
            await asyncio.sleep(5.0)  # the consumer's own time counts for nobody
            items.append(item)
        return items

    assert run_virtual(main()) == [0, 1, 2]


async def swallowing_and_yielding():
    yield 1
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        yield "late"
    finally:
        await asyncio.sleep(0)
        cleaned_up.append(True)


async def swallowing_and_ending():
    yield 1
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        cleaned_up.append(True)


cleaned_up = []


@pytest.mark.parametrize("fn", [swallowing_and_yielding, swallowing_and_ending])
def test_a_stream_that_swallows_its_cancellation_has_timed_out_all_the_same(fn):
    cleaned_up.clear()
    tool = guard(fn, timeout=1.0, concurrency=1)

    async def main():
        items = []
        with session() as opened, pytest.raises(CallTimedOutError):
            async for item in tool():
                items.append(item)  # noqa: PERF401 - what came before the error counts
        return items, opened.entries()[0].result.status

    assert run_virtual(main()) == ([1], CallStatus.TIMEOUT)
    assert (cleaned_up, tool.state()["running"]) == ([True], 0)


def test_a_time_out_of_the_consumer_s_own_ends_one_step():
    @guard(timeout=100.0, concurrency=1)
    async def slow():
        yield 1
        await asyncio.sleep(50.0)
        yield 2

    async def main():
        stream = slow()
        assert await anext(stream) == 1
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(1.0):
                await anext(stream)
        assert not isinstance(caught.value, CallTimedOutError)
        assert asyncio.current_task().cancelling() == 0
        return slow.state()["running"]

    assert run_virtual(main()) == 0


def test_steps_may_be_taken_by_different_tasks():
    tool = guard(counting, timeout=5.0, concurrency=1)

    async def main():
        stream = tool()
        return [await asyncio.create_task(anext(stream)) for _ in range(3)]

    assert run_virtual(main()) == [0, 1, 2]
