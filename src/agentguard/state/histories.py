"""Histories of calls, one per session, shared by the tools that watch for loops alike."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

from agentguard.core.config import LoopGuardConfig
from agentguard.policies.repetition import Repetition

MAX_SESSIONS = 10_000
"""Sessions remembered; beyond it the one unused longest is forgotten. A history holds at most some 80 short keys."""

_sessions: OrderedDict[tuple[str, LoopGuardConfig], Repetition] = OrderedDict()


def thresholds_of(config: LoopGuardConfig) -> LoopGuardConfig:
    """What two tools must have in common to share a history."""
    return replace(config, poll=False, loop_key=None)


def session_history_locked(session_id: str, thresholds: LoopGuardConfig) -> Repetition:
    """The history of a session, as seen by tools with these thresholds. The caller holds `LOCK`."""
    key = (session_id, thresholds)
    history = _sessions.get(key)
    if history is None:
        history = _sessions[key] = Repetition(thresholds)
        if len(_sessions) > MAX_SESSIONS:
            _sessions.popitem(last=False)
    else:
        _sessions.move_to_end(key)
    return history
