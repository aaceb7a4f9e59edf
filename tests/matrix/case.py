"""One cell of the matrix: a kind of callable and a way to call it."""

import asyncio
import threading
from typing import Any

from agentguard import GuardedTool, guard
from agentguard.testing import FakeRuntime
from tests.layers.bodies import BoomError
from tests.matrix import ways
from tests.matrix.kinds import Body, Make
from tests.matrix.ways import Way


class Case:
    """Makes tools of one kind, and calls them one way. Time stands still but for pauses."""

    def __init__(self, make: Make, way: Way, clock: FakeRuntime) -> None:
        self._make = make
        self._way = way
        self.clock = clock
        self.body = Body()
        self.over = threading.Event()
        """Set at the end of the test, for bodies that hang until then."""

    @property
    def runs(self) -> list[Any]:
        """What the body was called with, each time."""
        return self.body.runs

    def guard(self, **options: Any) -> GuardedTool[..., Any, Any]:
        return self._make(guard(**options), self.body)

    def call(self, tool: Any, *args: Any, **kwargs: Any) -> Any:
        return self._way(tool, *args, **kwargs)

    def again(self, tool: Any, x: int) -> Any:
        """Call `tool` from inside its own body: the value, or what an async body awaits to get it."""
        return ways.awaited(tool(x)) if ways.is_async(tool) else ways.iterated(tool(x))

    def hang(self, tool: Any) -> Any:
        """What a body does that does not end: an awaitable where it can be cancelled."""
        return asyncio.sleep(30) if ways.is_async(tool) else self.over.wait(30)


def failing_first(times: int = 1) -> Any:
    """A body that raises `BoomError` so many times, and then gives its argument back."""
    left = [times]

    def act(x: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise BoomError
        return x

    return act
