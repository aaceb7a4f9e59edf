"""A server for spans on the loopback, which answers as it is told to."""

import gzip
import json
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = int | tuple[int, dict[str, str]] | Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes
    peer: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Collecting:
    """Says `answers` one after the other, and then `default`. A callable writes its answer itself, or none."""

    url: str = ""
    default: Answer = 200
    answers: deque[Answer] = field(default_factory=deque)
    requests: list[Request] = field(default_factory=list)
    largest: int | None = None
    """Spans that a body may hold; 413 above."""
    poison: frozenset[str] = frozenset()
    """Ids of spans that are answered with 400."""
    is_counted: bool = True
    accepted: Counter[str] = field(default_factory=Counter)
    """How often each span arrived in a body that was answered with success."""
    by_key: dict[str, list[str]] = field(default_factory=dict)
    """Ids of the spans in each accepted body, by its id."""
    was_asked: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    """Lets go of those that hang."""

    def hang(self, handler: BaseHTTPRequestHandler) -> None:
        self.released.wait(30)
        handler.close_connection = True

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        if handler.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        request = Request(handler.path, dict(handler.headers), body, handler.client_address[1])
        self.requests.append(request)
        ids = [span["span_id"] for span in request.json["spans"]] if self.is_counted else []
        answer = self.answers.popleft() if self.answers else self._usual(ids)
        self.was_asked.set()
        if callable(answer):
            answer(handler)
            return
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        if 200 <= status < 300:
            self.accepted.update(ids)
            self.by_key[request.headers["Idempotency-Key"]] = ids
        handler.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()

    def _usual(self, ids: list[str]) -> Answer:
        if self.largest is not None and len(ids) > self.largest:
            return 413
        return 400 if self.poison & set(ids) else self.default


def garbage(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"\x00\xff this is no HTTP \r\n\r\n")
    handler.close_connection = True


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


@contextmanager
def collecting(port: int = 0, **options: Any) -> Iterator[Collecting]:
    state = Collecting(**options)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            state.answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}/spans"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
