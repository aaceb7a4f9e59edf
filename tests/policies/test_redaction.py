"""What no trace may show."""

import json
import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agentguard.policies import redaction
from agentguard.policies.redaction import REDACTED, Redactor
from agentguard.policies.secret_names import words_of

REDACTOR = Redactor()

SECRET_NAMES = [
    "password",
    "Password",
    "PASSWORD",
    "passwords",
    "PassWord",
    "user_password",
    "passwordHash",
    "passwd",
    "passphrase",
    "secret",
    "client_secret",
    "clientSecret",
    "secretKey",
    "token",
    "access_token",
    "accessToken",
    "refresh-token",
    "X-Auth-Token",
    "token2",
    "token_value",
    "api_key",
    "apiKey",
    "API_KEY",
    "API-Key",
    "api.key",
    "x-api-key",
    "apikey",
    "APIKEY",
    "OPENAI_API_KEY",
    "api_key_2",
    "access_key",
    "awsAccessKeyId",
    "private_key",
    "privateKey",
    "authorization",
    "Authorization",
    "Proxy-Authorization",
    "authorization_code",
    "credential",
    "credentials",
    "db_credentials_file",
    "session_key",
    "cookie",
    "Set-Cookie",
    "cookies",
]

HARMLESS_NAMES = [
    "max_tokens",
    "maxTokens",
    "tokens",
    "token_count",
    "tokenCount",
    "token_type",
    "tokenizer",
    "prompt_tokens",
    "next_page_token",
    "nextToken",
    "author",
    "authors",
    "authority",
    "authorization_url",
    "cookie_policy",
    "cookiecutter",
    "secretary",
    "key",
    "keys",
    "primary_key",
    "keyboard",
    "apiVersion",
    "accessibility",
    "session",
    "session_id",
    "privacy",
    "compass",
    "passed",
    "pass",
    "credit",
    "",
    "2",
    "ключ",
]

SECRETS = [
    "sk-abcdefghijklmnopqrst",
    "sk-proj-AbC_dEf-123456789",
    "sk-ant-api03-abcdefghij",
    "gsk_abcdefghijklmnopqrstuvwx",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "gho_abcdefghijklmnopqrstuvwxyz0123456789",
    "github_pat_11ABCDEFG0abcdefghij_klmnop",
    "glpat-abcdefghijklmnopqrst",
    "AKIAIOSFODNN7EXAMPLE",
    "ASIAIOSFODNN7EXAMPLE",
    "xoxb-123456789012-abcdefghij",
    "xapp-1-A0123456789-abc",
    "AIzaSyA-abcdefghijklmnopqrstuvwxyz01234",
    "ya29.a0AfH6SMBabcdefghijklmnop",
    "sk_live_abcdefghij0123456789",
    "rk_test_abcdefghij0123456789",
    "whsec_abcdefghijklmnop0123",
    "npm_abcdefghijklmnopqrstuvwxyz0123456789",
    "pypi-AgEIcHlwaS5vcmcCJGabcdefghijklmnop",
    "hf_abcdefghijklmnopqrstuvwxyz",
    "SG.abcdefghijklmnopqrst.abcdefghijklmnopqrstuvwxyz",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0In0.",
]

HARMLESS_TEXTS = [
    "task-management-system-overview",
    "a desk-sk-short",
    "the basic understanding of bearers",
    "Basic authentication is deprecated",
    "bearer of bad news",
    "https://example.com:8080/path?x=1#y",
    "https://example.com/a:b@c",
    "mail to ann@example.com: now",
    "AKIA is a prefix",
    "ghp_ and xoxb- are prefixes",
    "eyJ is how a JWT begins",
    "max_tokens=100&author=Ann&token_count=3",
    "x == y and token == z",
    '{"max_tokens": 100, "author": "Ann"}',
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "",
]


def encodings(value):
    """The ways in which a value may come to the probe."""
    text = json.dumps(value)
    compact = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return [text, text.encode(), compact, compact.encode("utf-8", "surrogatepass")]


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_secret_is_known_by_the_name_of_its_field(name):
    assert REDACTOR.is_secret_name(name)
    assert REDACTOR.redact({name: "x"}) == {name: REDACTED}
    assert all(map(REDACTOR.has_secret, encodings({name: "x"})))


@pytest.mark.parametrize("name", HARMLESS_NAMES)
def test_harmless_names_are_left_alone(name):
    assert not REDACTOR.is_secret_name(name)
    assert REDACTOR.redact({name: "x"}) == {name: "x"}


@pytest.mark.parametrize("name", ["max_tokens", "prompt_tokens", "author", "session_id", "key", "keyboard", "passed"])
def test_common_harmless_names_cost_no_second_look(name):
    assert not any(map(REDACTOR.has_secret, encodings({name: "x"})))


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "around", ["{}", "use {} now", "a\n{}", "\t{}", '"{}"', "({})", "key: {}.", "ä{}ä", "=\\{}", "\x00{}"]
)
def test_a_secret_is_known_by_its_shape_wherever_it_stands(secret, around):
    text = around.format(secret)
    redacted = REDACTOR.redact_text(text)
    assert secret not in redacted
    assert REDACTED in redacted
    assert REDACTOR.redact({"note": [text]}) == {"note": [redacted]}
    for value in (text, {"note": [text]}, {"inner": json.dumps({"note": text})}):
        assert all(map(REDACTOR.has_secret, encodings(value)))


@pytest.mark.parametrize("text", HARMLESS_TEXTS)
def test_harmless_texts_are_left_alone(text):
    assert REDACTOR.redact_text(text) == text


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Bearer abc123def456", "Bearer [REDACTED]"),
        ("Authorization: Basic dXNlcjpwYXNz==", "Authorization: Basic [REDACTED]"),
        ("postgres://bob:hunter2@db/x", "postgres://bob:[REDACTED]@db/x"),
        ("https://:t0ken@git.example/x.git", "https://:[REDACTED]@git.example/x.git"),
        ("redis://u:p@ss@host:6379", "redis://u:[REDACTED]@host:6379"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\nrest", "[REDACTED]\nrest"),
        ("-----BEGIN PRIVATE KEY-----\nMIIB and no end", "[REDACTED]"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nx\n-----END PGP PRIVATE KEY BLOCK-----", "[REDACTED]"),
        ('{"password": "a\\"b", "id": 1}', '{"password": "[REDACTED]", "id": 1}'),
        ("{'api_key': 'x', 'pin': 12}", "{'api_key': '[REDACTED]', 'pin': 12}"),
        ('{"token":12345}', '{"token":"[REDACTED]"}'),
        ("https://x.example/?access_token=abc&page=2", "https://x.example/?access_token=[REDACTED]&page=2"),
        ("PASSWORD=hunter2 DEBUG=1", "PASSWORD=[REDACTED] DEBUG=1"),
        ("--api-key=abc --out=x", "--api-key=[REDACTED] --out=x"),
        ('SECRET="two words" x', "SECRET=[REDACTED] x"),
        ("X-Api-Key: a1b2c3d4\nHost: x", "X-Api-Key: [REDACTED]\nHost: x"),
        ("Authorization: token a1b2c3d4", "Authorization: token [REDACTED]"),
        ("Cookie: sid=1; theme=dark\nHost: x", "Cookie: [REDACTED]\nHost: x"),
        ("failed: password: hunter2x9, sorry", "failed: password: [REDACTED], sorry"),
        ("api_key = 'a b c d 1'", "api_key = [REDACTED]"),
        ("PASSWORD: Final = 'abc!123'", "PASSWORD: Final = [REDACTED]"),
        ("tool --token a1b2c3d4 --verbose", "tool --token [REDACTED] --verbose"),
        ("curl -u ann:a1b2 https://x", "curl -u ann:[REDACTED] https://x"),
        ("<password>a1</password>", "<password>[REDACTED]</password>"),
        ("login ann password abc", "login ann password [REDACTED]"),
        ("x?sig=a1b2c3d4e5f6a7b8c9&v=1", "x?sig=[REDACTED]&v=1"),
        ('{\\"token\\": \\"a1b2\\", \\"n\\": 1}', '{\\"token\\": \\"[REDACTED]\\", \\"n\\": 1}'),
        (";PWD=abc;", ";PWD=[REDACTED];"),
    ],
)
def test_secrets_inside_texts_are_replaced_and_the_rest_is_kept(text, redacted):
    assert REDACTOR.redact_text(text) == redacted
    assert REDACTOR.redact_text(redacted) == redacted
    for value in (text, {"output": text}):
        assert all(map(REDACTOR.has_secret, encodings(value)))


def test_everything_under_a_secret_name_is_replaced():
    tree = {"credentials": {"user": "bob", "pass": "x"}, "tokens": 5, "secret": ["a", "b"], "token": 17}
    assert REDACTOR.redact(tree) == {"credentials": REDACTED, "tokens": 5, "secret": REDACTED, "token": REDACTED}


@pytest.mark.parametrize("value", [None, True, False])
def test_what_says_only_whether_there_is_a_secret_is_kept(value):
    assert REDACTOR.redact({"password": value}) == {"password": value}


def test_the_tree_itself_is_not_changed():
    tree = {"a": [{"password": "x"}, ("sk-abcdefghijklmnopqrst", 1)], "b": 2.5}
    before = repr(tree)
    assert REDACTOR.redact(tree) == {"a": [{"password": REDACTED}, (REDACTED, 1)], "b": 2.5}
    assert repr(tree) == before


def test_secrets_in_keys_are_replaced():
    assert REDACTOR.redact({"sk-abcdefghijklmnopqrst": 1, 7: 2}) == {REDACTED: 1, 7: 2}


def test_what_follows_a_secret_name_in_a_pair_or_a_command_is_replaced():
    assert REDACTOR.redact([["X-Api-Key", "a1b2c3"], ("Accept", "a1b2c3")]) == [
        ["X-Api-Key", REDACTED],
        ("Accept", "a1b2c3"),
    ]
    assert REDACTOR.redact(["tool", "--token", "a1b2c3", "--out", "x1y2"]) == [
        "tool",
        "--token",
        REDACTED,
        "--out",
        "x1y2",
    ]
    assert REDACTOR.redact({"name": "api_key", "value": "a1"}) == {"name": "api_key", "value": REDACTED}


@pytest.mark.parametrize(
    "tree",
    [
        ["password", "required"], ["token", "--verbose"], ["--token", 5], ["--token"], ["a", "token", "a1b2c3"],
        {"name": "max_tokens", "value": "5"}, {"name": "password", "value": 5}, {"value": "a1"},
    ],
)  # fmt: skip
def test_other_pairs_are_left_alone(tree):
    assert REDACTOR.redact(tree) == tree


def test_nesting_too_deep_to_follow_is_replaced():
    deep = "sk-abcdefghijklmnopqrst"
    for _ in range(5000):
        deep = [deep]
    assert "sk-" not in repr(REDACTOR.redact(deep))


@pytest.mark.parametrize(
    "text", ['{"a": 1}', b'{"a": 1}', '{"city": "Z\u00fcrich"}', '{"city": "Z\u00fcrich"}'.encode(), "", b""]
)
def test_clean_text_is_known_to_be_clean(text):
    assert not REDACTOR.has_secret(text)


@pytest.mark.parametrize("text", ['{"a": "\ud800"}', b'{"a": "\xff"}'])
def test_what_cannot_be_probed_is_suspect(text):
    assert REDACTOR.has_secret(text)


# Names and shapes of one's own


@pytest.mark.parametrize("name", ["pin", "PIN", "userPin", "user_pin_2", "pin_code", "Card PIN"])
def test_a_given_name_matches_whole_words(name):
    redactor = Redactor(["pin"])
    assert redactor.redact({name: 1234}) == {name: REDACTED}
    assert all(map(redactor.has_secret, encodings({name: 1234})))


@pytest.mark.parametrize("name", ["spinner", "pine", "opinion"])
def test_a_given_name_does_not_match_within_words(name):
    assert not Redactor(["pin"]).is_secret_name(name)


def test_a_given_name_may_have_several_words():
    redactor = Redactor(("social_security_number",))
    for name in ("socialSecurityNumber", "SOCIAL-SECURITY-NUMBER", "social security number"):
        assert redactor.is_secret_name(name)
        assert all(map(redactor.has_secret, encodings({name: 1})))
    assert not redactor.is_secret_name("social_number")


@pytest.mark.parametrize("name", ["ключ", "straße", "日本", "größe_code"])
def test_a_given_name_may_be_in_any_script(name):
    redactor = Redactor([name])
    assert redactor.redact({name: 1}) == {name: REDACTED}
    assert all(map(redactor.has_secret, encodings({name: 1})))


def test_a_given_name_without_words_matches_nothing():
    redactor = Redactor(["$$$"])
    assert redactor.redact({"$$$": 1, "a": 2}) == {"$$$": 1, "a": 2}


def test_the_usual_names_stay_secret_beside_given_ones():
    assert Redactor(["pin"]).is_secret_name("password")


def test_a_given_shape_is_replaced_in_every_text():
    redactor = Redactor([re.compile(r"CUST-\d{6}")])
    assert redactor.redact({"note": ["about CUST-123456!"]}) == {"note": ["about [REDACTED]!"]}
    assert redactor.redact_text("CUST-123456") == REDACTED
    assert redactor.has_secret(b'{"anything": 1}')


def test_any_number_of_names_can_be_asked_for():
    redactor = Redactor()
    for number in range(5000):
        assert redactor.is_secret_name(f"password{number}")
        assert not redactor.is_secret_name(f"name{number}")


def test_the_words_of_a_name():
    assert words_of("myAPIKey2_of-Ünal.x") == ["my", "api", "key", "2", "of", "ünal", "x"]


# The probe never misses what redaction would replace

PIECES = st.sampled_from(
    [
        *SECRETS,
        *SECRET_NAMES,
        *HARMLESS_NAMES,
        "Bearer abc123def456",
        "://u:p@h",
        '"',
        "'",
        ":",
        "=",
        "\\",
        "\n",
        " ",
        "x",
        ": ",
        " = ",
        " is ",
        "=>",
        "--",
        "<",
        ">",
        "</",
        "Cookie: a=b",
        "?key=",
        "curl -u a:b",
        "login a password b",
        "Authorization: Digest ",
        ";PWD=",
        "db_pwd",
        "0123456789abcdef",
    ]
)
TEXTS = st.lists(PIECES, max_size=6).map("".join)
TREES = st.recursive(
    TEXTS | st.integers() | st.none(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(TEXTS, children, max_size=3),
    max_leaves=8,
)


@settings(max_examples=500, deadline=None)
@given(TREES)
@example({'token"x': "a"})
@example({"token\\": "a"})
@example({"note": '{"token": 1}'})
@example({"note": "{'token' : 1}"})
@example({"note": json.dumps(json.dumps({"password": "x"}))})
@example(["password<", "ключ"])
def test_the_probe_never_misses_what_redaction_would_replace(tree):
    if REDACTOR.redact(tree) != tree:
        assert all(map(REDACTOR.has_secret, encodings(tree)))


# Linear time

ADVERSARIES = [
    *("sk-", "-sk-", "eyJ", "-eyJ", "eyJaaaaaaaaa.eyJ", "eyJaaaaaaaa.", "Bearer ", "basic aaaaaaaa ", "://", "://a:"),
    *("://a:b", "ghp_a", "-----BEGIN PRIVATE KEY-----", "-----BEGIN ", "a=", '"a":', '"token":"', "AKIA", "=", '\\"'),
    *(
        "password=",
        '"',
        "x-",
        "'",
        "a",
        "token ",
        "SG.aaaaaaaaaaaaaaaaaa",
        "_token",
        "secret",
        "'token':'",
        '"token": ',
    ),
    *("token", "tokenX", "_", "-", "\\", " ", "password\\", "api key ", "A", "aB"),
    *(
        "password: ",
        "password is ",
        "a: ",
        "A: str = ",
        "--password ",
        "--a",
        "--",
        "Cookie: a",
        "Cookie:",
        "<password>",
    ),
    *(
        "<a></",
        "<a ",
        "curl -u ",
        "curl ",
        "login a password ",
        "login ",
        "?key=",
        "Authorization: Digest ",
        '\\"a\\":',
    ),
    *(
        '\\"password\\":\\"',
        "password '",
        ";pwd=",
        "-us1",
        ".atlasv1.",
        "0123456789abcdef",
        "bot123456789:AA",
        "dp.aa.",
    ),
]


@pytest.mark.parametrize("piece", ADVERSARIES)
def test_a_quarter_of_a_megabyte_of_any_shape_takes_less_than_half_a_second(piece):
    text = (piece * (250_000 // len(piece) + 1))[:250_000]
    encoded = json.dumps({"text": text, text: 1}).encode()
    # The time of this thread: a busy machine is no slow pattern.
    started = time.thread_time()
    REDACTOR.redact_text(text)
    assert time.thread_time() - started < 0.5
    started = time.thread_time()
    REDACTOR.has_secret(encoded)
    REDACTOR.is_secret_name(text)
    assert time.thread_time() - started < 0.5


# What is looked at closely


def test_a_record_without_a_sign_of_a_secret_is_not_taken_apart():
    assert not Redactor().has_secret('{"city": "Bern", "population": 134000}')
    assert not Redactor(["pin"]).has_secret('{"city": "Bern"}')
    assert Redactor(["pin"]).has_secret('{"pin": 1234}')


def test_every_record_is_taken_apart_where_a_secret_may_look_like_anything():
    assert Redactor([re.compile("x")]).has_secret('{"city": "Bern"}')
    assert Redactor(["größe"]).has_secret('{"city": "Bern"}')


@pytest.mark.parametrize("wrap", [lambda child: [child], lambda child: (child,), lambda child: {"a": child}])
def test_as_many_levels_as_documented_are_followed_and_no_more(wrap, monkeypatch):
    monkeypatch.setattr(redaction, "MAX_DEPTH", 5)  # with all 200, mutated code runs into Python's own limit
    value = 7
    for _ in range(5):
        value = wrap(value)
    assert "7" in repr(REDACTOR.redact(value))
    assert "7" not in repr(REDACTOR.redact(wrap(value)))
