"""tenacity: retries, as its documentation shows them."""

from __future__ import annotations

from collections.abc import Iterator

from bench.meter import Subject, awaiting, calling
from bench.program import RETRIES, Counter, echoes, forbid_network, report

forbid_network()

from tenacity import retry, stop_after_attempt, wait_random_exponential  # noqa: E402 - after the network is closed


def subjects() -> Iterator[Subject]:
    counter = Counter()
    echo, aecho = echoes(counter)
    retrying = retry(stop=stop_after_attempt(RETRIES + 1), wait=wait_random_exponential(multiplier=1, max=60))
    includes = "`@retry(stop=stop_after_attempt(4), wait=wait_random_exponential(multiplier=1, max=60))`"
    yield Subject("retries, async", awaiting(retrying(aecho)), counter.ran, includes)
    yield Subject("retries, sync", calling(retrying(echo)), counter.ran, includes)


if __name__ == "__main__":
    report("tenacity", subjects(), note="retries, and nothing else")
