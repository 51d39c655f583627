"""A trace's tree as text, from the trace and as a page draws it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice, pairwise

from traces.model import Span, Trace

# JavaScript: each element's text and how far right it is drawn, which shows the depth in a tree.
READ_TREE = "return arguments[0].map(e => [e.innerText.trim(), Math.round(e.getBoundingClientRect().x)])"
MILLISECOND = 1_000_000  # nanoseconds

Line = tuple[str, int]  # a span's name and its depth


def tree_of(trace: Trace) -> str:
    """Return the names of a trace's spans, one a line, indented by depth, siblings by their start."""

    def lines(span: Span, depth: int) -> Iterator[Line]:
        yield span.name, depth
        for child in trace.children(span):
            yield from lines(child, depth + 1)

    return text_of([line for root in trace.roots for line in lines(root, 0)])


def drawn_lines(elements: Iterable[tuple[str, int]]) -> list[Line]:
    """Return the lines drawn, from their (name, pixels from the left)."""
    drawn = list(elements)
    depths = {left: depth for depth, left in enumerate(sorted({left for _, left in drawn}))}
    return [(name, depths[left]) for name, left in drawn]


def text_of(lines: Iterable[Line]) -> str:
    """Return a tree as text, one line a span, indented by depth."""
    return "\n".join("  " * depth + name for name, depth in lines)


def draws_trace(lines: Sequence[Line], trace: Trace) -> bool:
    """Return whether lines are a trace's tree: names and depths, siblings by their start.

    Siblings that start in the same millisecond may be in any order: scripts of pages know no smaller unit.
    """
    return _draws(lines, 0, trace.roots, trace)


def _draws(lines: Sequence[Line], depth: int, spans: Iterable[Span], trace: Trace) -> bool:
    rest = iter(_split(lines, depth))
    for _, together in groupby(spans, key=lambda span: span.start_ns // MILLISECOND):
        expected = list(together)
        drawn = list(islice(rest, len(expected)))
        for span in expected:
            found = next((tree for tree in drawn if _draws_span(tree, depth, span, trace)), None)
            if found is None:
                return False
            drawn.remove(found)
    return next(rest, None) is None


def _draws_span(tree: Sequence[Line], depth: int, span: Span, trace: Trace) -> bool:
    return tree[0] == (span.name, depth) and _draws(tree[1:], depth + 1, trace.children(span), trace)


def _split(lines: Sequence[Line], depth: int) -> list[Sequence[Line]]:
    """Return the lines of each tree whose top has the depth; what comes before the first top is one, too."""
    starts = [number for number, line in enumerate(lines) if not number or line[1] == depth]
    return [lines[start:end] for start, end in pairwise([*starts, len(lines)])]
