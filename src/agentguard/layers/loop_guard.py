"""Stopping an agent that goes round in circles."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

from agentguard.core.call import ToolCall
from agentguard.core.chain import Handler, Layer
from agentguard.core.config import LoopGuardConfig
from agentguard.core.result import ToolResult
from agentguard.errors import LoopDetectedError
from agentguard.policies.repetition import LOOK_BACK_SECONDS, Repetition, Sighting
from agentguard.state.histories import session_history_locked, thresholds_of
from agentguard.state.lock import LOCK

_logger = logging.getLogger("agentguard")


class LoopGuardMiddleware(Layer):
    """Refuses with `LoopDetectedError` a call that repeats a short pattern of calls with the same results.

    A repetition is the same tool with the same arguments *and* the same result; distinct arguments are never a loop,
    nor are changing results. Calls are remembered per session, across its tools; without a session per tool, for the
    last 60 s. The ladder: `warn_after` writes a log line and a trace attribute, `ask_after` and `block_after` refuse
    (nobody can be asked in this version), `halt_after` refuses with `halt=True`. The tool's result is never altered.
    """

    name: ClassVar[str] = "LoopGuard"

    def __init__(self, config: LoopGuardConfig) -> None:
        self.settings = config
        self._watches = not config.poll
        self._key = config.loop_key
        self._thresholds = thresholds_of(config)
        from agentguard.policies import canonical  # noqa: PLC0415 - loads pydantic-core: 12 ms of every import

        self._canonical = canonical
        self._own = Repetition(config, look_back=LOOK_BACK_SECONDS)

    def link(self, inner: Handler, /) -> Handler:
        """Look at the call, run it, and remember what came of it."""
        return self._watching(inner) if self._watches else inner

    def _watching(self, inner: Handler) -> Handler:
        key_of, spelling, are_plain = self._key, self._canonical.spelling, self._canonical.are_plain

        async def watched(call: ToolCall) -> ToolResult:
            if key_of is None:
                values = call.target.in_order(call.args, call.kwargs) if call.kwargs else call.args
                is_plain = values is not None and are_plain(values)
                arguments = values if is_plain else spelling(call.target.bind(call.args, call.kwargs))
            else:
                arguments = spelling(key_of(call))
            key = (call.tool_name, arguments)
            account = call.account
            # By hand: a `with` costs twice as much as the lock itself.
            LOCK.acquire()
            try:
                history = self._own if account is None else session_history_locked(account, self._thresholds)
                sighting = history.observe(key, call.runtime.now())
            finally:
                LOCK.release()
            if sighting.rung != "ok":
                self._climb(call, sighting)
            try:
                result = await inner(call)
            except Exception as error:
                if call.has_run:
                    self._conclude(history, sighting, (type(error), _text_of(error)))
                raise
            if history.note(sighting, spelling(result.return_value)):
                with LOCK:
                    history.compare(sighting)
            return result

        return watched

    def reset(self) -> None:
        """Forget the calls made outside of sessions."""
        with LOCK:
            self._own.reset()

    def _climb(self, call: ToolCall, sighting: Sighting) -> None:
        call.note("loop", {"count": sighting.count, "period": sighting.period, "rung": sighting.rung})
        if sighting.rung == "warn":
            if sighting.count == self._thresholds.warn_after:
                _logger.warning("%r was called %d times with the same outcome", call.tool_name, sighting.count)
            return
        raise LoopDetectedError(
            tool_name=call.tool_name,
            call_id=call.call_id,
            count=sighting.count,
            period=sighting.period,
            halt=sighting.rung == "halt",
        )

    def _conclude(self, history: Repetition, sighting: Sighting, digest: Any) -> None:
        with LOCK:
            history.conclude(sighting, digest)


def _text_of(error: Exception) -> object:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - an error that cannot be read equals nothing
        return object()
