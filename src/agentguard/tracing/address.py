"""Where traces are sent, when not into a file: only ever to an address that the user gave."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Final, Literal
from urllib.parse import unquote, urlsplit, urlunsplit

from agentguard.errors import ConfigError

RemoteBackend = Literal["http", "otlp", "postgres"]
"""A kind of store behind an address."""

_URL: Final = re.compile(r"[a-z]{2,}:/")  # a single letter is a drive of Windows
_NEEDS: Final[dict[RemoteBackend, tuple[str, ...]]] = {
    "http": ("httpx",),
    "otlp": ("httpx", "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.common"),
    "postgres": ("psycopg",),
}
"""The modules that the extra of the same name brings."""

_SCHEMES: Final[dict[RemoteBackend, tuple[str, ...]]] = {
    "http": ("http", "https"),
    "otlp": ("http", "https"),
    "postgres": ("postgresql", "postgres"),
}

# The variable with the address, what has to be added to it, and the one with the headers; the first that is set counts.
_VARIABLES: Final[dict[RemoteBackend, tuple[tuple[str, str, str], ...]]] = {
    "http": (("AGENTGUARD_ENDPOINT", "", "AGENTGUARD_HEADERS"),),
    # https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlphttp
    "otlp": (
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "/v1/traces", "OTEL_EXPORTER_OTLP_HEADERS"),
    ),
    "postgres": (),
}


@dataclass(frozen=True, slots=True)
class Address:
    """An address with everything it takes to be let in. Its `repr` shows no secret."""

    shown: str
    """The address without user, password, query and fragment: fit for logs and messages."""
    url: str = field(repr=False)
    """The address in full."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Further headers, such as an API key."""


def url_in(storage: object) -> str | None:
    """The URL that `storage` is; None for a path. An option of the command line may have come as a path all the same,
    and so have lost a slash.
    """
    text = os.fspath(storage) if isinstance(storage, os.PathLike) else storage
    if not isinstance(text, str) or not _URL.match(text):
        return None
    return text if "://" in text else text.replace(":/", "://", 1)


def address_of(
    backend: RemoteBackend, storage: object, endpoint: str | None = None, headers: Mapping[str, str] | None = None
) -> Address | None:
    """The address for `backend`: `endpoint`, else `storage` if it is a URL, else what the environment names.

    None when there is none: then nothing is sent anywhere. Headers that are not given come from the environment, too.

    Raises:
        ConfigError: The extra of this name is not installed, the address is no URL that `backend` can use, or a header
            cannot be sent. The message shows no secret.
    """
    _check_extra(backend)
    url = endpoint or url_in(storage)
    named_headers: str | None = None
    for variable, suffix, header_variable in _VARIABLES[backend]:
        named_headers = named_headers or os.environ.get(header_variable)
        named = os.environ.get(variable)
        if url is None and named:
            url = named.rstrip("/") + suffix if suffix else named
    if url is None:
        return None
    given = _pairs(named_headers or "") if headers is None else headers
    return Address(_checked(backend, url), url, tuple((name, _header(name, value)) for name, value in given.items()))


def _check_extra(backend: RemoteBackend) -> None:
    for module in _NEEDS[backend]:
        try:
            found = find_spec(module)
        except ModuleNotFoundError:  # of a package above it
            found = None
        if found is None:
            raise ConfigError(
                f"backend: {backend!r} needs the extra `{backend}`: pip install 'agentguard-runtime[{backend}]'"
            )


def _checked(backend: RemoteBackend, url: str) -> str:
    """`url` as it may be shown."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigError(f"The address for the backend {backend!r} is no URL.") from None
    # PostgreSQL may be reached without a host: over the socket of this machine.
    if parts.scheme not in _SCHEMES[backend] or not (parts.hostname or backend == "postgres"):
        example = f"{_SCHEMES[backend][0]}://..."
        raise ConfigError(f"The address for the backend {backend!r} is none: expected {example!r}.")
    host = "" if parts.hostname is None else parts.hostname
    host = f"[{host}]" if ":" in host else host
    return urlunsplit((parts.scheme, host if port is None else f"{host}:{port}", parts.path, "", ""))


def _header(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise ConfigError(f"The header {name!r} has a value that cannot be sent: only printable ASCII can.")
    return value


def _pairs(text: str) -> dict[str, str]:
    """Headers from a variable: `name=value,name=value`, percent-encoded as in a W3C baggage header."""
    pairs = (pair.partition("=") for pair in text.split(",") if "=" in pair)
    return {unquote(name.strip()): unquote(value.strip()) for name, _, value in pairs}
