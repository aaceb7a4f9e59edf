"""Tools played through the real guard, on a clock that only moves when it is told."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

from agentguard import HallucinationError, ResponseProfile, guard
from agentguard.testing import FakeRuntime
from bench.responses.broken import BREAKS, TOOLS, broken
from bench.responses.healthy import HEALTHY, Turn

LEARNED = 1_000
"""Healthy calls before anything breaks."""
_ONE_IN = 20


class Rate(NamedTuple):
    """How many of how many answers were flagged."""

    flagged: int
    of: int

    def __add__(self, other: object) -> Rate:
        return Rate(self.flagged + other.flagged, self.of + other.of) if isinstance(other, Rate) else NotImplemented

    @property
    def share(self) -> float:
        return self.flagged / self.of if self.of else 0.0


class Stage:
    """One guarded tool that answers what it is told to."""

    def __init__(self, clock: FakeRuntime) -> None:
        self._clock = clock
        self._turn = Turn(None)
        self._tool = guard(self._body, response_profile=ResponseProfile(learn=True))

    def _body(self, _question: Any) -> Any:
        self._clock.advance(self._turn.latency)
        return self._turn.answer

    def flags(self, turn: Turn) -> str | None:
        """Play one call; why its answer was refused, or None."""
        self._turn = turn
        try:
            self._tool(turn.question)
        except HallucinationError as error:
            return str(error)
        finally:
            self._clock.advance(turn.pause)
        return None


def play_healthy(kind: str, seed: int, calls: int, reasons: list[str] | None = None) -> Rate:
    """The false flags among `calls` calls of a healthy tool that begins without a baseline."""
    with FakeRuntime() as clock:
        stage = Stage(clock)
        turns = HEALTHY[kind](Random(f"{kind} {seed}"))
        flagged = 0
        for _ in range(calls):
            why = stage.flags(next(turns))
            if why is not None:
                flagged += 1
                if reasons is not None:
                    reasons.append(why)
        return Rate(flagged, calls)


def play_broken(how: str, tool: str, seed: int, calls: int, missed: list[Any] | None = None) -> tuple[Rate, Rate]:
    """Of `calls` calls after `LEARNED` healthy ones, one in twenty is broken: those that were caught, and the others
    that were flagged.
    """
    random = Random(f"{how} {tool} {seed}")
    with FakeRuntime() as clock:
        stage = Stage(clock)
        turns = TOOLS[tool](random)
        before = next(turns)
        for _ in range(LEARNED):
            before = next(turns)
            stage.flags(before)
        caught, false = Rate(0, 0), Rate(0, 0)
        for turn, bad in _some_broken(how, turns, before, random, calls):
            is_flagged = stage.flags(turn) is not None
            if bad:
                caught += Rate(is_flagged, 1)
                if missed is not None and not is_flagged:
                    missed.append((tool, turn.answer))
            else:
                false += Rate(is_flagged, 1)
        return caught, false


def _some_broken(
    how: str, turns: Iterator[Turn], before: Turn, random: Random, calls: int
) -> Iterator[tuple[Turn, bool]]:
    run = 0
    for _ in range(calls):
        turn = next(turns)
        # A value that is stuck stays so for a while; everything else breaks once.
        if run == 0 and random.random() < 1 / _ONE_IN:
            run = 5 if how.startswith("stuck") else 1
        if run:
            run -= 1
            bad = broken(BREAKS[how], turn.answer, before.answer, random)
            if bad is not None or how == "empty body":
                shown = turn._replace(answer=bad)
                yield shown, True
                before = shown if how.startswith("stuck") else before
                continue
        before = turn
        yield turn, False
