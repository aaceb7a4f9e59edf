"""Draws saved figures as `docs/bench.svg`, the same bytes for the same figures. Run with `make bench-report`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.meter import Row
from bench.results import Results, is_call, load

# Before matplotlib is imported: its cache of fonts belongs to its environment.
os.environ.setdefault("MPLCONFIGDIR", str(Path(sys.prefix) / "cache"))

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# On white and on black alike: the background is whatever the page has.
_INK = "#768390"
_OURS = "#3f83f8"
_OTHERS = "#b08500"
_FAINT = 0.4
"""How strongly the process's share is drawn, behind the caller's."""

_LEFT_US = 0.03
"""Where a logarithmic axis begins has no meaning; everything measured is to the right of it."""
_INCHES_PER_BAR = 0.2
_SETTINGS = {
    "font.size": 8,
    # Texts stay texts: a tenth of the size, and they can be searched.
    "svg.fonttype": "none",
    # Ids are hashes with this in them, instead of a number that is drawn anew each time.
    "svg.hashsalt": "bench",
}
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


def main(figures: str, picture: str) -> None:
    """Draw the figures of the file `figures` into the file `picture`."""
    results = load(Path(figures))
    with mpl.rc_context(_SETTINGS):
        bars = list(_bars(results))
        drawing = Figure(figsize=(8.5, 0.8 + _INCHES_PER_BAR * len(bars)), layout="constrained")
        _draw(drawing.add_subplot(), bars, results.span_us())
        drawing.savefig(picture, format="svg", transparent=True, metadata=_NO_METADATA)


def _bars(results: Results) -> Iterator[tuple[str, Row, str]]:
    """Label, row and colour of each bar, from the top."""
    for row in results.rows:
        if is_call(row):
            yield row.name if row is results.rows[0] else f"agentguard: {row.name}", row, _OURS
    for peer in results.peers:
        for row in peer.rows:
            yield f"{peer.name}: {row.name}", row, _OTHERS


def _draw(axes: Axes, bars: list[tuple[str, Row, str]], span_us: float | None) -> None:
    for place, (_, row, colour) in enumerate(bars):
        if row.process_us is not None:
            axes.barh(place, row.process_us - _LEFT_US, left=_LEFT_US, color=colour, alpha=_FAINT)
        axes.barh(place, row.us - _LEFT_US, left=_LEFT_US, color=colour)
        axes.text(max(row.us, row.process_us or 0.0) * 1.08, place, f"{row.us:,.2f}", va="center", color=_INK)
    if span_us:
        axes.axvline(span_us, color=_INK, linewidth=0.8, linestyle="--", zorder=0)
    axes.set_xscale("log")
    # To the right of the longest bar is room for its figure.
    axes.set_xlim(_LEFT_US, 3 * max(max(row.us, row.process_us or 0.0) for _, row, _ in bars))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(range(len(bars)), [label for label, _, _ in bars])
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.set_xlabel("microseconds of CPU per call: the caller, and faintly the whole process; dashed: one span")
    axes.xaxis.label.set_color(_INK)
    axes.tick_params(colors=_INK, length=2)
    axes.minorticks_off()
    for side in axes.spines.values():
        side.set_visible(False)


if __name__ == "__main__":
    main(*sys.argv[1:])
