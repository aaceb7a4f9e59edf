from agentguard.tracing import SessionLog
from tests.tracing.calls import begin, finish, make_call


def test_a_session_remembers_its_newest_calls():
    log = SessionLog(limit=3)
    for number in range(5):
        log.collect(make_call("search", number))
    assert [entry.result.return_value for entry in log.entries()] == [2, 3, 4]
    assert len(log) == 3


def test_a_session_remembers_ten_thousand_calls_unless_told_otherwise():
    log = SessionLog()
    span = make_call()
    for _ in range(10_001):
        log.collect(span)
    assert len(log) == 10_000


def test_attempts_push_no_calls_out():
    log = SessionLog(limit=2)
    call, span = begin()
    attempts = [span.child("attempt", f"attempt {number}") for number in range(5)]
    finish(call)
    for attempt in attempts:
        log.collect(attempt)
    log.collect(span)
    assert len(log.entries()) == 1
    assert len(log.spans()) == 3


def test_a_session_holds_a_bounded_number_of_bytes():
    log = SessionLog(max_bytes=100_000)
    for number in range(100):
        log.collect(make_call("search", number, text="x" * 10_000))
    held = [entry.result.return_value for entry in log.entries()]
    assert 5 <= len(held) <= 10
    assert held[-1] == 99


def test_entries_come_in_the_order_of_their_start():
    log = SessionLog()
    call, _ = begin("first")
    log.collect(make_call("second"))
    log.collect(finish(call))
    assert [entry.tool_name for entry in log.entries()] == ["first", "second"]
