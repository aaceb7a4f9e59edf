"""Finding what a user means by an id."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from agentguard.tracing import Span, Store
from agentguard.tracing.tree import part_inside

_MOST_SHOWN = 5
_FEWEST_ALIKE = 3  # characters
_MOST_COMPARED = 2_000  # ids


class UnknownIdError(LookupError):
    """No session, trace or call has this id, or several could be meant. Its text says which come near."""


def find_spans(store: Store, wanted: str | None) -> list[Span]:
    """The spans of the session, trace or call with this id, or with the only id that begins like this.

    None means the session or trace with the newest call.

    Raises:
        UnknownIdError: There is none, or more than one.
    """
    if wanted is None:
        return _newest(store)
    exact = _spans_of(store, wanted)
    if exact:
        return exact
    found = store.ids(wanted) if wanted else []
    if len(found) == 1:
        return _spans_of(store, found[0])
    if found:
        raise UnknownIdError(f"{wanted!r} could be any of {_listed(found)}")
    near = _near(store, wanted)
    hint = f"did you mean {_listed(near)}?" if near else "see `agentguard traces list`"
    raise UnknownIdError(f"there is no session, trace or call {wanted!r}; {hint}")


def _newest(store: Store) -> list[Span]:
    newest = store.spans(limit=1)
    if not newest:
        raise UnknownIdError("nothing has been recorded yet")
    session, trace = newest[0].session_id, newest[0].trace_id
    return store.spans(trace=trace) if session is None else store.spans(session=session)


def _spans_of(store: Store, its_id: str) -> list[Span]:
    whole = store.spans(session=its_id) or store.spans(trace=its_id)
    if whole:
        return whole
    call = store.spans(span=its_id)
    return part_inside(store.spans(trace=call[0].trace_id), its_id) if call else []


def _near(store: Store, wanted: str) -> list[str]:
    """Ids that look alike, or that begin like most of what was typed: its end is where a long id goes wrong."""
    beginning = wanted[: max(_FEWEST_ALIKE, len(wanted) - 2)] if len(wanted) > _FEWEST_ALIKE else ""
    ids = store.ids(limit=_MOST_COMPARED)
    alike = difflib.get_close_matches(wanted, ids, n=_MOST_SHOWN, cutoff=0.5)
    return alike or (store.ids(beginning) if beginning else [])


def _listed(ids: Iterable[str]) -> str:
    ids = list(ids)
    more = len(ids) - _MOST_SHOWN
    return ", ".join(map(repr, ids[:_MOST_SHOWN])) + (f" and {more} more" if more > 0 else "")
