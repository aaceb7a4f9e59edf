"""Arguments cast and checked before the call, results after it. The casting table itself is in tests/policies."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated

import pytest
from pydantic import BaseModel, Field

from agentguard import (
    BudgetConfig,
    ConfigError,
    InvalidInputError,
    InvalidOutputError,
    LoopDetectedError,
    LoopGuardConfig,
    MiddlewareChain,
    RateLimitConfig,
    guard,
    session,
)
from agentguard.testing import FakeRuntime
from tests.layers.bodies import BoomError, Script
from tests.matrix.ways import Way, acall


class Filter(BaseModel):
    field: str
    limit: int = 10


@dataclass
class Point:
    x: int
    y: int


def search(query: str, limit: int = 10, *, exact: bool = False, filters: list[Filter] | None = None):
    return query, limit, exact, filters


@pytest.fixture
def tool():
    return guard(search, validate_input=True)


def test_arguments_arrive_cast(call: Way, tool):
    filters = '[{"field": "year", "limit": "3"}]'
    assert call(tool, "q", "5", exact="true", filters=filters) == ("q", 5, True, [Filter(field="year", limit=3)])


def test_omitted_arguments_keep_their_defaults(call: Way, tool):
    assert call(tool, "q") == ("q", 10, False, None)


@pytest.mark.parametrize(
    ("args", "kwargs", "names"),
    [
        (("q", True), {}, "limit"),
        (("q", 5.5), {}, "limit"),
        (("q", "1e999"), {}, "limit"),
        ((5,), {}, "query"),
        ((b"q",), {}, "query"),
        (("q",), {"exact": "yes"}, "exact"),
        (("q",), {"exact": 1}, "exact"),
        (("q",), {"filters": "a,b"}, "filters"),
        (("q",), {"filters": [{"limit": 1}]}, r"filters\[0\]"),
        ((), {}, "query"),
        (("q",), {"unknown": 1}, "unknown"),
        (("q", 1, 2), {}, "argument"),
        (("q",), {"query": "again"}, "query"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(args, kwargs, names, call: Way, tool):
    with pytest.raises(InvalidInputError, match=names):
        call(tool, *args, **kwargs)


def test_a_refusal_costs_nothing(call: Way, clock: FakeRuntime):
    def body(x: int):
        return x

    tool = guard(
        body,
        validate_input=True,
        budget=BudgetConfig(max_calls_per_session=1),
        rate_limit=RateLimitConfig(calls_per_hour=1),
        concurrency=1,
    )
    for _ in range(5):
        with pytest.raises(InvalidInputError):
            call(tool, "x")
    assert call(tool, 1) == 1


def test_a_loop_of_wrong_calls_is_seen(clock: FakeRuntime):
    def body(x: int):
        return x

    config = LoopGuardConfig(warn_after=2, ask_after=3, block_after=3, halt_after=9)
    tool = guard(body, validate_input=True, loop_guard=config)
    for error in (InvalidInputError, InvalidInputError, LoopDetectedError, LoopDetectedError):
        with pytest.raises(error):
            tool("x")


def test_a_secret_is_not_shown(call: Way):
    def login(password: int):
        return password

    with pytest.raises(InvalidInputError) as caught:
        call(guard(login, validate_input=True), "hunter2 and more")
    assert "hunter2" not in str(caught.value)


def test_the_error_is_short_however_long_the_argument(call: Way, tool):
    with pytest.raises(InvalidInputError) as caught:
        call(tool, "q", "9" * 100_000)
    assert len(str(caught.value)) < 450


def test_what_middleware_changes_is_validated(call: Way):
    def edit(ctx, following):
        ctx.kwargs["limit"] = "7"
        return following(ctx)

    tool = guard(search, validate_input=True, middleware=MiddlewareChain([edit]))
    assert call(tool, "q") == ("q", 7, False, None)


def test_casts_are_noted_in_the_record(call: Way, tool):
    with session() as recorded:
        call(tool, "q", "5")
    [entry] = recorded.entries()
    assert entry.span.attributes["casts"] == {"limit": "str -> int"}
    assert entry.call.kwargs == {"query": "q", "limit": 5}


def test_a_call_with_the_right_types_notes_no_cast(tool):
    with session() as recorded:
        tool("q", 5)
    [entry] = recorded.entries()
    assert "casts" not in entry.span.attributes


def test_each_attempt_gets_the_cast_arguments(clock: FakeRuntime):
    seen, script = [], Script(BoomError, "ok")

    def body(x: int):
        seen.append(x)
        return script()

    guard(body, validate_input=True, max_retries=1)("5")
    assert seen == [5, 5]


def test_dataclasses_models_and_containers_are_made(call: Way):
    def body(point: Point, filters: tuple[Filter, ...], tags: set[str]):
        return point, filters, tags

    tool = guard(body, validate_input=True)
    value = call(tool, {"x": "1", "y": 2}, '[{"field": "f"}]', ["a", "a"])
    assert value == (Point(1, 2), (Filter(field="f"),), {"a"})


def test_parameters_without_hints_take_anything(call: Way):
    value = object()
    assert call(guard(lambda x: x, validate_input=True), value) is value


def test_extra_arguments_reach_a_tool_that_takes_them(call: Way):
    def body(first: int, *rest: int, **named: int):
        return first, rest, named

    assert call(guard(body, validate_input=True), "1", "2", "3", four="4") == (1, (2, 3), {"four": 4})


def test_a_result_of_the_wrong_type_is_refused_after_the_call(call: Way):
    runs = []

    def body() -> dict[str, int]:
        runs.append(1)
        return {"a": "b"}

    with pytest.raises(InvalidOutputError, match=r"result"):
        call(guard(body, validate_output=True))
    assert runs == [1]


def test_a_right_result_is_the_same_object(call: Way):
    value = {"a": 1}

    def body() -> dict[str, int]:
        return value

    assert call(guard(body, validate_output=True)) is value


def test_a_result_without_a_hint_may_be_anything(call: Way):
    assert call(guard(lambda: object, validate_output=True)) is object


def test_a_wrong_result_is_not_retried_for_a_tool_that_writes(clock: FakeRuntime):
    runs = []

    def body() -> int:
        runs.append(1)
        return "wrong"

    with pytest.raises(InvalidOutputError):
        guard(body, validate_output=True, max_retries=3)()
    assert runs == [1]


def test_each_item_of_a_stream_is_checked():
    def body() -> Iterator[int]:
        yield 1
        yield "two"

    stream = guard(body, validate_output=True)()
    assert next(stream) == 1
    with pytest.raises(InvalidOutputError):
        next(stream)


def test_each_item_of_an_async_stream_is_checked():
    async def body() -> AsyncIterator[int]:
        yield "one"

    with pytest.raises(InvalidOutputError):
        acall(guard(body, validate_output=True))


def test_a_hint_that_is_defined_later_is_found_at_the_first_call(call: Way):
    def body(x: "DefinedLater") -> int:  # noqa: F821
        return x

    tool = guard(body, validate_input=True)
    with pytest.raises(ConfigError, match="DefinedLater"):
        call(tool, "5")
    globals()["DefinedLater"] = int
    try:
        assert call(tool, "5") == 5
    finally:
        del globals()["DefinedLater"]


@pytest.mark.parametrize("hint", ["list[int", Annotated[str, Field(pattern="(")]], ids=["misspelt", "impossible"])
def test_a_hint_that_cannot_be_checked_is_an_error_at_decoration(hint):
    def body(x):
        return x

    body.__annotations__["x"] = hint
    with pytest.raises(ConfigError, match="body"):
        guard(body, validate_input=True)


def test_schema_gives_what_model_apis_take(tool):
    schema = tool.schema()
    json.dumps(schema)
    assert schema["required"] == ["query"]
    assert schema["properties"]["limit"]["type"] == "integer"
