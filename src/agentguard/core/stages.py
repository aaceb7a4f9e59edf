"""Which innermost stage runs the body of which kind of callable."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from agentguard.core import bodies, streams
from agentguard.core.call import Body
from agentguard.core.target import Kind, Target

_ON_LOOP: Mapping[Kind, Body] = {
    Kind.FUNCTION: bodies.hand_over,
    Kind.COROUTINE: bodies.await_here,
    Kind.GENERATOR: streams.hand_over,
    Kind.ASYNC_GENERATOR: streams.await_here,
}
_IN_THREAD: Mapping[Kind, Body] = {Kind.FUNCTION: bodies.call_here, Kind.GENERATOR: streams.call_here}


def stage_on_loop(target: Target) -> Body:
    """Runs the body for a caller on an event loop, without blocking it (but for a function that is declared inline)."""
    if target.is_remote:
        on_loop: Body = _stages_in_workers(target).hand_over
        return on_loop
    return _IN_THREAD.get(target.kind, _ON_LOOP[target.kind]) if target.is_inline else _ON_LOOP[target.kind]


def stage_in_thread(target: Target) -> Body:
    """Runs the body in the calling thread, without ever suspending."""
    if target.is_remote:
        blocking: Body = _stages_in_workers(target).block_here
        return blocking
    return _IN_THREAD.get(target.kind, bodies.refuse_here)


def _stages_in_workers(target: Target) -> ModuleType:
    """Imported by the first tool that asks for a process. Raises `ConfigError` when `target` cannot run in one."""
    from agentguard.core.workers import naming, stage  # noqa: PLC0415 - as above

    naming.check_target(target)
    return stage
