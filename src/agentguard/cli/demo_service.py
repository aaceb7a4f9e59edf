"""The service that the demo's tools call: an HTTP server on loopback that is slow, fails and recovers on demand."""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service says to one request."""

    status: int = 200
    """HTTP status."""

    body: dict[str, Any] = field(default_factory=dict)
    """Sent as JSON, together with the path that was asked for."""

    after_seconds: float = 0.0
    """How long it lets its caller wait."""

    retry_after: int | None = None
    """Seconds for a `Retry-After` header; None sends none."""


class BuildService:
    """A build service for the time of a `with` block, at a free port of 127.0.0.1. It says what really reached it."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        """Requests so far, by path."""
        self.most_at_once: Counter[str] = Counter()
        """The largest number of requests in progress at the same time, by path."""
        self.comments: dict[str, str] = {}
        """Comments that were posted, by idempotency key: the same key again is the same comment."""
        self._usual: defaultdict[str, Answer] = defaultdict(Answer)
        self._next: defaultdict[str, deque[Answer]] = defaultdict(deque)
        self._in_progress: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._is_closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        """Where it listens."""

    def __enter__(self) -> Self:
        # A short poll: `shutdown` waits for the end of the current one.
        threading.Thread(target=self._server.serve_forever, args=(0.02,), name="build service", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_closing.set()
        self._server.shutdown()
        self._server.server_close()

    def answer_usually(self, path: str, answer: Answer) -> None:
        """From now on, answer requests for `path` like this."""
        with self._lock:
            self._usual[path] = answer

    def answer_next(self, path: str, *answers: Answer) -> None:
        """Answer the next requests for `path` like this, one each; then as usual again."""
        with self._lock:
            self._next[path].extend(answers)

    def receive(self, path: str, idempotency_key: str | None, posted: str) -> Answer:
        """Take a request, and let it wait. What was posted counts even if the answer is an error."""
        with self._lock:
            self.requests[path] += 1
            self._in_progress[path] += 1
            self.most_at_once[path] = max(self.most_at_once[path], self._in_progress[path])
            if idempotency_key is not None:
                self.comments[idempotency_key] = posted
            answer = self._next[path].popleft() if self._next[path] else self._usual[path]
        self._is_closing.wait(answer.after_seconds)
        with self._lock:
            self._in_progress[path] -= 1
        return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client that was told to wait may wait on: the process does not

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: here, a caller that hung up is one that timed out, which is the point of the demo."""


def _handler_of(service: BuildService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            posted = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            self._send(path, service.receive(path, self.headers.get("Idempotency-Key"), posted))

        do_POST = do_GET  # noqa: N815 - the name that http.server looks for

        def _send(self, path: str, answer: Answer) -> None:
            payload = json.dumps({"path": path, **answer.body}).encode()
            self.send_response(answer.status)
            if answer.retry_after is not None:
                self.send_header("Retry-After", str(answer.retry_after))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_: object) -> None:
            """Say nothing: the acts tell what happens."""

    return Handler
