"""Permissions, and those that users hold by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ictcore.domain.errors import Conflict, NotFound
from ictcore.domain.user import Actor
from ictcore.store.identity import Identity
from ictcore.store.table import Found, Page
from ictcore.usecases import rights
from ictcore.usecases.bootstrap import ADMIN
from ictcore.usecases.system import System, found


def create(system: System, actor: Actor, values: Mapping[str, Any]) -> int:
    """Add a permission, for a plugin that checks it; its id. The role ``admin`` gets it: somebody must hand it on.

    :raises Conflict: the name is taken.
    """
    actor.require("permission_create")
    store = system.store
    with store.transaction():
        Identity(store).changed()
        if store.row("SELECT 1 FROM permission WHERE name = ?", (values["name"],)):
            raise Conflict("name is taken by another permission")
        permission_id = system.rows.permission.insert(values, None, system.now())
        store.run(
            "INSERT INTO role_permission (role_id, permission_id) SELECT id, ? FROM role WHERE name = ?",
            (permission_id, ADMIN),
        )
    return permission_id


def page(system: System, actor: Actor, wanted: Page) -> Found:
    """One page of the permissions."""
    actor.require("permission_list")
    return system.rows.permission.page(wanted, None)


def of_user(system: System, actor: Actor, user_id: int) -> list[dict[str, Any]]:
    """The permissions that a user holds by himself, not by a role."""
    rights.require_user(actor, "read")
    actor.require("permission_list")
    rights.require_visible(system, actor, user_id)
    rows = system.store.rows(
        "SELECT p.id, p.name, p.description FROM permission p JOIN user_permission h ON h.permission_id = p.id"
        " WHERE h.user_id = ? ORDER BY p.id",
        (user_id,),
    )
    return [dict(zip(("permission_id", "name", "description"), row, strict=True)) for row in rows]


def assign(system: System, actor: Actor, user_id: int, permission_id: int) -> dict[str, Any]:
    """Give a permission to a user; the user. Doing it twice changes nothing.

    :raises Forbidden: the actor does not hold the permission, or the user holds more than he.
    """
    rights.require_user(actor, "update")
    actor.require("permission_create")
    rights.require_visible(system, actor, user_id)
    with system.store.transaction():
        Identity(system.store).changed()
        rights.require_superior(system, actor, user_id)
        rights.require_covers(actor, [permission_name(system, permission_id)], "the permission")
        system.store.run(
            "INSERT INTO user_permission (user_id, permission_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (user_id, permission_id),
        )
        return found(system.rows.user, "user", user_id, None)


def unassign(system: System, actor: Actor, user_id: int, permission_id: int) -> None:
    """Take a permission from a user.

    :raises NotFound: he does not hold it by himself.
    :raises WrongState: no administrator would be left.
    """
    rights.require_user(actor, "update")
    actor.require("permission_delete")
    rights.require_visible(system, actor, user_id)
    with system.store.transaction():
        Identity(system.store).changed()
        rights.require_superior(system, actor, user_id)
        removed = system.store.run(
            "DELETE FROM user_permission WHERE user_id = ? AND permission_id = ?", (user_id, permission_id)
        )
        if not removed:
            raise NotFound(f"user {user_id} does not hold permission {permission_id} by himself")
        rights.require_administrator_left(system)


def permission_name(system: System, permission_id: int) -> str:
    """The name of a permission.

    :raises NotFound: there is none with this id.
    """
    return str(found(system.rows.permission, "permission", permission_id, None)["name"])
