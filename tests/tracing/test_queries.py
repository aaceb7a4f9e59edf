"""What a store can be asked; each question of both kinds of store."""

import sqlite3

import pytest

from agentguard import InvalidInputError, guard, record_session
from agentguard.errors import ConfigError
from agentguard.tracing import open_store
from tests.tracing.spans import append, refused, span, stored


@pytest.fixture(params=["sqlite", "jsonl"])
def backend(request):
    return request.param


def names(spans):
    return [each.name for each in spans]


def test_text_is_found_in_names_arguments_results_and_errors(tmp_path, backend):
    store = stored(
        tmp_path,
        backend,
        span("Needle"),
        span("a", input={"query": "a needle in hay"}),
        span("b", output=["NEEDLE"]),
        span("c", status="error", error={"type": "ValueError", "message": "no needle"}),
        span("d", input={"query": "hay"}),
    )
    assert names(store.spans(text="needle")) == ["Needle", "a", "b", "c"]
    assert names(store.spans(text="nothing")) == []


@pytest.mark.parametrize(
    "text", ['say "hi"', "two\nlines", "back\\slash", "Grüße", "ÄRGER", "日本", "\x1b[2J", "100%_"]
)
def test_text_is_found_whatever_is_in_it(tmp_path, backend, text):
    store = stored(tmp_path, backend, span("a", input={"text": f"<{text}>"}), span("b", input={"text": "other"}))
    assert names(store.spans(text=text)) == ["a"]
    assert names(store.spans(text=text.swapcase())) == ["a"]


def test_calls_are_found_by_their_detailed_status_or_the_code_of_their_refusal(tmp_path, backend):
    store = stored(
        tmp_path,
        backend,
        span("a"),
        refused("circuit_open", "circuit_open", "b"),
        refused("concurrency_limit", "rate_limited", "c"),
        span("d", status="error", call_status="hallucinated"),
        span("e", status="error", call_status="failure"),
    )
    assert names(store.spans(status="denied")) == ["b", "c"]
    assert names(store.spans(status="circuit_open")) == ["b"]
    assert names(store.spans(status="rate_limited")) == names(store.spans(status="concurrency_limit")) == ["c"]
    assert names(store.spans(status="hallucinated")) == ["d"]
    assert names(store.spans(status="failure")) == ["e"]
    assert names(store.spans(status="success")) == ["a"]


def test_a_wrong_status_is_refused_with_the_right_ones(tmp_path, backend):
    with pytest.raises(ConfigError, match=r"'great' is none of ok, error.*circuit_open.*concurrency_limit"):
        stored(tmp_path, backend, span()).spans(status="great")


def test_filters_go_together(tmp_path, backend):
    store = stored(
        tmp_path,
        backend,
        span("a", started_at=1, session_id="s", input={"q": "tea"}),
        span("a", started_at=2, session_id="s", input={"q": "tea"}, span_id="wanted"),
        span("a", started_at=3, session_id="s", input={"q": "milk"}),
        span("b", started_at=2, session_id="s", input={"q": "tea"}),
        span("a", started_at=2, session_id="t", input={"q": "tea"}),
    )
    found = store.spans(tool="a", session="s", since=2, text="tea")
    assert [each.span_id for each in found] == ["wanted"]
    assert store.spans(span="wanted")[0].started_at == 2


def test_sessions_count_refusals_apart_from_errors(tmp_path, backend):
    @guard(validate_input=True)
    def double(number: int) -> int:
        return 2 * (10 // number)

    with record_session(tmp_path, backend, session_id="s"):
        double(1)
        with pytest.raises(InvalidInputError):
            double("x")
        with pytest.raises(ZeroDivisionError):
            double(0)
    (session,) = open_store(tmp_path).sessions()
    assert (session.calls, session.errors, session.refused) == (3, 1, 1)
    assert [entry.result.ran for entry in open_store(tmp_path).entries()] == [True, False, True]


def test_sessions_can_be_narrowed_to_those_with_certain_calls(tmp_path, backend):
    store = stored(
        tmp_path,
        backend,
        span("a", session_id="one", started_at=1),
        span("b", session_id="one", started_at=2),
        span("a", session_id="two", started_at=3),
        span("c", session_id="three", started_at=4),
    )
    assert [(each.session_id, each.calls) for each in store.sessions(tool="a")] == [("one", 1), ("two", 1)]
    assert [each.session_id for each in store.sessions(limit=2)] == ["two", "three"]
    assert [each.session_id for each in store.sessions(text="c")] == ["three"]
    with pytest.raises(ConfigError, match="limit: -1"):
        store.sessions(limit=-1)


def test_ids_and_tools_are_found_by_their_beginning(tmp_path, backend):
    store = stored(
        tmp_path,
        backend,
        span("search", session_id="monday-1", trace_id="3f2a00", span_id="3f2a00"),
        span("search", session_id="monday-1", trace_id="3f2a00", span_id="77"),
        span("attempt 1", session_id="monday-1", trace_id="3f2a00", span_id="77.1", kind="attempt"),
        span("seek", session_id="monday-2", trace_id="4b", span_id="4b"),
        span("find", trace_id="5c", span_id="5c"),
        span("odd", session_id="mon\0day", trace_id="6d", span_id="6d"),
    )
    assert store.ids("mon") == ["mon\0day", "monday-1", "monday-2"]
    assert store.ids("3f2a") == ["3f2a00"]
    assert store.ids("7") == ["77"]  # no session or trace: a call inside of one
    assert store.ids("8") == []
    assert store.ids(limit=2) == ["3f2a00", "4b"]
    assert store.tools() == ["find", "odd", "search", "seek"]
    assert store.tools("se") == ["search", "seek"]
    assert store.tools("attempt") == []


def test_a_large_store_is_handed_out_span_by_span_and_in_order(tmp_path, backend):
    # More than two pages; many at the same moment, and written in another order than they started in.
    spans = [span(f"tool {number % 7}", started_at=(number * 7919 % 5_000) // 3) for number in range(5_000)]
    store = stored(tmp_path, backend, *spans)
    found = list(store.each_span())
    assert sorted(each.span_id for each in found) == sorted(each.span_id for each in spans)
    assert [each.started_at for each in found] == sorted(each.started_at for each in spans)
    assert len(list(store.each_span(tool="tool 3"))) == len(store.spans(tool="tool 3")) == 714
    assert [each.span_id for each in store.each_span(limit=9)] == [each.span_id for each in store.spans(limit=9)]
    since = {"since": 100, "until": 1_500}
    assert [each.span_id for each in store.each_span(**since)] == [each.span_id for each in store.spans(**since)]


def test_a_span_that_two_stores_of_a_folder_have_counts_once(tmp_path):
    twice = span("a", started_at=1)
    append(tmp_path, "jsonl", span("b", started_at=2), twice)
    store = stored(tmp_path, "sqlite", span("c", started_at=3), twice)
    assert names(store.each_span()) == names(store.spans()) == ["a", "b", "c"]
    assert names(store.each_span(limit=2)) == ["b", "c"]
    assert store.stats().calls == 3


def test_questions_to_a_large_sqlite_store_use_its_indexes(tmp_path):
    from agentguard.tracing.query import Query
    from agentguard.tracing.sinks.sqlite_questions import arrived, distinct, newest, page

    store = stored(tmp_path, "sqlite", span())
    assert len(store.spans()) == 1
    connection = sqlite3.connect(tmp_path / "agentguard_traces.db")
    questions = {
        "spans_by_start": page("kind", Query(), (0.0, 0), 10),
        "spans_by_name": page("kind", Query(tool="a"), (0.0, 0), 10),
        "spans_by_session": newest("kind", Query(session="s", limit=5)),
        "spans_by_trace": newest("kind", Query(trace="t")),
        "spans_by_status": newest("kind", Query(status="denied", limit=5)),
        "COVERING INDEX spans_by_session": distinct("session_id", "s", 10),
        "PRIMARY KEY": arrived("kind", Query(tool="a", since=1.0), 5, 9, 10),
    }
    for index, question in questions.items():
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {question.statement}", question.values)]
        assert any(index in step for step in plan), (index, plan)
        assert not any(step == "SCAN spans" for step in plan), plan
    connection.close()


def test_damaged_payloads_are_no_obstacle_to_a_search(tmp_path):
    store = stored(tmp_path, "sqlite", span("a", input={"q": "tea"}), span("b", status="error", call_status="failure"))
    with sqlite3.connect(tmp_path / "agentguard_traces.db") as connection:
        connection.execute("UPDATE spans SET attributes = '{' WHERE name = 'b'")
        connection.execute("UPDATE spans SET output = CAST(x'ff' AS TEXT) WHERE name = 'a'")
    connection.close()
    assert store.spans(status="failure") == []
    assert store.stats(text="tea").calls == 1
    assert store.stats().errors == {"unknown": 1}
