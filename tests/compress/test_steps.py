"""What the steps promise, read off the integers of the .tflite: patterns, clusters, channels that are gone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.worker.models import run_script

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("steps")


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, Any]:
    printed = run_script(Path(__file__).with_name("step_models.py"), folder)
    answer: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return answer


def integers(folder: Path, name: str) -> dict[str, np.ndarray]:
    with np.load(folder / f"{name}.npz") as archive:
        return dict(archive)


def empty_blocks(kernel: np.ndarray, outputs: int, inputs: int) -> float:
    """Share of the aligned blocks of an int8 kernel (outputs, …, inputs) that are zero, tap by tap."""
    rows = kernel.reshape(kernel.shape[0], -1, kernel.shape[-1])
    found = []
    for row in range(0, rows.shape[0], outputs):
        for tap in range(rows.shape[1]):
            for column in range(0, rows.shape[2], inputs):
                found.append(not rows[row : row + outputs, tap, column : column + inputs].any())
    return float(np.mean(found))


@pytest.mark.parametrize(("number", "outputs", "inputs"), [(0, 1, 1), (1, 2, 4)])
def test_blocks_of_zeros(found: dict[str, Any], folder: Path, number: int, outputs: int, inputs: int) -> None:
    for layer in ("wide", "point", "hidden"):
        share = empty_blocks(integers(folder, f"pattern{number}")[layer], outputs, inputs)
        assert 0.75 <= share < 0.8, layer


def test_dense_layers_have_a_pattern_of_their_own(found: dict[str, Any], folder: Path) -> None:
    kernels = integers(folder, "both")
    assert 0.75 <= empty_blocks(kernels["wide"], 2, 4) < 0.8
    assert empty_blocks(kernels["wide"], 4, 4) < 0.7
    assert 0.75 <= empty_blocks(kernels["hidden"], 4, 4) < 0.8


def test_two_of_four_inputs_stay(found: dict[str, Any], folder: Path) -> None:
    kernels = integers(folder, "pattern2")
    for layer in ("wide", "hidden"):
        rows = kernels[layer].reshape(-1, kernels[layer].shape[-1])
        groups = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4))).reshape(-1, 4)
        assert (np.count_nonzero(groups, axis=1) <= 2).all(), layer
    assert np.count_nonzero(kernels["classes"]) > 0.9 * kernels["classes"].size  # spared


@pytest.mark.parametrize("layer", ["dense", "conv", "up"])
@pytest.mark.parametrize(("outputs", "inputs"), [(1, 4), (4, 4), (8, 4), (2, 2)])
def test_the_blocks_with_the_smallest_sums_go(
    found: dict[str, Any], folder: Path, layer: str, outputs: int, inputs: int
) -> None:
    masks = integers(folder, "eager")
    mask, size = (masks[f"{layer} {outputs}x{inputs}{end}"] for end in ("", " of"))
    stays, goes = [], []
    for tap, sizes in zip(mask.reshape(-1, *mask.shape[-2:]), size.reshape(-1, *mask.shape[-2:]), strict=True):
        for row in range(0, tap.shape[0], inputs):
            for column in range(0, tap.shape[1], outputs):
                block = (slice(row, row + inputs), slice(column, column + outputs))
                assert len(np.unique(tap[block])) == 1
                (stays if tap[block].any() else goes).append(sizes[block].sum())
    assert max(goes) <= min(stays)
    assert len(goes) == -(-(len(goes) + len(stays)) * 3 // 4)


@pytest.mark.parametrize("layer", ["dense", "conv", "up"])
def test_two_outputs_keep_a_multiple_of_four_blocks(found: dict[str, Any], folder: Path, layer: str) -> None:
    masks = integers(folder, "eager")
    mask, size = (masks[f"{layer} 2x4/4{end}"] for end in ("", " of"))
    mask, size = (array.reshape(-1, *array.shape[-2:]) for array in (mask, size))
    rows, columns, blocks = range(0, mask.shape[1], 4), range(0, mask.shape[2], 2), 0
    kept = len(mask) * len(rows) * len(columns) // 4
    balanced = kept >= 4 * len(columns)
    assert balanced == (layer == "conv"), "narrow layers would lose whole outputs for it"
    for column in columns:
        parts = [(tap, slice(row, row + 4), slice(column, column + 2)) for tap in range(len(mask)) for row in rows]
        stays = [size[part].sum() for part in parts if mask[part].any()]
        goes = [size[part].sum() for part in parts if not mask[part].any()]
        assert len(stays) % 4 == 0 or not goes or not balanced
        assert not stays or not goes or max(goes) <= min(stays)
        blocks += len(stays)
    assert kept - (3 if balanced else 0) <= blocks <= kept


@pytest.mark.parametrize("layer", ["dense", "conv", "up"])
def test_the_largest_of_four_inputs_stays(found: dict[str, Any], folder: Path, layer: str) -> None:
    masks = integers(folder, "eager")
    for tap, size in zip(
        masks[f"{layer} 1:4"].reshape(-1, *masks[f"{layer} 1:4"].shape[-2:]),
        masks[f"{layer} 1:4 of"].reshape(-1, *masks[f"{layer} 1:4"].shape[-2:]),
        strict=True,
    ):
        for row in range(0, tap.shape[0] // 4 * 4, 4):
            assert (tap[row : row + 4].sum(axis=0) == 1).all()
            assert (tap[row : row + 4].argmax(axis=0) == size[row : row + 4].argmax(axis=0)).all()


def test_auto_spreads_the_zeros_unevenly_and_meets_the_total(found: dict[str, Any]) -> None:
    assert 0.6 <= found["auto"]["share"] < 0.62, "of the blocks, each layer's rounded up"
    assert 0.6 <= found["auto"]["of_weights"] < 0.65  # blocks at the edges are smaller
    assert max(found["auto"]["each"]) - min(found["auto"]["each"]) > 0.3


def test_what_a_moment_of_fine_tuning_mends_is_not_counted(found: dict[str, Any]) -> None:
    for name, (plain, steadied) in found["steady"]["moved"].items():
        assert plain > 1e-3, f"half of {name} must move the answers"
        assert steadied < 1e-4 < plain, name
    assert found["steady"]["as_it_was"]
    assert found["steady"]["activations"] == ["linear", "relu", "softmax"]


def test_zeros_and_clusters_hold_through_clustering_and_quantization_aware_training(
    found: dict[str, Any], folder: Path
) -> None:
    kernels, masks = integers(folder, "combined"), integers(folder, "masks")
    assert not kernels["wide"].transpose(1, 2, 3, 0)[masks["wide"]].any()
    assert not kernels["hidden"].T[masks["hidden"]].any()
    assert found["held"] == ["hidden", "wide"]
    channels = kernels["hidden"]
    assert max(len(np.unique(channel)) for channel in channels) <= 8
    assert len(np.unique(channels)) > 8  # each channel has values of its own
    assert "wide_norm" not in found["fused"]


def test_clusters_of_a_layer(found: dict[str, Any], folder: Path) -> None:
    for layer in ("wide", "point", "hidden"):
        kernel = integers(folder, "by_layer")[layer]
        assert max(len(np.unique(channel)) for channel in kernel) <= 8, layer


def test_the_same_seed_gives_the_same_weights(found: dict[str, Any]) -> None:
    assert len(set(found["bytes"])) == 1


def test_folding_and_flattening_change_nothing(found: dict[str, Any]) -> None:
    assert found["flat"] == 0
    assert found["folding"] < 1e-6


def test_trained_weights_lie_where_int8_puts_them(found: dict[str, Any]) -> None:
    assert found["off_grid"] < 1e-3


def steps_of(kernel: np.ndarray) -> np.ndarray:
    """The greatest number that divides all weights of a channel, for each."""
    return np.gcd.reduce(np.abs(kernel.reshape(len(kernel), -1).astype(int)), axis=1)


def test_sixteen_levels_learnt_are_sixteen_integers_with_equal_steps(found: dict[str, Any], folder: Path) -> None:
    kernels = integers(folder, "narrow")
    for layer in ("point", "hidden"):
        steps = np.maximum(steps_of(kernels[layer]), 1).reshape(-1, *[1] * (kernels[layer].ndim - 1))
        assert (kernels[layer] // steps >= -7).all(), "two filters' weights share a byte, and -8 does not always fit"
        assert (kernels[layer] // steps <= 7).all()
        assert np.abs(kernels[layer]).max() > 100, "the range of int8 is used, so the rest of it computes as exactly"
    for spared in ("wide", "classes"):
        assert steps_of(kernels[spared]).max() == 1, spared
    assert found["narrow"]["weights"]["point"] < 0.01, "of a unit: int8 rounds nothing"
    assert found["narrow"]["weights"]["hidden"] < 0.01
    assert max(found["narrow"]["biases"].values()) < 1.1


def test_sixteen_levels_of_a_whole_layer(found: dict[str, Any], folder: Path) -> None:
    kernel = integers(folder, "narrow_by_tensor")["hidden"]
    step = int(np.gcd.reduce(np.abs(kernel.reshape(-1).astype(int))))
    assert step > 1
    assert -8 <= kernel.min() // step <= kernel.max() // step <= 7


def test_a_removed_filter_is_as_good_as_a_silent_one(found: dict[str, Any]) -> None:
    assert found["groups"] == {"conv": 16, "point": 24, "squeeze": 8, "sep": 12, "up": 8, "hidden": 32}
    for name, (difference, miscounted) in found["removed"].items():
        assert difference < 1e-6, name
        assert miscounted == 0, name


@pytest.mark.parametrize("name", ["even", "spread"])
def test_half_of_the_multiplications_go(found: dict[str, Any], name: str) -> None:
    before, after = found[name]["macs"]
    assert 0.3 * before < after <= 0.5 * before
    assert found[name]["bytes"][1] < found[name]["bytes"][0]
    assert found[name]["outputs"] == 5


def test_only_the_named_layer_becomes_narrower(found: dict[str, Any]) -> None:
    assert found["named"]["hidden"] == 12
    assert found["named"]["macs"] == [146720, 146720 - 20 * (32 + 5)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "too_much",
            "compression step 'prune': 0.7% of the multiplications is the most that removing filters saves here, not "
            "50.0%\n  remedy: lower sparsity, or let more layers be pruned",
        ),
        (
            "output",
            "compression step 'prune': no filter of layer 'classes' can be removed\n"
            "  remedy: use some of conv, point, squeeze, sep, up, hidden",
        ),
        (
            "none",
            "compression step 'prune': no filter can be removed: every one makes an output of the model, or a layer "
            "needs it that edgebuild cannot narrow\n  remedy: remove the step, or use another pattern",
        ),
        (
            "small",
            "compression step 'cluster': layer 'deep' (DepthwiseConv2D) has not the 64 weights a channel that 16 "
            "clusters need, or none that can be clustered\n  remedy: use some of hidden",
        ),
        (
            "no_target",
            "compression step 'prune': pattern target is for builds, which know their target\n"
            "  remedy: name the pattern, such as 2x4",
        ),
        (
            "no_int4",
            "compression step 'qat': layer 'deep' (DepthwiseConv2D) cannot have weights of four bits\n"
            "  remedy: use some of wide, point, hidden, classes",
        ),
        (
            "unknown_int4",
            "compression step 'qat': the model has no layer 'hiden'\n  remedy: did you mean 'hidden'?",
        ),
        (
            "nothing_int4",
            "compression step 'qat': nothing for int4: the first convolution and the classifier are spared, and the "
            "model has no other layer that can be given weights of four bits\n"
            "  remedy: name the layers: int4 = ['only']",
        ),
    ],
)
def test_refusals(found: dict[str, Any], name: str, text: str) -> None:
    assert found[name] == text
