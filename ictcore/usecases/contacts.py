"""Contacts: the other side of a conversation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ictcore.domain.errors import NotFound
from ictcore.domain.user import Actor
from ictcore.store.table import Found, Page
from ictcore.usecases.system import System, found, require


def create(system: System, actor: Actor, values: Mapping[str, Any]) -> int:
    """Add a contact of the actor's; its id."""
    require(actor, "contact_create", "contact")
    return system.rows.contact.insert(values, actor.user_id, system.now())


def page(system: System, actor: Actor, wanted: Page) -> Found:
    """One page of the contacts that the actor sees."""
    return system.rows.contact.page(wanted, require(actor, "contact_list", "contact"))


def get(system: System, actor: Actor, contact_id: int) -> dict[str, Any]:
    """One contact.

    :raises NotFound: there is none that the actor sees.
    """
    return found(system.rows.contact, "contact", contact_id, require(actor, "contact_read", "contact"))


def update(system: System, actor: Actor, contact_id: int, values: Mapping[str, Any]) -> dict[str, Any]:
    """Change the named fields; the contact as it is now.

    :raises NotFound: there is none that the actor sees.
    """
    owner = require(actor, "contact_update", "contact")
    with system.store.transaction():
        system.rows.contact.update(contact_id, values, owner, system.now())
        return found(system.rows.contact, "contact", contact_id, owner)


def delete(system: System, actor: Actor, contact_id: int) -> None:
    """Remove a contact and its group links; its transmissions stay, without it.

    :raises NotFound: there is none that the actor sees.
    """
    owner = require(actor, "contact_delete", "contact")
    store = system.store
    with store.transaction():
        if system.rows.contact.lock(contact_id, owner) is None:
            raise NotFound(f"there is no contact {contact_id}")
        store.run(
            "UPDATE contact_group SET contact_total = contact_total - 1"
            " WHERE id IN (SELECT group_id FROM contact_link WHERE contact_id = ?)",
            (contact_id,),
        )
        store.run("DELETE FROM contact_link WHERE contact_id = ?", (contact_id,))
        store.run("UPDATE transmission SET contact_id = NULL WHERE contact_id = ?", (contact_id,))
        system.rows.contact.delete(contact_id, owner)
