"""`SecretNames`: whether the name of a field or an argument says that its value is a secret.

Names are compared word by word, however they are written: `apiKey`, `api_key`, `API-KEY` and `myApiKey2` are the same
two words and more, `max_tokens`, `token_count` and `author` are other words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_ANYWHERE: Final = (
    "password",
    "passwords",
    "pass word",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "secrets",
    "credential",
    "credentials",
    "apikey",
    "api key",
    "access key",
    "accesskey",
    "account key",
    "auth key",
    "master key",
    "private key",
    "client key",
    "privatekey",
    "session key",
    "signing key",
    "encryption key",
)
"""Secret wherever they stand in a name."""

_AT_THE_END: Final = ("token", "authorization", "authorisation", "cookie", "cookies", "bearer", "jwt")
"""Secret as the last word only: a token_count and a cookie_policy are none."""

_PAGING: Final = (["page"], ["next"], ["continuation"], ["pagination"])
"""Words before "token" that make it a place in a list."""

_COMPOUNDS: Final = (
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "apikey",
    "secretkey",
    "authtoken",
    "accesstoken",
    "privkey",
)
"""Secret at the end of a word: a `PGPASSWORD`, a `dbpassword`."""

_TRAILING: Final = frozenset({"value", "header", "string", "raw", "text", "plain", "code"})
"""Words, besides numbers, that may follow them all the same."""

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W\d_]+|[0-9]+")
_LONGEST_NAME: Final = 200  # characters; a longer key is a text, and texts are looked at by shape
_LONGEST_CACHE: Final = 4096

# What may follow a name in JSON: the rest of the key, its quote (escaped, in JSON within JSON; single, in Python's own
# notation) and a colon. In texts of many kinds, an equals sign, a colon without a quote, the end of a tag. Or, where a
# name and its value are two items, the end of the first.
_REST: Final = r"""(?:(?:(?:[^"\\]|\\.)*"|[^"'\\]*\\*["'])\s{0,8}:|[A-Za-z0-9_-]*"""
_END: Final = r"""(?:\s{0,4}(?:[=:>]|[-=]>|is )|\\*["']\s{0,2}[],}]))"""
# On a command line: --api-key VALUE, or "--api-key", "VALUE".
_OPTION_REST: Final = r"""[A-Za-z0-9_-]{0,40}[ "'\\]"""


class SecretNames:
    """The usual names of secrets, and the ones given. Safe to share."""

    __slots__ = ("_anywhere", "_known", "probe")

    def __init__(self, names: Iterable[str] = ()) -> None:
        own = [" ".join(words_of(name)) for name in names]
        self._anywhere = tuple(f" {phrase} " for phrase in (*_ANYWHERE, *own) if phrase)
        self._known: dict[str, bool] = {}
        self.probe: str | None = _probe(own)
        """A pattern for the Rust regex engine that finds every such name in JSON text, and some others as well; None
        when a given name cannot be found that way, and every text must be looked at closely."""

    def is_secret(self, name: str) -> bool:
        """Whether a value of this name is a secret."""
        known = self._known.get(name)
        if known is None:
            known = len(name) <= _LONGEST_NAME and self._judge(words_of(name))
            # Names of fields recur; names made from data do not, and must not fill the memory.
            if len(self._known) < _LONGEST_CACHE:
                self._known[name] = known
        return known

    def _judge(self, words: list[str]) -> bool:
        phrase = f" {' '.join(words)} "
        if any(secret in phrase for secret in self._anywhere):
            return True
        if any(word.endswith(_COMPOUNDS) for word in words):
            return True
        if words[1:] and words[-1] == "pwd":
            return True  # `db_pwd`; by itself it is where a program runs
        while len(words) > 1 and (words[-1] in _TRAILING or words[-1].isdecimal() or words[-1] == "v"):
            words = words[:-1]
        return bool(words) and words[-1] in _AT_THE_END and words[-2:-1] not in _PAGING


def words_of(name: str) -> list[str]:
    """The words of a name, in lower case: `myAPIKey2` gives my, api, key, 2."""
    return [word.lower() for word in _WORD.findall(_HUMP.sub(" ", name))]


def _probe(own: list[str]) -> str | None:
    if not all(phrase.isascii() and phrase.replace(" ", "").isalnum() for phrase in own):
        return None  # spelled with escapes in JSON, perhaps; or no words at all
    names = [_spellings(phrase) for phrase in (*_ANYWHERE, *_AT_THE_END, "pwd", "privkey", *own) if phrase != "token"]
    # Apart, because max_tokens is the commonest name around models.
    token = rf"{_spellings('token')}(?:[^sS]{_REST}{_END}|\\*[\"']\s{{0,8}}:|{_END}"
    options = rf"--[A-Za-z0-9_-]{{0,40}}(?:{'|'.join((*names, _spellings('token')))}){_OPTION_REST}"
    return rf"(?:{'|'.join(names)}){_REST}{_END}|{token}|{options}"


def _spellings(phrase: str) -> str:
    """A pattern for the phrase as it is written in names: api_key, apiKey, API-KEY, Api Key.

    Three spellings a word and not `(?i)`, which keeps the engine from searching for literals: 20 times slower.
    """
    words = (f"(?:{word}|{word.capitalize()}|{word.upper()})" for word in phrase.split())
    return "[^A-Za-z0-9]{0,3}".join(words)
