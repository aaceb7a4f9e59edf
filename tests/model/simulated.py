"""The guard as its documents promise it, run in the little world over the plain counters."""

import math
from typing import Any

from tests.model.promised import Call, CallError, Guarded, Line, StoppedError, pass_circuit, pass_purse
from tests.model.reference import Promise, Quota, RefusedError, Turn
from tests.model.schedule import FOREVER, START, Arrival, Attempt, Order, Schedule, Visit
from tests.model.seen import Ended, Run, Seen
from tests.model.world import GivenUpError, Steps, World

STATUS = {
    "CircuitOpenError": "circuit_open",
    "RateLimitedError": "rate_limited",
    "ConcurrencyLimitError": "rate_limited",
    "BudgetExceededError": "budget_exceeded",
    "CallTimedOutError": "timeout",
}


class Simulation:
    """Runs one schedule."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.seen = Seen()
        self.world = World(START, self._sample)
        shared: dict[str, Any] = {}
        self.tools = [Guarded(number, tool, shared) for number, tool in enumerate(schedule.tools)]

    def run(self) -> Seen:
        """What should be seen of it."""
        world = self.world
        if self.schedule.is_sync:
            world.spawn(self._one_after_the_other())
        else:
            for number, arrival in enumerate(self.schedule.arrivals):
                world.at(START + arrival.at, lambda number=number, arrival=arrival: self._let_in(number, arrival))
            for order in self.schedule.orders:
                world.at(START + order.at, lambda order=order: self._obey(order))
        world.run()
        self.seen.has_ties = world.has_ties
        return self.seen

    def _one_after_the_other(self) -> Steps:
        for number, arrival in enumerate(self.schedule.arrivals):
            yield max(0.0, START + arrival.at - self.world.now)
            line = Line(number)
            yield from self._arrive(line, arrival)
            self._sample(self.world.now)

    def _let_in(self, number: int, arrival: Arrival) -> None:
        line = Line(number)
        line.process = self.world.spawn(self._arrive(line, arrival))
        self.world.at(self.world.now + min(arrival.cancelled_after, FOREVER), line.process.cancel)

    def _sample(self, now: float) -> None:
        if self.schedule.is_sync and now != self.world.now:
            return  # nobody can look while a plain call goes on
        self.seen.samples.append(
            (now, self.seen.sample(lambda tool, key: self.tools[tool].reading(now, key), self.schedule))
        )

    def _obey(self, order: Order) -> None:
        tool = self.tools[order.tool]
        if order.what == "reset":
            tool.quota = Quota()
            if tool.purse is not None:
                tool.purse.forget()
            if tool.limiter is not None:
                tool.limiter.turns = []
        if tool.circuit is not None:
            tool.circuit.change("isolated" if order.what == "isolate" else "closed", self.world.now)

    def _arrive(self, line: Line, arrival: Arrival) -> Steps:
        try:
            yield from self.call(line, arrival.visit, arrival.session)
        except CallError as error:
            if not arrival.comes_back or error.retry_after is None or error.kind == "BoomError":
                return
            retry_after = error.retry_after
        except GivenUpError:
            return
        else:
            return
        try:
            yield retry_after
            yield from self.call(line, arrival.visit, arrival.session)
        except (CallError, GivenUpError):
            return

    def call(self, line: Line, visit: Visit, session: str | None) -> Steps:
        """One call, from its caller's side."""
        call = Call(visit, self.tools[visit.tool], session, line)
        timeout = call.tool.settings("timeout_config")
        if timeout is not None and timeout.total_seconds is not None:
            call.deadline = self.world.now + timeout.total_seconds
        try:
            if call.tool.settings("retry") is None:
                yield from self._attempt(call)
            else:
                yield from self._retried(call)
        except CallError as error:
            status = STATUS.get(error.kind, "failure") if error.call is call else "failure"
            self._end(call, error.kind, status, error)
            raise
        except StoppedError as stopped:
            self._end(call, "Stopped", "stopped_early")
            if stopped.was_cancelled:
                raise GivenUpError from None
            return
        except GivenUpError:
            self._end(call, "Cancelled", "cancelled")
            raise
        self._end(call, "ok", "success")

    def _end(self, call: Call, kind: str, status: str, error: CallError | None = None) -> None:
        retry_after, money = (None, ()) if error is None else (error.retry_after, error.money)
        self.seen.ended.append(Ended(call.visit.number, kind, self.world.now, retry_after, money))
        self.seen.recorded(call.line.number, call.session).append((call.tool.number, status, call.attempt, call.cost))

    def _retried(self, call: Call) -> Steps:
        cost, last = 0, None
        while True:
            before = call.bodies
            try:
                yield from self._attempt(call)
            except CallError as error:
                pause = self._pause(call, error) if call.bodies > before and not error.refuses(call) else None
                if pause is None:
                    raise last if last is not None and error.refuses(call) else error from None
                last = error
            else:
                call.tool.quota.gain(cost or 1)
                return
            delay, cost = pause
            try:
                yield delay
            except GivenUpError:
                call.tool.quota.gain(cost)
                raise
            call.attempt += 1

    def _pause(self, call: Call, error: CallError) -> tuple[float, int] | None:
        retry = call.tool.settings("retry")
        if call.attempt > retry.max_retries or call.items:
            return None
        delay = min(retry.max_delay, retry.initial_delay * retry.backoff_factor ** (call.attempt - 1))
        asked = error.retry_after
        if asked is not None:
            delay = min(max(asked, delay), delay + 5.0)
        if self.world.now + delay >= call.deadline:
            return None
        cost = call.tool.quota.take(throttled=asked is not None) if retry.quota else 0
        return None if cost is None else (delay, cost)

    def _attempt(self, call: Call) -> Steps:
        """Through the gates, all or none, then the body, then give back what was granted."""
        tool, permit, turn, promise, has_place = call.tool, None, None, None, False
        before, outcome, price = call.bodies, "neutral", None
        try:
            permit = pass_circuit(call, self.world.now)
            turn = yield from self._pass_limiter(call)
            promise = pass_purse(call)
            has_place = yield from self._pass_places(call)
            if permit is not None:
                tool.circuit.begin(permit, self.world.now)
            yield from self._timed(call)
            outcome, price = "success", call.visit.price if tool.tool.is_priced else None
        except RefusedError as refusal:
            raise CallError(refusal.kind, call, refusal.retry_after, refusal.money) from None
        except CallError as error:
            outcome = "neutral" if error.refuses(call) else "failure"
            raise
        finally:
            has_run = call.bodies > before
            if permit is not None:
                seconds = self.world.now - call.started_at
                tool.circuit.record(permit, outcome if has_run else "neutral", self.world.now, seconds)
            if turn is not None and not has_run:
                tool.limiter.give_back(turn)
            if promise is not None:
                self._pay(call, promise, has_run=has_run, price=price)
            if has_place:
                tool.places.give_back()

    def _pass_limiter(self, call: Call) -> Any:
        limiter, now = call.tool.limiter, self.world.now
        if limiter is None:
            return None
        wait = limiter.wait(now)
        if wait > min(call.tool.settings("rate_limit").max_wait, max(0.0, call.deadline - now)):
            raise RefusedError("RateLimitedError", wait)
        turn: Turn = limiter.take(now)
        if wait:
            try:
                yield wait
            except GivenUpError:
                limiter.give_back(turn)
                raise
        return turn

    def _pay(self, call: Call, promise: Promise, *, has_run: bool, price: float | None) -> None:
        if not has_run:
            promise.release()
            return
        config = call.tool.settings("budget")
        has_money = call.tool.tool.is_priced or not (config.cost_per_call is None and config.max_cost_per_call is None)
        if has_money:
            call.cost = (call.cost or 0.0) + (promise.amount if price is None else price)
        promise.settle(price)
        if promise.is_known() and promise.purse.has_news(call.session):
            self.seen.alerts.append((config.shared_key or call.tool.number, call.session))

    def _pass_places(self, call: Call) -> Any:
        places, concurrency = call.tool.places, call.tool.settings("concurrency")
        if places is None or places.take():
            return places is not None
        wait = min(concurrency.max_wait, call.deadline - self.world.now)
        if wait > 0:
            process = call.line.process
            places.queue.append(process)
            try:
                if (yield wait):
                    return True
            except GivenUpError:
                places.queue.remove(process)
                raise
            places.queue.remove(process)
        raise RefusedError("ConcurrencyLimitError")

    def _timed(self, call: Call) -> Steps:
        timeout = call.tool.settings("timeout_config")
        limit = math.inf if timeout is None or timeout.timeout_seconds is None else timeout.timeout_seconds
        if timeout is not None and call.deadline - self.world.now <= 0:
            raise CallError("CallTimedOutError", call)
        if call.tool.tool.is_stream:
            yield from self._stream(call, limit)
        else:
            yield from self._within(call, limit, self._body(call))

    def _within(self, call: Call, limit: float, steps: Steps) -> Steps:
        """So many seconds, and not past the deadline; what takes longer is cancelled, and then it is a time-out."""
        is_over = False

        def end() -> None:
            nonlocal is_over
            is_over = True
            call.line.process.cancel()

        now = self.world.now
        timer = self.world.at(now + min(limit, call.deadline - now), end)
        try:
            yield from steps
        except GivenUpError:
            if is_over:
                raise CallError("CallTimedOutError", call) from None
            raise
        finally:
            timer.is_off = True

    def _start(self, call: Call) -> tuple[Attempt, Run]:
        call.bodies += 1
        call.started_at = self.world.now
        run = Run(call.visit.number, self.world.now)
        self.seen.runs.append(run)
        return call.visit.attempt(call.bodies), run

    def _body(self, call: Call) -> Steps:
        attempt, run = self._start(call)
        try:
            yield from self._act(call, attempt)
        finally:
            run.end = self.world.now

    def _act(self, call: Call, attempt: Attempt) -> Steps:
        yield attempt.before
        if attempt.inner is not None:
            yield from self.call(call.line, attempt.inner, call.session)
        yield attempt.after
        if attempt.fails:
            raise CallError("BoomError")

    def _stream(self, call: Call, limit: float) -> Steps:
        attempt, run = self._start(call)
        try:
            for seconds in attempt.steps:
                yield from self._within(call, limit, _sleep(seconds))
                call.items += 1
                if call.items >= call.visit.takes:
                    raise StoppedError(was_cancelled=False)
                try:
                    yield call.visit.pause
                except GivenUpError:
                    raise StoppedError(was_cancelled=True) from None
            yield from self._within(call, limit, self._act(call, attempt))
        finally:
            run.end = self.world.now


def _sleep(seconds: float) -> Steps:
    yield seconds
