"""Every way there is to call a tool: what holds, holds whichever way it is called."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agentguard import TimeoutConfig, guard


async def nothing_special(ctx, next):
    """An async middleware that only passes the call on; it makes a plain call go through the portal."""
    return await next(ctx)


@dataclass
class Way:
    """One way to call a tool, and the options that lead there."""

    name: str
    call: Callable[..., Any]
    """`call(tool, *args)` gives the value in the end."""
    is_async: bool = False
    """Whether the tool is a coroutine function."""
    options: dict[str, Any] = field(default_factory=dict)

    def tool(self, body: Callable[..., Any], **options: Any) -> Any:
        """A tool whose body is `body`, a plain function; as a coroutine function where this way needs one."""
        options = {**self.options, **options}
        if not self.is_async:
            return guard(body, name="tool", **options)

        async def abody(*args: Any, **kwargs: Any) -> Any:
            return body(*args, **kwargs)

        return guard(abody, name="tool", **options)

    @property
    def needs_no_loop(self) -> bool:
        """Whether it is a way from code that runs outside of any event loop."""
        return self.call in {plainly, by_call_sync}

    def __repr__(self) -> str:
        return self.name


def plainly(tool, *args):
    return tool(*args)


def inside_a_loop(tool, *args):
    async def main():
        return tool(*args)

    return asyncio.run(main())


def awaited(tool, *args):
    async def main():
        return await tool(*args)

    return asyncio.run(main())


def by_acall(tool, *args):
    async def main():
        return await tool.acall(*args)

    return asyncio.run(main())


def by_call_sync(tool, *args):
    return tool.call_sync(*args)


THROUGH_PORTAL = {"middleware": [nothing_special]}
TIMED = {"timeout": 5.0}
GRACE = {"timeout_config": TimeoutConfig(5.0, grace_seconds=1.0)}

SYNC_WAYS = [
    Way("plain", plainly),
    Way("plain, timed", plainly, options=TIMED),
    Way("plain, through the portal", plainly, options=THROUGH_PORTAL),
    Way("plain inside a loop", inside_a_loop),
    Way("plain inside a loop, timed", inside_a_loop, options=TIMED),
    Way("plain inside a loop, through the portal", inside_a_loop, options=THROUGH_PORTAL),
]
LOOP_WAYS = [
    Way("acall", by_acall),
    Way("acall, timed", by_acall, options=TIMED),
    Way("acall, with grace", by_acall, options=GRACE),
    Way("awaited", awaited, is_async=True),
    Way("awaited, timed", awaited, is_async=True, options=TIMED),
    Way("awaited, with grace", awaited, is_async=True, options=GRACE),
    Way("call_sync", by_call_sync, is_async=True),
    Way("call_sync, with grace", by_call_sync, is_async=True, options=GRACE),
]
WAYS = [*SYNC_WAYS, *LOOP_WAYS]
