"""Where traces are kept: a kind of store and a path, or an address."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple, cast, get_args

from agentguard.errors import ConfigError
from agentguard.tracing.sinks.memory import MemorySink
from agentguard.tracing.sinks.port import Reader, Sink
from agentguard.tracing.sinks.store_reader import StoreReader

if TYPE_CHECKING:
    from agentguard.tracing.address import Address, RemoteBackend

Backend = Literal["http", "jsonl", "memory", "otlp", "postgres", "sqlite"]
"""A kind of trace store."""

FILE_NAMES: dict[Backend, str] = {"sqlite": "agentguard_traces.db", "jsonl": "agentguard_traces.jsonl"}
"""Name of the store's file in a folder of traces."""

AnyPath = str | os.PathLike[str]


class Location(NamedTuple):
    """One store. Equal locations are the same store, however their paths were written."""

    backend: Backend
    """The kind of store."""
    path: str
    """Real path of its file; of a store in memory, a name that no other has; of one behind an address, the address as
    it may be shown, without user, password and query."""
    address: Address | None = None
    """Where it is sent; None for a file, for memory, and while nobody has given an address."""


def is_postgres(storage: str) -> bool:
    """Whether `storage` is the address of a database, and no path."""
    return storage.startswith(("postgresql:/", "postgres:/"))


def locate(
    storage: AnyPath,
    backend: Backend,
    file: AnyPath | None = None,
    *,
    endpoint: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Location:
    """The store of kind `backend` in the folder `storage`, or `file` itself when that is given. Touches nothing.

    "http", "otlp" and "postgres" have an address in place of a folder: `endpoint`, or a URL as `storage`. Without one,
    "http" looks into AGENTGUARD_ENDPOINT, "otlp" into OTEL_EXPORTER_OTLP_ENDPOINT; with none at all they keep their
    spans and send nothing. `headers` are sent along, over "http" and "otlp".

    Raises:
        ConfigError: There is no such kind of store, its extra is not installed, or its address is none.
    """
    if backend not in get_args(Backend):
        raise ConfigError(f"backend: {backend!r} is none of {', '.join(get_args(Backend))}")
    if backend == "memory":
        return Location(backend, f"memory {os.urandom(8).hex()}")
    if backend not in FILE_NAMES:
        return _remote(cast("RemoteBackend", backend), storage, endpoint, headers)  # those that are left
    path = os.path.join(os.fspath(storage), FILE_NAMES[backend]) if file is None else os.fspath(file)
    return Location(backend, os.path.realpath(path))


def _remote(
    backend: RemoteBackend, storage: AnyPath, endpoint: str | None, headers: Mapping[str, str] | None
) -> Location:
    # Here and not above: importing agentguard must not load what only one kind of store needs.
    from agentguard.tracing.address import address_of  # noqa: PLC0415

    address = address_of(backend, storage, endpoint, headers)
    if address is None and backend == "postgres":
        raise ConfigError("The backend 'postgres' needs an address: storage=\"postgresql://user@host/database\".")
    return Location(backend, f"{backend} without an address" if address is None else address.shown, address)


def open_ends(location: Location) -> tuple[Sink, Reader]:
    """A sink and a reader for `location`; neither has touched the file or the network yet."""
    if location.backend == "memory":
        memory = MemorySink()
        return memory, memory
    return _sink_for(location), reader_for(location)


def _sink_for(location: Location) -> Sink:
    if location.backend == "jsonl":
        from agentguard.tracing.sinks.jsonl import JsonlSink  # noqa: PLC0415 - as above

        return JsonlSink(location.path)
    if location.backend == "http":
        from agentguard.tracing.sinks.http import HttpSink  # noqa: PLC0415 - as above

        return HttpSink(location.address)
    if location.backend == "otlp":
        from agentguard.tracing.sinks.otlp import OtlpSink  # noqa: PLC0415 - as above

        return OtlpSink(location.address)
    if location.backend == "postgres" and location.address is not None:
        from agentguard.tracing.sinks.postgres import PostgresSink  # noqa: PLC0415 - as above

        return PostgresSink(location.address)
    from agentguard.tracing.sinks.sqlite import SqliteSink  # noqa: PLC0415 - as above

    return SqliteSink(location.path)


def reader_for(location: Location) -> StoreReader:
    """A reader for the store at `location`."""
    if location.backend == "jsonl":
        from agentguard.tracing.sinks.jsonl_reader import JsonlReader  # noqa: PLC0415 - as above

        return JsonlReader(location.path)
    if location.backend in {"http", "otlp"}:
        from agentguard.tracing.sinks.sent_reader import SentReader  # noqa: PLC0415 - as above

        return SentReader(location.path)
    if location.backend == "postgres" and location.address is not None:
        from agentguard.tracing.sinks.postgres_reader import PostgresReader  # noqa: PLC0415 - as above

        return PostgresReader(location.address)
    from agentguard.tracing.sinks.sqlite_reader import SqliteReader  # noqa: PLC0415 - as above

    return SqliteReader(location.path)
