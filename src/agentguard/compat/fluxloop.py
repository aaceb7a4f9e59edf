"""FluxLoop's names and defaults: `from agentguard.compat import fluxloop` in the place of `import fluxloop`.

Written against fluxloop 0.1.8 and its documentation of async support. What is not named here has no counterpart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from agentguard import tracing
from agentguard.tracing import TraceClient, instrument, record_exception
from agentguard.tracing.location import AnyPath, Backend

__all__ = ("FluxLoopClient", "agent", "instrument", "prompt", "record_exception", "tool", "trace")

Decorator = Callable[[Any], Any]

_TYPES = ("span", "event", "generation", "tool", "agent", "chain", "evaluation", "retrieval", "embedding")
_BACKENDS: dict[str, Backend] = {"file": "jsonl"}


def agent(
    name: Any = None,
    metadata: Mapping[str, Any] | None = None,
    capture_input: bool = True,  # noqa: FBT001, FBT002 - FluxLoop's signature, here and below
    capture_output: bool = True,  # noqa: FBT001, FBT002
) -> Any:
    """Record every call of an agent. Without parentheses, too; there it does nothing in FluxLoop."""
    return _applied(
        name,
        lambda given: tracing.agent(
            name=given, metadata=metadata, capture_input=capture_input, capture_output=capture_output
        ),
    )


def trace(
    name: Any = None,
    observation_type: str = "span",
    metadata: Mapping[str, Any] | None = None,
    capture_input: bool = True,  # noqa: FBT001, FBT002
    capture_output: bool = True,  # noqa: FBT001, FBT002
) -> Any:
    """Record every call as an observation of this type; one that agentguard has no kind for becomes an attribute.

    Raises:
        ValueError: There is no such type.
    """
    kind = getattr(observation_type, "value", observation_type)  # FluxLoop's enum, too
    if kind not in _TYPES:
        raise ValueError(f"Invalid observation_type '{kind}'. Expected one of: {', '.join(_TYPES)}")
    switches: dict[str, Any] = {"capture_input": capture_input, "capture_output": capture_output}
    if kind == "agent":
        return _applied(name, lambda given: tracing.agent(name=given, metadata=metadata, **switches))
    if kind == "tool":
        return _applied(name, lambda given: tracing.tool(name=given, metadata=metadata, **switches))
    if kind == "generation":
        return _applied(name, lambda given: tracing.prompt(name=given, metadata=metadata, **switches))
    typed = metadata if kind == "span" else {**(metadata or {}), "observation_type": kind}
    return _applied(name, lambda given: tracing.trace(name=given, metadata=typed, **switches))


def prompt(
    name: Any = None,
    model: str | None = None,
    capture_tokens: bool = True,  # noqa: FBT001, FBT002
) -> Any:
    """Record every call of a model, with the token counts of its result."""
    return _applied(name, lambda given: tracing.prompt(name=given, model=model, capture_tokens=capture_tokens))


def tool(name: Any = None, description: str | None = None) -> Any:
    """Record every call of a tool."""
    return _applied(name, lambda given: tracing.tool(name=given, description=description))


class FluxLoopClient(TraceClient):
    """A `TraceClient` with FluxLoop's names: record with `async with`, or for the process with `configure_tracing`.

    Args:
        collector_url: Where storage "http" sends. None: see `TraceClient`; nothing is ever sent to a guessed address.
        api_key: Sent along as a bearer token.
        storage: "file" (JSON lines), "http", "memory", or any storage of a `TraceClient`.
        base_path: The folder of the store's file.
        async_mode: As for a `TraceClient`.
    """

    def __init__(
        self,
        collector_url: str | None = None,
        api_key: str | None = None,
        *,
        storage: Literal["file"] | Backend = "file",
        base_path: AnyPath = "./traces",
        async_mode: bool = True,
    ) -> None:
        super().__init__(
            _BACKENDS.get(storage, storage),  # type: ignore[arg-type]  # "file" is in the table
            collector_url,
            path=base_path,
            async_mode=async_mode,
            headers=None if api_key is None else {"Authorization": f"Bearer {api_key}"},
        )


def _applied(name: Any, make: Callable[[str | None], Decorator]) -> Any:
    """The decorator, or what it makes of a function that stands where its name would."""
    if name is None or isinstance(name, str):
        return make(name)
    return make(None)(name)
