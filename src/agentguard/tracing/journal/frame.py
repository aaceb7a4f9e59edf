"""Frames: how bytes are written one after the other so that a reader finds every whole one, whatever came between.

A frame is a mark, a kind, the length of the payload, a checksum over all but the mark, and the payload. What a dying
process or a full disk left half written, or a disk has altered, does not pass its checksum: it is skipped, and reading
goes on at the next mark.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple
from zlib import crc32

MARK = b"\xff\xa7"
"""Begins every frame. The first byte is in no UTF-8 text: payloads of JSON never look like a frame, nor end like the
beginning of one."""

_HEAD = Struct("<2sBII")
_pack = _HEAD.pack
HEAD_SIZE = _HEAD.size
"""Bytes of a frame besides its payload."""
_KIND = 0x9E3779B1  # odd: every kind starts its checksum elsewhere
_WORD = 0xFFFFFFFF


class Frame(NamedTuple):
    """One frame that is whole."""

    kind: int
    """What its payload is, 0 to 255."""
    payload: bytes
    """What was written."""
    end: int
    """Where it ends, in bytes from the beginning of what was read."""


def framed(kind: int, payload: bytes) -> bytes:
    """`payload` as one frame."""
    size = len(payload)
    return _pack(MARK, kind, size, crc32(payload, (kind * _KIND + size) & _WORD)) + payload


def frames(written: bytes, start: int = 0) -> Iterator[Frame]:
    """Every whole frame in `written` from `start` on, in order."""
    place = start
    while (place := written.find(MARK, place)) >= 0:
        frame = frame_at(written, place)
        if frame is None:
            place += 1  # torn, altered, or no frame at all
        else:
            yield frame
            place = frame.end


def frame_at(written: bytes, place: int) -> Frame | None:
    """The frame that begins at `place`; None when no whole one does."""
    begin = place + HEAD_SIZE
    if begin > len(written):
        return None
    mark, kind, size, checksum = _HEAD.unpack_from(written, place)
    end = begin + size
    if mark != MARK or end > len(written):
        return None
    payload = written[begin:end]
    return Frame(kind, payload, end) if crc32(payload, (kind * _KIND + size) & _WORD) == checksum else None
