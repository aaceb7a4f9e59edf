"""What the shell is offered, asked as bash asks."""

import pytest

from tests.cli.in_process import run
from tests.tracing.spans import span, stored


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    spans = [
        span("search", span_id="3f2a", session_id="monday-1"),
        span("seek", session_id="monday-2"),
        span("pay $(rm)", session_id="mon; day"),
    ]
    stored(folder / "traces", "sqlite", *spans)
    return folder


def offered(line, cwd):
    words = line.split(" ")
    asked = {"_AGENTGUARD_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = run(cwd=cwd, **asked)
    assert done.errors == ""
    return done.output.split()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("agentguard tra", ["traces"]),
        ("agentguard traces show mon", ["monday-1", "monday-2"]),
        ("agentguard traces show 3f", ["3f2a"]),
        ("agentguard traces export mon", ["monday-1", "monday-2"]),
        ("agentguard traces stats --tool s", ["search", "seek"]),
        ("agentguard traces stats --tool p", []),
        ("agentguard traces list --status circ", ["circuit_open"]),
        ("agentguard traces show --path traces 3f", ["3f2a"]),
        ("agentguard traces show --path elsewhere 3f", []),
    ],
)
def test_commands_ids_tools_and_statuses_are_completed(folder, line, words):
    assert offered(line, folder) == words


def test_without_a_store_and_with_a_damaged_one_nothing_is_offered_and_nothing_printed(tmp_path, caplog):
    assert offered("agentguard traces show mon", tmp_path) == []
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces" / "agentguard_traces.db").write_bytes(b"no database" * 500)
    (tmp_path / "traces" / "agentguard_traces.jsonl").write_bytes(b"no json\n")
    assert offered("agentguard traces show mon", tmp_path) == []
    assert caplog.records == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_shown_for_each_shell(tmp_path, shell):
    done = run("--show-completion", shell, cwd=tmp_path)
    assert done.code == 0
    assert "_AGENTGUARD_COMPLETE" in done.output
