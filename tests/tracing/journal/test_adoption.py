"""What a dead process has left is brought into the store, once."""

from __future__ import annotations

import os

import pytest

from agentguard.tracing.journal.adoption import Adopted, adopt
from agentguard.tracing.journal.encoding import Kind, header
from agentguard.tracing.journal.frame import framed, frames
from tests.tracing.journal.journals import Died, Stored, adopted, files, place, record


def left_by(folder, *records, started=(), **kwargs):
    """What a process leaves that records these and dies, while the calls of `started` are running."""
    spool = Died(place(folder), **kwargs)
    for each in (*started, *records):
        spool.note_start(each)
    for each in records:
        spool.put(each)
    return spool


def test_everything_is_as_it_was_put(tmp_path):
    one = record(
        "search", "first recorder", session_id="session", parent_id="above", trace_id="top", input={"q": "ä"},
        output=[1], error={"type": "E"}, status="timeout", kind="agent", started_at=5.5, duration=0.25, tags=["a"],
    )  # fmt: skip
    one[1].events.append({"name": "event", "at": 0.1})
    left_by(tmp_path, one).die()
    found, sink = adopted(tmp_path)
    assert found == Adopted(processes=1, records=1)
    ((recorder, _),) = sink.records
    (span,) = sink.records.values()
    assert recorder == "first recorder"
    for name in type(span).__slots__:
        assert getattr(span, name) == getattr(one[1], name), name


def test_a_journal_is_deleted_when_it_is_in_the_store(tmp_path):
    left_by(tmp_path, record()).die()
    adopted(tmp_path)
    assert files(tmp_path) == []
    assert adopted(tmp_path)[0] == Adopted()


def test_a_living_process_keeps_its_journal(tmp_path):
    spool = left_by(tmp_path, record())
    found, sink = adopted(tmp_path)
    assert (found, sink.records, len(files(tmp_path))) == (Adopted(alive=1), {}, 1)
    spool.die()
    assert adopted(tmp_path)[0].records == 1


def test_a_call_that_never_ended_is_unknown_and_has_its_arguments(tmp_path):
    left_by(tmp_path, record("done"), started=[record("running", input={"amount": 5})]).die()
    found, sink = adopted(tmp_path)
    assert found == Adopted(processes=1, records=2, unknown=1)
    done, running = sink.records.values()
    assert (done.status, running.status) == ("ok", "unknown")
    assert (running.name, running.input, running.attributes) == ("running", {"amount": 5}, {"recovered": True})


def test_the_start_and_the_end_of_a_call_may_be_in_different_files(tmp_path):
    calls = [record(str(number), input={"number": number}) for number in range(40)]
    left_by(tmp_path, *calls, file_bytes=1_500).die()
    assert len(files(tmp_path)) > 3
    found, sink = adopted(tmp_path)
    assert (found.records, found.unknown) == (40, 0)
    assert [each.input["number"] for each in sink.records.values()] == list(range(40))


def test_a_long_call_is_not_lost_with_the_files_that_come_and_go_meanwhile(tmp_path):
    spool = left_by(tmp_path, started=[record("long", input={"amount": 5})], file_bytes=1_000)
    for _ in range(100):
        spool.put(record())
        spool.confirm(spool.next_batch(500))
    assert len(files(tmp_path)) <= 2
    spool.die()
    found, sink = adopted(tmp_path)
    assert (found.unknown, sink.names, next(iter(sink.records.values())).input) == (1, ["long"], {"amount": 5})


def test_open_calls_stay_behind_when_the_process_ends_in_good_order(tmp_path):
    spool = left_by(tmp_path, record("done"), started=[record("running")])
    spool.confirm(spool.next_batch(500))
    spool.rest()
    spool.die()
    assert adopted(tmp_path)[1].names == ["running"]


def test_a_call_whose_end_nobody_wanted_is_not_shown(tmp_path):
    call = record("late")
    spool = left_by(tmp_path, record("done"), started=[call])
    spool.forget(call)
    spool.die()
    assert adopted(tmp_path)[1].names == ["done"]


def test_what_the_sink_had_before_the_death_is_not_written_again(tmp_path):
    spool = left_by(tmp_path, *(record(str(number)) for number in range(10)))
    spool.confirm(spool.next_batch(6))
    spool.die()
    assert adopted(tmp_path)[1].names == ["6", "7", "8", "9"]


def test_a_store_that_takes_nothing_leaves_the_journal_for_the_next_time(tmp_path):
    left_by(tmp_path, record()).die()
    sink = Stored()
    sink.is_down = True
    with pytest.raises(OSError, match="down"):
        adopt(place(tmp_path), sink)
    assert len(files(tmp_path)) == 1
    sink.is_down = False
    assert adopt(place(tmp_path), sink).records == 1


def test_the_journals_of_several_processes_are_adopted_each_for_itself(tmp_path):
    for number in range(3):
        left_by(tmp_path, record(str(number)), started=[record()]).die()
    living = left_by(tmp_path, record("alive"))
    found, sink = adopted(tmp_path)
    assert found == Adopted(processes=3, records=6, unknown=3, alive=1)
    assert "alive" not in sink.names
    living.die()


def test_another_stores_journals_are_not_touched(tmp_path):
    left_by(tmp_path, record()).die()
    (tmp_path / "agentguard_traces.db.journal.notes.txt").write_text("not ours")
    assert adopt(str(tmp_path / "agentguard_traces.jsonl"), Stored()) == Adopted()
    assert adopt(str(tmp_path / "traces.db"), Stored()) == Adopted()
    adopted(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["agentguard_traces.db.journal.notes.txt"]


@pytest.mark.parametrize("place_in_file", range(0, 400, 7))
def test_a_damaged_byte_costs_what_it_touched_and_never_more(tmp_path, place_in_file):
    left_by(tmp_path, *(record("search", output={"number": number}) for number in range(3))).die()
    (name,) = files(tmp_path)
    path = tmp_path / name
    written = bytearray(path.read_bytes())
    written[place_in_file] ^= 0x41
    path.write_bytes(written)
    whole = [frame.kind for frame in frames(bytes(written))]
    found, sink = adopted(tmp_path)
    if whole.count(Kind.TEXT) == 2:
        assert 2 <= found.records <= 3
    assert all(each.output in (None, {"number": 0}, {"number": 1}, {"number": 2}) for each in sink.records.values())
    assert files(tmp_path) == []


def test_an_empty_file_is_cleared_away(tmp_path):
    path = tmp_path / "agentguard_traces.db.journal.1-0123456789abcdef.000001"
    path.touch()
    assert adopted(tmp_path)[0] == Adopted(processes=1)
    assert files(tmp_path) == []


def test_a_journal_of_a_newer_agentguard_is_left_alone(tmp_path, caplog):
    path = tmp_path / "agentguard_traces.db.journal.1-0123456789abcdef.000001"
    path.write_bytes(framed(Kind.HEADER, b"\x63\x00\x00\x00" + header(0)[4:]))
    assert adopted(tmp_path)[0] == Adopted()
    assert path.exists()
    assert "newer agentguard" in caplog.text


def test_a_link_is_not_followed(tmp_path):
    target = tmp_path / "precious"
    target.write_text("text")
    os.symlink(target, tmp_path / "agentguard_traces.db.journal.1-0123456789abcdef.000001")
    left_by(tmp_path, record("ours")).die()
    found, sink = adopted(tmp_path)
    assert (found.alive, sink.names) == (1, ["ours"])
    assert target.read_text() == "text"
