"""What sinks that send have in common: batches cut to a size the server takes, each sent until it has arrived, once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, takewhile
from typing import Final, Protocol

from agentguard.tracing.notices import warn_once
from agentguard.tracing.sinks.delivery import Verdict
from agentguard.tracing.sinks.port import TryLater
from agentguard.tracing.spool import Record

MAX_BODY_BYTES: Final = 4_000_000
"""Roughly how much of spans goes into one body, before it is compressed. Less once a server has answered 413."""
_SEARCHES: Final = 64
"""Bodies that one batch may cost while the span is looked for that a server refuses: 18 find one in 500. A server that
refuses everything must not be asked about each."""

Encode = Callable[[Sequence[Record]], bytes]


class Post(Protocol):
    """What a sender needs of a delivery."""

    shown: str
    """Where it goes."""

    def post(self, body: bytes, headers: Mapping[str, str], /) -> Verdict:
        """Post one body, or raise TryLater."""

    def close(self) -> None:
        """Close the connection."""

    def abandon(self) -> None:
        """Forget the connection without touching it."""


class Sender:
    """A sink without its encoding. Without an address it opens, says so once, and sends nothing.

    Belongs to one thread. After a failure it is given the same records again, oldest first, and maybe more.
    """

    def __init__(self, delivery: Post | None, encode: Encode, name: str) -> None:
        self.rejected = 0
        """Spans that the server will never take, and that are dropped."""
        self._delivery = delivery
        self._encode = encode
        self._name = name
        self._room = MAX_BODY_BYTES
        self._forget()

    def _forget(self) -> None:
        # Of a batch that is not through: records that have arrived or been dropped, and how many were in the body that
        # nobody knows about. That one is sent again just as it was, so that a server knows it by its id.
        self._settled: set[tuple[str, str]] = set()
        self._uncertain = 0
        self._searches = 0

    def open(self) -> None:
        """Say, once, when there is nowhere to send to. A server that is down is no error."""
        if self._delivery is None:
            warn_once(
                (self._name, "endpoint"),
                "agentguard: traces for %r have no address; they are kept, and nothing is sent. Give endpoint=, or set"
                " the environment variable",
                self._name,
            )

    def write(self, records: Sequence[Record], /) -> None:
        """Send all of `records`; each span has the same id each time, by which a server knows it again.

        Raises:
            TryLater: Some have not arrived; they have to be given again.
        """
        if self._delivery is None:
            self.open()
            raise TryLater(f"There is no address to send {self._name} traces to.", is_said=True)
        self._searches = _SEARCHES
        left = [record for record in records if _key(record) not in self._settled]
        while left:
            count = self._uncertain or self._fitting(left)
            self._send(self._delivery, left[:count])
            left = left[count:]
        self._settled.clear()

    def close(self) -> None:
        """Close the connection."""
        if self._delivery is not None:
            self._delivery.close()

    def abandon(self) -> None:
        """Forget the connection of the parent process, and what became of its batches."""
        self._forget()
        if self._delivery is not None:
            self._delivery.abandon()

    def _fitting(self, records: Sequence[Record]) -> int:
        sizes = accumulate(span.weight for _, span in records)
        return max(1, sum(1 for _ in takewhile(lambda size: size <= self._room, sizes)))

    def _send(self, delivery: Post, part: Sequence[Record]) -> None:
        self._uncertain = len(part)
        verdict = delivery.post(self._encode(part), {"Idempotency-Key": batch_id(part)})
        self._uncertain = 0
        if verdict != "stored" and self._may_halve(verdict, part):
            half = len(part) // 2
            self._send(delivery, part[:half])
            self._send(delivery, part[half:])
            return
        self._settled.update(map(_key, part))
        if verdict != "stored":
            self._drop(delivery, part)

    def _may_halve(self, verdict: Verdict, part: Sequence[Record]) -> bool:
        if len(part) == 1:
            return False
        if verdict == "too large":
            self._room = max(1, sum(span.weight for _, span in part) // 2)
            return True
        self._searches -= 2
        return self._searches >= 0

    def _drop(self, delivery: Post, part: Sequence[Record]) -> None:
        self.rejected += len(part)
        warn_once(
            (self._name, "rejected", delivery.shown),
            "agentguard: %s refuses spans for good; they are dropped and counted (%d so far)",
            delivery.shown,
            self.rejected,
        )


def batch_id(part: Sequence[Record]) -> str:
    """The same for the same records, whenever and by whomever they are sent: 32 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=16)
    for recorder_id, span in part:
        digest.update(f"{recorder_id}\0{span.span_id}\0".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _key(record: Record) -> tuple[str, str]:
    return record[0], record[1].span_id
