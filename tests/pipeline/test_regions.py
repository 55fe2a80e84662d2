"""A model that fits no memory of its target alone, and two together: built and proven on emulated memories."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgebuild import pipeline
from edgebuild.errors import BudgetError
from edgebuild.pipeline import look
from tests import zoo
from tests.pipeline.conftest import settings

pytestmark = [pytest.mark.slow, pytest.mark.qemu]

MACHINES = {
    # AN547: SRAM, and the data TCM at its Secure alias; AN386, AN385: SSRAM 2 and 3, and PSRAM behind FLASH
    "cortex-m55": ("DTCM", 0x30000000),
    "cortex-m4": ("PSRAM", 0x21800000),
    "cortex-m0plus": ("PSRAM", 0x21800000),
}


def board(folder: Path, core: str, ram: str, other: str | None) -> str:
    """A profile with these sizes of RAM and, unless None, of the machine's other memory."""
    name, origin = MACHINES[core]
    text = f'inherits = "{core}"\ntitle = "two memories"\n[memory.RAM]\nbytes = "{ram}"\n'
    if other is not None:
        text += f'[memory.{name}]\nkind = "ram"\nbytes = "{other}"\nspeed = 4\n[emulation.origins]\n{name} = {origin}\n'
    path = folder / "two.toml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("core", MACHINES)
def test_two_memories_hold_what_neither_holds_alone(core: str, tmp_path: Path) -> None:
    model, name = zoo.tflite("image_classification"), MACHINES[core][0]
    for ram in ("13 KiB", "12 KiB"):
        alone = board(tmp_path, core, ram, None)
        with pytest.raises(BudgetError, match="bytes of ram"):
            pipeline.build(settings(model, tmp_path / "alone", alone), alone)
    both = board(tmp_path, core, "13 KiB", "12 KiB")
    report = pipeline.build(settings(model, tmp_path / "both", both, packages=["c_library", "firmware"]), both)
    assert report.emulation is not None and report.emulation["mismatched_bytes"] == 0
    assert report.ram is not None
    regions = {region["name"]: region for region in report.ram["regions"]}
    assert set(regions) == {"RAM", name}
    assert all(0 < region["arena"] <= region["bytes"] for region in regions.values())
    assert sum(region["arena"] for region in regions.values()) == report.ram["arena"]
    header = (tmp_path / "both/two/c_library/include/image_classification.h").read_text()
    for region in regions.values():
        assert f"#define IMAGE_CLASSIFICATION_ARENA_{region['name']}_BYTES {region['arena']}\n" in header
    # the firmware has run in the emulator, so its own script places both buffers; its map says where
    linked = (tmp_path / "both/two/firmware/image_classification.map").read_text()
    assert f".arena_{name.lower()}" in linked and f"0x{MACHINES[core][1]:016x}"[-8:] in linked
    assert json.loads((tmp_path / "both/two/report.json").read_text())["ram"]["regions"] == list(regions.values())


def test_rows_are_pushed_through_several_memories(tmp_path: Path) -> None:
    two = board(tmp_path, "cortex-m55", "16 KiB", "6 KiB")
    given = {"model__input": "pushed", "packages": ["c_library", "firmware"]}
    report = pipeline.build(settings(zoo.tflite("image_classification"), tmp_path / "out", two, **given), two)
    assert report.emulation is not None and report.emulation["mismatched_bytes"] == 0
    assert report.ram is not None and sum(region["arena"] > 0 for region in report.ram["regions"]) == 2


def test_everything_lies_in_the_fast_memory_if_it_has_room(tmp_path: Path) -> None:
    """One buffer then, and the interface of a target with one memory."""
    two = board(tmp_path, "cortex-m4", "64 KiB", "64 KiB")
    model = zoo.tflite("keyword_spotting")
    report = pipeline.build(settings(model, tmp_path / "out", two, packages=["c_library", "firmware"]), two)
    assert report.ram is not None
    ram, fast = report.ram["regions"]
    assert (ram["arena"], fast["name"]) == (0, "PSRAM") and fast["arena"] == report.ram["arena"]
    header = (tmp_path / "out/two/c_library/include/keyword_spotting.h").read_text()
    assert "void keyword_spotting_invoke(void *arena);" in header and "Place the arena in PSRAM" in header
    memory = look.inspect(model, two).memory
    assert memory is not None and memory.lines[0] == f"PSRAM: {fast['arena']:,} bytes"


def test_what_fits_no_memory_is_refused(tmp_path: Path) -> None:
    two = board(tmp_path, "cortex-m4", "20 KiB", "20 KiB")
    with pytest.raises(BudgetError) as refused:
        pipeline.build(settings(zoo.tflite("visual_wake_words"), tmp_path / "out", two), two)
    error = refused.value
    assert error.place == "visual_wake_words"
    assert error.rule == (
        "its arena of 28,032 bytes cannot be spread over RAM 20,480, PSRAM 20,480 bytes of two; "
        "its largest piece has 27,648 bytes, and PSRAM has room for 20,480"
    )
    assert error.remedy == "make the layers named above smaller, or choose a target with a larger memory"
    assert error.details[0] == "      36,864 bytes  int8 1 x 48 x 48 x 16  model/activation_2/Relu"


def test_a_shipped_board_with_two_memories(tmp_path: Path) -> None:
    report = pipeline.build(settings(zoo.tflite("keyword_spotting"), tmp_path, "nucleo-h743zi2"), "nucleo-h743zi2")
    assert report.emulation is not None and report.emulation["mismatched_bytes"] == 0
    assert report.ram is not None
    assert [(r["name"], r["bytes"]) for r in report.ram["regions"]] == [("RAM", 128 << 10), ("AXI_SRAM", 512 << 10)]
