"""The demo app: made with the Android SDK where one is installed, signed with a debug key, never run here."""

from __future__ import annotations

import io
import os
import re
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgebuild import __version__, cache, process, toolchains
from edgebuild.artifacts import Interface, SourceFile, Vectors
from edgebuild.codegen import android
from edgebuild.codegen.environment import render
from edgebuild.errors import ToolError
from edgebuild.packagers import zipped
from edgebuild.pipeline.request import own_digest
from edgebuild.pipeline.stages import Stages
from edgebuild.process import Tool
from edgebuild.toolchains.clang_android import ClangAndroid
from edgebuild.validate.shared_library import PAGE

VARIABLES = ("ANDROID_HOME", "ANDROID_SDK_ROOT")
UNPROVEN = "the demo app was signed, and its signature and alignment were read back; it never ran"

_INSTALL = (
    'sdkmanager "build-tools;35.0.0" "platforms;android-35" and set ANDROID_HOME to the SDK\'s folder, '
    "or remove android_apk from packages"
)
_SECONDS = 300.0
_VECTORS = "test_vectors.bin"
_KEY = ("-storetype", "PKCS12", "-storepass", "android", "-alias", "androiddebugkey")
_KEYTOOL = Tool("keytool", "openjdk-17-jre-headless", "the debug key of the demo app")


@dataclass(frozen=True)
class SdkTool(Tool):
    """A program of the Android SDK."""

    @property
    def install(self) -> str:
        """How the SDK gets it."""
        return _INSTALL


@dataclass(frozen=True)
class Sdk:
    """What is used of an Android SDK.

    Attributes:
        platform: ``android.jar``.
        level: its API level.
    """

    aapt2: Tool
    d8: Tool
    apksigner: Tool
    platform: Path
    level: int

    def identity(self) -> list[object]:
        """Which versions they are, without starting them."""
        files = (*(Path(tool.require()) for tool in (self.aapt2, self.d8, self.apksigner)), self.platform)
        return [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]


def sdk() -> Sdk:
    """The Android SDK of this machine, with its newest build tools and platform.

    Raises:
        ToolError: there is none, or a part of it is missing.
    """
    given = next((os.environ[name] for name in VARIABLES if os.environ.get(name)), None)
    if given is None:
        raise ToolError("android_apk", f"needs the Android SDK, and {VARIABLES[0]} is not set", _INSTALL)
    root = Path(given).absolute()
    builds = sorted((root / "build-tools").glob("*/d8"), key=lambda path: _numbers(path.parent.name))
    platforms = sorted((root / "platforms").glob("android-*/android.jar"), key=lambda path: _numbers(path.parent.name))
    if not builds or not platforms:
        missing = "build-tools with d8" if not builds else "platforms with android.jar"
        raise ToolError(str(root), f"is not a complete Android SDK: it has no {missing}", _INSTALL)

    def tool(name: str, purpose: str) -> Tool:
        return SdkTool(str(builds[-1].parent / name), "", purpose)

    return Sdk(
        tool("aapt2", "the app's manifest"),
        tool("d8", "the app's classes"),
        tool("apksigner", "the app's signature"),
        platforms[-1],
        _numbers(platforms[-1].parent.name)[0],
    )


def build(
    interface: Interface, jar: bytes, natives: Mapping[str, bytes], api: int, vectors: Vectors, stages: Stages
) -> bytes:
    """The signed app with the library for each ABI, which checks itself on ``vectors``.

    Raises:
        ToolError: a program of the SDK is missing or failed.
    """
    tools, binding = sdk(), android.Binding.of(interface.name)
    context = {
        "prefix": interface.name,
        "package": binding.package,
        "version": __version__,
        "api": api,
        "target_api": tools.level,
        "vectors": _VECTORS,
    }
    names = ("AndroidManifest.xml", "MainActivity.java")
    sources = tuple(SourceFile(n, render(f"packages/android_apk/{n}.j2", **context).encode()) for n in names)
    content = _content(vectors)
    store = _debug_key(stages)
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    identity = (tools.identity(), cache.file_digest(store), epoch)
    key = cache.key(own_digest(), sources, jar, dict(natives), content, identity)

    def work(folder: Path) -> None:
        toolchains.write(sources, folder)
        (folder / "classes.jar").write_bytes(jar)
        _compile(tools, api, folder)
        with zipfile.ZipFile(folder / "base.apk") as base:
            files = {name: base.read(name) for name in base.namelist()}
        files |= {f"lib/{abi}/{binding.file}": library for abi, library in natives.items()}
        files |= {"classes.dex": (folder / "classes.dex").read_bytes(), f"assets/{_VECTORS}": content}
        # the loader maps a library from the app as it lies there
        plain = zipped(files, stored=(".so", ".arsc"), aligned={".so": PAGE, ".arsc": 4})
        (folder / "unsigned.apk").write_bytes(plain)
        _sign(tools, store, api, folder)
        _insist_on_alignment((folder / "demo.apk").read_bytes())

    return (stages.stored("app", key, work) / "demo.apk").read_bytes()


def _compile(tools: Sdk, api: int, folder: Path) -> None:
    javac = ClangAndroid.java_compiler
    (folder / "app").mkdir()
    flags = ("--release", "8", "-Xlint:-options", "-proc:none", "-encoding", "UTF-8", "-g:source,lines")
    path = f"{tools.platform}{os.pathsep}classes.jar"
    _check([javac.command, *flags, "-cp", path, "-d", "app", "MainActivity.java"], javac, folder)
    classes = {p.relative_to(folder / "app").as_posix(): p.read_bytes() for p in (folder / "app").rglob("*.class")}
    (folder / "app.jar").write_bytes(zipped(classes))
    limits = ("--min-api", str(api), "--lib", str(tools.platform))
    _check([tools.d8.command, "--release", *limits, "--output", ".", "app.jar", "classes.jar"], tools.d8, folder)
    manifest = ("--manifest", "AndroidManifest.xml", "-I", str(tools.platform), "-o", "base.apk")
    _check([tools.aapt2.command, "link", *manifest], tools.aapt2, folder)


def _sign(tools: Sdk, store: Path, api: int, folder: Path) -> None:
    level = ("--min-sdk-version", str(api))
    secret = ("--ks", str(store), "--ks-type", "PKCS12", "--ks-pass", "pass:android")
    signer = tools.apksigner
    _check([signer.command, "sign", *secret, *level, "--out", "demo.apk", "unsigned.apk"], signer, folder)
    _check([signer.command, "verify", *level, "demo.apk"], signer, folder)


def _debug_key(stages: Stages) -> Path:
    """A key store that is made once on each machine; anybody can make such a key, so it is no secret."""

    def work(folder: Path) -> None:
        owner = (
            "-keyalg",
            "RSA",
            "-keysize",
            "2048",
            "-validity",
            "10000",
            "-dname",
            "CN=Android Debug,O=Android,C=US",
        )
        _check([_KEYTOOL.command, "-genkeypair", "-keystore", "debug.p12", *_KEY, *owner], _KEYTOOL, folder)

    with stages.stage("debug-key") as hits:
        folder, hit = cache.make("debug-key", cache.key(1), work)
        hits.append(hit)
    return folder / "debug.p12"


def _content(vectors: Vectors) -> bytes:
    """How many, then input and expected output of each, as ``MainActivity`` reads them."""
    assert vectors.expected is not None
    pairs = zip(vectors.inputs, vectors.expected, strict=True)
    return struct.pack(">I", len(vectors.inputs)) + b"".join(i.tobytes() + o.tobytes() for i, o in pairs)


def _insist_on_alignment(app: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(app)) as archive:
        for entry in archive.infolist():
            if not entry.filename.endswith(".so"):
                continue
            name, extra = struct.unpack_from("<HH", app, entry.header_offset + 26)
            if entry.compress_type != zipfile.ZIP_STORED or (entry.header_offset + 30 + name + extra) % PAGE:
                raise ToolError(
                    entry.filename,
                    f"does not lie at a multiple of {PAGE} bytes in the signed app",
                    "install newer build-tools, or report this as a bug",
                )


def _check(argv: list[str], tool: Tool, folder: Path) -> None:
    process.check(argv, tool=tool, timeout=_SECONDS, cwd=folder)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)) or (0,)
