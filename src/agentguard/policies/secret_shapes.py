"""The shapes of secrets: what tokens of well-known issuers look like, wherever they stand in a text.

Each shape is written once, in the syntax that Python's `re` and Rust's `regex` share. Sources: the issuers' own
documentation, and the prefixes that GitHub's secret scanning lists
(https://docs.github.com/en/code-security/secret-scanning/introduction/supported-secret-scanning-patterns).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_TOKENS: Final = (
    r"sk-[A-Za-z0-9_-]{16,}",  # OpenAI, Anthropic and many after them
    r"(?:gsk|hf|npm|ntn)_[A-Za-z0-9]{20,}",  # Groq, Hugging Face, npm, Notion
    r"(?:xai|pplx)-[A-Za-z0-9]{20,}",  # xAI, Perplexity
    r"r8_[A-Za-z0-9]{30,}",  # Replicate
    r"lsv2_[a-z]{2}_[0-9a-f_]{30,}",  # LangSmith
    r"gh[pousr]_[A-Za-z0-9]{20,}",  # GitHub
    r"github_pat_[A-Za-z0-9_]{20,}",
    r"gl(?:pat|dt|rt|ptt)-[A-Za-z0-9_-]{16,}",  # GitLab
    r"(?:AKIA|ASIA)[0-9A-Z]{16}",  # AWS access key ids
    r"xox[a-z]-[A-Za-z0-9-]{10,}",  # Slack
    r"xapp-[A-Za-z0-9-]{10,}",
    r"hooks\.slack\.com/[a-z]{1,20}/[A-Za-z0-9/]{20,}",
    r"discord[a-z]{0,3}\.com/api/webhooks/[0-9]{10,}/[A-Za-z0-9_-]{20,}",
    r"bot[0-9]{8,12}:AA[A-Za-z0-9_-]{30,}",  # Telegram
    r"AIza[A-Za-z0-9_-]{30,}",  # Google
    r"ya29\.[A-Za-z0-9_-]{20,}",
    r"GOCSPX-[A-Za-z0-9_-]{20,}",
    r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,}",  # Stripe
    r"whsec_[A-Za-z0-9+/=]{16,}",
    r"key-[0-9a-f]{32}",  # Mailgun
    r"xkeysib-[A-Za-z0-9-]{40,}",  # Brevo
    r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",  # SendGrid
    r"pypi-[A-Za-z0-9_-]{30,}",
    r"rubygems_[0-9a-f]{40,}",
    r"dckr_[a-z]{3}_[A-Za-z0-9_-]{20,}",  # Docker
    r"do[opr]_v1_[0-9a-f]{60,}",  # DigitalOcean
    r"HRKU-[A-Za-z0-9_-]{30,}",  # Heroku
    r"dapi[0-9a-f]{32}",  # Databricks
    r"hv[sbr]\.[A-Za-z0-9_-]{24,}",  # HashiCorp Vault
    r"gl(?:sa|c)_[A-Za-z0-9_+/=]{30,}",  # Grafana
    r"NRAK-[A-Z0-9]{20,}",  # New Relic
    r"sntry[a-z]_[A-Za-z0-9_+/=]{40,}",  # Sentry
    r"PMAK-[0-9a-f-]{40,}",  # Postman
    r"ATATT3x[A-Za-z0-9_=-]{40,}",  # Atlassian
    r"lin_[a-z]{3,5}_[A-Za-z0-9]{30,}",  # Linear
    r"figd_[A-Za-z0-9_-]{30,}",  # Figma
    r"shp(?:at|ss|ca|pa)_[0-9a-fA-F]{32}",  # Shopify
    r"sq0[a-z]{3}-[A-Za-z0-9_-]{20,}",  # Square
    r"sbp_[0-9a-f]{40}",  # Supabase
    r"pscale_[a-z]{2,5}_[A-Za-z0-9_.-]{30,}",  # PlanetScale
    r"dp\.[a-z]{2}\.[A-Za-z0-9._-]{40,}",  # Doppler
    r"pul-[0-9a-f]{40}",  # Pulumi
    r"AGE-SECRET-KEY-1[0-9A-Z]{50,}",
    r"\$2[aby]\$[0-9]{2}\$[A-Za-z0-9./]{50,}",  # a password's bcrypt hash
)
_JWT: Final = r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
# Known by what follows their first part: Terraform, Mailchimp. The engine searches for literals; these begin with one.
_TAILS: Final = r"(?:\.atlasv1\.[A-Za-z0-9_-]{40,}|-us[0-9]{1,2})"
_SCHEME: Final = r"(?:[Bb]earer|BEARER|[Bb]asic|BASIC) {1,3}"
# With a digit or padding near the start, or longer than any word, so that "basic understanding" is none.
_CREDENTIALS: Final = _SCHEME + "(?:[A-Za-z._~+/-]{0,64}[0-9=]|[A-Za-z._~+/-]{24})"
_PRIVATE_KEY: Final = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
# Up to the last @ before the path; both parts bounded, so that a text full of "://" stays linear.
_URL_USER: Final = r"://[^\s/?#:@\"']{0,128}:"
_URL_PASSWORD: Final = r"[^\s/?#\"']{1,256}@"  # noqa: S105 - a pattern for passwords, not a password
# Signatures and keys in query strings, under names that mean other things elsewhere.
_QUERY: Final = r"[?&](?:key|sig|signature|X-Amz-Signature|X-Goog-Signature|X-Amz-Security-Token)="
_QUERY_VALUE: Final = r"[A-Za-z0-9%._~+/-]{16,}"
_ODBC: Final = r";\s?(?:PWD|Pwd|pwd)="
_CURL: Final = r"curl [^\n\\]{0,200}(?:-u|--user)[ =][\"'\\]{0,3}[^\s:\"']{1,128}:"
_SQL: Final = r"(?:IDENTIFIED BY|identified by|PASSWORD|password) '"

_DOCKER: Final = r"""auth\\{0,7}["']\s{0,4}:\s{0,4}\\{0,7}["']"""  # in its config.json
# What these begin with differs in too many ways to be searched for.
_HINTS: Final = (
    rf"(?:key|sig|ignature)={_QUERY_VALUE}",
    r"(?:D BY|d by|ASSWORD|assword) '",
    r"curl [^\n\\]{0,200}(?:-u|--user)",
    r"sshpass -p",
    r"login [^\s]{1,128} {1,4}password ",
    _DOCKER + "[A-Za-z0-9+/]{20}",
)
# `_ODBC` is found as a name.
_BEHIND_ANYTHING: Final = (_PRIVATE_KEY, _URL_USER + _URL_PASSWORD, _TAILS, *_HINTS)

PROBE: Final = "|".join((*_TOKENS, _JWT, _CREDENTIALS, *_BEHIND_ANYTHING))
"""A pattern for the Rust regex engine that finds every shape in JSON text, and some texts without a secret as well.

Without regard to what stands before a token: the engine then searches for literals, eight times faster.
"""

CLOSER_PROBE: Final = (
    # What may stand before a token: in JSON a line break is a backslash and a letter.
    r"(?:^|[^A-Za-z0-9]|\\[bfnrt]|\\u[0-9a-fA-F]{4})(?:" + "|".join((*_TOKENS, _JWT, _CREDENTIALS)) + ")|"
    + "|".join(_BEHIND_ANYTHING)
)  # fmt: skip
"""The same with regard to it, for a second look: "task-management-system" is no sk- token."""

Replacement = str | Callable[[re.Match[str]], str]

_WORDS: Final = re.compile(r"sk-[a-z]{1,15}(?:[-_][a-z]{1,15})+")


def _unless_words(match: re.Match[str]) -> str:
    # "sk-learn-contrib-packages" is made of words; keys have digits, or one long run of letters.
    return match.group() if _WORDS.fullmatch(match.group()) else "[REDACTED]"


SHAPES: Final[tuple[tuple[re.Pattern[str], Replacement], ...]] = (
    (re.compile(rf"{_PRIVATE_KEY}(?s:.*?)(?:-----END [A-Z0-9 ]{{0,40}}PRIVATE KEY(?: BLOCK)?-----|\Z)"), "[REDACTED]"),
    (re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(_TOKENS)})"), _unless_words),
    # A JWT must not start within a run of its own characters, or a text full of "-eyJ" takes quadratic time.
    (re.compile(rf"(?<![A-Za-z0-9_-]){_JWT}"), "[REDACTED]"),
    (re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{40,}"), "[REDACTED]"),
    (re.compile(r"(?<![A-Za-z0-9])[0-9a-f]{32}-us[0-9]{1,2}(?![0-9A-Za-z])"), "[REDACTED]"),
    # The scheme is kept, for it says what was there.
    (
        re.compile(
            rf"(?<![A-Za-z0-9])({_SCHEME})(?=[A-Za-z._~+/-]{{0,64}}[0-9=]|[A-Za-z._~+/-]{{24}})[A-Za-z0-9._~+/-]{{8,}}=*"
        ),
        r"\1[REDACTED]",
    ),
    (re.compile(rf"({_URL_USER}){_URL_PASSWORD}"), r"\1[REDACTED]@"),
    (re.compile(rf"({_QUERY})(?=[A-Za-z%._~+/-]{{0,64}}[0-9]){_QUERY_VALUE}"), r"\1[REDACTED]"),
    (re.compile(rf"({_ODBC})[^;\s\"']+"), r"\1[REDACTED]"),
    (re.compile(rf"(?<![\w-])({_CURL})[^\s\"'\\]+"), r"\1[REDACTED]"),
    (re.compile(rf"({_SQL})[^'\n]+"), r"\1[REDACTED]"),
    (re.compile(r"(?<!\w)(login [^\s]{1,128} {1,4}password {1,4})[^\s]+"), r"\1[REDACTED]"),  # .netrc
    (re.compile(r"(?<!\w)(sshpass -p ?[\"']?)[^\s\"']+"), r"\1[REDACTED]"),
    (re.compile(rf"(?<![A-Za-z])({_DOCKER})[A-Za-z0-9+/]{{20,}}={{0,2}}"), r"\1[REDACTED]"),
    (
        re.compile(
            r"(?i)(?<!\w)(authorization:[ \t]{0,4}(?:digest|hawk|negotiate|ntlm|aws4-hmac-sha256)[ \t])[^\r\n]+"
        ),
        r"\1[REDACTED]",
    ),
)
"""What to look for in a decoded text, and what to put in its place. Linear in the text, whatever it holds."""
