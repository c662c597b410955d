"""``ictcore keys``: the keys that sign tokens."""

from __future__ import annotations

import click

from ictcore.cli.options import options
from ictcore.store.identity import Identity
from ictcore.usecases.tokens import KeyRing


@click.group()
def keys() -> None:
    """The keys that sign tokens."""


@keys.command()
@click.option("--revoke", is_flag=True, help="Remove the old keys: every token that was issued so far is refused.")
@click.pass_context
def rotate(ctx: click.Context, revoke: bool) -> None:
    """Sign with a new key from now on. Old keys stay until the tokens that they signed have expired.

    Running processes notice it by themselves.
    """
    runtime = options(ctx).runtime
    ring = KeyRing(runtime.home / "keys")
    kid = ring.rotate()
    expiry = runtime.settings["security.token_expiry"]
    dropped = ring.drop(None if revoke else runtime.system.now() - expiry)
    if revoke:
        with runtime.store.transaction():
            Identity(runtime.store).changed()  # processes forget the tokens that they have checked already
        runtime.close()
    click.echo(f"new key: {kid}")
    for old in dropped:
        click.echo(f"removed: {old}")
