"""``edgebuild schema``: prints the JSON Schema of edgebuild.toml."""

from __future__ import annotations

import click

from edgebuild.cli import _techniques
from edgebuild.cli.console import Console
from edgebuild.config import render


@click.command()
def command() -> None:
    """Print the JSON Schema of edgebuild.toml, with which editors complete and check it."""
    Console().object(render.json_schema(_techniques.schemas()))
