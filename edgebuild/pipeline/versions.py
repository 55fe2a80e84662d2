"""Which version a tool is, asked once per installed program."""

from __future__ import annotations

from pathlib import Path

from edgebuild import cache, process
from edgebuild.process import Tool


def version(tool: Tool) -> str:
    """First line of what ``tool --version`` prints."""
    path = tool.require()
    status = Path(path).stat()

    def work(folder: Path) -> None:
        done = process.run([path, "--version"], timeout=30)
        (folder / "version.txt").write_text((done.stdout or done.stderr).strip().partition("\n")[0])

    folder, _ = cache.make("versions", cache.key(path, status.st_size, status.st_mtime_ns), work)
    return (folder / "version.txt").read_text()
