from __future__ import annotations

from pathlib import Path

import pytest

from edgebuild.artifacts import Image
from edgebuild.target.load import load
from edgebuild.target.profile import Profile
from tests.emulators import tiny

CORES = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")


@pytest.fixture(params=CORES)
def core(request) -> str:
    return request.param


@pytest.fixture
def small(tmp_path):
    """Makes a board with the given core and little memory: a user's own profile."""

    def make(core: str, flash: str = "64 KiB", ram: str = "4 KiB") -> Profile:
        path = tmp_path / "small.toml"
        path.write_text(
            f'inherits = "{core}"\ntitle = "small"\n[memory.FLASH]\nbytes = "{flash}"\n[memory.RAM]\nbytes = "{ram}"\n'
        )
        return load(path)

    return make


@pytest.fixture(scope="session")
def plugins(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("plugins")


@pytest.fixture(scope="session")
def m4(tmp_path_factory) -> tuple[Profile, Image]:
    profile = load("cortex-m4")
    return profile, tiny.build(profile, tmp_path_factory.mktemp("m4"))
