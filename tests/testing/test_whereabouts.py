"""Where a suspended coroutine stands, for people."""

import asyncio
import types

import pytest

from agentguard import guard
from agentguard.testing import run_virtual
from agentguard.testing.whereabouts import whereabouts


def suspended(work):
    """`work` after its first step, closed at the end."""
    work.send(None)
    return work


@types.coroutine
def turn():
    yield


async def resting():
    await turn()


async def through_a_generator():
    async def items():
        await resting()
        yield 1

    async for _ in items():
        pass


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (resting, "in turn: yield"),
        (guard(resting), "in turn: yield"),
        (lambda: asyncio.sleep(0), "an await"),
        (guard(asyncio.sleep, name="sleep", validate_input=False), "inside agentguard.core.bodies"),
    ],
)
def test_the_innermost_line_outside_of_python_and_agentguard_is_named(make, expected):
    work = make() if expected != "inside agentguard.core.bodies" else make(0)
    assert whereabouts(suspended(work)).endswith(expected)
    work.close()


def test_the_body_of_a_tool_with_a_time_out_is_found():
    async def main():
        task = asyncio.ensure_future(guard(resting, timeout=10.0)())
        await asyncio.sleep(0)
        place = whereabouts(task.get_coro())
        await task
        return place

    assert run_virtual(main()).endswith("in turn: yield")


def test_what_python_cannot_look_into_ends_the_search():
    work = through_a_generator()
    assert "in through_a_generator: async for _ in items():" in whereabouts(suspended(work))
    work.close()


def test_a_coroutine_that_has_not_started_stands_at_its_beginning():
    work = resting()
    assert "in resting" in whereabouts(work)
    work.close()


def test_what_is_no_coroutine_is_an_await():
    assert whereabouts(object()) == "an await"
