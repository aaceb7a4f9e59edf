"""Where spans go that no open recorder takes: the default store of the process."""

from __future__ import annotations

import os
from typing import Any, Literal, Protocol, runtime_checkable

from agentguard.core.context import Collector
from agentguard.errors import ConfigError
from agentguard.tracing.location import AnyPath, Backend
from agentguard.tracing.recorder import tool_recorder

VARIABLE = "AGENTGUARD_TRACES"
"""Environment variable: the folder of the default store, or "off"."""
FOLDER = "./traces"
"""The default store's folder where nothing else is said."""


@runtime_checkable
class _Client(Protocol):
    @property
    def collector(self) -> Collector: ...


class DefaultStore:
    """What takes the spans that no open recorder takes."""

    is_known = False
    is_off = False
    """Whether it is known, and that there is none. Looked at by every call of a traced function."""
    collector: Collector | None = None

    def become(self, collector: Collector | None) -> None:
        """Be this one from now on."""
        self.collector = collector
        self.is_known = True
        self.is_off = collector is None

    def forget(self) -> None:
        """Be found anew, by whoever asks next."""
        self.collector = None
        self.is_known = self.is_off = False


DEFAULT = DefaultStore()
"""The one of this process."""


def configure_tracing(
    storage: AnyPath | _Client | Collector | Literal[False] | None = None, *, backend: Backend = "sqlite"
) -> None:
    """Say where the spans of decorated functions go when no recorder is open around them. Holds for the process.

    Args:
        storage: A folder; a `TraceClient` or another recorder; "off" or False for nowhere. None for what the variable
            AGENTGUARD_TRACES says, a folder or "off", and `./traces` where it is not set.
        backend: The kind of store in the folder: "sqlite" or "jsonl".

    Raises:
        ConfigError: It is none of these.
    """
    if storage is None:
        DEFAULT.forget()
    else:
        DEFAULT.become(_collector_of(storage, backend))


def default_collector() -> Collector | None:
    """What takes the spans that no open recorder takes; None when that is off. Touches no file."""
    if not DEFAULT.is_known:
        DEFAULT.become(_collector_of(os.environ.get(VARIABLE) or FOLDER, "sqlite"))
    return DEFAULT.collector


def _collector_of(storage: Any, backend: Backend) -> Collector | None:
    if storage is False:
        return None
    if isinstance(storage, str | os.PathLike):
        folder = os.fspath(storage)
        return None if folder.strip().casefold() == "off" else tool_recorder(folder, backend)
    if isinstance(storage, _Client):
        return storage.collector
    if callable(getattr(storage, "collect", None)):
        collector: Collector = storage
        return collector
    raise ConfigError(f"configure_tracing: {storage!r} is no folder, no TraceClient, and not 'off'")
