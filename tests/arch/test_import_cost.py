import json
import subprocess
import sys

import pytest

# Each of these is paid for by those who use it: in time, or by being installed at all.
FORBIDDEN = {
    "autogen", "crewai", "http.client", "httpx", "jsonschema", "langchain", "langchain_core", "opentelemetry",
    "requests", "rich", "sqlite3", "typer", "urllib3", "yaml",
}  # fmt: skip
MAX_RATIO = 2.0
ROUNDS = 9


@pytest.fixture(scope="module", autouse=True)
def compiled_modules(tmp_path_factory):
    """Compile once, as an installed package is: under PYTHONDONTWRITEBYTECODE every import would compile anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.mktemp("pycache")))
        yield


def output_of(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def seconds_to_import(module: str) -> float:
    return float(output_of(f"from time import perf_counter as now; t = now(); import {module}; print(now() - t)"))


def test_importing_agentguard_loads_nothing_that_only_some_need():
    loaded = json.loads(output_of("import agentguard, json, sys; print(json.dumps(sorted(sys.modules)))"))
    assert FORBIDDEN & set(loaded) == set()


@pytest.mark.realtime
def test_importing_agentguard_takes_at_most_twice_as_long_as_pydantic():
    # Taking turns, and the minimum of each: noise only ever adds time, and it hits both alike. The first round, which
    # may write .pyc files, is one of the rounds that the minimum forgets.
    rounds = [(seconds_to_import("agentguard"), seconds_to_import("pydantic")) for _ in range(ROUNDS)]
    ours, theirs = (min(column) for column in zip(*rounds, strict=True))
    assert ours <= MAX_RATIO * theirs, f"agentguard {ours * 1000:.0f} ms, pydantic {theirs * 1000:.0f} ms"
