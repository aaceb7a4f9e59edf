"""The shapes of secrets: what tokens of well-known issuers look like, wherever they stand in a text.

Each shape is written once, in the syntax that Python's `re` and Rust's `regex` share. Sources: the issuers' own
documentation, and the prefixes that GitHub's secret scanning lists
(https://docs.github.com/en/code-security/secret-scanning/introduction/supported-secret-scanning-patterns).
"""

from __future__ import annotations

import re
from typing import Final

_TOKENS: Final = (
    r"sk-[A-Za-z0-9_-]{16,}",  # OpenAI, Anthropic and many after them
    r"gsk_[A-Za-z0-9]{20,}",  # Groq
    r"gh[pousr]_[A-Za-z0-9]{20,}",  # GitHub
    r"github_pat_[A-Za-z0-9_]{20,}",
    r"glpat-[A-Za-z0-9_-]{16,}",  # GitLab
    r"(?:AKIA|ASIA)[0-9A-Z]{16}",  # AWS access key ids
    r"xox[abeoprs]-[A-Za-z0-9-]{10,}",  # Slack
    r"xapp-[A-Za-z0-9-]{10,}",
    r"AIza[A-Za-z0-9_-]{30,}",  # Google
    r"ya29\.[A-Za-z0-9_-]{20,}",
    r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,}",  # Stripe
    r"whsec_[A-Za-z0-9+/=]{16,}",
    r"npm_[A-Za-z0-9]{30,}",
    r"pypi-[A-Za-z0-9_-]{30,}",
    r"hf_[A-Za-z0-9]{20,}",  # Hugging Face
    r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",  # SendGrid
)
_JWT: Final = r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
_SCHEME: Final = r"(?:[Bb]earer|BEARER|[Bb]asic|BASIC) {1,3}"
# With a digit or padding near the start, so that "basic understanding" is none.
_CREDENTIALS: Final = _SCHEME + "[A-Za-z._~+/-]{0,64}[0-9=]"
_PRIVATE_KEY: Final = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
# Up to the last @ before the path; both parts bounded, so that a text full of "://" stays linear.
_URL_USER: Final = r"://[^\s/?#:@\"']{0,128}:"
_URL_PASSWORD: Final = r"[^\s/?#\"']{1,256}@"  # noqa: S105 - a pattern for passwords, not a password

PROBE: Final = "|".join((*_TOKENS, _JWT, _CREDENTIALS, _PRIVATE_KEY, _URL_USER + _URL_PASSWORD))
"""A pattern for the Rust regex engine that finds every shape in JSON text, and some texts without a secret as well.

Without regard to what stands before a token: the engine then searches for literals, eight times faster.
"""

CLOSER_PROBE: Final = (
    # What may stand before a token: in JSON a line break is a backslash and a letter.
    r"(?:^|[^A-Za-z0-9]|\\[bfnrt]|\\u[0-9a-fA-F]{4})(?:" + "|".join((*_TOKENS, _JWT, _CREDENTIALS)) + ")"
    f"|{_PRIVATE_KEY}|{_URL_USER}{_URL_PASSWORD}"
)
"""The same with regard to it, for a second look: "task-management-system" is no sk- token."""

SHAPES: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(rf"{_PRIVATE_KEY}(?s:.*?)(?:-----END [A-Z0-9 ]{{0,40}}PRIVATE KEY(?: BLOCK)?-----|\Z)"), "[REDACTED]"),
    (re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(_TOKENS)})"), "[REDACTED]"),
    # A JWT must not start within a run of its own characters, or a text full of "-eyJ" takes quadratic time.
    (re.compile(rf"(?<![A-Za-z0-9_-]){_JWT}"), "[REDACTED]"),
    # The scheme is kept, for it says what was there.
    (
        re.compile(rf"(?<![A-Za-z0-9])({_SCHEME})(?=[A-Za-z._~+/-]{{0,64}}[0-9=])[A-Za-z0-9._~+/-]{{8,}}=*"),
        r"\1[REDACTED]",
    ),
    (re.compile(rf"({_URL_USER}){_URL_PASSWORD}"), r"\1[REDACTED]@"),
)
"""What to look for in a decoded text, and what to put in its place. Linear in the text, whatever it holds."""
