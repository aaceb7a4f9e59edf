"""Any value as JSON bytes, as it is now: bounded, redacted, and without ever failing."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from typing import Any, Protocol

from pydantic_core import SchemaSerializer, core_schema, to_json

from agentguard.policies.redaction import Redactor
from agentguard.tracing.notices import warn_once
from agentguard.tracing.walk import MAX_TEXT, Walk


class Cleaner(Protocol):
    """What a snapshot asks of a redactor."""

    def has_secret(self, json_text: bytes, /) -> bool:
        """Whether anything in the encoded value has to be replaced."""

    def redact(self, tree: Any, /) -> Any:
        """A copy of a plain tree with every secret replaced."""

    def redact_text(self, text: str, /) -> str:
        """`text` with every secret in it replaced."""


_CONTAINER = 64  # what a container costs, in characters: so the room ends cycles and deep nesting as well
_NUMBER = 8
_PLAIN_NUMBERS = frozenset({bool, float, type(None)})
_INT64 = 1 << 63

WITHHELD = b'{"$unreadable":"value"}'
"""What stands for a value of which nothing can be shown."""

# In three quarters of the time of `to_json`, which asks for its options each time.
_plain_json = SchemaSerializer(core_schema.any_schema(), {"ser_json_inf_nan": "strings"}).to_json

redactor_for = lru_cache(maxsize=256)(Redactor)
"""The redactor for the names and shapes that a tool adds, made once for each combination."""


@lru_cache(maxsize=1_024)
def clean_name(name: str, cleaner: Cleaner) -> str:
    """The name of a span without secrets: names recur, unless they are made from data."""
    return cleaner.redact_text(name)


def snapshot(value: Any, cleaner: Cleaner) -> bytes:
    """Encode `value`, bounded and redacted; later changes of it do not show.

    A small value of plain types takes one look and one fast encoding. Anything else is walked: see `walk.py` for the
    limits, and for what stands in the place of what does not fit. Raises nothing but what is no `Exception`.
    """
    try:
        payload = _plain_json(value) if _room_left(value, MAX_TEXT) >= 0 else None
        if payload is not None and not cleaner.has_secret(payload):
            return payload
    except Exception:  # noqa: BLE001 - plain as it looked, it has no JSON (a lone surrogate), or it is changing under us
        payload = None
    try:
        return _cleaned(encoded(Walk(cleaner.redact_text).copy(value)) if payload is None else payload, cleaner)
    except Exception:  # noqa: BLE001 - an observer fails open, and never with a value that was not redacted
        warn_once("snapshot", "agentguard: a value could not be recorded and is left out; the call goes on")
        return WITHHELD


def encoded(tree: Any) -> bytes:
    """JSON of a tree that a walk has made plain."""
    try:
        return to_json(tree)
    except ValueError:
        # A lone surrogate has no UTF-8; the standard encoder escapes it, and the escape is read back as it was.
        return json.dumps(tree).encode()


def _room_left(value: Any, room: int) -> int:
    """What is left of `room` characters after `value`; negative when it does not fit, or is not of plain types."""
    kind = type(value)
    if kind is str:
        return room - len(value)
    if kind is int:
        return room - _NUMBER if -_INT64 <= value < _INT64 else -1
    if kind in _PLAIN_NUMBERS:
        return room - _NUMBER
    room -= _CONTAINER
    if kind is dict:
        return _room_left_by_pairs(value, room)
    if kind is list or kind is tuple:
        for item in value:
            if room < 0:
                break
            room = _room_left(item, room)
        return room
    return -1


def _room_left_by_pairs(pairs: dict[Any, Any], room: int) -> int:
    for key, item in pairs.items():
        if room < 0 or type(key) is not str:
            return -1
        room -= len(key)
        # The commonest value, without the call.
        room = room - len(item) if type(item) is str else _room_left(item, room)
    return room


def _cleaned(payload: bytes, cleaner: Cleaner) -> bytes:
    return encoded(cleaner.redact(json.loads(payload))) if cleaner.has_secret(payload) else payload


def _encode_once() -> None:
    to_json({})


# pydantic-core sets its encoder up at first use (5 ms). A child forked while another thread does that waits for it for
# ever, at its own first use: seen here, without any code of ours. Encoding something before the fork waits for the
# set-up, or does it.
os.register_at_fork(before=_encode_once)
