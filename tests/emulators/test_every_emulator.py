"""What every emulator plugin has to be."""

from __future__ import annotations

import pytest

from edgebuild import emulators
from edgebuild.process import Tool


@pytest.mark.parametrize("name", emulators.names())
def test_contract(name):
    plugin = emulators.find(name)
    assert plugin.program is None or plugin.program in plugin.tools
    assert all(isinstance(tool, Tool) and tool.package and tool.purpose for tool in plugin.tools)


def test_unknown():
    with pytest.raises(KeyError):
        emulators.find("no-such-emulator")


def test_a_comma_in_a_path_reaches_the_plugin_option(m4, tmp_path):
    """QEMU splits its options at commas; a folder may have one in its name all the same."""
    profile, image = m4
    from tests.emulators import tiny

    run = emulators.run(profile, image, tiny.vectors(1), tmp_path / "a, b", 20, cache=tmp_path / "c,d e")
    assert run.instructions
