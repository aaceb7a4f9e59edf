"""A finished call keeps nothing alive: no argument, no result, also without the help of the cycle collector."""

import asyncio
import contextlib
import gc
import threading
import weakref

import pytest

from agentguard import RetryConfig, TimeoutConfig, guard, session
from agentguard.errors import CallTimedOutError
from agentguard.testing import run_virtual
from tests.core.ways_to_call import LOOP_WAYS, WAYS, nothing_special

pytestmark = pytest.mark.usefixtures("small_heap")

_ONE_MOMENT = threading.Event()


class Thing:
    """Something big that somebody passes to a tool."""


@pytest.fixture(autouse=True)
def _without_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(params=WAYS, ids=repr)
def way(request):
    return request.param


EVERYTHING = {
    "validate_input": True,
    "validate_output": True,
    "retry": RetryConfig(max_retries=1, initial_delay=0.0),
    "concurrency": 1,
    "loop_guard": False,
    "output_limit": 1_000,
    "verify_response": True,
    "before_call": lambda call: None,
    "after_call": lambda call, result: None,
}


@pytest.fixture(params=[{}, EVERYTHING], ids=["nothing on", "everything on"])
def options(request):
    return request.param


def is_gone(reference):
    # A thread of the pool may be about to let go of it: give it the interpreter.
    for _ in range(200):
        if reference() is None:
            return True
        _ONE_MOMENT.wait(0.005)
    return False


def test_the_arguments_go_when_the_call_has_ended(way, options):
    tool = way.tool(lambda thing: None, **options)
    thing = Thing()
    reference = weakref.ref(thing)
    way.call(tool, thing)
    del thing
    assert is_gone(reference)


def test_the_result_belongs_to_the_caller_alone(way, options):
    tool = way.tool(lambda: Thing(), **options)
    reference = weakref.ref(way.call(tool))
    assert is_gone(reference)


def fail(thing):
    raise ValueError("plain")


@pytest.mark.parametrize("way", [way for way in WAYS if way.needs_no_loop], ids=repr)
def test_the_arguments_go_with_the_exception(way, options):
    tool = way.tool(fail, **options)
    thing = Thing()
    reference = weakref.ref(thing)
    with contextlib.suppress(ValueError):
        way.call(tool, thing)
    del thing
    assert is_gone(reference)


@pytest.mark.parametrize("way", LOOP_WAYS[:-2], ids=repr)
def test_the_arguments_go_with_the_exception_inside_a_loop(way, options):
    # Inside, because `asyncio.run` itself leaves a cycle when an exception passes through it.
    tool = way.tool(fail, **options)

    async def main():
        thing = Thing()
        reference = weakref.ref(thing)
        with contextlib.suppress(ValueError):
            await (tool(thing) if way.is_async else tool.acall(thing))
        del thing
        await asyncio.sleep(0)
        return is_gone(reference)

    assert asyncio.run(main())


def test_a_recorded_call_keeps_no_argument_alive(way):
    tool = way.tool(lambda thing: None)
    with session():
        thing = Thing()
        reference = weakref.ref(thing)
        way.call(tool, thing)
        del thing
        assert is_gone(reference)


async def sleeping(thing):
    await asyncio.sleep(10)


@pytest.mark.parametrize("timing", [TimeoutConfig(1.0), TimeoutConfig(1.0, grace_seconds=1.0)], ids=["soft", "grace"])
def test_the_arguments_go_after_a_time_out(timing):
    tool = guard(sleeping, timeout_config=timing)

    async def main():
        thing = Thing()
        reference = weakref.ref(thing)
        with contextlib.suppress(CallTimedOutError):
            await tool(thing)
        del thing
        await asyncio.sleep(0)
        return reference() is None

    assert run_virtual(main())


@pytest.mark.parametrize(
    "timing", [None, TimeoutConfig(5.0), TimeoutConfig(5.0, grace_seconds=1.0)], ids=["untimed", "soft", "grace"]
)
def test_the_arguments_go_after_a_cancellation(timing):
    tool = guard(sleeping, timeout_config=timing)

    async def main():
        thing = Thing()
        reference = weakref.ref(thing)
        task = asyncio.create_task(tool(thing))
        await asyncio.sleep(1.0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        del thing, task
        await asyncio.sleep(0)
        return reference() is None

    assert run_virtual(main())


def items(thing):
    yield 1
    yield 2


async def aitems(thing):
    yield 1
    await asyncio.sleep(0)
    yield 2


STREAMS = {
    "plain": {},
    "timed": {"timeout": 5.0},
    "portal": {"middleware": [nothing_special]},
    "checked": {"validate_output": True, "output_limit": 100, "verify_response": True, "concurrency": 1},
}


@pytest.fixture(params=STREAMS.values(), ids=STREAMS)
def stream_options(request):
    return request.param


def to_the_end(stream):
    list(stream)


def closed(stream):
    next(stream)
    stream.close()


def dropped(stream):
    next(stream)


def thrown_at(stream):
    next(stream)
    with contextlib.suppress(KeyError):
        stream.throw(KeyError("consumer"))


@pytest.mark.parametrize("use", [to_the_end, closed, dropped, thrown_at])
def test_the_arguments_of_a_generator_go_with_it(use, stream_options):
    tool = guard(items, **stream_options)
    thing = Thing()
    reference = weakref.ref(thing)
    use(tool(thing))
    del thing
    assert is_gone(reference)


async def ato_the_end(stream):
    async for _ in stream:
        pass


async def aclosed(stream):
    await anext(stream)
    await stream.aclose()


async def athrown_at(stream):
    await anext(stream)
    with contextlib.suppress(KeyError):
        await stream.athrow(KeyError("consumer"))


@pytest.mark.parametrize("use", [ato_the_end, aclosed, athrown_at])
@pytest.mark.parametrize("body", [items, aitems])
def test_the_arguments_of_an_async_generator_go_with_it(use, body, stream_options):
    tool = guard(body, **stream_options)

    async def main():
        thing = Thing()
        reference = weakref.ref(thing)
        await use(await tool.acall(thing) if body is items else tool(thing))
        del thing
        await asyncio.sleep(0)
        return reference

    assert is_gone(asyncio.run(main()))
