import functools
import json

import pytest
from rich.cells import cell_len

from agentguard import InvalidInputError, guard, record_session
from tests.cli.terminal import MODULE, run, run_on_terminal

HOSTILE = "evil\x1b[2J\x1b]0;pwned\x07\u202e\u200b\r\nline"
FORBIDDEN = set("\x07\x1b\u202e\u200b\r")


# What is the same for several tests runs once.
traces = functools.cache(lambda folder, *arguments: run("traces", *arguments, cwd=folder))


@guard(validate_input=True)
def double(number: int) -> int:
    return 2 * number


@guard
def outer(text: str) -> int:
    return double(1) + double(2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a store of three sessions in its `traces`."""
    folder = tmp_path_factory.mktemp("recorded")
    with record_session(folder / "traces", session_id="monday-1"):
        outer("hello")
        with pytest.raises(InvalidInputError):
            double("x")
    with record_session(folder / "traces", session_id="monday-2"):
        for number in range(6):
            double(str(number))
    with record_session(folder / "traces", session_id=HOSTILE):
        guard(lambda text: text, name=HOSTILE)(HOSTILE)
    return folder


def test_list_shows_each_session_with_its_calls_errors_and_refusals(folder):
    done = traces(folder, "list")
    assert done.code == 0
    rows = {line.split()[0]: line.split() for line in done.output.splitlines()}
    assert rows["monday-1"][3:6] == ["4", "0", "1"]
    assert rows["monday-2"][3:6] == ["6", "0", "0"]


def test_list_as_json_can_be_read_by_programs(folder):
    done = traces(folder, "list", "--json")
    sessions = json.loads(done.output)
    assert done.output.isascii()
    assert [session["session_id"] for session in sessions] == ["monday-1", "monday-2", HOSTILE]
    assert [session["calls"] for session in sessions] == [4, 6, 1]


def test_list_takes_the_path_of_a_folder_or_of_a_file(folder, tmp_path):
    for path in (folder / "traces", folder / "traces" / "agentguard_traces.db"):
        assert "monday-1" in run("traces", "list", "--path", str(path), cwd=tmp_path).output


def test_list_of_a_store_without_sessions_says_so(tmp_path):
    with record_session(tmp_path / "traces"):
        pass
    done = run("traces", "list", cwd=tmp_path)
    assert (done.code, done.output) == (0, "No session has been recorded in traces yet.\n")


def test_show_draws_the_calls_inside_their_callers(folder):
    done = traces(folder, "show", "monday-1")
    lines = done.output.splitlines()
    assert done.code == 0
    assert "session monday-1" in lines[0]
    assert lines[2].split()[:3] == ['outer(text="hello")', "ok", "1"]
    assert [line.split()[1] for line in lines[3:5]] == ["double(number=1)", "double(number=2)"]
    assert lines[5].split()[:3] == ['double(number="x")', "validation_failed", "0"]
    assert "expected an integer" in lines[5]


def test_show_draws_equal_calls_in_a_row_as_one(folder):
    assert "6 x double(...)" in traces(folder, "show", "monday-2").output
    assert traces(folder, "show", "monday-2", "--all").output.count("double(number=") == 6


def test_show_as_json_gives_every_span(folder):
    spans = json.loads(traces(folder, "show", "monday-1", "--json").output)
    parents = {span["span_id"]: span["parent_id"] for span in spans}
    assert [span["name"] for span in spans] == ["outer", "double", "double", "double"]
    assert [parents[span["span_id"]] for span in spans[1:3]] == [spans[0]["span_id"]] * 2
    assert spans[0]["input"] == {"text": "hello"}
    assert spans[0]["output"] == 6


def test_show_takes_a_trace_and_the_beginning_of_an_id(folder):
    spans = json.loads(traces(folder, "show", "monday-1", "--json").output)
    trace = spans[0]["trace_id"]
    assert f"session monday-1 trace {trace}  " in run("traces", "show", trace, cwd=folder).output
    assert "session evil" in traces(folder, "show", "evil").output


def test_an_unknown_id_is_refused_with_those_that_come_near(folder):
    done = traces(folder, "show", "mondey-1")
    assert (done.code, done.output) == (2, "")
    assert "there is no session, trace or call 'mondey-1'; did you mean 'monday-1'" in done.errors


def test_an_ambiguous_beginning_is_refused_with_its_candidates(folder):
    done = traces(folder, "show", "monday")
    assert done.code == 2
    assert "'monday' could be any of 'monday-1', 'monday-2'" in done.errors


@pytest.mark.parametrize("command", [("list", "--json"), ("show", "x")])
def test_a_missing_store_is_an_error_that_names_the_path(command, tmp_path):
    done = run("traces", *command, "--path", "no/such/folder", cwd=tmp_path)
    assert (done.code, done.output) == (2, "")
    assert "'no/such/folder'" in done.errors
    assert len(done.errors.splitlines()) == 1


def test_a_damaged_store_is_an_error_and_no_traceback(tmp_path):
    (tmp_path / "agentguard_traces.db").write_bytes(b"this is no database" * 100)
    done = run("traces", "list", "--path", ".", cwd=tmp_path)
    assert done.code == 2
    assert "agentguard_traces.db" in done.errors
    assert "Traceback" not in done.errors


@pytest.mark.parametrize("command", [("list",), ("show", "evil"), ("show", "evilx")])
def test_hostile_names_reach_no_terminal_as_they_are(command, folder):
    piped = traces(folder, *command)
    assert not set(piped.output + piped.errors) & FORBIDDEN
    # Colours are ours; the escape sequences of the names are not among them.
    shown = run_on_terminal("traces", *command, cwd=folder, columns=200)
    assert "\x1b[2J" not in shown.output
    assert not set("".join(shown.lines)) & FORBIDDEN
    assert r"\x1b[2J" in piped.output + piped.errors


def test_a_terminal_gets_colours_and_no_broken_lines(folder):
    for columns in (40, 200):
        shown = run_on_terminal("traces", "show", "monday-1", cwd=folder, columns=columns)
        assert shown.code == 0
        assert "\x1b[" in shown.output
        assert max(map(cell_len, shown.lines)) <= columns


def test_no_color_is_respected(folder):
    shown = run_on_terminal("traces", "show", "monday-1", cwd=folder, columns=80, NO_COLOR="1")
    assert "\x1b[3" not in shown.output
    assert "outer" in shown.output


def test_a_terminal_that_knows_ascii_only_gets_ascii(folder):
    done = run("traces", "show", "monday-1", cwd=folder, PYTHONIOENCODING="ascii")
    assert done.code == 0
    assert done.output.isascii()
    assert "+- double(number=1)" in done.output


def test_a_reader_that_goes_away_is_no_error_to_talk_about(folder):
    pipe = ["sh", "-c", '"$@" | head -n 1', "sh", *MODULE]
    done = run("traces", "show", "monday-1", "--json", cwd=folder, command=pipe)
    assert (done.output, done.errors) == ("[\n", "")
