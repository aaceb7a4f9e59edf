"""`survey`: what one answer holds, place by place, as far as its tool's baseline knows the places."""

from __future__ import annotations

import json
from typing import Any, Final

from agentguard.policies.answer_kinds import (
    ABSENCE,
    ABSENT,
    EMPTY_LIST,
    EMPTY_TEXT,
    FIELDS,
    FLAG,
    HUGE,
    LIST,
    LONG_TEXT,
    NO_FIELDS,
    NUMBER,
    ODD_NUMBER,
    PLAIN_KINDS,
    TEXT,
    mark_of,
    unusual_kind,
)
from agentguard.policies.baseline_field import MAX_DEPTH, MAX_ITEMS, Field

MAX_SEEN: Final = 256
"""Places of one answer that are looked at."""
_MAX_JSON: Final = 10_000
"""Characters of a text that is read as JSON."""

Seen = tuple[Field, int, Any]
"""A place, the kind of thing in it, and of that thing: the number, the length of a list, or the mark of a text."""


Survey = tuple[list[Seen], list[tuple[Field, Any]], int]
"""What one answer holds: the places seen; those whose fields or items are not all known, and what is in them; and the
characters of all texts. A plain tuple, because one is made for each answer."""


def survey(root: Field, value: Any) -> Survey:  # noqa: C901 - one kind after the other
    """Look at an answer: `MAX_SEEN` places at most. Reads the tree of fields and changes nothing in it."""
    if type(value) is str and value[:1] in {"{", "["} and len(value) <= _MAX_JSON:
        value = _parsed(value)
    seen: list[Seen] = []
    news: list[tuple[Field, Any]] = []
    size = 0
    open_places = [(root, value)]
    while open_places and len(seen) < MAX_SEEN:
        field, value = open_places.pop()
        kind = PLAIN_KINDS.get(type(value))
        if kind is None:
            kind, value = unusual_kind(value)
        if kind == FIELDS:
            if value:
                seen.append((field, FIELDS, 0))
                size += _look_at_fields(field, value, (seen, news, 0), open_places)
            else:
                seen.append((field, NO_FIELDS, 0))
        elif kind == LIST:
            seen.append((field, LIST if value else EMPTY_LIST, len(value)))
            if value:
                _open_items(field, value, open_places, news)
        elif kind == TEXT:
            size += len(value)
            seen.append((field, TEXT, mark_of(value)) if value else (field, EMPTY_TEXT, 0))
        elif kind == NUMBER:
            seen.append((field, NUMBER if -HUGE < value < HUGE else ODD_NUMBER, value))
        else:
            seen.append((field, kind, 0))
    return seen, news, size


def _look_at_fields(field: Field, value: dict[Any, Any], found: Survey, places: list[Any]) -> int:
    """Look at what is known of the fields; characters of their texts. What has an inside waits among `places`."""
    unknown, size = len(value), 0
    kinds, add, take = PLAIN_KINDS.get, found[0].append, value.get
    # Plain values are looked at here and now, which the loop over `places` could do as well, but not as fast: this runs
    # for each field of each answer.
    for name, child in field.fields.items():
        each = take(name, ABSENCE)
        kind = kinds(type(each), FIELDS)
        if kind == NUMBER and -HUGE < each < HUGE:
            add((child, NUMBER, each))
        elif kind == TEXT and 0 < len(each) <= LONG_TEXT:
            size += len(each)
            add((child, TEXT, hash(each)))
        elif kind <= FLAG:
            add((child, kind, 0))
            if kind == ABSENT:
                continue
        else:
            places.append((child, each))
        unknown -= 1
    if unknown and field.depth < MAX_DEPTH:
        found[1].append((field, value))
    return size


def _open_items(field: Field, value: Any, places: list[Any], news: list[Any]) -> None:
    if field.items is not None:
        places.extend((field.items, each) for each in value[:MAX_ITEMS])
    elif field.depth < MAX_DEPTH:
        news.append((field, value))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
