"""Finding what a user means by an id."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from agentguard.tracing import Span, Store

_MOST_SHOWN = 5
_FEWEST_ALIKE = 3  # characters


class UnknownIdError(LookupError):
    """No session or trace has this id, or several could be meant. Its text says which come near."""


def find_spans(store: Store, wanted: str) -> list[Span]:
    """The spans of the session or trace with this id, or with the only id that begins like this.

    Raises:
        UnknownIdError: There is none, or more than one.
    """
    exact = store.spans(session=wanted) or store.spans(trace=wanted)
    if exact:
        return exact
    # Only a prefix needs all ids. A trace of a session is found through its session's spans.
    sessions = {session.session_id for session in store.sessions()} - {None}
    traces = {span.trace_id for span in store.spans()}
    ids = sorted({str(each) for each in sessions | traces})
    found = [each for each in ids if each.startswith(wanted)] if wanted else []
    if len(found) == 1:
        return store.spans(session=found[0]) or store.spans(trace=found[0])
    if found:
        raise UnknownIdError(f"{wanted!r} could be any of {_listed(found)}")
    near = difflib.get_close_matches(wanted, ids, n=_MOST_SHOWN, cutoff=0.5) or _begin_alike(wanted, ids)
    hint = f"did you mean {_listed(near)}?" if near else "see `agentguard traces list`"
    raise UnknownIdError(f"there is no session or trace {wanted!r}; {hint}")


def _begin_alike(wanted: str, ids: list[str]) -> list[str]:
    """Those that begin like most of what was typed: its end is where a long id goes wrong."""
    beginning = wanted[: max(_FEWEST_ALIKE, len(wanted) - 2)]
    return [each for each in ids if len(wanted) > _FEWEST_ALIKE and each.startswith(beginning)]


def _listed(ids: Iterable[str]) -> str:
    ids = list(ids)
    more = len(ids) - _MOST_SHOWN
    return ", ".join(map(repr, ids[:_MOST_SHOWN])) + (f" and {more} more" if more > 0 else "")
