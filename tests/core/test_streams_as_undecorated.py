"""A guarded generator behaves as the undecorated one, step by step."""

import asyncio
import contextlib

import pytest

from agentguard import guard
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


# --- what the tools are ----------------------------------------------------------------------------------------------


def echoing():
    sent = yield "first"
    while sent != "stop":
        sent = yield ("got", sent)
    return "the end"


def stubborn():
    for number in range(5):
        try:
            yield number
        except LookupError as error:
            yield ("caught", type(error).__name__)
        except ArithmeticError:
            return "gave up"
    return "done"


def failing():
    yield 1
    raise OSError("broken")


def deaf():
    try:
        yield 1
    except GeneratorExit:
        yield "I go on"


def messy():
    try:
        yield 1
    finally:
        raise OSError("could not clean up")


def nested():
    value = yield from echoing()
    yield value
    return "outer"


def empty():
    return "nothing"
    yield


TOOLS = [echoing, stubborn, failing, deaf, messy, nested, empty]


def next_(stream):
    return next(stream)


def send(value):
    return lambda stream: stream.send(value)


def throw(error):
    return lambda stream: stream.throw(error())


def close(stream):
    return stream.close()


SCRIPTS = [
    [next_] * 7,
    [next_, send("a"), send("b"), send("stop"), next_],
    [send("too early"), next_],
    [send(None), send(None), close, next_],
    [next_, throw(KeyError), next_, throw(ZeroDivisionError), next_],
    [next_, throw(OSError), next_],
    [next_, throw(KeyboardInterrupt), next_],
    [throw(ValueError), next_],
    [next_, close, close, next_],
    [close, next_],
]


def play(stream, script):
    """What each operation of `script` gives or raises."""
    played = []
    for act in script:
        try:
            played.append(("gave", act(stream)))
        except BaseException as error:
            played.append((type(error).__name__, getattr(error, "value", None) or str(error)))
    with contextlib.suppress(OSError, RuntimeError):
        stream.close()  # what a generator raises when it is dropped instead could only be printed
    return played


@pytest.mark.parametrize("script", SCRIPTS, ids=range(len(SCRIPTS)))
@pytest.mark.parametrize("fn", TOOLS)
def test_a_guarded_generator_answers_as_the_undecorated_one(fn, script, options):
    assert play(guard(fn, **options)(), script) == play(fn(), script)


async def aechoing():
    sent = yield "first"
    while sent != "stop":
        await asyncio.sleep(0)
        sent = yield ("got", sent)


async def astubborn():
    for number in range(5):
        try:
            await asyncio.sleep(0)
            yield number
        except LookupError as error:
            yield ("caught", type(error).__name__)
        except ArithmeticError:
            return


async def afailing():
    yield 1
    raise OSError("broken")


async def adeaf():
    try:
        yield 1
    except GeneratorExit:
        yield "I go on"


async def amessy():
    try:
        yield 1
    finally:
        await asyncio.sleep(0)
        raise OSError("could not clean up")


ASYNC_TOOLS = [aechoing, astubborn, afailing, adeaf, amessy]


def anext_(stream):
    return anext(stream)


def asend(value):
    return lambda stream: stream.asend(value)


def athrow(error):
    return lambda stream: stream.athrow(error())


def aclose(stream):
    return stream.aclose()


ASYNC_SCRIPTS = [
    [anext_] * 7,
    [anext_, asend("a"), asend("b"), asend("stop"), anext_],
    [asend("too early"), anext_],
    [anext_, athrow(KeyError), anext_, athrow(ZeroDivisionError), anext_],
    [anext_, athrow(OSError), anext_],
    [anext_, aclose, anext_],
    [aclose, anext_],
]


async def aplay(stream, script):
    played = []
    for act in script:
        try:
            played.append(("gave", await act(stream)))
        except BaseException as error:
            played.append((type(error).__name__, str(error)))
    return played


@pytest.mark.parametrize("script", ASYNC_SCRIPTS, ids=range(len(ASYNC_SCRIPTS)))
@pytest.mark.parametrize("fn", ASYNC_TOOLS)
def test_a_guarded_async_generator_answers_as_the_undecorated_one(fn, script, options):
    async def main():
        return await aplay(guard(fn, **options)(), script), await aplay(fn(), script)

    guarded, undecorated = run_virtual(main())
    assert guarded == undecorated
