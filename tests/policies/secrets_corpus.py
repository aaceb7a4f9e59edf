"""Secrets of many kinds in the places where they turn up, and what only looks like one. Made from templates, the same
each time: no secret stands in this file, so that no scanner of repositories finds one.

In a template `{a36}` is 36 characters of the alphabet `a`: see `ALPHABETS`. The kinds were collected from the issuers'
documentation and from what GitHub, gitleaks and detect-secrets look for.
"""

import json
import random
import re
import string
from collections.abc import Iterator
from typing import Any, NamedTuple

ALPHABETS = {
    "a": string.ascii_letters + string.digits,
    "b": string.ascii_letters + string.digits + "+/",
    "d": string.digits,
    "h": string.digits + "abcdef",
    "l": string.ascii_lowercase,
    "n": string.ascii_lowercase + string.digits,
    "u": string.ascii_uppercase + string.digits,
    "w": string.ascii_letters + string.digits + "-_",
}

TOKENS = {
    "openai": ["sk-{a48}", "sk-proj-{w64}", "sk-svcacct-{w48}"],
    "anthropic": ["sk-ant-api03-{w86}AA"],
    "openrouter": ["sk-or-v1-{h64}"],
    "groq": ["gsk_{a52}"],
    "xai": ["xai-{a80}"],
    "perplexity": ["pplx-{a48}"],
    "replicate": ["r8_{a37}"],
    "hugging face": ["hf_{a34}"],
    "langsmith": ["lsv2_pt_{h32}_{h10}"],
    "github": ["ghp_{a36}", "gho_{a36}", "ghu_{a36}", "ghs_{a36}", "ghr_{a36}", "github_pat_{a22}_{a59}"],
    "gitlab": ["glpat-{w20}", "gldt-{w20}", "glrt-{w20}", "glptt-{h40}"],
    "aws": ["AKIA{u16}", "ASIA{u16}"],
    "google": ["AIza{w35}", "ya29.{w60}", "GOCSPX-{w28}"],
    "slack": ["xoxb-{d12}-{d12}-{a24}", "xoxp-{d12}-{d12}-{d12}-{h32}", "xapp-1-A{u10}-{d13}-{h64}"],
    "slack webhook": ["https://hooks.slack.com/services/T{u8}/B{u10}/{a24}"],
    "discord webhook": ["https://discord.com/api/webhooks/{d18}/{w68}"],
    "telegram": ["https://api.telegram.org/bot{d10}:AA{w33}/sendMessage"],
    "stripe": ["sk_live_{a24}", "sk_test_{a24}", "rk_live_{a24}", "whsec_{a32}"],
    "sendgrid": ["SG.{w22}.{w43}"],
    "mailgun": ["key-{h32}"],
    "mailchimp": ["{h32}-us14"],
    "brevo": ["xkeysib-{h64}-{a16}"],
    "npm": ["npm_{a36}"],
    "pypi": ["pypi-AgEIcHlwaS5vcmc{w60}"],
    "rubygems": ["rubygems_{h48}"],
    "docker": ["dckr_pat_{w27}"],
    "digitalocean": ["dop_v1_{h64}", "doo_v1_{h64}"],
    "heroku": ["HRKU-{w60}"],
    "databricks": ["dapi{h32}"],
    "vault": ["hvs.{w90}", "hvb.{w120}"],
    "terraform": ["{a14}.atlasv1.{w64}"],
    "grafana": ["glsa_{a32}_{h8}", "glc_{b40}"],
    "new relic": ["NRAK-{u27}"],
    "sentry": ["sntrys_{b60}", "sntryu_{h64}"],
    "postman": ["PMAK-{h24}-{h34}"],
    "atlassian": ["ATATT3xFfGF0{w60}"],
    "linear": ["lin_api_{a40}"],
    "notion": ["ntn_{a46}"],
    "figma": ["figd_{w40}"],
    "shopify": ["shpat_{h32}", "shpss_{h32}"],
    "square": ["sq0atp-{w22}", "sq0csp-{w43}"],
    "supabase": ["sbp_{h40}"],
    "planetscale": ["pscale_tkn_{w43}", "pscale_pw_{w43}"],
    "doppler": ["dp.pt.{a43}"],
    "pulumi": ["pul-{h40}"],
    "age": ["AGE-SECRET-KEY-1{u58}"],
    "jwt": ["eyJ{w33}.eyJ{w60}.{w43}", "eyJ{w20}.eyJ{w30}."],
    "pem": [
        "-----BEGIN RSA PRIVATE KEY-----\n{b64}\n{b64}\n{b40}==\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN OPENSSH PRIVATE KEY-----\n{b70}\n{b70}\n-----END OPENSSH PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n{b64}\n{b64}\n-----END PRIVATE KEY-----",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{b64}\n-----END PGP PRIVATE KEY BLOCK-----",
    ],
}
"""Known by their shape, wherever they stand."""

PLACES = [
    "{}",
    "use {} please",
    "the key is {}.",
    "({})",
    "a\n{}\nb",
    "curl -H 'X-Thing: {}' https://api.example.com",
    'File "/app/client.py", line 7, in call\n    client = Client("{}")\nValueError: bad key {}',
    "Client(key={!r}, retries=3)",
    "config: {}, next",
]
"""Where a token stands in a text."""

NAMES = [
    "password", "passwd", "user_password", "dbPassword", "PASSWORD", "passphrase", "passcode", "secret",
    "client_secret", "clientSecret", "SECRET_KEY", "secretAccessKey", "aws_secret_access_key", "token", "access_token",
    "refreshToken",
    "auth_token", "X-Auth-Token", "api_key", "apiKey", "API_KEY", "x-api-key", "OPENAI_API_KEY", "apikey", "access_key",
    "private_key", "signing_key", "encryption_key", "account_key", "AccountKey", "SharedAccessKey", "master_key",
    "credentials", "authorization", "cookie", "session_key", "webhook_secret", "bearer", "jwt", "csrf_token", "db_pwd",
]  # fmt: skip

VALUES = ["{a32}", "{h40}", "{l6}{d3}", "{l5}-{l6}-{l4}", "{b40}", "{a8}!{a4}", "{a12}.{a12}", "{l4}{d4}{u4}"]

HEADERS = [
    ("Authorization: Bearer {}", "{w40}"),
    ("authorization: bearer {}", "{h40}"),
    ("Authorization: Basic {}", "{b24}=="),
    ("Proxy-Authorization: Basic {}", "{b28}="),
    ("Authorization: token {}", "{h40}"),
    ("Authorization: ApiKey {}", "{b32}=="),
    ("Authorization: {}", "{a40}"),
    ("X-Api-Key: {}", "{a32}"),
    ("x-goog-api-key: {}", "{a39}"),
    ("X-Auth-Token: {}", "{h32}"),
    ("Private-Token: {}", "{w20}"),
    ("Cookie: session={}; theme=dark", "{w40}"),
    ("Cookie: theme=dark; sid={}", "{h32}"),
    ("Set-Cookie: sessionid={}; Path=/; HttpOnly", "{n32}"),
]
"""Lines of a request or an answer, in a text."""

ADDRESSES = [
    ("postgresql://app:{}@db.example.com:5432/shop", "{a16}"),
    ("postgres://app:{}@10.0.0.5/shop?sslmode=require", "{a8}%40{a4}"),
    ("mysql+pymysql://root:{}@localhost/shop", "{l8}"),
    ("mongodb+srv://user:{}@cluster0.abcde.mongodb.net/?retryWrites=true", "{a20}"),
    ("redis://:{}@cache:6379/0", "{h24}"),
    ("amqps://guest:{}@rabbit:5671/%2F", "{a12}!"),
    ("https://ann:{}@git.example.com/team/repo.git", "{w20}"),
    ("ftp://user:{}@files.example.com/in", "{a10}"),
    ("https://api.example.com/v1/items?access_token={}&page=2", "{a32}"),
    ("https://api.example.com/v1/items?page=2&api_key={}", "{h32}"),
    ("https://api.example.com/v1/items?token={}#top", "{w24}"),
    ("https://bucket.s3.amazonaws.com/a.txt?X-Amz-Expires=60&X-Amz-Signature={}", "{h64}"),
    ("https://storage.googleapis.com/b/o?X-Goog-Signature={}&X-Goog-Expires=60", "{h128}"),
    ("https://acct.blob.core.windows.net/c/b?sv=2022-11-02&sr=b&sig={}", "{a40}%3D"),
    ("https://maps.example.com/api/js?key={}&v=3", "{a39}"),
    ("Server=db;Database=shop;User Id=sa;Password={};Encrypt=true", "{a12}!"),
    ("Driver={{ODBC Driver 18}};Server=db;UID=sa;PWD={};", "{a12}"),
    ("host=db port=5432 user=app password={} dbname=shop", "{a12}"),
    ("DefaultEndpointsProtocol=https;AccountName=acct;AccountKey={};EndpointSuffix=core.windows.net", "{b86}=="),
    ("Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={}", "{b43}="),
]
"""Addresses and connection strings."""

COMMANDS = [
    ("mysql --user root --password {} shop", "{a12}"),
    ("deploy --api-key={} --out=x", "{a32}"),
    ("deploy --api-key {} --out x", "{a32}"),
    ("tool login --token '{}'", "{w32}"),
    ("curl -u ann:{} https://api.example.com", "{a14}"),
    ("curl --user 'ann:{}' https://api.example.com", "{a14}"),
    ("export GITHUB_TOKEN={}", "{a30}"),
    ("DATABASE_PASSWORD='{}' python app.py", "{a6} {a6}"),
    ("docker run -e API_KEY={} image", "{h32}"),
    ("aws_secret_access_key = {}", "{b40}"),
    ("password: {}", "{a12}"),
    ("  client_secret: {}\n  redirect: /in", "{w32}"),
    ('password = "{}"', "{a6}!{a6}"),
    ("API_KEY: Final = '{}'", "{a32}"),
    ("CREATE USER app IDENTIFIED BY '{}'", "{a12}"),
]
"""What people type, and what stands in their files."""

ELSEWHERE: list[tuple[str, str]] = [
    ("<user>ann</user><password>{}</password>", "{a20}"),
    ('<add name="x" password="{}" />', "{a20}"),
    ("machine api.example.com login ann password {}", "{a20}"),
    ("//registry.example.com/:_authToken={}", "{a20}"),
    ("PGPASSWORD={} psql -h db", "{a20}"),
    ('{{"auths":{{"r.example.com":{{"auth":"{}"}}}}}}', "{b40}=="),
    ("    client-key-data: {}", "{b80}=="),
    ("https://app.example.com/cb#access_token={}&token_type=bearer", "{a20}"),
    ("grant_type=client_credentials&client_id=abc&client_secret={}", "{a20}"),
    ("sshpass -p '{}' ssh host", "{a20}"),
    ("mysql -uroot -p{} shop", "{a20}"),
    ("ldapsearch -D cn=admin -w {}", "{a20}"),
    ("my password is {}, do not tell", "{a20}"),
    ("Authorization: Bearer {}", "{l30}"),
    ("jdbc:postgresql://db/shop?user=ann&password={}", "{a20}"),
    ("jdbc:oracle:thin:scott/{}@db:1521:XE", "{a20}"),
    ('{{"body": "{{\\"password\\": \\"{}\\"}}"}}', "{a20}"),
    ("Config(user=ann, password={}, host=x)", "{a20}"),
    ('const apiKey = "{}";', "{a20}"),
    ('{{ apiKey: "{}", region: "eu" }}', "{a20}"),
    (':password => "{}"', "{a20}"),
    ("$password = '{}';", "{a20}"),
    ('$env:API_KEY = "{}"', "{a20}"),
    ('Authorization: Digest username="ann", response="{}"', "{h32}"),
    ("Authorization: AWS4-HMAC-SHA256 Credential=x/2026/us-east-1/s3, Signature={}", "{h64}"),
    ("otpauth://totp/x?secret={}&issuer=y", "{u32}"),
    ("password -> {}", "{a20}"),
    ("hash $2b$12${}", "{a53}"),
    ("smtp://ann%40x.com:{}@mail:587", "{a20}"),
]
"""Collected when the rest was found already, to see how far that carries: of these, half were missed."""

TREES: list[Any] = [
    [["X-Api-Key", "@"], ["Accept", "x"]], [["authorization", "token @"]], [{"name": "X-Api-Key", "value": "@"}],
    {"key": "DB_PASSWORD", "value": "@"}, {"dbpassword": "@"}, {"PGPASSWORD": "@"}, {"userpass": "@"},
    {"auth": ["ann", "@"]}, {"env": {"STRIPE_KEY": "@"}}, {"authtoken": "@"}, {"secretkey": "@"}, {"privkey": "@"},
    ["tool", "--password", "@", "--verbose"], ["tool", "--api-key", "@"],
    {"passwords": ["@"]}, {"bearerToken": "@"}, {"github_pat": "@"},
]  # fmt: skip
"""The same, for values; @ is the secret."""

TEXTS = {"header": HEADERS, "address": ADDRESSES, "command": COMMANDS, "elsewhere": ELSEWHERE}

HARMLESS_FIELDS: dict[str, Any] = {
    "max_tokens": 4096, "maxTokens": 100, "tokens": 17, "token_count": 12, "prompt_tokens": 512, "completion_tokens": 7,
    "total_tokens": 99, "token_type": "bearer", "tokenizer": "cl100k_base", "next_page_token": "CAUQAA",
    "nextToken": "eyJ2IjoxfQ", "page_token": "abc123", "author": "Ann Example", "authors": ["Ann"], "authority": "city",
    "authorization_url": "https://example.com/authorize", "authorized": True, "cookie_policy": "strict",
    "cookiecutter": "gh:audreyr/x", "cookie_count": 3, "key": "color", "keys": ["a", "b"], "primary_key": "id",
    "foreign_key": "user_id", "sort_key": "date", "keyboard": "qwerty", "keyword": "tea", "public_key_count": 2,
    "password_length": None, "has_password": True, "is_secret": False, "session_id": "9f2c4a", "session": "morning",
    "secretary": "Jo", "monkey": "banana", "api_version": "v2", "apiVersion": "2024-01-01", "pass": "mountain pass",
    "passed": 31, "passenger": "Ann", "compass": "NW", "bypass": False, "credit": 100, "accreditation": "ISO",
    "pwd": "/srv/app", "accessibility": "AA", "jwt_expiry_seconds": 3600, "signature": "def f(x: int) -> int",
    "tokens_per_second": 71.5, "n_tokens": 3, "stop_token_ids": [1, 2], "token_ids": [5, 9], "expected_tokens": 9,
}  # fmt: skip
"""Fields whose names come near that of a secret."""

HARMLESS_VALUES = {
    "uuid": "{h8}-{h4}-4{h3}-a{h3}-{h12}",
    "sha1": "{h40}",
    "sha256": "sha256:{h64}",
    "short sha": "{h7}",
    "etag": 'W/"{h32}"',
    "trace id": "00-{h32}-{h16}-01",
    "order number": "ORD-{d4}-{d8}",
    "invoice": "INV{d10}",
    "isbn": "978-{d1}-{d2}-{d6}-{d1}",
    "iban": "DE{d20}",
    "phone": "+49 30 {d8}",
    "colour": "#{h6}",
    "date": "2026-11-21T0{d1}:30:00Z",
    "ip": "10.{d2}.{d2}.{d1}",
    "ulid": "01{u24}",
    "base64 image": "data:image/png;base64,iVBORw0KGgo{b200}==",
    "base64 text": "{b120}=",
    "file name": "report_{d8}_final.pdf",
    "path": "/srv/app/{l6}/{l8}/{h12}.json",
    "s3": "s3://bucket-{l6}/{l8}/part-{d5}.parquet",
    "url": "https://example.com/{l8}/{d6}?page={d2}&sort=desc&limit=50#top",
    "url with port": "http://localhost:{d4}/api/{l6}",
    "mail": "{l6}.{l7}@example.com",
    "image": "registry.example.com/team/{l6}:{d1}.{d2}.{d1}",
    "package": "scikit-learn=={d1}.{d1}.{d1}",
    "dashes": "sk-{l6}-{l5}-{l7}-{l4}",
    "css": "task-{l6}-{l6}-{l6}-item",
    "constant": "MAX_{l6}_SIZE",
    "model": "{l5}-4o-mini-2024-07-18",
    "certificate": "-----BEGIN CERTIFICATE-----\n{b64}\n{b64}\n-----END CERTIFICATE-----",
    "public key": "-----BEGIN PUBLIC KEY-----\n{b64}\n-----END PUBLIC KEY-----",
    "ssh public key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{b43} ann@host",
    "account": "AC{h32}",
    "arn": "arn:aws:iam::{d12}:role/{l8}",
    "stripe id": "cus_{a14}",
    "price": "EUR {d3}.{d2}",
    "coordinates": "52.{d6}, 13.{d6}",
    "code": "def {l6}(token: str, key: int = {d2}) -> str: return tokens[key]",
    "call": "count_tokens(text, max_tokens={d3})",
    "sql": "SELECT id, author FROM books WHERE isbn = '{d13}' ORDER BY key",
    "hash": "md5={h32}",
    "docker user": "docker run -u {d4}:{d4} image",
    "commit": "commit {h40}\nAuthor: Ann <ann@example.com>",
}
"""Values that come near the shape of a secret."""

PROSE = [
    "Please choose a password with at least 12 characters.",
    "Forgot your password? Click the link below to set a new one.",
    "Password: must contain a digit and a letter.",
    "The password field is required.",
    "Your password has been changed.",
    "It is no secret: the author likes tea.",
    "The secret ingredient is nutmeg, and the token gesture was appreciated.",
    "A token is about four characters; 1,000 tokens are about 750 words.",
    "Usage: 512 prompt tokens, 128 completion tokens.",
    "Unexpected token '}' in JSON at position 17",
    "SyntaxError: unexpected token: ')'",
    "token limit: 8192",
    "Authentication uses bearer tokens; see the documentation.",
    "basic authentication is deprecated",
    "The bearer of this letter is Ann.",
    "Basic understanding of Python is assumed.",
    "We use cookies: they remember your language.",
    "Cookie policy: see the footer.",
    "Cookies and cream, 250 g",
    "Authorization: required for administrators.",
    "Authorization is needed to enter the building.",
    "The key to success is patience.",
    "Press any key to continue.",
    "API key: see settings.",
    "api keys are managed in the console",
    "The private key never leaves the device.",
    "Rotate credentials every 90 days.",
    "Credentials: none",
    "passphrase: optional",
    "Access keys 1 and 2 open the west door.",
    "KeyError: 'token'",
    "missing 1 required positional argument: 'password'",
    "TypeError: login() got an unexpected keyword argument 'api_key'",
    "ValueError: password is too short",
    "assert token == expected",
    "if password: return True",
    "x == y and token == z",
    "for token in tokens: print(token)",
    "token: str = Field(description='the word')",
    "password: SecretStr | None",
    "sk-learn is a common misspelling of scikit-learn-contrib packages",
    "see task-management-system-overview for desk-sharing-rules-2024",
    "meet at 10:30 with ann@example.com: bring the report",
    "ratio 3:4@5, http://example.com:8080/a@b:c",
    "C:\\Users\\ann\\token.txt",
    "git commit -m 'Remove the secret handshake'",
    "ls --token-limit 500",
    "generate --max-tokens 256 --temperature 0.2",
    "The JWT standard is RFC 7519; a JWT begins with eyJ.",
    "ghp_ and xoxb- are prefixes of tokens.",
]


class Case(NamedTuple):
    """One value; `secrets` must not be found in its redacted form, and without any, nothing may be changed."""

    kind: str
    value: Any
    secrets: tuple[str, ...] = ()


def _filled(template: str, seed: str) -> str:
    """The template with its alphabets drawn from, the same for the same seed."""
    draw = random.Random(seed)

    def run(match: re.Match[str]) -> str:
        letters = "".join(draw.choice(ALPHABETS[match[1]]) for _ in range(int(match[2])))
        # No issuer's key of this length is without a digit; one that comes out so would be another thing.
        return letters if match[1] in "dl" or len(letters) < 8 else f"{letters[:3]}7{letters[4:]}"

    return re.sub(r"\{([a-z])(\d+)\}", run, template)


def secret_cases(seed: str = "") -> Iterator[Case]:
    """Every kind of secret in every place it is known from; other secrets for every seed."""
    for issuer, templates in TOKENS.items():
        for number, template in enumerate(templates):
            yield from _token_cases(issuer, template, f"{seed}{issuer} {number}")
    for number, name in enumerate(NAMES):
        yield from _named_cases(name, f"{seed}{name} {number}")
    for kind, pairs in TEXTS.items():
        for around, template in pairs:
            for number in range(4):
                secret = _filled(template, f"{seed}{around} {number}")
                yield Case(kind, {"text": around.format(secret)}, (secret,))
                yield Case(kind, f"RuntimeError: failed: {around.format(secret)}", (secret,))
    for number, tree in enumerate(TREES):
        secret = _filled("{a20}", f"{seed}tree {number}")
        yield Case("elsewhere", json.loads(json.dumps(tree).replace("@", secret)), (secret,))


def _token_cases(issuer: str, template: str, seed: str) -> Iterator[Case]:
    kind = f"token: {issuer}"
    for place, around in enumerate(PLACES):
        secret = _filled(template, f"{seed} {place}")
        written = repr(secret)[1:-1] if "!r" in around else secret
        yield Case(kind, {"note": [around.format(secret, secret)]}, (heart(secret), heart(written)))
    secret = _filled(template, seed)
    yield Case(kind, {secret: 1}, (heart(secret),))
    yield Case(kind, json.dumps({"inner": {"x": secret}}), (heart(secret),))


def _named_cases(name: str, seed: str) -> Iterator[Case]:
    for style, template in enumerate(VALUES):
        secret = _filled(template, f"{seed} {style}")
        yield Case("named: field", {"args": {name: secret, "n": style}}, (secret,))
    for style, around in enumerate(('{{"{}": "{}"}}', "{{'{}': '{}'}}", "{}={}", "?a=1&{}={}&b=2")):
        secret = _filled("{a20}", f"{seed} text {style}")
        yield Case("named: in a text", around.format(name, secret), (secret,))


def heart(secret: str) -> str:
    """The part of a token that tells it from others: what a reader could use."""
    lines = [line for line in re.split(r"\n|\\n", secret) if line and not line.startswith("-----")]
    return max(lines, key=len)[-12:] if len(lines) > 1 else secret.removesuffix("/sendMessage")[-12:]


def harmless_cases(seed: str = "") -> Iterator[Case]:
    """What has to stay as it is; other values for every seed."""
    for name, value in HARMLESS_FIELDS.items():
        yield Case("near name", {"args": {name: value}})
        yield Case("near name", json.dumps({name: value}))
    for kind, template in HARMLESS_VALUES.items():
        for number in range(6):
            value = _filled(template, f"{seed}{kind} {number}")
            for around in ("{}", "the value is {} here", "found: {}"):
                yield Case(f"near shape: {kind}", {"result": around.format(value)})
    for sentence in PROSE:
        yield Case("prose", {"text": sentence})
        yield Case("prose", f"He said:\n{sentence}\nAnd left.")
