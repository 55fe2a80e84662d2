"""A firmware image that boots, checks the model on its test vectors and says whether every byte is right.

On a board the image lies at the board's own addresses.  A bare core has none, so its image lies where
the emulated machine has memory, and the emulator runs it.
"""

from __future__ import annotations

from edgebuild.artifacts import Harness, Interface, SourceFile
from edgebuild.codegen.environment import render
from edgebuild.target.profile import Profile

FOLDER = "firmware"


def firmware(interface: Interface, profile: Profile, example: tuple[SourceFile, ...]) -> Harness:
    """The program around the library: boot code, linker script and ``example``; all files lie in ``firmware/``."""
    flash, ram = profile.region("flash"), profile.region("ram")
    origins = profile.emulation.origins
    memories = profile.regions("ram")
    addresses = {r.name: origins[r.name] if r.address is None else r.address for r in (flash, *memories)}
    context: dict[str, object] = {
        "prefix": interface.name,
        "title": profile.title,
        "flash": flash,
        "ram": ram,
        "memories": memories,
        "areas": interface.areas,
        "addresses": addresses,
        # where the core looks for its vectors: the start of flash, or the emulated machine's boot memory
        "boot": origins["HARNESS"] if flash.address is None else None,
    }
    files = {
        "startup.c": render("packages/firmware/startup.c.j2", **context),
        "link.ld": render("packages/firmware/link.ld.j2", **context),
    }
    return Harness(
        files=(
            *(SourceFile(f"{FOLDER}/{path}", text.encode()) for path, text in files.items()),
            *(SourceFile(f"{FOLDER}/{file.path}", file.content) for file in example),
        ),
        units=(f"{FOLDER}/startup.c", f"{FOLDER}/example_main.c"),
        script=f"{FOLDER}/link.ld",
    )


def runs_in_the_emulator(profile: Profile) -> bool:
    """Whether the emulated machine has memory at the firmware's addresses, and boots from there."""
    origins, flash = profile.emulation.origins, profile.region("flash")
    return flash.address in (None, origins["HARNESS"]) and all(
        ram.address in (None, origins[ram.name]) for ram in profile.regions("ram")
    )
