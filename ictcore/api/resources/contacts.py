"""``/contacts``"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, UnsetType

from ictcore.api.call import Call
from ictcore.api.operation import PAGING, Operation
from ictcore.api.types import Email, Line, Moment, Phone, Prose, Struct, given, partial
from ictcore.usecases import contacts


class ContactIn(Struct):
    """A contact to be made. Nothing is required: a contact may have just a number, or just an address."""

    first_name: Line | UnsetType | None = UNSET
    last_name: Line | UnsetType | None = UNSET
    phone: Phone | UnsetType | None = UNSET
    email: Email | UnsetType | None = UNSET
    address: Line | UnsetType | None = UNSET
    custom1: Line | UnsetType | None = UNSET
    custom2: Line | UnsetType | None = UNSET
    custom3: Line | UnsetType | None = UNSET
    description: Prose | UnsetType | None = UNSET


ContactPatch = partial(ContactIn, "ContactPatch")


class Contact(Struct):
    """A contact."""

    contact_id: int
    first_name: str
    last_name: str
    phone: str
    email: str
    address: str
    custom1: str
    custom2: str
    custom3: str
    description: str
    user_id: int | None
    date_created: Moment
    last_updated: Moment | None


class ContactId(Struct):
    """The new contact's id."""

    contact_id: int


def _create(call: Call) -> Any:
    return {"contact_id": contacts.create(call.system, call.actor, given(call.body))}


def _list(call: Call) -> Any:
    page = call.page()
    return call.listed(contacts.page(call.system, call.actor, page), page)


def _get(call: Call) -> Any:
    return contacts.get(call.system, call.actor, call.ids["contact_id"])


def _update(call: Call) -> Any:
    return contacts.update(call.system, call.actor, call.ids["contact_id"], given(call.body))


def _delete(call: Call) -> Any:
    contacts.delete(call.system, call.actor, call.ids["contact_id"])
    return True


_MISSING = frozenset({404})

OPERATIONS = (
    Operation("contacts.create", "POST", "/contacts", _create, "Create a contact", ("contact_create",), body=ContactIn,
              answer=ContactId),
    Operation("contacts.list", "GET", "/contacts", _list, "Get all contacts", ("contact_list",), answer=list[Contact],
              query=PAGING, filters=(*Contact.__struct_fields__, "group_id", "before", "after")),
    Operation("contacts.get", "GET", "/contacts/{contact_id}", _get, "View a contact", ("contact_read",),
              answer=Contact, errors=_MISSING),
    Operation("contacts.update", "PUT", "/contacts/{contact_id}", _update, "Change a contact", ("contact_update",),
              body=ContactPatch, answer=Contact, errors=_MISSING),
    Operation("contacts.delete", "DELETE", "/contacts/{contact_id}", _delete, "Delete a contact", ("contact_delete",),
              answer=bool, errors=_MISSING),
)  # fmt: skip
