"""The demo is a test of its own: each act checks what it claims, and the exit code says whether all of it is true."""

import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from rich.cells import cell_len

from agentguard import open_store
from tests.cli.terminal import Outcome, run, run_on_terminal, run_without_stdin

pytestmark = pytest.mark.realtime

ACTS = (
    "Together", "Validation", "Retry", "CircuitBreaker", "Timeout", "RateLimiter", "Concurrency", "Budget", "LoopGuard",
    "Truncation", "Verification", "Streams", "Refusals", "Middleware, hooks",
)  # fmt: skip
HOSTILE_FILE = "evil\x1b[2J\u202e.txt"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A git checkout, with names that no terminal should get to see as they are."""
    folder = tmp_path_factory.mktemp("checkout")
    for number in range(6):
        (folder / f"file {number}.txt").write_text("some text\n" * 10)
    (folder / HOSTILE_FILE).write_text("\x1b[31mred\x1b[0m and long\n" * 300)
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@localhost", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first \x1b[2J"]):
        subprocess.run([*git, *command], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def outcomes(checkout, tmp_path_factory):
    """Three demos at once: in a pipe, as JSON without stdin outside of any checkout, and on a terminal."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    ceiling = {"GIT_CEILING_DIRECTORIES": str(elsewhere.parent)}
    with ThreadPoolExecutor() as pool:
        piped = pool.submit(run, "demo", cwd=checkout)
        bare = pool.submit(run_without_stdin, "demo", "--json", "--traces", "deep/er", cwd=elsewhere, **ceiling)
        shown = pool.submit(run_on_terminal, "demo", "--traces", "t", cwd=checkout, columns=80)
        return {"piped": piped.result(), "no checkout": bare.result(), "terminal": shown.result(), "folder": elsewhere}


@pytest.mark.parametrize("where", ["piped", "terminal"])
def test_everything_that_the_demo_claims_is_true(where, outcomes):
    done: Outcome = outcomes[where]
    assert "NOT SO" not in done.output
    assert (done.code, done.errors) == (0, ""), done.output


def test_as_json_the_answer_is_the_summary_and_nothing_else(outcomes):
    done = outcomes["no checkout"]
    played = json.loads(done.output)
    assert (done.code, played["is_true"], played["failed"], played["is_complete"]) == (0, True, 0, True)
    assert [act["act"] for act in played["acts"]] == list(ACTS)
    assert sum(act["calls"] for act in played["acts"]) > 50
    assert "NOT SO" not in done.errors


@pytest.mark.parametrize("act", ACTS)
def test_each_act_is_told_and_summed_up(act, outcomes):
    lines = outcomes["piped"].lines
    told = [line for line in lines if re.match(rf" +\d+ {re.escape(act)}  ", line)]
    summed_up = [line for line in lines if re.match(rf"{re.escape(act)} .* +\d+ +\d+$", line)]
    assert (len(told), len(summed_up)) == (1, 1)


SEEN = (
    r'\{"limit": "5"\}: git_log ran with the number 5',
    r'\{"limit": "five"\}: .* expected an integer',
    r"503 with Retry-After: 1, then 503, then 200: 3 attempts, 1\.\d+ s",
    r"20 calls were refused in [\d.]+ ms, and none reached the service",
    r"20 calls at once: 1 .* 19 were refused",
    r"the event loop made \d+ heartbeats",
    r"'coverage' timed out after 0\.4 s\. It may still be running",
    r"two .* 4 .* 0\.\d s",
    r"the service saw 3 at a time",
    r"8 questions at once: 5 were asked, 3 refused",
    r"the fifth time: Loop detected",
    r"returned 300 characters; in their middle: \[\.\.\. [\d,]+ of [\d,]+ characters left out\]",
    r"the second answer is not let through",
    r"the second is a value: Refusal\(code='rate_limited'",
    r"stopped after 3 lines",
    r"the hooks saw|it went through",
)


@pytest.mark.parametrize("what", SEEN)
def test_one_sees_what_each_layer_does(what, outcomes):
    assert any(re.search(what, line) for line in outcomes["piped"].lines)


def test_the_session_is_shown_from_the_store(outcomes, checkout):
    lines = outcomes["piped"].lines
    [store] = (checkout / "traces").iterdir()
    [session] = open_store(store).sessions()
    assert f"session {session.session_id}  " in "\n".join(lines)
    assert any(re.match(r"20 x run_checks\(commit=\"HEAD\"\) +circuit_open +0 ", line) for line in lines)
    assert any(re.match(r"build_status\(commit=\"HEAD\"\) +ok +3 ", line) for line in lines)
    assert any(re.match(r"└─ attempt 3 +ok ", line) for line in lines)


def test_the_recorded_session_can_be_listed_and_shown(outcomes, checkout):
    [session] = json.loads(run("traces", "list", "--json", cwd=checkout).output)
    assert session["session_id"].startswith("demo-")
    shown = run("traces", "show", session["session_id"][:-1], cwd=checkout)
    assert shown.code == 0
    assert "describe_commit" in shown.output


def test_outside_of_a_checkout_it_makes_a_repository_and_says_so(outcomes):
    assert "no git checkout is here" in outcomes["no checkout"].errors
    assert (outcomes["folder"] / "deep" / "er" / "agentguard_traces.db").is_file()


def test_a_pipe_gets_plain_text_and_whole_lines(outcomes):
    for text in (outcomes["piped"].output, outcomes["no checkout"].errors):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert r"evil\x1b[2J\u202e.txt" in outcomes["piped"].output


def test_a_terminal_gets_colours_within_its_width(outcomes):
    done = outcomes["terminal"]
    assert "\x1b[32m" in done.output
    assert "\x1b[2J" not in done.output
    assert max(map(cell_len, done.lines)) <= 80


def test_a_folder_that_cannot_be_written_is_an_error_that_names_it(tmp_path):
    (tmp_path / "file").write_text("")
    done = run("demo", "--traces", "file/traces", cwd=tmp_path)
    assert done.code == 2
    assert "file/traces" in done.errors
    assert "Traceback" not in done.errors


def test_without_git_it_says_what_is_missing(tmp_path):
    done = run("demo", cwd=tmp_path, PATH=str(tmp_path))
    assert done.code == 2
    assert "git" in done.errors
    assert "Traceback" not in done.errors
