"""Points in time, as people write them."""

from __future__ import annotations

import re
import time
from datetime import datetime

import typer

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_AGO = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


def moment(text: str) -> float:
    """Seconds since 1970 of "90s", "10m", "2h", "3d" or "1w" ago, or of a date or time in ISO 8601.

    A time without an offset is one of this machine's time zone.

    Raises:
        BadParameter: It is none of these.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago:
        return time.time() - float(ago[1]) * _UNITS[ago[2]]
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError):
        raise typer.BadParameter(f"{text!r} is no time. Try 10m, 2h, 2026-11-21 or 2026-11-21T09:30.") from None
