"""Acts about a service that fails, stays down, recovers and hangs: retry, circuit breaker, time-out."""

from __future__ import annotations

import asyncio
import time

from agentguard import CallTimedOutError, CircuitOpenError
from agentguard.cli import demo_tools as tools
from agentguard.cli.demo_heartbeat import Heartbeat
from agentguard.cli.demo_scene import Act, Scene
from agentguard.cli.demo_service import Answer
from agentguard.cli.demo_sources import ServiceError

RETRY_AFTER_SECONDS = 1
HANG_SECONDS = 10
FEWEST_BEATS = 10  # of the forty that 0.4 s have room for; a loop that is blocked makes none


async def play_retry(scene: Scene) -> str:
    """Two errors 503: the first says when to come back, the second does not."""
    scene.service.answer_next("/builds", Answer(503, retry_after=RETRY_AFTER_SECONDS), Answer(503))
    before = scene.service.requests["/builds"]
    began = time.perf_counter()
    await tools.build_status.acall("HEAD")
    took = time.perf_counter() - began
    attempts = scene.calls[-1].result.attempts
    scene.check(
        f"503 with Retry-After: {RETRY_AFTER_SECONDS}, then 503, then 200: {attempts} attempts, {took:.2f} s in all",
        took >= RETRY_AFTER_SECONDS,
        attempts=(attempts, 3),
        requests=(scene.service.requests["/builds"] - before, 3),
    )
    scene.service.answer_next("/comments", Answer(503))
    await tools.post_comment.acall("Looks good to me.")
    scene.check(
        f"a comment arrived, but its answer was lost: {scene.service.requests['/comments']} requests with one "
        f"idempotency key are {len(scene.service.comments)} comment",
        requests=(scene.service.requests["/comments"], 2),
        comments=(len(scene.service.comments), 1),
    )
    return f"{attempts} attempts, {took:.1f} s"


async def play_circuit_breaker(scene: Scene) -> str:
    """A service that is down is left alone; after a second one probe finds out whether it is back."""
    service, breaker = scene.service, tools.run_checks.breaker
    service.answer_usually("/checks", Answer(503))
    for _ in range(3):
        await scene.refusal(ServiceError, tools.run_checks("HEAD"))
    scene.check("three failures in a row opened the circuit", state=(breaker.state, "open"))

    refused, took_ms = await _checks_at_once(20)
    scene.check(
        f"20 calls were refused in {took_ms:.1f} ms, and none reached the service: {refused[0]}",
        refused=(len(refused), 20),
        requests=(service.requests["/checks"], 3),
    )
    service.answer_usually("/checks", Answer(after_seconds=0.1))
    scene.say(f"the service recovers; a probe may pass in {breaker.retry_after:.2f} s")
    await asyncio.sleep(breaker.retry_after + 0.01)

    refused, _ = await _checks_at_once(20)
    probes = service.requests["/checks"] - 3
    scene.check(
        f"20 calls at once: {probes} went through as the probe, {len(refused)} were refused",
        probes=(probes, 1),
        refused=(len(refused), 19),
    )
    await tools.run_checks("HEAD")
    scene.check("it succeeded, so the circuit is closed and calls pass", state=(breaker.state, "closed"))
    return f"opened, refused {20 + len(refused)}, recovered"


async def _checks_at_once(number: int) -> tuple[list[CircuitOpenError], float]:
    """The refusals among so many calls, and the milliseconds that all of them took."""
    began = time.perf_counter()
    outcomes = await asyncio.gather(*(tools.run_checks("HEAD") for _ in range(number)), return_exceptions=True)
    took_ms = 1_000 * (time.perf_counter() - began)
    return [outcome for outcome in outcomes if isinstance(outcome, CircuitOpenError)], took_ms


async def play_timeout(scene: Scene) -> str:
    """A service that takes ten seconds, and callers who have 0.4: blocking ones, and an async one."""
    scene.service.answer_usually("/coverage", Answer(after_seconds=HANG_SECONDS))
    began = time.perf_counter()
    async with Heartbeat() as heart:
        errors = await asyncio.gather(
            *(scene.refusal(CallTimedOutError, tools.coverage.acall(f"HEAD~{n}")) for n in range(3)),
            scene.refusal(CallTimedOutError, tools.watch_coverage("HEAD")),
        )
    took = time.perf_counter() - began
    scene.check(f"all four callers were free after {took:.2f} s", took < HANG_SECONDS / 2)
    scene.check(
        f"meanwhile the event loop made {heart.beats} heartbeats, the worst {1_000 * heart.worst_lag:.0f} ms late",
        heart.beats >= FEWEST_BEATS,
    )
    scene.check(f"blocking: {errors[0]}", all(error.may_still_run for error in errors[:3]))
    scene.check(f"async: {errors[3]}", not errors[3].may_still_run)
    hung = tools.coverage.state()["hung"]
    scene.check(f"{hung} threads were left behind; nothing waits for them, the end of the demo neither", hung=(hung, 3))
    return f"4 given up, lag {1_000 * heart.worst_lag:.0f} ms"


FAILURES = (
    Act("Retry", "failures that pass", play_retry),
    Act("CircuitBreaker", "failures that stay", play_circuit_breaker),
    Act("Timeout", "calls that hang", play_timeout),
)
