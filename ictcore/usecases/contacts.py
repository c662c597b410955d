"""Contacts: the other side of a conversation."""

from __future__ import annotations

from ictcore.domain.errors import NotFound
from ictcore.domain.user import Actor
from ictcore.usecases.plain import Plain
from ictcore.usecases.system import System, require

_plain = Plain("contact")
create, page, get, update = _plain.create, _plain.page, _plain.get, _plain.update


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
