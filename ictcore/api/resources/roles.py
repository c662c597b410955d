"""``/roles``"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, UnsetType

from ictcore.api.call import Call
from ictcore.api.operation import PAGING, Operation
from ictcore.api.types import Name, Prose, Struct, given, partial
from ictcore.usecases import roles


class RoleIn(Struct, kw_only=True):
    """A role to be made."""

    name: Name
    description: Prose | UnsetType | None = UNSET


RolePatch = partial(RoleIn, "RolePatch")


class Role(Struct):
    """A role, as lists show it."""

    role_id: int
    name: str
    description: str


class RoleDetail(Role):
    """A role and the names of the permissions that it grants."""

    permissions: list[str]


class RoleId(Struct):
    """The new role's id."""

    role_id: int


def _create(call: Call) -> Any:
    return {"role_id": roles.create(call.system, call.actor, given(call.body))}


def _list(call: Call) -> Any:
    page = call.page()
    return call.listed(roles.page(call.system, call.actor, page), page)


def _get(call: Call) -> Any:
    return roles.get(call.system, call.actor, call.ids["role_id"])


def _update(call: Call) -> Any:
    return roles.update(call.system, call.actor, call.ids["role_id"], given(call.body))


def _delete(call: Call) -> Any:
    roles.delete(call.system, call.actor, call.ids["role_id"])
    return True


def _grant(call: Call) -> Any:
    return roles.grant(call.system, call.actor, call.ids["role_id"], call.ids["permission_id"])


def _withdraw(call: Call) -> Any:
    roles.withdraw(call.system, call.actor, call.ids["role_id"], call.ids["permission_id"])
    return True


_MISSING = frozenset({404})
_GUARDED = frozenset({404, 423})
_PERMISSION = "/roles/{role_id}/permissions/{permission_id}"

OPERATIONS = (
    Operation("roles.create", "POST", "/roles", _create, "Create a role", ("role_create",), body=RoleIn, answer=RoleId,
              errors=frozenset({417})),
    Operation("roles.list", "GET", "/roles", _list, "Get all roles", ("role_list",), answer=list[Role],
              query=PAGING, filters=Role.__struct_fields__),
    Operation("roles.get", "GET", "/roles/{role_id}", _get, "View a role", ("role_read",), answer=RoleDetail,
              errors=_MISSING),
    Operation("roles.update", "PUT", "/roles/{role_id}", _update, "Change a role", ("role_update",), body=RolePatch,
              answer=RoleDetail, errors=frozenset({404, 417})),
    Operation("roles.delete", "DELETE", "/roles/{role_id}", _delete, "Delete a role", ("role_delete",), answer=bool,
              errors=_GUARDED),
    Operation("roles.permissions.add", "PUT", _PERMISSION, _grant, "Make a role grant a permission",
              ("role_update", "permission_create"), answer=RoleDetail, errors=_MISSING),
    Operation("roles.permissions.delete", "DELETE", _PERMISSION, _withdraw, "Make a role no longer grant a permission",
              ("role_update", "permission_delete"), answer=bool, errors=_GUARDED, aliases=(("GET", _PERMISSION),)),
)  # fmt: skip
