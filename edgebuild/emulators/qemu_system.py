"""QEMU's Arm machines, bare metal, with semihosting."""

from __future__ import annotations

from collections.abc import Sequence

from edgebuild.artifacts import Image
from edgebuild.emulators import Emulator, Plugin
from edgebuild.process import Tool
from edgebuild.target.profile import Profile


class QemuSystem(Emulator):
    """``qemu-system-arm``; machine and CPU are always named."""

    program = Tool("qemu-system-arm", "qemu-system-arm", "running the model on an emulated Cortex-M")
    tools = (program,)
    counts = True

    def argv(self, profile: Profile, image: Image, arguments: Sequence[str], plugin: Plugin | None) -> list[str]:
        words = ",".join(f"arg={word}" for word in (image.elf.name, *arguments))
        line = [
            self.program.command,
            *("-machine", profile.emulation.machine),
            *("-cpu", profile.emulation.cpu),
            *("-display", "none"),
            *("-monitor", "none"),
            *("-serial", "none"),
            *("-semihosting-config", f"enable=on,target=native,{words}"),
            *("-kernel", str(image.elf.resolve())),
        ]
        if plugin is not None:
            path = str(plugin.path).replace(",", ",,")
            line += ["-plugin", f"{path},marks={plugin.marks},out={plugin.out}"]
        return line
