"""What holds between steps: self-distillation is everyone's setting, and no step undoes an earlier one."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebuild import compress
from edgebuild.config import Config, Step
from edgebuild.errors import UsageError
from edgebuild.pipeline.request import Request


def steps(*entries: tuple[str, dict[str, object]]) -> list[tuple[str, object]]:
    return [(name, compress.settings(name, values)) for name, values in entries]


NARROW = ("distill", {"width": 0.5})
TAUGHT = ("distill", {"teacher": "large.keras"})


@pytest.mark.parametrize(
    ("order", "text"),
    [
        (
            [("prune", {}), ("factorize", {})],
            "compression step 'factorize': comes after 'prune', and the factors of pruned weights are not zero\n"
            "  remedy: let 'factorize' come before 'prune'",
        ),
        (
            [("cluster", {}), ("factorize", {})],
            "compression step 'factorize': comes after 'cluster', and the factors of clustered weights are not "
            "clustered\n  remedy: let 'factorize' come before 'cluster'",
        ),
        (
            [("factorize", {}), NARROW],
            "compression step 'distill': comes after 'factorize', and a student that starts anew knows nothing of it\n"
            "  remedy: let 'distill' come before 'factorize'",
        ),
    ],
)
def test_an_order_that_undoes_is_refused(order: list[tuple[str, dict[str, object]]], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        compress.check_order(steps(*order))
    assert str(caught.value) == text


@pytest.mark.parametrize(
    "order",
    [
        [NARROW, ("factorize", {}), ("prune", {}), ("cluster", {})],
        [("prune", {"pattern": "channels"}), ("factorize", {}), ("prune", {"pattern": "2x4"})],
        [("prune", {}), TAUGHT],
        [("distill", {"student": "ds_cnn"}), NARROW],
    ],
    ids=["all", "channels first", "the same model goes on", "an assistant between"],
)
def test_an_order_that_makes_sense(order: list[tuple[str, dict[str, object]]]) -> None:
    compress.check_order(steps(*order))


def test_every_step_that_trains_can_follow_the_model_as_it_was() -> None:
    for name in compress.names():
        technique = compress.find(name)
        if technique.trains and name != "distill":
            assert compress.course(name, {"distill": 0.25}).distill == 0.25
            assert compress.settings(name, {"distill": 0.25}) == compress.settings(name, {})
            assert "distill" in compress.defaults(name)
    assert compress.course("prune", {}).distill == 0.0
    assert compress.course("factorize", {}).distill == 0.5
    assert compress.course("distill", {"width": 0.5}).distill == 0.0


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("prune", 1.5, "compression step 'prune': distill must lie between 0 and 1, not 1.5"),
        ("prune", "much", "compression step 'prune', distill: 'much' is not a number"),
        ("distill", 0.5, "compression step 'distill': unknown setting 'distill'"),
    ],
)
def test_a_share_that_is_none(name: str, value: object, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        compress.settings(name, {"distill": value})
    assert str(caught.value).startswith(text)


CHANGE = "change the setting"


@pytest.mark.parametrize(
    ("name", "values", "rule"),
    [
        ("distill", {}, "needs a teacher, a student or a width other than 1"),
        ("distill", {"width": 9.0}, "width must lie between 0.05 and 4, not 9"),
        (
            "distill",
            {"student": "s.keras", "width": 0.5},
            "width does not change a student that is a model file",
        ),
        ("distill", {"width": 0.5, "temperature": 0.5}, "temperature must be at least 1, not 0.5"),
        ("distill", {"width": 0.5, "label_weight": 2}, "label_weight must lie between 0 and 1, not 2"),
        (
            "cluster",
            {"clusters": 2, "per": "layer"},
            "clusters of a layer must lie between 3 and 64 for TF-MOT, not 2",
        ),
        ("factorize", {"keep": 1}, "keep must lie between 0 and 1, not 1"),
        ("factorize", {"kinds": []}, "kinds names no kind"),
    ],
)
def test_settings(name: str, values: dict[str, object], rule: str) -> None:
    with pytest.raises(UsageError) as caught:
        compress.settings(name, values)
    assert str(caught.value) == f"compression step {name!r}: {rule}\n  remedy: {CHANGE}"


def test_a_teacher_is_a_file_of_the_build_and_an_architecture_is_none(tmp_path: Path) -> None:
    for name in ("model.tflite", "large.keras", "edgebuild.toml"):
        (tmp_path / name).write_text("1")
    step = Step("distill", {"teacher": "large.keras", "student": "ds_cnn"})
    assert compress.files(step.technique, step.settings) == ("large.keras",)

    def request() -> Request:
        config = Config(
            model=tmp_path / "model.tflite",
            name="net",
            targets=("host",),
            output=tmp_path,
            steps=(step,),
            file=tmp_path / "edgebuild.toml",
        )
        return Request.of(config, "host")

    assert tmp_path / "large.keras" in list(request().files())
    before = request().model_key
    (tmp_path / "large.keras").write_text("2")
    assert request().model_key != before
