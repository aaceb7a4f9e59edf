"""A span in few words, for a screen or a page; safe to show wherever a line of text is."""

from __future__ import annotations

import json
from typing import Final

from agentguard.tracing.escaping import visible
from agentguard.tracing.span import Span

_LONGEST_STATUS: Final = 20
_LONGEST_VALUE: Final = 30


def status_of(span: Span) -> str:
    """How a span ended, in one word: the call's own status where it says more."""
    status = span.attributes.get("call_status")
    return visible(status, _LONGEST_STATUS) if isinstance(status, str) else span.status


def arguments_of(span: Span) -> str:
    """The arguments of a call, each shortened, in brackets."""
    arguments = span.input
    if not isinstance(arguments, dict):
        return "()"
    return f"({', '.join(f'{visible(name, _LONGEST_VALUE)}={_short(value)}' for name, value in arguments.items())})"


def seconds_text(seconds: float) -> str:
    """A duration for people."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1_000 * seconds:.1f} ms"


def _short(value: object) -> str:
    try:
        return visible(json.dumps(value, ensure_ascii=False), _LONGEST_VALUE)
    except RecursionError:
        return "(too deep)"
