"""The tables on the screen."""

from __future__ import annotations

from collections.abc import Iterator

from bench.meter import Row
from bench.results import REFERENCE_BARE_US, REFERENCE_PEER, PeerRun, Results, is_call

_WIDTH = 44


def our_table(results: Results) -> Iterator[str]:
    """Our rows with their budgets; those that are parts of a span come when the span has been measured."""
    yield f"{results.conditions}\n"
    yield f"{'':{_WIDTH}}{'us':>9}{'x bare':>9}{'process us':>12}{'limit us':>10}{'x bare':>9}"
    for row in results.rows:
        yield _microseconds(results, row) if is_call(row) else _milliseconds(results, row)


def peer_table(results: Results, peer: PeerRun) -> Iterator[str]:
    """A peer's rows, or why there are none."""
    yield f"\n{peer.name} {peer.version}".rstrip()
    if peer.failure:
        yield f"  not measured: {peer.failure}"
    span_us = results.span_us()
    for row in peer.rows:
        span = f"{row.us / span_us:9.2f}" if span_us else ""
        yield f"  {row.name:{_WIDTH - 2}}{row.us:9.2f}{row.us / peer.bare_us:9.1f}{_process(row)}{span}"


def peer_heading() -> str:
    return f"\n{'each in a process of its own':{_WIDTH}}{'us':>9}{'x bare':>9}{'process us':>12}{'x span':>9}"


def span_table(results: Results) -> Iterator[str]:
    """What we record, as parts of one OpenTelemetry span."""
    if results.span_us() is None:
        yield f"\nWithout {REFERENCE_PEER}, the budgets that are parts of a span are not looked at."
        return
    yield f"\n{'parts of an OpenTelemetry span':{_WIDTH}}{'caller':>9}{'limit':>9}{'process':>12}{'limit':>10}"
    for row in results.rows:
        span_us = results.span_us(row.span)
        if row.limit_of_span is not None and row.process_us is not None and span_us is not None:
            limit = "" if row.limit_process_of_span is None else f"{row.limit_process_of_span:10.2f}"
            parts = f"{row.us / span_us:9.2f}{row.limit_of_span:9.2f}{row.process_us / span_us:12.2f}{limit}"
            yield f"{row.name:{_WIDTH}}{parts}{_verdict(results, row)}"


def _microseconds(results: Results, row: Row) -> str:
    limits = "" if row.limit_us is None else f"{row.limit_us:10.2f}{row.limit_us / REFERENCE_BARE_US:9.1f}"
    line = f"{row.name:{_WIDTH}}{row.us:9.2f}{row.us / results.bare_us:9.1f}{_process(row)}{limits}"
    return line.rstrip() + _verdict(results, row)


def _milliseconds(results: Results, row: Row) -> str:
    limit = "" if row.limit_us is None else f"{row.limit_us / 1_000:22.1f}"
    return f"{row.name:{_WIDTH}}{row.us / 1_000:9.1f}{'ms':>9}{limit}{_verdict(results, row)}"


def _process(row: Row) -> str:
    return " " * 12 if row.process_us is None else f"{row.process_us:12.2f}"


def _verdict(results: Results, row: Row) -> str:
    return "  OVER" if results.is_over(row) else ""
