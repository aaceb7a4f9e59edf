"""A tracer as small as `TelemetryMiddleware` allows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class NotedSpan:
    def __init__(self, name: str) -> None:
        self.name = name
        self.attributes: dict[str, Any] = {}
        self.has_ended = False

    def set_attribute(self, name: str, value: Any) -> None:
        self.attributes[name] = value

    def end(self) -> None:
        self.has_ended = True


class NotingTracer:
    """Keeps every span that is opened on it."""

    def __init__(self) -> None:
        self.spans: list[NotedSpan] = []

    def start_span(self, name: str, /) -> NotedSpan:
        self.spans.append(NotedSpan(name))
        return self.spans[-1]

    @contextmanager
    def start_as_current_span(self, name: str, /) -> Iterator[NotedSpan]:
        span = self.start_span(name)
        try:
            yield span
        finally:
            span.end()
