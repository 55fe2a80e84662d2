"""Pairs of kernels: what they compute, what they cost, and which are chosen; numpy alone."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from edgebuild.compress import _factors, _ranks
from edgebuild.compress._factors import Form, Place, Seen

RANDOM = np.random.default_rng(5)
PLACE = Place(rows=6, columns=5, input_columns=10)
KINDS = ("channels", "depthwise", "spatial")


def kernel(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


def seen(outputs: int) -> Seen:
    axes, _ = np.linalg.qr(RANDOM.normal(size=(outputs, outputs)))
    return Seen(RANDOM.normal(size=outputs).astype(np.float32), axes.astype(np.float32))


@pytest.mark.parametrize(
    ("kind", "full"), [("channels", 8), ("depthwise", 9), ("spatial", 12)], ids=["channels", "depthwise", "spatial"]
)
def test_a_pair_of_full_rank_is_the_kernel(kind: str, full: int) -> None:
    whole = kernel(3, 3, 4, 8)
    form = Form(kind, full, 0, 0)  # type: ignore[arg-type]
    first, second, shift = _factors.split(whole, form, None)
    assert np.allclose(_factors.joined(first, second, form), whole, atol=1e-5)
    assert not shift.any()


def test_the_axes_of_the_answers_lose_only_what_does_not_vary() -> None:
    """Answers that vary along two axes only are kept by two channels and a shift of the bias."""
    whole, mean = kernel(1, 1, 6, 8), RANDOM.normal(size=8)
    axes, _ = np.linalg.qr(RANDOM.normal(size=(8, 8)))
    varying = RANDOM.normal(size=(50, 2)) @ axes[:, :2].T
    x = np.linalg.lstsq(whole[0, 0].T, (varying + mean).T, rcond=None)[0].T
    answers = x @ whole[0, 0]
    centred = answers - answers.mean(axis=0)
    _, found = np.linalg.eigh(centred.T @ centred)
    look = Seen(answers.mean(axis=0).astype(np.float32), found[:, ::-1].astype(np.float32))
    rank = int((np.linalg.svd(centred, compute_uv=False) > 1e-6).sum())
    first, second, shift = _factors.split(whole, Form("channels", rank, 0, 0), look)
    assert first.shape[-1] == rank < 8
    assert np.allclose(x @ first[0, 0] @ second[0, 0] + shift, answers, atol=1e-3)


@pytest.mark.parametrize("place", [PLACE, Place(1, 1, 1), Place(6, 5, 10, calls=2)], ids=["image", "dense", "shared"])
def test_every_form_is_smaller_and_counted_right(place: Place) -> None:
    whole = kernel(1, 1, 64, 32) if place.rows == 1 else kernel(3, 3, 16, 24)
    forms = _factors.forms(whole, place, KINDS)
    assert {form.kind for form in forms} == ({"channels"} if place.rows == 1 else set(KINDS))
    for form in forms:
        first, second, _ = _factors.split(whole, form, seen(whole.shape[-1]))
        assert form.weights == first.size + second.size < whole.size
        columns = place.input_columns if form.kind == "spatial" else place.columns
        assert form.macs == place.calls * place.rows * (columns * first.size + place.columns * second.size)
        assert form.macs < _factors.whole(whole, place)


def test_a_window_of_one_channel_is_not_split() -> None:
    assert _factors.forms(kernel(3, 3, 1, 4), PLACE, ("depthwise",)) == []
    assert _factors.forms(kernel(1, 1, 2, 2), PLACE, KINDS) == []


def layer(name: str, *forms: Form) -> _ranks.Layer:
    whole = kernel(1, 1, 100, 100)
    return _ranks.Layer(SimpleNamespace(name=name), whole, Place(1, 1, 1), seen(100), forms)


def test_the_insensitive_layer_gives_way() -> None:
    half, tenth = Form("channels", 25, 5000, 5000), Form("channels", 5, 1000, 1000)
    layers = [layer("tough", half, tenth), layer("soft", half, tenth)]
    costs = {"tough": {half: 1.0, tenth: 9.0}, "soft": {half: 0.1, tenth: 0.3}}
    assert _ranks.choose(layers, costs, "macs", 20_000) == {}
    assert _ranks.choose(layers, costs, "macs", 15_000) == {"soft": half}
    assert _ranks.choose(layers, costs, "macs", 11_000) == {"soft": tenth}
    assert _ranks.choose(layers, costs, "weights", 7_000) == {"tough": half, "soft": tenth}
    assert _ranks.choose(layers, costs, "macs", 2_000) == {"tough": tenth, "soft": tenth}
    assert _ranks.choose(layers, costs, "macs", 1_999) is None


def test_distance_of_classes_and_of_values() -> None:
    whole = np.array([[0.5, 0.5], [0.9, 0.1]])
    assert _ranks.distance(whole, whole) == 0
    expected = np.mean([0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75), 0.0])
    assert _ranks.distance(whole, np.array([[0.25, 0.75], [0.9, 0.1]])) == pytest.approx(expected, rel=1e-4)
    values = np.array([[1.0], [-1.0]])
    assert _ranks.distance(values, values + 1) == pytest.approx(1.0)
