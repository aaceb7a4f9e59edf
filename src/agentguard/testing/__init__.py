"""The test kit, for tests of guarded code: time that passes at once, failures on demand, calls cancelled at every
await, chaos, and assertions on what was called.

It needs no test framework: what goes wrong is raised as an `AssertionError`. See `docs/testing.md` for examples.
"""

from agentguard.testing.calls import Calls, record_calls
from agentguard.testing.cancellation import Cancellation, CancellationReport, cancel_everywhere
from agentguard.testing.chaos import ChaosMiddleware
from agentguard.testing.fake_runtime import FakeRuntime
from agentguard.testing.scripts import Hang, Script, fail_times, hang, slow_by
from agentguard.testing.virtual_loop import VirtualLoop, run_virtual, virtual_time

__all__ = (
    "Calls",
    "Cancellation",
    "CancellationReport",
    "ChaosMiddleware",
    "FakeRuntime",
    "Hang",
    "Script",
    "VirtualLoop",
    "cancel_everywhere",
    "fail_times",
    "hang",
    "record_calls",
    "run_virtual",
    "slow_by",
    "virtual_time",
)
