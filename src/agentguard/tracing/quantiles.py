"""Quantiles of many durations in little memory."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections import Counter
from itertools import accumulate
from typing import Final

MOST_EXACT: Final = 10_000
"""So many durations are kept as they are (80 kB); beyond that, each is known within half a percent."""

_ACCURACY: Final = 0.005
_GAMMA: Final = (1 + _ACCURACY) / (1 - _ACCURACY)
_LOG_GAMMA: Final = math.log(_GAMMA)
_SHORTEST: Final = 1e-9
"""Durations below a nanosecond count as one."""


class Durations:
    """Durations in seconds, taken one by one.

    Few are kept exactly. Many are counted in buckets that grow geometrically, so that a quantile is off by at most
    0.5 % of itself: DDSketch, Masson, Rim and Lee, VLDB 2019 (https://arxiv.org/abs/1908.10693). From a nanosecond to a
    year these are 3,800 buckets.
    """

    def __init__(self) -> None:
        self.count = 0
        """How many were taken."""
        self.longest: float | None = None
        """The longest of them; None without any."""
        self._exact = array("d")
        self._buckets: Counter[int] | None = None

    def add(self, seconds: float) -> None:
        """Take one more."""
        self.count += 1
        if self.longest is None or seconds > self.longest:
            self.longest = seconds
        if self._buckets is not None:
            self._buckets[_bucket(seconds)] += 1
            return
        self._exact.append(seconds)
        if len(self._exact) > MOST_EXACT:
            self._buckets = Counter(map(_bucket, self._exact))
            self._exact = array("d")

    def quantiles(self, *shares: float) -> list[float | None]:
        """For each share (0.5 is the median) the duration that so many did not exceed; None without any.

        The nearest rank: where they are exact, durations that really occurred.
        """
        if self.longest is None:
            return [None] * len(shares)
        ranks = [max(1, math.ceil(share * self.count)) for share in shares]
        if self._buckets is None:
            ordered = sorted(self._exact)
            return [ordered[rank - 1] for rank in ranks]
        return [min(self.longest, self._at(rank)) for rank in ranks]

    def _at(self, rank: int) -> float:
        buckets = sorted((self._buckets or {}).items())
        reached = list(accumulate(number for _, number in buckets))
        bucket, _ = buckets[bisect_left(reached, rank)]
        # The middle of the bucket, measured in shares of it.
        return 2 * _GAMMA**bucket / (_GAMMA + 1)


def _bucket(seconds: float) -> int:
    return math.ceil(math.log(max(seconds, _SHORTEST)) / _LOG_GAMMA)
