"""Playing one act: what it says, what goes wrong, and what is left of it for the summary."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from rich.text import Text

from agentguard import call_metadata
from agentguard.cli.demo_scene import ACT, Act, Scene, print_line
from agentguard.tracing import TraceEntry


@dataclass(frozen=True)
class Performance:
    """An act that was played."""

    act: Act
    """Which."""

    outcome: str
    """What happened, in a few words."""

    calls: list[TraceEntry]
    """The calls made in it."""

    failed: int
    """Claims that were not true."""

    @property
    def refused(self) -> int:
        """Calls that ended before the tool's body ran."""
        return sum(entry.span.attributes.get("ran") is False for entry in self.calls)


async def perform(number: int, scene: Scene) -> Performance:
    """Play an act. Whatever goes wrong in it is told, and the next one can be played."""
    act = scene.act
    scene.screen.print()
    title = Text.assemble((act.title, "bold cyan"), "  ", (inspect.getdoc(act.play) or act.shows, "dim"))
    print_line(scene.screen, Text(f" {number:2}", "bold cyan"), title)
    with _progress(scene), _warnings_told(scene), call_metadata(**{ACT: act.title}):
        try:
            outcome = await act.play(scene)
        except Exception as error:  # noqa: BLE001 - an act that breaks is a claim that failed, like any other
            outcome = f"{type(error).__name__}: {error}"
            scene.fail(outcome)
    return Performance(act, outcome, scene.calls, scene.failed)


def _progress(scene: Scene) -> AbstractContextManager[object]:
    """Something that moves while the act is waiting; nothing where it could not be wiped away again."""
    screen = scene.screen
    return screen.status(Text(scene.act.shows, "dim")) if screen.is_terminal else nullcontext()


@contextmanager
def _warnings_told(scene: Scene) -> Iterator[None]:
    """What agentguard logs during the act, as part of it."""
    handler = _Told(scene)
    logger = logging.getLogger("agentguard")
    logger.addHandler(handler)
    logger.propagate, before = False, logger.propagate
    try:
        yield
    finally:
        logger.propagate = before
        logger.removeHandler(handler)


class _Told(logging.Handler):
    def __init__(self, scene: Scene) -> None:
        super().__init__(logging.WARNING)
        self._scene = scene

    def emit(self, record: logging.LogRecord) -> None:
        self._scene.say(f"log: {record.getMessage()}")
