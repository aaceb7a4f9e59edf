"""A bounded copy of any value, made of plain JSON types; what does not fit is named, not silently gone.

Four marks stand in the place of what is not there as it was, each a dict of its own:

    {"$cut": "str", "size": 10485760, "digest": "...", "head": "..."}   too long; the digest is of the redacted head
    {"$cut": "list", "size": 100000, "kept": 4096}                      too many items; the last item of what was kept
    {"$cycle": "list"}                                                  contains itself
    {"$type": "generator", "repr": "<generator object ...>"}            not data; never iterated, awaited or opened
    {"$unreadable": "Account", "error": "ValueError"}                   its own code raised
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections import deque
from collections.abc import Callable, Iterable
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from types import MappingProxyType
from typing import Any

MAX_NODES = 10_000
"""Values in one snapshot. Chosen so that the slowest walk stays near 10 ms on the caller."""
MAX_DEPTH = 32
"""Containers inside each other; deeper data has been cyclic or hostile wherever it was looked at."""
MAX_CHARS = 131_072
"""Characters in one snapshot: eight times what a tool may hand to a model by default."""
MAX_TEXT = 32_768
"""Characters of one text."""
SLACK = 4_096
"""Characters redacted beyond the cut, so that a secret across it is seen whole: an RSA-4096 key in PEM has 3,243."""
_MAX_KEY = 1_024
_FAIR_NODES = 20  # what a value leaves for each of those after it, as far as there is enough: half at least
_FAIR_CHARS = 200
_MAX_BITS = 2_000  # of an integer; Python refuses to write more than 640 digits under the strictest setting it has
_MAX_MEMBERS = 100  # of an exception group, at any depth

_SPELLED = (timedelta, Decimal, PurePath, complex)


class Walk:
    """One bounded walk over one value. `redact_text` cleans a text that has to be cut, before it is cut."""

    def __init__(self, redact_text: Callable[[str], str]) -> None:
        self._redact_text = redact_text
        self._nodes = MAX_NODES
        self._chars = MAX_CHARS
        self._path: set[int] = set()

    def copy(self, value: Any, depth: int = 0) -> Any:
        """A plain copy of `value`. Raises no `Exception` of the value's own."""
        self._nodes -= 1
        kind = type(value)
        if kind is str:
            return self._text(value)
        if value is None or kind is bool:
            return value
        try:
            return self._copy(value, kind, depth)
        except Exception as error:  # noqa: BLE001 - any code of the value's class may run in there, and fail
            return {"$unreadable": kind.__name__, "error": type(error).__name__}

    def _copy(self, value: Any, kind: type, depth: int) -> Any:
        scalar = self._scalar(value, kind)
        if scalar is not _NOT_SCALAR:
            return scalar
        if id(value) in self._path:
            return {"$cycle": kind.__name__}
        if depth >= MAX_DEPTH or self._is_full():
            return {"$cut": kind.__name__}
        self._path.add(id(value))
        try:
            return self._container(value, kind, depth + 1)
        finally:
            self._path.discard(id(value))

    def _scalar(self, value: Any, kind: type) -> Any:
        # Methods of the built-in classes are called on the class: a subclass may have replaced its own.
        if issubclass(kind, Enum):
            return self.copy(value._value_)
        if issubclass(kind, str):
            return self._text(value)
        if issubclass(kind, int):
            return _integer(value)
        if issubclass(kind, float):
            number = float.__float__(value)
            return number if math.isfinite(number) else str(number)  # JSON has no word for "inf" and "nan"
        if issubclass(kind, (bytes, bytearray)):
            return self._octets(value, kind)
        if issubclass(kind, (date, time)):
            return self._text(value.isoformat())
        if issubclass(kind, _SPELLED) or _is_uuid(kind):
            return self._text(str(value))
        return _NOT_SCALAR

    def _container(self, value: Any, kind: type, depth: int) -> Any:
        for parent, iterate, length in _SEQUENCES:
            if issubclass(kind, parent):
                return self._items(iterate(value), length(value), kind, depth)
        if issubclass(kind, dict):
            return self._pairs(dict.items(value), dict.__len__(value), kind, depth)
        if kind is MappingProxyType:
            return self._pairs(value.items(), len(value), kind, depth)
        if issubclass(kind, BaseException):
            kept = outline(value)
            return self.copy({"$type": kept.pop("type"), **kept}, depth)
        fields = shown_fields(value, kind)
        if fields is not None:
            return self._pairs(fields, len(fields), kind, depth)
        return {"$type": kind.__name__, "repr": self._text(repr(value))}

    def _items(self, items: Iterable[Any], size: int, kind: type, depth: int) -> list[Any]:
        out: list[Any] = []
        for item in items:
            if self._is_full():
                out.append({"$cut": kind.__name__, "size": size, "kept": len(out)})
                break
            out.append(self._share(item, size - len(out) - 1, depth))
        return out

    def _pairs(self, pairs: Iterable[tuple[Any, Any]], size: int, kind: type, depth: int) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key, value in pairs:
            if self._is_full():
                out["$cut"] = {"$cut": kind.__name__, "size": size, "kept": len(out)}
                break
            out[self._free_name(key, out)] = self._share(value, size - len(out) - 1, depth)
        return out

    def _share(self, value: Any, later: int, depth: int) -> Any:
        """Copy one of several values; it may not use up what the `later` ones need."""
        nodes = max(0, min(later * _FAIR_NODES, self._nodes // 2))
        chars = max(0, min(later * _FAIR_CHARS, self._chars // 2))
        self._nodes -= nodes
        self._chars -= chars
        try:
            return self.copy(value, depth)
        finally:
            self._nodes += nodes
            self._chars += chars

    def _is_full(self) -> bool:
        return self._nodes <= 0 or self._chars <= 0

    def _free_name(self, key: Any, taken: dict[str, Any]) -> str:
        """`key` as a text that no other key of the same dict has: 1 and "1" are two keys in Python, one in JSON."""
        name = self._name(key)
        if name in taken:
            name = f"{name} ({type(key).__name__})"
        while name in taken:
            name += "'"
        return name

    def _name(self, key: Any) -> str:
        text = key if issubclass(type(key), str) else _spelled(key)
        size = str.__len__(text)
        self._chars -= min(size, _MAX_KEY)
        if size <= _MAX_KEY:
            return str.__str__(text)
        return f"{self._head(text, _MAX_KEY)[0]}... ({size} characters)"

    def _text(self, text: str, kind: str = "str", size: int | None = None) -> Any:
        seen = str.__len__(text)
        room = max(0, min(MAX_TEXT, self._chars))
        if seen <= room and size is None:
            self._chars -= seen
            return str.__str__(text)
        self._chars -= room
        head, digest = self._head(text, room)
        return {"$cut": kind, "size": seen if size is None else size, "digest": digest, "head": head}

    def _head(self, text: str, room: int) -> tuple[str, str]:
        seen = str.__getitem__(text, slice(0, room + SLACK))
        clean = self._redact_text(seen)
        digest = hashlib.blake2b(clean.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        if len(seen) == room + SLACK:
            # The last ones may be half a secret; redaction shortens, so that a plain cut at `room` could keep them.
            clean = clean[:-SLACK]
        return clean[:room], digest

    def _octets(self, value: bytes, kind: type) -> Any:
        parent: Any = bytes if issubclass(kind, bytes) else bytearray
        size = parent.__len__(value)
        seen = parent.__getitem__(value, slice(0, MAX_TEXT + SLACK))
        # As text, because a secret in base64 would pass every redaction.
        text = seen.decode("utf-8", "backslashreplace")
        return self._text(text, "bytes", None if size <= MAX_TEXT else size)


def outline(error: BaseException) -> dict[str, Any]:
    """What is kept of an exception: its class, its text, and the members of a group."""
    room = [_MAX_MEMBERS]
    return _outline(error, room)


def _outline(error: BaseException, room: list[int]) -> dict[str, Any]:
    room[0] -= 1
    try:
        message = str(error)
    except Exception as problem:  # noqa: BLE001 - an exception's __str__ is the user's code
        message = f"<its text cannot be read: {type(problem).__name__}>"
    kept: dict[str, Any] = {"type": type(error).__name__, "message": message}
    if isinstance(error, BaseExceptionGroup):
        kept["errors"] = [_outline(member, room) for member in error.exceptions if room[0] > 0]
    return kept


def shown_fields(value: Any, kind: type) -> list[tuple[str, Any]] | None:
    """Name and value of a dataclass's or pydantic model's fields that its `repr` shows; None for anything else."""
    fields = getattr(kind, "__dataclass_fields__", None) or getattr(kind, "__pydantic_fields__", None)
    if type(fields) is not dict:
        return None
    names = [name for name, field in fields.items() if getattr(field, "repr", True) is not False]
    extra = _field(value, "__pydantic_extra__") if hasattr(kind, "__pydantic_fields__") else None
    return [(name, _field(value, name)) for name in names] + list((extra or {}).items())


def _field(value: Any, name: str) -> Any:
    try:
        return getattr(value, name)
    except Exception as error:  # noqa: BLE001 - a property of the user's class
        return {"$unreadable": name, "error": type(error).__name__}


def _is_uuid(kind: type) -> bool:
    # Who has a UUID has loaded the module; importing agentguard does not.
    uuid = sys.modules.get("uuid")
    return uuid is not None and issubclass(kind, uuid.UUID)


def _spelled(key: Any) -> str:
    if type(key) is int:
        return str(_integer(key))
    try:
        return repr(key)
    except Exception as error:  # noqa: BLE001 - the key's own code
        return f"<{type(key).__name__}: {type(error).__name__}>"


def _integer(value: int) -> Any:
    bits = int.bit_length(value)
    return int.__index__(value) if bits <= _MAX_BITS else {"$cut": "int", "bits": bits}


_NOT_SCALAR = object()

_SEQUENCES: tuple[tuple[type, Callable[[Any], Iterable[Any]], Callable[[Any], int]], ...] = (
    (list, list.__iter__, list.__len__),
    (tuple, tuple.__iter__, tuple.__len__),
    (set, set.__iter__, set.__len__),
    (frozenset, frozenset.__iter__, frozenset.__len__),
    (deque, deque.__iter__, deque.__len__),
)
