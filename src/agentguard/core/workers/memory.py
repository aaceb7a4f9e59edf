"""How much more memory one call may take, in a worker."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STATM = Path("/proc/self/statm")


@contextmanager
def limited(more_bytes: int | None) -> Iterator[None]:
    """Let the block take `more_bytes` on top of what this process has already; None sets no limit. Beyond it, Python
    raises MemoryError, and C code fails in its own way.
    """
    if more_bytes is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = _used_bytes() + more_bytes
    for other in (soft, hard):
        if other != resource.RLIM_INFINITY:
            limit = min(limit, other)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _used_bytes() -> int:
    """Address space, which is what the limit counts; the first number of proc(5)'s statm, in pages."""
    pages = int(_STATM.read_text(encoding="ascii").split(maxsplit=1)[0])
    return pages * resource.getpagesize()
