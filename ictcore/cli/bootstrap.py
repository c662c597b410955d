"""``ictcore bootstrap``: what a new system must have."""

from __future__ import annotations

import os

import click

from ictcore.cli.options import options
from ictcore.runtime import Runtime
from ictcore.store.schema import migrate as apply_migrations
from ictcore.usecases.bootstrap import Made
from ictcore.usecases.bootstrap import bootstrap as make_what_is_missing


def prepare(runtime: Runtime) -> Made:
    """Bring the database to the newest schema and make what is missing; what was made."""
    runtime.home.mkdir(mode=0o750, parents=True, exist_ok=True)
    apply_migrations(runtime.store)
    return make_what_is_missing(runtime.system, admin_password=os.environ.get("ICTCORE_ADMIN_PASSWORD"))


@click.command()
@click.pass_context
def bootstrap(ctx: click.Context) -> None:
    """Make what a new system must have: permissions, roles, the first user, this node. Safe to repeat.

    The first user is admin. His password is that of ICTCORE_ADMIN_PASSWORD, else one is made up and shown once.
    """
    runtime = options(ctx).runtime
    made = prepare(runtime)
    runtime.close()
    if made.admin:
        click.echo("user admin was made")
    if made.admin_password:
        click.echo(f"password (it is not shown again): {made.admin_password}")
    for name in made.providers:
        click.echo(f"provider {name} was made")
    if not made.admin and not made.providers:
        click.echo("everything is there")
