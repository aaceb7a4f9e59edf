"""Acts about how often, how many and for how much: rate, concurrency, budget, loops."""

from __future__ import annotations

import asyncio
import time

from agentguard import BudgetExceededError, LoopDetectedError
from agentguard.cli import demo_tools as tools
from agentguard.cli.demo_scene import Act, Scene
from agentguard.cli.demo_service import Answer


async def play_rate_limit(scene: Scene) -> str:
    """Six notifications at once, to a service that takes five a second: who comes too early waits in line."""
    reviewers = ("ada", "grace", "edsger", "barbara", "alan", "frances")
    began = time.perf_counter()

    async def notified(reviewer: str) -> None:
        await tools.notify.acall(reviewer)
        scene.say(f"{reviewer} was notified after {time.perf_counter() - began:.2f} s")

    await asyncio.gather(*map(notified, reviewers))
    took = time.perf_counter() - began
    waited = [entry for entry in scene.calls if entry.span.attributes.get("rate_limit_wait")]
    scene.check(
        f"two went at once, {len(waited)} queued; the last came through after {took:.1f} s", queued=(len(waited), 4)
    )
    scene.check("nobody was refused", all(entry.result.succeeded for entry in scene.calls))
    return f"{len(waited)} of 6 queued, up to {took:.1f} s"


async def play_concurrency(scene: Scene) -> str:
    """A service that can do three things at a time is never asked for four."""
    scene.service.answer_usually("/lint", Answer(after_seconds=0.1))
    await asyncio.gather(*(tools.lint.acall(f"file {number}") for number in range(9)))
    most = scene.service.most_at_once["/lint"]
    scene.check(f"9 calls at once; the service saw {most} at a time", at_once=(most, 3), calls=(len(scene.calls), 9))
    return f"9 calls, {most} at a time"


async def play_budget(scene: Scene) -> str:
    """Five cents for a session, a cent a question: money is reserved before a call, so nobody overspends together."""
    scene.service.answer_usually("/expert", Answer(body={"charged": 0.01}))
    outcomes = await asyncio.gather(*(tools.ask_expert(f"question {n}") for n in range(8)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, BudgetExceededError)]
    spent = sum(entry.result.cost or 0.0 for entry in scene.calls)
    scene.check(
        f"8 questions at once: {scene.service.requests['/expert']} were asked, {len(refused)} refused",
        asked=(scene.service.requests["/expert"], 5),
        refused=(len(refused), 3),
    )
    scene.say(f"{refused[0]}")
    scene.check(f"{spent:.2f} US dollars were spent", spent=(round(spent, 6), 0.05))
    return f"{len(refused)} of 8 refused, ${spent:.2f} spent"


async def play_loop(scene: Scene) -> str:
    """An agent that asks the same again and again, and gets the same again and again, is stopped."""
    for words in ("guard", "retry", "breaker"):
        await tools.search_history(words)
    scene.check("three different questions are no loop", all(entry.result.succeeded for entry in scene.calls))
    for _ in range(4):
        await tools.search_history("the same")
    error = await scene.refusal(LoopDetectedError, tools.search_history("the same"))
    scene.check(f"the fifth time: {error}", repetition=(error.count, 5))
    return f"stopped at repetition {error.count}"


LIMITS = (
    Act("RateLimiter", "calls queue for their turn", play_rate_limit),
    Act("Concurrency", "so many at a time", play_concurrency),
    Act("Budget", "money is reserved, then spent", play_budget),
    Act("LoopGuard", "going round in circles", play_loop),
)
