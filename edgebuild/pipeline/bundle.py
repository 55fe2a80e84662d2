"""The bundle: packages, make fragment, the report for people, and the list of all files."""

from __future__ import annotations

import hashlib
from typing import Any

from edgebuild import packagers
from edgebuild.artifacts import SourceFile
from edgebuild.packagers import Product
from edgebuild.pipeline.make import fragment
from edgebuild.pipeline.publish import publish
from edgebuild.pipeline.request import Request
from edgebuild.reports import html
from edgebuild.reports.report import Report


def write(request: Request, product: Product, report: Report, picture: str) -> Report:
    """Pack ``product``, write everything to the output folder, and return the report with the list of it.

    Args:
        picture: SVG of the arena; empty where there is none.
    """
    files: list[SourceFile] = [f for name in request.packages for f in packagers.find(name).pack(product)]
    files += fragment(request, product.render)
    shown = report.with_files(_listed(files)).as_json()
    page = html.render(shown, request.config.name, request.profile.title, picture)
    files.append(SourceFile("report.html", page))
    report = report.with_files(_listed(files))
    publish(files, report.as_json(), request.output, witness=request.witness)
    return report


def _listed(files: list[SourceFile]) -> tuple[dict[str, Any], ...]:
    return tuple(
        {"path": f.path, "bytes": len(f.content), "sha256": hashlib.sha256(f.content).hexdigest()}
        for f in sorted(files, key=lambda f: f.path)
    )
