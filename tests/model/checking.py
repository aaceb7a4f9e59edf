"""Holding what the guard did against what the model says, and against what must hold whatever happens."""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from agentguard import RateLimitConfig
from tests.model.guarded import Execution
from tests.model.reference import Limiter
from tests.model.schedule import Schedule, smaller
from tests.model.seen import Seen
from tests.model.simulated import Simulation

NEAR = 1e-6
"""Seconds and US dollars."""


Configure = Callable[[Schedule], Schedule]


def as_it_is(schedule: Schedule) -> Schedule:
    """The guard gets the schedule that the model gets."""
    return schedule


def problems_of(schedule: Schedule, configure: Configure = as_it_is) -> list[str]:
    """What is wrong with the guard's doings; nothing, when they are right. A test of this test may configure the guard
    otherwise than the model.
    """
    expected = Simulation(schedule).run()
    execution = Execution(configure(schedule), [] if schedule.is_sync else [now for now, _ in expected.samples])
    try:
        seen = execution.run()
    except Exception as error:  # a crash is a finding, too
        return [f"the run itself raised {error!r}"]
    problems = list(_broken_promises(schedule, execution))
    if not expected.has_ties:
        problems += _differences(expected, seen)
    return problems


def has_ties(schedule: Schedule) -> bool:
    """Whether the model leaves open what happens."""
    return Simulation(schedule).run().has_ties


def shrunk(schedule: Schedule, configure: Configure = as_it_is) -> Schedule:
    """The same problem with as little around it as can be."""
    title = problems_of(schedule, configure)[0][:12]
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for candidate in smaller(schedule):
            if any(problem.startswith(title) for problem in problems_of(candidate, configure)):
                schedule, is_smaller = candidate, True
                break
    return schedule


def _differences(expected: Seen, seen: Seen) -> Iterator[str]:
    runs = [sorted((run.start, run.visit, run.end) for run in each.runs) for each in (expected, seen)]
    yield from _compared("runs of bodies (start, call, end)", *runs)
    ended = [
        sorted((end.at, end.visit, end.kind, end.retry_after, end.money) for end in each.ended)
        for each in (expected, seen)
    ]
    yield from _compared("ends of calls (time, call, what its caller got, retry_after, money)", *ended)
    alerts = [sorted(each.alerts, key=str) for each in (expected, seen)]
    yield from _compared("alerts (tool or shared key, session)", *alerts)
    for number in expected.records.keys() | seen.records.keys():
        records = [sorted(each.records.get(number, []), key=str) for each in (expected, seen)]
        yield from _compared(f"record of arrival {number} (tool, status, attempts, cost)", *records)
    # The first difference in the state says more than all that follow from it.
    for (now, before), (_, after) in zip(expected.samples, seen.samples, strict=False):
        if not _agree(before, after):
            yield f"state() at {now:.6f}:\n  model {before}\n  guard {after}"
            return
    if len(expected.samples) != len(seen.samples):
        yield f"{len(expected.samples)} looks at the state expected, {len(seen.samples)} taken"


def _compared(title: str, model: list[Any], real: list[Any]) -> Iterator[str]:
    if _agree(model, real):
        return
    lines = [title]
    for place in range(max(len(model), len(real))):
        pair = [each[place] if place < len(each) else None for each in (model, real)]
        if not _agree(*pair):
            lines.append(f"  [{place}] model {pair[0]}\n  [{place}] guard {pair[1]}")
    yield "\n".join(lines)


def _agree(model: Any, real: Any) -> bool:
    if isinstance(model, float) and isinstance(real, float | int):
        return model == real or math.isclose(model, real, rel_tol=0.0, abs_tol=NEAR)
    if isinstance(model, dict) and isinstance(real, dict):
        return model.keys() == real.keys() and all(_agree(model[key], real[key]) for key in model)
    if isinstance(model, list | tuple) and isinstance(real, list | tuple):
        return len(model) == len(real) and all(_agree(one, other) for one, other in zip(model, real, strict=True))
    return bool(model == real)


def _broken_promises(schedule: Schedule, execution: Execution) -> Iterator[str]:
    """What may never happen, in whatever order things that are due together come."""
    seen = execution.seen
    ran = {run.call_id for run in seen.runs}
    yield from (
        f"{error!r} says the tool did not run, and it did" for error in execution.refusals if error.call_id in ran
    )
    for number, (tool, guarded) in enumerate(zip(schedule.tools, execution.tools, strict=True)):
        concurrency = tool.options.get("concurrency")
        if concurrency is not None and execution.most[number] > concurrency.max_concurrent:
            yield f"tool {number} ran {execution.most[number]} times at once"
        state = guarded.state()
        left = {name: state[name] for name in ("running", "waiting", "hung") if state.get(name)}
        if left or execution.running[number]:
            yield f"tool {number} is left with {left}, {execution.running[number]} bodies running"
    yield from _too_many_calls(schedule, execution)
    yield from _too_fast(schedule, execution)


def _too_many_calls(schedule: Schedule, execution: Execution) -> Iterator[str]:
    """More bodies than a session may have."""
    if any(order.what == "reset" for order in schedule.orders):
        return
    runs: Counter[Any] = Counter()
    most: dict[Any, float] = {}
    for run in execution.seen.runs:
        number = execution.visits[run.visit].tool
        budget = schedule.tools[number].options.get("budget")
        if budget is not None and budget.max_calls_per_session is not None:
            key = budget.shared_key or number, run.session
            runs[key] += 1
            most[key] = math.inf if budget.on_exceed == "warn" else budget.max_calls_per_session
    yield from (f"{runs[key]} calls of {key} where {most[key]} are allowed" for key in runs if runs[key] > most[key])


def _too_fast(schedule: Schedule, execution: Execution) -> Iterator[str]:
    """Bodies started sooner than the rate allows. Where calls queue for a place after they got their turn, they may."""
    if any(order.what == "reset" for order in schedule.orders):
        return
    starts: dict[Any, list[float]] = {}
    rates: dict[Any, RateLimitConfig] = {}
    for run in execution.seen.runs:
        number = execution.visits[run.visit].tool
        options = schedule.tools[number].options
        queues = "concurrency" in options and options["concurrency"].max_wait > 0
        if "rate_limit" in options and not queues:
            key = options["rate_limit"].shared_key or number
            rates[key] = options["rate_limit"]
            starts.setdefault(key, []).append(run.start)
    for key, rate in rates.items():
        limiter = Limiter(rate)
        for window, most in [*limiter.longer, (0.0, limiter.burst)]:
            yield from (f"{excess} under {rate}" for excess in _excesses(starts[key], window, most, limiter.interval))


def _excesses(starts: list[float], window: float, most: int, interval: float) -> Iterator[str]:
    """Stretches of time in which more calls start than may; without a window, `most` and one more per interval."""
    for last, end in enumerate(starts):
        for first in range(last):
            seconds = end - starts[first]
            allowed = most if window else most + seconds / interval + NEAR
            if last - first + 1 > allowed and (not window or seconds < window - NEAR):
                yield f"{last - first + 1} calls within {seconds} s"


def statuses(seen: Seen) -> Counter[str]:
    """How often each end came, to see that the schedules reach them all."""
    return Counter(end.kind for end in seen.ended)
