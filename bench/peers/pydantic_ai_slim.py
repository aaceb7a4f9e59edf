"""pydantic-ai-slim: the way of a tool call in a run of its agent, from the model's request to the tool's result."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from bench.meter import ARGUMENTS, Batch, Subject
from bench.program import Counter, echoes, forbid_network, report

forbid_network()

from pydantic_ai import FunctionToolset, RunContext  # noqa: E402 - after the network is closed
from pydantic_ai.messages import ToolCallPart  # noqa: E402
from pydantic_ai.models.test import TestModel  # noqa: E402
from pydantic_ai.tool_manager import ToolManager  # noqa: E402
from pydantic_ai.usage import RunUsage  # noqa: E402

_INCLUDES = "`ToolManager.handle_call(part)`: look-up, arguments checked against the schema, run, retries counted"


async def _prepared(toolset: FunctionToolset[None]) -> ToolManager[None]:
    """The tools of one step of a run, as the agent prepares them once before its calls."""
    context = RunContext(deps=None, model=TestModel(), usage=RunUsage(), run_step=1)
    return await ToolManager(toolset).for_run_step(context)


def _calling(manager: ToolManager[None], name: str) -> Batch:
    """A batch of requests; they are made beforehand, as the model's adapter does."""
    parts = {query: ToolCallPart(name, {"query": query, "limit": 5}) for query in ARGUMENTS}

    async def batch(arguments: Sequence[str]) -> None:
        for argument in arguments:
            if await manager.handle_call(parts[argument]) != argument:
                msg = "a wrong answer"
                raise SystemExit(msg)

    return batch


def subjects() -> Iterator[Subject]:
    counter = Counter()
    manager = asyncio.run(_prepared(FunctionToolset(list(echoes(counter)))))
    yield Subject("a tool call, async", _calling(manager, "aecho"), counter.ran, _INCLUDES)
    yield Subject(
        "a tool call, sync",
        _calling(manager, "echo"),
        counter.ran,
        f"{_INCLUDES}; in a thread",
        has_background=True,
        calls=200,
    )


if __name__ == "__main__":
    note = "no breaker, rate limit, budget or record in this path; usage limits and time-outs belong to the run"
    report("pydantic-ai-slim", subjects(), note=note)
