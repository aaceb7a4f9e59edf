"""`current_call`: a body's own call, wherever the body's code runs."""

import asyncio
import threading

import pytest

from agentguard import current_call, guard
from agentguard.testing import FakeRuntime
from tests.layers.bodies import BoomError, Script
from tests.matrix.kinds import KINDS, Body
from tests.matrix.ways import WAYS, Way

call_ways = pytest.mark.parametrize("call", WAYS, ids=lambda way: way.__name__)


def name_of_current():
    current = current_call()
    return None if current is None else current.tool_name


def test_outside_of_every_body_there_is_none():
    assert current_call() is None


@call_ways
@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_every_kind_of_body_knows_its_call(make, call: Way):
    tool = make(guard(name="mine"), Body(lambda x: name_of_current()))
    assert call(tool, 1) == "mine"
    assert current_call() is None


@call_ways
def test_a_nested_body_knows_its_own_and_the_outer_one_again_afterwards(call: Way):
    inner = guard(name_of_current, name="inner")
    outer = guard(lambda: (name_of_current(), inner(), name_of_current()), name="outer")
    assert call(outer) == ("outer", "inner", "outer")


@call_ways
def test_it_is_right_after_a_failed_nested_call(call: Way):
    inner = guard(Script(BoomError), name="inner")

    def body():
        with pytest.raises(BoomError):
            inner()
        return name_of_current()

    assert call(guard(body, name="outer")) == "outer"


def test_tasks_that_the_body_starts_belong_to_its_call():
    async def body():
        return await asyncio.gather(asyncio.create_task(later()), later())

    async def later():
        await asyncio.sleep(0)
        return name_of_current()

    assert asyncio.run(guard(body, name="mine")()) == ["mine", "mine"]


def test_to_thread_keeps_it():
    async def body():
        return await asyncio.to_thread(name_of_current)

    assert asyncio.run(guard(body, name="mine")()) == "mine"


def test_a_bare_thread_does_not():
    def body():
        seen = []
        thread = threading.Thread(target=lambda: seen.append(name_of_current()))
        thread.start()
        thread.join()
        return seen

    assert guard(body)() == [None]


def test_concurrent_calls_each_know_their_own():
    async def body(n):
        await asyncio.sleep(0)
        return n, current_call().arguments["n"]

    tool = guard(body)

    async def main():
        return await asyncio.gather(*(tool(n) for n in range(100)))

    assert all(n == mine for n, mine in asyncio.run(main()))


def test_the_consumer_of_a_stream_is_not_inside_its_call():
    def body():
        yield name_of_current()
        yield name_of_current()

    stream = guard(body, name="stream")()
    for item in stream:
        assert item == "stream"
        assert current_call() is None


@call_ways
def test_call_id_and_idempotency_key_stay_the_same_in_all_attempts(call: Way):
    seen, script = [], Script(BoomError, "ok")

    def body():
        current = current_call()
        seen.append((current.call_id, current.idempotency_key, current.attempt))
        return script()

    with FakeRuntime():
        call(guard(body, max_retries=1))
    assert [attempt for _, _, attempt in seen] == [1, 2]
    assert len({(call_id, key) for call_id, key, _ in seen}) == 1


def test_every_call_has_an_id_of_its_own():
    tool = guard(lambda: current_call().call_id)
    assert len({tool() for _ in range(1_000)}) == 1_000


def test_the_parent_is_the_call_whose_body_made_this_one():
    inner = guard(lambda: current_call().parent.tool_name, name="inner")
    assert guard(lambda: inner(), name="outer")() == "outer"
    assert guard(lambda: current_call().parent)() is None


def test_middleware_may_set_the_idempotency_key():
    def set_key(ctx, next):
        ctx.idempotency_key = "order 7"
        return next(ctx)

    assert guard(lambda: current_call().idempotency_key, middleware=[set_key])() == "order 7"
