"""What recording has to say about itself: once for each kind of problem, and never to the call."""

from __future__ import annotations

import contextlib
import logging
import sys

_log = logging.getLogger("agentguard")
_said: set[object] = set()


def warn_once(kind: object, message: str, *parts: object) -> None:
    """Log `message` as a warning with the traceback at hand; the second and later times of the same `kind` are silent.

    Never raises an `Exception`: it is called where an observer has just failed, between a tool's result and its caller.
    """
    if kind in _said:
        return
    _said.add(kind)
    # A user's logging filter may fail like any other code; there is nobody left to tell.
    with contextlib.suppress(Exception):
        _log.warning(message, *parts, exc_info=sys.exc_info()[0] is not None)
