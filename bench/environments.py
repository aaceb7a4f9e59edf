"""Runs each peer's program in an environment of its own, in which agentguard is not installed."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

from bench.meter import Row
from bench.results import REFERENCE_PEER, PeerRun

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = {path.stem.replace("_", "-"): path for path in sorted((ROOT / "bench" / "peers").glob("[a-z]*.py"))}
"""The peers' programs by the names of their packages: a new file there is a new peer."""
PEERS = sorted(PROGRAMS, key=lambda name: (name != REFERENCE_PEER, name))
"""The one that the others are compared with comes first."""

_PATIENCE_SECONDS = 300


def chosen(names: str) -> list[str]:
    """The peers that `all`, `none` or names with commas between them mean, for argparse."""
    wanted = {"all": PEERS, "none": []}.get(names, [name.strip() for name in names.split(",")])
    if unknown := [name for name in wanted if name not in PEERS]:
        msg = f"there is no peer {unknown[0]!r}"
        raise argparse.ArgumentTypeError(msg)
    return wanted


def run_peer(name: str) -> PeerRun:
    """What the peer's program measured, or why it did not. Makes the peer's environment at first use."""
    environment = ROOT / f".venv-bench-{name}"
    made = _make(environment.name)
    if made.returncode:
        return PeerRun(name, failure=f"its environment cannot be made: {_last_line(made.stderr or made.stdout)}")
    with tempfile.TemporaryDirectory() as folder:
        try:
            ran = _run(environment / "bin" / "python", PROGRAMS[name], folder)
        except subprocess.TimeoutExpired:
            return PeerRun(name, failure=f"it was not done after {_PATIENCE_SECONDS} s")
    if ran.returncode:
        return PeerRun(name, failure=f"its program failed: {_last_line(ran.stderr)}")
    # A peer may print what it likes before that.
    measured = json.loads(ran.stdout.splitlines()[-1])
    return PeerRun(**{**measured, "name": name, "rows": [Row(**row) for row in measured["rows"]]})


def _make(environment: str) -> subprocess.CompletedProcess[str]:
    command = [*os.environ.get("MAKE", "make").split(), "--no-print-directory", f"{environment}/.pinned"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def _run(python: Path, program: Path, folder: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a folder that is thrown away, with nothing of the caller's settings: no key, no address."""
    settings = {"PATH": os.environ["PATH"], "HOME": folder, "PYTHONPATH": str(ROOT), "DO_NOT_TRACK": "1"}
    command = [str(python), "-m", f"bench.peers.{program.stem}"]
    return subprocess.run(
        command, cwd=folder, env=settings, capture_output=True, text=True, check=False, timeout=_PATIENCE_SECONDS
    )


def _last_line(text: str) -> str:
    """The last line of an error, without addresses and places: the results are published."""
    lines = [line for line in text.splitlines() if line.strip() and not re.match(r"g?make\S*: ", line)]
    return re.sub(r"\w+://\S+|(?<!\w)/\S+", "(...)", lines[-1].strip()) if lines else "it did not say why"
