"""`NumberRange`: which numbers are usual in one place."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Sequence
from math import inf, nan
from typing import Final

from agentguard.policies.surprise import is_doubtful, is_sure

SAMPLE: Final = 64
"""Recent numbers kept for the middle: its error is an eighth of their spread, and the bounds are far wider."""

GENERATION: Final = 20_000
"""Numbers after which extremes not seen again begin to be forgotten: a fortnight of calls, one a minute. A week has
to fit into it, or every Monday would be news."""

_BLOCK: Final = 32
_RECORDS: Final = 4
"""New extremes in a block of 32 that make a number one that grows. Of numbers that come in any order, the n-th is the
highest so far once in n times (Rényi 1962): from the second block on, 0.7 in a block; of an increasing one, all."""

_FAR: Final = 16.0
"""How far a number may go that often goes further than ever, in multiples of the way it has come."""

_FEWEST_STEPS: Final = 8
_STEPS_PER_FALL: Final = 50
_FORGET_STEPS: Final = 1_024

_WINDOW: Final = 16
_AGREEING: Final = 8
"""Refused numbers, of the latest 16, that make a new level if they agree: half. At one broken answer in ten, eight of
16 come together once in 10,000."""
_ALL: Final = (1 << 32) - 1
"""32 refused in a row are the new level even if they do not agree."""

_WIDE: Final = 4.0


class NumberRange:
    """Learns the range of the numbers in one place, and widens it by what it has seen of their spread.

    A number is unusual when it is further from the middle than twice the furthest seen (of positive numbers as a
    ratio, so that long tails stay usual). Numbers that only grow, or only fall, are never unusual.
    """

    __slots__ = (
        "_are_lengths",
        "_before",
        "_bottom",
        "_doubted",
        "_falls",
        "_highs",
        "_is_open",
        "_is_whole",
        "_last",
        "_lows",
        "_middle",
        "_recent",
        "_rises",
        "_sample",
        "_top",
        "_young_bottom",
        "_young_top",
        "count",
        "high",
        "low",
        "strikes",
    )

    def __init__(self, *, are_lengths: bool = False) -> None:
        self._are_lengths = are_lengths
        self.low = -inf
        """The lowest usual number."""
        self.high = inf
        """The highest usual number."""
        self.count = 0
        """Numbers learned."""
        self._before = 0
        self.strikes = 0
        """Unusual ones, before it was sure."""
        self._top = self._young_top = -inf
        self._bottom = self._young_bottom = inf
        self._middle = 0.0
        self._is_whole = self._is_open = True
        self._sample = array("d")
        self._last = nan  # neither above nor below anything
        self._rises = self._falls = self._highs = self._lows = 0
        self._recent = 0
        self._doubted: deque[float] = deque(maxlen=_WINDOW)

    def is_unusual(self, number: float) -> bool:
        """Whether `number` is worth a doubt."""
        return not self.low <= number <= self.high and is_doubtful(
            self.strikes, self.count + self.strikes, self._before
        )

    def learn(self, number: float) -> None:
        """A believed answer had `number`."""
        count = self.count = self.count + 1
        last = self._last
        if number != last:
            if number > last:
                self._rises += 1
            elif number < last:
                self._falls += 1
            self._last = number
            if number > self._young_top or number < self._young_bottom:
                self._widen(number)
        if self._recent:
            self._recent = (self._recent << 1) & _ALL
        # All of the first, then one in four: enough for the middle, at a quarter of the cost.
        if count <= SAMPLE or not count & 3:
            self._keep(number)
        if not count % _BLOCK:
            self._review()

    def doubt(self, number: float) -> bool:
        """An answer was refused for `number`. Whether that settles it: this is a new level, and from now on usual."""
        if not is_sure(self.strikes, self.count + self.strikes):
            self._before = self._before or self.count
            self.strikes += 1
        self._doubted.append(number)
        self._recent = (self._recent << 1 | 1) & _ALL
        if self._recent != _ALL and not self._is_new_level():
            return False
        self._before = 0
        for each in self._doubted:
            self.learn(each)
        self._doubted.clear()
        self._recent = 0
        self._review()
        return True

    def quantiles(self) -> list[float]:
        """The lowest, every fifth of the recent ones, and the highest."""
        if not self.count:
            return []
        ordered = sorted(self._sample)
        inner = [ordered[index * (len(ordered) - 1) // 5] for index in range(6)]
        return [float(self._bottom), *inner, float(self._top)]

    def restore(self, quantiles: Sequence[float], *, count: int, rises: int, falls: int) -> None:
        """Become what gave these `quantiles` after `count` numbers."""
        inner = quantiles[1:-1]
        each_so_often = SAMPLE // len(inner)
        self._sample = array("d", [each for each in inner for _ in range(each_so_often)])
        self._bottom = self._young_bottom = quantiles[0]
        self._top = self._young_top = quantiles[-1]
        self._rises, self._falls = rises, falls
        self._sample.extend([inner[len(inner) // 2]] * (SAMPLE - len(self._sample)))
        self.count = max(count, SAMPLE)
        self._review()
        self.count = count

    @property
    def steps(self) -> tuple[int, int]:
        """How often the number rose and fell from one answer to the next."""
        return self._rises, self._falls

    @property
    def is_growing(self) -> bool:
        """Whether it only rises or only falls, as ids and timestamps do."""
        fewer, more = sorted((self._rises, self._falls))
        return more >= max(_FEWEST_STEPS, _STEPS_PER_FALL * fewer)

    @property
    def seen(self) -> tuple[float, float]:
        """The lowest and the highest number believed."""
        return self._bottom, self._top

    def _keep(self, number: float) -> None:
        if len(self._sample) < SAMPLE:
            self._sample.append(number)
        else:
            self._sample[(self.count >> 2) % SAMPLE] = number

    def _widen(self, number: float) -> None:
        if number > self._young_top:  # noqa: PLR1730 - ids and timestamps come here each time; `max` takes thrice as long
            self._young_top = number
        if number < self._young_bottom:  # noqa: PLR1730 - as above
            self._young_bottom = number
        if number > self._top:
            self._top = number
            self._highs += 1
        elif number >= self._bottom:
            return
        if number < self._bottom:
            self._bottom = number
            self._lows += 1
        if not self._is_open:
            low, high = self._bounds()
            # Only ever wider, unless they were open for want of knowledge.
            self.low = low if self.low == -inf else min(self.low, low)
            self.high = high if self.high == inf else max(self.high, high)

    def _review(self) -> None:
        """Look at the sample again: the middle, and whether the numbers grow."""
        ordered = sorted(self._sample)
        self._middle = ordered[len(ordered) // 2]
        self._is_whole = all(each.is_integer() for each in ordered)
        self._is_open = self.is_growing
        self.low, self.high = (-inf, inf) if self._is_open else self._bounds()
        room = _FAR * (self._top - self._bottom)
        if self._highs >= _RECORDS:
            self.high = max(self.high, self._top + room)
        if self._lows >= _RECORDS:
            self.low = min(self.low, self._bottom - room)
        self._highs = self._lows = 0
        if self._rises + self._falls > _FORGET_STEPS:
            self._rises //= 2
            self._falls //= 2
        if not self.count % (GENERATION // _BLOCK * _BLOCK):
            self._bottom, self._top = self._young_bottom, self._young_top
            self._young_bottom = self._young_top = self._middle

    def _bounds(self) -> tuple[float, float]:
        bottom, top = self._bottom, self._top
        # The sample may be older than the ends.
        middle = min(max(self._middle, bottom), top)
        if bottom == top:
            low, high = _around(top, 2.0 if self._are_lengths else 10.0)
        elif bottom > 0:
            low, high = (0.0 if bottom * _WIDE < middle else bottom * (bottom / middle)), top * (top / middle)
        elif top < 0:
            low, high = bottom * (bottom / middle), (0.0 if top * _WIDE > middle else top * (top / middle))
        else:
            # Both signs, or zero: no ratio to go by, so the distance counts, four times.
            low, high = middle - _WIDE * (middle - bottom), middle + _WIDE * (top - middle)
        if self._is_whole:
            # Small counts: after 0, 0, 0 and 1 a 7 is no news.
            high = max(high, top + abs(top) + 10)
            if not self._are_lengths:
                low = min(low, bottom - abs(bottom) / 2 - 10)
        return low, high

    def _is_new_level(self) -> bool:
        """Whether enough of the latest were refused, for numbers like each other."""
        if (self._recent & ((1 << _WINDOW) - 1)).bit_count() < _AGREEING:
            return False
        latest = sorted(list(self._doubted)[-_AGREEING:])
        lowest, highest = latest[0], latest[-1]
        if highest - lowest <= 2 * (self._top - self._bottom):
            return True
        usual = self._top / self._bottom if self._bottom > 0 else _WIDE**2
        ratio = highest / lowest if lowest > 0 else (lowest / highest if highest < 0 else inf)
        return ratio <= max(_WIDE, usual)


def _around(only: float, times: float) -> tuple[float, float]:
    """Bounds around the only number ever seen: so many times more or less; zero says nothing about its unit."""
    if only == 0:
        return -inf, inf
    ends = sorted((only / times, only * times))
    return ends[0], ends[1]
