"""Where traces are kept: a kind of store and a path."""

from __future__ import annotations

import os
from typing import Literal, NamedTuple, get_args

from agentguard.errors import ConfigError
from agentguard.tracing.sinks.memory import MemorySink
from agentguard.tracing.sinks.port import Reader, Sink
from agentguard.tracing.sinks.store_reader import StoreReader

Backend = Literal["jsonl", "memory", "sqlite"]
"""A kind of trace store."""

FILE_NAMES: dict[Backend, str] = {"sqlite": "agentguard_traces.db", "jsonl": "agentguard_traces.jsonl"}
"""Name of the store's file in a folder of traces."""

AnyPath = str | os.PathLike[str]


class Location(NamedTuple):
    """One store. Equal locations are the same store, however their paths were written."""

    backend: Backend
    """The kind of store."""
    path: str
    """Real path of its file; of a store in memory, a name that no other has."""


def locate(storage: AnyPath, backend: Backend, file: AnyPath | None = None) -> Location:
    """The store of kind `backend` in the folder `storage`, or `file` itself when that is given. Touches nothing.

    Raises:
        ConfigError: There is no such kind of store.
    """
    if backend not in get_args(Backend):
        raise ConfigError(f"backend: {backend!r} is none of {', '.join(get_args(Backend))}")
    if backend == "memory":
        return Location(backend, f"memory {os.urandom(8).hex()}")
    path = os.path.join(os.fspath(storage), FILE_NAMES[backend]) if file is None else os.fspath(file)
    return Location(backend, os.path.realpath(path))


def open_ends(location: Location) -> tuple[Sink, Reader]:
    """A sink and a reader for `location`; neither has touched the file yet."""
    if location.backend == "memory":
        memory = MemorySink()
        return memory, memory
    # Here and not above: importing agentguard must not load what only one kind of store needs.
    if location.backend == "jsonl":
        from agentguard.tracing.sinks.jsonl import JsonlSink  # noqa: PLC0415

        return JsonlSink(location.path), reader_for(location)
    from agentguard.tracing.sinks.sqlite import SqliteSink  # noqa: PLC0415

    return SqliteSink(location.path), reader_for(location)


def reader_for(location: Location) -> StoreReader:
    """A reader for the file of `location`."""
    if location.backend == "jsonl":
        from agentguard.tracing.sinks.jsonl_reader import JsonlReader  # noqa: PLC0415 - as above

        return JsonlReader(location.path)
    from agentguard.tracing.sinks.sqlite_reader import SqliteReader  # noqa: PLC0415 - as above

    return SqliteReader(location.path)
