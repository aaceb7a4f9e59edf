"""`placeholder`: whether an answer is made of words that only hold the place of one.

Kept narrow, because a false alarm refuses good work: a board with a TODO column, a JSON Schema and a page about lorem
ipsum are healthy answers. Looks at a bounded part of the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice, product
from typing import Any, Final

MAX_NODES: Final = 1_000
"""Values of a dict or list that are looked at."""

# Filler begins a text, or is most of a short one; elsewhere it is talked about.
_LOREM_START = re.compile(r"""(?:\s|["'(>-]|<\w{1,9}>){0,20}lorem ipsum\b""", re.IGNORECASE)
_LOREM_WITHIN = re.compile(r"lorem ipsum dolor", re.IGNORECASE)
_SHORT_TEXT: Final = 1_000

_LONGEST: Final = 100  # characters of a text that is nothing but a placeholder
_KINDS = ("example", "sample", "mock", "dummy", "fake")
_THINGS = ("result", "response", "output", "data", "text", "answer", "results")
_PHRASES = frozenset(f"{kind} {thing}{end}" for kind, thing, end in product(_KINDS, _THINGS, ("", " here")))
_ENDS = (">", "]", "}", "here")
_FORM = re.compile(
    r"(?:insert [\w ]{1,40}|your (?:\w{1,20} ){0,2}(?:answer|data|key|name|output|response|result|text|value)) here"
    r"|[<\[{]{1,2}\s?(?:placeholder|insert|your|todo|tbd|example)\b[^<>\[\]{}]{0,60}[>\]}]{1,2}",
    re.IGNORECASE,
)
_WORDS = frozenset({"todo", "tbd", "fixme", "placeholder", "n/a", "string", "undefined", "not implemented"})
_ANSWER_KEYS = frozenset({"answer", "body", "content", "message", "output", "response", "result", "text"})

_SAMPLE_FIELDS: Final = 50
_SAMPLE_TYPES = (str, int, bool, float, type(None))
_SAMPLE_VALUES = ("string", 0, True, None)


def placeholder(value: object) -> str | None:
    """What shows that the answer is made of placeholders; None when nothing does."""
    if isinstance(value, str):
        return _found_in(value, is_answer=True)
    if isinstance(value, dict):
        return _SAMPLE if _is_sample(value) else _found_within(value)
    if not isinstance(value, (list, tuple)):
        return None
    return _SAMPLE if value and all(map(_is_sample_row, islice(value, _SAMPLE_FIELDS))) else _found_within(value)


_SAMPLE = "every field holds the default of an API sample"


def _found_in(text: str, *, is_answer: bool) -> str | None:
    if _is_lorem_ipsum(text):
        return "the text is lorem ipsum"
    if len(text) > _LONGEST:
        return None
    folded = text.strip().casefold()
    # Words that have honest uses elsewhere (a status "todo", a type "string") count where the answer itself stands.
    if folded in _PHRASES or (is_answer and folded in _WORDS) or (folded.endswith(_ENDS) and _FORM.fullmatch(folded)):
        return f"the text is the placeholder {folded!r}"
    return None


def _is_lorem_ipsum(text: str) -> bool:
    # Two plain searches cost a tenth of one that ignores case.
    if text.find("ipsum", 0, _SHORT_TEXT) < 0 and text.find("IPSUM", 0, _SHORT_TEXT) < 0:
        return False
    if _LOREM_START.match(text):
        return True
    return len(text) <= _SHORT_TEXT and _LOREM_WITHIN.search(text) is not None


def _is_sample(body: dict[Any, Any]) -> bool:
    """Whether a flat body holds nothing but the defaults that OpenAPI tools fill in: "string", 0, true, null."""
    if not 1 < len(body) <= _SAMPLE_FIELDS:
        return False
    values = body.values()
    return "string" in values and all(type(value) in _SAMPLE_TYPES and value in _SAMPLE_VALUES for value in values)


def _is_sample_row(row: object) -> bool:
    return isinstance(row, dict) and _is_sample(row)


def _found_within(value: Any) -> str | None:
    """The first placeholder among the first texts of a dict or list; a cycle ends with `MAX_NODES`."""
    stack, left = [value], MAX_NODES
    while stack and left > 0:
        node = stack.pop()
        for key, child in islice(_pairs(node), left):
            left -= 1
            if isinstance(child, str):
                if found := _found_in(child, is_answer=key in _ANSWER_KEYS):
                    return found
            elif isinstance(child, (dict, list, tuple)):
                stack.append(child)
    return None


def _pairs(node: Any) -> Iterable[tuple[object, Any]]:
    return node.items() if isinstance(node, dict) else ((None, child) for child in node)
