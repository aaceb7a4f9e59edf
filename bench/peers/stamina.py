"""stamina: retries, as its documentation shows them."""

from __future__ import annotations

from collections.abc import Iterator

from bench.meter import Subject, awaiting, calling
from bench.program import RETRIES, Counter, echoes, forbid_network, report

forbid_network()

import stamina  # noqa: E402 - after the network is closed


def subjects() -> Iterator[Subject]:
    counter = Counter()
    echo, aecho = echoes(counter)
    retrying = stamina.retry(on=ConnectionError, attempts=RETRIES + 1)
    includes = "`@stamina.retry(on=ConnectionError, attempts=4)`"
    yield Subject("retries, async", awaiting(retrying(aecho)), counter.ran, includes)
    yield Subject("retries, sync", calling(retrying(echo)), counter.ran, includes)


if __name__ == "__main__":
    report("stamina", subjects(), note="retries with its time-out over all attempts, and nothing else")
