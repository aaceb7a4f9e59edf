"""Seeing what arrives in a store."""

from __future__ import annotations

import os
from typing import Any

from agentguard.tracing.location import AnyPath, Location, reader_for
from agentguard.tracing.query import Query
from agentguard.tracing.sinks.store_reader import Position, StoreReader
from agentguard.tracing.span import Span
from agentguard.tracing.store import locations_in

_BEGINNING = (0, 0)


class Follower:
    """What arrives in the store at `path`, which need not exist yet. Reads only what is new; changes nothing.

    Belongs to one thread. What it shows first are the newest spans that are there already; everything of a store that
    comes into being later is new.
    """

    def __init__(self, path: AnyPath, *, newest: int = 0, **filters: Any) -> None:
        """Follow from now on.

        Args:
            path: A folder of traces, or a file of them.
            newest: How many of the spans that are there already `poll` gives first.
            filters: Those of `Store.spans`, `limit` aside.

        Raises:
            ConfigError: A filter is wrong.
        """
        self._path = os.fspath(path)
        self._query = Query(**filters)
        self._first = Query(**filters, limit=newest)
        self._begins = True
        self._known: dict[Location, tuple[StoreReader, Position]] = {}

    @property
    def is_waiting(self) -> bool:
        """Whether there is no store yet."""
        return not self._known

    def poll(self) -> list[Span]:
        """What has arrived since the last time, in order of arrival; a great many come over several polls.

        Raises:
            StorageError: The store is there and cannot be read.
        """
        found, self._begins = (self._newest() if self._begins else []), False
        shown = {span.span_id for span in found}
        for location in locations_in(self._path):
            reader, position = self._known.get(location) or (reader_for(location), _BEGINNING)
            spans, reached = reader.arrivals(position, self._query)
            self._known[location] = reader, reached
            # What arrived while the newest were read is among both.
            found += [span for span in spans if span.span_id not in shown]
        return found

    def _newest(self) -> list[Span]:
        """The newest spans that are there; from here on, only what comes behind the end."""
        found: dict[str, Span] = {}
        for location in locations_in(self._path):
            reader = reader_for(location)
            self._known[location] = reader, reader.end()
            found |= {span.span_id: span for span in reader.spans(self._first)} if self._first.limit else {}
        return sorted(self._first.newest(list(found.values())), key=lambda span: span.started_at + span.duration)
