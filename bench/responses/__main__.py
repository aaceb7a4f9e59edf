"""Prints how many answers of healthy tools are flagged, and how many broken ones are caught.

python -m bench.responses [--seeds 10] [--first-seed 20000] [--calls 4000] [--reasons]
"""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from collections.abc import Iterable
from functools import reduce
from itertools import product
from operator import add
from typing import Any

from bench.responses.broken import BREAKS, TOOLS
from bench.responses.healthy import HEALTHY
from bench.responses.play import LEARNED, Rate, play_broken, play_healthy

MOST_FALSE = 0.01
LEAST_CAUGHT = {"missing field": 1.0, "error body": 0.95}
NEVER_FLAGGED = "increasing ids"
TEXT_TOOL = "summary"


def main() -> None:
    """Play everything and print; exit code 1 when a bound is broken."""
    options = _options()
    # Each drift is logged, as it should be; here they are expected.
    logging.getLogger("agentguard").setLevel(logging.ERROR)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    print(f"seeds {seeds[0]} to {seeds[-1]}; guard(response_profile=ResponseProfile(learn=True)) for every tool\n")
    _print_row("healthy answers, from the first call on", "flagged", "of", "bound", "worst seed")
    good = [_print_healthy(kind, seeds, options) for kind in HEALTHY if options.only in kind]
    print()
    _print_row(
        f"broken answers, 1 in 20, after {LEARNED} calls", "caught", "of", "bound", "false flags", "of plain texts"
    )
    good += [_print_broken(how, seeds, options) for how in BREAKS if options.only in how]
    if not all(good):
        raise SystemExit(1)


def _options() -> Any:
    parser = argparse.ArgumentParser(prog="python -m bench.responses", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="how many")
    parser.add_argument("--first-seed", type=int, default=20_000)
    parser.add_argument("--calls", type=int, default=4_000)
    parser.add_argument("--reasons", action="store_true", help="show what was flagged wrongly and what was missed")
    parser.add_argument("--only", default="", help="only the kinds whose name has this in it")
    return parser.parse_args()


def _print_row(*columns: str, is_good: bool = True) -> None:
    name, *others = columns
    print(f"{name:42}" + "".join(f"{each:>15}" for each in others) + ("" if is_good else "   BROKEN"), flush=True)


def _print_healthy(kind: str, seeds: range, options: Any) -> bool:
    reasons: list[str] = []
    rates = [play_healthy(kind, seed, options.calls, reasons) for seed in seeds]
    rate, worst = reduce(add, rates), max(each.share for each in rates)
    most = 0.0 if kind == NEVER_FLAGGED else MOST_FALSE
    is_good = rate.share <= most
    _print_row(kind, f"{rate.share:.3%}", str(rate.of), f"<= {most:.0%}", f"{worst:.3%}", is_good=is_good)
    if options.reasons:
        _print_most_common(reason.partition(": ")[2] for reason in reasons)
    return is_good


def _print_broken(how: str, seeds: range, options: Any) -> bool:
    missed: list[Any] = []
    caught, false, of_texts = Rate(0, 0), Rate(0, 0), Rate(0, 0)
    for tool, seed in product(TOOLS, seeds):
        found, wrongly = play_broken(how, tool, seed, options.calls // 4, missed)
        caught, false = caught + found, false + wrongly
        of_texts += found if tool == TEXT_TOOL else Rate(0, 0)
    least = LEAST_CAUGHT.get(how)
    is_good = caught.share >= (least or 0.0) and false.share <= MOST_FALSE
    bound = "" if least is None else f">= {least:.0%}"
    texts = f"{of_texts.share:.1%}" if of_texts.of else ""
    _print_row(how, f"{caught.share:.2%}", str(caught.of), bound, f"{false.share:.3%}", texts, is_good=is_good)
    if options.reasons:
        _print_most_common(map(repr, missed))
    return is_good


def _print_most_common(texts: Iterable[str]) -> None:
    for text, count in Counter(text[:110] for text in texts).most_common(30):
        print(f"      {count:5} {text}")


if __name__ == "__main__":
    main()
