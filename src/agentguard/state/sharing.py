"""Counters that several tools share under one key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from agentguard.errors import ConfigError
from agentguard.state.lock import LOCK

T = TypeVar("T")

_shared: dict[tuple[str, str], tuple[Any, Any]] = {}


def shared(kind: str, key: str | None, limits: object, make: Callable[[], T]) -> T:
    """The state of `kind` that everything with this `key` shares; without a key, one of the caller's own.

    Lives as long as the process. Raises `ConfigError` when the key is in use with other `limits`: a shared counter
    cannot have two.
    """
    if key is None:
        return make()
    with LOCK:
        state, known = _shared.setdefault((kind, key), (make(), limits))
    if known != limits:
        msg = (
            f"shared_key {key!r} is already used by a {kind} with other limits ({known}); give both the same limits "
            f"({limits} was asked for), or another key"
        )
        raise ConfigError(msg)
    found: T = state
    return found


def forget_shared() -> None:
    """Forget every shared state; the tools that hold one keep it. For tests that reuse keys."""
    with LOCK:
        _shared.clear()
