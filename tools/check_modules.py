"""Holds every module to the house's rules that no other tool knows; prints what does not comply, and fails then."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINES = 300
"""More lines than this: ask which noun is hiding."""

FORBIDDEN = {"base", "common", "core", "helper", "helpers", "manager", "misc", "util", "utils"}
"""Names that say nothing about what is inside."""

PLUGINS = "compress convert emulators frontends loaders models ops oracles packagers passes planner toolchains".split()
"""Folders whose public files are plugins, which never import one another; private files may be shared.

Kernels may: one that competes with another compares itself with it.
"""


def complaints(root: Path) -> Iterator[str]:
    """What is wrong with the modules of ``root``, one line each."""
    for folder in ("edgebuild", "tests", "tools"):
        for file in sorted((root / folder).rglob("*.py")):
            place = file.relative_to(root)
            text = file.read_text("utf-8")
            if file.stem.strip("_") in FORBIDDEN or file.parent.name in FORBIDDEN:
                yield f"{place}: a module is named after what is in it, not '{file.stem}'"
            count = len(text.splitlines())
            if folder == "edgebuild" and count > LINES:
                yield f"{place}: {count} lines; split it above {LINES}"
            if place.parts[:1] == ("edgebuild",) and place.parts[1] in PLUGINS and not file.name.startswith("_"):
                for other in sorted(siblings(ast.parse(text), place.parts[1])):
                    yield f"{place}: imports the plugin {other}; share through a file that begins with _"


def siblings(tree: ast.Module, folder: str) -> set[str]:
    """Plugins of ``folder`` that a module imports, wherever in it."""
    package = f"edgebuild.{folder}"
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == package:
            found |= {f"{package}.{alias.name}" for alias in node.names if _is_module(package, alias.name)}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    names = {name for name in found if name.startswith(f"{package}.")}
    return {name for name in names if not name.removeprefix(f"{package}.").startswith("_")}


def _is_module(package: str, name: str) -> bool:
    """Whether ``name`` is a file of ``package`` and not a name that its contract defines."""
    return (ROOT.joinpath(*package.split(".")) / f"{name}.py").is_file()


def main() -> int:
    """Print the complaints; 1 if there are any."""
    found = list(complaints(ROOT))
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
