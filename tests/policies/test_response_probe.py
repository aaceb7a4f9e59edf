"""The quick look at a text may only pass what the close look finds healthy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard import ResponseProfile
from agentguard.policies.error_bodies import error_body
from agentguard.policies.placeholders import placeholder
from agentguard.policies.response import ResponseCheck

SIGNS = (
    "Internal Server Error", "503 Service Unavailable", "Bad Gateway", "HTTP/1.1 504 Gateway Timeout",
    "ValueError: no",
    "fatal error: no", "Traceback (most recent call last):", '{"error": "it failed"}',
    '{"status": 500}', '{"isError": true}',
    "<html><title>404</title>", "<!doctype html><h1>Access denied</h1>", "lorem ipsum dolor sit amet", "LOREM IPSUM",
    "example result", "sample data here", "mock response", "dummy text", "fake answer", "todo", "TBD", "fixme", "n/a",
    "placeholder", "string", "undefined", "not implemented", "insert your name here", "your api key here",
    "429 Too Many Requests", "Access denied.", "Sorry, something went wrong", "The API is unavailable", "Unauthorized",
    "An unexpected error occurred.", "Failed to fetch data", "could not connect to the server", "ECONNRESET",
    "request timed out", "API rate limit exceeded", "invalid token", "the service is overloaded", "tool failed: no",
    "Oops! max retries exceeded", "status: 404 Not Found", "Request failed with status code 500", "403 forbidden",
    "<?xml version='1.0'?><Error>", "requests.exceptions.ConnectionError: no" ,
    "<your answer>", "[placeholder]", "{{insert text}}",
)  # fmt: skip
AROUND = st.text(" \n\t.:-ab", max_size=4)


@pytest.mark.parametrize("text", SIGNS)
def test_every_sign_of_a_wrong_answer_is_looked_at_closely(text):
    assert (error_body(text) or placeholder(text)) is not None
    assert ResponseCheck(ResponseProfile()).signals(text, None) != []


@given(st.tuples(AROUND, st.sampled_from(SIGNS), AROUND).map("".join))
def test_the_quick_look_passes_nothing_that_the_close_look_finds(text):
    is_wrong = error_body(text) is not None or placeholder(text) is not None
    assert bool(ResponseCheck(ResponseProfile()).signals(text, None)) == is_wrong
