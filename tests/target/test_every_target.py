"""What every shipped profile has to be: loadable, complete, and no bigger than what proves it."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from edgebuild import emulators, resources, toolchains
from edgebuild.emulators.qemu_system import QemuSystem
from edgebuild.target.load import explain, load, names
from edgebuild.target.profile import Profile

SHIPPED = (resources.folder("targets"),)
BUILT_HERE = ("android", "cortex-m", "host", "linux")


@pytest.fixture(params=names(SHIPPED))
def profile(request) -> Profile:
    return load(request.param, SHIPPED)


def test_names():
    assert names(SHIPPED) == (
        "android", "android-arm64", "android-armv7", "android-x86_64", "corstone-300", "cortex-m0plus", "cortex-m3",
        "cortex-m33", "cortex-m4", "cortex-m55", "cortex-m7", "host", "nano33ble", "nucleo-h743zi2", "nucleo-l4r5zi",
        "pico2", "raspberry-pi-pico", "rpi-zero", "rpi-zero2", "rpi3", "rpi3-32", "rpi4", "rpi5", "stm32f746g-disco",
    )  # fmt: skip


def test_has_a_title_a_cpu_and_a_way_to_prove(profile):
    assert profile.title
    assert profile.cpu.name
    assert profile.emulation.emulator
    assert profile.family == "host" or profile.emulation.cpu, "the emulated CPU is always named"


def test_what_is_built_here_can_be_built(profile):
    if profile.family in BUILT_HERE:
        toolchains.find(profile.toolchain)
        emulators.find(profile.emulation.emulator)


def test_a_board_fits_its_emulated_machine(profile):
    if profile.family == "cortex-m":
        for region in profile.memory:
            assert region.bytes <= profile.emulation.capacity[region.name]
        assert isinstance(emulators.find(profile.emulation.emulator), QemuSystem)


def test_regions_do_not_touch_one_another(profile):
    if profile.family == "cortex-m":
        emulation = profile.emulation
        spans = [(emulation.origins["HARNESS"], emulation.harness_bytes)]
        # Twice the harness's guard bytes come on top of RAM; 4 KiB is far more than that.
        spans += [(emulation.origins[region.name], region.bytes + 4096) for region in profile.memory]
        spans.sort()
        for (start, length), (following, _) in itertools.pairwise(spans):
            assert start + length <= following


def test_every_value_has_a_place(profile):
    for origin in explain(profile.name, SHIPPED):
        file, line = origin.place.rsplit(":", 1)
        assert origin.key.split(".")[-1] in Path(file).read_text().splitlines()[int(line) - 1]


@pytest.mark.parametrize(
    ("board", "cpu", "flash", "ram"),
    [
        ("nucleo-l4r5zi", "cortex-m4", 2048, 640),
        ("stm32f746g-disco", "cortex-m7", 1024, 320),
        ("nano33ble", "cortex-m4", 1024, 256),
        ("nucleo-h743zi2", "cortex-m7", 2048, 640),
        ("raspberry-pi-pico", "cortex-m0plus", 2048, 264),
        ("pico2", "cortex-m33", 4096, 520),
        ("corstone-300", "cortex-m55", 2048, 2048),
        ("cortex-m4", "cortex-m4", 4096, 2048),
    ],
)
def test_what_is_soldered_on(board, cpu, flash, ram):
    profile = load(board, SHIPPED)
    assert (profile.cpu.name, profile.bytes("flash"), profile.bytes("ram")) == (cpu, flash * 1024, ram * 1024)


def test_features():
    features = {name: sorted(load(name, SHIPPED).cpu.features) for name in names(SHIPPED) if name.startswith("cortex")}
    assert features == {
        "cortex-m0plus": ["thumb"],
        "cortex-m3": ["thumb", "thumb2"],
        "cortex-m4": ["dsp", "fpu", "thumb", "thumb2"],
        "cortex-m7": ["dsp", "fpu", "thumb", "thumb2"],
        "cortex-m33": ["dsp", "fpu", "thumb", "thumb2"],
        "cortex-m55": ["dsp", "fpu", "mve", "thumb", "thumb2"],
    }
