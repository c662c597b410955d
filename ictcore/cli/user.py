"""``ictcore user``: users, for an operator who sits at the machine. He may do everything: no permission is checked."""

from __future__ import annotations

import secrets
import sys

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ictcore.cli.options import options
from ictcore.domain.errors import NotFound
from ictcore.domain.permission import FAMILIES
from ictcore.domain.user import Actor
from ictcore.runtime import Runtime
from ictcore.store.identity import Identity
from ictcore.store.table import Page
from ictcore.usecases import roles, users


def _operator(runtime: Runtime) -> Actor:
    """One who holds every permission that there is."""
    names = runtime.store.rows("SELECT name FROM permission")
    return Actor(0, "operator", frozenset(FAMILIES).union(name for (name,) in names))


@click.group()
def user() -> None:
    """Users."""


@user.command("list")
@click.pass_context
def list_users(ctx: click.Context) -> None:
    """List all users."""
    runtime = options(ctx).runtime
    table = Table("id", "username", "name", "e-mail", "active", "roles", box=None, pad_edge=False, header_style="bold")
    offset = 0
    while rows := users.page(runtime.system, _operator(runtime), Page(limit=500, offset=offset)).rows:
        for row in rows:
            held = roles.of_user(runtime.system, _operator(runtime), row["user_id"])
            cells = [
                str(row["user_id"]), row["username"], f"{row['first_name']} {row['last_name']}".strip(),
                row["email"] or "", "yes" if row["active"] else "no", ", ".join(role["name"] for role in held),
            ]  # fmt: skip
            table.add_row(*map(Text, cells))
        offset += len(rows)
    runtime.close()
    Console(width=None if Console().is_terminal else 200, highlight=False).print(table)


@user.command()
@click.argument("username")
@click.option("--password", help="Else it is read from standard input when that is no terminal, or made up.")
@click.option("--email", default="")
@click.option("--first-name", default="")
@click.option("--last-name", default="")
@click.option("--admin", is_flag=True, help="Give him the role admin too.")
@click.pass_context
def add(
    ctx: click.Context, username: str, password: str | None, email: str, first_name: str, last_name: str, admin: bool
) -> None:
    """Add a user."""
    runtime = options(ctx).runtime
    secret, made_up = _password(password)
    values = {"username": username, "email": email, "first_name": first_name, "last_name": last_name}
    with runtime.store.transaction():
        user_id = users.create(runtime.system, _operator(runtime), values, secret)
        if admin:
            roles.assign(runtime.system, _operator(runtime), user_id, _role(runtime, "admin"))
    runtime.close()
    click.echo(f"user {username} has id {user_id}")
    if made_up:
        click.echo(f"password (it is not shown again): {secret}")


@user.command()
@click.argument("username")
@click.option("--password", help="Else it is read from standard input when that is no terminal, or made up.")
@click.pass_context
def password(ctx: click.Context, username: str, password: str | None) -> None:
    """Give a user another password, and revoke all his tokens."""
    runtime = options(ctx).runtime
    found = Identity(runtime.store).by_name(username)
    if found is None:
        raise NotFound(f"there is no user {username}")
    secret, made_up = _password(password)
    users.set_password(runtime.system, _operator(runtime), found.user_id, secret)
    runtime.close()
    click.echo(f"user {found.username} has a new password")
    if made_up:
        click.echo(f"password (it is not shown again): {secret}")


def _password(given: str | None) -> tuple[str, bool]:
    """The password, and whether it was made up here."""
    if given is not None:
        return given, False
    if not sys.stdin.isatty():
        line = sys.stdin.readline().rstrip("\n")
        if line:
            return line, False
    elif sys.stdout.isatty():
        typed = click.prompt("Password (empty: one is made up)", hide_input=True, default="", show_default=False)
        if typed:
            return str(typed), False
    return secrets.token_urlsafe(12), True


def _role(runtime: Runtime, name: str) -> int:
    found = runtime.store.value("SELECT id FROM role WHERE name = ?", (name,))
    if found is None:
        raise NotFound(f"there is no role {name}")
    return int(found)
