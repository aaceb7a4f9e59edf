"""praisonaiagents: an agent's own way to run a tool, without a model, with its telemetry switched off as documented."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from bench.meter import Batch, Subject
from bench.program import Counter, echoes, forbid_network, report

os.environ["PRAISONAI_DISABLE_TELEMETRY"] = "true"
# One agent makes all calls, which its loop guard notices, rightly. Printing that would cost more than the call.
os.environ["LOGLEVEL"] = "ERROR"
forbid_network()

from praisonaiagents import Agent  # noqa: E402 - after the settings

_FEW = 100
"""Calls in a round."""
_DEFAULT = "loop guards, breaker, approval rules, permissions, hooks, retries"
_NOTE = (
    "one long-lived agent, which is faster than a fresh one for each turn; its loop guard notices, and says so in the "
    "results, but is kept from printing it; "
    "its async path does not cast arguments or shorten results; it records nothing by default"
)


def _agent(counter: Counter, **options: object) -> Agent:
    return Agent(name="bench", instructions="Echo.", tools=list(echoes(counter)), **options)


def _awaiting(agent: Agent, name: str) -> Batch:
    async def batch(arguments: Sequence[str]) -> None:
        for argument in arguments:
            _check(await agent.execute_tool_async(name, {"query": argument, "limit": 5}), argument)

    return batch


def _calling(agent: Agent, name: str) -> Batch:
    async def batch(arguments: Sequence[str]) -> None:
        for argument in arguments:
            _check(agent.execute_tool(name, {"query": argument, "limit": 5}), argument)

    return batch


def _check(answer: object, argument: str) -> None:
    """The loop guard appends its remarks to a result; an error would be a dict."""
    if not isinstance(answer, str) or not answer.startswith(argument):
        msg = f"a wrong answer: {answer!r}"
        raise SystemExit(msg)


def subjects() -> Iterator[Subject]:
    counter = Counter()
    timeout = {"tool_config": {"timeout": 30}}
    for name, method, includes, options in (
        ("a tool call, async", _awaiting, f"`execute_tool_async`: {_DEFAULT}", {}),
        ("a tool call, sync", _calling, f"`execute_tool`: {_DEFAULT}, casting, shortening", {}),
        ("a tool call with a time-out, async", _awaiting, "the same with `ToolConfig(timeout=30)`", timeout),
        ("a tool call with a time-out, sync", _calling, "the same with `ToolConfig(timeout=30)`", timeout),
    ):
        tool = "aecho" if method is _awaiting else "echo"
        batch = method(_agent(counter, **options), tool)
        # Only the plain sync path stays in the caller's thread.
        has_background = tool == "aecho" or bool(options)
        yield Subject(name, batch, counter.ran, includes, has_background=has_background, calls=_FEW)


if __name__ == "__main__":
    report("praisonaiagents", subjects(), note=_NOTE)
