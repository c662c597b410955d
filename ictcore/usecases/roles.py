"""Roles, the permissions that they grant, and who holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ictcore.domain.errors import Conflict, NotFound
from ictcore.domain.user import Actor
from ictcore.store.identity import Identity
from ictcore.store.table import Found, Page
from ictcore.usecases import rights
from ictcore.usecases.permissions import permission_name
from ictcore.usecases.system import System, found


def create(system: System, actor: Actor, values: Mapping[str, Any]) -> int:
    """Add a role without permissions; its id.

    :raises Conflict: the name is taken.
    """
    actor.require("role_create")
    with system.store.transaction():
        Identity(system.store).changed()
        _check_name(system, values, None)
        return system.rows.role.insert(values, None, system.now())


def page(system: System, actor: Actor, wanted: Page) -> Found:
    """One page of the roles."""
    actor.require("role_list")
    return system.rows.role.page(wanted, None)


def get(system: System, actor: Actor, role_id: int) -> dict[str, Any]:
    """One role, with the ``permissions`` that it grants."""
    actor.require("role_read")
    return _shown(system, role_id)


def update(system: System, actor: Actor, role_id: int, values: Mapping[str, Any]) -> dict[str, Any]:
    """Change name or description; the role as it is now.

    :raises Forbidden: it grants more than the actor holds.
    """
    actor.require("role_update")
    with system.store.transaction():
        _lock(system, actor, role_id)
        _check_name(system, values, role_id)
        system.rows.role.update(role_id, values, None, system.now())
        return _shown(system, role_id)


def delete(system: System, actor: Actor, role_id: int) -> None:
    """Remove a role, from its holders too.

    :raises WrongState: no administrator would be left.
    """
    actor.require("role_delete")
    with system.store.transaction():
        _lock(system, actor, role_id)
        system.rows.role.delete(role_id, None)
        rights.require_administrator_left(system)


def grant(system: System, actor: Actor, role_id: int, permission_id: int) -> dict[str, Any]:
    """Make a role grant a permission; the role. Doing it twice changes nothing.

    :raises Forbidden: the actor does not hold the permission himself.
    """
    actor.require("role_update", "permission_create")
    with system.store.transaction():
        _lock(system, actor, role_id)
        rights.require_covers(actor, [permission_name(system, permission_id)], "the permission")
        system.store.run(
            "INSERT INTO role_permission (role_id, permission_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (role_id, permission_id),
        )
        return _shown(system, role_id)


def withdraw(system: System, actor: Actor, role_id: int, permission_id: int) -> None:
    """Make a role no longer grant a permission.

    :raises NotFound: it does not grant it.
    :raises WrongState: no administrator would be left.
    """
    actor.require("role_update", "permission_delete")
    with system.store.transaction():
        _lock(system, actor, role_id)
        removed = system.store.run(
            "DELETE FROM role_permission WHERE role_id = ? AND permission_id = ?", (role_id, permission_id)
        )
        if not removed:
            raise NotFound(f"role {role_id} does not grant permission {permission_id}")
        rights.require_administrator_left(system)


def of_user(system: System, actor: Actor, user_id: int) -> list[dict[str, Any]]:
    """The roles that a user holds."""
    rights.require_user(actor, "read")
    actor.require("role_list")
    rights.require_visible(system, actor, user_id)
    rows = system.store.rows(
        "SELECT r.id, r.name, r.description FROM role r JOIN user_role h ON h.role_id = r.id WHERE h.user_id = ?"
        " ORDER BY r.id",
        (user_id,),
    )
    return [dict(zip(("role_id", "name", "description"), row, strict=True)) for row in rows]


def assign(system: System, actor: Actor, user_id: int, role_id: int) -> dict[str, Any]:
    """Give a role to a user; the user. Doing it twice changes nothing.

    :raises Forbidden: the role grants more than the actor holds, or the user holds more than he.
    """
    rights.require_user(actor, "update")
    actor.require("role_update")
    rights.require_visible(system, actor, user_id)
    with system.store.transaction():
        _lock(system, actor, role_id)
        rights.require_superior(system, actor, user_id)
        system.store.run(
            "INSERT INTO user_role (user_id, role_id) VALUES (?, ?) ON CONFLICT DO NOTHING", (user_id, role_id)
        )
        return found(system.rows.user, "user", user_id, None)


def unassign(system: System, actor: Actor, user_id: int, role_id: int) -> None:
    """Take a role from a user.

    :raises NotFound: he does not hold it.
    :raises WrongState: no administrator would be left.
    """
    rights.require_user(actor, "update")
    actor.require("role_update")
    rights.require_visible(system, actor, user_id)
    with system.store.transaction():
        _lock(system, actor, role_id)
        rights.require_superior(system, actor, user_id)
        if not system.store.run("DELETE FROM user_role WHERE user_id = ? AND role_id = ?", (user_id, role_id)):
            raise NotFound(f"user {user_id} does not hold role {role_id}")
        rights.require_administrator_left(system)


def _lock(system: System, actor: Actor, role_id: int) -> None:
    """Begin a change of a role or of who holds it: it must exist and grant nothing that the actor does not hold."""
    identity = Identity(system.store)
    identity.changed()
    if not system.rows.role.exists(role_id, None):
        raise NotFound(f"there is no role {role_id}")
    rights.require_covers(actor, identity.role_permissions(role_id), f"role {role_id}")


def _shown(system: System, role_id: int) -> dict[str, Any]:
    role = found(system.rows.role, "role", role_id, None)
    return role | {"permissions": sorted(Identity(system.store).role_permissions(role_id))}


def _check_name(system: System, values: Mapping[str, Any], role_id: int | None) -> None:
    name = values.get("name")
    if name and system.store.row("SELECT 1 FROM role WHERE name = ? AND id <> ?", (name, role_id or 0)):
        raise Conflict("name is taken by another role")
