"""Reading a recorded payload back. Apart from `snapshot.py`, so that reading does not load what recording needs."""

from __future__ import annotations

import json
from typing import Any


def decoded(payload: bytes | None) -> Any:
    """What a snapshot holds; None where there is none."""
    # json.loads and not pydantic's faster from_json, which refuses lone surrogates.
    return None if payload is None else json.loads(payload)
