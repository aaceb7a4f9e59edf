"""Calls of tools that run in worker processes: what they get, and what comes back."""

import asyncio
import os
import subprocess
import sys
import types
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentguard import (
    ConfigError,
    GuardConfig,
    InvalidInputError,
    InvalidOutputError,
    MiddlewarePipeline,
    TimeoutConfig,
    ToolRaisedError,
    WorkerLostError,
    WorkerUnavailableError,
    call_metadata,
    guard,
    session,
)
from tests.core.programs import run_program
from tests.core.workers import tools
from tests.core.workers.models import Order
from tests.matrix.ways import WAYS, Way

pytestmark = pytest.mark.realtime
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def call(request: pytest.FixtureRequest) -> Way:
    return request.param


def test_the_body_runs_in_another_process(call: Way):
    assert call(tools.pid) != os.getpid()


def test_a_coroutine_function_runs_in_another_process(call: Way):
    assert call(tools.apid) != os.getpid()


def test_arguments_and_results_cross(call: Way):
    person = tools.Person("Ada", tools.Address("Main St"))
    order = Order(number=1, by=person)
    assert call(tools.echo, 1, person, by=order) == ((1, person), {"by": order})


def test_a_static_method_runs_in_a_process(call: Way):
    assert call(tools.Shapes.area, 2, 3) == 6


def test_a_worker_serves_all_tools():
    workers = {tools.pid(), tools.sleep(0), tools.pid()}
    assert len(workers) == 1


@pytest.mark.parametrize(
    ("args", "kind", "arguments"),
    [
        (("value", "a", 1), ValueError, ("a", 1)),
        (("key", "k"), KeyError, ("k",)),
        (("os", 2, "gone"), FileNotFoundError, (2, "gone")),
    ],
)
def test_the_tools_exception_is_of_the_same_type_with_the_same_arguments(call: Way, args, kind, arguments):
    with pytest.raises(kind) as caught:
        call(tools.fail, *args)
    assert (type(caught.value), caught.value.args) == (kind, arguments)
    assert 'in fail\n    raise {"value"' in caught.value.__notes__[0]


def test_a_system_exit_of_the_tool_passes_and_the_worker_lives():
    before = tools.pid()
    with pytest.raises(SystemExit) as caught:
        tools.fail("exit", 3)
    assert (caught.value.code, tools.pid()) == (3, before)


def test_a_stop_iteration_of_the_tools_own_passes():
    with pytest.raises(StopIteration) as caught:
        tools.fail("stop", 5)
    assert caught.value.value == 5


def test_an_exception_keeps_its_attributes():
    with pytest.raises(tools.OddError) as caught:
        tools.fail_oddly()
    assert (caught.value.code, caught.value.hint) == (7, "even")


def test_an_exceptions_attributes_that_cannot_cross_are_named():
    with pytest.raises(RuntimeError) as caught:
        tools.fail_with_things()
    assert caught.value.status == 404
    assert "(left behind there, because they cannot cross: response)" in caught.value.__notes__[0]


def test_a_group_of_exceptions_crosses():
    with pytest.raises(ExceptionGroup) as caught:
        tools.fail_as_a_group()
    assert [repr(error) for error in caught.value.exceptions] == ["ValueError('one')", "KeyError('two')"]


def test_an_exception_that_is_unknown_here_is_told_of(call: Way):
    with pytest.raises(ToolRaisedError, match=r"'fail_as_nobody_knows' raised .*LocalError: who knows") as caught:
        call(tools.fail_as_nobody_knows)
    assert caught.value.text == "who knows"
    assert 'raise LocalError("who knows")' in caught.value.__notes__[0]


def test_an_argument_that_cannot_cross_is_refused_before_the_tool_runs(call: Way):
    with pytest.raises(InvalidInputError, match=r"b\[0\]\.lines: a value of type .*Secretive cannot go") as caught:
        call(tools.add, 1, b=[tools.Address("x", tools.Secretive())])
    assert caught.value.path == "b[0].lines"


def test_a_result_that_cannot_cross_is_refused_and_says_that_the_tool_ran(call: Way):
    with pytest.raises(InvalidOutputError, match=r"\['made'\]\[0\]: .*Secretive cannot .*; the tool has run"):
        call(tools.give_secretive)


def test_large_values_cross():
    assert tools.size_of("x" * 10_000_000) == 10_000_000
    assert tools.repeat("ab", 5_000_000) == "ab" * 5_000_000


def test_the_body_knows_its_call(call: Way):
    with session("s1"), call_metadata(user="ada", secret=tools.Secretive()):
        facts = call(tools.facts)
    assert facts["call_id"] == facts["key"]
    assert (facts["tool_name"], facts["attempt"], facts["args"]) == ("facts", 1, ())
    assert (facts["session_id"], facts["metadata"], facts["has_deadline"]) == ("s1", {"user": "ada"}, False)


def test_calls_made_by_the_body_are_in_its_session():
    with session("s1"), call_metadata(user="ada"):
        assert tools.nested() == ("s1", {"user": "ada"}, "nested")
    assert tools.nested() == (None, {}, "nested")
    assert tools.use_a_session() == "of the worker"
    assert tools.nested() == (None, {}, "nested")


def test_a_body_may_call_another_process():
    mine, other, parent = tools.nested_remotely()
    assert len({mine, other, parent, os.getpid()}) == 3
    assert parent == os.getpid()


def test_a_retry_is_another_attempt_in_a_process(call: Way):
    assert call(tools.succeed_at, 3) == 3


def test_a_pipeline_runs_a_function_in_a_process():
    pipeline = MiddlewarePipeline(GuardConfig(timeout_config=TimeoutConfig(30, isolation="process")))
    result = asyncio.run(pipeline.execute(tools._double, (4,)))
    assert result.return_value == 8
    assert result.execution_time < 1
    with pytest.raises(ConfigError, match="it is a lambda"):
        asyncio.run(pipeline.execute(lambda: 1))


def test_what_wraps_a_tool_is_found_on_its_way():
    assert tools.wrapped_inside(1) == ("inside", 1)
    assert tools.wrapped_outside(1) == ("outside", 1)
    assert tools.double(4) == 8


def test_a_built_in_function_runs_in_a_process(call: Way):
    import math

    assert call(guard(math.factorial, timeout_config=TimeoutConfig(30, isolation="process")), 5) == 120


def test_a_name_that_leads_to_something_else_is_refused():
    assert tools.replaced() == "second"
    with pytest.raises(ConfigError, match=r"'tests.core.workers.tools:replaced' does not lead to its function"):
        tools.first()


def test_a_body_may_print_and_reads_nothing(tmp_path):
    (tmp_path / "program.py").write_text("from tests.core.workers import tools\nprint([tools.say('hello')])")
    assert sorted(output_of("program.py", cwd=tmp_path).splitlines()) == ["['']", "hello", "hello"]


def test_a_body_may_fork_without_a_warning():
    assert tools.fork() == 3


def test_a_body_that_closes_its_output_is_answered_all_the_same():
    assert tools.close_output() == "closed"
    with pytest.raises(WorkerLostError):
        # So that no later test prints into nothing.
        tools.leave(0)


def test_memory_is_limited(call: Way):
    with pytest.raises(MemoryError):
        call(tools.allocate, 200)
    assert call(tools.allocate, 20) == 20 * 1024 * 1024


def test_the_limit_of_memory_ends_with_the_call():
    with pytest.raises(MemoryError):
        tools.allocate(200)
    assert tools.allocate_freely(200) == 200 * 1024 * 1024


def test_hooks_and_validation_see_a_call_in_a_process():
    seen = []
    tool = guard(
        tools._double,
        after_call=lambda call, result: seen.append((call.has_run, call.bodies, result.return_value)),
        timeout_config=TimeoutConfig(30, isolation="process"),
        validate_input=True,
    )
    assert tool(3) == 6
    assert seen == [(True, 1, 6)]


def test_a_result_of_a_class_that_is_not_loaded_here_is_refused_and_imports_nothing(call: Way):
    with pytest.raises(
        InvalidOutputError, match=r"workers.strange:Strange' is no class in a module that is loaded here"
    ):
        call(tools.give_a_stranger)
    with pytest.raises(ToolRaisedError, match=r"raised tests.core.workers.strange.StrangeError: strange"):
        call(tools.fail_strangely)
    assert "tests.core.workers.strange" not in sys.modules


@pytest.fixture
def made_up(monkeypatch):
    """A module that this process has and no worker can import."""
    module = types.ModuleType("made_up")

    def tool(*args):
        return args

    @dataclass
    class Holder:
        value: int

    for each in (tool, Holder):
        each.__module__, each.__qualname__ = "made_up", each.__name__
        setattr(module, each.__name__, each)
    monkeypatch.setitem(sys.modules, "made_up", module)
    return module


def test_a_module_that_is_not_there_in_a_worker_is_named(call: Way, made_up):
    tool = guard(made_up.tool, timeout_config=TimeoutConfig(30, isolation="process"))
    with pytest.raises(WorkerUnavailableError, match="'tool' did not run: a worker process cannot import it") as caught:
        call(tool)
    assert "ModuleNotFoundError: No module named 'made_up'. Go on without it" in str(caught.value)
    assert caught.value.__notes__[0].endswith("ModuleNotFoundError: No module named 'made_up'")


def test_an_argument_that_a_worker_cannot_read_is_refused_and_the_tool_does_not_run(call: Way, made_up):
    seen = []
    tool = guard(
        tools._double,
        timeout_config=TimeoutConfig(30, isolation="process"),
        after_call=lambda ctx, _result: seen.append(ctx.has_run),
    )
    with pytest.raises(InvalidInputError, match="No module named 'made_up'"):
        call(tool, made_up.Holder(1))
    assert seen == [False]


def test_a_module_that_ends_its_worker_is_a_clear_error(made_up, tmp_path, monkeypatch):
    (tmp_path / "made_up.py").write_text("import os\nos._exit(7)\n")
    monkeypatch.syspath_prepend(tmp_path)
    tool = guard(made_up.tool, timeout_config=TimeoutConfig(30, isolation="process"))
    with pytest.raises(WorkerUnavailableError, match="the worker process ended with exit code 7 while it imported it"):
        tool()


def test_a_name_that_is_gone_in_a_worker_is_a_clear_error(made_up, tmp_path, monkeypatch):
    (tmp_path / "made_up.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    tool = guard(made_up.tool, timeout_config=TimeoutConfig(30, isolation="process"))
    with pytest.raises(WorkerUnavailableError, match="module 'made_up' has no 'tool' once it is imported in a worker"):
        tool()


PROGRAM = """
import sys
from dataclasses import dataclass
from agentguard import TimeoutConfig, guard

@dataclass
class Pair:
    left: int

@guard(timeout_config=TimeoutConfig(30, isolation="process"))
def swap(pair: Pair) -> Pair:
    return Pair(-pair.left)

print("imported", __name__, flush=True)

if __name__ == "__main__":
    swapped = swap(Pair(1))
    print(swapped == Pair(-1), sys.argv[1:], flush=True)
"""


def output_of(*command: str, cwd) -> str:
    source = os.path.dirname(os.path.dirname(sys.modules["agentguard"].__file__))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([source, str(ROOT)])}
    return subprocess.run(
        [sys.executable, "-W", "error", *command],
        cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30, check=False,
    ).stdout  # fmt: skip


@pytest.mark.parametrize("name", ["program.py", "program"])
def test_a_tool_of_the_main_program_runs_in_a_process(tmp_path, name):
    (tmp_path / name).write_text(PROGRAM)
    lines = output_of(name, "an argument", cwd=tmp_path).splitlines()
    assert lines[0] == "imported __main__"
    assert "True ['an argument']" in lines
    # One in the worker, and perhaps one in the spare; neither runs the block.
    assert set(lines[1:]) == {"imported __mp_main__", "True ['an argument']"}


def test_a_tool_of_a_module_run_as_a_program_runs_in_a_process(tmp_path):
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "prices.py").write_text("NAME = 'prices'\n")
    (package / "__main__.py").write_text("from .prices import NAME\n" + PROGRAM)
    assert "True []" in output_of("-m", "shop", cwd=tmp_path).splitlines()


def test_a_program_that_calls_its_tool_when_it_is_imported_is_told_what_to_do(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM.replace('if __name__ == "__main__":', "if True:"))
    output = output_of("program.py", cwd=tmp_path)
    assert "'swap' was called while its module was being imported in a worker process" in output
    assert 'put what a program does under `if __name__ == "__main__":`' in output
    assert "WorkerUnavailableError" in output


def test_a_tool_of_a_program_without_a_file_is_refused_when_it_is_made():
    ended = run_program(
        """
        from agentguard import *
        try:
            @guard(timeout_config=TimeoutConfig(1, isolation="process"))
            def tool(): pass
        except ConfigError as error:
            print(error)
        """
    )
    assert ended.out == (
        "'tool' cannot run with isolation=\"process\": it is defined in a program that does not come from a file; "
        "move it to a module; a worker process finds a tool by its name in a module\n"
    )


def test_nothing_of_it_is_imported_by_who_does_not_use_it():
    ended = run_program(
        """
        import sys
        from agentguard import *
        @guard(timeout=1)
        def tool(): pass
        tool()
        print([name for name in sys.modules if "agentguard.core.workers" in name])
        """
    )
    assert ended.out == "[]\n"


def test_no_worker_is_started_before_the_first_call():
    ended = run_program(
        """
        import math
        from agentguard import *
        tool = guard(math.sqrt, timeout_config=TimeoutConfig(30, isolation="process"))
        from agentguard.core.workers.crew import CREW
        print(CREW.pids, tool(4.0), len(CREW.pids) > 0)
        """
    )
    assert ended.out == "[] 2.0 True\n"
