"""`current_call()` is right wherever a body's code runs, and nested calls know their parent."""

import asyncio
import contextvars
import threading

import pytest

from agentguard import RetryConfig, call_metadata, current_call, guard, session
from agentguard.core.types import ToolCall, ToolResult
from tests.core.ways_to_call import WAYS


@pytest.fixture(params=WAYS, ids=repr)
def way(request):
    return request.param


def call_id():
    return current_call().call_id


def test_the_body_knows_its_call(way):
    def body():
        return current_call().tool_name, current_call().arguments

    assert way.call(way.tool(body)) == ("tool", {})


def test_hooks_and_body_have_the_same_call(way):
    seen = []
    body_id = way.call(way.tool(call_id, before_call=lambda call: seen.append(call.call_id)))
    assert seen == [body_id]


def test_outside_of_a_body_there_is_no_call(way):
    way.call(way.tool(call_id))
    assert current_call() is None


def test_after_a_failed_body_there_is_no_call(way):
    def fail():
        raise ValueError("plain")

    with pytest.raises(ValueError, match="plain"):
        way.call(way.tool(fail))
    assert current_call() is None


def test_a_nested_call_knows_the_one_whose_body_made_it(way):
    def inner():
        return current_call().parent.call_id, current_call().parent.tool_name

    inner_tool = guard(inner)

    def outer():
        return current_call().call_id, inner_tool()

    own_id, parent = way.call(way.tool(outer))
    assert parent == (own_id, "tool")


def test_after_a_nested_call_the_outer_one_is_current_again(way):
    inner_tool = guard(call_id, name="inner")

    def outer():
        return call_id(), inner_tool(), call_id()

    before, inside, after = way.call(way.tool(outer))
    assert before == after != inside


def test_attempts_share_one_call_and_one_key(way):
    seen = []

    def flaky():
        call = current_call()
        seen.append((call.call_id, call.idempotency_key, call.attempt))
        if call.attempt < 3:
            raise OSError("again")

    way.call(way.tool(flaky, retry=RetryConfig(max_retries=2, initial_delay=0.0)))
    assert [(attempt, key) for _, key, attempt in seen] == [(number, seen[0][1]) for number in (1, 2, 3)]
    assert len({identity for identity, _, _ in seen}) == 1


async def a_tool():
    return await asyncio.create_task(in_a_task()), await asyncio.to_thread(call_id), call_id()


async def in_a_task():
    await asyncio.sleep(0)
    return call_id()


def test_tasks_and_threads_started_by_a_body_belong_to_its_call():
    async def main():
        return await guard(a_tool)()

    assert len(set(asyncio.run(main()))) == 1


def test_concurrent_calls_do_not_see_each_other():
    @guard
    async def tool(number):
        await asyncio.sleep(0)
        return current_call().arguments["number"]

    async def main():
        return await asyncio.gather(*(tool(number) for number in range(100)))

    assert asyncio.run(main()) == list(range(100))


def test_a_bare_thread_started_by_a_body_is_outside_of_it():
    @guard
    def tool():
        seen = []
        thread = threading.Thread(target=lambda: seen.append(current_call()))
        thread.start()
        thread.join()
        return seen

    assert contextvars.Context().run(tool) == [None]


def test_a_function_that_returns_an_awaitable_has_its_call_in_the_awaitable_too():
    async def answer():
        return current_call()

    @guard
    def tool():
        return answer()

    async def main():
        return await tool.acall()

    assert asyncio.run(main()).tool_name == "tool"


def test_metadata_is_that_of_the_place_where_the_call_is_made(way):
    def body():
        return dict(current_call().metadata)

    tool = way.tool(body, metadata={"from": "tool", "color": "blue"})
    with call_metadata(color="red", key=1):
        assert way.call(tool) == {"from": "tool", "color": "red", "key": 1}
    assert way.call(tool) == {"from": "tool", "color": "blue"}


def test_a_session_reaches_the_body_and_what_it_calls(way):
    inner_tool = guard(lambda: current_call().session_id, name="inner")

    def outer():
        return current_call().session_id, inner_tool()

    with session("mine") as opened:
        assert way.call(way.tool(outer)) == ("mine", "mine")
    assert [entry.tool_name for entry in opened.entries()] == ["tool", "inner"]
    assert way.call(way.tool(outer)) == (None, None)


class Suspended:
    def __await__(self):
        yield None


def test_a_call_torn_down_in_a_foreign_context_leaves_that_context_alone():
    """A loop that is torn down, or the garbage collector, may close a suspended call anywhere."""

    @guard
    async def left_behind():
        await Suspended()

    work = left_behind()
    contextvars.Context().run(work.send, None)
    with session() as opened:
        work.close()
        guard(lambda: None, name="afterwards")()
    assert [entry.tool_name for entry in opened.entries()] == ["afterwards"]


def test_ids_are_unique_across_threads():
    identify = guard(call_id)
    ids = []
    threads = [threading.Thread(target=lambda: ids.extend([identify() for _ in range(500)])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 4_000


def test_a_call_by_hand_has_an_id_and_no_tool():
    call = ToolCall("tool", (1,), {"b": 2})
    assert call.call_id == call.idempotency_key
    assert (call.config, call.parent, call.session_id, call.metadata) == (None, None, None, {})
    assert call.arguments == {"b": 2}
    result = ToolResult(call, 5)
    assert (result.succeeded, result.return_value, result.attempts, result.retry_count) == (True, 5, 1, 0)
    assert call.call_id in repr(call)
    assert "tool" in repr(result)
