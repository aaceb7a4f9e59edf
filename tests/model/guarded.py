"""The real guard under a schedule."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from agentguard import CallRejected, Session, ToolExecutionError, current_call, guard, session
from agentguard.state.sharing import forget_shared
from agentguard.testing import FakeRuntime, run_virtual
from tests.layers.bodies import BoomError
from tests.model.schedule import FOREVER, START, Arrival, Order, Schedule, Tool, Visit
from tests.model.seen import Ended, Run, Seen


class Execution:
    """Runs one schedule."""

    def __init__(self, schedule: Schedule, moments: list[float]) -> None:
        self.schedule = schedule
        self.moments = moments
        """When to look at the tools' state."""
        self.seen = Seen()
        self.running = [0] * len(schedule.tools)
        self.most = [0] * len(schedule.tools)
        """Bodies of each tool at once."""
        self.refusals: list[CallRejected] = []
        self.visits = self._visits_of(schedule)
        self._logs: list[tuple[int, Session]] = []
        self._clock: Any = None
        forget_shared()
        self.tools = [self._guard(number, tool) for number, tool in enumerate(schedule.tools)]
        forget_shared()

    def run(self) -> Seen:
        """What is seen of it."""
        if self.schedule.is_sync:
            with FakeRuntime(START) as self._clock:
                self._one_after_the_other(self._clock)
        else:
            run_virtual(self._all_at_once())
        for number, log in self._logs:
            self.seen.records.setdefault(number, []).extend(
                (
                    int(entry.tool_name.removeprefix("tool")),
                    entry.result.status.value,
                    entry.result.attempts,
                    entry.result.cost,
                )
                for entry in log.entries()
            )
        return self.seen

    @staticmethod
    def _visits_of(schedule: Schedule) -> dict[int, Visit]:
        found: dict[int, Visit] = {}

        def add(visit: Visit) -> None:
            found[visit.number] = visit
            for attempt in visit.attempts:
                if attempt.inner is not None:
                    add(attempt.inner)

        for arrival in schedule.arrivals:
            add(arrival.visit)
        return found

    def _guard(self, number: int, tool: Tool) -> Any:
        options = dict(tool.options)
        if "budget" in options:
            owner = options["budget"].shared_key or number
            changes: dict[str, Any] = {"on_alert": lambda call, _: self.seen.alerts.append((owner, call.session_id))}
            if tool.is_priced:
                changes["cost"] = lambda call, result: tool.estimate if result is None else self._price(call)
            options["budget"] = replace(options["budget"], **changes)
        kind = self._sync_body if self.schedule.is_sync else self._stream if tool.is_stream else self._body
        return guard(kind(number), name=f"tool{number}", capture_input=False, capture_output=False, **options)

    def _price(self, call: Any) -> float | None:
        return self.visits[call.args[0]].price

    def _now(self) -> float:
        return self._clock.now() if self.schedule.is_sync else asyncio.get_running_loop().time()

    @contextlib.contextmanager
    def _body_of(self, tool: int, visit: int) -> Any:
        call = current_call()
        run = Run(visit, self._now(), call_id=call.call_id, session=call.session_id)
        self.seen.runs.append(run)
        self.running[tool] += 1
        self.most[tool] = max(self.most[tool], self.running[tool])
        try:
            yield self.visits[visit].attempt(call.bodies)
        finally:
            run.end = self._now()
            self.running[tool] -= 1

    def _body(self, tool: int) -> Callable[..., Any]:
        async def body(visit: int) -> int:
            with self._body_of(tool, visit) as attempt:
                return await self._act(attempt, visit)

        return body

    def _stream(self, tool: int) -> Callable[..., Any]:
        async def stream(visit: int) -> Any:
            with self._body_of(tool, visit) as attempt:
                for seconds in attempt.steps:
                    await asyncio.sleep(seconds)
                    yield visit
                await self._act(attempt, visit)

        return stream

    async def _act(self, attempt: Any, visit: int) -> int:
        await asyncio.sleep(attempt.before)
        if attempt.inner is not None:
            await self._call(attempt.inner)
        await asyncio.sleep(attempt.after)
        if attempt.fails:
            raise BoomError
        return visit

    def _sync_body(self, tool: int) -> Callable[..., Any]:
        def body(visit: int) -> int:
            with self._body_of(tool, visit) as attempt:
                self._clock.advance(attempt.before)
                if attempt.inner is not None:
                    self._call_plainly(attempt.inner)
                self._clock.advance(attempt.after)
                if attempt.fails:
                    raise BoomError
                return visit

        return body

    @contextlib.contextmanager
    def _seen_end(self, visit: Visit) -> Any:
        """Note what the caller of one call gets."""
        ended = Ended(visit.number, "ok", 0.0)
        try:
            yield ended
        except asyncio.CancelledError:
            # Of a stream: cancelled at a step, and not while the consumer was busy with an item.
            ended.kind = "Cancelled" if ended.kind == "ok" else ended.kind
            raise
        except Exception as error:
            ended.kind = type(error).__name__
            ended.retry_after = getattr(error, "retry_after", None)
            if hasattr(error, "spent"):
                ended.money = (error.unit, error.spent, error.limit)
            if isinstance(error, CallRejected):
                self.refusals.append(error)
            raise
        finally:
            ended.at = self._now()
            self.seen.ended.append(ended)

    async def _call(self, visit: Visit) -> None:
        with self._seen_end(visit) as ended:
            if self.schedule.tools[visit.tool].is_stream:
                await self._consume(visit, ended)
            else:
                assert await self.tools[visit.tool](visit.number) == visit.number

    async def _consume(self, visit: Visit, ended: Ended) -> None:
        stream = self.tools[visit.tool](visit.number)
        taken = 0
        async for _ in stream:
            taken += 1
            try:
                if taken < visit.takes:
                    await asyncio.sleep(visit.pause)
                    continue
            except asyncio.CancelledError:
                ended.kind = "Stopped"
                await stream.aclose()
                raise
            ended.kind = "Stopped"
            if not visit.drops:
                await stream.aclose()
            return

    def _call_plainly(self, visit: Visit) -> None:
        with self._seen_end(visit):
            assert self.tools[visit.tool](visit.number) == visit.number

    async def _all_at_once(self) -> None:
        arrivals = [asyncio.ensure_future(self._arrive(*each)) for each in enumerate(self.schedule.arrivals)]
        orders = [asyncio.ensure_future(self._obey(order)) for order in self.schedule.orders]
        looking = asyncio.ensure_future(self._look())
        await asyncio.gather(*arrivals, *orders, looking)

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        for moment in self.moments:
            await asyncio.sleep(moment - loop.time())
            self._sample(moment)

    def _sample(self, now: float) -> None:
        self.seen.samples.append((now, self.seen.sample(lambda tool, key: self.tools[tool].state(key), self.schedule)))

    async def _arrive(self, number: int, arrival: Arrival) -> None:
        await asyncio.sleep(arrival.at)
        task = asyncio.ensure_future(self._visit(number, arrival))
        timer = asyncio.get_running_loop().call_later(min(arrival.cancelled_after, FOREVER), task.cancel)
        await asyncio.wait({task})
        timer.cancel()
        if not task.cancelled():
            task.result()

    async def _visit(self, number: int, arrival: Arrival) -> None:
        with self._inside_session(number, arrival), contextlib.suppress(BoomError, ToolExecutionError):
            try:
                await self._call(arrival.visit)
            except ToolExecutionError as error:
                if not arrival.comes_back or error.retry_after is None:
                    return
                retry_after = error.retry_after
            else:
                return
            await asyncio.sleep(retry_after)
            await self._call(arrival.visit)

    def _inside_session(self, number: int, arrival: Arrival) -> Any:
        if arrival.session is None:
            return contextlib.nullcontext()
        log = session(arrival.session)
        self._logs.append((number, log))
        return log

    async def _obey(self, order: Order) -> None:
        await asyncio.sleep(order.at)
        tool = self.tools[order.tool]
        if order.what == "reset":
            tool.reset()
        elif "circuit_breaker" in self.schedule.tools[order.tool].options:
            (tool.breaker.isolate if order.what == "isolate" else tool.breaker.reset)()

    def _one_after_the_other(self, clock: FakeRuntime) -> None:
        for number, arrival in enumerate(self.schedule.arrivals):
            clock.advance(max(0.0, START + arrival.at - clock.now()))
            with self._inside_session(number, arrival), contextlib.suppress(BoomError, ToolExecutionError):
                self._visit_plainly(arrival, clock)
            self._sample(clock.now())

    def _visit_plainly(self, arrival: Arrival, clock: FakeRuntime) -> None:
        try:
            self._call_plainly(arrival.visit)
        except ToolExecutionError as error:
            if arrival.comes_back and error.retry_after is not None:
                clock.advance(error.retry_after)
                self._call_plainly(arrival.visit)
