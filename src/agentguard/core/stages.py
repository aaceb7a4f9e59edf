"""Which innermost stage runs the body of which kind of callable."""

from __future__ import annotations

from collections.abc import Mapping

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
    return _IN_THREAD.get(target.kind, _ON_LOOP[target.kind]) if target.is_inline else _ON_LOOP[target.kind]


def stage_in_thread(target: Target) -> Body:
    """Runs the body in the calling thread, without ever suspending."""
    return _IN_THREAD.get(target.kind, bodies.refuse_here)
