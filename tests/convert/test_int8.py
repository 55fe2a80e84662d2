"""Quantization after training: every way that promises to lose less does, and what is left in floats is found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgebuild import convert
from edgebuild.convert import _bias, _errors, _ranges
from edgebuild.convert._statistics import BINS, Seen
from edgebuild.errors import UsageError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.convert.int8_models"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.mark.tensorflow
@pytest.mark.slow
class TestModels:
    def test_held_out_samples_choose_the_ranges(self, found: dict[str, Any]) -> None:
        losses = found["auto"]["losses"]
        assert losses["mse"] < 0.9 * losses["min_max"]
        assert found["auto"]["chosen"] <= found["auto"]["least"] / 0.98
        assert found["auto"]["tried"] == 5
        assert found["auto"]["same"]

    def test_the_worst_layer_is_named(self, found: dict[str, Any]) -> None:
        assert found["auto"]["worst"] == found["auto"]["first"] == "hidden"

    def test_equalization_changes_nothing_but_the_channels_sizes(self, found: dict[str, Any]) -> None:
        assert found["equalized"]["moved"]
        assert found["equalized"]["difference"] < 1e-5
        before, after = found["equalized"]["spread"]
        assert before > 100
        assert after < 1.01
        assert found["equalized"]["loss"][1] < 0.7 * found["equalized"]["loss"][0]

    def test_bias_correction_takes_the_mean_error_back(self, found: dict[str, Any]) -> None:
        before, after = found["corrected"]
        assert after < before / 10

    def test_layers_without_biases_keep_their_levels(self, found: dict[str, Any]) -> None:
        assert found["levelled"]["kept"] == [True] * 6
        assert found["levelled"]["loss"] < 0.01

    def test_element_types(self, found: dict[str, Any]) -> None:
        assert found["types"] == {
            "int8": ["INT32", "INT8"],
            "int16x8": ["FLOAT32", "INT16", "INT32", "INT64", "INT8"],
            "float16": ["FLOAT16", "FLOAT32", "INT32"],
            "dynamic": ["FLOAT32", "INT32", "INT8"],
            "keep": ["FLOAT32", "INT32", "INT8"],
        }
        assert found["scales"] == [16, 1]

    def test_recurrent_layers_keep_the_converters_own_ranges(self, found: dict[str, Any]) -> None:
        assert found["recurrent"] == {"ranges": "min_max"}

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            (
                "elu",
                "net.h5: cannot be quantized to int8 as a whole: the converter leaves operators in float32\n"
                "  ELU 'bend/Elu'\n"
                "  remedy: replace these layers (for example ELU by ReLU), or choose precision float32",
            ),
            (
                "elu16",
                "net.h5: TensorFlow's converter has no TFLite operator for ELU\n"
                "  remedy: replace the layer; for recurrent layers, unroll=True often helps",
            ),
        ],
    )
    def test_refusals(self, found: dict[str, Any], name: str, text: str) -> None:
        assert found[name] == text

    def test_an_unknown_layer_cannot_be_kept(self, found: dict[str, Any]) -> None:
        assert found["keep"].startswith("net.h5: no operator belongs to layer 'hiden', so it cannot be kept\n")
        assert "hidden" in found["keep"]


def seen(values: np.ndarray) -> Seen:
    low, high = float(values.min()), float(values.max())
    counts = np.histogram(values, BINS, (low, high))[0]
    return Seen(low, high, np.abs(values), values, values, counts)


def squared(values: np.ndarray, low: float, high: float) -> float:
    scale = (high - low) / 255
    return float(((np.clip(np.round((values - low) / scale), 0, 255) * scale + low - values) ** 2).mean())


def test_the_least_squared_error_is_below_all_of_the_range() -> None:
    values = np.concatenate([np.random.default_rng(1).normal(size=100_000), [40.0, -35.0]])
    whole = _ranges.range_of(seen(values), "min_max")
    assert whole == (values.min(), values.max())
    assert squared(values, *_ranges.range_of(seen(values), "mse")) < squared(values, *whole)


def test_a_percentile_leaves_few_values_outside() -> None:
    values = np.concatenate([np.random.default_rng(1).normal(size=100_000), np.full(3, 40.0)])
    low, high = _ranges.range_of(seen(values), "percentile")
    assert high < 6
    assert np.mean((values < low) | (values > high)) < 2e-4


@pytest.mark.parametrize("method", _ranges.METHODS)
@pytest.mark.parametrize("values", [np.linspace(1, 2, 100), np.linspace(-3, -1, 50), np.zeros(10)])
def test_zero_is_always_inside(method: _ranges.Method, values: np.ndarray) -> None:
    low, high = _ranges.range_of(seen(values), method)
    assert low <= 0 <= high


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_the_shift_of_a_convolution_in_groups(groups: int) -> None:
    """Against the definition: inputs that are constant in each channel, and every filter sees only its group's."""
    random = np.random.default_rng(groups)
    mean, error = random.normal(size=8), random.normal(size=(12, 3, 3, 8 // groups))
    flat = np.zeros(8)
    seen = Seen(0.0, 0.0, flat, mean, flat, np.zeros(BINS, np.int64))
    expected = [
        sum(
            (one[y, x] * mean[8 // groups * (n // (12 // groups)) :][: 8 // groups]).sum()
            for y in range(3)
            for x in range(3)
        )
        for n, one in enumerate(error)
    ]
    np.testing.assert_allclose(_bias._shift("CONV_2D", error, seen), expected)


def test_the_loss_of_classes_ignores_what_softmax_ignores() -> None:
    logits = np.random.default_rng(1).normal(size=(20, 5))
    assert _errors.at_output(logits + 3, logits, classes=True) == pytest.approx(0, abs=1e-12)
    assert _errors.at_output(logits * 0.5, logits, classes=True) > 0.01
    assert _errors.at_output(logits, logits, classes=False) == 0


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("int8", {"range": "mse"}, "precision 'int8': unknown setting 'range'\n  remedy: did you mean 'ranges'?"),
        (
            "int8",
            {"ranges": "median"},
            "precision 'int8', ranges: 'median' is not one of auto, min_max, percentile, mse\n"
            "  remedy: use one of auto, min_max, percentile, mse",
        ),
        (
            "int8_qat",
            {"rnges": "mse"},
            "precision 'int8_qat': unknown setting 'rnges'\n  remedy: did you mean 'ranges'?",
        ),
        ("float16", {"ranges": "mse"}, "precision 'float16': unknown setting 'ranges'\n  remedy: it has no settings"),
    ],
)
def test_settings_are_refused(name: str, values: dict[str, object], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        convert.settings(name, values)
    assert str(caught.value) == text


def test_settings_of_the_technique_before_are_handed_on() -> None:
    own, rest = convert.settings("int8_qat", {"epochs": 3, "ranges": "mse"})
    assert (own.ranges, own.equalize, rest) == ("mse", "no", {"epochs": 3})
