"""`agentguard traces`: statistics, exports, filters, the waterfall."""

import csv
import io
import json
import stat

import pytest
from rich.cells import cell_len

from tests.cli.in_process import run
from tests.tracing.spans import refused, span, stored


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A store with two sessions and a lonely trace in its `traces`."""
    folder = tmp_path_factory.mktemp("recorded")
    inside = {"trace_id": "aa01", "parent_id": "aa01", "session_id": "one"}
    stored(
        folder / "traces",
        "sqlite",
        span("plan", span_id="aa01", session_id="one", started_at=1_000, duration=10),
        span("search", span_id="aa02", **inside, started_at=1_001, duration=4, input={"query": "green tea"}),
        span("search", span_id="aa03", **inside, started_at=1_002, duration=6, input={"query": "milk"},
             status="timeout", call_status="timeout"),
        refused("circuit_open", "circuit_open", "pay", span_id="bb01", session_id="two", started_at=2_000),
        span("pay", span_id="bb02", session_id="two", started_at=2_001, status="error",
             error={"type": "ValueError", "message": "no money"}),
        span("lonely", span_id="cc01", started_at=3_000),
    )  # fmt: skip
    return folder


def test_stats_has_a_row_for_each_tool_and_one_for_all(folder):
    done = run("traces", "stats", cwd=folder)
    rows = {line.split()[0]: line.split() for line in done.output.splitlines() if line}
    assert done.code == 0
    assert done.output.startswith("6 calls of 4 tools")
    assert rows["search"][1:8] == ["2", "1", "0", "0", "1", "0", "2"]
    assert rows["all"][1:8] == ["6", "3", "1", "1", "1", "0", "2"]
    assert "circuit_open 1" in done.output
    assert "ValueError 1" in done.output


def test_stats_as_json_can_be_read_by_programs(folder):
    done = run("traces", "stats", "--json", cwd=folder)
    stats = json.loads(done.output)
    assert (stats["calls"], stats["refused"], stats["errors"]) == (6, {"circuit_open": 1}, {"ValueError": 1})
    assert stats["by_tool"]["search"]["p99"] == 6
    assert (stats["first"], stats["last"], stats["peak"], stats["peak_at"]) == (1_000, 3_001, 2, 1_002)


def test_stats_of_no_calls_say_so(folder):
    done = run("traces", "stats", "--tool", "other", cwd=folder)
    assert (done.code, done.output) == (0, "There are no such calls.\n")


FILTERS = [
    (("--tool", "pay"), ["two"]),
    (("--status", "circuit_open"), ["two"]),
    (("--text", "GREEN"), ["one"]),
    (("--since", "1970-01-01T00:30+00:00"), ["two", None]),
    (("--until", "1970-01-01T00:30+00:00"), ["one"]),
    (("--since", "10m"), []),
    (("--limit", "2"), ["two", None]),
    (("--session", "one", "--tool", "search"), ["one"]),
]


@pytest.mark.parametrize(("filters", "sessions"), FILTERS)
def test_list_can_be_narrowed(folder, filters, sessions):
    done = run("traces", "list", "--json", *filters, cwd=folder)
    assert [session["session_id"] for session in json.loads(done.output)] == sessions


def test_list_that_finds_nothing_says_so(folder):
    done = run("traces", "list", "--tool", "other", cwd=folder)
    assert (done.code, done.output) == (0, "No session in traces has such calls.\n")


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("one", ["plan", "search", "search"]),
        ("aa01", ["plan", "search", "search"]),
        ("aa02", ["search"]),
        ("bb0", None),
        ("cc", ["lonely"]),
        ("tw", ["pay", "pay"]),
        (None, ["lonely"]),
    ],
)
def test_show_takes_a_session_a_trace_a_call_or_a_beginning_and_by_default_the_newest(folder, wanted, names):
    done = run("traces", "show", *([wanted] if wanted else []), "--json", cwd=folder)
    if names is None:
        assert done.code == 2
        assert "'bb0' could be any of 'bb01', 'bb02'" in done.errors
    else:
        assert [each["name"] for each in json.loads(done.output)] == names


def test_a_filtered_tree_shows_where_the_calls_were_made(folder):
    lines = run("traces", "show", "one", "--status", "timeout", cwd=folder).output.splitlines()
    assert [line.split("(")[0].strip() for line in lines[2:]] == ["plan", "└─ search"]
    assert run("traces", "show", "one", "--tool", "pay", cwd=folder).output == "It has no such calls.\n"


def test_the_waterfall_shows_which_calls_ran_at_once(folder):
    done = run("traces", "show", "one", "--waterfall", cwd=folder, COLUMNS="90")
    lines = done.output.splitlines()
    axis = lines[1].index("0 ")
    bars = [line[axis:] for line in lines[2:5]]
    width = len(bars[0])
    assert "at most 2 at once" in lines[0]
    assert set(bars[0]) == {"█"}
    assert [round(10 * (len(bar) - len(bar.lstrip())) / width) for bar in bars] == [0, 1, 2]
    assert [round(10 * bar.count("█") / width) for bar in bars] == [10, 4, 6]
    assert lines[5].startswith("calls at once")
    assert max(map(cell_len, lines)) <= 90


def test_the_waterfall_of_a_terminal_that_knows_ascii_only_is_ascii(folder):
    done = run("traces", "show", "one", "--waterfall", cwd=folder, charset="ascii", COLUMNS="90")
    assert done.output.isascii()
    assert "====" in done.output
    assert "112222" in done.output.splitlines()[-1]


@pytest.mark.parametrize("form", ["json", "jsonl", "csv", "html"])
def test_export_writes_each_format_to_standard_output(folder, form):
    done = run("traces", "export", "--format", form, cwd=folder)
    read = {
        "json": lambda text: [each["name"] for each in json.loads(text)],
        "jsonl": lambda text: [json.loads(line)["name"] for line in text.splitlines()],
        "csv": lambda text: [row["tool"] for row in csv.DictReader(io.StringIO(text))],
        "html": lambda text: ["plan", "search", "search", "pay", "pay", "lonely"] if text.endswith("</html>\n") else [],
    }
    assert (done.code, done.errors) == (0, "")
    assert read[form](done.output) == ["plan", "search", "search", "pay", "pay", "lonely"]


def test_export_takes_an_id_and_filters(folder):
    done = run("traces", "export", "aa", "--tool", "search", "--limit", "1", cwd=folder)
    assert [each["span_id"] for each in json.loads(done.output)] == ["aa03"]


def test_an_exported_file_is_private_and_not_replaced_by_accident(folder, tmp_path):
    file = tmp_path / "out.html"
    command = ("traces", "export", "--path", folder / "traces", "--format", "html", "--output", file)
    done = run(*command, cwd=tmp_path)
    assert (done.code, done.output) == (0, "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text("mine")
    refused = run(*command, cwd=tmp_path)
    assert (refused.code, file.read_text()) == (2, "mine")
    assert "--force" in refused.errors
    assert run(*command, "--force", cwd=tmp_path).code == 0
    assert file.read_text().startswith("<!DOCTYPE html>")
    assert [each.name for each in tmp_path.iterdir()] == ["out.html"], "no draft is left behind"


def test_an_export_that_fails_leaves_what_was_there(folder, tmp_path):
    file = tmp_path / "out.json"
    file.write_text("mine")
    done = run("traces", "export", "zz", "--path", folder / "traces", "-o", file, "--force", cwd=tmp_path)
    assert (done.code, file.read_text()) == (2, "mine")
    assert run("traces", "export", "-o", "no/such/folder/x", cwd=folder).code == 2
    assert [each.name for each in tmp_path.iterdir()] == ["out.json"]


def test_a_page_of_a_large_store_has_the_newest_and_says_so(tmp_path):
    stored(tmp_path / "traces", "sqlite", *(span(f"tool {n}", started_at=n, trace_id="t") for n in range(5_002)))
    done = run("traces", "export", "--format", "html", cwd=tmp_path)
    assert "These are the newest 5,000; there are more." in done.output
    assert ">tool 2()<" in done.output
    assert ">tool 1()<" not in done.output


@pytest.mark.parametrize("command", ["list", "show", "stats", "export"])
def test_a_missing_store_is_an_error_that_tells_of_the_option(tmp_path, command):
    done = run("traces", command, cwd=tmp_path)
    assert (done.code, done.output) == (2, "")
    assert "'traces'" in done.errors
    assert "--path" in done.errors


@pytest.mark.parametrize("command", ["list", "show", "stats", "tail", "export"])
def test_a_wrong_status_is_refused_with_the_right_ones(folder, command):
    done = run("traces", command, "--status", "great", cwd=folder)
    assert (done.code, done.output) == (2, "")
    assert "'great' is none of ok, error" in done.errors


@pytest.mark.parametrize("when", ["yesterday", "10", "2026-13-01", "1e400d", "-5m", ""])
def test_a_time_that_is_none_is_refused_with_examples(folder, when):
    done = run("traces", "list", "--since", when, cwd=folder)
    assert done.code == 2
    assert "2026-11-21T09:30" in done.errors


@pytest.mark.parametrize(
    "command", [("stats",), ("show", "one"), ("show", "one", "--waterfall"), ("show", "one", "--json"), ("export",)]
)
def test_a_pipe_gets_no_colours(folder, command):
    assert "\x1b" not in run("traces", *command, cwd=folder).output
