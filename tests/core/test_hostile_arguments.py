"""No argument or result, however hostile, breaks a call: not with every layer on, and not while it is recorded."""

import asyncio
from typing import Any

import pytest

from agentguard import (
    BudgetConfig,
    CallStatus,
    CircuitBreakerConfig,
    ConcurrencyConfig,
    RetryConfig,
    guard,
    record_session,
    session,
)
from agentguard.errors import HallucinationError, LoopDetectedError
from agentguard.testing import FakeRuntime


class Hostile:
    """Raises from everything that code is tempted to ask of a value."""

    def _refuse(self, *_):
        raise ValueError("do not look at me")

    __repr__ = __str__ = __eq__ = __hash__ = __len__ = __bool__ = __iter__ = __format__ = __lt__ = _refuse

    def __getattr__(self, name):
        raise ValueError("do not look at me")


class Exits:
    """Its own code ends the process, where anybody calls it."""

    def __repr__(self):
        raise RecursionError("too deep")

    __str__ = __repr__


class LyingDict(dict):
    def items(self):
        raise RuntimeError("no items")

    keys = values = __iter__ = items


class LyingStr(str):
    __slots__ = ()

    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __len__ = encode = __str__


def cyclic():
    thing: Any = {"list": []}
    thing["list"].append(thing)
    return thing


def deep(depth=20_000):
    thing: Any = "bottom"
    for _ in range(depth):
        thing = [thing]
    return thing


def dispose(thing):
    """Take a deep value apart: CPython's own clean-up is fine with it, a debugger's or an assertion's repr is not."""
    while isinstance(thing, list) and thing:
        thing = thing.pop()


VALUES = {
    "a cycle": cyclic,
    "20,000 levels": deep,
    "10 MB of text": lambda: "x" * 10_000_000,
    "10 MB of bytes": lambda: b"x" * 10_000_000,
    "200,000 items": lambda: [0] * 200_000,
    "raises from everything": Hostile,
    "raises RecursionError": Exits,
    "a list of what raises": lambda: [Hostile(), {"a": Hostile()}],
    "a dict keyed by what cannot be printed": lambda: {Exits(): 1},
    "a lying dict": lambda: LyingDict(a=1),
    "a lying text": lambda: LyingStr("a"),
    "lone surrogates": lambda: "\ud800 and \udfff",
    "NUL": lambda: "a\0b",
    "5,000 digits": lambda: 10**5_000,
    "NaN": lambda: float("nan"),
    "a class": lambda: Hostile,
    "a generator": lambda: (n for n in range(3)),
    "a set of mixed things": lambda: {1, "a", None, (2, 3)},
    "keys of mixed types": lambda: {1: "a", "b": 2, None: 3, (4,): 5},
}


@pytest.fixture(params=VALUES.values(), ids=VALUES)
def value(request):
    made = request.param()
    yield made
    dispose(made)


def options():
    return {
        "validate_input": True,
        "validate_output": True,
        "custom_validators": [lambda call: None],
        "verify_response": True,
        "retry": RetryConfig(max_retries=1, initial_delay=0.0),
        "budget": BudgetConfig(max_calls_per_session=100, max_cost_per_session=5.0, cost_per_call=0.01),
        "circuit_breaker": CircuitBreakerConfig(),
        "concurrency": ConcurrencyConfig(10),
        "loop_guard": True,
        "output_limit": 1_000,
        "before_call": lambda call: None,
        "after_call": lambda call, result: None,
        "metadata": {"team": "red"},
    }


class Box:
    """Carries a value past pytest, which would print it."""

    def __init__(self, content: Any = None) -> None:
        self.content = content


def seen_by_body(call, box):
    """Call a tool with everything on with the box's content; whether exactly that reached its body."""
    received = []

    @guard(**options())
    def tool(thing: Any, *more: Any, **rest: Any) -> Any:
        received.append(thing)

    @guard(**{**options(), "timeout": 10.0})
    async def atool(thing: Any, *more: Any, **rest: Any) -> Any:
        received.append(thing)

    call(tool, atool, box.content)
    return received[-1] is box.content


CALLS = {
    "plain": lambda tool, atool, value: tool(value),
    "by name": lambda tool, atool, value: tool(thing=value),
    "acall": lambda tool, atool, value: asyncio.run(tool.acall(value)),
    "awaited": lambda tool, atool, value: asyncio.run(atool.acall(value)),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_the_very_argument_reaches_the_body(call, value):
    assert seen_by_body(call, Box(value))


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_recorded_call_with_it_is_recorded(call, value):
    with session() as opened:
        assert seen_by_body(call, Box(value))
    assert [entry.result.status for entry in opened.entries()] == [CallStatus.SUCCESS]


def test_it_can_be_written_to_a_store(value, tmp_path):
    with record_session(tmp_path) as recorder:
        assert seen_by_body(CALLS["plain"], Box(value))
        assert [entry.result.status for entry in recorder.entries()] == [CallStatus.SUCCESS]


def _returns(value, **changes):
    # Response verification does not believe what cannot be read: see below.
    @guard(**{**options(), "verify_response": False, **changes})
    def tool() -> Any:
        return value

    return tool


SHORTENED = ("10 MB", "200,000 items", "20,000 levels", "a cycle")


def test_a_result_reaches_the_caller(value, request):
    box = Box(value)
    with session() as opened:
        result = Box(_returns(box.content)())
    assert len(opened.entries()) == 1
    if not request.node.callspec.id.startswith(SHORTENED):
        assert result.content is box.content
    else:
        assert opened.entries()[0].result.succeeded


def test_a_result_reaches_the_caller_by_acall(value):
    with session() as opened:
        asyncio.run(_returns(value).acall())
    assert opened.entries()[0].result.succeeded


@pytest.mark.parametrize("value", [LyingDict(a=1), LyingStr("a")], ids=["a dict", "a text"])
def test_a_result_that_cannot_be_read_is_not_believed(value):
    tool = _returns(value, verify_response=True)
    with session() as opened, pytest.raises(HallucinationError):
        tool()
    assert opened.entries()[0].result.status is CallStatus.HALLUCINATED


def test_items_reach_the_consumer(value):
    @guard(**{**options(), "verify_response": False})
    def tool() -> Any:
        yield value
        yield value

    with session() as opened:
        assert sum(1 for _ in tool()) == 2
    assert opened.entries()[0].result.succeeded


def test_an_exception_that_carries_it_reaches_the_caller(value):
    error = OSError(Box(value))

    @guard(**options())
    def tool() -> Any:
        raise error

    with session() as opened, FakeRuntime(), pytest.raises(OSError) as caught:  # noqa: PT011 - its text is hostile
        tool()
    assert caught.value is error
    assert len(opened.entries()) == 1


def test_repeating_it_is_either_a_loop_or_not_but_no_error(value):
    @guard(loop_guard=True)
    def tool(thing: Any) -> None:
        return None

    for _ in range(30):
        try:
            tool(value)
        except LoopDetectedError:
            break


def test_names_and_session_ids_may_be_any_text(tmp_path):
    hostile = "\ud800\0/../'\"; DROP TABLE spans; --" + "x" * 300
    tool = guard(lambda: 1, name=hostile, session_id=hostile)
    with record_session(tmp_path, session_id=hostile) as recorder:
        assert tool() == 1
        assert len(recorder.entries()) == 1
