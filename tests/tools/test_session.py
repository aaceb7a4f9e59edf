"""Sessions: calls that belong together, and never to each other's."""

import asyncio
import threading

import pytest

from agentguard import ConfigError, call_metadata, current_call, guard, session
from agentguard.testing import run_virtual
from tests.layers.bodies import Crowd, outcomes
from tests.matrix.kinds import KINDS, Body
from tests.matrix.ways import WAYS, Way, acall


def session_id_of_call():
    return current_call().session_id


@pytest.mark.parametrize("call", WAYS, ids=lambda way: way.__name__)
def test_calls_inside_share_the_sessions_id(call: Way):
    tool = guard(session_id_of_call)
    with session("mine"):
        assert [call(tool), call(tool)] == ["mine", "mine"]
    assert call(tool) is None


def test_a_session_without_an_id_gets_a_new_one_each():
    with session() as one, session() as other:
        assert one.session_id != other.session_id


@pytest.mark.parametrize("name", ["", "\x00", "x" * 300, "../../etc/passwd", "two\nlines"])
def test_any_string_is_a_session_id(name):
    with session(name) as its:
        guard(session_id_of_call)()
    [entry] = its.entries()
    assert entry.call.session_id == entry.result.return_value == name


def test_a_session_of_one_tool_calls_it():
    async def search(query):
        return query.upper()

    tool = guard(search)

    async def main():
        async with tool.session() as its:
            assert await its.acall("a") == "A"
            assert await its("b") == "B"
        return its

    its = asyncio.run(main())
    assert {entry.call.session_id for entry in its.entries()} == {its.session_id}
    assert [entry.result.return_value for entry in its.entries()] == ["A", "B"]


def test_a_session_of_one_tool_takes_the_plain_call_of_it_too():
    tool = guard(session_id_of_call)
    with tool.session("mine") as its:
        assert tool() == its() == its.call_sync() == "mine"
    assert len(its.entries()) == 3


def test_a_session_of_one_tool_leaves_other_tools_out():
    tool, other = guard(lambda: "tool", name="tool"), guard(session_id_of_call, name="other")
    with tool.session("mine") as its:
        tool()
        assert other() is None
    assert [entry.tool_name for entry in its.entries()] == ["tool"]


def test_what_the_tool_itself_calls_belongs_to_its_session():
    inner = guard(session_id_of_call, name="inner")
    tool = guard(lambda: inner(), name="tool")
    with tool.session("mine") as its:
        assert tool() == "mine"
    assert sorted(entry.tool_name for entry in its.entries()) == ["inner", "tool"]


def test_a_session_of_everything_goes_on_for_other_tools_inside_a_session_of_one():
    tool, other = guard(session_id_of_call, name="tool"), guard(session_id_of_call, name="other")
    with session("outer"), tool.session("inner"):
        assert (tool(), other()) == ("inner", "outer")


def test_an_inner_session_takes_the_calls_inside_and_the_outer_one_sees_them_too():
    tool = guard(session_id_of_call)
    with session("outer") as outer:
        tool()
        with session("inner") as inner:
            tool()
        tool()
    assert [entry.call.session_id for entry in outer.entries()] == ["outer", "inner", "outer"]
    assert [entry.call.session_id for entry in inner.entries()] == ["inner"]


def test_concurrent_sessions_never_mix():
    tool = guard(Crowd(0.5))

    async def agent(name):
        async with tool.session(name) as its:
            await outcomes(its.acall(f"{name}:{n}") for n in range(10))
        return its.entries()

    async def main():
        return await asyncio.gather(*(agent(f"agent {n}") for n in range(10)))

    for n, entries in enumerate(run_virtual(main())):
        assert len(entries) == 10
        assert {entry.call.session_id for entry in entries} == {f"agent {n}"}
        assert {entry.call.kwargs["name"].split(":")[0] for entry in entries} == {f"agent {n}"}


def test_sessions_in_threads_never_mix():
    tool, found = guard(session_id_of_call), {}

    def agent(name):
        with session(name):
            found[name] = {tool() for _ in range(50)}

    threads = [threading.Thread(target=agent, args=(f"agent {n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {f"agent {n}": {f"agent {n}"} for n in range(8)}


def test_tasks_started_inside_belong_to_the_session_even_when_they_end_later():
    tool = guard(Crowd(5))

    async def main():
        with session("mine") as its:
            task = asyncio.ensure_future(tool("late"))
            await asyncio.sleep(1)
        await task
        return its.entries()

    [entry] = run_virtual(main())
    assert entry.call.session_id == "mine"


def test_a_session_may_be_used_from_a_task_started_elsewhere():
    tool = guard(session_id_of_call)

    async def main():
        started = asyncio.Event()

        async def elsewhere():
            await started.wait()
            return await its.acall()

        task = asyncio.ensure_future(elsewhere())
        await asyncio.sleep(0)
        async with tool.session("mine") as its:
            started.set()
            return await task

    assert run_virtual(main()) == "mine"


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_every_kind_of_tool_has_sessions(make):
    tool = make(guard, Body())
    with tool.session("mine") as its:
        assert acall(tool, 5) == 5
    [entry] = its.entries()
    assert entry.call.session_id == "mine"


def test_a_session_is_good_for_one_block():
    its = session("mine")
    with its:
        pass
    with pytest.raises(ConfigError, match="already opened"), its:
        pass


@pytest.mark.parametrize("state", ["new", "closed"])
def test_a_session_that_is_not_open_calls_nothing(state):
    runs = []
    its = guard(lambda: runs.append(1)).session()
    if state == "closed":
        with its:
            pass
    with pytest.raises(ConfigError, match=state):
        its()
    with pytest.raises(ConfigError, match=state):
        asyncio.run(its.acall())
    assert runs == []


def test_entries_can_be_read_after_the_block_and_after_an_error():
    its = session()
    with pytest.raises(ZeroDivisionError), its:
        guard(lambda: 1)()
        _ = 1 / 0
    assert len(its.entries()) == 1


def test_a_session_supplies_metadata():
    tool = guard(lambda: dict(current_call().metadata), metadata={"own": 1, "both": "tool"})
    with session(metadata={"its": 2, "both": "session"}):
        assert tool() == {"own": 1, "its": 2, "both": "session"}
    assert tool() == {"own": 1, "both": "tool"}


@pytest.mark.parametrize("call", WAYS, ids=lambda way: way.__name__)
def test_call_metadata_supplies_metadata_to_the_calls_inside(call: Way):
    tool = guard(lambda: current_call().metadata.get("api_key"))
    with call_metadata(api_key="outer"):
        assert call(tool) == "outer"
        with call_metadata(api_key="inner"):
            assert call(tool) == "inner"
        assert call(tool) == "outer"
    assert call(tool) is None


def test_call_metadata_keeps_the_session_and_the_recorder():
    tool = guard(lambda: (current_call().session_id, current_call().metadata["key"]))
    with session("mine") as its, call_metadata(key="value"):
        assert tool() == ("mine", "value")
    assert len(its.entries()) == 1


def test_call_metadata_of_concurrent_tasks_never_mixes():
    async def body():
        await asyncio.sleep(1)
        return current_call().metadata["n"]

    tool = guard(body)

    async def one(n):
        with call_metadata(n=n):
            return await tool()

    async def main():
        return await asyncio.gather(*(one(n) for n in range(50)))

    assert run_virtual(main()) == list(range(50))


def test_what_a_call_does_to_its_metadata_is_not_seen_by_the_next():
    tool = guard(lambda: current_call().metadata.setdefault("count", len(current_call().metadata)))
    assert [tool(), tool()] == [0, 0]


def test_the_tools_own_session_id_holds_outside_of_sessions():
    tool = guard(session_id_of_call, session_id="default")
    assert tool() == "default"
    with session("open"):
        assert tool() == "open"


def test_a_session_changes_nothing_on_the_tool():
    tool = guard(session_id_of_call)
    before = dict(vars(tool))
    with tool.session():
        tool()
    assert dict(vars(tool)) == before
