"""Users. Without ``user_admin`` one sees only oneself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ictcore.domain.errors import Conflict, InvalidInput, NotFound, WrongState
from ictcore.domain.user import Actor
from ictcore.store.identity import Identity
from ictcore.store.table import Found, Page
from ictcore.usecases import rights
from ictcore.usecases.accounts_default import create_default_account, follow_user
from ictcore.usecases.login import LONGEST_PASSWORD, Login
from ictcore.usecases.system import System, found

_KEEPING = {
    "contact": "contacts", "contact_group": "groups", "text": "texts", "template": "templates",
    "document": "documents", "recording": "recordings", "program": "programs", "campaign": "campaigns",
    "transmission": "transmissions", "dnc": "do-not-call entries",
}  # fmt: skip
"""Tables whose rows keep their owner from being deleted."""


def create(system: System, actor: Actor, values: Mapping[str, Any], password: str | None) -> int:
    """Add a user with his default account and the default role; his id.

    :param values: the fields of a user; ``username`` is required.
    :param password: in plain text; ``None``: he cannot log in by a password until one is set.
    :raises InvalidInput: a field does not fit.
    :raises Conflict: the user name or the e-mail address is taken.
    """
    rights.require_user(actor, "create")
    password_hash = _hashed(system, password) if password is not None else ""
    store, now = system.store, system.now()
    with store.transaction():
        Identity(store).changed()
        row = _checked(system, values, None)
        user_id = system.rows.user.insert(
            row | {"password_hash": password_hash, "owner_id": actor.user_id or None}, None, now
        )
        store.run(
            "INSERT INTO user_role (user_id, role_id) SELECT ?, id FROM role WHERE name = ?",
            (user_id, system.settings["security.default_role"]),
        )
        create_default_account(system, user_id, row, now)
    return user_id


def page(system: System, actor: Actor, wanted: Page) -> Found:
    """One page of the users that the actor sees."""
    rights.require_user(actor, "list")
    own = [] if rights.sees_all(actor) else [("id = ?", (actor.user_id,))]
    return system.rows.user.page(wanted, None, where=own)


def get(system: System, actor: Actor, user_id: int) -> dict[str, Any]:
    """One user.

    :raises NotFound: there is none that the actor sees.
    """
    rights.require_user(actor, "read")
    rights.require_visible(system, actor, user_id)
    return found(system.rows.user, "user", user_id, None)


def update(
    system: System, actor: Actor, user_id: int, values: Mapping[str, Any], password: str | None = None
) -> dict[str, Any]:
    """Change the named fields; the user as he is now. A new password or deactivation revokes all his tokens.

    :raises NotFound: there is none that the actor sees.
    :raises Forbidden: the user holds more permissions than the actor.
    :raises WrongState: it would deactivate the last administrator.
    """
    rights.require_user(actor, "update")
    return _change(system, actor, user_id, values, password)


def set_password(system: System, actor: Actor, user_id: int, password: str) -> dict[str, Any]:
    """Give a user another password and revoke all his tokens; the user.

    :raises InvalidInput: it is too short.
    """
    rights.require_user(actor, "password")
    return _change(system, actor, user_id, {}, password)


def _change(
    system: System, actor: Actor, user_id: int, values: Mapping[str, Any], password: str | None
) -> dict[str, Any]:
    rights.require_visible(system, actor, user_id)
    password_hash = _hashed(system, password) if password is not None else None
    store, now = system.store, system.now()
    identity = Identity(store)
    with store.transaction():
        identity.changed()
        rights.require_superior(system, actor, user_id)
        row = _checked(system, values, user_id)
        changes = row if password_hash is None else row | {"password_hash": password_hash}
        if not system.rows.user.update(user_id, changes, None, now):
            raise NotFound(f"there is no user {user_id}")
        if password_hash is not None or row.get("active") == 0:
            identity.revoke_all(user_id, now)
        if row.get("active") == 0:
            rights.require_administrator_left(system)
        follow_user(system, actor, user_id, row)
        return found(system.rows.user, "user", user_id, None)


def delete(system: System, actor: Actor, user_id: int) -> None:
    """Remove a user who owns nothing, with his accounts. One who owns something can be deactivated instead.

    :raises WrongState: he owns something, or he is the last administrator.
    """
    rights.require_user(actor, "delete")
    rights.require_visible(system, actor, user_id)
    store = system.store
    with store.transaction():
        Identity(store).changed()
        rights.require_superior(system, actor, user_id)
        kept = [
            name
            for table, name in _KEEPING.items()
            if store.row(f"SELECT 1 FROM {table} WHERE created_by = ? LIMIT 1", (user_id,))  # noqa: S608
        ]
        used = "SELECT 1 FROM {0} WHERE account_id IN (SELECT id FROM account WHERE created_by = ?) LIMIT 1"
        kept += [
            f"{table}s by his accounts"
            for table in ("transmission", "campaign", "route")
            if store.row(used.format(table), (user_id,))
        ]
        if kept:
            raise WrongState(f"user {user_id} has {', '.join(kept)}: deactivate him instead (active 0)")
        store.run("DELETE FROM account WHERE created_by = ?", (user_id,))
        if not system.rows.user.delete(user_id, None):
            raise NotFound(f"there is no user {user_id}")
        rights.require_administrator_left(system)


def _hashed(system: System, password: str) -> str:
    least = system.settings["security.password_length"]
    if len(password) < least:
        raise InvalidInput(fields={"password": f"must have at least {least} characters"})
    if len(password) > LONGEST_PASSWORD:
        raise InvalidInput(fields={"password": f"must have at most {LONGEST_PASSWORD} characters"})
    try:
        return system.part(Login).passwords.hash(password)
    except UnicodeEncodeError:
        raise InvalidInput(fields={"password": "must be text"}) from None


def _checked(system: System, values: Mapping[str, Any], user_id: int | None) -> dict[str, Any]:
    """``values`` with names checked. Inside the transaction: nobody else can take a name meanwhile.

    A user name must not be somebody else's e-mail address and the other way round: one could log in as the other.
    """
    row = dict(values)
    if "username" in row and not row["username"]:
        raise InvalidInput(fields={"username": "must not be empty"})
    if ":" in row.get("username", ""):
        raise InvalidInput(fields={"username": "must not have a colon: Basic credentials could not carry it"})
    if "email" in row:
        row["email"] = row["email"] or None  # many users may have none
    if "timezone_id" in row or "country_id" in row:
        row |= {name: row[name] or None for name in ("timezone_id", "country_id") if name in row}
    for name in ("username", "email"):
        value = row.get(name)
        if value and system.store.row(
            "SELECT 1 FROM usr WHERE (username = ? OR email = ?) AND id <> ?", (value, value, user_id or 0)
        ):
            raise Conflict(f"{name} is taken by another user")
    return row
