"""What the shell offers when TAB is pressed: ids and names out of the store."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from agentguard.tracing import Store

TRACES_FOLDER = Path("traces")
"""Where traces are when nothing else is said."""

_MOST = 100
"""More would only fill the screen."""


def ids(context: typer.Context, incomplete: str) -> list[str]:
    """Sessions and traces that begin like this."""
    return _offered(context, lambda store: store.ids(incomplete, limit=_MOST))


def tools(context: typer.Context, incomplete: str) -> list[str]:
    """Names of recorded tools that begin like this."""
    return _offered(context, lambda store: store.tools(incomplete, limit=_MOST))


def statuses(incomplete: str) -> list[str]:
    """Words for how a call ended."""
    from agentguard.tracing.query import statuses as every

    return [word for word in every() if word.startswith(incomplete)]


def _offered(context: typer.Context, ask: Callable[[Store], list[str]]) -> list[str]:
    """What `ask` finds in the store that the line names so far. Without a store, or with a damaged one, nothing."""
    from agentguard.tracing import open_store

    # The line being typed is on the screen: nothing may be printed into it, and nothing raised.
    silenced = logging.root.manager.disable
    logging.disable()
    try:
        path = context.params.get("path") or TRACES_FOLDER
        found = ask(open_store(Path(path).expanduser()))
    except Exception:  # noqa: BLE001 - as above
        return []
    finally:
        logging.disable(silenced)
    # Quoting differs from shell to shell; what would need it can still be typed.
    return [each for each in found if each.isascii() and each.isprintable() and not set(each) & set(" \"'`$\\!&;|<>()")]
