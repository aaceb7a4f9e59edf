"""`cut`: the beginning, the end or both of a long text or byte string, with a marker in the place of the rest."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import AnyStr, Final, Generic, Literal

Keep = Literal["head", "tail", "both"]
"""Which part survives."""

_LONGEST_CLUSTER: Final = 32  # characters to step over at most so as not to split one that is shown as a whole


@dataclass(frozen=True, slots=True)
class Alphabet(Generic[AnyStr]):
    """What cutting needs to know about texts or about byte strings."""

    unit: str
    """What is counted, for the marker."""

    empty: AnyStr
    """Nothing."""

    newline: AnyStr
    """The end of a line."""

    write: Callable[[str], AnyStr]
    """Turns the marker into this kind of string."""

    joins: Callable[[AnyStr, int], bool]
    """Whether the unit at a place belongs to the one before it."""


def cut(
    value: AnyStr,
    alphabet: Alphabet[AnyStr],
    keep: Keep,
    *,
    max_chars: int,
    max_lines: int | None = None,
    where: str | None = None,
) -> AnyStr:
    """At most `max_chars` units and `max_lines` lines of a value that is longer, the marker included.

    Never splits a surrogate pair, a UTF-8 sequence, or a letter from its accents (up to 32 of them).
    """
    # The marker for everything left out is the longest there can be; the final one never takes more room.
    room = max_chars - (2 if keep == "both" else 1)
    reserved = len(_marker(len(value), len(value), alphabet, where))
    if reserved > room:
        where = None
        reserved = len(_marker(len(value), len(value), alphabet, where))
    # No room at all when `prune` tries a budget below its marker: then the marker stands alone.
    head, tail = _ends(value, alphabet, keep, max(0, room - reserved), None if max_lines is None else max_lines - 1)
    marker = _marker(len(value) - len(head) - len(tail), len(value), alphabet, where)
    return alphabet.newline.join(part for part in (head, marker, tail) if part)


def _marker(left_out: int, total: int, alphabet: Alphabet[AnyStr], where: str | None) -> AnyStr:
    place = "" if where is None else f"; all of it is in {where}"
    return alphabet.write(f"[... {left_out:,} of {total:,} {alphabet.unit} left out{place}]")


def _ends(value: AnyStr, alphabet: Alphabet[AnyStr], keep: Keep, room: int, lines: int | None) -> tuple[AnyStr, AnyStr]:
    room = min(room, len(value))  # a text with too many short lines; the two ends must not overlap
    head_room, tail_room = {"head": (room, 0), "tail": (0, room), "both": (room - room // 2, room // 2)}[keep]
    head = value[: _before(value, alphabet, head_room)] if head_room else alphabet.empty
    tail = value[_after(value, alphabet, len(value) - tail_room) :] if tail_room else alphabet.empty
    if lines is not None:
        head = _first_lines(head, alphabet, lines - lines // 2 if keep == "both" else lines)
        tail = _last_lines(tail, alphabet, lines // 2 if keep == "both" else lines)
    return head, tail


def _before(value: AnyStr, alphabet: Alphabet[AnyStr], end: int) -> int:
    """The last place at or before `end` that splits nothing."""
    if end >= len(value):
        return len(value)
    for place in range(end, max(0, end - _LONGEST_CLUSTER), -1):
        if not alphabet.joins(value, place):
            return place
    return end


def _after(value: AnyStr, alphabet: Alphabet[AnyStr], start: int) -> int:
    """The first place at or after `start` that splits nothing."""
    if start <= 0:
        return 0
    for place in range(start, min(len(value), start + _LONGEST_CLUSTER)):
        if not alphabet.joins(value, place):
            return place
    return start


def _first_lines(head: AnyStr, alphabet: Alphabet[AnyStr], lines: int) -> AnyStr:
    end = -1
    for _ in range(lines):
        end = head.find(alphabet.newline, end + 1)
        if end < 0:
            return head
    return head[: max(0, end)]


def _last_lines(tail: AnyStr, alphabet: Alphabet[AnyStr], lines: int) -> AnyStr:
    # A newline at the very end closes the last line; it does not open another one.
    start = len(tail) - tail.endswith(alphabet.newline)
    for _ in range(lines):
        start = tail.rfind(alphabet.newline, 0, start)
        if start < 0:
            return tail
    return tail[start + 1 :] if lines else alphabet.empty


def _joins_character(text: str, place: int) -> bool:
    character = text[place]
    if character.isascii():
        return False
    joined = place > 0 and text[place - 1] == _JOINER
    return joined or character in _CONTINUES or unicodedata.combining(character) != 0


def _joins_byte(value: bytes, place: int) -> bool:
    return value[place] & 0xC0 == 0x80  # noqa: PLR2004 - a continuation byte of UTF-8 is 10xxxxxx


_JOINER: Final = "\u200d"  # zero width joiner: a family is three people and two of these
_VARIATIONS: Final = range(0xFE00, 0xFE10)
_SKIN_TONES: Final = range(0x1F3FB, 0x1F400)
_SECOND_HALVES: Final = range(0xDC00, 0xE000)  # of surrogate pairs, in strings that hold halves
_CONTINUES: Final = frozenset(map(chr, (ord(_JOINER), *_VARIATIONS, *_SKIN_TONES, *_SECOND_HALVES)))

TEXT: Final[Alphabet[str]] = Alphabet("characters", "", "\n", str, _joins_character)
"""Strings, counted in code points."""

BYTES: Final[Alphabet[bytes]] = Alphabet("bytes", b"", b"\n", lambda text: text.encode("utf-8", "replace"), _joins_byte)
"""Byte strings."""
