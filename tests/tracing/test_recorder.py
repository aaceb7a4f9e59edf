import asyncio
import contextvars
import threading

import pytest

from agentguard.core.context import CURRENT, Scope, call_metadata, enter, leave
from agentguard.errors import ConfigError, StorageError
from agentguard.tracing import SessionLog, async_record_session, open_store, record_session, tool_recorder
from tests.tracing.calls import begin, finish, make_call

BACKENDS = ("sqlite", "jsonl", "memory")
FILES = {"sqlite": "agentguard_traces.db", "jsonl": "agentguard_traces.jsonl"}


@pytest.fixture(params=BACKENDS)
def backend(request):
    return request.param


def names(recorder):
    return [entry.tool_name for entry in recorder.entries()]


def test_a_recorder_reads_its_own_calls_inside_the_block_and_after_it(tmp_path, backend):
    with record_session(tmp_path, backend) as recorder:
        make_call("search", ["tea"], query="tea")
        assert names(recorder) == ["search"]
        make_call("pay")
        assert names(recorder) == ["search", "pay"]
    assert names(recorder) == ["search", "pay"]
    entry = recorder.entries()[0]
    assert (entry.call.kwargs, entry.result.return_value) == ({"query": "tea"}, ["tea"])


def test_an_async_recorder_reads_its_own_calls_inside_the_block_and_after_it(tmp_path, backend):
    async def main():
        async with async_record_session(tmp_path, backend) as recorder:
            make_call("search")
            assert names(recorder) == ["search"]
            make_call("pay")
        return recorder

    assert names(asyncio.run(main())) == ["search", "pay"]


@pytest.mark.parametrize("backend", ["sqlite", "jsonl"])
def test_traces_are_one_file_in_the_folder(tmp_path, backend):
    folder = tmp_path / "deep" / "traces"
    with record_session(folder, backend):
        make_call()
    assert [path.name for path in folder.iterdir()] == [FILES[backend]]
    assert (folder / FILES[backend]).stat().st_mode & 0o077 == 0


def test_the_default_folder_is_traces_in_the_current_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with record_session():
        make_call()
    assert (tmp_path / "traces" / "agentguard_traces.db").is_file()


def test_everything_about_a_call_survives_the_file(tmp_path, backend):
    with record_session(tmp_path, backend, session_id="s") as recorder, call_metadata(team="a"):
        call, span = begin("search", query="\ud800é\0", number=2**80)
        span.child("attempt", "attempt 1").fail(ValueError("no"))
        span.note("cast", {"x": [1, None]})
        span.add_event("waited", seconds=0.5)
        finish(call, {"hits": [1.5, True]})
    attempt, stored = sorted(recorder.spans(), key=lambda found: found.kind)
    for name in ("span_id", "trace_id", "parent_id", "session_id", "kind", "name", "started_at", "duration"):
        assert getattr(stored, name) == getattr(span, name)
    for name in ("status", "input", "output", "error", "attributes", "events"):
        assert getattr(stored, name) == getattr(span, name)
    assert stored.attributes["metadata"] == {"team": "a"}
    assert (attempt.parent_id, attempt.error["type"]) == (span.span_id, "ValueError")


def test_entries_come_in_the_order_of_their_start(tmp_path, backend):
    with record_session(tmp_path, backend) as recorder:
        first, _ = begin("first")
        make_call("second")
        finish(first)
        assert names(recorder) == ["first", "second"]


def test_calls_inside_the_block_have_the_recorders_session(tmp_path):
    with record_session(tmp_path, session_id="mine") as recorder:
        make_call()
    assert recorder.session_id == "mine"
    assert recorder.entries()[0].call.session_id == "mine"


def test_a_recorder_without_a_session_id_makes_a_new_one(tmp_path):
    with record_session(tmp_path) as one:
        make_call()
    with record_session(tmp_path) as other:
        make_call()
    assert one.session_id != other.session_id
    assert one.entries()[0].call.session_id == one.session_id


def test_an_outer_recorder_gets_everything_and_an_inner_one_what_is_inside_it(tmp_path, backend):
    with record_session(tmp_path, backend) as outer:
        make_call("before")
        with record_session(tmp_path, backend) as inner:
            make_call("inside")
        make_call("after")
    assert names(outer) == ["before", "inside", "after"]
    assert names(inner) == ["inside"]


@pytest.mark.parametrize("backend", ["sqlite", "jsonl"])
def test_two_recorders_on_one_file_both_keep_the_call_and_the_store_shows_it_once(tmp_path, backend):
    with record_session(tmp_path, backend) as outer, record_session(tmp_path, backend, session_id="s") as inner:
        make_call("shared")
        assert (names(outer), names(inner)) == (["shared"], ["shared"])
    store = open_store(tmp_path)
    assert len(store.spans()) == len(store.spans(session="s")) == 1
    assert store.stats().calls == store.sessions()[0].calls == 1


def test_concurrent_recorders_in_tasks_never_see_each_others_calls(tmp_path, backend):
    async def work(number):
        async with async_record_session(tmp_path, backend, session_id=f"s{number}") as recorder:
            for _ in range(3):
                make_call(f"tool{number}")
                await asyncio.sleep(0)
            return recorder

    async def main():
        return await asyncio.gather(*(work(number) for number in range(10)))

    for number, recorder in enumerate(asyncio.run(main())):
        assert names(recorder) == [f"tool{number}"] * 3
        assert {entry.call.session_id for entry in recorder.entries()} == {f"s{number}"}


@pytest.mark.realtime
def test_concurrent_recorders_in_threads_never_see_each_others_calls(tmp_path, backend):
    found = {}

    def work(number):
        with record_session(tmp_path, backend) as recorder:
            for _ in range(50):
                make_call(f"tool{number}")
            found[number] = names(recorder)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: [f"tool{number}"] * 50 for number in range(8)}


def test_a_task_started_inside_the_block_belongs_to_it(tmp_path):
    async def main():
        async def work():
            make_call("in task")

        async with async_record_session(tmp_path) as recorder:
            await asyncio.gather(work(), work())
        return recorder

    assert names(asyncio.run(main())) == ["in task", "in task"]


def test_a_recorder_opened_in_a_session_of_one_tool_gets_the_calls_of_every_tool(tmp_path):
    mine, other = object(), object()
    log = SessionLog()
    session = Scope(session_id="outer", collectors=(log,), only_tool=mine, outer=CURRENT.get().scope)
    token = enter(session)
    with record_session(tmp_path, "memory") as recorder:
        assert CURRENT.get().scope.seen_by(mine).collectors == (log, recorder)
        assert CURRENT.get().scope.seen_by(other).collectors == (recorder,)
        assert CURRENT.get().scope.seen_by(other).session_id == recorder.session_id
    leave(token, session)


def test_spans_that_end_after_the_block_are_dropped_and_counted(tmp_path, backend):
    with record_session(tmp_path, backend) as recorder:
        late, _ = begin("late")
        make_call("in time")
    for _ in range(3):
        finish(late)
    assert names(recorder) == ["in time"]
    assert recorder.dropped == recorder.stats().dropped == 3


def test_statistics_count_calls_by_tool_and_status(tmp_path, backend):
    with record_session(tmp_path, backend) as recorder:
        for _ in range(3):
            make_call("search")
        make_call("pay", error=ValueError("no"))
        stats = recorder.stats()
    assert (stats.calls, stats.by_status) == (4, {"ok": 3, "error": 1})
    assert (stats.by_tool["search"].calls, stats.by_tool["pay"].by_status) == (3, {"error": 1})
    assert 0 < stats.p50 <= stats.p95
    assert recorder.stats() == stats


def test_a_recorder_with_no_calls_has_no_entries(tmp_path, backend):
    with record_session(tmp_path, backend) as recorder:
        pass
    assert (recorder.entries(), recorder.spans()) == ([], [])
    assert (recorder.stats().calls, recorder.stats().p50) == (0, None)


def test_a_recorder_is_good_for_one_block(tmp_path):
    with record_session(tmp_path) as recorder:
        pass
    with pytest.raises(ConfigError, match="one block"), recorder:
        pass


def test_a_path_that_cannot_be_written_is_refused_at_once(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    for backend in ("sqlite", "jsonl"):
        with (
            pytest.raises(StorageError, match=r"file.*may write"),
            record_session(tmp_path / "file" / "traces", backend),
        ):
            pass
    assert CURRENT.get().scope.collectors == ()


def test_a_path_that_cannot_be_written_is_refused_at_once_in_async_code(tmp_path):
    (tmp_path / "file").write_text("not a folder")

    async def main():
        async with async_record_session(tmp_path / "file"):
            pass

    with pytest.raises(StorageError, match="file"):
        asyncio.run(main())


def test_an_unknown_backend_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(ConfigError, match="'redis' is none of http, jsonl, memory, otlp, postgres, sqlite"):
        record_session(tmp_path, "redis")


def test_an_error_in_the_block_passes_and_what_was_recorded_stays(tmp_path, backend):
    recorder = record_session(tmp_path, backend)
    with pytest.raises(ZeroDivisionError), recorder:
        make_call()
        raise ZeroDivisionError
    assert names(recorder) == ["search"]


def test_cancelling_the_task_that_closes_a_recorder_loses_nothing(tmp_path):
    async def block(recorder):
        async with recorder:
            make_call()
            asyncio.current_task().cancel()

    async def main():
        recorder = async_record_session(tmp_path)
        # Not `pytest.raises`: under coverage, Python 3.11.7 carries this very cancellation past every `except`.
        task = asyncio.create_task(block(recorder))
        await asyncio.wait({task})
        assert task.cancelled()
        assert CURRENT.get().scope.collectors == ()
        return recorder

    assert names(asyncio.run(main())) == ["search"]


def test_a_block_closed_in_another_context_leaves_that_context_alone(tmp_path):
    recorder = record_session(tmp_path)
    here, elsewhere = contextvars.Context(), contextvars.Context()
    here.run(recorder.__enter__)
    elsewhere.run(recorder.__exit__, None, None, None)
    assert elsewhere.run(CURRENT.get).scope.collectors == ()
    here.run(make_call, "late")
    assert recorder.dropped == 1


def test_the_same_folder_written_differently_is_one_store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "traces")
    with record_session("traces") as one, record_session("./x/../link/") as other:
        make_call()
    assert one.path == other.path
    assert len(open_store("traces").spans()) == 1


def test_the_recorder_of_tools_is_shared_and_touches_nothing_before_the_first_call(tmp_path, backend):
    folder = tmp_path / "traces"
    recorder = tool_recorder(folder, backend)
    assert tool_recorder(folder, backend) is recorder
    assert not folder.exists()
    assert recorder.entries() == []
    finish_into(recorder)
    assert names(recorder) == ["search"]


def finish_into(recorder):
    call, span = begin()
    finish(call)
    recorder.collect(span)


def test_the_recorder_of_tools_may_have_a_file_of_its_own(tmp_path):
    recorder = tool_recorder(tmp_path, "sqlite", tmp_path / "mine.db")
    finish_into(recorder)
    assert names(recorder) == ["search"]
    assert [entry.tool_name for entry in open_store(tmp_path / "mine.db").entries()] == ["search"]


def test_the_recorder_of_tools_survives_a_path_that_cannot_be_written(tmp_path):
    (tmp_path / "traces").write_text("in the way")
    recorder = tool_recorder(tmp_path / "traces")
    finish_into(recorder)
    assert recorder.flush(0.01) is False
    (tmp_path / "traces").unlink()
    finish_into(recorder)
    assert names(recorder) == ["search", "search"]
    assert recorder.dropped == 0
