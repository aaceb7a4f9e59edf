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
_ERROR_LINE = re.compile(
    r"(?:(?:fatal |unexpected )?error|(?:[a-z]\w{0,30}\.){0,4}[a-z]\w{0,60}(?:error|exception)): \S", re.IGNORECASE
)
_HTML = re.compile(r"<!doctype html|<html\b", re.IGNORECASE)
_HTML_ERROR = re.compile(
    r"<(?:title|h1)[^>]{0,200}>[^<]{0,100}?\b(?:[45]\d\d|error|not found|forbidden|access denied|bad gateway"
    r"|unavailable)\b",
    re.IGNORECASE,
)

_XML_ERROR = re.compile(
    r"(?:<\?xml[^>]{0,100}>\s{0,9})?<(?:error|errorresponse|exception|serviceexceptionreport|fault"
    r"|(\w{1,20}):envelope\b[^>]{0,500}>\s{0,9}(?:<\1:header\b.{0,500}?)?<\1:body>\s{0,9}<\1:fault)\b",
    re.IGNORECASE | re.DOTALL,
)
# What wrappers and gateways answer instead of failing: the whole text is the complaint, or the complaint and what to do
# about it. A text that only begins like one ("Access denied to 12 users last week.") is an answer.
_STATUS = (
    r"(?:400 bad request|401 unauthori[sz]ed|402 payment required|403 forbidden|404 not found|405 method not allowed"
    r"|408 request time-?out|409 conflict|410 gone|413 (?:payload|content) too large"
    r"|422 unprocessable (?:entity|content)|429 too many requests)"
)
_SUBJECT = (
    r"(?:the )?(?:service|server|api|backend|upstream|database|tool|function|request|query|api call|call|operation)"
)
_MACHINE = r"(?:the |a )?(?:api|backend|database|host|server|service|upstream|[\w-]{1,40}[.:][\w.:/-]{1,80})"
_COMPLAINT = re.compile(
    r"(?:sorry, |oops[,!.] )?(?:"
    rf"(?:http(?:/\d(?:\.\d)?)? |(?:http )?error:? |status(?: code)?:? )?{_STATUS}"
    r"|too many requests|unauthori[sz]ed|forbidden|(?:access|permission) (?:is |was )?denied|not authori[sz]ed"
    r"|(?:api )?(?:rate limit|quota) (?:has been |is |was )?(?:exceeded|reached)|invalid (?:api key|token|credentials)"
    r"|(?:connection|request|operation|read|query) (?:was )?(?:refused|timed out|reset(?: by peer)?|aborted)"
    r"|econn(?:refused|reset|aborted)|etimedout|enotfound|max(?:imum)? retries exceeded"
    r"|(?:an?|some|the) (?:(?:unexpected|internal|unknown|unhandled|server|network|application) ){0,2}"
    r"(?:error|exception) (?:has )?(?:occurred|happened)(?: (?:while|during|when) [^.!\n]{1,80})?"
    r"|something went wrong(?: (?:while|on our) [^.!\n]{1,80})?"
    rf"|(?:failed to|unable to|could not|couldn't) (?:fetch|(?:connect to|reach) {_MACHINE}"
    r"|(?:fetch|retrieve) (?:the )?(?:content|data|document|page|resource|response|results?|url)\b[^.!\n]{0,60})"
    rf"|{_SUBJECT} is (?:currently |temporarily )?(?:unavailable|overloaded)"
    rf"|{_SUBJECT}(?: execution)? failed"
    r"(?:: [^\n]{1,200}| with (?:an? )?(?:http )?(?:status|error|exception)[^\n]{0,120})"
    r"|upstream connect error[^\n]{0,200}"
    r")(?:[:,-] [^\n]{1,200})?\s?[.!]{0,3}(?:\s{1,2}(?:please|try|contact|retry|check)\b[^\n]{1,120})?",
    re.IGNORECASE,
)

_MESSAGE_KEYS = ("message", "Message", "msg", "detail", "errorMessage")
_FEW: Final = 4  # fields of a body that is about its failure alone

_ERROR_KEYS = ("error", "errors", "Error")
_FLAG_KEYS = ("isError", "is_error")
_STATUS_KEYS = ("status", "status_code", "statusCode")
_TELLING_KEYS = frozenset((*_ERROR_KEYS, *_FLAG_KEYS, *_STATUS_KEYS, *_MESSAGE_KEYS))
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
    return _complaint_in(body) if len(body) <= _FEW else None


def _complaint_in(body: dict[Any, Any]) -> str | None:
    """What a body of few fields says is wrong, where no field is called an error."""
    has_failed = body.get("success") is False
    for key in _MESSAGE_KEYS:
        message = body.get(key)
        if isinstance(message, str) and message and (has_failed or _is_complaint(message)):
            return f"the field {key!r} is a complaint"
    return None


def _is_complaint(text: str) -> bool:
    stripped = text[: _SHORT + 1].strip()
    return len(text) <= _SHORT and (_COMPLAINT.fullmatch(stripped) or _SERVER_ERROR.fullmatch(stripped)) is not None


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
        return _error_in_markup(start)
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
    if is_error or _COMPLAINT.fullmatch(start.rstrip()):
        return "the text is an error message"
    return None


def _error_in_markup(text: str) -> str | None:
    if _HTML.match(text):
        return "the text is an HTML error page" if _HTML_ERROR.search(text) else None
    return "the text is an XML error" if _XML_ERROR.match(text) else None


def _error_in_json(text: str) -> str | None:
    if not any(hint in text for hint in _JSON_HINTS):
        return None
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return _error_in(body) if isinstance(body, dict) else None
