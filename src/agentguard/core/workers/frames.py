"""Messages between the parent and a worker: a short header of plain JSON, and a body that is encoded apart.

A frame is `AGW1`, the header's length in 4 bytes, the body's in 8, the header and the body. What is not a frame was
written by a tool's body into a descriptor that is not its own: the worker is then given up.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

_MARK = b"AGW1"
_LENGTHS = struct.Struct("!4sIQ")
_MAX_HEADER_BYTES = 4_000_000
"""A header holds at most a traceback."""
MAX_BODY_BYTES = 256 * 1024 * 1024
"""More than any model reads, and little enough to be held twice."""
_CHUNK_BYTES = 256 * 1024
_SLICE_SECONDS = 0.02
"""How often somebody who waits for a message asks whether to go on."""

Header = dict[str, Any]


class TimeUpError(Exception):
    """Nothing (or not all) came, or went, in time."""


class BrokenChannelError(Exception):
    """The other side is gone, or what it sent is no message."""


class Channel:
    """One end of the connection between the parent and a worker. Used by one thread at a time."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._unread = bytearray()
        """What came behind a message's end; mostly nothing."""

    def send(self, header: Header, body: bytes = b"", *, until: float | None = None) -> None:
        """Send one message.

        Args:
            header: Plain JSON.
            body: What was encoded; at most `MAX_BODY_BYTES`.
            until: Monotonic time at which to give up; None waits for good.

        Raises:
            TimeUpError: Perhaps half of it was sent: the channel is of no use any more.
            BrokenChannelError: The other side is gone.
        """
        text = json.dumps(header).encode()
        try:
            self._limit(until)
            # At once, because a message is mostly small, and two would wake the other side twice.
            self._connection.sendall(b"".join((_LENGTHS.pack(_MARK, len(text), len(body)), text, body)))
        except TimeoutError:
            raise TimeUpError from None
        except OSError as error:
            raise BrokenChannelError(str(error)) from error

    def receive(self, *, until: float | None = None, goes_on: Callable[[], bool] | None = None) -> tuple[Header, bytes]:
        """The next message.

        Args:
            until: Monotonic time at which to give up; None waits for good.
            goes_on: Asked now and then; what it says False to is as good as a time that is up.

        Raises:
            TimeUpError: None came in time, or not all of it: what is read next may then be the rest of it.
            BrokenChannelError: The other side is gone, or sent something else.
        """
        while goes_on is not None and not self.wait(_SLICE_SECONDS):
            if not goes_on() or (until is not None and time.monotonic() >= until):
                raise TimeUpError
        first = self._read(_LENGTHS.size, until)
        mark, header_bytes, body_bytes = _LENGTHS.unpack(first)
        if mark != _MARK or header_bytes > _MAX_HEADER_BYTES or body_bytes > MAX_BODY_BYTES:
            msg = f"it sent {first[:8]!r}... where a message should begin"
            raise BrokenChannelError(msg)
        text, body = self._read(header_bytes, until), self._read(body_bytes, until)
        try:
            header = json.loads(text)
        except (ValueError, RecursionError):
            header = None
        if not isinstance(header, dict):
            msg = "it sent a message whose header is no JSON object"
            raise BrokenChannelError(msg)
        return header, body

    def wait(self, seconds: float) -> bool:
        """Whether there is something to read (the other side's end too) within `seconds`."""
        if self._unread:
            return True
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        return bool(poll.poll(seconds * 1000.0))

    def close(self) -> None:
        """Let go of this end."""
        self._connection.close()

    def _read(self, size: int, until: float | None) -> bytes:
        """Exactly `size` bytes; what is announced and never comes takes no memory."""
        unread = self._unread
        while len(unread) < size:
            try:
                self._limit(until)
                part = self._connection.recv(_CHUNK_BYTES)
            except TimeoutError:
                raise TimeUpError from None
            except OSError as error:
                raise BrokenChannelError(str(error)) from error
            if not part:
                msg = "it ended its connection"
                raise BrokenChannelError(msg)
            unread += part
        taken = bytes(memoryview(unread)[:size])
        del unread[:size]
        return taken

    def _limit(self, until: float | None) -> None:
        # A time-out of 0 would mean "do not block", which fails in another way.
        self._connection.settimeout(None if until is None else max(until - time.monotonic(), 1e-6))
