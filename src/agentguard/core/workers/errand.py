"""One call of a tool on its way through a worker process."""

from __future__ import annotations

import threading
import time
from typing import Any, NoReturn

from agentguard.core.bodies import Stopped
from agentguard.core.call import ToolCall
from agentguard.core.workers.crew import CREW, Crew, Turn
from agentguard.core.workers.decoding import NotDecodableError, decode, decode_exception
from agentguard.core.workers.encoding import CannotCrossError, encode, what_crosses
from agentguard.core.workers.frames import BrokenChannelError, Header, TimeUpError
from agentguard.core.workers.naming import LOADING, name_of_target
from agentguard.core.workers.worker import LOAD_SECONDS, LeftError, UnloadableError, Worker
from agentguard.errors import (
    CallTimedOutError,
    ConfigError,
    InvalidInputError,
    InvalidOutputError,
    ToolRaisedError,
    WorkerLostError,
    WorkerUnavailableError,
)

_BYTES_PER_MB = 1024 * 1024
_TRIES = 3
"""Workers to try when one says that it has ended for want of work. A second is a rare chance; more are a tool's lie."""
_LONGEST_SECONDS = 1e6
"""Eleven days: sockets and timers take no more than twice that."""


class Errand:
    """Runs one attempt's body in a worker, blocking the calling thread; every other thread may give it up.

    `call.bodies` says whether the tool ran: it counts from the moment when the worker has the whole call.
    """

    def __init__(self, call: ToolCall, seconds: float, crew: Crew = CREW) -> None:
        """Get ready.

        Args:
            call: The call.
            seconds: How long it may take, with the wait for a free worker, but without the time that a worker needs to
                start and to import the tool: only the call's deadline limits that. Infinite for no limit.
            crew: Whose worker to use.
        """
        self._call = call
        self._crew = crew
        now = time.monotonic()
        left = _LONGEST_SECONDS if call.deadline is None else call.deadline - call.runtime.now()
        self._last = now + min(left, _LONGEST_SECONDS)
        """Monotonic time at which the whole call is over."""
        self._seconds = min(seconds, left)
        self._until = now + self._seconds
        self._turn = Turn()
        # Reentrant: the garbage collector may give up an abandoned call in the thread that holds it.
        self._lock = threading.RLock()
        self._at_work: Worker | None = None
        """The worker that has the call, to be killed when it is given up."""

    def run(self) -> tuple[Any, float]:
        """The body's value, and the seconds it took in the worker.

        Raises:
            InvalidInputError: An argument cannot go to another process; the tool did not run.
            WorkerUnavailableError: No worker could be started, or none can import the tool; it did not run.
            CallTimedOutError: The time was up. The worker is gone, or the tool did not run.
            WorkerLostError: The worker ended, or broke its connection, while the tool ran.
            InvalidOutputError: The tool ran, and its result cannot go to another process.
            ToolRaisedError: The tool raised what cannot go to another process.
            Exception: The tool's own, of the same type and with the same arguments.
        """
        if LOADING.is_on:
            msg = (
                f"{self._call.tool_name!r} was called while its module was being imported in a worker process; put "
                'what a program does under `if __name__ == "__main__":`'
            )
            raise ConfigError(msg)
        header, answer = self._delivered(name_of_target(self._call.target), self._encoded())
        return self._outcome(header, answer)

    def give_up(self) -> None:
        """Kill the worker that has the call; `run` then ends at once, with an error. Safe from every thread."""
        with self._lock:
            self._turn.is_given_up = True
            if self._at_work is not None:
                self._at_work.kill()
        self._turn.call()

    def _delivered(self, tool: str, body: bytes) -> tuple[Header, bytes]:
        """What a worker answers to the call."""
        for _ in range(_TRIES):
            worker = self._take(tool)
            try:
                self._load(worker, tool)
                return self._exchange(worker, tool, body)
            except LeftError:
                # It ended just now, mostly for want of work. It did not take the call.
                self._crew.drop(worker)
        # One of them may have.
        self._call.bodies += 1
        raise self._lost("one worker process after the other said that it had ended before it had the call")

    def _take(self, tool: str) -> Worker:
        try:
            worker = self._crew.take(self._turn, tool, until=self._until)
        except TimeUpError:
            self._refuse_late(may_still_run=False)
        if worker is not None:
            return worker
        began = time.monotonic()
        try:
            worker = self._crew.start()
        except OSError as error:
            self._refuse(f"no worker process can be started: {error}", error)
        self._leave_out_since(began)
        return worker

    def _load(self, worker: Worker, tool: str) -> None:
        began = time.monotonic()
        until = min(began + LOAD_SECONDS, self._last)
        try:
            worker.load(tool, until=until, goes_on=lambda: not self._turn.is_given_up)
        except TimeUpError:
            # It goes on loading, so that a later call finds it ready.
            self._crew.give_back(worker)
            if self._turn.is_given_up or until == self._last:
                self._refuse_late(may_still_run=False)
            self._refuse(f"no worker process was ready after {LOAD_SECONDS:g} s")
        except UnloadableError as failed:
            self._crew.give_back(worker)
            told = failed.args[0]
            self._refuse(f"a worker process cannot import it: {told['type']}: {told['text']}", told["traceback"])
        except LeftError:
            raise
        except BrokenChannelError:
            self._crew.drop(worker, pause=True)
            self._refuse(f"the worker process {worker.how_it_ended()} while it imported it")
        except BaseException:
            self._crew.drop(worker)
            raise
        self._leave_out_since(began)

    def _leave_out_since(self, began: float) -> None:
        """Leave a worker's start out of the tool's time, or its first call would need a longer time-out than others."""
        self._until = min(self._until + time.monotonic() - began, self._last)

    def _exchange(self, worker: Worker, tool: str, body: bytes) -> tuple[Header, bytes]:
        """Send the call and wait for the answer. However it ends, the worker is given back or gone."""
        has_started = False
        try:
            self._begin(worker)
            worker.start({"tool": tool, "memory_bytes": self._memory_bytes()}, body, until=self._until)
            self._call.started_at = self._call.runtime.now()
            self._call.bodies += 1
            has_started = True
            self._crew.keep_spare(tool)
            answer = worker.answer(until=self._until)
        except LeftError:
            self._call.bodies -= has_started
            raise
        except TimeUpError:
            self._refuse_late(may_still_run=not self._crew.drop(worker) and has_started)
        except BrokenChannelError as broken:
            if not has_started:
                raise LeftError from broken
            self._crew.drop(worker, pause=True)
            self._refuse_lost(worker, broken)
        except BaseException:
            # Ctrl-C in the waiting thread.
            self._crew.drop(worker)
            raise
        finally:
            self._end()
        self._crew.give_back(worker)
        return answer

    def _begin(self, worker: Worker) -> None:
        with self._lock:
            if self._turn.is_given_up:
                raise TimeUpError
            self._at_work = worker

    def _end(self) -> None:
        with self._lock:
            self._at_work = None

    def _outcome(self, header: Header, answer: bytes) -> tuple[Any, float]:
        call, kind = self._call, header["kind"]
        if kind == "refused":
            call.bodies -= 1
            raise InvalidInputError(header["problem"], tool_name=call.tool_name, call_id=call.call_id)
        if kind == "uncrossable":
            problem = f"{header['problem']}; the tool has run"
            self._refuse_output(problem, header["path"])
        if kind == "raised":
            raise self._error_in(header, answer)
        try:
            return decode(answer), header["seconds"]
        except NotDecodableError as error:
            self._refuse_output(f"{error}; the tool has run", "")

    def _error_in(self, header: Header, answer: bytes) -> BaseException:
        """What the tool raised, with the worker's traceback as a note."""
        error: BaseException
        try:
            error = decode_exception(answer)
        except NotDecodableError:
            error = ToolRaisedError(
                tool_name=self._call.tool_name,
                call_id=self._call.call_id,
                type_name=header["type"],
                text=header["text"],
            )
        note = f"In the worker process:\n{header['traceback'].rstrip()}"
        if header["left_behind"]:
            note += f"\n(left behind there, because they cannot cross: {', '.join(map(str, header['left_behind']))})"
        error.add_note(note)
        # A coroutine cannot raise a StopIteration.
        return Stopped(error) if isinstance(error, StopIteration) else error

    def _encoded(self) -> bytes:
        call = self._call
        scope_metadata = what_crosses(dict(call.scope.metadata))
        facts = {
            "call_id": call.call_id,
            "tool_name": call.tool_name,
            "idempotency_key": call.idempotency_key,
            "attempt": call.attempt,
            "bodies": call.bodies,
            "session_id": call.session_id,
            "metadata": what_crosses(call.metadata),
            "scope_metadata": scope_metadata,
            "seconds_left": None if call.deadline is None else call.deadline - call.runtime.now(),
        }
        try:
            return encode([call.args, call.kwargs, facts])
        except CannotCrossError as problem:
            raise self._unfit_argument(problem) from problem.__cause__

    def _unfit_argument(self, problem: CannotCrossError) -> InvalidInputError:
        call, path = self._call, ""
        for name, value in call.arguments.items():
            try:
                encode(value)
            except CannotCrossError as found:
                problem, path = found, f"{name}{found.path}"
                break
        where = f"{path}: " if path else ""
        msg = f"{where}{problem.problem}. Hand over plain values, dataclasses or pydantic models"
        return InvalidInputError(msg, tool_name=call.tool_name, call_id=call.call_id, path=path)

    def _memory_bytes(self) -> int | None:
        limit = self._call.target.memory_limit_mb
        return None if limit is None else limit * _BYTES_PER_MB

    def _refuse_output(self, problem: str, path: str) -> NoReturn:
        call = self._call
        where = f"at {path.lstrip('.')}: " if path else ""
        raise InvalidOutputError(f"{where}{problem}", tool_name=call.tool_name, call_id=call.call_id, path=path)

    def _refuse_late(self, *, may_still_run: bool) -> NoReturn:
        raise CallTimedOutError(
            tool_name=self._call.tool_name,
            call_id=self._call.call_id,
            timeout_seconds=max(self._seconds, 0.0),
            may_still_run=may_still_run,
        ) from None

    def _refuse_lost(self, worker: Worker, broken: BrokenChannelError) -> NoReturn:
        if self._turn.is_given_up or time.monotonic() >= self._until:
            self._refuse_late(may_still_run=False)
        raise self._lost(f"the worker process of {self._call.tool_name!r} {worker.how_it_ended()}: {broken}") from None

    def _lost(self, why: str) -> WorkerLostError:
        return WorkerLostError(why, tool_name=self._call.tool_name, call_id=self._call.call_id)

    def _refuse(self, why: str, cause: BaseException | str | None = None) -> NoReturn:
        call = self._call
        error = WorkerUnavailableError(
            f"{call.tool_name!r} did not run: {why}", tool_name=call.tool_name, call_id=call.call_id
        )
        if isinstance(cause, str):
            error.add_note(f"In the worker process:\n{cause.rstrip()}")
            cause = None
        raise error from cause
