"""Striking a call at its n-th suspension, for every n there is, and looking at what it leaves behind.

`agentguard.testing.suspension` strikes; this runs a scenario anew, from nothing, for each suspension of its call.
"""

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

from agentguard.testing import run_virtual
from agentguard.testing.suspension import (
    Strike,
    Struck,
    cancel,
    cancel_with_the_result,
    close,
    struck_at,
    throw,
)

__all__ = ("cancel", "cancel_with_the_result", "close", "strike_everywhere", "struck_at", "throw")

Striker = Callable[[Awaitable[Any]], Awaitable[Struck]]
Scenario = Callable[[Striker], Awaitable[None]]
"""A coroutine function that sets up a tool, passes one call of it to the striker, and checks what is left."""


def strike_everywhere(scenario: Scenario, strike: Strike) -> int:
    """Run `scenario` anew for each suspension of its call; how many there were."""
    for number in itertools.count():
        seen: list[Struck] = []

        async def striker(work: Awaitable[Any], number: int = number, seen: list[Struck] = seen) -> Struck:
            seen.append(await struck_at(work, number, strike))
            return seen[0]

        run_virtual(scenario(striker))
        assert len(seen) == 1, "a scenario strikes exactly one call"
        if not seen[0].was_struck:
            return number
    raise AssertionError
