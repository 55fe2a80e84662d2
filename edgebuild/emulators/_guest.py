"""Boots an emulated Linux system that runs one command, and takes back the files that it wrote.

The first file system is a ``cpio`` archive made here, so that neither ``cpio`` nor root is needed.  Files come back
as base64 on the console with a checksum each; see ``templates/harness/linux/init.c``.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgebuild import cache, process, resources
from edgebuild.errors import BudgetError, ToolError
from edgebuild.process import Tool
from edgebuild.target.profile import Profile

KERNEL = ("linux", cache.key("arm64"))
"""Stage and name under which the cache keeps the kernel, as ``root/boot/vmlinuz-VERSION``."""

JOB = "job"
"""The folder in which the command runs; what it leaves in ``out/`` comes back."""

_SYSTEM = "system.cpio"
_SECONDS = 60.0
_OWN_BYTES = 32 << 20
"""What Linux takes for itself besides its image, at the least."""

_MARK = "@eb "
_OUT_OF_MEMORY = ("Out of memory", "deadlocked on memory")


@dataclass(frozen=True)
class Entry:
    """A file of the system; a symbolic link where ``link`` says to what."""

    content: bytes = b""
    executable: bool = False
    link: str = ""


Tree = Mapping[str, Entry]
"""Files by path, without a slash at the beginning."""


@dataclass(frozen=True)
class Booted:
    """What a command did in an emulated system.

    Attributes:
        status: its exit status; ``-N`` when signal N ended it.
        peak_bytes: the largest resident set that it had, as the system's kernel counted it.
        memory_bytes: what the kernel had left for programs.
        files: what it wrote to ``out/``, and ``stdout`` and ``stderr``.
        command: how the emulator was run.
    """

    status: int
    peak_bytes: int
    memory_bytes: int
    files: Mapping[str, bytes]
    command: tuple[str, ...] = field(default=())


def boot(profile: Profile, tree: Tree, command: Sequence[str], folder: Path, timeout: float) -> Booted:
    """Boot a system of ``tree`` and run ``command`` in its folder ``work``.

    Args:
        folder: where the emulator runs.

    Raises:
        ToolError: QEMU or the compiler is missing, QEMU did not end in time, or the system did not boot.
        BudgetError: the memory of the target is too small for the command.
    """
    from edgebuild.emulators.qemu_linux import QemuLinux

    emulator = QemuLinux()
    emulator.program.require()
    kernel = _kernel()
    folder.mkdir(parents=True, exist_ok=True)
    words = "".join(f"{word}\0" for word in command).encode()
    own = {"init": Entry(_init(emulator.compiler), executable=True), "edgebuild/command": Entry(words)}
    system = b"".join(cpio({**tree, **own}))
    (folder / _SYSTEM).write_bytes(system)
    argv = emulator.command(profile, str(kernel.resolve()), _SYSTEM)
    place = f"{profile.name} on {emulator.label(profile)}"
    try:
        done = process.run(argv, timeout=timeout, cwd=folder)
    except process.TimedOut as late:
        raise ToolError(
            place,
            f"{emulator.program.command} did not finish within {late.seconds:g} s and was ended",
            "allow more time with proof.timeout, or run fewer vectors; if it hangs with one, report this as a bug",
            tuple(late.stdout.splitlines()[-5:]),
        ) from late
    finally:
        (folder / _SYSTEM).unlink()
    booted, ram = _read(done), profile.bytes("ram")
    # a kernel that finds no room dies before it has a console
    narrow = ram < kernel.stat().st_size + 2 * len(system) + _OWN_BYTES
    if booted.status == -9 if booted else narrow or any(text in done.stdout for text in _OUT_OF_MEMORY):
        rule = f"{ram >> 20} MiB of RAM are too little for Linux and this model"
        raise BudgetError(place, rule, "choose a target with more RAM, or a smaller model")
    if booted is None:
        rule = f"the system did not boot, or its answer is damaged; QEMU ended with status {done.status}"
        raise ToolError(place, rule, "run edgebuild doctor", tuple((done.stderr + done.stdout).splitlines()[-5:]))
    return booted


def _read(done: process.Completed) -> Booted | None:
    """What the first process reported; None when it did not come to an end, or a checksum is wrong."""
    files: dict[str, bytes] = {}
    memory, name, sizes, parts = 0, "", {}, list[str]()
    for line in done.stdout.replace("\r", "").split("\n"):
        if not line.startswith(_MARK):
            parts.append(line)
            continue
        if name:
            files[name] = _decoded(parts)
        kind, *words = line[len(_MARK) :].split()
        name, parts = "", []
        if kind == "memory":
            memory = int(words[0]) * 1024
        elif kind == "file":
            name = words[0]
            sizes[name] = (int(words[1]), int(words[2]))
        elif kind == "done":
            if any((len(files[n]), checksum(files[n])) != wanted for n, wanted in sizes.items()):
                return None
            status, signal, peak = (int(word) for word in words)
            return Booted(-signal if signal else status, peak * 1024, memory, files, done.argv)
    return None


def _decoded(parts: Sequence[str]) -> bytes:
    try:
        return binascii.a2b_base64("".join(parts))
    except binascii.Error:
        return b""


def checksum(content: bytes) -> int:
    """The one that the first process computes."""
    total = 1
    for byte in content:
        total = (total * 31 + byte) & 0xFFFFFFFF
    return total


def cpio(tree: Tree) -> Iterator[bytes]:
    """``tree`` as the kernel reads it (``newc``): sorted, owned by root, dated 1970; with a console."""
    folders = {str(parent) for path in tree for parent in Path(path).parents} - {"."}
    number = 0

    def entry(name: str, mode: int, content: bytes = b"", device: tuple[int, int] = (0, 0)) -> Iterator[bytes]:
        nonlocal number
        number += 1
        encoded = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(encoded), 0)
        head = b"070701" + b"".join(b"%08X" % value for value in fields) + encoded
        yield head + b"\0" * (-len(head) % 4)
        yield content
        yield b"\0" * (-len(content) % 4)

    for name in sorted({*folders, "dev", JOB}):
        yield from entry(name, 0o040755)
    yield from entry("dev/console", 0o020600, device=(5, 1))
    for name, file in sorted(tree.items()):
        if file.link:
            yield from entry(name, 0o120777, file.link.encode())
        else:
            yield from entry(name, 0o100755 if file.executable else 0o100644, file.content)
    yield from entry("TRAILER!!!", 0)


def _kernel() -> Path:
    folder = cache.find(*KERNEL)
    found = sorted(folder.glob("root/boot/vmlinuz-*")) if folder else []
    if not found:
        raise ToolError("the emulated system", "has no kernel in the cache", "build without --no-cache, with a network")
    return found[0]


def _init(compiler: Tool) -> bytes:
    """The first process, compiled once."""
    source = resources.folder("templates") / "harness" / "linux" / "init.c"

    def work(folder: Path) -> None:
        flags = ("-std=c11", "-Os", "-Wall", "-Wextra", "-static", "-s")
        argv = [compiler.command, *flags, str(source), "-o", str(folder / "init")]
        process.check(argv, tool=compiler, timeout=_SECONDS, cwd=folder)

    folder, _ = cache.make("tools", cache.key("init", source.read_bytes(), _identity(compiler)), work)
    return (folder / "init").read_bytes()


def _identity(tool: Tool) -> list[int | str]:
    path = tool.require()
    status = Path(path).stat()
    return [path, status.st_size, status.st_mtime_ns]
