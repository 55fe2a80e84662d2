"""clang and lld for Android: a JNI library that imports nothing, so that no NDK is needed.

Everything that the generated code calls is in the library: what it needs of libc comes from
``templates/packages/android_aar/native``.  Where ``ANDROID_NDK_HOME`` is set, the NDK's clang and lld build the
same library instead of the system's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from edgebuild.process import Tool
from edgebuild.target.profile import Profile
from edgebuild.toolchains import DEFAULT_FLAGS, Options, Toolchain

VARIABLE = "ANDROID_NDK_HOME"

_CODE = (
    "-fPIC",
    "-fvisibility=hidden",
    "-ffreestanding",
    "-nostdlibinc",
    "-ffp-contract=off",  # a fused multiply-add rounds once where TFLite's kernels round twice
    # these three would import from libc and the unwinder
    "-fno-stack-protector",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
)

_LINK = (
    "-nostdlib",
    "-shared",
    "-Wl,--no-undefined",
    "-Wl,--gc-sections",
    "-Wl,--strip-all",
    "-Wl,--hash-style=both",
    "-Wl,--build-id=sha1",
    "-Wl,-z,now",
    "-Wl,-z,relro",
    "-Wl,-z,text",
    "-Wl,-z,noexecstack",
    # 16 KB pages from Android 15 on.  The common page size stays: with 16 KB there too, lld 14 pads RELRO beyond
    # the mapped segment, and a loader with 4 KB pages refuses that.
    "-Wl,-z,max-page-size=16384",
)


@dataclass(frozen=True)
class NdkTool(Tool):
    """A program of the NDK that the user named."""

    @property
    def install(self) -> str:
        """What to do when it is not there."""
        return f"set {VARIABLE} to the folder of an installed NDK, or unset it to use Debian's {self.package}"


def _program(command: str, package: str, purpose: str) -> Tool:
    ndk = os.environ.get(VARIABLE)
    if not ndk:
        return Tool(f"{command}-14", package, purpose)
    folders = sorted(Path(ndk).glob("toolchains/llvm/prebuilt/*/bin"))
    folder = folders[0] if folders else Path(ndk) / "toolchains/llvm/prebuilt/linux-x86_64/bin"
    return NdkTool(str(folder / command), package, purpose)


class ClangAndroid(Toolchain):
    """``clang`` with ``lld``; ``link`` makes a shared library."""

    compiler = _program("clang", "clang-14", "compiling for Android")
    linker = _program("ld.lld", "lld-14", "linking for Android")
    archiver = _program("llvm-ar", "llvm-14", "the static library")
    lister = _program("llvm-nm", "llvm-14", "addresses in the linked library")
    disassembler = _program("llvm-objdump", "llvm-14", "reading the linked library")
    sizer = _program("llvm-size", "llvm-14", "sizes of sections")
    copier = _program("llvm-objcopy", "llvm-14", "images")
    java_compiler = Tool("javac", "openjdk-17-jdk-headless", "the Java class of an Android package")
    tools = (compiler, linker, archiver, lister, disassembler, sizer, copier, java_compiler)

    def compile(self, profile: Profile, source: str, output: str, options: Options) -> list[str]:
        includes = [f"-I{folder}" for folder in options.includes]
        flags = [*profile.cpu.flags, *DEFAULT_FLAGS, *_CODE]
        return [self.compiler.command, *flags, *includes, "-c", source, "-o", output]

    def link(
        self, profile: Profile, objects: Sequence[str], library: str, script: str | None, output: str, options: Options
    ) -> list[str]:
        return [
            self.compiler.command,
            *profile.cpu.flags,
            f"--ld-path={self.linker.command}",
            *_LINK,
            f"-Wl,-soname,{PurePath(output).name}",
            f"-Wl,-Map={PurePath(output).with_suffix('.map')}",
            *objects,
            library,
            "-o",
            output,
        ]


def api_level(profile: Profile) -> int:
    """The lowest API level that ``profile`` is compiled for: it stands at the end of the compiler's target."""
    found = re.search(r"--target=\S+-linux-android(?:eabi)?(\d+)", " ".join(profile.cpu.flags))
    if found is None:
        raise ValueError(f"{profile.name} names no API level: its cpu.flags lack --target=…-android21 or the like")
    return int(found[1])
