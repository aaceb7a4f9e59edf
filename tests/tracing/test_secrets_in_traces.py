"""No byte of any file shows a secret, wherever in a call it was."""

import base64
import logging
import traceback

import pytest

from agentguard.core.context import call_metadata
from agentguard.errors import InvalidInputError
from agentguard.tracing import (
    add_event,
    instrument,
    open_store,
    record_exception,
    record_session,
    set_attribute,
)
from tests.services import required
from tests.tracing.calls import begin, finish, make_call
from tests.tracing.collecting import collecting

KEY = "sk-proj-Ab3dEf6hIj9lMn2pQr5tUv8xYz1b"
PASSWORD = "correct-horse-battery"


class Client:
    def __repr__(self):
        return f"<Client key={KEY}>"


def in_argument():
    make_call(text=f"use {KEY} please")


def in_argument_by_name():
    make_call(password=PASSWORD, nested={"api_key": KEY, "deep": [{"password": PASSWORD}]})


def in_result():
    make_call(value={"answer": f"the key is {KEY}", "password": PASSWORD})


def in_long_result():
    make_call(value="x " * 15_000 + KEY + " x" * 100_000)


def in_bytes():
    make_call(value=KEY.encode())


def in_repr():
    make_call(client=Client(), value=[Client()])


def in_dict_key():
    make_call(value={KEY: 1})


def in_escaped_text():
    make_call(text=f'line\n{KEY}\n{{"password": "{PASSWORD}"}}')


def in_error_text():
    make_call(error=ValueError(f"bad key {KEY}"))


def in_member_of_error_group():
    make_call(
        error=ExceptionGroup("two", [ValueError(KEY), ExceptionGroup("inner", [TypeError(f"password={PASSWORD}")])])
    )


def in_refusal():
    call, _ = begin()
    finish(call, error=InvalidInputError(f"got {KEY}", tool_name="search", call_id=call.call_id))


def in_metadata():
    with call_metadata(api_key=KEY, password=PASSWORD):
        make_call()


def in_note():
    call, span = begin()
    span.note("password", PASSWORD)
    span.note("seen", f"token {KEY}")
    finish(call)


def in_event():
    call, span = begin()
    span.add_event("sent", password=PASSWORD, header=f"Bearer {KEY}")
    finish(call)


def in_attempt():
    call, span = begin()
    span.child("attempt", "attempt 1").fail(ValueError(KEY))
    finish(call)


def in_name_of_span():
    with instrument(f"user {KEY}", user_id=KEY, metadata={"password": PASSWORD}, tags=[KEY]):
        set_attribute("password", PASSWORD)
        add_event(f"sent {KEY}", header=f"X-Api-Key: {KEY}")
        record_exception(ValueError(f"password={PASSWORD}"))


def in_traceback():
    try:
        raise RuntimeError(f"cannot log in with password {PASSWORD!r}: {{'password': '{PASSWORD}'}}")
    except RuntimeError:
        text = traceback.format_exc().replace(f"password {PASSWORD!r}", "a password")
    make_call(value=f"{text}\n  client = Client(password='{PASSWORD}')\nsee https://ann:{PASSWORD}@host/?token={KEY}")


def in_headers():
    make_call(
        value={"headers": [["Authorization", f"token {KEY}"], ["X-Api-Key", KEY]]}, text=f"Cookie: sid={PASSWORD}"
    )


PLACES = [
    in_argument, in_argument_by_name, in_result, in_long_result, in_bytes, in_repr, in_dict_key, in_escaped_text,
    in_error_text, in_member_of_error_group, in_refusal, in_metadata, in_note, in_event, in_attempt,
    in_name_of_span, in_traceback, in_headers,
]  # fmt: skip


@pytest.mark.parametrize("backend", ["sqlite", "jsonl"])
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_no_byte_of_a_store_shows_a_secret(tmp_path, backend, place, caplog):
    with caplog.at_level(logging.DEBUG), record_session(tmp_path, backend) as recorder:
        place()
        assert recorder.flush(10)
        everything = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    everything += b"".join(file.read_bytes() for file in tmp_path.iterdir()) + caplog.text.encode()
    assert len(everything) > 300
    for secret in (KEY, PASSWORD):
        assert secret.encode() not in everything
        assert secret[8:20].encode() not in everything
        assert base64.b64encode(secret.encode()) not in everything
    assert open_store(tmp_path).spans()


def test_what_is_no_secret_stays_readable(tmp_path):
    with record_session(tmp_path) as recorder:
        make_call(max_tokens=256, author="Jane", value={"token_count": 5})
    entry = recorder.entries()[0]
    assert entry.call.kwargs == {"max_tokens": 256, "author": "Jane"}
    assert entry.result.return_value == {"token_count": 5}


@pytest.mark.parametrize("backend", ["http", "otlp"])
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_no_byte_that_is_sent_shows_a_secret(tmp_path, monkeypatch, backend, place):
    required("httpx")
    required("opentelemetry.exporter.otlp.proto.common")
    monkeypatch.chdir(tmp_path)  # where journals are
    with collecting(is_counted=False) as server:
        with record_session(server.url, backend) as recorder:
            place()
            assert recorder.flush(10)
        sent = b"".join(request.body for request in server.requests)
    assert len(sent) > 300
    for secret in (KEY, PASSWORD):
        assert secret.encode() not in sent
        assert secret[8:20].encode() not in sent
