"""The benchmark's own rows, measured in its smallest way: they run every call, and arrive at the table."""

import pytest

from bench.meter import Row, Scale, Subject, awaiting, bare, measure
from bench.results import PeerRun, Results
from bench.rows import TOPICS
from bench.table import our_table, peer_table, span_table

SMALLEST = Scale(rounds=1, seconds=0, calls=20)


def results_of(*rows: Row, peers: tuple[PeerRun, ...] = ()) -> Results:
    return Results("a machine", 1, [Row("bare await", 0.1), *rows], list(peers))


def one_span(us: float) -> PeerRun:
    return PeerRun("opentelemetry-sdk", "1.0", 0.1, [Row("one span, async", us)])


# Imports are left out: tests/arch/test_import_cost.py has them, and they start a dozen processes here.
@pytest.mark.realtime
@pytest.mark.parametrize("topic", sorted(TOPICS.keys() - {"imports"}))
def test_every_row_of_ours_can_be_measured_and_shown(topic):
    rows = list(TOPICS[topic](SMALLEST))
    table = list(our_table(results_of(bare(SMALLEST), *rows)))
    assert rows
    for row in rows:
        assert row.us > 0
        assert row.includes
        assert any(line.startswith(row.name) for line in table)


def test_every_recorded_row_of_ours_reads_all_its_calls_back():
    rows = list(TOPICS["records"](SMALLEST))
    assert {(row.count_seen, row.records_seen) for row in rows} == {(40, 40)}
    assert all(row.process_us is not None and row.process_us >= row.us for row in rows)


def test_a_function_that_does_not_run_every_time_is_no_figure():
    runs = []

    async def forgetful(query):
        if not query.startswith("0003"):
            runs.append(query)

    with pytest.raises(SystemExit, match="38 instead of 40"):
        measure(Subject("forgetful", awaiting(forgetful), lambda: len(runs)), SMALLEST)


def test_a_record_that_does_not_arrive_is_no_figure():
    runs = []

    async def recorded(query):
        runs.append(query)

    subject = Subject("lossy", awaiting(recorded), lambda: len(runs), records=lambda: max(0, len(runs) - 1))
    with pytest.raises(SystemExit, match="records: 39 instead of 40"):
        measure(subject, SMALLEST)


def test_a_budget_holds_in_microseconds_or_as_a_ratio_to_a_bare_await():
    fast = Row("fast", 1.4, limit_us=1.5)
    slow_machine = Row("slow machine", 2.9, limit_us=1.5)
    assert results_of(fast).over() == []
    assert Results("m", 1, [Row("bare await", 0.24), slow_machine]).over() == []
    assert results_of(slow_machine).over() == ["slow machine"]


def test_a_budget_in_milliseconds_is_no_ratio():
    lag = Row("  lag", 30_000, limit_us=20_000)
    assert Results("m", 1, [Row("bare await", 1.0), lag]).over() == ["lag"]


def test_a_budget_in_spans_is_looked_at_when_the_span_was_measured():
    recorded = Row("recorded", 13.0, limit_of_span=0.6, process_us=14.0, limit_process_of_span=0.75)
    assert results_of(recorded).over() == []
    assert results_of(recorded, peers=(one_span(20.0),)).over() == ["recorded"]
    assert results_of(recorded, peers=(one_span(22.0),)).over() == []
    assert list(span_table(results_of(recorded, peers=(one_span(20.0),))))[-1].endswith("OVER")


def test_the_process_has_a_budget_of_its_own():
    recorded = Row("recorded", 10.0, limit_of_span=0.6, process_us=16.0, limit_process_of_span=0.75)
    assert results_of(recorded, peers=(one_span(20.0),)).over() == ["recorded"]


def test_a_peer_without_figures_says_why():
    peer = PeerRun("somebody", failure="its environment cannot be made: no space left")
    assert "no space left" in "\n".join(peer_table(results_of(), peer))
