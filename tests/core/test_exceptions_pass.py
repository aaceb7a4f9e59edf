"""What the tool raises reaches the caller as the same object, whichever way it is called."""

import asyncio
import pickle
import traceback

import pytest

from agentguard import CallStatus, session
from tests.core.ways_to_call import SYNC_WAYS, WAYS

EVERYTHING_SYNC = {
    "validate_input": True,
    "validate_output": True,
    "max_retries": 0,
    "concurrency": 5,
    "loop_guard": True,
    "output_limit": 1_000,
    "verify_response": True,
    "after_call": lambda call, result: None,
}


class UnprintableError(Exception):
    """Raises from everything that code is tempted to ask of an exception."""

    def __str__(self):
        raise ValueError("no str")

    __repr__ = __str__


class UnequalError(Exception):
    __hash__ = None

    def __eq__(self, other):
        raise ValueError("no eq")

    def __bool__(self):
        raise ValueError("no bool")

    @property
    def retry_after(self):
        raise ValueError("no retry_after")


class EmptyError(Exception):
    """A container of errors that happens to hold none."""

    def __len__(self):
        return 0


ERRORS = [
    ValueError("plain"),
    KeyboardInterrupt("by hand"),
    SystemExit(3),
    GeneratorExit("odd"),
    asyncio.CancelledError("by the tool itself"),
    ExceptionGroup("two", [ValueError("a"), OSError("b")]),
    BaseExceptionGroup("two", [KeyboardInterrupt(), OSError("b")]),
    TimeoutError("the tool's own"),
    RecursionError("deep"),
    StopAsyncIteration("odd"),
    UnprintableError("hostile"),
    UnequalError("hostile"),
    EmptyError("false"),
]


@pytest.fixture(params=WAYS, ids=repr)
def way(request):
    return request.param


@pytest.fixture(params=ERRORS, ids=lambda error: type(error).__name__)
def error(request):
    return request.param.with_traceback(None)


def raising(error):
    def body():
        raise error

    return body


def caught_from(way, tool):
    """What comes out of the call; seen inside of the loop too, since a loop has its own ideas of KeyboardInterrupt."""
    try:
        way.call(tool)
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize("options", [{}, EVERYTHING_SYNC], ids=["nothing on", "everything on"])
def test_the_tool_s_own_exception_reaches_the_caller_as_the_same_object(way, error, options):
    assert caught_from(way, way.tool(raising(error), **options)) is error


def test_its_cause_and_context_are_untouched(way):
    cause = KeyError("why")
    error = ValueError("plain")

    def body():
        raise error from cause

    caught_from(way, way.tool(body, **EVERYTHING_SYNC))
    assert (error.__cause__, error.__context__, error.__suppress_context__) == (cause, None, True)


def test_an_exception_without_a_context_gets_none(way):
    error = ValueError("plain")
    caught_from(way, way.tool(raising(error), **EVERYTHING_SYNC))
    assert (error.__cause__, error.__context__, getattr(error, "__notes__", None)) == (None, None, None)


def test_the_traceback_ends_in_the_line_that_raised(way):
    error = caught_from(way, way.tool(raising(ValueError("plain"))))
    frames = traceback.extract_tb(error.__traceback__)
    assert (frames[-1].name, frames[-1].line) == ("body", "raise error")


def test_it_is_recorded_once_with_how_it_ended(way, error):
    expected = {
        GeneratorExit: CallStatus.STOPPED_EARLY,
        asyncio.CancelledError: CallStatus.CANCELLED,
        KeyboardInterrupt: CallStatus.CANCELLED,
        BaseExceptionGroup: CallStatus.CANCELLED,
    }
    tool = way.tool(raising(error))
    with session() as opened:
        caught_from(way, tool)
    [entry] = opened.entries()
    assert entry.result.status is expected.get(type(error), CallStatus.FAILURE)
    assert entry.result.exception_type == type(error).__name__ or type(error) is GeneratorExit


@pytest.mark.parametrize("way", SYNC_WAYS[:3], ids=repr)
def test_a_stop_iteration_of_a_plain_function_reaches_its_caller(way):
    error = StopIteration("own")
    assert caught_from(way, way.tool(raising(error), **EVERYTHING_SYNC)) is error


@pytest.mark.parametrize("way", SYNC_WAYS, ids=repr)
def test_a_runtime_error_made_from_a_stop_iteration_stays_what_it_is(way):
    def body():
        try:
            next(iter([]))
        except StopIteration as stop:
            raise RuntimeError("there was nothing") from stop

    with pytest.raises(RuntimeError, match="there was nothing"):
        way.call(way.tool(body))


def test_a_base_exception_gives_the_slot_back(way, error):
    tool = way.tool(raising(error), concurrency=1)
    for _ in range(2):
        assert caught_from(way, tool) is error
    assert tool.state()["running"] == 0


def test_errors_raised_by_a_tool_can_be_raised_and_pickled_again(way):
    error = ValueError("plain")
    tool = way.tool(raising(error))
    for _ in range(3):
        assert caught_from(way, tool) is error
    assert pickle.loads(pickle.dumps(error)).args == ("plain",)
