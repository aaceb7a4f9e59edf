"""What a guarded tool is to those who hold it: like its function to `inspect`, and open about itself."""

import asyncio
import functools
import inspect
import pickle
from collections.abc import AsyncIterator, Iterator

import pytest

from agentguard import ConfigError, GuardConfig, WouldDeadlockError, current_call, guard
from tests.layers.bodies import BoomError, Script
from tests.matrix.kinds import KINDS, Body
from tests.matrix.ways import WAYS, Way


@guard(name="looked up by name")
def pickled(x: int) -> int:
    """Doubles."""
    return x * 2


def documented(query: str, limit: int = 10, *, exact: bool = False) -> list[str]:
    """Search for something."""
    return [query] * limit


def make(guarded):
    class Holder:
        @guarded
        def function(self): ...
        @guarded
        async def coroutine(self): ...
        @guarded
        def generator(self):
            yield

        @guarded
        async def async_generator(self):
            yield

    return Holder


ASKED = (
    inspect.iscoroutinefunction,
    inspect.isasyncgenfunction,
    inspect.isgeneratorfunction,
)


@pytest.mark.parametrize("ask", ASKED, ids=lambda ask: ask.__name__)
@pytest.mark.parametrize("name", ["function", "coroutine", "generator", "async_generator"])
def test_inspect_answers_as_for_the_function_itself(ask, name):
    plain, guarded = make(lambda fn: fn), make(guard)
    assert ask(getattr(guarded, name)) == ask(getattr(plain, name))
    assert ask(getattr(guarded(), name)) == ask(getattr(plain(), name))


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_inspect_tells_the_truth_about_every_kind(make):
    tool = make(guard, Body())
    name = make.__name__
    assert inspect.iscoroutinefunction(tool) == (
        name.startswith(("coroutine", "async_m", "async_c")) or "of_coroutine" in name
    )
    assert inspect.isasyncgenfunction(tool) == (name == "async_generator_function")
    assert inspect.isgeneratorfunction(tool) == (name == "generator_function")


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_the_signature_of_every_kind_is_what_a_caller_gives(make):
    assert list(inspect.signature(make(guard, Body())).parameters) == ["x"]


def test_signature_name_doc_and_annotations_are_kept():
    tool = guard(documented)
    assert inspect.signature(tool) == inspect.signature(documented)
    assert (tool.__name__, tool.__qualname__, tool.__module__) == ("documented", "documented", __name__)
    assert inspect.getdoc(tool) == "Search for something."
    assert tool.__annotations__ == documented.__annotations__
    assert inspect.unwrap(tool) is documented


def test_defaults_are_kept():
    tool = guard(documented)
    assert (tool.__defaults__, tool.__kwdefaults__) == ((10,), {"exact": False})


def test_a_name_of_its_own_is_shown_everywhere():
    tool = guard(documented, name="search")
    assert (tool.name, tool.__name__) == ("search", "search")
    assert "search" in repr(tool)


def test_repr_shows_the_signature():
    assert repr(guard(documented)) == f"<GuardedTool documented{inspect.signature(documented)}>"


def test_a_tool_is_pickled_by_its_name():
    assert pickle.loads(pickle.dumps(pickled)) is pickled


def test_fn_original_and_config_are_what_was_given():
    config = GuardConfig(max_retries=1)
    tool = guard(documented, config=config)
    assert tool.fn is tool.original is documented
    assert tool.config is config


@pytest.mark.parametrize("call", WAYS, ids=lambda way: way.__name__)
def test_the_functions_attributes_are_not_lost(call: Way):
    def body():
        return current_call().tool.fn.price

    body.price = 5
    assert call(guard(body)) == 5


def test_a_tool_on_an_instance_is_not_bound():
    class Holder:
        pass

    holder = Holder()
    holder.tool = guard(lambda x: x)
    assert holder.tool(5) == 5


def test_a_tool_may_be_partially_applied():
    assert functools.partial(guard(documented), "q")(1) == ["q"]


def test_a_tool_may_be_a_keyword_named_like_its_own_parameters():
    tool = guard(lambda **kwargs: kwargs)
    assert tool(self=1, func=2, call=3, args=4, kwargs=5, name=6) == {
        "self": 1, "func": 2, "call": 3, "args": 4, "kwargs": 5, "name": 6
    }  # fmt: skip


def test_a_plain_call_of_a_function_that_returns_an_awaitable_names_acall():
    async def inner():
        return "ok"

    tool = guard(lambda: inner(), name="lazy")
    with pytest.raises(ConfigError, match=r"tool\.acall"):
        tool()
    assert asyncio.run(tool.acall()) == "ok"


def test_a_generators_return_value_is_kept():
    def body():
        yield 1
        return "end"

    def consume():
        return (yield from guard(body)())

    stream = consume()
    next(stream)
    with pytest.raises(StopIteration) as ended:
        next(stream)
    assert ended.value.value == "end"


def test_a_generator_takes_what_is_sent_and_thrown():
    def body() -> Iterator[str]:
        got = yield "first"
        try:
            yield f"got {got}"
        except BoomError:
            yield "caught"

    stream = guard(body)()
    assert [next(stream), stream.send("this"), stream.throw(BoomError())] == ["first", "got this", "caught"]


def test_an_async_generator_takes_what_is_sent_and_thrown():
    async def body() -> AsyncIterator[str]:
        got = yield "first"
        try:
            yield f"got {got}"
        except BoomError:
            yield "caught"

    async def main():
        stream = guard(body)()
        return [await anext(stream), await stream.asend("this"), await stream.athrow(BoomError())]

    assert asyncio.run(main()) == ["first", "got this", "caught"]


def test_call_sync_inside_the_portal_would_deadlock_and_says_so():
    async def inner():
        return "ok"

    inner_tool = guard(inner)

    async def body():
        return inner_tool.call_sync()

    with pytest.raises(WouldDeadlockError, match="acall"):
        guard(body).call_sync()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("call", WAYS[:1] + WAYS[3:], ids=lambda way: way.__name__)
def test_what_is_no_exception_passes_as_the_same_object(error, call: Way):
    mine = error("mine")
    with pytest.raises(error) as caught:
        call(guard(Script(mine)))
    assert caught.value is mine


@pytest.mark.parametrize("call", WAYS, ids=lambda way: way.__name__)
def test_a_stop_iteration_of_the_tools_own_passes(call: Way):
    with pytest.raises((StopIteration, RuntimeError)):
        call(guard(Script(StopIteration("mine"))))
