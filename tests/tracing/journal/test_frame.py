"""Frames: a reader finds every one that is whole, and no other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentguard.tracing.journal.frame import HEAD_SIZE, MARK, framed, frames

# Payloads that look like frames, and payloads that are some.
PAYLOADS = st.one_of(
    st.binary(max_size=60),
    st.binary(max_size=20).map(lambda end: MARK + end),
    st.binary(max_size=20).map(lambda inner: framed(1, inner)[:-1]),
)
FRAMES = st.lists(st.tuples(st.integers(0, 255), PAYLOADS), min_size=1, max_size=8)


def read(written):
    return [(frame.kind, frame.payload) for frame in frames(written)]


def ends_of(written):
    ends, end = [], 0
    for kind, payload in written:
        end += len(framed(kind, payload))
        ends.append(end)
    return ends


@given(FRAMES)
def test_what_was_written_is_read_in_order(written):
    assert read(b"".join(framed(*frame) for frame in written)) == written


@given(FRAMES, st.data())
def test_a_torn_end_loses_the_torn_frame_and_no_other(written, data):
    whole = b"".join(framed(*frame) for frame in written)
    cut = data.draw(st.integers(0, len(whole)))
    intact = sum(end <= cut for end in ends_of(written))
    assert read(whole[:cut]) == written[:intact]


@given(FRAMES, st.data())
def test_a_flipped_bit_loses_the_frame_it_is_in_and_no_other(written, data):
    whole = bytearray(b"".join(framed(*frame) for frame in written))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= 1 << data.draw(st.integers(0, 7))
    touched = sum(end <= place for end in ends_of(written))
    assert read(bytes(whole)) == written[:touched] + written[touched + 1 :]


@given(FRAMES, FRAMES, st.text(max_size=40))
def test_reading_goes_on_behind_what_was_torn(before, after, text):
    torn = framed(7, text.encode())[:-1]
    whole = b"".join([*(framed(*frame) for frame in before), torn, *(framed(*frame) for frame in after)])
    assert read(whole) == before + after


def test_every_part_of_a_frame_is_covered_by_its_checksum():
    frame = framed(3, b"payload")
    for place in range(len(frame)):
        for bit in range(8):
            changed = bytearray(frame)
            changed[place] ^= 1 << bit
            assert read(bytes(changed)) == []


def test_a_frame_costs_eleven_bytes():
    assert len(framed(1, b"")) == HEAD_SIZE == 11
