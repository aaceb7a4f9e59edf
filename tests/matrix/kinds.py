"""Every kind of callable, guarded: each has one parameter `x: int` and comes to one `int`."""

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

Make = Callable[[Any, "Body"], Any]


class Body:
    """What every kind of callable runs: it notes each run, and then does as the test says."""

    def __init__(self, act: Callable[[Any], Any] = lambda x: x) -> None:
        self.runs: list[Any] = []
        self.act = act

    def run(self, x: Any) -> Any:
        self.runs.append(x)
        return self.act(x)

    async def arun(self, x: Any) -> Any:
        value = self.run(x)
        return await value if inspect.isawaitable(value) else value


def function(guarded: Any, body: Body) -> Any:
    @guarded
    def tool(x: int) -> int:
        return body.run(x)

    return tool


def coroutine_function(guarded: Any, body: Body) -> Any:
    @guarded
    async def tool(x: int) -> int:
        return await body.arun(x)

    return tool


def generator_function(guarded: Any, body: Body) -> Any:
    @guarded
    def tool(x: int) -> Iterator[int]:
        yield body.run(x)

    return tool


def async_generator_function(guarded: Any, body: Body) -> Any:
    @guarded
    async def tool(x: int) -> AsyncIterator[int]:
        yield await body.arun(x)

    return tool


def method(guarded: Any, body: Body) -> Any:
    class Holder:
        @guarded
        def tool(self, x: int) -> int:
            assert isinstance(self, Holder)
            return body.run(x)

    return Holder().tool


def async_method(guarded: Any, body: Body) -> Any:
    class Holder:
        @guarded
        async def tool(self, x: int) -> int:
            assert isinstance(self, Holder)
            return await body.arun(x)

    return Holder().tool


def static_method(guarded: Any, body: Body) -> Any:
    class Holder:
        @guarded
        @staticmethod
        def tool(x: int) -> int:
            return body.run(x)

    return Holder().tool


def class_method(guarded: Any, body: Body) -> Any:
    class Holder:
        @guarded
        @classmethod
        def tool(cls, x: int) -> int:
            assert cls is Holder
            return body.run(x)

    return Holder.tool


def partial(guarded: Any, body: Body) -> Any:
    def tool(first: str, x: int) -> int:
        assert first == "bound"
        return body.run(x)

    return guarded(functools.partial(tool, "bound"))


def partial_of_coroutine_function(guarded: Any, body: Body) -> Any:
    async def tool(first: str, x: int) -> int:
        assert first == "bound"
        return await body.arun(x)

    return guarded(functools.partial(tool, "bound"))


def callable_object(guarded: Any, body: Body) -> Any:
    class Tool:
        def __call__(self, x: int) -> int:
            return body.run(x)

    return guarded(Tool())


def async_callable_object(guarded: Any, body: Body) -> Any:
    class Tool:
        async def __call__(self, x: int) -> int:
            return await body.arun(x)

    return guarded(Tool())


def a_lambda(guarded: Any, body: Body) -> Any:
    tool = lambda x: body.run(x)
    tool.__annotations__ = {"x": int, "return": int}
    return guarded(tool)


KINDS: tuple[Make, ...] = (
    function,
    coroutine_function,
    generator_function,
    async_generator_function,
    method,
    async_method,
    static_method,
    class_method,
    partial,
    partial_of_coroutine_function,
    callable_object,
    async_callable_object,
    a_lambda,
)
