"""Posting to one address: one connection that is kept, time-limits, and what a server's answers mean."""

from __future__ import annotations

import base64
import gzip
import time
from collections.abc import Callable, Mapping
from typing import Final, Literal
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from agentguard.policies.backoff import retry_after_of
from agentguard.tracing.address import Address
from agentguard.tracing.sinks.port import TryLater

Verdict = Literal["stored", "too large", "refused"]
"""What became of a body: the server has it; it may take a smaller one; it will never take this one."""

DEADLINE_SECONDS: Final = 10.0
"""For one body, from connecting to the end of the answer."""
LONGEST_PAUSE_SECONDS: Final = 3_600.0
"""The longest Retry-After that is believed."""

_SMALL: Final = 1_000  # bytes; below, compressing gains less than its header costs
_ANSWER_BYTES: Final = 65_536  # of an answer are read, so that the connection can be used again; a longer one closes it
_TOO_LARGE: Final = 413
# The address or the key is wrong, or not right yet, or the server is busy: the same body may be taken later. 404 and
# 405 are what a server says whose routes are not up yet.
_MAY_SUCCEED_LATER: Final = frozenset({401, 402, 403, 404, 405, 407, 408, 409, 421, 423, 424, 425, 429})


class _Unavailable(Exception):  # noqa: N818 - a carrier of the answer for `retry_after_of`, never seen by anybody
    def __init__(self, response: httpx.Response) -> None:
        self.response = response


class Delivery:
    """Belongs to one thread. Follows no redirect, keeps no cookie, and logs neither the address nor a header.

    It stands on httpx's transport and not on its client: the client writes the whole URL, with any key in it, to its
    log for every request.
    """

    def __init__(
        self,
        address: Address,
        headers: Mapping[str, str],
        *,
        deadline: float = DEADLINE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.shown = address.shown
        """Where it goes, as it may be shown."""
        self._url = httpx.URL(address.url).copy_with(username=None, password=None, fragment=None)
        self._headers = {
            "Accept": "application/json",
            **headers,
            **_authorization(address.url),
            **dict(address.headers),
        }
        self._deadline = deadline
        self._clock = clock
        self._wall_clock = wall_clock
        self._not_before = float("-inf")
        self._transport: httpx.HTTPTransport | None = None
        self._inherited: list[httpx.HTTPTransport] = []

    def post(self, body: bytes, headers: Mapping[str, str]) -> Verdict:
        """Post `body` once; what a pause that the server asked for has not ended yet is not posted.

        Raises:
            TryLater: No answer in time, none that makes sense, or one that says later. The server may have the body.
        """
        pause = self._not_before - self._clock()
        if pause > 0:
            raise TryLater(f"{self.shown} asked for a pause.", seconds=pause)
        try:
            response = self._answer(body, headers)
        except (httpx.TransportError, OSError) as error:
            raise TryLater(f"{self.shown} does not answer: {type(error).__name__}.") from error
        return self._judge(response)

    def close(self) -> None:
        """Close the connection; the next `post` opens another."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def abandon(self) -> None:
        """Forget a connection of the parent process without a word on it: a TLS goodbye would be the parent's."""
        if self._transport is not None:
            self._inherited.append(self._transport)
            self._transport = None

    def _judge(self, response: httpx.Response) -> Verdict:
        status = response.status_code
        if 200 <= status < 300:  # noqa: PLR2004 - the family of success
            return "stored"
        if status == _TOO_LARGE:
            return "too large"
        if 400 <= status < 500 and status not in _MAY_SUCCEED_LATER:  # noqa: PLR2004 - the family of our own faults
            return "refused"
        asked = retry_after_of(_Unavailable(response), self._wall_clock()) or 0.0
        pause = min(asked, LONGEST_PAUSE_SECONDS)
        self._not_before = self._clock() + pause
        raise TryLater(f"{self.shown} answers {status}.", seconds=pause)

    def _answer(self, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        end = self._clock() + self._deadline
        all_headers = {**self._headers, **headers}
        if len(body) > _SMALL:
            # Without a time stamp: the same spans are the same bytes.
            body, all_headers["Content-Encoding"] = gzip.compress(body, 6, mtime=0), "gzip"
        limits = dict.fromkeys(("connect", "read", "write", "pool"), self._deadline / 2)
        request = httpx.Request("POST", self._url, content=body, headers=all_headers, extensions={"timeout": limits})
        response = self._opened().handle_request(request)
        try:
            self._drain(response, end)
        finally:
            response.close()
        return response

    def _drain(self, response: httpx.Response, end: float) -> None:
        size = 0
        for chunk in response.iter_raw():
            size += len(chunk)
            if size > _ANSWER_BYTES or self._clock() > end:
                return

    def _opened(self) -> httpx.HTTPTransport:
        if self._transport is None:
            proxy = None if proxy_bypass(self._url.host) else getproxies().get(self._url.scheme)
            # To read all certificates takes up to 0.1 s; where nothing is encrypted, nobody asks for one.
            is_plain = proxy is None and self._url.scheme == "http"
            self._transport = httpx.HTTPTransport(
                verify=not is_plain, proxy=proxy, limits=httpx.Limits(max_connections=1)
            )
        return self._transport


def _authorization(url: str) -> dict[str, str]:
    """The header for a user and password in the URL itself."""
    parts = urlsplit(url)
    if parts.username is None and parts.password is None:
        return {}
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
