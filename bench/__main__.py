"""Prints what a guarded call costs, with the design's budgets, and what others cost. Exit code 1: over budget."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from bench.environments import PEERS, chosen, run_peer
from bench.meter import Scale, bare
from bench.results import Results, describe_machine
from bench.rows import TOPICS
from bench.table import our_table, peer_heading, peer_table, span_table


def main(arguments: list[str] | None = None) -> None:
    """Measure and print: ours first, then the peers, each in its own process."""
    options = _parse(arguments)
    results = _ours(options.rows, Scale())
    _print(our_table(results))
    if options.peers:
        results = _with_peers(results, options.peers)
    if options.json:
        results.save(options.json)
    if over := results.over():
        print(f"\nover budget: {'; '.join(over)}")
        raise SystemExit(1)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = ", ".join(PEERS)
    parser.add_argument("--peers", type=chosen, default=[], help=f"all, none, or some of {names}; none when not given")
    parser.add_argument("--rows", type=_topics, default=[*TOPICS], help=f"some of ours: {', '.join(TOPICS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="save the figures there")
    return parser.parse_args(arguments)


def _topics(names: str) -> list[str]:
    """The topics of our rows that are named, with commas between them."""
    wanted = names.split(",")
    if unknown := [name for name in wanted if name not in TOPICS]:
        msg = f"there are no rows {unknown[0]!r}"
        raise argparse.ArgumentTypeError(msg)
    return wanted


def _ours(topics: Iterable[str], scale: Scale) -> Results:
    rows = [bare(scale), *(row for topic in topics for row in TOPICS[topic](scale))]
    return Results(describe_machine(), scale.rounds, rows)


def _with_peers(results: Results, names: Iterable[str]) -> Results:
    print(peer_heading())
    for name in names:
        peer = run_peer(name)
        results = replace(results, peers=[*results.peers, peer])
        _print(peer_table(results, peer))
    _print(span_table(results))
    return results


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    main()
