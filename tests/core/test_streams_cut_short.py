"""A stream that ends before its end, at whichever item: abandoned, closed, dropped, failing, or with a consumer that
fails. Afterwards its slot is free and it is recorded exactly once, with what really happened."""

import asyncio
import gc
import sys
from contextlib import aclosing

import pytest

from agentguard import CallStatus, guard, session

pytestmark = pytest.mark.usefixtures("small_heap")

ITEMS = 4


class Letters:
    """Generator tools of both kinds that hold the only slot while they stream."""

    def __init__(self, fails_at=None, **options):
        self.fails_at = fails_at
        self.was_cleaned_up = 0
        options = {"concurrency": 1, "max_retries": 2, "circuit_breaker": None, **options}
        self.plain = guard(self._plain, name="letters", **options)
        self.asynchronous = guard(self._asynchronous, name="letters", **options)

    def _plain(self):
        try:
            for number in range(ITEMS):
                if number == self.fails_at:
                    raise LookupError("no more letters")
                yield number
        finally:
            self.was_cleaned_up += 1

    async def _asynchronous(self):
        try:
            for number in range(ITEMS):
                if number == self.fails_at:
                    raise LookupError("no more letters")
                await asyncio.sleep(0)
                yield number
        finally:
            await asyncio.sleep(0)
            self.was_cleaned_up += 1


async def nothing_special(ctx, next):
    return await next(ctx)


WAYS = {"plain": {}, "timed": {"timeout": 5.0}, "through the portal": {"middleware": [nothing_special]}}


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def options(request):
    return request.param


@pytest.fixture(params=range(1, ITEMS + 1))
def taken(request):
    return request.param


@pytest.fixture(params=range(ITEMS))
def failing(request):
    return request.param


def take(stream, number):
    return [next(stream) for _ in range(number)]


def status_of(opened):
    [entry] = opened.entries()
    return entry.result.status


def test_a_closed_generator_gives_its_slot_back(options, taken):
    letters = Letters(**options)
    with session() as opened:
        stream = letters.plain()
        take(stream, taken)
        assert letters.plain.state()["running"] == 1
        stream.close()
    assert (letters.was_cleaned_up, letters.plain.state()["running"]) == (1, 0)
    assert status_of(opened) is CallStatus.STOPPED_EARLY


def test_a_dropped_generator_gives_its_slot_back_at_once(options, taken):
    letters = Letters(**options)
    with session() as opened:
        stream = letters.plain()
        take(stream, taken)
        del stream
    assert (letters.was_cleaned_up, letters.plain.state()["running"]) == (1, 0)
    assert status_of(opened) is CallStatus.STOPPED_EARLY


def test_a_generator_in_a_reference_cycle_gives_its_slot_back_when_it_is_collected(options):
    letters = Letters(**options)
    knot = [letters.plain()]
    knot.append(knot)
    next(knot[0])
    del knot
    gc.collect()
    assert (letters.was_cleaned_up, letters.plain.state()["running"]) == (1, 0)


def test_a_generator_whose_consumer_fails_gives_its_slot_back(options, taken):
    letters = Letters(**options)
    with session() as opened, pytest.raises(ZeroDivisionError):
        for number in letters.plain():
            if number == taken - 1:
                raise ZeroDivisionError
    gc.collect()
    assert (letters.was_cleaned_up, letters.plain.state()["running"]) == (1, 0)
    assert status_of(opened) is CallStatus.STOPPED_EARLY


def test_a_generator_that_fails_gives_its_slot_back(options, failing):
    letters = Letters(fails_at=failing, max_retries=0, **options)
    with session() as opened, pytest.raises(LookupError, match="no more letters"):
        list(letters.plain())
    assert (letters.was_cleaned_up, letters.plain.state()["running"]) == (1, 0)
    assert status_of(opened) is CallStatus.FAILURE


def test_a_generator_used_to_its_end_gives_its_slot_back(options):
    letters = Letters(**options)
    with session() as opened:
        assert list(letters.plain()) == [0, 1, 2, 3]
    assert (letters.was_cleaned_up, letters.plain.state()["running"]) == (1, 0)
    assert status_of(opened) is CallStatus.SUCCESS


def test_a_generator_that_is_never_asked_takes_no_slot_and_is_not_recorded(options):
    letters = Letters(**options)
    with session() as opened:
        stream = letters.plain()
        stream.close()
        del stream
    assert (letters.was_cleaned_up, letters.plain.state()["running"], opened.entries()) == (0, 0, [])


def astream(letters, way):
    return {
        "plain": lambda: letters.asynchronous(),
        "acall": letters.asynchronous.acall,
        "threads": letters.plain.acall,
    }[way]()


async def opened_stream(letters, way):
    stream = astream(letters, way)
    return await stream if asyncio.iscoroutine(stream) else stream


def running(letters):
    return letters.plain.state()["running"] + letters.asynchronous.state()["running"]


@pytest.fixture(params=["plain", "acall", "threads"])
def way(request):
    return request.param


def test_a_closed_async_generator_gives_its_slot_back(way, options, taken):
    async def main():
        letters = Letters(**options)
        with session() as opened:
            async with aclosing(await opened_stream(letters, way)) as stream:
                for _ in range(taken):
                    await anext(stream)
                assert running(letters) == 1
        assert (letters.was_cleaned_up, running(letters)) == (1, 0)
        assert status_of(opened) is CallStatus.STOPPED_EARLY

    asyncio.run(main())


def test_a_dropped_async_generator_gives_its_slot_back(way, options, taken):
    async def main():
        letters = Letters(**options)
        with session() as opened:
            stream = await opened_stream(letters, way)
            for _ in range(taken):
                await anext(stream)
            del stream
            gc.collect()
            while running(letters):
                await asyncio.sleep(0)
        assert letters.was_cleaned_up == 1
        assert status_of(opened) is CallStatus.STOPPED_EARLY

    asyncio.run(main())


def test_an_async_generator_in_a_reference_cycle_awaits_its_clean_up_when_it_is_collected(way, monkeypatch):
    complaints = []
    monkeypatch.setattr(sys, "unraisablehook", complaints.append)

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _loop, what: complaints.append(what))
        letters = Letters()
        knot = [await opened_stream(letters, way)]
        knot.append(knot)
        await anext(knot[0])
        del knot
        gc.collect()
        async with asyncio.timeout(5):
            while not letters.was_cleaned_up or running(letters):
                await asyncio.sleep(0)
        assert (letters.was_cleaned_up, complaints) == (1, [])

    asyncio.run(main())


def test_an_async_generator_left_open_when_its_loop_ends_gives_its_slot_back(way):
    letters = Letters()

    async def main():
        stream = await opened_stream(letters, way)
        await anext(stream)
        kept.append(stream)

    kept = []
    asyncio.run(main())
    assert (letters.was_cleaned_up, running(letters)) == (1, 0)


def test_an_async_generator_that_fails_gives_its_slot_back(way, options, failing):
    async def main():
        letters = Letters(fails_at=failing, max_retries=0, **options)
        with session() as opened, pytest.raises(LookupError, match="no more letters"):
            async for _ in await opened_stream(letters, way):
                pass
        assert (letters.was_cleaned_up, running(letters)) == (1, 0)
        assert status_of(opened) is CallStatus.FAILURE

    asyncio.run(main())


def test_an_async_generator_that_is_never_asked_takes_no_slot_and_is_not_recorded(way):
    async def main():
        letters = Letters()
        with session() as opened:
            stream = await opened_stream(letters, way)
            await stream.aclose()
        assert (letters.was_cleaned_up, running(letters), opened.entries()) == (0, 0, [])

    asyncio.run(main())
