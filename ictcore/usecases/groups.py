"""Groups of contacts, and who is in them."""

from __future__ import annotations

from typing import Any

from ictcore.domain.errors import Conflict, NotFound
from ictcore.domain.user import Actor
from ictcore.store.nouns import MEMBERS
from ictcore.store.table import Found, Page
from ictcore.usecases.plain import Plain
from ictcore.usecases.system import System, require

_plain = Plain("group")
create, page, get, update = _plain.create, _plain.page, _plain.get, _plain.update


def delete(system: System, actor: Actor, group_id: int) -> None:
    """Remove a group; its contacts stay.

    :raises NotFound: there is none that the actor sees.
    """
    owner = require(actor, "group_delete", "group")
    with system.store.transaction() as store:
        if system.rows.group.lock(group_id, owner) is None:
            raise NotFound(f"there is no group {group_id}")
        store.run("DELETE FROM contact_link WHERE group_id = ?", (group_id,))
        system.rows.group.delete(group_id, owner)


def contacts(system: System, actor: Actor, group_id: int, wanted: Page) -> Found:
    """One page of the contacts of a group.

    :raises NotFound: there is no such group that the actor sees.
    """
    owner = require(actor, "group_read", "group")
    contact_owner = require(actor, "contact_list", "contact")
    if not system.rows.group.exists(group_id, owner):
        raise NotFound(f"there is no group {group_id}")
    return system.rows.contact.page(wanted, contact_owner, link=(MEMBERS, group_id))


def link(system: System, actor: Actor, contact_id: int, group_id: int) -> dict[str, Any]:
    """Put a contact into a group; the contact.

    :raises NotFound: there is no such contact, or no such group, that the actor sees.
    :raises Conflict: it is in the group already.
    """
    actor.require("contact_create", "group_create")
    with system.store.transaction() as store:
        contact = _both(system, actor, contact_id, group_id)
        made = store.run(
            "INSERT INTO contact_link (group_id, contact_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (group_id, contact_id),
        )
        if not made:
            raise Conflict(f"contact {contact_id} is in group {group_id} already")
        store.run("UPDATE contact_group SET contact_total = contact_total + 1 WHERE id = ?", (group_id,))
    return contact


def unlink(system: System, actor: Actor, contact_id: int, group_id: int) -> dict[str, Any]:
    """Take a contact out of a group; the contact.

    :raises NotFound: there is no such contact or group that the actor sees, or the one is not in the other.
    """
    actor.require("contact_delete", "group_delete")
    with system.store.transaction() as store:
        contact = _both(system, actor, contact_id, group_id)
        gone = store.run("DELETE FROM contact_link WHERE group_id = ? AND contact_id = ?", (group_id, contact_id))
        if not gone:
            raise NotFound(f"contact {contact_id} is not in group {group_id}")
        store.run("UPDATE contact_group SET contact_total = contact_total - 1 WHERE id = ?", (group_id,))
    return contact


def _both(system: System, actor: Actor, contact_id: int, group_id: int) -> dict[str, Any]:
    """The contact, after both are kept from being deleted meanwhile."""
    contact = system.rows.contact.lock(contact_id, actor.scope("contact"), share=True)
    if contact is None:
        raise NotFound(f"there is no contact {contact_id}")
    if system.rows.group.lock(group_id, actor.scope("group"), share=True) is None:
        raise NotFound(f"there is no group {group_id}")
    return contact
