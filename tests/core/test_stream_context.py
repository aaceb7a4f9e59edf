"""Generator tools: context lives inside the steps, and neither leaks to the consumer nor gets lost between them."""

import asyncio
import contextvars
from decimal import Decimal, localcontext

import pytest

from agentguard import ResponseProfile, current_call, guard


async def nothing_special(ctx, next):
    return await next(ctx)


LAYERS = {
    "nothing on": {},
    "in threads": {"timeout": 5.0},
    "through the portal": {"middleware": [nothing_special]},
    "layers": {"concurrency": 1, "max_retries": 1, "validate_output": True, "loop_guard": True, "output_limit": 1_000},
}


@pytest.fixture(params=LAYERS.values(), ids=LAYERS)
def options(request):
    return request.param


place = contextvars.ContextVar("place", default="nowhere")


def setting():
    token = place.set("inside")
    yield place.get()
    yield place.get()
    place.reset(token)
    yield place.get()


def test_what_a_step_sets_is_there_in_the_next_one(options):
    assert list(guard(setting, **options)()) == ["inside", "inside", "nowhere"]


def test_what_a_step_sets_is_there_in_the_next_one_by_acall(options):
    async def main():
        return [item async for item in await guard(setting, **options).acall()]

    assert asyncio.run(main()) == ["inside", "inside", "nowhere"]


async def somewhere(ctx, next):
    token = place.set("in the middleware")
    result = await next(ctx)
    place.reset(token)
    return result


def test_what_an_async_middleware_sets_lasts_over_the_steps_of_a_stream(options):
    def items():
        yield 1
        yield 2

    tool = guard(items, **{**options, "middleware": [somewhere]})
    assert list(tool()) == [1, 2]
    assert place.get() == "nowhere"


def test_what_a_step_in_a_thread_sets_does_not_leak_into_the_consumer():
    async def main():
        async for _ in await guard(setting).acall():
            assert place.get() == "nowhere"

    asyncio.run(main())


def test_a_local_decimal_context_lasts_over_the_steps_of_a_stream(options):
    def thirds():
        with localcontext() as context:
            context.prec = 3
            yield Decimal(1) / 3
            yield Decimal(1) / 3

    async def main():
        return [item async for item in await guard(thirds, **options).acall()]

    assert list(guard(thirds, **options)()) == asyncio.run(main()) == [Decimal("0.333")] * 2


def test_the_consumer_s_own_calls_are_not_calls_of_the_stream(options):
    seen = []

    def tool():
        seen.append(current_call().tool_name)
        yield 1
        seen.append(current_call().tool_name)
        yield 2

    for _ in guard(tool, **options)():
        assert current_call() is None
    assert seen == ["tool", "tool"]


def test_two_interleaved_streams_each_know_their_own_call(options):
    def tool(name):
        while True:
            yield name, current_call().kwargs["name"]

    guarded = guard(tool, **{**options, "concurrency": 2, "validate_output": False})
    one, two = guarded(name="one"), guarded(name="two")
    assert [next(one), next(two), next(one), next(two)] == [("one", "one"), ("two", "two")] * 2
    two.close()
    assert next(one) == ("one", "one")
    one.close()


def test_item_checks_see_the_item_before_it_is_cut():
    # As for a function, where truncation is the outermost stage.
    @guard(output_limit=100, response_profile=ResponseProfile(patterns=["x{500}"]))
    def tool():
        yield {"text": "x" * 500}

    [item] = tool()
    assert len(item["text"]) < 500
