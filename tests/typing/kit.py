"""What checkers see of `agentguard.testing`: a scripted function is typed as the function itself."""

from collections.abc import Iterator
from typing import assert_type

from agentguard import guard
from agentguard.testing import (
    Calls,
    ChaosMiddleware,
    FakeRuntime,
    cancel_everywhere,
    fail_times,
    hang,
    record_calls,
    run_virtual,
    slow_by,
)


def search(query: str, limit: int = 5) -> list[str]:
    return [query] * limit


async def fetch(url: str) -> bytes:
    return url.encode()


def items(count: int) -> Iterator[int]:
    yield from range(count)


assert_type(fail_times(2, OSError)(search)("tea", limit=2), list[str])
assert_type(guard(max_retries=3)(fail_times(2, [OSError("down"), KeyError])(search))("tea"), list[str])
assert_type(run_virtual(guard(slow_by(3)(fetch))("url")), bytes)
assert_type(hang()(items)(3), Iterator[int])
fail_times(1, then=hang())(search)("tea", limit="2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
guard(middleware=[ChaosMiddleware(seed=1)])(search)

with FakeRuntime() as clock, record_calls() as calls:
    assert_type(clock.sleeps, list[float])
    assert_type(calls, Calls)
    assert_type(calls.of("search"), Calls)
    assert_type(calls.one("search", query="tea").call.tool_name, str)

assert_type(len(cancel_everywhere(lambda: fetch("url"))), int)
