"""When something never, or hardly ever, seen before is worth a doubt."""

from __future__ import annotations

from typing import Final

SURE_AFTER: Final = 300
"""Answers after which what never happened is doubted for good. The rule of three: what was not seen in 300 answers
happens, with 95 % confidence, in less than 3/300 = 1 % of them (Hanley and Lippman-Hand, JAMA 249(13), 1983). So a
healthy tool is refused in less than 1 % of its answers, whatever rare thing it has yet to show."""

_SURE_AFTER_EACH: Final = 175
"""More answers for each time that it did happen: the same 95 % bound of a Poisson count, which is 3.0, 4.7, 6.3, 7.8
for 0, 1, 2, 3 events, drawn as a straight line that lies above it up to 20."""

FIRST_DOUBTS: Final = 50
"""Answers after which it is doubted too, but only `STRIKES` times: then it counts as seen. Fewer answers show too
little; with 50, what happens in a tenth of them has been seen with 99.5 %."""

STRIKES: Final = 3
"""How often something may be doubted that is not yet sure, so that early doubts cost a healthy tool little: three
answers, if it may have been there all along."""

_SUDDEN: Final = 0.05
MORE_STRIKES: Final = 10
"""How often, if it came so late and then so often that this had a chance of 5 %, had it been as frequent all along."""

_IMPOSSIBLE: Final = 1e-4
"""At this chance there is no limit: the tool has broken early."""


def is_sure(seen: int, total: int) -> bool:
    """Whether what was seen `seen` times in `total` answers happens in less than 1 % of them, with 95 % confidence."""
    return total >= SURE_AFTER + _SURE_AFTER_EACH * seen


def is_doubtful(seen: int, total: int, before: int = 0) -> bool:
    """Whether it is worth a doubt, for good or for the time being.

    Args:
        seen: How often it was seen, doubted or not.
        total: In how many answers.
        before: Answers before the first doubt, if it never was seen before that; else 0.
    """
    if is_sure(seen, total) or (seen < STRIKES and total >= FIRST_DOUBTS * (seen + 1)):
        return True
    if before < FIRST_DOUBTS:
        return False
    # Each one but the first falls into the later answers with this share as its chance.
    chance = ((total - before) / total) ** (seen - 1)
    return chance < (_SUDDEN if seen < MORE_STRIKES else _IMPOSSIBLE)
