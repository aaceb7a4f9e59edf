"""Where a suspended coroutine stands, for people."""

from __future__ import annotations

import linecache
import os
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from agentguard.core.deadline import resume

_OURS = str(Path(__file__).resolve().parents[1]) + os.sep
_THEIRS = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib"))


def whereabouts(work: object) -> str:
    """The innermost line of the user's own code that `work` waits in, and the part of agentguard that it waits in.

    For example `tools.py:12 in search: await asyncio.sleep(1)`, or
    `tests.py:30 in main: await search("tea") (inside agentguard.layers.retry)`.
    """
    inside = ""
    for frame in reversed(list(_frames(work))):
        name = frame.f_code.co_filename
        if name.startswith(_OURS):
            # The layer that waits, rather than the runtime that it waits through.
            module = frame.f_globals.get("__name__", "")
            is_runtime = module.startswith("agentguard.core")
            inside = module if not inside or (inside.startswith("agentguard.core") and not is_runtime) else inside
        elif not name.startswith(_THEIRS):
            return _line(frame) + (f" (inside {inside})" if inside else "")
    return f"inside {inside}" if inside else "an await"


def _frames(work: object) -> Iterator[FrameType]:
    """The frames of a coroutine and of what it awaits, outermost first, as far as Python can tell."""
    waiting: object = work
    while waiting is not None:
        frame = _first(waiting, "cr_frame", "gi_frame", "ag_frame")
        if isinstance(frame, FrameType):
            yield frame
            if frame.f_code is resume.__code__:
                # It steps what it waits for by hand, which Python cannot see.
                waiting = frame.f_locals["chain"]
                continue
        waiting = _first(waiting, "cr_await", "gi_yieldfrom", "ag_await")


def _first(waiting: object, *names: str) -> object:
    """The attribute that a coroutine, a generator or an async generator has for it."""
    return next((found for name in names if (found := getattr(waiting, name, None)) is not None), None)


def _line(frame: FrameType) -> str:
    code = frame.f_code
    text = linecache.getline(code.co_filename, frame.f_lineno).strip()
    place = f"{Path(code.co_filename).name}:{frame.f_lineno} in {code.co_name}"
    return f"{place}: {text}" if text else place
