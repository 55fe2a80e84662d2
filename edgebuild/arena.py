"""Where a model's tensors live in the arena, and how operators stream rows through it: what the planner decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgebuild.target.profile import Region


@dataclass(frozen=True)
class Move:
    """Copy a buffer within the arena before a node runs; source and destination may overlap.

    Attributes:
        tensors: what lies in the buffer: a tensor and its aliases.
    """

    tensors: tuple[int, ...]
    source: int
    destination: int
    bytes: int


@dataclass(frozen=True)
class StreamCall:
    """Compute a few rows of a node inside a stream.

    Attributes:
        first, count: the output rows.
        sources: tensor and byte offset of each operand: inside its ring, or inside the whole tensor
            where it comes from outside the segment.
        destination: the same for the output.
    """

    node: int
    first: int
    count: int
    sources: tuple[tuple[int, int], ...]
    destination: tuple[int, int]


@dataclass(frozen=True)
class StreamMove:
    """Move the rows of a ring that are still needed to its beginning."""

    tensor: int
    source: int
    bytes: int


@dataclass(frozen=True)
class StreamSum:
    """Add rows of a node's operand to its sums: how a global pool ends a stream.

    Attributes:
        source: tensor and byte offset of the rows.
        rows: how many.
        last: whether the sums are complete and become the output.
    """

    node: int
    source: tuple[int, int]
    rows: int
    last: bool


@dataclass(frozen=True)
class StreamPush:
    """Wait for the caller to push the next row of the model's input.

    Attributes:
        destination: byte offset in the input's ring.
    """

    tensor: int
    destination: int


StreamStep = StreamCall | StreamMove | StreamSum | StreamPush


@dataclass(frozen=True)
class Segment:
    """Consecutive nodes that run as one stream of rows.

    Attributes:
        first, last: node numbers, both included.
        rings: byte offset of each held tensor's rows in the segment's scratch memory.
        kernel_scratch: byte offset there of the kernels' own scratch memory.
        sums: byte offset there of a global pool's sums, or None.
        bytes: size of the scratch memory.
        distances: for each tensor from outside, how far before it the output must begin.
        instructions: predicted, for one inference.
        pushed: the model's input, if it comes row by row and never lies whole in the arena.
        state: then, byte offset in the scratch memory of how far the stream is.
    """

    first: int
    last: int
    steps: tuple[StreamStep, ...]
    rings: Mapping[int, int]
    kernel_scratch: int
    sums: int | None
    bytes: int
    distances: Mapping[int, int]
    instructions: float
    pushed: int | None = None
    state: int = 0


@dataclass(frozen=True)
class Plan:
    """Where every run-time tensor lives in the arena.

    Offsets count from the beginning of the area that a tensor or scratch buffer lies in.

    Attributes:
        arena_bytes: size of the arena, all areas together.
        offsets: byte offset of each run-time tensor, by tensor index, when it is made.
        scratch: byte offset of each node's scratch buffer, by node index.
        moves: copies that precede a node, in order, by node index.
        lower_bound: bytes that no plan of this order can go below.
        algorithm: plugin in ``edgebuild.planner`` that made it.
        segments: nodes that run as streams; a segment's scratch memory is that of its first node.
        areas: the memories that the arena is spread over, with the bytes that it takes of each; empty when the target
            has but one memory.
        tensor_areas, scratch_areas: position in ``areas`` of each tensor, and of each node's scratch buffer; what is
            not there lies in the first.
    """

    arena_bytes: int
    offsets: Mapping[int, int]
    scratch: Mapping[int, int]
    moves: Mapping[int, tuple[Move, ...]]
    lower_bound: int
    algorithm: str
    segments: tuple[Segment, ...] = ()
    areas: tuple[Region, ...] = ()
    tensor_areas: Mapping[int, int] = field(default_factory=dict)
    scratch_areas: Mapping[int, int] = field(default_factory=dict)

    def offset(self, tensor: int, node: int) -> int:
        """Where ``tensor`` lies while ``node`` runs: where it was made, or where it was moved since."""
        at = self.offsets[tensor]
        for number in sorted(n for n in self.moves if n <= node):
            for move in self.moves[number]:
                if tensor in move.tensors and move.source == at:
                    at = move.destination
        return at

    @property
    def moved_bytes(self) -> int:
        """Bytes copied in one inference."""
        return sum(move.bytes for moves in self.moves.values() for move in moves)
