"""`prune`: JSON that stays JSON while it loses the ends of its strings, the tails of its lists and its last keys."""

from __future__ import annotations

from collections.abc import Iterable
from json.encoder import encode_basestring
from typing import Any, Final

from agentguard.policies.cutting import TEXT, Keep, cut
from agentguard.policies.json_size import MAX_DEPTH, json_length, key_length

LEAST_ROOM: Final = 64
"""Characters that a shortened string, list or dict takes at least: brackets and a marker. A value for which there is
less room is left out instead."""

_MARKER_KEY: Final = "[...]"
_SHORTENED: Final = "[shortened]"
_ITEM_SHARE: Final = 4  # the first item that does not fit is shortened if a quarter of the room is left, else dropped


def prune(value: object, room: int, keep: Keep, *, where: str | None = None, depth: int = 0) -> object:
    """The value with compact JSON of at most `room` characters, which must be `LEAST_ROOM` or more.

    The kind of the value stays: a dict remains a dict. What fits is kept as it is, in its place; short values of a dict
    are kept whole before long ones share the rest evenly. `where` goes into the outermost marker if there is room.
    """
    if json_length(value, room, depth) <= room:
        return value
    if isinstance(value, str):
        return _prune_text(value, room, keep)
    if depth <= MAX_DEPTH:
        if isinstance(value, dict):
            return _prune_dict(value, room, keep, where, depth)
        if isinstance(value, (list, tuple)):
            items = _prune_items(value, room, keep, where, depth)
            return tuple(items) if isinstance(value, tuple) else items
    return f"[... {type(value).__name__[:20]} left out]"


def _prune_text(text: str, room: int, keep: Keep) -> str:
    budget = room - 2
    while True:
        shortened = cut(text, TEXT, keep, max_chars=budget)
        length = len(encode_basestring(shortened))
        if length <= room:
            return shortened
        # Quotes and control characters take more than one place in JSON; come down in proportion to the excess.
        budget = min(budget - 1, budget * room // length)


def _prune_items(items: list[Any] | tuple[Any, ...], room: int, keep: Keep, where: str | None, depth: int) -> list[Any]:
    where = _place(where, _marker("items", len(items), len(items), None), room)
    space = room - 3 - len(encode_basestring(_marker("items", len(items), len(items), where)))
    head, tail = [], []
    if keep != "tail":
        head = _fitting(items, space if keep == "head" else space // 2, keep, depth)
        space -= json_length(head, room, depth)
    if keep != "head":
        tail = _fitting(reversed(items[len(head) :]), space, keep, depth)[::-1]
    left_out = len(items) - len(head) - len(tail)
    marker = [_marker("items", left_out, len(items), where)] if left_out or where else []
    return head + marker + tail


def _fitting(items: Iterable[Any], space: int, keep: Keep, depth: int) -> list[Any]:
    """As many items from the start as fit, the last one perhaps shortened."""
    kept: list[Any] = []
    left = space
    for item in items:
        length = json_length(item, left, depth + 1) + 1
        if length <= left:
            kept.append(item)
            left -= length
            continue
        if left - 1 >= max(LEAST_ROOM, space // _ITEM_SHARE):
            kept.append(prune(item, left - 1, keep, depth=depth + 1))
        break
    return kept


def _prune_dict(value: dict[Any, Any], room: int, keep: Keep, where: str | None, depth: int) -> dict[Any, Any]:
    where = _place(where, _marker("fields", len(value), len(value), None), room)
    marker_key = _free_key(value)
    space = room - 1
    lengths = _affordable(value, space, depth) if where is None else {}
    if len(lengths) < len(value):
        marker = _marker("fields", len(value), len(value), where)
        space -= len(encode_basestring(marker_key)) + len(encode_basestring(marker)) + 2
        lengths = _affordable(value, space, depth)
    space -= sum(key_length(key, room) + 2 for key in lengths)
    rooms = _shared(lengths, space)
    pruned = {key: prune(value[key], rooms[key], keep, depth=depth + 1) for key in lengths}
    left_out = len(value) - len(pruned)
    if left_out or where:
        pruned[marker_key] = _marker("fields", left_out, len(value), where)
    return pruned


def _affordable(value: dict[Any, Any], space: int, depth: int) -> dict[Any, int]:
    """The first keys for which there is room, with the length of each one's value as far as it matters."""
    lengths: dict[Any, int] = {}
    # More than a few times its even share no value can get, so longer ones need not be measured to their end.
    most = max(LEAST_ROOM, 4 * space // len(value))
    for key, child in value.items():
        length = json_length(child, most, depth + 1)
        space -= key_length(key, space) + 2 + min(length, LEAST_ROOM)
        if space < 0:
            break
        lengths[key] = length if length <= most else most * len(value)
    return lengths


def _shared(lengths: dict[Any, int], space: int) -> dict[Any, int]:
    """What each value may take: short ones what they need, long ones even parts of what is left."""
    rooms: dict[Any, int] = {}
    count = len(lengths)
    for key, length in sorted(lengths.items(), key=lambda item: item[1]):
        rooms[key] = min(length, space // count)
        space -= rooms[key]
        count -= 1
    return rooms


def _marker(kind: str, left_out: int, total: int, where: str | None) -> str:
    said = f"... {left_out:,} of {total:,} {kind} left out" if left_out else "shortened"
    return f"[{said}]" if where is None else f"[{said}; all of it is in {where}]"


def _place(where: str | None, marker: str, room: int) -> str | None:
    """`where`, if the longest marker leaves room for it."""
    # Asked once, of the longest marker: the final one may be shorter, and must not find room for what was not reserved.
    if where is None or len(encode_basestring(marker)) + len(encode_basestring(where)) + LEAST_ROOM > room:
        return None
    return where


def _free_key(value: dict[Any, Any]) -> str:
    """A key for the marker that does not hide one of the value's own."""
    key = _MARKER_KEY
    while key in value:
        key = f"[{key}]"
    return key
