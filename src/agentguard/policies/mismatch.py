"""The words of a refusal: where, what was expected, what came.

They are read by people, by models and by logs, and are made of values that an attacker may have chosen. So: no method
of the value is called, contents of containers are never shown, and every part has a limit.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pydantic_core import ValidationError

from agentguard.policies.casting import text_of
from agentguard.policies.json_text import looks_like_json
from agentguard.policies.schema_nodes import CAST, RIGHT, TAGGED

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MAX_MESSAGE_CHARS = 300
"""Longest message. The three parts below fit into it; ours, for a line that a model reads again and again."""

_MAX_PATH_CHARS = 100
_MAX_EXPECTED_CHARS = 130
_MAX_NAME_CHARS = 50
_MAX_TEXT_CHARS = 32
_MAX_INT_BITS = 64
_MAX_NAMES = 3

_PREFIX = "Input should be "  # of nearly all messages of pydantic, and of ours
_ABOUT_ARGUMENTS = {
    "missing": "missing",  # of `**kwargs: Unpack[...]`
    "extra_forbidden": "unknown",
    "missing_argument": "missing",
    "missing_positional_only_argument": "missing",
    "missing_keyword_only_argument": "missing",
    "unexpected_keyword_argument": "unknown",
    "unexpected_positional_argument": "surplus",
    "multiple_argument_values": "doubled",
}
_ABOUT_FIELDS = {"missing": "required, but missing", "extra_forbidden": "not a known field"}

_KEY = "[key]"  # pydantic's mark, behind a dict's key, that the key itself is meant
_LABELS = (CAST, TAGGED)

Location = tuple[int | str, ...]


def describe(
    error: ValidationError, root: Callable[[int | str], str], is_secret: Callable[[str], bool]
) -> tuple[str, str]:
    """Path and message of the first thing that is wrong; of several wrongs of one value, the deepest.

    Args:
        error: what pydantic found.
        root: the name of what the first element of pydantic's location stands for.
        is_secret: whether a value under this name must not be shown.
    """
    errors = error.errors(include_url=False, include_context=False)
    located = [(_location(details["loc"]), details) for details in errors if RIGHT not in details["loc"]]
    if not located:  # every error lies behind a dict key that is spelled like a label
        return "", "a value does not fit its type"
    first = located[0][0][:1]
    deepest = max((loc for loc, _ in located if loc[:1] == first), key=len)
    same = [details for loc, details in located if loc == deepest]
    start = root(deepest[0] if deepest else "")
    path = _cut(_path(start, deepest[1:]), _MAX_PATH_CHARS)
    secret = any(is_secret(str(name)) for name in (start, *same[0]["loc"]))
    return path, _cut(_sentence(path, same, secret=secret), MAX_MESSAGE_CHARS)


def describe_call(error: ValidationError, positional: Sequence[str], named: Sequence[str]) -> tuple[str, str] | None:
    """Path and message for arguments that are missing, unknown or too many; None if the call fits in that respect.

    Args:
        error: what pydantic found.
        positional: names of the parameters that can be given by position, in order.
        named: names of those that can be given by name.
    """
    found: dict[str, list[str]] = {}
    for details in error.errors(include_url=False, include_context=False):
        kind = _ABOUT_ARGUMENTS.get(details["type"])
        if kind is not None and len(details["loc"]) == 1:
            found.setdefault(kind, []).append(_argument_name(details["loc"][0], positional))
    if not found:
        return None
    path = _cut(next(iter(found.values()))[0], _MAX_PATH_CHARS)
    parts = [_argument_words(kind, wrong, len(positional), named) for kind, wrong in found.items()]
    return path, _cut("; ".join(parts), MAX_MESSAGE_CHARS)


def describe_value(value: object, *, secret: bool = False) -> str:
    """Type and a short form of a value; for a secret and for anything with content only its type and size.

    Calls nothing that the value's class may have overridden.
    """
    if value is None:
        return "None"
    kind = _type_name(value)
    text = text_of(value)
    if text is not None:
        if secret or looks_like_json(text):
            return f"{kind} of {len(text)} characters"
        if len(text) > _MAX_TEXT_CHARS:
            return f"{kind} of {len(text)} characters that begins with {text[:_MAX_TEXT_CHARS]!r}"
        return f"{kind} {text!r}"
    for container in (list, tuple, dict, set, frozenset, bytes):
        if issubclass(type(value), container):
            return f"{kind} of length {container.__len__(value)}"  # type: ignore[arg-type]
    return kind if secret else f"{kind} {_number(value)}".rstrip()


def first_change(path: str, old: Any, new: Any) -> tuple[str, str, str] | None:
    """Place, old and new type of the first difference between a value and its cast; None if no type differs."""
    if old is new:
        return None
    if type(old) is not type(new):
        return path, _type_name(old), _type_name(new)
    changes = (first_change(_path(path, place), was, now) for place, was, now in _pairs(old, new))
    return next((change for change in changes if change is not None), None)


def _pairs(old: Any, new: Any) -> Iterable[tuple[Location, Any, Any]]:
    """Place, old and new content of two containers of one type. The content of sets has no place."""
    if type(old) in {list, tuple}:
        return (((place,), was, now) for place, (was, now) in enumerate(zip(old, new, strict=True)))
    if type(old) is not dict:
        return ()
    if len(old) != len(new):  # a TypedDict drops what it does not know
        return (((str(key),), old[key], value) for key, value in new.items())
    keys = (((str(key), _KEY), key, new_key) for key, new_key in zip(old, new, strict=True))
    values = (((str(key),), was, now) for key, was, now in zip(old, old.values(), new.values(), strict=True))
    return itertools.chain(keys, values)


def _location(loc: Location) -> Location:
    pairs = itertools.zip_longest(loc, loc[1:])
    return tuple(part for part, following in pairs if following != TAGGED and part not in _LABELS)


def _path(root: str, rest: Location) -> str:
    path = root
    for part in rest:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part == _KEY:
            path += " (key)"
        else:
            path += f".{part}" if part[:_MAX_PATH_CHARS].isidentifier() else f"[{part[:_MAX_PATH_CHARS]!r}]"
    return path


def _sentence(path: str, errors: list[ErrorDetails], *, secret: bool) -> str:
    first = errors[0]
    if first["type"] in _ABOUT_FIELDS:
        return f"{path}: {_ABOUT_FIELDS[first['type']]}"
    phrases = dict.fromkeys(_printable(details["msg"]) for details in errors)
    expected = [phrase.removeprefix(_PREFIX) for phrase in phrases if phrase.startswith(_PREFIX)]
    if expected:
        words = f"expected {' or '.join(expected)}"
    elif secret:  # other messages may quote the value
        words = "expected a value that its checks accept"
    else:
        words = next(iter(phrases)).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return f"{path}: {_cut(words, _MAX_EXPECTED_CHARS)}, got {describe_value(first['input'], secret=secret)}"


def _argument_name(place: Any, names: Sequence[str]) -> str:
    if isinstance(place, int):
        return names[place] if place < len(names) else f"[{place}]"
    return str(place)


def _argument_words(kind: str, wrong: list[str], places: int, named: Sequence[str]) -> str:
    hints = named if kind == "unknown" else ()
    listed = ", ".join(f"{_cut(name, _MAX_NAME_CHARS)!r}{_near_miss(name, hints)}" for name in wrong[:_MAX_NAMES])
    listed += f" and {len(wrong) - _MAX_NAMES} more" if len(wrong) > _MAX_NAMES else ""
    plural = "s" if len(wrong) > 1 else ""
    if kind == "surplus":
        return f"at most {places} positional arguments are taken, got {len(wrong)} more"
    if kind == "doubled":
        return f"argument{plural} {listed} given both by position and by name"
    return f"{kind} argument{plural} {listed}"


def _near_miss(name: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(name[:_MAX_NAME_CHARS], names, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _number(value: object) -> str:
    kind = type(value)
    if kind is bool or kind is float:
        return repr(value)
    if kind is int:
        bits = int.bit_length(value)  # type: ignore[arg-type]
        return repr(value) if bits <= _MAX_INT_BITS else f"of {bits} bits"
    return ""


def _type_name(value: object) -> str:
    # Not `type(value).__name__`: a metaclass may answer for it.
    name: str = type.__dict__["__name__"].__get__(type(value))
    return _printable(_cut(name, _MAX_TEXT_CHARS))


def _printable(text: str) -> str:
    return text if text.isprintable() else repr(text)[1:-1]


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
