"""``/permissions``"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from ictcore.api.call import Call
from ictcore.api.operation import PAGING, Operation
from ictcore.api.types import Prose, Struct, given
from ictcore.usecases import permissions


class PermissionIn(Struct, kw_only=True):
    """A permission to be made: small letters, digits, underscores. It grants every name that begins with it."""

    name: Annotated[str, Meta(max_length=64, pattern=r"^(?![\s\S]*[^a-z0-9_])[a-z]")]
    description: Prose | UnsetType | None = UNSET


class Permission(Struct):
    """A permission."""

    permission_id: int
    name: str
    description: str


class PermissionId(Struct):
    """The new permission's id."""

    permission_id: int


def _create(call: Call) -> Any:
    return {"permission_id": permissions.create(call.system, call.actor, given(call.body))}


def _list(call: Call) -> Any:
    page = call.page()
    return call.listed(permissions.page(call.system, call.actor, page), page)


OPERATIONS = (
    Operation("permissions.create", "POST", "/permissions", _create, "Create a permission", ("permission_create",),
              body=PermissionIn, answer=PermissionId, errors=frozenset({417})),
    Operation("permissions.list", "GET", "/permissions", _list, "Get all permissions", ("permission_list",),
              answer=list[Permission], query=PAGING, filters=Permission.__struct_fields__),
)  # fmt: skip
