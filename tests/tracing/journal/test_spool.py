"""The journal's spool: what it keeps, where, and for how long."""

from __future__ import annotations

import gc
import logging
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from agentguard.tracing.journal import spool as spool_module
from agentguard.tracing.journal.spool import JournalSpool, SyncedJournalSpool
from tests.tracing.journal.journals import Stored, files, place, record


def drained(spool, limit=500):
    """Everything that waits, confirmed batch by batch, in its order."""
    found = []
    while batch := list(spool.next_batch(limit)):
        found += batch
        spool.confirm(batch)
    return found


def test_a_record_is_in_a_file_before_put_returns(tmp_path):
    spool = JournalSpool(place(tmp_path))
    spool.put(record("first", input={"text": "one"}))
    (name,) = files(tmp_path)
    assert b'{"text":"one"}' in (tmp_path / name).read_bytes()


def test_nobody_else_may_read_its_files(tmp_path):
    JournalSpool(place(tmp_path)).put(record())
    (name,) = files(tmp_path)
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_without_a_record_there_is_no_file(tmp_path):
    spool = JournalSpool(place(tmp_path))
    spool.rest()
    assert files(tmp_path) == []


def test_records_come_in_order_and_stay_until_they_are_confirmed(tmp_path):
    spool = JournalSpool(place(tmp_path))
    given = [record(str(number)) for number in range(5)]
    assert all(spool.put(each) for each in given)
    assert list(spool.next_batch(2)) == list(spool.next_batch(2)) == given[:2]
    assert (spool.put_count, spool.waiting(), list(spool.unconfirmed())) == (5, 5, given)
    assert drained(spool, 2) == given
    assert spool.waiting() == 0


def test_its_file_is_deleted_when_everything_is_confirmed_and_the_files_are_let_go(tmp_path):
    spool = JournalSpool(place(tmp_path))
    spool.put(record())
    spool.rest()
    assert len(files(tmp_path)) == 1
    drained(spool)
    spool.rest()
    assert files(tmp_path) == []
    spool.put(record("later"))
    assert len(files(tmp_path)) == 1


def test_full_files_are_followed_by_others_and_deleted_when_they_are_confirmed(tmp_path):
    spool = JournalSpool(place(tmp_path), file_bytes=1_000)
    given = [record(str(number)) for number in range(50)]
    for each in given:
        spool.put(each)
    assert len(files(tmp_path)) > 3
    assert drained(spool, 7) == given
    assert len(files(tmp_path)) == 1


def test_what_memory_has_no_room_for_is_read_back_from_the_files(tmp_path):
    spool = JournalSpool(place(tmp_path), max_waiting=10, file_bytes=2_000)
    given = [record(str(number), input={"number": number}, output=[number], session_id="s") for number in range(100)]
    assert all(spool.put(each) for each in given)
    found = drained(spool, 7)
    assert [each.name for _, each in found] == [str(number) for number in range(100)]
    assert [each.output for _, each in found] == [[number] for number in range(100)]
    assert {(each.session_id, recorder) for recorder, each in found} == {("s", "recorder")}
    # It is back in memory, and goes on.
    spool.put(given[0])
    assert drained(spool)[0][1] is given[0][1]


def test_memory_is_bounded_in_bytes_too(tmp_path):
    spool = JournalSpool(place(tmp_path), max_bytes=100_000)
    given = [record(str(number), input={"text": "x" * 10_000}) for number in range(40)]
    for each in given:
        spool.put(each)
    found = drained(spool)
    assert [each.name for _, each in found] == [str(number) for number in range(40)]
    assert 5 <= sum(each is original for (_, each), (_, original) in zip(found, given, strict=True)) <= 15


def test_the_arguments_of_a_read_back_record_are_there_though_they_were_written_at_its_start(tmp_path):
    spool = JournalSpool(place(tmp_path), max_waiting=2)
    given = [record(str(number), input={"number": number}) for number in range(6)]
    for each in given:
        spool.note_start(each)
    for each in given:
        spool.put(each)
    assert [each.input for _, each in drained(spool)] == [{"number": number} for number in range(6)]


def test_a_record_larger_than_what_is_read_at_once_is_read_back(tmp_path):
    spool = JournalSpool(place(tmp_path), max_waiting=1)
    text = "x" * 700_000
    for _ in range(3):
        spool.put(record(input={"text": text}))
    assert [len(each.input["text"]) for _, each in drained(spool)] == [700_000] * 3


def test_what_finds_room_neither_in_memory_nor_in_files_is_dropped_and_counted_exactly(tmp_path):
    spool = JournalSpool(place(tmp_path), max_waiting=10, file_bytes=1_000, max_file_bytes=5_000)
    accepted = sum(spool.put(record(str(number))) for number in range(200))
    assert 10 < accepted < 200
    assert (spool.put_count, spool.dropped) == (accepted, 200 - accepted)
    assert [each.name for _, each in drained(spool)] == [str(number) for number in range(accepted)]
    assert spool.put(record()) is True


def test_a_dead_sink_leaves_files_bounded(tmp_path):
    spool = JournalSpool(place(tmp_path), max_waiting=100, file_bytes=20_000, max_file_bytes=200_000)
    one = record()
    for _ in range(5_000):
        spool.put(one)
    assert spool.put_count + spool.dropped == 5_000
    assert sum((tmp_path / name).stat().st_size for name in files(tmp_path)) < 230_000
    assert len(drained(spool)) == spool.put_count


@pytest.fixture
def warnings(caplog, monkeypatch):
    monkeypatch.setattr("agentguard.tracing.notices._said", set())
    with caplog.at_level(logging.WARNING, "agentguard"):
        yield caplog


def test_a_folder_that_cannot_be_written_costs_a_warning_and_no_record(tmp_path, warnings):
    (tmp_path / "file").write_text("in the way")
    spool = JournalSpool(str(tmp_path / "file" / "traces.db"))
    given = [record(str(number)) for number in range(10)]
    assert all(spool.put(each) for each in given)
    assert drained(spool) == given
    assert [each.levelname for each in warnings.records] == ["WARNING"]


def test_what_a_full_disk_leaves_in_memory_is_bounded_and_what_is_lost_is_counted(tmp_path, warnings, monkeypatch):
    spool = JournalSpool(place(tmp_path), max_waiting=10)
    spool.put(record("first"))

    def write(descriptor, frame):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", write)
        assert [spool.put(record(str(number))) for number in range(12)] == [True] * 9 + [False] * 3
    assert spool.dropped == 3
    assert len(drained(spool)) == 10
    assert len(warnings.records) == 1


def test_a_write_that_was_cut_short_leaves_nothing_behind_and_the_journal_goes_on(tmp_path, warnings, monkeypatch):
    monkeypatch.setattr(spool_module, "PAUSE_SECONDS", 0)
    spool = JournalSpool(place(tmp_path))
    spool.put(record("before"))
    real = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda descriptor, frame: real(descriptor, frame[:20]))
        assert spool.put(record("before", span_id="torn"))
    spool.put(record("after"))
    assert not any(b"torn" in (tmp_path / name).read_bytes() for name in files(tmp_path))
    assert [each.span_id == "torn" for _, each in drained(spool)] == [False, True, False]


def test_emptying_the_folder_under_it_costs_no_later_record(tmp_path):
    spool = JournalSpool(place(tmp_path))
    spool.put(record("before"))
    for name in files(tmp_path):
        (tmp_path / name).unlink()
    drained(spool)
    spool.put(record("after"))
    assert len(files(tmp_path)) == 1


def test_a_name_that_is_no_text_breaks_nothing(tmp_path):
    spool = JournalSpool(place(tmp_path))
    strange = record(session_id="\ud800", output={"text": "ä"})
    strange[1].name = 5
    assert spool.put(strange) is True
    assert drained(spool) == [strange]


def test_a_span_that_ends_in_a_finalizer_while_another_is_put_is_kept_too(tmp_path):
    spool = JournalSpool(place(tmp_path))

    class Finalized:
        def __init__(self):
            self.itself = self

        def __del__(self):
            spool.put(record("finalizer"))

    thresholds = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(100):
            Finalized()
            spool.put(record())
    finally:
        gc.set_threshold(*thresholds)
    gc.collect()
    assert sum(each.name == "finalizer" for _, each in drained(spool)) == 100


@pytest.mark.realtime
def test_many_threads_put_while_one_writes(tmp_path):
    spool = JournalSpool(place(tmp_path), max_waiting=50, file_bytes=20_000)
    sink = Stored()
    done = threading.Event()

    def write():
        while not done.is_set() or spool.waiting():
            if batch := spool.next_batch(20):
                sink.write(batch)
                spool.confirm(batch)

    writer = threading.Thread(target=write)
    writer.start()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: put_many(spool, number), range(4)))
    done.set()
    writer.join()
    assert (sink.written, len(sink.records), spool.dropped) == (1_200, 1_200, 0)
    for number in range(4):
        mine = [name for name in sink.names if name.startswith(f"{number} ")]
        assert mine == [f"{number} {each}" for each in range(300)]


def put_many(spool, number):
    for each in range(300):
        call = record(f"{number} {each}")
        spool.note_start(call)
        spool.put(call)


def test_fsync_waits_for_the_disk_for_every_start_and_every_end(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr("agentguard.tracing.journal.file._sync", synced.append)
    spool = SyncedJournalSpool(place(tmp_path))
    each = record()
    spool.note_start(each)
    assert len(synced) == 1
    spool.put(each)
    assert len(synced) == 2
