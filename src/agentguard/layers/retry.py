"""Trying again."""

from __future__ import annotations

import random
import time
from typing import ClassVar

from agentguard.core.call import ToolCall
from agentguard.core.chain import Handler, Layer
from agentguard.core.config import RetryConfig
from agentguard.core.result import ToolResult, is_refusal_of
from agentguard.core.target import is_async
from agentguard.errors import CallTimedOutError, HallucinationError, InvalidOutputError
from agentguard.policies.backoff import Backoff, is_throttle, retry_after_of
from agentguard.policies.quota import CAPACITY, RetryQuota
from agentguard.state.lock import LOCK

_FULL = RetryQuota()
"""Stands for the quota of a tool that has none: it neither pays nor gains."""
_PROGRAMMING_ERRORS = (TypeError, AttributeError, NameError, AssertionError, NotImplementedError)


class RetryMiddleware(Layer):
    """Runs the rest of the chain again after a failure that may pass, with growing, jittered pauses.

    When a later attempt is refused (the breaker has opened, the budget has ended), the outcome is what the attempt
    before it came to: the tool's own exception, or its result.

    Never retried: this call's refusals, whatever failed before the body started, cancellation, programming errors
    (unless named in `retryable_exceptions`), a stream that has handed out an item, and a body that may still be running
    or whose answer was not believed unless the tool is declared `read` or `idempotent`. A pause that would pass the
    call's deadline is not made: the last error is raised at once. The quota (`RetryQuota`) bounds what an outage costs.
    """

    name: ClassVar[str] = "Retry"

    def __init__(self, config: RetryConfig) -> None:
        self.settings = config
        self.needs_loop = is_async(config.retry_on_result)
        self._max_retries = config.max_retries
        self._kinds = config.retryable_exceptions
        self._retry_on_result = config.retry_on_result
        self._backoff = Backoff(config, random.random)
        self._quota = RetryQuota() if config.quota else None
        self._to_refill = self._quota or _FULL

    def link(self, inner: Handler, /) -> Handler:  # noqa: C901 - the loop and its ways out are read as a whole
        """Run `inner` until it succeeds, or trying again makes no sense."""
        asks_about_results = self._retry_on_result is not None
        quota = self._to_refill

        async def retried(call: ToolCall) -> ToolResult:
            cost = 0
            last: Exception | ToolResult | None = None
            try:
                while True:
                    bodies_before = call.bodies
                    try:
                        result = await inner(call)
                    except Exception as error:
                        pause = self._pause_after(call, error, has_run=call.bodies > bodies_before)
                        if pause is None and (last is None or not is_refusal_of(error, call)):
                            raise
                        last = last if pause is None else error
                    else:
                        pause = await self._pause_after_result(call, result) if asks_about_results else None
                        if pause is None:
                            # A full quota gains nothing; read without the lock, because a token more or less does
                            # not matter.
                            if quota.tokens < CAPACITY:
                                self._settle(cost)
                            return result
                        last = result
                    if pause is None:
                        # Refused, after an attempt that ran. Out here, so that the tool's own error gets no context.
                        return _outcome_before(last)
                    delay, cost = pause
                    await self._wait(call, delay, cost)
            finally:
                # An exception whose traceback holds this frame would be held by it.
                last = None

        return retried

    async def _wait(self, call: ToolCall, delay: float, cost: int) -> None:
        """Make the pause, and get ready for the next attempt."""
        call.note("retry_delay", delay)
        try:
            await call.runtime.sleep(delay)
        except BaseException:
            # Cancelled in the pause: the retry was paid for and is not made.
            self._give_back(cost)
            raise
        call.attempt += 1
        call.started_at = None

    def reset(self) -> None:
        """Fill the quota."""
        if self._quota is not None:
            with LOCK:
                self._quota.reset()

    def _pause_after(self, call: ToolCall, error: Exception, *, has_run: bool) -> tuple[float, int] | None:
        """Seconds to wait and what the retry costs; None to give up."""
        if not has_run or not self._is_retryable(call, error):
            return None
        return self._pause(call, retry_after_of(error, wall_now=time.time()), throttled=is_throttle(error))

    async def _pause_after_result(self, call: ToolCall, result: ToolResult) -> tuple[float, int] | None:
        if self._retry_on_result is None:
            return None
        if not await call.runtime.run_user(self._retry_on_result, result.return_value):
            return None
        return self._pause(call, None, throttled=False)

    def _pause(self, call: ToolCall, retry_after: float | None, *, throttled: bool) -> tuple[float, int] | None:
        if call.attempt > self._max_retries or call.items:
            return None
        delay = self._backoff.delay(call.attempt, retry_after)
        if call.deadline is not None and call.runtime.now() + delay >= call.deadline:
            return None
        cost = self._charge(throttled=throttled)
        return None if cost is None else (delay, cost)

    def _charge(self, *, throttled: bool) -> int | None:
        if self._quota is None:
            return 0
        with LOCK:
            return self._quota.take(throttled=throttled)

    def _settle(self, cost: int) -> None:
        """A call succeeded: its last retry is given back, or the quota refills a little."""
        if cost:
            self._give_back(cost)
        elif self._quota is not None:
            with LOCK:
                self._quota.first_try_succeeded()

    def _give_back(self, cost: int) -> None:
        if self._quota is not None:
            with LOCK:
                self._quota.give_back(cost)

    def _is_retryable(self, call: ToolCall, error: Exception) -> bool:
        if is_refusal_of(error, call):
            return False
        if isinstance(error, CallTimedOutError) and error.may_still_run and not call.target.may_repeat:
            return False
        if isinstance(error, HallucinationError) and error.call_id == call.call_id and not call.target.may_repeat:
            return False
        if isinstance(error, InvalidOutputError) and error.call_id == call.call_id:
            # It cannot cross from a worker process; the next one could not either.
            return False
        if self._kinds:
            return isinstance(error, self._kinds)
        return not isinstance(error, _PROGRAMMING_ERRORS)


def _outcome_before(last: Exception | ToolResult | None) -> ToolResult:
    """What the attempt before a refused one came to: a `CallRejected` would say that the tool has not run."""
    if isinstance(last, ToolResult):
        return last
    try:
        raise last  # type: ignore[misc]  # there was an attempt, and it gave no result
    finally:
        # As in `retried`.
        del last
