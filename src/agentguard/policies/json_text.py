"""JSON text read with the checks an untrusted caller needs: size, depth, duplicate keys, no NaN, no giant numbers."""

from __future__ import annotations

import json
import math

from pydantic_core import from_json

MAX_JSON_CHARS = 1_000_000
"""Longest JSON text that is read. Ours: few models can write that much, and reading it takes 20 ms."""

MAX_INT_DIGITS = 640
"""Longest integer that is read from text. The least that Python's own limit can be set to
(https://docs.python.org/3/library/stdtypes.html#int-max-str-digits), so what is read here can always be printed."""

_WHITESPACE = " \t\n\r"  # RFC 8259, section 2


def looks_like_json(text: str) -> bool:
    """Whether the text begins as a JSON array or object does."""
    return text.lstrip(_WHITESPACE)[:1] in {"[", "{"}


def read_json(text: str) -> object:
    """The value that the JSON text spells.

    Raises:
        ValueError: the text is not JSON, is longer than `MAX_JSON_CHARS`, is nested deeper than about 200 levels, or
            holds a duplicate key, a number that is not finite, or an integer longer than `MAX_INT_DIGITS`. The message
            never quotes the text, which may hold secrets.
    """
    if len(text) > MAX_JSON_CHARS:
        raise ValueError(f"is longer than {MAX_JSON_CHARS:,} characters")
    # The Rust parser goes first: it knows no NaN, and its depth limit is fixed, whatever is left of the caller's stack.
    # It keeps the last of two equal keys, though, which the parser of the standard library alone can show.
    try:
        from_json(text, allow_inf_nan=False)
    except TypeError:  # a lone surrogate
        raise ValueError("is not valid Unicode") from None
    except ValueError as error:
        raise ValueError(f"is malformed: {error}") from None
    return json.loads(text, object_pairs_hook=_unique, parse_float=_finite, parse_int=_short_int)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("has a duplicate key")
    return members


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):  # "1e999"
        raise ValueError("holds a number that is not finite")
    return number


def _short_int(text: str) -> int:
    if len(text.lstrip("-")) > MAX_INT_DIGITS:
        raise ValueError(f"holds an integer of more than {MAX_INT_DIGITS} digits")
    return int(text)
