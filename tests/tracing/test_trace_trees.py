"""Whatever way calls are made in, the recorded tree is the tree of the calls."""

import asyncio
import os
import random
import threading
from collections import Counter

import pytest

from agentguard import agent, guard, instrument, record_session, trace
from agentguard.tracing import carry

SPANS = 10_000 if "AGENTGUARD_SOAK" in os.environ else 300
DEPTH = 12  # of calls inside each other


class Program:
    """A random program: every node is a call with a number, and knows which call made it."""

    def __init__(self, seed: int, size: int) -> None:
        self.random = random.Random(seed)
        self.left = size
        self.made: list[tuple[int, int | None]] = []
        self.depth: list[int] = []
        self.late: list[asyncio.Task] = []

    def new(self, parent):
        self.left -= 1
        number = len(self.made)
        self.made.append((number, parent))
        self.depth.append(0 if parent is None else self.depth[parent] + 1)
        return number

    def children(self, me):
        if self.depth[me] >= DEPTH:
            return range(0)
        return range(min(self.left, self.random.choice((0, 1, 2, 2, 3, 5))))

    async def grow(self, me):
        for _ in self.children(me):
            await self.random.choice(WAYS)(self, me)

    async def pause(self):
        for _ in range(self.random.randrange(3)):
            await asyncio.sleep(0)


@agent(name="call")
async def in_agent(program, me):
    await program.pause()
    await program.grow(me)
    await program.pause()


@trace(name="call")
def in_function(program, me):
    for _ in program.children(me):
        in_function(program, program.new(me))


@trace(name="call")
def with_children(me, numbers):
    for number in numbers:
        with_children(number, [])


@guard(name="call")
async def in_tool(program, me):
    await program.grow(me)


@trace(name="call")
async def in_stream(program, me):
    for _ in range(3):
        await program.grow(me)
        yield me


@trace(name="call")
def returning_stream(program, me):
    async def steps():
        for _ in range(2):
            await program.grow(me)
            yield me

    return steps()


async def nested(program, me):
    await in_agent(program, program.new(me))


async def tool(program, me):
    await in_tool(program, program.new(me))


async def function(program, me):
    in_function(program, program.new(me))


async def block(program, me):
    child = program.new(me)
    async with instrument("call") as span:
        span.note("me", child)
        await program.grow(child)


async def gathered(program, me):
    await asyncio.gather(*(in_agent(program, program.new(me)) for _ in program.children(me)))


async def grouped(program, me):
    async with asyncio.TaskGroup() as group:
        for _ in program.children(me):
            group.create_task(in_agent(program, program.new(me)))


async def outliving(program, me):
    program.late.append(asyncio.create_task(in_agent(program, program.new(me))))


async def consumed(program, me):
    make = program.random.choice((in_stream, returning_stream))
    async for _ in make(program, program.new(me)):
        await program.grow(me)


async def half_consumed(program, me):
    steps = in_stream(program, program.new(me))
    await anext(steps)
    await program.grow(me)
    await steps.aclose()


async def in_thread(program, me):
    child = program.new(me)
    numbers = [program.new(child) for _ in program.children(child)]  # here, and not in several threads at once
    if program.random.random() < 0.5:
        await asyncio.to_thread(with_children, child, numbers)
    else:
        thread = threading.Thread(target=carry(with_children), args=(child, numbers))
        thread.start()
        thread.join()


WAYS = (
    nested, tool, function, block, gathered, grouped, outliving, consumed, half_consumed, in_thread,
)  # fmt: skip


async def run(program):
    while program.left > 0:
        await in_agent(program, program.new(None))
        while program.late:
            await program.late.pop()


@pytest.mark.realtime
@pytest.mark.parametrize("seed", range(5))
def test_the_recorded_tree_is_the_tree_of_the_calls(seed):
    program = Program(seed, SPANS)
    with record_session(backend="memory") as recorder:
        asyncio.run(run(program))
    spans = recorder.spans()
    # Arguments hold the whole program, of which the record shows its outside only; the number stands in them as it is.
    number = {span.span_id: span.attributes.get("me", (span.input or {}).get("me")) for span in spans}
    recorded = {(number[span.span_id], number.get(span.parent_id)) for span in spans}
    assert recorded == set(program.made)
    assert Counter(number.values()).most_common(1)[0][1] == 1
    assert len(spans) == len(program.made) >= SPANS
    roots = {span.span_id for span in spans if span.parent_id is None}
    assert {span.trace_id for span in spans} == roots
