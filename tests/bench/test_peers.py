"""The peers' programs are not run here, because their environments are not made in tests; what is around them is."""

import ast
import re
import socket
import subprocess
import sys
from argparse import ArgumentTypeError
from pathlib import Path

import pytest

from bench.environments import PEERS, PROGRAMS, ROOT, chosen, run_peer
from bench.results import REFERENCE_PEER

STANDARD = {*sys.stdlib_module_names, "__future__"}


def imported(program: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(program.read_text(encoding="utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


@pytest.mark.parametrize("peer", [*PEERS, "matplotlib"])
def test_every_environment_is_pinned_by_hash(peer):
    text = (ROOT / "requirements" / f"bench-{peer}.txt").read_text(encoding="utf-8")
    # A requirement begins at the margin; its hashes are on the lines below it.
    requirements = re.split(r"^(?=[\w])", text, flags=re.MULTILINE)[1:]
    assert any(requirement.startswith(f"{peer}==") for requirement in requirements)
    assert [requirement for requirement in requirements if "--hash=sha256:" not in requirement] == []


@pytest.mark.parametrize("peer", PEERS)
def test_a_program_imports_its_peer_and_the_part_of_the_benchmark_without_agentguard(peer):
    modules = {name for name in imported(PROGRAMS[peer]) if name.split(".")[0] not in STANDARD}
    ours = {name for name in modules if name.startswith("bench")}
    assert ours <= {"bench.meter", "bench.program"}
    assert len({name.split(".")[0] for name in modules - ours}) == 1


def test_the_programs_share_nothing_that_needs_agentguard():
    program = "import sys, bench.program; sys.exit('agentguard' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_the_peer_that_others_are_compared_with_comes_first():
    assert chosen("all")[0] == REFERENCE_PEER


def test_peers_are_chosen_by_name():
    assert chosen("none") == []
    assert chosen("tenacity,stamina") == ["tenacity", "stamina"]
    with pytest.raises(ArgumentTypeError, match="no peer 'nobody'"):
        chosen("tenacity,nobody")


def test_a_peer_that_cannot_be_installed_is_a_row_that_says_why(monkeypatch, tmp_path):
    failing = tmp_path / "make"
    failing.write_text("#!/bin/sh\necho 'ERROR: no matching distribution at https://example.org/simple' >&2\nexit 2\n")
    failing.chmod(0o755)
    monkeypatch.setenv("MAKE", str(failing))
    peer = run_peer("tenacity")
    assert peer.rows == []
    assert peer.failure == "its environment cannot be made: ERROR: no matching distribution at (...)"


def test_a_program_cannot_reach_the_network():
    program = (
        "import socket, urllib.request\n"
        "from bench.program import forbid_network, report\n"
        "forbid_network()\n"
        "try: urllib.request.urlopen('http://localhost:9/')\n"
        "except OSError as error: print(error)\n"
        "report('pydantic', [])\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "does not reach the network" in ran.stdout
    assert ran.returncode == 1
    assert "tried to reach the network" in ran.stderr
    assert socket.socket.connect.__name__ == "connect"
