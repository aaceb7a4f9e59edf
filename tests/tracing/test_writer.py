import gc
import logging
import threading

import pytest

from agentguard.errors import StorageError
from agentguard.tracing.sinks.memory import MemorySink
from agentguard.tracing.spool import MemorySpool
from agentguard.tracing.writer import Writer, answered
from tests.tracing.calls import make_call


class Sink:
    """Keeps batches; refuses while `is_down`, and stops the writer while `gate` is closed."""

    def __init__(self):
        self.batches = []
        self.is_down = False
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.closed = threading.Event()

    def open(self):
        if self.is_down:
            raise StorageError("down")

    def write(self, records):
        self.entered.set()
        self.gate.wait()
        if self.is_down:
            raise OSError("down")
        self.batches.append([span.output for _, span in records])

    def close(self):
        self.closed.set()

    def abandon(self):
        pass

    @property
    def values(self):
        return [value for batch in self.batches for value in batch]


def record(value=0, **kwargs):
    return "r", make_call("search", value, **kwargs)


@pytest.fixture
def sink():
    return Sink()


def writer_for(sink, **kwargs):
    return Writer(sink, name="agentguard test", **kwargs)


def test_everything_put_is_written_in_order(sink):
    writer = writer_for(sink)
    for number in range(2_000):
        writer.put(record(number))
    assert writer.flush(10) is True
    assert sink.values == list(range(2_000))
    assert max(len(batch) for batch in sink.batches) <= 500


def test_spans_are_written_without_being_asked_for(sink):
    writer = writer_for(sink)
    writer.put(record())
    assert sink.entered.wait(10)


def test_a_flush_with_nothing_to_write_needs_no_thread(sink):
    writer = writer_for(sink)
    assert writer.flush(0) is True
    assert not writer.is_running


def test_a_sink_that_hangs_blocks_no_caller(sink):
    sink.gate.clear()
    writer = writer_for(sink)
    writer.put(record(0))
    sink.entered.wait(10)
    for number in range(1, 1_000):
        writer.put(record(number))
    assert writer.flush(0.01) is False
    assert len(writer.unwritten()) == 1_000
    sink.gate.set()
    assert writer.flush(10) is True
    assert sink.values == list(range(1_000))
    assert writer.unwritten() == []


def test_a_sink_that_fails_is_tried_again_and_nothing_is_lost(sink, caplog):
    writer = Writer(sink, name="agentguard failing test")
    sink.is_down = True
    with caplog.at_level(logging.WARNING, "agentguard"):
        for number in range(100):
            writer.put(record(number))
        assert writer.flush(0.2) is False
        sink.is_down = False
        assert writer.flush(10) is True
    assert sink.values == list(range(100))
    assert writer.dropped == 0
    assert sum("failing test" in said.getMessage() for said in caplog.records) == 1


def test_a_sink_may_fail_as_often_as_it_likes(sink, monkeypatch):
    monkeypatch.setattr("agentguard.tracing.writer._FIRST_PAUSE_SECONDS", 0)
    failures = 0

    def write(records):
        nonlocal failures
        failures += 1
        if failures < 1_500:
            raise OSError("down")
        sink.batches.append([span.output for _, span in records])

    monkeypatch.setattr(sink, "write", write)
    writer = writer_for(sink, quiet_seconds=0)
    writer.put(record(5))
    assert writer.flush(30) is True
    assert sink.values == [5]


@pytest.mark.realtime
def test_no_span_is_left_behind_when_the_thread_leaves_just_then(sink, monkeypatch):
    writer = writer_for(sink, may_retire=lambda: True, quiet_seconds=0)
    one = record()
    for count in range(1, 2_001):
        written = threading.Event()
        monkeypatch.setattr(sink, "write", lambda records, done=written: done.set())
        writer.put(one)
        assert written.wait(10), f"span {count} was left behind"


def test_what_finds_no_room_is_dropped_and_counted_exactly(sink):
    sink.gate.clear()
    writer = writer_for(sink, make_spool=lambda: MemorySpool(max_waiting=10))
    accepted = [writer.put(record(number)) for number in range(25)]
    assert accepted == [True] * 10 + [False] * 15
    assert writer.dropped == 15
    sink.gate.set()
    assert writer.flush(10) is True
    assert sink.values == list(range(10))
    assert writer.put(record(99)) is True


@pytest.mark.realtime
def test_drops_are_counted_exactly_with_many_threads(sink):
    sink.gate.clear()
    writer = writer_for(sink, make_spool=lambda: MemorySpool(max_waiting=100))
    one = record()
    threads = [threading.Thread(target=lambda: [writer.put(one) for _ in range(1_000)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.dropped == 7_900
    sink.gate.set()
    assert writer.flush(10) is True
    assert len(sink.values) == 100


def test_a_spool_is_bounded_in_bytes_too(sink):
    sink.gate.clear()
    writer = writer_for(sink, make_spool=lambda: MemorySpool(max_bytes=100_000))
    accepted = sum(writer.put(record(text="x" * 10_000)) for _ in range(100))
    assert 5 <= accepted <= 15
    assert writer.dropped == 100 - accepted
    sink.gate.set()
    assert writer.flush(10) is True
    assert writer.put(record()) is True


def test_an_error_of_opening_reaches_who_asked(sink):
    sink.is_down = True
    with pytest.raises(StorageError, match="down"):
        answered(writer_for(sink).ask(sink.open, at_once=True), 10)


def test_the_thread_leaves_when_nobody_needs_it_and_comes_back_for_a_late_span(sink):
    writer = writer_for(sink, may_retire=lambda: True)
    for number in range(3):
        sink.closed.clear()
        writer.put(record(number))
        assert writer.flush(10) is True
        assert sink.closed.wait(10)
    assert sink.values == [0, 1, 2]


def test_the_thread_does_not_leave_before_everything_is_written(sink):
    sink.is_down = True
    writer = writer_for(sink, may_retire=lambda: True)
    writer.put(record())
    assert writer.flush(0.1) is False
    assert not sink.closed.is_set()
    sink.is_down = False
    assert sink.closed.wait(10)
    assert sink.values == [0]


def test_a_span_that_ends_in_a_finalizer_while_another_is_put_does_not_lock_up(sink):
    writer = writer_for(sink)

    class Finalized:
        def __init__(self):
            self.itself = self

        def __del__(self):
            writer.put(record(1))

    thresholds = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(200):
            Finalized()
            writer.put(record(0))
    finally:
        gc.set_threshold(*thresholds)
    for _ in range(100):
        # Once may not do: a collection that the writer's thread has under way makes this one return at once.
        gc.collect()
        assert writer.flush(10) is True
        if len(sink.values) == 400:
            break
    assert sorted(sink.values) == [0] * 200 + [1] * 200


def test_a_thread_that_cannot_start_breaks_no_call(sink, monkeypatch):
    def start(thread):
        raise RuntimeError("can't start new thread")

    writer = writer_for(sink)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        assert writer.put(record(0)) is True
    assert writer.put(record(1)) is True
    assert writer.flush(10) is True
    assert sink.values == [0, 1]


def test_memory_keeps_the_newest():
    sink = MemorySink(limit=3)
    sink.write([record(number) for number in range(5)])
    assert [span.output for span in sink.spans(query())] == [2, 3, 4]


def query():
    from agentguard.tracing.query import Query

    return Query()
