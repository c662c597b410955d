"""``/groups``, and the links between contacts and groups"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, UnsetType

from ictcore.api.call import Call
from ictcore.api.operation import PAGING, Operation
from ictcore.api.resources.contacts import Contact
from ictcore.api.types import Moment, Name, Prose, Struct, given, partial
from ictcore.usecases import groups


class GroupIn(Struct):
    """A group to be made."""

    name: Name
    description: Prose | UnsetType | None = UNSET


GroupPatch = partial(GroupIn, "GroupPatch")


class Group(Struct):
    """A group of contacts. ``id`` and ``group_id`` are the same."""

    id: int
    group_id: int
    name: str
    description: str
    contact_total: int
    user_id: int | None
    date_created: Moment
    last_updated: Moment | None


class GroupId(Struct):
    """The new group's id."""

    group_id: int


def _create(call: Call) -> Any:
    return {"group_id": groups.create(call.system, call.actor, given(call.body))}


def _list(call: Call) -> Any:
    page = call.page()
    return [_shown(row) for row in call.listed(groups.page(call.system, call.actor, page), page)]


def _get(call: Call) -> Any:
    return _shown(groups.get(call.system, call.actor, call.ids["group_id"]))


def _update(call: Call) -> Any:
    return _shown(groups.update(call.system, call.actor, call.ids["group_id"], given(call.body)))


def _delete(call: Call) -> Any:
    groups.delete(call.system, call.actor, call.ids["group_id"])
    return True


def _contacts(call: Call) -> Any:
    page = call.page()
    return call.listed(groups.contacts(call.system, call.actor, call.ids["group_id"], page), page)


def _link(call: Call) -> Any:
    return groups.link(call.system, call.actor, call.ids["contact_id"], call.ids["group_id"])


def _unlink(call: Call) -> Any:
    return groups.unlink(call.system, call.actor, call.ids["contact_id"], call.ids["group_id"])


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {"id": row["group_id"], **row}


_MISSING = frozenset({404})
_LINK = "/contacts/{contact_id}/link/{group_id}"
_FILTERS = tuple(name for name in Group.__struct_fields__ if name != "id")

OPERATIONS = (
    Operation("groups.create", "POST", "/groups", _create, "Create a group", ("group_create",), body=GroupIn,
              answer=GroupId),
    Operation("groups.list", "GET", "/groups", _list, "Get all groups", ("group_list",), answer=list[Group],
              query=PAGING, filters=(*_FILTERS, "before", "after")),
    Operation("groups.get", "GET", "/groups/{group_id}", _get, "View a group", ("group_read",), answer=Group,
              errors=_MISSING),
    Operation("groups.update", "PUT", "/groups/{group_id}", _update, "Change a group", ("group_update",),
              body=GroupPatch, answer=Group, errors=_MISSING),
    Operation("groups.delete", "DELETE", "/groups/{group_id}", _delete, "Delete a group; its contacts stay",
              ("group_delete",), answer=bool, errors=_MISSING),
    Operation("groups.contacts.list", "GET", "/groups/{group_id}/contacts", _contacts, "Get the contacts of a group",
              ("group_read", "contact_list"), answer=list[Contact], query=PAGING,
              filters=(*Contact.__struct_fields__, "group_id", "before", "after"), errors=_MISSING),
    Operation("contacts.link.create", "PUT", _LINK, _link, "Put a contact into a group",
              ("contact_create", "group_create"), answer=Contact, errors=frozenset({404, 417})),
    Operation("contacts.link.delete", "DELETE", _LINK, _unlink, "Take a contact out of a group",
              ("contact_delete", "group_delete"), answer=Contact, errors=_MISSING),
)  # fmt: skip
