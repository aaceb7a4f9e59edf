"""Spans as the tree that their calls were."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node.span.span_id
        waiting += node.children
