"""``ictcore plugins``"""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ictcore.cli.options import options

_COLOURS = {"loaded": "green", "blocked": "yellow", "quarantined": "red"}


@click.command()
@click.pass_context
def plugins(ctx: click.Context) -> None:
    """List the installed plugins. Ends with 1 when one of them could not be loaded."""
    registry = options(ctx).runtime.registry
    table = Table("plugin", "distribution", "version", "state", "hooks", box=None, pad_edge=False, header_style="bold")
    for info in registry.plugins:
        hooks = ", ".join(name.removeprefix("ictcore_") for name in info.hooks)
        state = Text(info.state, _COLOURS.get(info.state, ""))
        table.add_row(Text(info.name), Text(info.distribution), Text(info.version), state, Text(hooks))
    console = Console(width=None if Console().is_terminal else 200, soft_wrap=True, highlight=False)
    console.print(table)
    broken = [info for info in registry.plugins if info.state == "quarantined"]
    for info in broken:
        click.echo(f"{info.name}: {info.error}", err=True)
    ctx.exit(1 if broken else 0)
