"""`error_body`: whether an answer is an error that was returned as a success.

Kept narrow, because a false alarm refuses good work: a job that failed, a list of past errors and a log with tracebacks
are healthy answers. Looks at a bounded part of the answer.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

MAX_TEXT: Final = 10_000
"""Characters of a text that are looked at."""

_SHORT: Final = 500  # a body that is nothing but an error is short; a longer one quotes it

_SERVER_ERROR = re.compile(
    r"(?:http(?:/\d(?:\.\d)?)?\s{1,3})?(?:(?:error\s{1,3})?5\d\d[\s:-]{1,3})?"
    r"(?:internal server error|bad gateway|service (?:temporarily )?unavailable|gateway time-?out)\b",
    re.IGNORECASE,
)
_SERVER_ERROR_STARTS = frozenset("HhEe5IiBbSsGg")
_LONGEST_NAME: Final = 80  # of an exception, with its colon
_ERROR_LINE = re.compile(r"(?:(?:fatal |unexpected )?error|[a-z]\w{0,60}(?:error|exception)): \S", re.IGNORECASE)
_HTML = re.compile(r"<!doctype html|<html\b", re.IGNORECASE)
_HTML_ERROR = re.compile(
    r"<(?:title|h1)[^>]{0,200}>[^<]{0,100}?\b(?:[45]\d\d|error|not found|forbidden|access denied|bad gateway"
    r"|unavailable)\b",
    re.IGNORECASE,
)

_ERROR_KEYS = ("error", "errors", "Error")
_FLAG_KEYS = ("isError", "is_error")
_STATUS_KEYS = ("status", "status_code", "statusCode")
_TELLING_KEYS = frozenset((*_ERROR_KEYS, *_FLAG_KEYS, *_STATUS_KEYS))
_JSON_HINTS = tuple(f'"{key}"' for key in sorted(_TELLING_KEYS))
_RESULT_KEYS = ("data", "result", "results", "items")
_HEALTHY_WORDS = frozenset({"", "0", "false", "no", "none", "null", "ok", "n/a", "success"})
_SERVER_STATUSES = range(500, 600)
_SERVER_STATUS_TEXTS = frozenset(map(str, _SERVER_STATUSES))


def error_body(value: object) -> str | None:
    """What shows that the answer is an error returned as a success; None when nothing does."""
    if isinstance(value, dict):
        return None if value.keys().isdisjoint(_TELLING_KEYS) else _error_in(value)
    if isinstance(value, str):
        return _error_in_text(value)
    if isinstance(value, bytes):
        return _error_in_text(value[: MAX_TEXT + 1].decode("latin-1"))
    return None


def _error_in(body: dict[Any, Any]) -> str | None:
    for key in _FLAG_KEYS:
        if body.get(key) is True:
            return f"the field {key!r} is true"
    if any(body.get(key) for key in _RESULT_KEYS):
        return None  # something came back as well: a partial success
    for key in _ERROR_KEYS:
        if _says_error(body.get(key)):
            return f"the field {key!r} is set"
    for key in _STATUS_KEYS:
        if _is_error_status(body.get(key)):
            return f"the field {key!r} is {body[key]!r:.40}"
    return None


def _says_error(error: object) -> bool:
    # A number is more often a measure (an error of 0.02) than a code.
    if isinstance(error, str):
        return error.strip().casefold() not in _HEALTHY_WORDS
    return error is True or (isinstance(error, (dict, list, tuple)) and bool(error))


def _is_error_status(status: object) -> bool:
    if isinstance(status, str):
        text = status.strip()
        return text.casefold() == "error" or text in _SERVER_STATUS_TEXTS
    return isinstance(status, int) and status in _SERVER_STATUSES


def _error_in_text(text: str) -> str | None:
    length = len(text)
    start = text[:MAX_TEXT].lstrip()
    first = start[:1]
    if first == "<":
        return "the text is an HTML error page" if _HTML.match(start) and _HTML_ERROR.search(start) else None
    if first == "{":
        return _error_in_json(start) if length <= MAX_TEXT else None
    if start.startswith("Traceback (most recent call last):"):
        return "the text is a traceback"
    if length > _SHORT:
        return None
    if first in _SERVER_ERROR_STARTS and _SERVER_ERROR.match(start):
        return "the text is a server error"
    # Only a single line: several lines that begin with an error are a log. The colon is looked for first because most
    # texts have none near their beginning, and the pattern tries every word as the name of an exception.
    is_error = start.find(": ", 0, _LONGEST_NAME) > 0 and _ERROR_LINE.match(start) and "\n" not in start.rstrip()
    return "the text is an error message" if is_error else None


def _error_in_json(text: str) -> str | None:
    if not any(hint in text for hint in _JSON_HINTS):
        return None
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return _error_in(body) if isinstance(body, dict) else None
