"""No byte of any file shows a secret, wherever in a call it was."""

import base64
import logging

import pytest

from agentguard.core.context import call_metadata
from agentguard.errors import InvalidInputError
from agentguard.tracing import open_store, record_session
from tests.tracing.calls import begin, finish, make_call

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


PLACES = [
    in_argument, in_argument_by_name, in_result, in_long_result, in_bytes, in_repr, in_dict_key, in_escaped_text,
    in_error_text, in_member_of_error_group, in_refusal, in_metadata, in_note, in_event, in_attempt,
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
