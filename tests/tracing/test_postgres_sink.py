import os
import threading

import pytest

from agentguard.errors import ConfigError, StorageError
from agentguard.tracing import open_store, record_session
from agentguard.tracing.follower import Follower
from agentguard.tracing.location import locate, open_ends
from agentguard.tracing.query import Query
from agentguard.tracing.sinks.port import TryLater
from tests.services import postgres_schema, required
from tests.tracing.calls import make_call
from tests.tracing.spans import refused, span

psycopg = required("psycopg")

from agentguard.tracing.sinks import postgres_schema as tables  # noqa: E402


@pytest.fixture(scope="module")
def schema():
    with postgres_schema() as url:
        yield url


@pytest.fixture
def url(schema, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # where journals are
    yield schema
    with psycopg.connect(schema, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS agentguard_spans, agentguard_meta, agentguard_recorded")


@pytest.fixture
def ends(url):
    sink, reader = open_ends(locate(url, "postgres"))
    yield sink, reader
    sink.close()


@pytest.fixture
def ask(url):
    with psycopg.connect(url, autocommit=True) as connection:
        yield lambda statement, *values: connection.execute(statement, values).fetchall()


def test_a_span_is_read_back_as_it_was(ends):
    sink, reader = ends
    one = span(
        'od"d\0 näme', parent_id="p", session_id="\ud800", input={"a": "\0ü"}, output=[1, None], attempts=2,
        error={"type": "E", "message": "m"}, started_at=1.5, duration=0.25, status="error",
    )  # fmt: skip
    one.events = [{"name": "sent", "at": 0.1}]
    sink.write([("r", one)])
    (found,) = reader.spans(Query())
    for name in one.__slots__:
        assert getattr(found, name) == getattr(one, name), name


def test_what_is_stored_twice_is_there_once(ends, ask):
    sink, reader = ends
    batch = [("r", span()) for _ in range(3)]
    sink.write(batch)
    sink.write(batch + batch + [("other", batch[0][1])])
    assert len(reader.spans(Query())) == 3
    assert len(reader.spans(Query(recorder="other"))) == 1
    assert ask("SELECT count(*) FROM agentguard_recorded") == [(4,)]


def test_a_recorder_keeps_calls_there_and_answers_from_there(url):
    with record_session(url, "postgres", session_id="s") as recorder:
        for number in range(50):
            make_call("search", number)
        make_call("pay", error=ValueError("no"))
    assert recorder.path.startswith("postgresql://")
    assert not {"@", "?"} & set(recorder.path)
    assert [entry.result.return_value for entry in recorder.entries()][:50] == list(range(50))
    assert recorder.stats().calls == 51
    store = open_store(url)
    (session,) = store.sessions()
    assert (session.session_id, session.calls, session.errors) == ("s", 51, 1)


def test_every_filter_finds_what_it_finds_in_a_file(ends, tmp_path):
    sink, reader = ends
    file_sink, file_reader = open_ends(locate(tmp_path, "sqlite"))
    spans = [
        span("search", started_at=number, session_id=f"s{number % 3}", trace_id=f"t{number % 4}", input={"n": number})
        for number in range(30)
    ]
    spans += [
        refused("rate_limit", "rate_limited", started_at=31),
        span("pay", status="error", error={"type": "E", "message": "Teapot"}, started_at=32),
        span("plan", kind="agent", started_at=33),
    ]
    records = [("a" if number % 2 else "b", one) for number, one in enumerate(spans)]
    sink.write(records)
    file_sink.write(records)
    file_sink.close()
    filters = [
        {}, {"session": "s1"}, {"trace": "t2"}, {"span": spans[3].span_id}, {"tool": "pay"}, {"kind": "agent"},
        {"status": "error"}, {"status": "rate_limited"}, {"status": "denied"}, {"since": 10.0, "until": 20.0},
        {"text": "teapot"}, {"recorder": "a"}, {"limit": 4}, {"limit": 0}, {"text": '"n":1', "limit": 3},
        {"session": "nobody"},
    ]  # fmt: skip
    for chosen in filters:
        query = Query(**chosen)
        assert ids(reader.spans(query)) == ids(file_reader.spans(query)), chosen
        assert list(reader.outcomes(query)) == list(file_reader.outcomes(query)), chosen
        if query.recorder is None:
            assert reader.sessions(query) == file_reader.sessions(query), chosen
    for beginning in ("", "s", "s1", "t", "zzz", spans[0].span_id[:6]):
        assert reader.ids(beginning, 10) == file_reader.ids(beginning, 10)
        assert reader.calls(beginning, 10) == file_reader.calls(beginning, 10)
        assert reader.tools(beginning, 10) == file_reader.tools(beginning, 10)


def ids(spans):
    return [each.span_id for each in spans]


def test_pages_leave_nothing_out_also_where_starts_are_equal(ends, monkeypatch):
    monkeypatch.setattr("agentguard.tracing.sinks.postgres_reader._PAGE", 7)
    sink, reader = ends
    batch = [("r", span(started_at=number // 10)) for number in range(50)]
    sink.write(batch)
    assert ids(reader.each(Query())) == ids(one for _, one in batch)
    assert ids(reader.each(Query(limit=20))) == ids(one for _, one in batch[30:])


def test_an_empty_database_holds_no_spans(url):
    store = open_store(url)
    assert store.spans() == []
    assert store.sessions() == []
    assert store.ids() == []


def test_what_arrives_is_followed(ends, url):
    sink, _ = ends
    sink.write([("r", span("old"))])
    follower = Follower(url, newest=1)
    assert [each.name for each in follower.poll()] == ["old"]
    sink.write([("r", span(str(number))) for number in range(700)])
    assert [each.name for each in (*follower.poll(), *follower.poll())] == [str(number) for number in range(700)]
    assert follower.poll() == []


@pytest.mark.realtime
def test_many_writers_lose_nothing_and_a_follower_misses_nothing(ends, url):
    sink, reader = ends
    sink.open()
    seen, is_over = [], threading.Event()

    def write(name):
        own, _ = open_ends(locate(url, "postgres"))
        for part in range(10):
            own.write([(name, span(span_id=f"{name} {part} {number}")) for number in range(20)])
        own.close()

    follower = Follower(url)
    assert follower.poll() == []

    def follow():
        while not is_over.is_set():
            seen.extend(follower.poll())
        while found := follower.poll():
            seen.extend(found)

    watcher = threading.Thread(target=follow)
    writers = [threading.Thread(target=write, args=(f"w{number}",)) for number in range(4)]
    watcher.start()
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    is_over.set()
    watcher.join()
    assert len(reader.spans(Query())) == 800
    assert len(seen) == len(set(ids(seen))) == 800


def test_a_span_that_no_text_column_takes_does_not_stop_the_others(ends):
    sink, reader = ends
    bad = span()
    bad.output_json = b'"\x00"'  # no JSON of ours holds one
    sink.write([("r", span()), ("r", bad), ("r", span())])
    assert len(reader.spans(Query())) == 2
    assert sink.rejected == 1


def test_a_lost_connection_is_made_anew(url, ask):
    (schema,) = ask("SELECT current_schema()")[0]
    sink, reader = open_ends(locate(f"{url}&application_name={schema}", "postgres"))
    sink.write([("r", span())])
    assert ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", schema) == [
        (True,)
    ]
    batch = [("r", span())]
    with pytest.raises(TryLater):
        sink.write(batch)
    sink.write(batch)
    sink.close()
    assert len(reader.spans(Query())) == 2


def test_a_server_that_is_down_is_waited_for():
    sink, reader = open_ends(locate("postgresql://somebody:kept-out-of-sight@127.0.0.1:1/none", "postgres"))
    sink.open()
    with pytest.raises(TryLater) as later:
        sink.write([("r", span())])
    with pytest.raises(StorageError, match="Cannot read the trace store") as unread:
        reader.spans(Query())
    for said in (later, unread):
        assert "kept-out-of-sight" not in str(said.value)
        assert "somebody" not in str(said.value)


def test_a_database_in_which_nothing_may_be_made_is_refused(url, ask):
    with pytest.raises(StorageError, match="may create tables"):
        open_ends(locate(url.replace("search_path%3D", "search_path%3Dno_such_"), "postgres"))[0].open()


def test_tables_of_a_newer_agentguard_are_refused_and_left_alone(ends, url, ask):
    sink, _ = ends
    sink.write([("r", span())])
    sink.close()
    ask("UPDATE agentguard_meta SET value = '99' RETURNING 1")
    with pytest.raises(StorageError, match="newer agentguard"), record_session(url, "postgres"):
        pass
    with pytest.raises(StorageError, match="newer agentguard"):
        open_store(url).spans()
    assert ask("SELECT count(*) FROM agentguard_spans") == [(1,)]


def test_old_tables_are_brought_up_to_date_once_and_keep_their_spans(ends, url, ask, monkeypatch):
    sink, _ = ends
    sink.write([("r", span())])
    sink.close()
    steps = []

    def add_note(connection):
        steps.append(1)
        connection.execute("ALTER TABLE agentguard_spans ADD COLUMN note text")

    monkeypatch.setattr(tables, "VERSION", 2)
    monkeypatch.setitem(tables.MIGRATIONS, 1, add_note)
    for _ in range(2):
        sink.write([("r", span())])
        sink.close()
    assert steps == [1]
    assert ask("SELECT value FROM agentguard_meta") == [("2",)]
    assert ask("SELECT count(*), count(note) FROM agentguard_spans") == [(3, 0)]


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ("span_id = 'x'", "by_id"),
        ("trace_id = 'x'", "by_trace"),
        ("session_id = 'x' ORDER BY started_at LIMIT 10", "by_session"),
        ("name = 'x' ORDER BY started_at LIMIT 10", "by_name"),
        ("status = 'x' ORDER BY started_at LIMIT 10", "by_status"),
        ("session_id >= 'x' AND session_id < 'y'", "by_session"),
        ("(started_at, number) > (0, 0) ORDER BY started_at, number LIMIT 10", "by_start"),
        ("number > 5 ORDER BY number LIMIT 10", "pkey"),
    ],
)
def test_every_question_has_its_index(ends, ask, condition, index):
    sink, _ = ends
    sink.open()
    ask("SELECT set_config('enable_seqscan', 'off', false)")
    plan = "".join(line for (line,) in ask(f"EXPLAIN SELECT * FROM agentguard_spans WHERE {condition}"))
    assert f"agentguard_spans_{index}" in plan


def test_an_address_is_needed():
    with pytest.raises(ConfigError, match=r"postgresql://user@host/database"):
        record_session("./traces", "postgres")


def test_an_address_that_lost_a_slash_in_a_path_is_understood(ends, url):
    sink, _ = ends
    sink.write([("r", span())])
    assert len(open_store(url.replace("://", ":/")).spans()) == 1


@pytest.mark.realtime
def test_a_forked_child_writes_over_a_connection_of_its_own(ends):
    sink, reader = ends
    sink.write([("r", span())])
    pid = os.fork()
    if pid == 0:
        try:
            sink.abandon()
            sink.write([("r", span(span_id="child"))])
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    sink.write([("r", span())])
    assert len(reader.spans(Query())) == 3
