"""``edgebuild doctor``: what is installed, and how to install what is not."""

from __future__ import annotations

import importlib
import os
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from edgebuild import process, registry
from edgebuild.cli import _options
from edgebuild.cli.console import SCHEMA_VERSION, table
from edgebuild.errors import ExitCode, ToolError

if TYPE_CHECKING:
    from edgebuild.process import Tool


@dataclass(frozen=True)
class Package:
    """A Python distribution that edgebuild uses.

    Attributes:
        extra: the extra of edgebuild that brings it; empty for one that always comes along.
        needed: whether the default job cannot do without.
    """

    name: str
    purpose: str
    extra: str = ""
    needed: bool = True

    @property
    def install(self) -> str:
        """The line that installs it."""
        return f"pip install 'edgebuild[{self.extra}]'" if self.extra else f"pip install {self.name}"


_ORACLE_WHEELS = sys.platform == "linux" and os.uname().machine == "x86_64"

PACKAGES = (
    Package("click", "the command"),
    Package("jinja2", "templates of the generated C"),
    Package("numpy", "bit-exact operators"),
    Package("flatbuffers", "reading .tflite"),
    Package("tflite", "reading .tflite"),
    Package("tqdm", "progress bars"),
    Package("pyelftools", "reading native libraries back"),
    Package("tflite-micro", "TFLite's reference bytes", needed=_ORACLE_WHEELS),
    Package("ai-edge-litert", "a second opinion on the bytes, and Raspberry Pi bundles", "litert", False),
    Package("tensorflow", "models other than .tflite", "tensorflow", False),
    Package("tf_keras", "models other than .tflite", "tensorflow", False),
    Package("tensorflow-model-optimization", "pruning, clustering, quantization", "tensorflow", False),
    Package("h5py", "models other than .tflite", "tensorflow", False),
)


@click.command()
@click.option(
    "--target",
    default="cortex-m4",
    show_default=True,
    metavar="NAME",
    shell_complete=_options.complete_target,
    help="What must be able to build.",
)
@_options.json_only
def command(target: str, **options: Any) -> int:
    """Check every program and Python package; exit code 7 if the target's default job lacks one."""
    from edgebuild.target import load

    console = _options.console(options)
    profile = load.load(target)
    parts = (profile, *profile.also)
    needed_by = {("toolchains", part.toolchain) for part in parts}
    needed_by |= {("emulators", part.emulation.emulator) for part in parts}
    found = [_program(tool, used & needed_by != set()) for tool, used in programs().items()]
    found += [_package(package) for package in PACKAGES]
    missing = [entry for entry in found if entry["needed"] and entry["version"] is None]
    if console.as_json:
        console.object({"schema_version": SCHEMA_VERSION, "target": target, "ok": not missing, "tools": found})
        return ExitCode.TOOL if missing else ExitCode.OK
    rows = [["", "tool", "version", "for", "install"]]
    for entry in found:
        there = entry["version"] is not None
        mark = "ok" if there else "MISSING" if entry["needed"] else "-"
        install = "" if there else entry["install"]
        rows.append([mark, entry["name"], entry["version"] or "", entry["purpose"], install])
    console.result(table(rows))
    if missing:
        lines = tuple(dict.fromkeys(entry["install"] for entry in missing))
        names = ", ".join(entry["name"] for entry in missing)
        raise ToolError("doctor", f"{target} cannot be built without {names}", together(lines))
    return ExitCode.OK


def programs() -> dict[Tool, set[tuple[str, str]]]:
    """Every program that a toolchain or emulator may need, and which plugins need it."""
    found: dict[Tool, set[tuple[str, str]]] = {}
    for folder in ("toolchains", "emulators"):
        plugins = importlib.import_module(f"edgebuild.{folder}")
        for name in registry.names(f"edgebuild.{folder}"):
            for tool in plugins.find(name).tools:
                found.setdefault(tool, set()).add((folder, name))
    return found


def together(lines: tuple[str, ...]) -> str:
    """Install lines with the same beginning as one: what a user pastes."""
    start = "apt-get install "
    debian = [word for line in lines if line.startswith(start) for word in line.removeprefix(start).split()]
    rest = [line for line in lines if not line.startswith(start)]
    return "; ".join(([start + " ".join(dict.fromkeys(debian))] if debian else []) + rest)


def _program(tool: Tool, needed: bool) -> dict[str, Any]:
    version = None
    if (path := tool.path()) is not None:
        version = _version(path)
    return {
        "name": tool.command,
        "version": version,
        "path": path,
        "purpose": tool.purpose,
        "needed": needed,
        "install": tool.install,
    }


def _version(path: str) -> str:
    """What ``--version`` says, shortened to the number; ``there`` when it says none."""
    try:
        done = process.run([path, "--version"], timeout=20)
    except (process.TimedOut, ToolError):
        return "does not run"
    match = re.search(r"\d+\.\d+(\.\d+)*", done.stdout + done.stderr)
    return match[0] if match else "there"


def _package(package: Package) -> dict[str, Any]:
    from importlib import metadata  # slow

    try:
        version = metadata.version(package.name)
    except metadata.PackageNotFoundError:
        version = None
    return {
        "name": package.name,
        "version": version,
        "path": None,
        "purpose": package.purpose,
        "needed": package.needed,
        "install": package.install,
    }
