"""Which version a tool is, asked once per installed program."""

from __future__ import annotations

import re
from pathlib import Path

from edgebuild import cache, process
from edgebuild.process import Tool

_SAYS = re.compile(r"version \d+\.\d+")


def version(tool: Tool) -> str:
    """The line that says it in what ``tool --version`` prints, which is the first one of most tools."""
    path = tool.require()
    status = Path(path).stat()

    def work(folder: Path) -> None:
        done = process.run([path, "--version"], timeout=30)
        lines = (done.stdout or done.stderr).strip().splitlines() or [""]
        (folder / "version.txt").write_text(next((line for line in lines if _SAYS.search(line)), lines[0]).strip())

    folder, _ = cache.make("versions", cache.key(path, status.st_size, status.st_mtime_ns, _SAYS.pattern), work)
    return (folder / "version.txt").read_text()
