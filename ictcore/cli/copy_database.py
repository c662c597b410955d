"""``ictcore copy-database``: from one database to another."""

from __future__ import annotations

import click

from ictcore.cli.options import options
from ictcore.store.copy import copy
from ictcore.store.database import Store
from ictcore.store.schema import migrate


@click.command("copy-database")
@click.option("--from", "source", required=True, metavar="URL", help="The database to copy from; it is not changed.")
@click.pass_context
def copy_database(ctx: click.Context, source: str) -> None:
    """Copy everything from another database into the one in the settings, which must be empty.

    All or nothing. Stop everything that writes to the old database first.
    """
    runtime = options(ctx).runtime
    old = Store(source)
    migrate(old)
    migrate(runtime.store)
    rows = copy(old, runtime.store, lambda table, count: click.echo(f"{table}: {count}"))
    click.echo(f"copied {rows} rows")
