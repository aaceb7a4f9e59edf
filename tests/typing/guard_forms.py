"""User code with `guard` in its forms, as type checkers see it. It is checked, never run."""

# pyright: reportUnnecessaryTypeIgnoreComment=true, reportUnusedFunction=false

import functools
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Generator, Iterator
from typing import Any, assert_type

from agentguard import GuardConfig, GuardedTool, RetryConfig, guard


@guard
def bare(query: str, limit: int = 10) -> list[str]:
    return [query] * limit


@guard(max_retries=3, timeout=5)
def with_options(query: str, *, exact: bool = False) -> dict[str, bool]:
    return {query: exact}


@guard()
async def coroutine(query: str) -> str:
    return query


@guard(config=GuardConfig(retry=RetryConfig(2)), name="search")
async def with_config(query: str) -> bytes:
    return query.encode()


def plain(x: int) -> float:
    return x / 2


as_a_function = guard(plain, validate_input=True)


@guard
def generator(count: int) -> Iterator[int]:
    yield from range(count)


@guard(record=True)
async def async_generator(count: int) -> AsyncIterator[int]:
    for n in range(count):
        yield n


@guard
def sending(count: int) -> Generator[int, str, bool]:
    got = yield count
    return bool(got)


@guard
async def async_sending(count: int) -> AsyncGenerator[int, str]:
    yield len((yield count))


def scale(factor: float, x: float) -> float:
    return factor * x


partial = guard(functools.partial(scale, 2.0))
anonymous = guard(lambda: 5)


class Adder:
    def __call__(self, x: int) -> int:
        return x + 1


callable_object = guard(Adder())


def sync_calls() -> None:
    assert_type(bare("q"), list[str])
    assert_type(bare("q", limit=3), list[str])
    assert_type(with_options("q", exact=True), dict[str, bool])
    assert_type(as_a_function(5), float)
    assert_type(generator(3), Iterator[int])
    assert_type(sending(3), Generator[int, str, bool])
    assert_type(partial(3.0), float)
    assert_type(anonymous(), int)
    assert_type(callable_object(3), int)
    assert_type(coroutine.call_sync("q"), str)
    assert_type(bare.call_sync("q"), list[str])


async def async_calls() -> None:
    pending: Coroutine[Any, Any, str] = coroutine("q")
    assert_type(await pending, str)
    assert_type(await with_config("q"), bytes)
    assert_type(await bare.acall("q"), list[str])
    assert_type(await coroutine.acall("q"), str)
    assert_type(await as_a_function.acall(5), float)
    assert_type(await partial.acall(3.0), float)
    assert_type(await callable_object.acall(3), int)
    async for item in async_generator(3):
        assert_type(item, int)
    async for item in await async_generator.acall(3):
        assert_type(item, int)
    async for item in await generator.acall(3):
        assert_type(item, int)
    stream = async_sending(3)
    assert_type(await stream.asend("x"), int)


def the_tools_themselves() -> None:
    tool: GuardedTool[[int], float, float] = as_a_function
    assert_type(tool(5), float)
    assert_type(as_a_function.name, str)
    assert_type(as_a_function.config, GuardConfig)
    assert_type(as_a_function.explain(), str)
    assert_type(as_a_function.schema(), dict[str, Any])
    assert_type(as_a_function.state(), dict[str, Any])
    assert_type(as_a_function.breaker.retry_after, float)


def wrong_arguments() -> None:
    bare()  # type: ignore[call-arg]
    bare(5)  # type: ignore[arg-type]
    bare("q", limit="many")  # type: ignore[arg-type]
    bare("q", 1, 2)  # type: ignore[call-arg]
    bare("q", unknown=True)  # type: ignore[call-arg]
    with_options("q", True)  # type: ignore[call-arg]
    as_a_function("5")  # type: ignore[arg-type]
    generator("3")  # type: ignore[arg-type]
    coroutine.call_sync(5)  # type: ignore[arg-type]


async def wrong_arguments_of_async_calls() -> None:
    await coroutine(5)  # type: ignore[arg-type]
    await bare.acall()  # type: ignore[call-arg]
    await bare.acall(5)  # type: ignore[arg-type]
    await coroutine.acall("q", "more")  # type: ignore[call-arg]


def wrong_options() -> None:
    guard(max_retrys=3)  # type: ignore[call-overload]
    guard(max_retries="3")  # type: ignore[call-overload]
    guard(plain, timeout="5")  # type: ignore[call-overload]
    guard(effect="destroy")  # type: ignore[call-overload]
    guard(5)  # type: ignore[call-overload]
