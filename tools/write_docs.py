"""Writes the pages of docs/ that are generated; with --check only tells which are out of date."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path

from edgebuild import compress, convert, ops
from edgebuild.config import render
from edgebuild.config.automatic import AutoSettings
from edgebuild.target import load

DOCS = Path(__file__).resolve().parent.parent / "docs"


def pages() -> Mapping[str, str]:
    """Every generated page by file name."""
    return {
        "configuration.md": render.markdown() + techniques(),
        "operators.md": operators(),
        "targets.md": targets(),
    }


def techniques() -> str:
    """The settings of each compression technique, from their dataclasses."""
    lines = ["", "## Compression techniques", ""]
    for name in compress.names():
        summary = (type(compress.find(name)).__doc__ or "").splitlines()[0].rstrip(".").replace("``", "`")
        lines += [f"### `{name}`", "", f"{summary}.", "", "| setting | default | |", "|---|---|---|"]
        for setting, (default, words) in compress.defaults(name).items():
            lines.append(f"| `{setting}` | {'' if default is None else default} | {words} |")
        lines.append("")
    lines += [
        "### `auto`",
        "",
        'Chooses the steps: `steps = "auto"`, or alone in the list, with these settings.',
        "",
        "| setting | default | |",
        "|---|---|---|",
    ]
    lines += [f"| `{f.name}` | {f.default} | {f.metadata['help']} |" for f in dataclasses.fields(AutoSettings)]
    lines += [
        "",
        "## Precisions",
        "",
        "`{ quantize = PRECISION }`, or `{ quantize = { precision = PRECISION, … } }` with settings, ends the list.",
        "",
    ]
    for name in convert.names():
        lines += [
            f"### `{name}`",
            "",
            f"{(sys.modules[type(convert.find(name)).__module__].__doc__ or '').strip()}",
            "",
        ]
        settings = dataclasses.fields(convert.find(name).Settings)
        if convert.find(name).technique:
            lines += [f"Takes the settings of `{convert.find(name).technique}` as well.", ""]
        if settings:
            lines += ["| setting | default | |", "|---|---|---|"]
            lines += [f"| `{f.name}` | {f.default or ''} | {f.metadata['help']} |" for f in settings]
            lines.append("")
    return "\n".join(lines) + "\n"


def operators() -> str:
    """What generated C can run, and each rule with its remedy."""
    lines = [
        "# Operators of the C engine",
        "",
        "<!-- Written by `make docs` from edgebuild/ops/; edit those. -->",
        "",
        "A model that breaks a rule is refused with exit code 4; all broken rules are named at once, with the layer.",
        "Results are byte-identical to TFLite's reference kernels.",
    ]
    for name in ops.names():
        op = ops.find(name)
        kernels = ", ".join(kernel.name for kernel in op.kernels) or "none; it takes no code"
        lines += [
            "",
            f"## {op.tflite}",
            "",
            f"Versions {op.versions.start} to {op.versions.stop - 1}. Kernels: {kernels}.",
        ]
        rules = [ops.refusal(rule) for rule in op.rules]
        if rules:
            lines.append("")
        lines += [f"- {text}." + (f" *{remedy}.*" if remedy else "") for text, remedy in rules]
    return "\n".join(lines) + "\n"


def targets() -> str:
    """The targets that ship with edgebuild."""
    lines = [
        "# Targets",
        "",
        "<!-- Written by `make docs` from targets/; edit those. -->",
        "",
        "A bare core is limited only by its emulated machine, a board by what is soldered on it.",
        "`edgebuild targets show NAME --why` tells which file says each value. A profile of your own is one TOML file",
        "in `./targets/`, or given by its path; `inherits` names what it builds on.",
        "",
        "| target | | cpu | flash | RAM | engine | emulator |",
        "|---|---|---|---|---|---|---|",
    ]
    shipped = load.default_search()[-1:]
    for name in load.names(shipped):
        p = load.load(name, shipped)
        sizes = [f"{p.bytes(kind) // 1024:,} KiB" if p.bytes(kind) else "" for kind in ("flash", "ram")]
        emulator = " ".join(word for word in (p.emulation.emulator, p.emulation.machine) if word)
        lines.append(f"| `{name}` | {p.title} | {p.cpu.name} | {sizes[0]} | {sizes[1]} | {p.engine} | {emulator} |")
    return "\n".join(lines) + "\n"


def main(words: list[str]) -> int:
    """Write or check; 1 if a page is out of date."""
    stale = []
    for name, text in pages().items():
        file = DOCS / name
        if file.is_file() and file.read_text("utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in words:
            file.write_text(text, "utf-8")
            print(f"wrote docs/{name}")
    if stale and "--check" in words:
        print(f"out of date: {', '.join(stale)}; run make docs")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
