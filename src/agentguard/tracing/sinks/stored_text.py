"""How texts of any kind get into a database and out of it."""

from __future__ import annotations

import hashlib
import json

_LONGEST = 100_000
_ESCAPE = '"'


def storable(text: str | None) -> str | None:
    """`text` as a database can keep it: distinct texts stay distinct, ordinary ones stay as they are.

    What has no UTF-8 (lone surrogates) or a NUL, at which many tools stop reading and which PostgreSQL refuses, becomes
    JSON with escapes, and so
    does what looks like JSON text already.
    """
    if text is None:
        return None
    if len(text) > _LONGEST:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        text = f"{text[:_LONGEST]}... ({len(text)} characters, sha256 {digest})"
    if text.startswith(_ESCAPE) or "\0" in text or not _has_utf8(text):
        return json.dumps(text)
    return text


def _has_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def readable(text: str | None) -> str | None:
    """The text that `storable` was given."""
    if text is None or not text.startswith(_ESCAPE):
        return text
    try:
        original: str = json.loads(text)
    except ValueError:
        return text  # damaged, or not written by us: better strange than missing
    return original
