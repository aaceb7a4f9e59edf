"""`agentguard explain`: what is around a tool."""

import itertools
import json
import sys

import pytest

from tests.cli.in_process import run

TOOLS = '''
from agentguard import BudgetConfig, CircuitBreakerConfig, guard

print("imported")

def loud(call, next):
    return next(call)

@guard(effect="read", validate_input=True, max_retries=2, circuit_breaker=CircuitBreakerConfig(failure_threshold=7),
       budget=BudgetConfig(max_calls_per_session=5), middleware=[loud])
def search(query: str, limit: int = 5) -> list[str]:
    """Search the web.

    Slowly.
    """
    return [query]

@guard
async def fetch(url: str) -> str:
    return url

class Shop:
    @guard(timeout=3)
    def pay(self, cents: int) -> str:
        return "paid"

def plain(x):
    return x

number = 5
'''
names = (f"tools_of_test_{number}" for number in itertools.count())


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The name of a module in the current folder that no other test has imported."""
    name = next(names)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / f"{name}.py").write_text(TOOLS)
    yield name
    sys.modules.pop(name, None)


def test_the_stages_stand_outermost_first_with_their_settings(module, tmp_path):
    done = run("explain", f"{module}:search", cwd=tmp_path, COLUMNS="1000")
    lines = done.output.splitlines()
    assert done.code == 0
    assert lines[:3] == [
        "search(query: str, limit: int = 5) -> list[str]",
        "  Search the web.",
        "  function, effect: read (reads only; may be run again)",
    ]
    stages = [line.split()[0] for line in lines[5 : lines.index("", 5)]]
    assert stages == [
        "CallSpan", "loud", "Validation", "Retry", "Trace", "Admission", "CircuitBreaker", "Budget", "search"
    ]  # fmt: skip
    assert f"loud              defined_in={module}.loud" in done.output
    assert "failure_threshold=7" in done.output
    assert 'query      yes     {"type": "string"}' in done.output


def test_what_was_set_stands_before_what_was_not(module, tmp_path):
    (line,) = [line for line in run("explain", f"{module}:search", cwd=tmp_path).output.splitlines() if "Retry" in line]
    assert line.split()[:2] == ["Retry", "max_retries=2"]


def test_what_a_module_prints_does_not_disturb_the_json(module, tmp_path):
    done = run("explain", f"{module}:search", "--json", cwd=tmp_path)
    tool = json.loads(done.output)
    assert done.errors == "imported\n"
    assert (tool["name"], tool["kind"], tool["effect"], tool["may_repeat"]) == ("search", "function", "read", True)
    by_name = {stage["name"]: stage for stage in tool["stages"]}
    assert by_name["Validation"]["settings"]["validate_input"] is True
    assert by_name["Retry"]["settings"]["max_retries"] == 2
    assert by_name["loud"]["is_own"] is True
    assert [part["name"] for part in by_name["Admission"]["parts"]] == ["CircuitBreaker", "Budget"]
    assert by_name["Admission"]["parts"][0]["settings"]["failure_threshold"] == 7
    assert tool["schema"]["required"] == ["query"]
    assert tool["description"] == "Search the web.\n\nSlowly."


@pytest.mark.parametrize("tool", ["fetch", "Shop.pay"])
def test_a_file_and_a_class_can_be_named(module, tmp_path, tool):
    done = run("explain", f"./{module}.py:{tool}", cwd=tmp_path)
    assert done.code == 0
    assert done.output.startswith(f"{tool.split('.')[-1]}(")


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ("{0}", "names no tool. Write module:tool"),
        (":search", "names no tool"),
        ("no_such_module:x", "there is no module 'no_such_module'"),
        ("no/such/file.py:x", "there is no file 'no/such/file.py'"),
        ("{0}:serch", "has no 'serch'. Did you mean 'search'"),
        ("{0}:Shop.pai", "'{0}.Shop' has no 'pai'. Did you mean 'pay'"),
        ("{0}:xyzzy", "has no 'xyzzy'. The tools there are 'search', 'fetch'"),
        ("{0}:plain", "is of type 'function', and no guarded tool. Put @guard on it. The tools there are 'search'"),
        ("{0}:number", "is of type 'int', and no guarded tool. The tools there are"),
        ("{0}:Shop", "is a class, and no guarded tool. The tools there are 'pay'"),
    ],
)
def test_what_is_no_tool_is_refused_with_what_to_do(module, tmp_path, wanted, problem):
    done = run("explain", wanted.format(module), "--json", cwd=tmp_path)
    assert (done.code, done.output) == (2, "")
    assert problem.format(module) in done.errors


@pytest.mark.parametrize("code", ["1 / 0", "import not_installed_at_all", "raise SystemExit(3)", "def ("])
def test_an_import_that_raises_shows_the_end_of_the_users_traceback(module, tmp_path, code):
    file = tmp_path / f"{module}.py"
    file.write_text(f"print('before')\n\n{code}\n")
    done = run("explain", f"{module}:search", cwd=tmp_path)
    assert (done.code, done.output) == (2, "")
    assert f"importing '{module}' raised an error:" in done.errors
    assert f'{module}.py", line 3' in done.errors
    assert "tool_lookup" not in done.errors
    assert "<frozen importlib" not in done.errors
