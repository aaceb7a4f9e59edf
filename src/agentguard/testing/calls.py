"""What was called: a reader of recorded calls, for assertions."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, overload

from agentguard.core.context import CURRENT, enter, leave
from agentguard.core.result import CallStatus
from agentguard.testing.call_text import recorded_text, times_text
from agentguard.testing.expectation import Expectation, runs_of
from agentguard.tracing import SessionLog, TraceEntry

_MOST_REASONS = 5
"""Calls for which a failure says why they do not count; all calls are in the tree below it."""


class Calls(Sequence[TraceEntry]):
    """Guarded calls that have ended, in the order in which they began. Made by `record_calls`.

    A sequence of entries, each with its `call` (name, arguments) and its `result` (status, value, attempts). Inside the
    block it grows with every call; what `of` gives does not. `print` it to see the calls as a tree.

    Arguments are compared as they were recorded, by parameter name: as JSON (a tuple is a list, a dataclass a dict),
    without secrets (two passwords look alike), with what a default supplied left out. An expected value may be a
    function: it gets the recorded value and says whether it will do (a value of another type, on which it raises a
    TypeError or the like, will not). What is no guarded call, or runs in a bare
    `threading.Thread`, is not recorded.
    """

    def __init__(self, log: SessionLog, chosen: Iterable[TraceEntry] | None = None) -> None:
        self._log = log
        self._chosen = None if chosen is None else list(chosen)

    # -------------------------------------------------------------------------------------------------------- reading

    def of(self, tool: str, /, **arguments: Any) -> Calls:
        """The calls of one tool, by name; with `arguments`, only those that had these (and maybe others)."""
        expected = Expectation(tool, arguments)
        return Calls(self._log, filter(expected.is_met_by, self))

    def one(self, tool: str, /, **arguments: Any) -> TraceEntry:
        """The only such call.

        Raises:
            AssertionError: There is none, or more than one.
        """
        self.assert_called(tool, times=1, **arguments)
        return self.of(tool, **arguments)[0]

    @property
    def arguments(self) -> list[dict[str, Any]]:
        """Each call's arguments by parameter name."""
        return [entry.call.arguments for entry in self]

    @property
    def statuses(self) -> list[CallStatus]:
        """How each call ended."""
        return [entry.result.status for entry in self]

    @property
    def return_values(self) -> list[Any]:
        """Each call's value as it was recorded; None for a call that failed."""
        return [entry.result.return_value for entry in self]

    @property
    def runs(self) -> int:
        """How often the tools' bodies started, retries included: 0 means that nothing can have happened."""
        return sum(map(runs_of, self))

    # ------------------------------------------------------------------------------------------------------ asserting

    def assert_called(
        self, tool: str, /, *, times: int | None = None, status: CallStatus | str | None = None, **arguments: Any
    ) -> None:
        """Assert that `tool` was called, at least once or exactly so many times.

        Args:
            tool: Its name.
            times: How often; None for at least once.
            status: Count only calls that ended like this ("success", "timeout", ...); None for any.
            **arguments: Count only calls that had these arguments, and maybe others. For a parameter that is itself
                named `times` or `status`, use `of`.

        Raises:
            AssertionError: It was not. The message shows what was recorded.
        """
        expected = Expectation(tool, arguments, status)
        met = [entry for entry in self if expected.is_met_by(entry)]
        if (not met) if times is None else len(met) != times:
            wanted = "" if times is None else f"; expected: {times_text(times)}"
            was = f"was called {times_text(len(met))}" if met else "was not called"
            self._fail(
                f"{expected} {was}{wanted}", expected, missed=not met or (times is not None and len(met) < times)
            )

    def assert_not_called(self, tool: str, /, **arguments: Any) -> None:
        """Assert that `tool` was never called, with these arguments or with any.

        Raises:
            AssertionError: It was.
        """
        self.assert_called(tool, times=0, **arguments)

    def assert_not_run(self, tool: str, /, **arguments: Any) -> None:
        """Assert that the body of `tool` never started: it was not called, or every call was refused.

        Raises:
            AssertionError: It started, and may have had effects.
        """
        expected = Expectation(tool, arguments)
        started = sum(runs_of(entry) for entry in self if expected.is_met_by(entry))
        if started:
            self._fail(f"{expected} should not have run, but its body started {times_text(started)}", expected)

    def assert_order(self, *tools: str) -> None:
        """Assert that calls of `tools` began in this order; others may have come between.

        Raises:
            AssertionError: They did not.
        """
        names = iter([entry.tool_name for entry in self])
        for position, tool in enumerate(tools):
            if tool not in names:  # consumes the names up to the one that was found
                before = f" after {' > '.join(tools[:position])}" if position else ""
                self._fail(f"expected the order {' > '.join(tools)}, but there is no call of {tool!r}{before}")

    def _fail(self, what: str, expected: Expectation | None = None, *, missed: bool = False) -> None:
        lines, meant = [what], set[str]()
        if expected is not None:
            if missed:
                lines += self._did_you_mean(expected.tool)
                lines += list(filter(None, map(expected.why_not, self)))[:_MOST_REASONS]
            meant = {entry.call_id for entry in self if expected.is_met_by(entry)}
        raise AssertionError("\n".join([*lines, recorded_text(self._log.spans(), meant)]))

    def _did_you_mean(self, tool: str) -> list[str]:
        names = {entry.tool_name for entry in self}
        near = [] if tool in names else difflib.get_close_matches(tool, names, n=1)
        return [f"did you mean {near[0]!r}?"] if near else []

    # ------------------------------------------------------------------------------------------------------- sequence

    def _entries(self) -> list[TraceEntry]:
        return self._log.entries() if self._chosen is None else self._chosen

    def __len__(self) -> int:
        return len(self._entries())

    def __iter__(self) -> Iterator[TraceEntry]:
        return iter(self._entries())

    @overload
    def __getitem__(self, index: int) -> TraceEntry: ...
    @overload
    def __getitem__(self, index: slice) -> list[TraceEntry]: ...
    def __getitem__(self, index: int | slice) -> TraceEntry | list[TraceEntry]:
        return self._entries()[index]

    def __repr__(self) -> str:
        return f"<{len(self)} calls>"


@contextmanager
def record_calls() -> Iterator[Calls]:
    """Record every guarded call made inside the block, in memory, for assertions.

    It follows the context, as a session does, and changes nothing: the calls keep their session, and what records them
    otherwise still does. It keeps the newest 10,000 calls, at most 64 MB of them.
    """
    log = SessionLog()
    here = CURRENT.get()
    scope = here.scope.joined(caller=here.caller, collector=log)
    token = enter(scope)
    try:
        yield Calls(log)
    finally:
        leave(token, scope)
