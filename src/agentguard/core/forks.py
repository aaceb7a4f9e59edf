"""What must start afresh in a forked child: it has its parent's objects, and none of its parent's other threads."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Renewable(Protocol):
    """Holds something that only a thread of its own process can give back."""

    def renew(self) -> None:
        """Start afresh."""


_renewables: WeakSet[Renewable] = WeakSet()


def renew_in_children(renewable: Renewable) -> None:
    """Have `renewable` renewed in every process forked from this one, for as long as it lives."""
    _renewables.add(renewable)


def _renew_all() -> None:
    for renewable in list(_renewables):
        renewable.renew()


os.register_at_fork(after_in_child=_renew_all)
