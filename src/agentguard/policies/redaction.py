"""`Redactor`: a copy of recorded values without passwords, keys and tokens.

Nearly every record holds no secret, so it is probed first: by the Rust regex engine that pydantic-core carries, over
the encoded JSON, with one pattern for names and one for shapes (together they would be slower). Clean text of 100 bytes
costs half a microsecond that way, and 3 with Python's `re`. Only on a hit is the value taken apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from pydantic_core import SchemaValidator, core_schema

from agentguard.policies.secret_names import SecretNames
from agentguard.policies.secret_shapes import CLOSER_PROBE, PROBE, SHAPES

REDACTED: Final = "[REDACTED]"
"""What stands in the place of a secret."""

MAX_DEPTH: Final = 200
"""Levels of nesting; what lies deeper is replaced whole. Ours: far below Python's recursion limit."""

# In a text that is itself JSON, or a query string, or an environment: the name, what joins it, the value.
_FIELD = re.compile(
    r"""(["'])([^"'\\\n]{1,100})(\1\s{0,8}:\s{0,8})("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|-?[0-9][0-9.eE+-]*)"""
)
# The same inside a text of JSON inside of another.
_ESCAPED_FIELD = re.compile(r"""(\\{1,7}["'])([^"'\\\n]{1,100})(\1\s{0,8}:\s{0,8})\1((?:(?!\1)[\s\S])*)""")
_TAG = re.compile(r"<([A-Za-z_][\w.:-]{0,60})(\s[^<>]{0,200})?>([^<>]+)(?=</)")
_NAME = r"(?<![\w-])(-{0,2}[A-Za-z_][\w-]{0,100})"
_QUOTED = r"\"[^\"\n]*\"|'[^'\n]*'"
_ASSIGNMENT = re.compile(rf"{_NAME}(=)((?!=)[^\s&;,\"'<>(){{}}\[\]]+|{_QUOTED})")
# With room around it, as in a file of settings or a program; there only what looks like a secret is one. In two parts,
# because in "failed: password: x" what stands behind the first name is the second.
_LOOSE_NAME = re.compile(
    rf"{_NAME}(?:: (?:str|bytes|[A-Z][\w.]{{0,60}}) = |[ \t]{{0,4}}(?:[-=]>|[=:](?!=))[ \t]{{0,4}}| is )"
)
_LOOSE_VALUE = re.compile(rf"((?:[A-Za-z][\w-]{{0,20}} )?)([^\s,;\"'<>(){{}}\[\]]{{4,}}|{_QUOTED})")
_OPTION = re.compile(rf"(?<![\w-])(--[A-Za-z][\w-]{{0,60}})( {{1,4}})([^\s\"'-][^\s\"']*|{_QUOTED})")
# A cookie has a value; "We use cookies: they..." has none.
_COOKIES = re.compile(r"(?<![\w])((?:Set-)?Cookie:[ \t]{0,4})([^\s=;,]{1,100}=[^\r\n]*)", re.IGNORECASE)

_PLAIN_NAME = re.compile(r"-{0,2}[A-Za-z_][A-Za-z0-9_.-]{0,100}")
_PROSE = re.compile(r"[A-Za-z]?[a-z]*(?:['-][a-z]+)?|[A-Z]+|[0-9]{1,3}|[A-Za-z]+[0-9]?(?:\.[A-Za-z]+)*|[^\w]*")
"""What stands behind "password:" in a sentence or in a program: a word, a small number, a type."""

_SHAPE_PROBE = SchemaValidator(core_schema.str_schema(pattern=PROBE))
_CLOSER_SHAPE_PROBE = SchemaValidator(core_schema.str_schema(pattern=CLOSER_PROBE))
_IS_TEXT = SchemaValidator(core_schema.str_schema(pattern=""))


class Redactor:
    """Finds secrets by the names and shapes known here and by those given in `redact`. Safe to share.

    A string in `redact` is a name, of one or more words, and matches any name that contains them: "pin" matches `pin`,
    `userPin` and `pin_code`, not `spinner`. A compiled pattern is a shape, and what it matches is replaced in every
    text; since it may hold anything, every value is then taken apart, which costs some 10 us a record.
    """

    __slots__ = ("_name_probe", "_names", "_shapes")

    def __init__(self, redact: Sequence[str | re.Pattern[str]] = ()) -> None:
        self._names = SecretNames(name for name in redact if isinstance(name, str))
        own = [(shape, REDACTED) for shape in redact if isinstance(shape, re.Pattern)]
        self._shapes = (*own, *SHAPES)
        probe = None if own else self._names.probe
        self._name_probe = None if probe is None else SchemaValidator(core_schema.str_schema(pattern=probe))

    def has_secret(self, json_text: str | bytes) -> bool:
        """Whether the encoded value may hold a secret. False is certain, True is not: then use `redact`."""
        if self._name_probe is None or self._name_probe.isinstance_python(json_text):
            return True
        if _SHAPE_PROBE.isinstance_python(json_text):
            return _CLOSER_SHAPE_PROBE.isinstance_python(json_text)
        # "No match" and "not text" (a lone surrogate, broken UTF-8) look alike; what cannot be probed is suspect.
        return not (json_text.isascii() or _IS_TEXT.isinstance_python(json_text))

    def is_secret_name(self, name: str) -> bool:
        """Whether a field or argument of this name holds a secret."""
        return self._names.is_secret(name)

    def redact(self, tree: Any) -> Any:
        """A copy of a JSON-like value (dicts, lists, tuples, texts, numbers) with every secret replaced.

        What stands under a secret name is replaced whole, unless it is None, True or False. Other objects are kept.
        """
        return self._redact(tree, 0)

    def redact_text(self, text: str) -> str:
        """The text with every secret in it replaced. Takes time in proportion to the text."""
        for shape, replacement in self._shapes:
            text = shape.sub(replacement, text)
        if ":" in text:
            text = _FIELD.sub(self._replace_field, text)
            text = _ESCAPED_FIELD.sub(self._replace_escaped, text) if "\\" in text else text
            text = _COOKIES.sub(rf"\1{REDACTED}", text)
        if "=" in text:
            text = _ASSIGNMENT.sub(self._replace_assigned, text)
        if "</" in text:
            text = _TAG.sub(self._replace_tagged, text)
        if "=" in text or ":" in text or ">" in text or " is " in text:
            text = self._redact_loose(text)
        return _OPTION.sub(self._replace_assigned, text) if "--" in text else text

    def _redact(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.redact_text(value)
        if not isinstance(value, (dict, list, tuple)):
            return value
        if depth >= MAX_DEPTH:
            return REDACTED
        if isinstance(value, dict):
            copy = {self._key(key): self._field(key, child, depth) for key, child in value.items()}
            named = copy.get("name", copy.get("key"))
            if isinstance(named, str) and isinstance(copy.get("value"), str) and self._names.is_secret(named):
                copy["value"] = REDACTED
            return copy
        items = [self._redact(child, depth + 1) for child in value]
        self._redact_second(items)
        return tuple(items) if isinstance(value, tuple) else items

    def _redact_second(self, items: list[Any]) -> None:
        """Replace what follows a secret name: in a pair, as headers are written, and in the arguments of a command."""
        is_pair = len(items) == 2  # noqa: PLR2004 - a name and its value
        for place, (name, value) in enumerate(pairwise(items), start=1):
            if not isinstance(name, str) or not isinstance(value, str) or not (is_pair or name.startswith("--")):
                continue
            if value.startswith("-") or _is_prose(value):
                continue
            if _PLAIN_NAME.fullmatch(name) and self._names.is_secret(name):
                items[place] = REDACTED

    def _key(self, key: Any) -> Any:
        return self.redact_text(key) if isinstance(key, str) else key

    def _field(self, key: Any, value: Any, depth: int) -> Any:
        if isinstance(key, str) and self._names.is_secret(key) and not (value is None or isinstance(value, bool)):
            return REDACTED
        return self._redact(value, depth + 1)

    def _replace_field(self, match: re.Match[str]) -> str:
        quote, name, joint, _ = match.groups()
        return f"{quote}{name}{joint}{quote}{REDACTED}{quote}" if self._names.is_secret(name) else match.group()

    def _replace_escaped(self, match: re.Match[str]) -> str:
        quote, name, joint, _ = match.groups()
        return f"{quote}{name}{joint}{quote}{REDACTED}" if self._names.is_secret(name) else match.group()

    def _replace_tagged(self, match: re.Match[str]) -> str:
        name, rest, _ = match.groups(default="")
        return f"<{name}{rest}>{REDACTED}" if self._names.is_secret(name) else match.group()

    def _replace_assigned(self, match: re.Match[str]) -> str:
        name, joint, _ = match.groups()
        return f"{name}{joint}{REDACTED}" if self._names.is_secret(name) else match.group()

    def _redact_loose(self, text: str) -> str:
        parts, end = [], 0
        for found in _LOOSE_NAME.finditer(text):
            if found.start() < end or not self._names.is_secret(found[1]):
                continue
            value = _LOOSE_VALUE.match(text, found.end())
            if value is not None and not _is_prose(value[2]):
                parts += [text[end : value.start(2)], REDACTED]
                end = value.end()
        return "".join((*parts, text[end:])) if parts else text


def _is_prose(value: str) -> bool:
    bare = value.strip("\"'").rstrip(".,:!?")
    return bare.startswith(REDACTED[:5]) or _PROSE.fullmatch(bare) is not None
