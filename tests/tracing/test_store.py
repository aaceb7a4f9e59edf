import pytest

from agentguard.core.context import enter, leave
from agentguard.errors import ConfigError, StorageError
from agentguard.tracing import open_store, record_session
from agentguard.tracing.span import Span
from agentguard.tracing.tree import tree_of
from tests.tracing.calls import begin, finish, make_call


@pytest.fixture(params=["sqlite", "jsonl"])
def backend(request):
    return request.param


@pytest.fixture
def store(tmp_path, backend):
    with record_session(tmp_path, backend, session_id="one"):
        make_call("search", query="tea")
        make_call("pay", error=ValueError("no"))
    with record_session(tmp_path, backend, session_id="two"):
        outer, outer_span = begin("plan")
        token = enter(outer)
        make_call("search", query="coffee")
        make_call("search", query="milk")
        leave(token, outer)
        outer_span.child("attempt", "attempt 1").end()
        finish(outer)
    return open_store(tmp_path)


def names(spans):
    return [span.name for span in spans]


@pytest.mark.parametrize("path", ["nothing", "nothing/traces.db", "nothing.jsonl"])
def test_a_missing_path_is_an_error_that_names_it_and_creates_nothing(tmp_path, path):
    with pytest.raises(StorageError, match=path):
        open_store(tmp_path / path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_traces_is_an_error_that_names_it(tmp_path):
    with pytest.raises(StorageError, match=r"holds no traces.*agentguard_traces\.db"):
        open_store(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_store_opens_by_folder_or_by_file(tmp_path, backend, store):
    (file,) = tmp_path.iterdir()
    assert len(open_store(file).spans()) == len(open_store(str(tmp_path)).spans()) == 6


def test_a_folder_with_both_kinds_of_store_is_read_as_one(tmp_path):
    for backend in ("sqlite", "jsonl"):
        with record_session(tmp_path, backend, session_id="s"):
            make_call(backend)
    store = open_store(tmp_path)
    assert names(store.spans()) == ["sqlite", "jsonl"]
    assert [(session.session_id, session.calls) for session in store.sessions()] == [("s", 2)]
    assert store.stats().calls == 2
    assert names(store.spans(limit=1)) == ["jsonl"]


def test_sessions_come_by_start_with_their_counts(store):
    one, two = store.sessions()
    assert (one.session_id, one.calls, one.errors, one.refused) == ("one", 2, 1, 0)
    assert (two.session_id, two.calls, two.errors, two.refused) == ("two", 3, 0, 0)
    assert one.started_at <= one.last <= two.last


def test_spans_outside_of_a_session_are_gathered_under_none(tmp_path, backend):
    call, _ = begin()
    with record_session(tmp_path, backend) as recorder:
        recorder.collect(finish(call))
    assert [session.session_id for session in open_store(tmp_path).sessions()] == [None]


def test_filters_narrow_the_answer(store):
    assert names(store.spans(session="one")) == ["search", "pay"]
    assert names(store.spans(tool="search")) == ["search"] * 3
    assert names(store.spans(tool="search", session="two")) == ["search"] * 2
    assert names(store.spans(status="error")) == ["pay"]
    assert names(store.spans(kind="attempt")) == ["attempt 1"]
    assert names(store.spans(session="two", limit=2)) == ["search", "attempt 1"]
    assert store.spans(limit=0) == []
    assert store.spans(session="three") == []


def test_filters_by_time_include_the_start_and_exclude_the_end(store):
    spans = store.spans()
    assert store.spans(since=spans[0].started_at, until=spans[0].started_at) == []
    assert len(store.spans(since=spans[0].started_at)) == 6
    assert len(store.spans(since=spans[2].started_at)) == 4
    assert len(store.spans(until=spans[2].started_at)) == 2


def test_entries_are_the_tool_calls(store):
    assert [entry.tool_name for entry in store.entries(session="two")] == ["plan", "search", "search"]
    assert [entry.call.kwargs for entry in store.entries(tool="search", limit=1)] == [{"query": "milk"}]


def test_wrong_filters_are_refused(store):
    with pytest.raises(ConfigError, match="'great' is none of ok, error"):
        store.spans(status="great")
    with pytest.raises(ConfigError, match="limit: -1"):
        store.entries(limit=-1)
    with pytest.raises(TypeError):
        store.entries(colour="red")


def test_statistics_say_how_calls_went(store):
    stats = store.stats()
    assert (stats.calls, stats.by_status) == (5, {"ok": 4, "error": 1})
    assert {tool: of_tool.calls for tool, of_tool in stats.by_tool.items()} == {"pay": 1, "plan": 1, "search": 3}
    assert store.stats(session="one").calls == 2
    assert store.stats(tool="pay").by_status == {"error": 1}


def shape(nodes):
    return [(node.span.name, shape(node.children)) for node in nodes]


def test_a_trace_is_a_tree(store):
    trace = store.spans(tool="plan")[0].trace_id
    expected = [("plan", [("search", []), ("search", []), ("attempt 1", [])])]
    assert shape(store.tree(trace)) == expected
    assert shape(store.tree("two")) == expected
    assert shape(store.tree("one")) == [("search", []), ("pay", [])]
    assert store.tree("three") == []


def bare(span_id, parent_id, started_at=0.0):
    return Span(span_id, "t", parent_id, None, "tool", span_id, started_at)


def test_a_span_whose_parent_is_elsewhere_is_outermost():
    assert shape(tree_of([bare("a", "gone"), bare("b", "a", 1)])) == [("a", [("b", [])])]


def test_spans_that_claim_to_be_inside_each_other_are_all_in_the_tree():
    spans = [bare("a", "b"), bare("b", "a", 1), bare("c", "c", 2), bare("d", "b", 3)]

    def count(nodes):
        return sum(1 + count(node.children) for node in nodes)

    assert count(tree_of(spans)) == 4


def test_a_tree_20_000_deep_is_built():
    spans = [bare(str(number), str(number - 1), number) for number in range(20_000)]
    (root,) = tree_of(spans)
    assert root.span.span_id == "0"
