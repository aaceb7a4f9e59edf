"""Writes saved figures into the documents, between `<!-- bench -->` and `<!-- /bench -->`, for `make bench-report`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.meter import Row
from bench.results import PeerRun, Results, is_call, load

ROOT = Path(__file__).resolve().parents[1]
_MARKED = re.compile(r"(?<=<!-- bench -->\n).*?(?=<!-- /bench -->)", re.DOTALL)


def main(figures: str) -> None:
    """Write the figures of the file `figures` into every document that shows some."""
    results = load(Path(figures))
    for path, write in DOCUMENTS.items():
        document = ROOT / path
        document.write_text(filled(document.read_text(encoding="utf-8"), write(results)), encoding="utf-8")


def filled(document: str, table: str) -> str:
    """The document with the table between its marks.

    Raises:
        ValueError: It does not have the marks exactly once.
    """
    text, count = _MARKED.subn(lambda _: table, document)
    if count != 1:
        msg = f"a document has {count} places for the figures instead of one"
        raise ValueError(msg)
    return text


def costs(results: Results) -> str:
    """What each row costs: ours with their budgets, the peers below."""
    return "\n".join([*_our_costs(results), "", *_peer_costs(results), "", _footnote(results), ""])


def contents(results: Results) -> str:
    """What each row includes, and what must be known about the peers."""
    lines = [
        f"{results.conditions}.",
        "",
        "### agentguard",
        "",
        *_contents(results.rows),
    ]
    for peer in results.peers:
        lines += ["", f"### {peer.name} {peer.version}".rstrip(), ""]
        lines += [f"Not measured: {peer.failure}."] if peer.failure else _peer_contents(peer)
    return "\n".join([*lines, ""])


DOCUMENTS: dict[str, Callable[[Results], str]] = {"README.md": costs, "docs/benchmarks.md": contents}
"""What is written into which document."""


def _our_costs(results: Results) -> Iterator[str]:
    yield "| agentguard | the caller | the process | in bare awaits | in spans | meant to be at most |"
    yield "|---|---:|---:|---:|---:|---|"
    for row in results.rows:
        figures = " | ".join(_figures(results, row, results.bare_us))
        yield f"| {row.name.strip()} | {figures} | {_limit(row)}{': not reached yet' if results.is_over(row) else ''} |"


def _peer_costs(results: Results) -> Iterator[str]:
    yield "| others, each in a process of its own | the caller | the process | in bare awaits | in spans |"
    yield "|---|---:|---:|---:|---:|"
    for peer in results.peers:
        if peer.failure:
            yield f"| {peer.name}: not measured, {peer.failure} | | | | |"
        for row in peer.rows:
            yield f"| {peer.name}: {row.name} | {' | '.join(_figures(results, row, peer.bare_us))} |"


def _figures(results: Results, row: Row, bare_us: float) -> Iterator[str]:
    """The cells of a row: caller, process, and the caller as a ratio to a bare await and to one span."""
    if not is_call(row):
        yield from (f"{row.us / 1_000:.0f} ms", "", "", "")
        return
    span_us = results.span_us()
    yield _microseconds(row.us)
    yield "" if row.process_us is None else _microseconds(row.process_us)
    yield f"{row.us / bare_us:,.0f}"
    yield _ratio(row.us / span_us) if span_us else ""


def _limit(row: Row) -> str:
    if row.limit_us is not None:
        return f"{row.limit_us:g} us" if is_call(row) else f"{row.limit_us / 1_000:.0f} ms"
    if row.limit_of_span is None:
        return ""
    process = "" if row.limit_process_of_span is None else f", the process {row.limit_process_of_span:.2f}"
    return f"{row.limit_of_span:.2f} spans{process}"


def _footnote(results: Results) -> str:
    return (
        f"{results.conditions}. A span is one of opentelemetry-sdk "
        "through its batch processor, with the same payload. [What each row includes](docs/benchmarks.md)."
    )


def _contents(rows: list[Row]) -> Iterator[str]:
    yield "| row | what is included | bodies run | records read back |"
    yield "|---|---|---:|---:|"
    for row in rows:
        runs, records = (f"{count:,}" if count else "" for count in (row.count_seen, row.records_seen))
        yield f"| {row.name.strip()} | {row.includes} | {runs} | {records} |"


def _peer_contents(peer: PeerRun) -> Iterator[str]:
    yield from _contents(peer.rows)
    if peer.note:
        yield ""
        yield f"{peer.note[0].upper()}{peer.note[1:]}."


def _microseconds(us: float) -> str:
    return f"{_ratio(us)} us"


def _ratio(number: float) -> str:
    """About three figures, which is what a run repeats."""
    decimals = 2 if number < 10 else 1 if number < 100 else 0
    return f"{number:,.{decimals}f}"


if __name__ == "__main__":
    main(*sys.argv[1:])
