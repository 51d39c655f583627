"""A trace's tree as text, from the trace and as a page draws it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from traces.model import Span, Trace

# JavaScript: each element's text and how far right it is drawn, which shows the depth in a tree.
READ_TREE = "return arguments[0].map(e => [e.innerText.trim(), Math.round(e.getBoundingClientRect().x)])"


def tree_of(trace: Trace) -> str:
    """Return the names of a trace's spans, one a line, indented by depth, siblings by their start."""

    def lines(span: Span, depth: int) -> Iterator[str]:
        yield "  " * depth + span.name
        for child in trace.children(span):
            yield from lines(child, depth + 1)

    return "\n".join(line for root in trace.roots for line in lines(root, 0))


def drawn_tree(elements: Iterable[tuple[str, int]]) -> str:
    """Return the same text for (name, pixels from the left) of the lines drawn."""
    drawn = list(elements)
    depths = {left: depth for depth, left in enumerate(sorted({left for _, left in drawn}))}
    return "\n".join("  " * depths[left] + name for name, left in drawn)
