"""Messages between the parent and a worker, and what is none."""

import json
import socket
import struct
import time

import pytest

from agentguard.core.workers.frames import MAX_BODY_BYTES, BrokenChannelError, Channel, TimeUpError

LENGTHS = struct.Struct("!4sIQ")


@pytest.fixture
def ends():
    left, right = socket.socketpair()
    with left, right:
        yield left, right


def soon() -> float:
    return time.monotonic() + 5


def frame(header: bytes, body: bytes = b"", mark: bytes = b"AGW1", announced: int | None = None) -> bytes:
    return LENGTHS.pack(mark, len(header), len(body) if announced is None else announced) + header + body


def test_messages_arrive_whole_and_in_order(ends):
    here, there = Channel(ends[0]), Channel(ends[1])
    here.send({"kind": "a", "text": "\ud800"}, b"body")
    here.send({"kind": "b"})
    assert there.wait(0)
    assert there.receive(until=soon()) == ({"kind": "a", "text": "\ud800"}, b"body")
    # Read with the first one already.
    assert there.wait(0)
    assert there.receive(until=soon()) == ({"kind": "b"}, b"")
    assert not there.wait(0)


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", "where a message should begin"),
        (frame(b"{}", mark=b"AGW2"), "where a message should begin"),
        (frame(b"{}", announced=MAX_BODY_BYTES + 1), "where a message should begin"),
        (LENGTHS.pack(b"AGW1", 2**32 - 1, 0), "where a message should begin"),
        (frame(b"[]"), "whose header is no JSON object"),
        (frame(b"{"), "whose header is no JSON object"),
        (frame(b"[" * 100_000), "whose header is no JSON object"),
        (frame(b"\xff"), "whose header is no JSON object"),
        (frame(json.dumps({}).encode(), b"half", announced=5), "it ended its connection"),
        (b"AG", "it ended its connection"),
        (b"", "it ended its connection"),
    ],
)
def test_what_is_no_message_breaks_the_channel(ends, sent, why):
    ends[0].sendall(sent)
    ends[0].close()
    with pytest.raises(BrokenChannelError, match=why):
        Channel(ends[1]).receive(until=soon())


def test_a_message_that_does_not_come_is_not_waited_for_in_vain(ends):
    channel = Channel(ends[1])
    with pytest.raises(TimeUpError):
        channel.receive(until=time.monotonic() + 0.01)
    with pytest.raises(TimeUpError):
        channel.receive(until=time.monotonic() + 0.01, goes_on=lambda: True)
    with pytest.raises(TimeUpError):
        channel.receive(until=soon(), goes_on=lambda: False)


def test_a_message_that_is_not_read_is_not_sent_for_ever(ends):
    with pytest.raises(TimeUpError):
        Channel(ends[0]).send({}, bytes(10_000_000), until=time.monotonic() + 0.01)


def test_nothing_can_be_sent_to_who_is_gone(ends):
    ends[1].close()
    with pytest.raises(BrokenChannelError):
        Channel(ends[0]).send({})


def test_a_closed_channel_is_a_broken_one(ends):
    channel = Channel(ends[0])
    channel.close()
    with pytest.raises(BrokenChannelError):
        channel.receive(until=soon())
