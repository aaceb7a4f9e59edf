"""Recorded spans as one HTML file: tree, waterfall and payloads, for people, without a network.

Everything in a trace may be hostile. It gets into the page only through `_text`, as text and never as markup; and if
that failed, the page's own policy lets no script run but ours, and loads nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import groupby
from typing import Any

from agentguard.tracing.escaping import visible
from agentguard.tracing.html_looks import SCRIPT, STYLE
from agentguard.tracing.span import Span
from agentguard.tracing.timeline import Timeline, timeline_of
from agentguard.tracing.tree import TraceNode, tree_of
from agentguard.tracing.wording import arguments_of, seconds_text, status_of

_LONGEST_NAME = 120
_LONGEST_PAYLOAD = 20_000
_DEEPEST = 24
"""Levels that are indented; what is deeper stands at the last of them."""
_PARTS = 120
"""Columns of the chart of how many calls ran at once."""


def html_page(spans: Sequence[Span], *, note: str = "") -> Iterator[str]:
    """One self-contained page with all of `spans`, in pieces; a part for each session, and for each trace outside one.

    Args:
        spans: What to show.
        note: Stands under the title, such as that there is more than is shown.
    """
    yield _head(len(spans), note)
    for members in _groups(spans):
        yield from _part(members)
    yield f"<script>{SCRIPT}</script>\n</body>\n</html>\n"


def _groups(spans: Sequence[Span]) -> list[list[Span]]:
    def group(span: Span) -> tuple[bool, str]:
        return (True, span.trace_id) if span.session_id is None else (False, span.session_id)

    groups = [list(members) for _, members in groupby(sorted(spans, key=group), group)]
    return sorted(groups, key=lambda members: min(span.started_at for span in members))


def _head(number: int, note: str) -> str:
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>agentguard traces</title>
<style>{STYLE}</style>
</head>
<body>
<h1>agentguard traces</h1>
<p class="dim">{number} spans. {_text(note)}</p>
<p id="search" hidden><label>Show rows with <input id="filter" type="search" autocomplete="off"></label>
<output id="count" for="filter"></output></p>
"""


def _part(spans: list[Span]) -> Iterator[str]:
    timeline = timeline_of(spans)
    calls = [span for span in spans if span.kind == "tool"]
    session, trace = spans[0].session_id, spans[0].trace_id
    title = f"session {_name(session)}" if session is not None else f"trace {_name(trace)}"
    began = datetime.fromtimestamp(timeline.began, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    yield f"""<section>
<h2>{title}</h2>
<p class="dim"><time datetime="{began[:-4].replace(" ", "T")}Z">{began}</time>, {len(calls)} calls in
{seconds_text(timeline.seconds)}, at most {timeline.peak} at once</p>
<table>
<caption>Calls, inside each other, on one axis of time from 0 to {seconds_text(timeline.seconds)}</caption>
<thead><tr><th scope="col">call</th><th scope="col">status</th><th scope="col">tries</th><th scope="col">at</th>
<th scope="col">took</th><th scope="col">when</th></tr></thead>
<tbody>
"""
    if timeline.peak > 1:
        yield f"<tr><td>calls at once</td><td></td><td></td><td></td><td></td><td>{_levels(timeline)}</td></tr>\n"
    for depth, node in _walk(tree_of(spans)):
        yield _row(node.span, depth, timeline)
    yield "</tbody>\n</table>\n</section>\n"


def _walk(nodes: Sequence[TraceNode]) -> Iterator[tuple[int, TraceNode]]:
    # Without recursion: a damaged or a hostile store may be very deep.
    waiting = [(0, node) for node in reversed(nodes)]
    while waiting:
        depth, node = waiting.pop()
        yield depth, node
        waiting += [(depth + 1, child) for child in reversed(node.children)]


def _row(span: Span, depth: int, timeline: Timeline) -> str:
    start, end = timeline.place(span)
    attempts = span.attributes.get("attempts", 1) if span.kind == "tool" else ""
    # Kind and status are words of a closed set, checked when the row was read.
    return (
        f'<tr data-row class="{span.status} {span.kind}"><td style="padding-left:{1.2 * min(depth, _DEEPEST):.1f}rem">'
        f'{_call(span)}</td><td class="status">{escape(status_of(span))}</td><td>{_name(str(attempts))}</td>'
        f"<td>{seconds_text(span.started_at - timeline.began)}</td><td>{seconds_text(span.duration)}</td>"
        f'<td><div class="lane" aria-hidden="true"><div class="bar" '
        f'style="left:{100 * start:.3f}%;width:{100 * (end - start):.3f}%"></div></div></td></tr>\n'
    )


def _call(span: Span) -> str:
    """Name and arguments; what else is known, when it is opened."""
    payloads = {
        "arguments": span.input,
        "result": span.output,
        "error": span.error,
        "attributes": span.attributes or None,
        "events": span.events or None,
    }
    parts = [f"<p>{name}</p><pre>{_payload(value)}</pre>" for name, value in payloads.items() if value is not None]
    ids = f'<p class="dim">{span.kind} {_name(span.span_id)}, trace {_name(span.trace_id)}</p>'
    arguments = escape(arguments_of(span)) if span.kind == "tool" else ""
    return f"<details><summary><code>{_name(span.name)}{arguments}</code></summary>{ids}{''.join(parts)}</details>"


def _levels(timeline: Timeline) -> str:
    peak = max(1, timeline.peak)
    bars = "".join(f'<span style="height:{100 * level / peak:.0f}%"></span>' for level in timeline.at_once(_PARTS))
    return f'<div class="levels" role="img" aria-label="At most {timeline.peak} calls at once">{bars}</div>'


def _payload(value: Any) -> str:
    try:
        text = json.dumps(value, indent=2, ensure_ascii=False)
    except RecursionError:
        text = "(nested too deep to be shown)"
    cut, rest = text[:_LONGEST_PAYLOAD], len(text) - _LONGEST_PAYLOAD
    lines = [_text(line) for line in cut.split("\n")]
    more = [f"... and {rest:,} more characters: see --format json"] if rest > 0 else []
    return "\n".join([*lines, *more])


def _name(text: str) -> str:
    return escape(visible(text, _LONGEST_NAME))


def _text(text: str) -> str:
    """One line of text, harmless as markup and harmless to read."""
    return escape(visible(text))
