"""Spans as the tree that their calls were."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from agentguard.tracing.session_log import by_start
from agentguard.tracing.span import Span


@dataclass(slots=True)
class TraceNode:
    """A span and what happened inside it."""

    span: Span
    """The span itself."""
    children: list[TraceNode] = field(default_factory=list)
    """What happened inside, by start."""


def tree_of(spans: Iterable[Span]) -> list[TraceNode]:
    """The outermost of `spans`, by start, with the others inside them.

    A span whose parent is not among `spans` is outermost: the parent may not have been recorded, or not in this store.
    """
    nodes = {span.span_id: TraceNode(span) for span in sorted(spans, key=by_start)}
    roots = []
    for node in nodes.values():
        parent = nodes.get(node.span.parent_id or "")
        if parent is None:
            roots.append(node)
        else:
            parent.children.append(node)
    return roots + _cut_cycles(nodes, roots)


def part_inside(spans: Iterable[Span], span_id: str) -> list[Span]:
    """The span with this id and what happened inside it, by start; none when it is not among `spans`."""
    roots = tree_of(spans)
    members = {member for root in _nodes(roots) if root.span.span_id == span_id for member in _inside(root)}
    return sorted((node.span for node in _nodes(roots) if node.span.span_id in members), key=by_start)


def with_enclosing(spans: Iterable[Span], wanted: Callable[[Span], bool]) -> list[Span]:
    """Those of `spans` that are wanted, and those around them, in the same order: a tree that shows where they were."""
    by_id = {span.span_id: span for span in spans}
    kept: set[str] = set()
    for span in by_id.values():
        above: Span | None = span if wanted(span) else None
        while above is not None and above.span_id not in kept:
            kept.add(above.span_id)
            above = by_id.get(above.parent_id or "")
    return [span for span in by_id.values() if span.span_id in kept]


def _cut_cycles(nodes: dict[str, TraceNode], roots: list[TraceNode]) -> list[TraceNode]:
    """Further outermost nodes, when spans claim to be inside each other, as only a damaged store can have it."""
    seen = {span_id for root in roots for span_id in _inside(root)}
    cut = []
    for span_id, node in nodes.items():
        if span_id not in seen:
            parent = nodes[node.span.parent_id or ""]
            parent.children.remove(node)
            cut.append(node)
            seen.update(_inside(node))
    return cut


def _inside(root: TraceNode) -> Iterator[str]:
    return (node.span.span_id for node in _nodes([root]))


def _nodes(roots: Iterable[TraceNode]) -> Iterator[TraceNode]:
    # Without recursion: a damaged or a hostile store may be very deep.
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.children
