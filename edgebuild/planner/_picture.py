"""The arena over time: bytes downwards, nodes to the right; as SVG and for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from edgebuild import ops
from edgebuild.arena import Plan
from edgebuild.ir.graph import Graph
from edgebuild.planner import Buffer, Problem

_PALETTE = ("#4c78a8", "#f58518", "#54a24b", "#b279a2", "#e45756", "#72b7b2", "#9d755d", "#bab0ac")
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 880, 320, 70, 40


def _views(problem: Problem, plan: Plan) -> Iterator[tuple[str, int, list[tuple[int, Buffer]]]]:
    """Name, bytes and buffers of each memory that the arena lies in; without a name where the target has but one."""
    everyone = list(enumerate(problem.buffers))
    if not plan.areas:
        yield "", plan.arena_bytes, everyone
    for area, region in enumerate(plan.areas):
        yield region.name, region.bytes, [(n, b) for n, b in everyone if _area(b, plan) == area]


def svg(graph: Graph, problem: Problem, plan: Plan) -> str:
    """A self-contained SVG element for each memory; each buffer is a box with its tensor's name as tooltip."""
    return "".join(_svg(graph, problem, plan, *view) for view in _views(problem, plan))


def _svg(graph: Graph, problem: Problem, plan: Plan, name: str, size: int, buffers: list[tuple[int, Buffer]]) -> str:
    columns, total = problem.nodes + 2, max(size, 1)
    bound = f"; no plan of this order can go below {plan.lower_bound:,}" if not name else f" in {name}"
    step = (_WIDTH - _LEFT) / columns
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT + _BOTTOM}" role="img" aria-label="arena over time" '
        'xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="11">',
        f'<rect x="{_LEFT}" y="0" width="{_WIDTH - _LEFT}" height="{_HEIGHT}" fill="#f4f4f4"/>',
    ]
    for number, buffer in buffers:
        offset = _offset(buffer, plan)
        x, width = _LEFT + (buffer.first + 1) * step, (buffer.last - buffer.first + 1) * step
        y, height = _HEIGHT * offset / total, max(_HEIGHT * buffer.bytes / total, 1)
        parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
            f'fill="{_PALETTE[number % len(_PALETTE)]}" fill-opacity="0.75" stroke="#fff">'
            f"<title>{escape(_label(graph, buffer))}: {buffer.bytes:,} bytes at {offset:,}</title></rect>"
        )
    for share in (0, 0.5, 1):
        y = min(max(_HEIGHT * share + 4, 10), _HEIGHT)
        parts.append(f'<text x="{_LEFT - 6}" y="{y:.0f}" text-anchor="end">{int(total * share):,}</text>')
    parts.append(
        f'<text x="{_LEFT}" y="{_HEIGHT + 16}">input</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT + 16}" text-anchor="end">output</text>'
        f'<text x="{(_WIDTH + _LEFT) / 2:.0f}" y="{_HEIGHT + 32}" text-anchor="middle">'
        f"{size:,} bytes{bound}</text></svg>"
    )
    return "".join(parts)


def text(graph: Graph, problem: Problem, plan: Plan, rows: int = 24) -> list[str]:
    """The same for a terminal: a letter a buffer, ``*`` where one overlaps another, and a key below."""
    lines = []
    for name, size, buffers in _views(problem, plan):
        lines += [f"{name}: {size:,} bytes"] if name else []
        lines += _text(graph, problem, plan, size, buffers, rows)
    return lines


def _text(
    graph: Graph, problem: Problem, plan: Plan, size: int, buffers: list[tuple[int, Buffer]], rows: int
) -> list[str]:
    columns, total = problem.nodes + 2, max(size, 1)
    cells = [["·"] * columns for _ in range(rows)]
    key = []
    for number, buffer in buffers:
        letter, offset = _letter(number), _offset(buffer, plan)
        first, last = offset * rows // total, max((offset + buffer.bytes) * rows // total, offset * rows // total + 1)
        for row in range(first, min(last, rows)):
            for column in range(buffer.first + 1, buffer.last + 2):
                cells[row][column] = letter if cells[row][column] == "·" else "*"
        key.append(f"  {letter}  {buffer.bytes:>9,} at {offset:>9,}  {_label(graph, buffer)}")
    ruler = [f"{total * row // rows:>10,} |{''.join(line)}|" for row, line in enumerate(cells)]
    return [*ruler, f"{total:>10,} |{'-' * columns}|", *key]


def _letter(number: int) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    return alphabet[number % len(alphabet)]


def _area(buffer: Buffer, plan: Plan) -> int:
    if buffer.scratch_of is not None:
        return plan.scratch_areas[buffer.scratch_of]
    return plan.tensor_areas[buffer.tensors[0]]


def _offset(buffer: Buffer, plan: Plan) -> int:
    if buffer.scratch_of is not None:
        return plan.scratch[buffer.scratch_of]
    return plan.offsets[buffer.tensors[0]]


def _label(graph: Graph, buffer: Buffer) -> str:
    if buffer.scratch_of is not None:
        return f"scratch of {graph.nodes[buffer.scratch_of].name}"
    index = buffer.tensors[0]
    maker = next((n for n in graph.nodes if index in n.outputs), None)
    shape = "x".join(map(str, graph.tensors[index].shape))
    return f"{'input' if maker is None else ops.tflite_name(maker) + ' ' + maker.name}  {shape}"
