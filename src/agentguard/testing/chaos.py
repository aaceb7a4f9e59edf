"""Trouble at random, the same trouble every time."""

from __future__ import annotations

import copy
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any

from agentguard.core.call import ToolCall
from agentguard.core.chain import Handler
from agentguard.core.result import ToolResult
from agentguard.errors import ConfigError
from agentguard.testing.stand_in import Part, stand_in

WRONG: tuple[Any, ...] = (None, "", {"error": "internal error"})
"""What a tool gives that answers, and does not answer: nothing, an empty text, an error as a success."""


class ChaosMiddleware:
    """A middleware that makes tools slow, fail, and answer wrongly, at random and reproducibly. Off until enabled.

    The trouble happens in the tool's body, innermost, where a tool's own trouble comes from: so retries, breakers,
    limits, time-outs and checks of responses all see it, once per attempt, whether the tool is sync, async or a stream.
    Waiting takes virtual time under `virtual_time` and `FakeRuntime`.

    What happens in a tool's n-th run is decided by the seed, the tool's name and n alone: calls of other tools do not
    change it, and neither do other rates. Safe to share by tools, tasks and threads; the runs of one tool are numbered
    in the order in which they start.
    """

    def __init__(
        self,
        *,
        seed: int | str,
        latency: tuple[float, float] = (0.0, 0.0),
        error_rate: float = 0.0,
        errors: Sequence[BaseException | type[BaseException]] = (ConnectionError, TimeoutError),
        wrong_rate: float = 0.0,
        wrong: Callable[[Any], Any] | Sequence[Any] = WRONG,
        enabled: bool = False,
    ) -> None:
        """Set the rates.

        Args:
            seed: Which trouble; the same seed gives the same.
            latency: Seconds that each run takes longer, drawn evenly between the two.
            error_rate: Share of runs, from 0 to 1, that raise one of `errors` instead of running the body.
            errors: Instances, raised as they are, or classes.
            wrong_rate: Share of the other runs that answer wrongly, after the body ran.
            wrong: Values to answer instead, or a function that makes a wrong answer from the right one. Of a stream,
                each item is replaced.
            enabled: Whether it does anything. It may be changed at any time through the attribute of that name. There
                is no environment variable on purpose: write `enabled=os.environ.get("CHAOS") == "1"` if you want one.

        Raises:
            ConfigError: A rate is not between 0 and 1, the latency is negative or the wrong way round, or there is
                nothing to choose from.
        """
        _check_rates(error_rate=error_rate, wrong_rate=wrong_rate)
        _check_latency(latency)
        _check_choices(errors=errors, wrong=wrong)
        self.enabled = enabled
        """Whether it does anything. Off, it costs one comparison."""
        self._seed = seed
        self._latency = latency
        self._error_rate = error_rate
        self._errors = errors
        self._wrong_rate = wrong_rate
        self._wrong = wrong
        self._lock = threading.Lock()
        self._runs: Counter[str] = Counter()
        self._done: Counter[str] = Counter()

    def __call__(self, call: ToolCall, next: Handler, /) -> Awaitable[ToolResult]:
        """Give the call a body that may be in trouble. Does not wait itself, so that it suits sync tools too."""
        if self.enabled:
            target = copy.copy(call.target)
            target.fn = stand_in(target.fn, lambda: self._part_for(call.tool_name), target.kind)
            call.target = target
        return next(call)

    @property
    def counts(self) -> dict[str, int]:
        """What it did: `runs` it had a say in, `delayed`, `errors` raised, `wrong` answers given."""
        with self._lock:
            return {name: self._done[name] for name in ("runs", "delayed", "errors", "wrong")}

    def _part_for(self, tool: str) -> Part:
        with self._lock:
            self._runs[tool] += 1
            part = self._draw(f"{self._seed}/{tool}/{self._runs[tool]}")
            self._done["runs"] += 1
            self._done["delayed"] += part.seconds > 0
            self._done["errors"] += part.error is not None
            self._done["wrong"] += part.change is not None
        return part

    def _draw(self, number: str) -> Part:
        # Everything is drawn every time and in the same order, so that one rate does not shift what another one picks.
        draw = Random(number)  # noqa: S311 - reproducible on purpose
        seconds = draw.uniform(*self._latency)
        fails = draw.random() < self._error_rate
        is_wrong = draw.random() < self._wrong_rate
        which_error, which_value = draw.random(), draw.random()
        if fails:
            return Part(seconds=seconds, error=_made(self._errors[int(which_error * len(self._errors))]))
        return Part(seconds=seconds, change=self._change(which_value) if is_wrong else None)

    def _change(self, which: float) -> Callable[[Any], Any]:
        wrong = self._wrong
        if callable(wrong):
            return wrong
        value = wrong[int(which * len(wrong))]
        return lambda _right: value

    def __repr__(self) -> str:
        return f"<ChaosMiddleware seed={self._seed!r} {'enabled' if self.enabled else 'off'}>"


def _made(error: BaseException | type[BaseException]) -> BaseException:
    return error if isinstance(error, BaseException) else error("chaos")


def _check_rates(**rates: float) -> None:
    for name, rate in rates.items():
        if not 0 <= rate <= 1:
            msg = f"{name}: {rate!r} is not between 0 and 1"
            raise ConfigError(msg)


def _check_latency(latency: tuple[float, float]) -> None:
    low, high = latency
    if not 0 <= low <= high < float("inf"):
        msg = f"latency: {latency!r} is not two numbers of seconds, the smaller one first"
        raise ConfigError(msg)


def _check_choices(**choices: Any) -> None:
    for name, given in choices.items():
        if not callable(given) and not (isinstance(given, Sequence) and given and not isinstance(given, str)):
            msg = f"{name}: {given!r} is not a sequence with something to choose from"
            raise ConfigError(msg)
