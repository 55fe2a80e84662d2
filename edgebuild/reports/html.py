"""``report.html``: the report for people, one file without scripts and without anything from the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jinja2
from markupsafe import Markup

from edgebuild import resources
from edgebuild.reports import steps


def render(report: Mapping[str, Any], name: str, title: str, picture: str) -> bytes:
    """The page.

    Args:
        report: the object of ``report.json``.
        name: the model's.
        title: the target's.
        picture: SVG of the arena.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.folder("templates") / "report"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    environment.filters.update(bytes=_bytes, number=_number)
    template = environment.get_template("report.html.j2")
    # the picture is our own markup with its texts escaped
    safe = Markup(picture)  # noqa: S704
    about_steps = {"steps": steps.table(report["compression"]), "unmeasured": steps.unmeasured(report["compression"])}
    return template.render(report=report, name=name, title=title, picture=safe, **about_steps).encode()


def _bytes(value: int | None) -> str:
    return "not measured" if value is None else f"{value:,} B"


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
