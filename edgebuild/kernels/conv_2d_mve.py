"""Any ungrouped convolution on Helium: a matrix product of tiles of 4 pixels x 4 channels.

1x1 kernels read the pixels where they lie; the windows of others are copied side by side, a group at a time.
The layers of a model share a C function, which holds a loop unrolled for each depth where that saves
enough, and one for any depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from edgebuild.ir.graph import Graph, Node
from edgebuild.kernels import Variant
from edgebuild.kernels._mve_convolution import (
    CHUNK_CODE,
    SHORT,
    TILE,
    Convolution,
    small_tile_instructions,
    tile_instructions,
    total_macs,
)
from edgebuild.kernels._mve_output import Form, chunked, join, padded_rows, pair_stream
from edgebuild.kernels._mve_windows import Windows
from edgebuild.kernels._parts import neighbours
from edgebuild.kernels.conv_2d_rows_mve import Conv2DRowsMve
from edgebuild.ops import Call

WORTH = 0.012
"""Share of a model's work that a kilobyte of code must save: a loop of its own for a depth has to."""

ANY_DEPTH_CODE = 850
"""Bytes of the loop for any depth."""

MULTIPLE = 4
"""Of the depth of a sum in the small form."""

TAIL_CODE = 17 * 4
"""Bytes of code that multiply a smaller chunk there."""

ROUND_CODE = 2 * 4
"""Bytes of code that end a round of the loop for any depth."""

SMALL = 0.15
"""Share of a model's work below which the layers of a form do not get a function of their own."""


class Conv2DMve(Variant):
    """Windows are copied before any output of their group is written, so that groups may run on into the next row.

    Attributes:
        small: one function for all layers of a model, with one loop for all depths.
    """

    op = "conv_2d"
    template = "conv_2d/mve.c.j2"
    features = frozenset({"mve"})
    includes = ("arm_mve.h",)
    code = 2900
    small: ClassVar[bool] = False

    def exact(self, node: Node, graph: Graph) -> bool:
        return Convolution.of(node, graph).groups == 1

    def scratch(self, node: Node, graph: Graph) -> int:
        family = _Family.of(node, graph, self.small)
        windows = family.layer(Convolution.of(node, graph))
        own = windows.scratch + (windows.bands if windows.unrolled and windows.copy == family.copy else 0)
        # a layer that needs none takes the argument nevertheless, as other layers of its function do
        return max(own, 4) if family.scratch else 0

    def instructions(self, node: Node, graph: Graph) -> float:
        c = Convolution.of(node, graph)
        family = _Family.of(node, graph, self.small)
        windows = family.layer(c)
        tile = family.tile_instructions(windows, -(-c.filters // 4))
        copy = windows.instructions(windows.unrolled and windows.copy == family.copy)
        stage = c.pixels * (14 + 3 * -(-c.filters // 16)) if windows.staged else 0
        groups = -(-c.pixels // windows.group)
        return 80 + copy + stage + groups * 70 + -(-c.pixels // TILE) * tile

    def context(self, node: Node, graph: Graph) -> Call:
        c = Convolution.of(node, graph)
        family = _Family.of(node, graph, self.small)
        windows = family.layer(c)
        window = windows.window
        unrolled = windows.unrolled and windows.copy == family.copy
        scalars = {
            "pixels": c.pixels,
            "channels": c.filters,
            **c.output.scalars(family.form),
            "slot": windows.slot,
            "group": windows.group,
            "depth": family.depth(windows),
            **family.loop(windows),
        }
        if family.scratch:
            staging = windows.copied + unrolled * windows.bands
            scalars |= {"copied": windows.copied, "staging": staging, "staged": windows.staged}
        if family.windows:
            scalars |= window.scalars() | {
                "dilation_height": window.dilation[0],
                "dilation_width": window.dilation[1],
                "input_channels": c.channels,
                "input_zero_point": c.input_zero_point,
                "reach": window.kernel[0] * window.dilation[0],
            }
            del scalars["output_height"], scalars["kernel_height"]
        if family.copy[0]:
            scalars |= {
                "band": unrolled * windows.band,
                "band_left": window.before[1] * c.channels,
                "band_copied": windows.band_columns * c.channels,
            }
        rows = chunked(c.rows) if windows.direct and not family.tails else padded_rows(c.rows, family.multiple)
        return Call(
            operands=(node.inputs[0],),
            scalars=scalars,
            arrays={"weights": pair_stream(rows, c.output, family.form, 4)},
            shape=family.shape,
        )


@dataclass(frozen=True)
class _Family:
    """The layers of a model that share one C function.

    Attributes:
        form: exact for all of them.
        depths: those with a loop of their own; 0 stands for the loop for any depth.
        unroll: chunks in a round of that loop.
        windows, staged: whether some layer copies windows, or stages its outputs.
        copy: of the windows whose copying is unrolled, or zeros.
        tails: of the small form, bytes of the smaller chunks that a depth begins with, 0 for depths without.
    """

    form: Form
    depths: tuple[int, ...]
    unroll: int
    windows: bool
    staged: bool
    copy: tuple[int, int, int]
    tails: tuple[int, ...]

    @classmethod
    def of(cls, node: Node, graph: Graph, small: bool) -> _Family:
        """The family of ``node``; with ``small`` all convolutions are one."""
        part = Windows.of(Convolution.of(node, graph))
        node, graph = neighbours(node, graph)
        total = total_macs(graph)
        members = _everyone(node, graph) if small else _members(node, graph, total)
        form = join([c.output for c in members])
        work: dict[int, int] = {}
        for c in members:
            slot = Windows.of(c).slot
            work[slot] = work.get(slot, 0) + c.macs
        depths = {slot for slot, macs in work.items() if slot <= SHORT and _saves(form, slot) * macs >= total}
        others = set(work) - depths
        if small:
            depths = set()
        elif all(slot <= SHORT for slot in others) and sum(map(_code, others)) <= ANY_DEPTH_CODE:
            depths |= others
        multiple = MULTIPLE if small else 16
        windowed = [Windows.of(c, Windows.of(c).slot in depths, multiple) for c in members]
        # a part of a layer may have to stage outputs where the whole one need not
        staged = part.staged > 0 or any(windows.staged > 0 for windows in windowed)
        copies: dict[tuple[int, int, int], int] = {}
        for c, windows in zip(members, windowed, strict=True):
            if windows.unrolled:
                copies[windows.copy] = copies.get(windows.copy, 0) + c.pixels
        longest = max((w.slot for w in windowed if w.slot not in depths), default=0)
        return cls(
            form,
            tuple(sorted({w.slot if w.slot in depths else 0 for w in windowed})),
            8 if longest > SHORT else 4,
            any(not windows.direct for windows in windowed),
            staged,
            max(sorted(copies), key=lambda key: copies[key], default=(0, 0, 0)),
            tuple(sorted({w.slot % 16 for w in windowed})) if small else (),
        )

    @property
    def scratch(self) -> bool:
        """Whether the function takes scratch memory."""
        return self.windows or self.staged

    @property
    def shape(self) -> dict[str, int]:
        """Template constants; depths are bits of a mask, one for each 4 bytes."""
        return {
            "depths": sum(1 << depth // 4 for depth in self.depths),
            "unroll": self.unroll if 0 in self.depths else 0,
            "windows": int(self.windows),
            "staged": int(self.staged),
            **dict(zip(("rows", "length", "step"), self.copy, strict=True)),
            **self.form.shape,
            **({"tails": sum(1 << tail // 4 for tail in self.tails)} if self.tails else {}),
        }

    @property
    def multiple(self) -> int:
        """Of what the depths are that have no loop of their own."""
        return MULTIPLE if self.tails else 16

    def loop(self, windows: Windows) -> dict[str, int]:
        """How the loop for any depth runs over the windows: rounds, and bytes of code that are left out at first.

        The small form has an ``entry`` besides, from the first smaller chunk's code on, and no whole chunk perhaps.
        """
        chunks = windows.slot // 16 if self.tails else -(-windows.slot // 16)
        rounds = -(-chunks // self.unroll)
        skip = (rounds * self.unroll - chunks) * CHUNK_CODE if chunks else self.unroll * CHUNK_CODE + ROUND_CODE
        if not self.tails:
            return {"rounds": rounds, "skip": skip}
        tail, tails = windows.slot % 16, [t for t in self.tails if t]
        entry = TAIL_CODE * tails.index(tail) if tail else TAIL_CODE * len(tails) + skip
        return {"rounds": rounds, "skip": skip, "entry": entry}

    def tile_instructions(self, windows: Windows, quads: int) -> float:
        """Executed instructions of one tile of four pixels."""
        if self.tails:
            return small_tile_instructions(self.form, windows.slot, quads, self.unroll)
        return tile_instructions(self.form, windows.slot, quads, 0 if self.depth(windows) else self.unroll)

    def layer(self, c: Convolution) -> Windows:
        """The windows of a layer of the family."""
        windows = Windows.of(c)
        return windows if windows.slot in self.depths else Windows.of(c, own_loop=False, multiple=self.multiple)

    def depth(self, windows: Windows) -> int:
        """The loop that a layer takes."""
        return windows.slot if windows.slot in self.depths else 0


def _members(node: Node, graph: Graph, total: int) -> list[Convolution]:
    """The layers of ``node``'s function: those of its form, or of all forms that are too small for one of their own."""
    own = Convolution.of(node, graph)
    found = [own if n is node else Convolution.of(n, graph) for n in graph.nodes if n is node or _is_likely(n, graph)]
    work: dict[Form, int] = {}
    for c in found:
        work[c.output.form] = work.get(c.output.form, 0) + c.macs
    small = {form for form, macs in work.items() if macs < SMALL * total}
    together = small if own.output.form in small else {own.output.form}
    return [c for c in found if c.output.form in together]


def _everyone(node: Node, graph: Graph) -> list[Convolution]:
    """All convolutions without groups."""
    found = [n for n in graph.nodes if n is node or (n.op == "conv_2d" and graph.tensor(n, 1).data is not None)]
    made = [Convolution.of(n, graph) for n in found]
    return [c for n, c in zip(found, made, strict=True) if n is node or c.groups == 1]


def _is_likely(node: Node, graph: Graph) -> bool:
    """Whether ``node`` is a convolution that is likely to be computed by this kernel."""
    if node.op != "conv_2d" or graph.tensor(node, 1).data is None:
        return False
    c = Convolution.of(node, graph)
    if c.groups != 1:
        return False
    rows = Conv2DRowsMve()
    windows = Windows.of(c)
    tile = tile_instructions(c.output.form, windows.slot, -(-c.filters // 4), 0 if windows.slot <= SHORT else 4)
    own = windows.instructions(windows.unrolled) + c.pixels / TILE * tile
    return not rows.exact(node, graph) or own < rows.instructions(node, graph)


def _saves(form: Form, depth: int) -> float:
    """Work that a loop of its own for ``depth`` saves, divided by what its code must save; at least 1 is worth it."""
    short, long = (tile_instructions(form, depth, 16, unroll) for unroll in (0, 4))
    return (1 - short / long) / (WORTH * _code(depth) / 1024)


def _code(depth: int) -> int:
    """Bytes of a loop of its own for ``depth``."""
    return 190 + 8 * depth
