"""Arithmetic of the steps, without TensorFlow: patterns' names, spreading a total, centres of clusters."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebuild import compress
from edgebuild.compress import _centres, _keep, _patterns, _spread
from edgebuild.errors import UsageError


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("unstructured", _patterns.Pattern(1, 1)),
        ("2x4", _patterns.Pattern(2, 4)),
        ("8x4", _patterns.Pattern(8, 4)),
        ("2x4/4", _patterns.Pattern(2, 4, multiple=4)),
        ("2:4", _patterns.Pattern(1, 4, 2)),
    ],
)
def test_patterns(text: str, pattern: _patterns.Pattern) -> None:
    assert _patterns.parse(text) == pattern


CHANGE = "\n  remedy: change the setting"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"pattern": "4:2"}, "pattern '4:2': of m (2 to 32) inputs, n (1 to m - 1) are kept"),
        ({"pattern": "2x4/0"}, "pattern '2x4/0': outputs keep a multiple of 1 to 32 blocks"),
        ({"pattern": "0x4"}, "pattern '0x4': a block has 1 to 32 outputs and inputs"),
        (
            {"pattern": "blocks"},
            "pattern 'blocks' is none; write unstructured, n:m such as 2:4, outputs x inputs such as 2x4 or 2x4/4, "
            "target, or channels",
        ),
        ({"pattern": "2:4", "sparsity": 0.75}, "pattern 2:4 means sparsity 0.5, not 0.75"),
        (
            {"pattern": "2:4", "layers": "auto"},
            "pattern 2:4 gives every layer the same sparsity, so layers cannot be auto",
        ),
        ({"sparsity": 0.97, "layers": "auto"}, "with layers auto, sparsity may be 0.95 at most, not 0.97"),
    ],
)
def test_patterns_that_make_no_sense(values: dict[str, object], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        compress.settings("prune", values)
    assert str(caught.value) == f"compression step 'prune': {text}{CHANGE}"


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        (
            [("cluster", {}), ("prune", {})],
            "compression step 'prune': comes after 'cluster', and zeroed weights would leave the clusters that were "
            "made of them\n  remedy: let 'prune' come before 'cluster'",
        ),
        (
            [("qat", {}), ("cluster", {})],
            "compression step 'cluster': comes after 'qat', and its fine-tuning would move the weights from where int8 "
            "has them\n  remedy: let 'cluster' come before 'qat'",
        ),
        (
            [("prune", {"pattern": "2x4"}), ("prune", {"pattern": "channels"})],
            "compression step 'prune': comes after 'prune', and removing filters would shift the zeros of the layers "
            "behind them\n  remedy: swap the two steps",
        ),
    ],
)
def test_orders_that_make_no_sense(steps: list[tuple[str, dict[str, object]]], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        compress.check_order([(name, compress.settings(name, values)) for name, values in steps])
    assert str(caught.value) == text


def test_orders_that_make_sense() -> None:
    steps: list[tuple[str, dict[str, object]]] = [
        ("prune", {"pattern": "channels"}), ("prune", {"pattern": "2x4"}), ("cluster", {}), ("qat", {}),
    ]  # fmt: skip
    compress.check_order([(name, compress.settings(name, values)) for name, values in steps])


def test_the_layer_that_minds_less_is_compressed_more() -> None:
    growth = {"hard": [0.1 * level for level in range(1, 9)], "easy": [0.0] * 8}
    found = _spread.spread(growth, {"hard": 100, "easy": 100}, 0.5)
    assert found["easy"] == 0.95
    assert found["hard"] == pytest.approx(0.05)


@given(
    st.lists(st.lists(st.floats(0, 10), min_size=8, max_size=8), min_size=1, max_size=6),
    st.lists(st.integers(1, 10_000), min_size=6, max_size=6),
    st.floats(0.01, 0.95),
)
def test_the_total_is_met_exactly(growth: list[list[float]], sizes: list[int], total: float) -> None:
    losses = {f"layer{number}": values for number, values in enumerate(growth)}
    size = {name: sizes[number] for number, name in enumerate(losses)}
    found = _spread.spread(losses, size, total)
    assert all(0 <= level <= 0.95 for level in found.values())
    assert sum(found[name] * size[name] for name in found) == pytest.approx(total * sum(size.values()))


def test_a_layer_that_has_nothing_left_to_lose_is_not_emptied() -> None:
    """One layer's loss is as large as it gets at half of its weights; another's grows as weights go."""
    growth = {"lost": [0.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5], "other": [0.3, 0.6, 0.8, 1.1, 1.3, 1.6, 2.0, 3.0]}
    found = _spread.spread(growth, {"lost": 100, "other": 100}, 0.7)
    assert found["lost"] < found["other"]


@given(st.lists(st.floats(0, 10), min_size=8, max_size=8))
def test_costs_grow_with_what_is_lost_and_with_what_is_gone(growth: list[float]) -> None:
    costs = list(_spread._costs(growth, _spread.LEVELS))
    assert [(level, after) for level, after, _ in costs] == list(itertools.pairwise((0.0, *_spread.LEVELS)))
    lost = itertools.accumulate(growth, max)
    for spent, loss in zip(itertools.accumulate(cost for *_, cost in costs), lost, strict=True):
        assert spent >= loss - 1e-9
    prices = [cost / (after - level) for level, after, cost in costs]
    assert all(later >= price - 1e-9 for price, later in itertools.pairwise(prices)), "convex"


@given(st.lists(st.floats(-4, 4, width=32), min_size=8, max_size=200), st.integers(2, 20))
def test_few_centres_and_zeros_stay(values: list[float], count: int) -> None:
    array = np.array(values, np.float32)
    found = _centres.nearest(array, count)
    assert len(np.unique(found)) <= max(count, 1)
    assert (found[array == 0] == 0).all()


def test_centres_find_what_is_there() -> None:
    array = np.array([1.0, 1.02, 3.0, 3.02, 0.0, 0.0], np.float32)
    assert np.allclose(np.unique(_centres.nearest(array, 3)), [0, 1.01, 3.01])


def test_what_counts_as_clustered() -> None:
    random = np.random.default_rng(1)
    free = random.normal(size=(64, 4)).astype(np.float32)
    by_channel = random.choice(np.arange(1, 9), (64, 4)) * np.array([1.0, 1.1, 1.3, 1.7])
    assert _keep.members_of(free)[0] is None
    members, count = _keep.members_of(by_channel)
    assert members is not None
    assert count <= 32
    assert len(np.unique(members.reshape(64, 4)[:, 0])) == len(np.unique(by_channel[:, 0]))
