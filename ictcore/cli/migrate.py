"""``ictcore migrate``: the schema."""

from __future__ import annotations

import click

from ictcore.cli.options import options
from ictcore.store.schema import migrate as apply_migrations


@click.command()
@click.pass_context
def migrate(ctx: click.Context) -> None:
    """Bring the database to the newest schema. Safe to repeat."""
    runtime = options(ctx).runtime
    runtime.home.mkdir(mode=0o750, parents=True, exist_ok=True)
    applied = apply_migrations(runtime.store)
    runtime.close()
    click.echo(f"applied: {', '.join(applied)}" if applied else "the schema is up to date")
