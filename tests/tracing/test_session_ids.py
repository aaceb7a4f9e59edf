"""A session id is any string: never a path, and never another session."""

import os
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard.tracing import open_store, record_session
from agentguard.tracing.sinks.stored_text import readable, storable
from tests.tracing.calls import make_call

IDS = [
    "", " ", "a", "A", "a ", "\0", "a\0", "a\0b", "a\0c", "\ud800", "\udfff", "\ud800a", "../../x", "/etc/passwd",
    "..", ".", "a/b", "a\\b", "CON", "x" * 300, "x" * 299 + "y", "é", "e\u0301", '"', '"a"', '"\\u0000"',
    "'; DROP TABLE spans; --", "%", "_", "*", "None", "null", "0", "\n", "\r\n", "\u2028", "\u202e", "😀",
    "x" * 200_000, "x" * 200_000 + "y",
]  # fmt: skip


@pytest.mark.parametrize("backend", ["sqlite", "jsonl", "memory"])
def test_every_string_is_a_session_of_its_own(tmp_path, backend):
    recorders = []
    for session_id in IDS:
        with record_session(tmp_path / "traces", backend, session_id=session_id) as recorder:
            make_call("search", value=len(recorders))
        recorders.append(recorder)
    assert [recorder.entries()[0].result.return_value for recorder in recorders] == list(range(len(IDS)))
    assert os.listdir(tmp_path) in ([], ["traces"])
    if backend != "memory":
        store = open_store(tmp_path / "traces")
        for number, session_id in enumerate(IDS):
            found = store.entries(session=session_id)
            assert [entry.result.return_value for entry in found] == [number]
        assert len(store.sessions()) == len(IDS)


@pytest.mark.parametrize("backend", ["sqlite", "jsonl", "memory"])
def test_session_ids_come_back_as_they_were(tmp_path, backend):
    for session_id in IDS:
        if len(session_id) > 1_000:
            continue
        with record_session(tmp_path, backend, session_id=session_id) as recorder:
            make_call()
        assert recorder.entries()[0].call.session_id == session_id


@given(st.text(st.characters(exclude_categories=())))
def test_storing_a_text_loses_nothing(text):
    stored = storable(text)
    assert readable(stored) == text
    assert "\0" not in stored
    stored.encode()


@given(st.text(st.characters(exclude_categories=())), st.text(st.characters(exclude_categories=())))
def test_distinct_texts_are_stored_distinctly(one, other):
    assert (storable(one) == storable(other)) == (one == other)


def test_names_of_tools_and_ids_of_calls_may_be_any_string_too(tmp_path):
    for name in IDS:
        with record_session(tmp_path, session_id="s"):
            make_call(name)
    store = open_store(tmp_path)
    for name in IDS:
        assert len(store.spans(tool=name)) == 1


class Hostile(str):
    __slots__ = ()

    def __len__(self):
        raise ValueError("no len")

    def __str__(self):
        raise ValueError("no str")


@pytest.mark.parametrize("backend", ["sqlite", "jsonl"])
def test_a_name_that_is_hardly_a_text_stops_no_other_call(tmp_path, backend):
    with record_session(tmp_path, backend) as recorder:
        for name in (Hostile("a"), 5, object(), "b"):
            make_call(name)
        assert recorder.flush(10)
    assert [span.name for span in recorder.spans()] == ["a", "<int>", "<object>", "b"]
    assert len(open_store(tmp_path).spans(tool="b")) == 1


def test_a_filter_is_never_sql(tmp_path):
    with record_session(tmp_path, session_id="s"):
        make_call()
    store = open_store(tmp_path)
    for text in ("' OR '1'='1", '" OR ""="', "s'; DROP TABLE spans; --", "%", "s*"):
        assert store.spans(session=text) == store.spans(tool=text) == store.spans(trace=text) == []
    with sqlite3.connect(tmp_path / "agentguard_traces.db") as connection:
        assert connection.execute("SELECT COUNT(*) FROM spans").fetchone() == (1,)
    connection.close()
