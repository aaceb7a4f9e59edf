"""`MiddlewareChain`: the user's own middleware, sync and async mixed, around a tool."""

import pytest

from agentguard import ConfigError, GuardMiddleware, MiddlewareChain, ToolCall, ToolResult, guard
from tests.matrix.ways import WAYS, Way

call_ways = pytest.mark.parametrize("call", WAYS, ids=lambda way: way.__name__)


def noting(log, name):
    async def middleware(ctx, next):
        log.append(f"{name} in")
        result = await next(ctx)
        log.append(f"{name} out")
        return result

    return middleware


@call_ways
def test_middleware_wraps_in_the_order_of_use(call: Way):
    log: list[str] = []
    chain = MiddlewareChain()
    chain.use(noting(log, "outer")).use(noting(log, "inner"))
    call(guard(lambda: log.append("body"), middleware=chain))
    assert log == ["outer in", "inner in", "body", "inner out", "outer out"]


@call_ways
def test_sync_and_async_middleware_mix_freely(call: Way):
    log: list[str] = []

    def passing(ctx, next):
        log.append("sync")
        return next(ctx)

    chain = MiddlewareChain([passing, noting(log, "async"), passing])
    assert call(guard(lambda x: x.upper(), middleware=chain), "a") == "A"
    assert log == ["sync", "async in", "sync", "async out"]


@call_ways
def test_a_sequence_will_do_as_well(call: Way):
    log: list[str] = []
    call(guard(lambda: None, middleware=[noting(log, "only")]))
    assert log == ["only in", "only out"]


@call_ways
@pytest.mark.parametrize("value", ["cached", None, {"a": 1}, 0])
def test_a_value_of_its_own_takes_the_tools_place(value, call: Way):
    runs: list[int] = []
    tool = guard(lambda: runs.append(1), middleware=[lambda ctx, next: value])
    assert call(tool) == value
    assert runs == []


@call_ways
def test_outer_middleware_sees_a_short_circuit_as_a_result(call: Way):
    seen = []

    async def outer(ctx, next):
        result = await next(ctx)
        seen.append(result)
        return result

    assert call(guard(lambda: "body", middleware=[outer, lambda ctx, next: "cached"])) == "cached"
    [result] = seen
    assert isinstance(result, ToolResult)
    assert (result.return_value, result.tool_name, result.succeeded) == ("cached", "<lambda>", True)


@call_ways
def test_the_value_of_the_result_may_be_replaced(call: Way):
    async def shout(ctx, next):
        result = await next(ctx)
        return result.return_value.upper()

    assert call(guard(lambda: "quiet", middleware=[shout])) == "QUIET"


@call_ways
def test_changes_to_args_and_kwargs_take_effect(call: Way):
    def edit(ctx, next):
        ctx.args = ("edited", *ctx.args[1:])
        ctx.kwargs["limit"] = 3
        return next(ctx)

    tool = guard(lambda query, other, limit=10: (query, other, limit), middleware=[edit])
    assert call(tool, "mine", "kept") == ("edited", "kept", 3)


@call_ways
def test_changes_to_the_keywords_do_not_reach_the_callers_own_dict(call: Way):
    def edit(ctx, next):
        ctx.kwargs["limit"] = 3
        return next(ctx)

    mine = {"limit": 10}
    call(guard(lambda limit: limit, middleware=[edit]), **mine)
    assert mine == {"limit": 10}


@call_ways
def test_metadata_put_by_one_middleware_is_seen_by_the_next(call: Way):
    def put(ctx, next):
        ctx.metadata["user"] = "ada"
        return next(ctx)

    tool = guard(lambda: "body", middleware=[put, lambda ctx, next: ctx.metadata["user"]])
    assert call(tool) == "ada"


@call_ways
def test_next_may_be_called_twice(call: Way):
    runs: list[int] = []

    async def twice(ctx, next):
        await next(ctx)
        return await next(ctx)

    assert call(guard(lambda: runs.append(1) or len(runs), middleware=[twice])) == 2
    assert runs == [1, 1]


@call_ways
def test_next_may_be_called_again_after_a_failure(call: Way):
    runs: list[int] = []

    def body():
        runs.append(1)
        if len(runs) == 1:
            raise OSError("first")
        return "second"

    async def insist(ctx, next):
        try:
            return await next(ctx)
        except OSError:
            return await next(ctx)

    assert call(guard(body, middleware=[insist])) == "second"


@call_ways
def test_what_middleware_raises_reaches_the_caller_as_the_same_object(call: Way):
    error, runs = PermissionError("No API key"), []

    def deny(ctx, next):
        raise error

    with pytest.raises(PermissionError) as caught:
        call(guard(lambda: runs.append(1), middleware=[deny]))
    assert caught.value is error
    assert runs == []


@call_ways
def test_the_tools_own_error_passes_through_middleware_as_the_same_object(call: Way):
    error, log = ValueError("mine"), []

    def body():
        raise error

    with pytest.raises(ValueError, match="mine") as caught:
        call(guard(body, middleware=[noting(log, "around")]))
    assert caught.value is error
    assert log == ["around in"]


@call_ways
def test_middleware_may_turn_an_error_into_a_value(call: Way):
    async def forgiving(ctx, next):
        try:
            return await next(ctx)
        except ValueError as error:
            return f"failed: {error}"

    def body():
        raise ValueError("mine")

    assert call(guard(body, middleware=[forgiving])) == "failed: mine"


@call_ways
def test_the_context_is_the_call(call: Way):
    seen = []

    def look(ctx, next):
        seen.append((type(ctx), ctx.tool_name, ctx.args, ctx.kwargs, ctx.attempt))
        return next(ctx)

    call(guard(lambda x, y: None, name="search", middleware=[look]), 1, y=2)
    assert seen == [(ToolCall, "search", (1,), {"y": 2}, 1)]


@call_ways
def test_a_class_is_a_middleware_too(call: Way):
    class Counting(GuardMiddleware):
        def __init__(self):
            self.calls = 0

        async def __call__(self, call, next):
            self.calls += 1
            return await next(call)

    counting = Counting()
    tool = guard(lambda: "ok", middleware=[counting])
    assert [call(tool), call(tool)] == ["ok", "ok"]
    assert counting.calls == 2


def test_use_after_a_tool_was_made_is_an_error_that_names_the_middleware():
    def late(ctx, next):
        return next(ctx)

    chain = MiddlewareChain()
    guard(lambda: None, middleware=chain)
    with pytest.raises(ConfigError, match=r"late .* already uses"):
        chain.use(late)


def test_a_chain_may_serve_many_tools():
    chain = MiddlewareChain([lambda ctx, next: ctx.tool_name])
    assert [guard(lambda: None, name=name, middleware=chain)() for name in "ab"] == ["a", "b"]


@pytest.mark.parametrize("wrong", [None, "middleware", 5, object()])
def test_what_cannot_be_called_is_refused_by_the_chain(wrong):
    with pytest.raises(ConfigError, match="callable"):
        MiddlewareChain().use(wrong)


@pytest.mark.parametrize("wrong", [["x"], [None], "abc", 5, GuardMiddleware, lambda ctx, next: next(ctx)])
def test_what_is_no_sequence_of_callables_is_refused_by_guard(wrong):
    with pytest.raises(ConfigError, match="middleware"):
        guard(lambda: None, middleware=wrong)


@pytest.mark.parametrize("wrong", [lambda ctx: None, lambda ctx, next, more: None, lambda *, ctx, next: None])
def test_what_cannot_be_called_with_a_call_and_the_next_is_refused_when_it_is_given(wrong):
    with pytest.raises(ConfigError, match=r"called with `\(ctx, next\)`"):
        MiddlewareChain().use(wrong)


def test_middleware_may_take_more_than_it_is_given_if_that_has_a_default():
    def middleware(ctx, next, prefix="> ", *rest, **options):
        return prefix + "answered"

    assert guard(lambda: "ran", middleware=[middleware])() == "> answered"


def test_a_class_instead_of_an_instance_is_refused():
    class Mine(GuardMiddleware):
        async def __call__(self, call, next):
            return await next(call)

    with pytest.raises(ConfigError, match="instance"):
        MiddlewareChain([Mine])


def test_a_chain_can_be_counted_and_walked():
    def one(ctx, next):
        return next(ctx)

    chain = MiddlewareChain([one])
    assert (len(chain), list(chain)) == (1, [one])


def test_an_awaitable_from_a_sync_middleware_that_waits_is_a_clear_error_in_a_plain_call():
    import asyncio

    async def wait(ctx, next):
        await asyncio.sleep(0)
        return await next(ctx)

    tool = guard(lambda: "ok", middleware=[lambda ctx, next: wait(ctx, next)])
    with pytest.raises(RuntimeError, match="acall"):
        tool()
    assert asyncio.run(tool.acall()) == "ok"
