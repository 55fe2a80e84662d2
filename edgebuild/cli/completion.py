"""``edgebuild completion``: prints the completion script of a shell."""

from __future__ import annotations

import click

from edgebuild.cli.console import Console


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    bash: edgebuild completion bash > ~/.local/share/bash-completion/completions/edgebuild
    zsh:  edgebuild completion zsh > a folder of $fpath, as _edgebuild
    fish: edgebuild completion fish > ~/.config/fish/completions/edgebuild.fish
    """  # noqa: D301  click reads the \b
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise AssertionError(shell)
    script = kind(ctx.find_root().command, {}, "edgebuild", "_EDGEBUILD_COMPLETE")
    Console().text(script.source_template % script.source_vars())
