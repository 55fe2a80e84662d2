"""The emulated Linux system: what goes into it, and what comes back over its console."""

from __future__ import annotations

import base64

from edgebuild import emulators
from edgebuild.emulators import Entry
from edgebuild.emulators._guest import _read, checksum, cpio
from edgebuild.process import Completed
from edgebuild.target.load import load

CONTENT = bytes(range(256)) * 3


def console(content: bytes = CONTENT, noise: str = "", end: str = "@eb done 0 0 1234") -> str:
    text = base64.b64encode(content).decode()
    lines = [text[i : i + 76] for i in range(0, len(text), 76)]
    head = f"\n@eb memory 500\n@eb file out.bin {len(CONTENT)} {checksum(CONTENT)}\n"
    return (head + "\n".join([*lines, *([noise] if noise else [])]) + f"\n{end}\n").replace("\n", "\r\n")


def read(text: str) -> emulators.Booted | None:
    return _read(Completed((), 0, text, ""))


def test_files_come_back() -> None:
    booted = read(console())
    assert booted is not None
    assert booted.files == {"out.bin": CONTENT}
    assert (booted.status, booted.peak_bytes, booted.memory_bytes) == (0, 1234 * 1024, 500 * 1024)


def test_a_signal_is_a_negative_status() -> None:
    booted = read(console(end="@eb done -1 11 1234"))
    assert booted is not None and booted.status == -11


def test_what_is_damaged_is_not_trusted() -> None:
    assert read(console(CONTENT[:-1] + b"?")) is None
    assert read(console(CONTENT[:-1])) is None
    assert read(console(noise="[    1.0] watchdog: a line of the kernel in the middle")) is None
    assert read(console(end="")) is None
    assert read("") is None


def test_the_archive_is_the_same_each_time() -> None:
    tree = {"b/c": Entry(b"12345", executable=True), "a": Entry(link="b/c")}
    made = b"".join(cpio(tree))
    assert made == b"".join(cpio(dict(reversed(tree.items()))))
    names, at = [], 0
    while at < len(made):
        assert made[at : at + 6] == b"070701"
        fields = [int(made[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        name = made[at + 110 : at + 110 + fields[11] - 1].decode()
        names.append((name, oct(fields[1]), fields[6]))
        assert (fields[2], fields[3], fields[5]) == (0, 0, 0), "root's, and of 1970"
        at += 110 + fields[11]
        at += -at % 4 + fields[6]
        at += -at % 4
    assert names == [
        ("b", "0o40755", 0),
        ("dev", "0o40755", 0),
        ("job", "0o40755", 0),
        ("dev/console", "0o20600", 0),
        ("a", "0o120777", 3),
        ("b/c", "0o100755", 5),
        ("TRAILER!!!", "0o0", 0),
    ]


def test_cpu_machine_and_memory_are_named() -> None:
    for target, cpu, memory in (("rpi-zero2", "cortex-a53", "512M"), ("rpi5", "cortex-a76", "1024M")):
        profile = load(target)
        argv = emulators.find("qemu_linux").argv(profile, None, ("linux", "system.cpio"), None)  # type: ignore[arg-type]
        assert argv[argv.index("-machine") + 1] == "virt"
        assert argv[argv.index("-cpu") + 1] == cpu
        assert argv[argv.index("-m") + 1] == memory
        assert argv[argv.index("-kernel") + 1] == "linux"
        assert emulators.find("qemu_linux").label(profile) == f"Linux on QEMU virt ({cpu})"


def test_user_mode_names_the_cpu_and_the_right_qemu() -> None:
    for target, emulator, cpu in (("rpi-zero", "qemu-arm", "arm1176"), ("rpi3-32", "qemu-arm", "cortex-a7")):
        plugin = emulators.find("qemu_user")
        argv = plugin.command(load(target), "program", ("a", "b"), "root")  # type: ignore[attr-defined]
        assert argv == [emulator, "-cpu", cpu, "-L", "root", "program", "a", "b"]
