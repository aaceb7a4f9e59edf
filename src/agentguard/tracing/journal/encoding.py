"""Records as bytes, and back: a packed head, the ids, and the JSON that the span already has.

Recorders, sessions and names come again and again: each is written once for a file, and referred to by its number.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from struct import Struct
from struct import error as StructError  # noqa: N812 - a class, whatever its name
from typing import Any, cast, get_args

from agentguard.tracing.decoding import decoded
from agentguard.tracing.row import json_of, plain_text
from agentguard.tracing.span import SPAN_STATUSES, Span, SpanKind
from agentguard.tracing.spool import Record

VERSION = 1
"""Version of the files that this agentguard writes; it leaves newer ones alone."""


class Kind(IntEnum):
    """What a frame of a journal holds."""

    HEADER = 1
    """The version of the file, and its position: see `Header`."""
    TEXT = 2
    """The number of a text, and the text."""
    START = 3
    """A call that is about to run."""
    END = 4
    """An ended span."""
    CONFIRMED = 5
    """A position before which the sink has every record."""
    FORGOTTEN = 6
    """The recorder and id of a started call whose end nobody wants any more."""


_START, _END = int(Kind.START), int(Kind.END)
_KINDS: tuple[SpanKind, ...] = get_args(SpanKind)
_NUMBER_OF_KIND: dict[str, int] = {kind: number for number, kind in enumerate(_KINDS)}
_NUMBER_OF_STATUS: dict[str, int] = {status: number for number, status in enumerate(SPAN_STATUSES)}
_UNKNOWN = _NUMBER_OF_STATUS["unknown"]

# Flags, status, kind; numbers of recorder, session, name; three times; lengths of three ids and of five payloads.
_RECORD = Struct("<BBBIIIdddIIIIIIII")
_pack = _RECORD.pack
_HEADER = Struct("<IQ")
_POSITION = Struct("<Q")
_TEXT = Struct("<I")
_REFERENCE = Struct("<I")

_INPUT_IS_AT_START = 1
_ONLY_EXECUTION_TIME = 2

Numbers = dict[str | None, int]
"""The numbers of the texts that a file has so far; None has 0."""

Starts = dict[tuple[str, str], Span]
"""Calls that were started, by recorder and id; shared by the files of one journal, which a call may outlast."""


def header(position: int) -> bytes:
    """The payload of a file's first frame; `position` is where it begins in the whole journal."""
    return _HEADER.pack(VERSION, position)


def header_of(payload: bytes) -> tuple[int, int]:
    """Version and position of a file."""
    version, position = _HEADER.unpack(payload)
    return version, position


def confirmation(position: int) -> bytes:
    """The payload that says that the sink has what ends at `position` or before."""
    return _POSITION.pack(position)


def confirmed_by(payload: bytes) -> int:
    """The position that a confirmation is about."""
    (position,) = _POSITION.unpack(payload)
    return int(position)


def text(number: int, text: str) -> bytes:
    """The payload that gives `text` a number."""
    return _TEXT.pack(number) + text.encode("utf-8", "surrogatepass")


def reference(recorder: int, span_id: str) -> bytes:
    """The payload that names one recorder's start of a call."""
    return _REFERENCE.pack(recorder) + span_id.encode("utf-8", "surrogatepass")


def end_record(span: Span, recorder: int, session: int, name: int, leaves_out_input: bool = False) -> bytes:  # noqa: FBT001, FBT002 - once a span
    """The payload of an END. The numbers are those of its texts."""
    flags, seconds, attributes = 0, 0.0, b""
    noted = span.attributes
    if noted:
        only = noted.get("execution_time") if len(noted) == 1 else None
        if type(only) is float:  # most spans have just this: packed in a quarter of the time that JSON takes
            flags, seconds = _ONLY_EXECUTION_TIME, only
        else:
            attributes = json_of(noted)
    given = span.input_json or b""
    if leaves_out_input:
        flags |= _INPUT_IS_AT_START
        given = b""
    span_id = span.span_id.encode()
    trace_id = b"" if span.trace_id is span.span_id else span.trace_id.encode()
    parent_id = b"" if span.parent_id is None else span.parent_id.encode()
    output = span.output_json or b""
    error = span.error_json or b""
    events = json_of(span.events) if span.events else b""
    head = _pack(
        flags, _NUMBER_OF_STATUS[span.status], _NUMBER_OF_KIND[span.kind], recorder, session, name,
        span.started_at, span.duration, seconds, len(span_id), len(trace_id), len(parent_id),
        len(given), len(output), len(error), len(attributes), len(events),
    )  # fmt: skip
    return b"".join((head, span_id, trace_id, parent_id, given, output, error, attributes, events))


def start_record(span: Span, recorder: int, session: int, name: int) -> bytes:
    """The payload of a START. It has no attributes and no events: its call may be changing them at this moment."""
    span_id, trace_id = span.span_id.encode(), span.trace_id.encode()
    parent_id = b"" if span.parent_id is None else span.parent_id.encode()
    given = span.input_json or b""
    head = _pack(
        0, _UNKNOWN, _NUMBER_OF_KIND[span.kind], recorder, session, name,
        span.started_at, 0.0, 0.0, len(span_id), len(trace_id), len(parent_id), len(given), 0, 0, 0, 0,
    )  # fmt: skip
    return b"".join((head, span_id, trace_id, parent_id, given))


def number_of(numbers: Numbers, value: Any, define: Callable[[int, str], None]) -> int:
    """The number of a text that has none yet; `define` writes it down before anything refers to it."""
    plain = plain_text(value)
    if plain not in numbers:
        number = len(numbers)
        define(number, plain)
        numbers[plain] = number
    return numbers[plain]


class Decoder:
    """Reads the frames of one file, in order. What is left in `starts` at the journal's end was never seen to end."""

    def __init__(self, starts: Starts | None = None, numbers: Numbers | None = None) -> None:
        self._starts: Starts = {} if starts is None else starts
        self._texts = {number: text for text, number in (numbers or {}).items() if text is not None}

    def read(self, kind: int, payload: bytes) -> Record | None:
        """The record that ends with this frame; None for every other kind of frame.

        Raises:
            ValueError: The frame is whole, and yet makes no sense; the next one may.
        """
        try:
            return self._read(kind, payload)
        except StructError as error:
            raise ValueError("too short") from error

    def _read(self, kind: int, payload: bytes) -> Record | None:
        if kind == _END:
            return self._end(payload)
        if kind == _START:
            recorder_id, span, _ = self._record(payload)
            self._starts[recorder_id, span.span_id] = span
        elif kind == Kind.TEXT:
            (number,) = _TEXT.unpack_from(payload)
            self._texts[number] = payload[_TEXT.size :].decode("utf-8", "surrogatepass")
        elif kind == Kind.FORGOTTEN:
            (number,) = _REFERENCE.unpack_from(payload)
            span_id = payload[_REFERENCE.size :].decode("utf-8", "surrogatepass")
            self._starts.pop((self._text(number), span_id), None)
        return None

    def _end(self, payload: bytes) -> Record:
        recorder_id, span, is_input_elsewhere = self._record(payload)
        start = self._starts.pop((recorder_id, span.span_id), None)
        if is_input_elsewhere and start is not None:  # else: the start was damaged, and the arguments are gone
            span.input_json = start.input_json
        return recorder_id, span

    def _record(self, payload: bytes) -> tuple[str, Span, bool]:
        if len(payload) < _RECORD.size:
            raise ValueError("shorter than the head of a record")
        (
            flags, status, kind, recorder, session, name, started_at, duration, seconds, *lengths
        ) = _RECORD.unpack_from(payload)  # fmt: skip
        parts = _parts(payload, lengths)
        span_id = parts[0].decode()
        span = Span(
            span_id,
            parts[1].decode() or span_id,
            parts[2].decode() or None,
            self._text(session) if session else None,
            _listed(_KINDS, kind),
            self._text(name),
            started_at,
        )
        span.duration = duration
        span.status = _listed(SPAN_STATUSES, status)
        span.input_json, span.output_json, span.error_json = (part or None for part in parts[3:6])
        if flags & _ONLY_EXECUTION_TIME:
            span.attributes = {"execution_time": seconds}
        elif parts[6]:
            span.attributes = cast("dict[str, Any]", decoded(parts[6]))  # written from a dict
        if parts[7]:
            span.events = decoded(parts[7])
        return self._text(recorder), span, bool(flags & _INPUT_IS_AT_START)

    def _text(self, number: int) -> str:
        if number not in self._texts:
            raise ValueError("refers to a text that is not there")
        return self._texts[number]


def _parts(payload: bytes, lengths: list[int]) -> list[bytes]:
    parts, place = [], _RECORD.size
    for length in lengths:
        parts.append(payload[place : place + length])
        place += length
    if place != len(payload):
        raise ValueError("not as long as it says")
    return parts


def _listed(names: tuple[Any, ...], number: int) -> Any:
    if number >= len(names):
        raise ValueError("a status or kind that is not known")
    return names[number]
