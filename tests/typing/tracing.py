"""User code with traced functions, as type checkers see it. It is checked, never run."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import assert_type

from agentguard import agent, configure_tracing, instrument, record_exception, trace
from agentguard.tracing import (
    CarryingExecutor,
    Span,
    TraceClient,
    add_event,
    carry,
    current_span,
    prompt,
    set_attribute,
    tool,
)


@agent
async def answer(question: str, *, top_k: int = 3) -> list[str]:
    return [question] * top_k


@trace(name="step", metadata={"k": 1}, tags=["a"], capture_output=False)
def step(number: int) -> str:
    return str(number)


@prompt(model="gpt-4o")
async def tokens(text: str) -> AsyncGenerator[str, None]:
    yield text


@tool(description="counts")
def numbers(to: int) -> Generator[int, None, str]:
    yield to
    return "done"


class Service:
    @agent(name="ask")
    async def ask(self, question: str) -> str:
        return question

    @trace
    @staticmethod
    def static(number: int) -> int:
        return number

    @classmethod
    @trace
    def made(cls, number: int) -> int:
        return number


@instrument("chat", session_id="s")
def chat(question: str) -> int:
    return len(question)


async def functions_keep_their_types() -> None:
    assert_type(await answer("q", top_k=1), list[str])
    assert_type(step(1), str)
    assert_type(await Service().ask("q"), str)
    assert_type(Service.static(1), int)
    assert_type(Service.made(1), int)
    assert_type(chat("q"), int)
    async for token in tokens("t"):
        assert_type(token, str)
    for number in numbers(3):
        assert_type(number, int)
    await answer(5)  # type: ignore[arg-type]
    step("one")  # type: ignore[arg-type]
    agent(nam="x")  # type: ignore[call-overload]


async def blocks_and_clients() -> None:
    with instrument("chat", user_id="u") as span:
        if span is not None:
            span.note("k", 1)
    async with instrument("chat"):
        set_attribute("k", 1)
        add_event("found", count=3)
        record_exception(ValueError("x"))
    here = current_span()
    if here is not None:
        assert_type(here.span_id, str)
    async with TraceClient("sqlite", path="./traces") as client:
        assert_type(await client.flush(), bool)
    assert_type(client.spans(), list[Span])
    await client.aclose()
    configure_tracing(client)
    configure_tracing("off")
    configure_tracing(None)
    TraceClient("tape")  # type: ignore[arg-type]


def threads() -> None:
    assert_type(carry(step)(1), str)
    with CarryingExecutor(ThreadPoolExecutor()) as pool:
        assert_type(pool.submit(step, 1).result(), str)
        pool.submit(step, "one")  # type: ignore[arg-type]
