"""``ictcore migrate``: the schema, and what a new system must have."""

from __future__ import annotations

import os

import click

from ictcore.cli.options import options
from ictcore.runtime import Runtime
from ictcore.store.schema import migrate as apply_migrations
from ictcore.usecases.bootstrap import Made, bootstrap


def prepare(runtime: Runtime) -> tuple[list[str], Made]:
    """Bring the database to the newest schema and make what is missing; the migrations applied, and what was made."""
    runtime.home.mkdir(mode=0o750, parents=True, exist_ok=True)
    applied = apply_migrations(runtime.store)
    made = bootstrap(runtime.system, admin_password=os.environ.get("ICTCORE_ADMIN_PASSWORD"))
    return applied, made


@click.command()
@click.pass_context
def migrate(ctx: click.Context) -> None:
    """Bring the database to the newest schema, and make the first administrator of a new one."""
    runtime = options(ctx).runtime
    applied, made = prepare(runtime)
    runtime.close()
    click.echo(f"applied: {', '.join(applied)}" if applied else "the schema is up to date")
    if made.admin_password:
        click.echo(f"user admin was made; password (it is not shown again): {made.admin_password}")
