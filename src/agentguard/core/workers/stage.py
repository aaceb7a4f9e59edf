"""The innermost stage of a tool that runs in worker processes.

Blocking in both runtimes: a thread that waits for a worker is released at once when the worker is killed, so giving a
call up leaves nothing hung.
"""

from __future__ import annotations

import math
from contextvars import copy_context

from agentguard.core.call import ToolCall
from agentguard.core.pool import POOL, Job
from agentguard.core.result import ToolResult
from agentguard.core.workers.errand import Errand


async def block_here(call: ToolCall, *, seconds: float = math.inf) -> ToolResult:
    """Run the body in a worker while this thread waits. Never suspends. Ctrl-C kills the worker."""
    value, elapsed = Errand(call, seconds).run()
    return ToolResult(call, value, elapsed)


async def hand_over(call: ToolCall, *, seconds: float = math.inf) -> ToolResult:
    """Run the body in a worker while a thread of the pool waits. Cancelling kills the worker, and waits until it is
    gone.
    """
    errand = Errand(call, seconds)
    job = Job(copy_context(), call.target.hung, errand.run)
    value, elapsed = await POOL.run(job, stop=errand.give_up)
    return ToolResult(call, value, elapsed)
